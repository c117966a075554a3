-- Gateways at the limit of an account, for the specs of fair shares.

local digest = require "klaviyo.digest"
local key = require "spec.support.key"
local load = require "spec.support.load"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"

local M = {}

-- Lets each request wait by itself, as gateways without fair shares do.
M.UNFAIR = [[
  require("klaviyo.gateway.waiting").take = function(settings, state)
    local left = settings.max_wait
    while true do
      local taken, seconds = state.request_queue:take()
      if taken then
        state.taken = taken
        return
      elseif seconds > left then
        require("klaviyo.gateway.error_response").throw(429, "throttled", "no capacity")
      end
      left = left - seconds
      ngx.sleep(seconds)
    end
  end
]]

local function listed(callers)
  local lines = {}
  for _, caller in ipairs(callers) do
    lines[#lines + 1] = ('{ name = "%s", token_sha256 = "%s", weight = %g },'):format(caller.name,
      digest.sha256(caller.name), caller.weight or 1)
  end
  return "{" .. table.concat(lines) .. "}"
end

--- Starts a sandbox that allows 10 requests a second, and a gateway of four workers.
---@param callers table[]  as for load.run, with `weight`
---@param options {max_wait: number, before: string, settings: string}|nil  before: Lua code that each worker runs
---@return table run  for load.run, with `server`
function M.start(callers, options)
  options = options or {}
  local server = assert(sandbox.start { key = key, limits = { get_lists = { second = 10, minute = 100000 } } })
  local settings = ('callers = (function() %s return %s end)(), max_wait = %g, %s'):format(options.before or "",
    listed(callers), options.max_wait or 10, options.settings or 'dict = "klaviyo_gateway",')
  local gateway = assert(nginx.gateway(server, { workers = 4, settings = settings }))
  return { server = server, gateway = gateway, callers = callers }
end

--- Stops both; returns the logs.
function M.stop(run)
  local logs = run.gateway:stop()
  run.server:stop()
  return logs
end

--- Returns whether each request of a caller got its response, 99 % of them in two seconds.
function M.is_served(result)
  local count = 0
  for _, number in pairs(result.status) do
    count = count + number
  end
  return #result.times > 0 and count == #result.times and result.status[200] == count
    and load.percentile(result.times, 0.99) <= 2
end

--- Describes a result.
function M.described(results)
  local lines = {}
  for name, one in pairs(results) do
    local words = {}
    for status, count in pairs(one.status) do
      words[#words + 1] = ("%dx %d"):format(count, status)
    end
    if #one.times > 0 then
      words[#words + 1] = ("p50 %.2f s, p99 %.2f s"):format(load.percentile(one.times, 0.5),
        load.percentile(one.times, 0.99))
    end
    lines[#lines + 1] = name .. ": " .. table.concat(words, ", ")
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return M
