--- Prints a table of docs/scale.md: what exchanges cost Redis, by the number of hosts.
--- There are five accounts, with limits of five tiers, which each host uses as much as it
--- can. The hosts are simulated in virtual time (bench/fleet.lua), but the script runs in a
--- Redis, which is granted the time. The figures are processor time of Redis's main
--- thread, of which one core gives at most a second in a second.
---
---   luajit bench/fleet_cost.lua        LUA_CPATH must have spec_lease.so

package.path = (arg[0]:match("^(.*)bench/") or "./") .. "?.lua;" .. package.path

local fleet = require "bench.fleet"
local probe = require "spec_lease"
local redis_server = require "spec.support.redis_server"
local script = require "klaviyo.redis.lease_script"

local TIERS = {{1, 15, 0}, {3, 60, 0}, {10, 150, 0}, {75, 700, 0}, {350, 3500, 0}}
local HOSTS = {1, 10, 100, 1000}
local SECONDS = 70

local server = redis_server.start()

local function cpu()
  local text = server:call("INFO", "cpu")
  return tonumber(text:match("used_cpu_user_main_thread:([%d%.]+)"))
    + tonumber(text:match("used_cpu_sys_main_thread:([%d%.]+)"))
end

-- In place of spec/support/memory_redis.lua.
local real_redis = {}

function real_redis.new()
  server:call("FLUSHALL")
  local text = script:gsub('call%("TIME"%)', "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
  local hash = server:call("SCRIPT", "LOAD", text)
  local redis = {now = 1700000000000, exchanges = 0}
  function redis.exchange(self, bucket, host, arguments)
    self.exchanges = self.exchanges + 1
    local list = {host}
    for word in arguments:gmatch("%S+") do
      list[#list + 1] = word
    end
    list[#list + 1] = ("%d"):format(math.floor(self.now / 1000))
    list[#list + 1] = ("%d"):format(self.now % 1000 * 1000)
    return assert(server:call("EVALSHA", hash, 4, bucket, bucket .. ":seen", bucket .. ":held",
      bucket .. ":waiting", unpack(list)))
  end
  return redis
end

print("| hosts | exchanges a second of five accounts | processor time of an exchange, by tier | of all "
  .. "| a core is busy for | accounts of a core |\n| --- | --- | --- | --- | --- | --- |")
for _, hosts in ipairs(HOSTS) do
  local exchanges, used, costs = 0, 0, {}
  for i, limits in ipairs(TIERS) do
    local before = cpu()
    local result = fleet.run {limits = limits, hosts = hosts, seconds = SECONDS, probe = probe,
      memory_redis = real_redis}
    local seconds = cpu() - before
    costs[i] = ("%.0f"):format(seconds / result.exchanges * 1e6)
    exchanges, used = exchanges + result.exchanges, used + seconds
  end
  print(("| %d | %.0f | %s µs | %.0f µs | %.1f %% | %.0f |"):format(hosts, exchanges / SECONDS,
    table.concat(costs, ", "), used / exchanges * 1e6, used / SECONDS * 100, #TIERS / (used / SECONDS)))
  io.stdout:flush()
end
server:close()
