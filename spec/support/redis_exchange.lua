--- An exchange of a host with Redis, as csrc/redis/lease.c makes it.

local script = require "klaviyo.redis.lease_script"

-- By the server: the digest of the script, which it knows.
local digests = setmetatable({}, {__mode = "k"})

local LENGTHS = {1000, 60000, 86400000}

---@param server table  of spec.support.redis_server
---@param key string  the first of the four
---@param host string
---@param o {report: integer, keep: integer, want: integer, block: number, limits: integer[], reported: integer,
---  counted: integer, used: integer, age: number}  counted: by the service, in the minute; used: requests that
---  started `age` milliseconds ago
---@return integer[] reply
return function(server, key, host, o)
  local words = {0, o.report or 1, o.keep or 0, o.want or 0, 0, 0, o.block or 0, 0, o.reported or 0}
  for i, length in ipairs(LENGTHS) do
    local counted = o.counted and i == 2
    for _, n in ipairs {length, (o.limits or {10, 150, 0})[i], 0, counted and o.counted or -1,
        counted and 30000 or 0} do
      words[#words + 1] = n
    end
  end
  words[#words + 1] = o.used and 1 or 0
  if o.used then
    words[#words + 1], words[#words + 2] = o.age or 0, o.used
  end
  words[#words + 1] = 0
  digests[server] = digests[server] or assert(server:call("SCRIPT", "LOAD", script))
  return assert(server:call("EVALSHA", digests[server], 4, key, key .. ":seen", key .. ":held", key .. ":waiting", host,
    (table.unpack or unpack)(words)))
end
