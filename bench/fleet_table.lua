--- Prints a table of docs/scale.md: what hosts use of the limits of accounts that
--- they share, by the number of hosts. Every account is used by every host, as much
--- as the limits allow, and by a service that counts in fixed windows.
---
---   lua bench/fleet_table.lua [ACCOUNTS]     LUA_CPATH must have spec_lease.so

package.path = (arg[0]:match("^(.*)bench/") or "./") .. "?.lua;" .. package.path

local fleet = require "bench.fleet"
local memory_redis = require "spec.support.memory_redis"
local probe = require "spec_lease"

-- per second, per minute: the tiers of Klaviyo's API
local TIERS = {{1, 15, 0}, {3, 60, 0}, {10, 150, 0}, {75, 700, 0}, {350, 3500, 0}}
local HOSTS = {1, 2, 5, 10, 50, 100, 500, 1000}
local SECONDS, SKIPPED = 240, 60

local accounts = tonumber(arg[1]) or 50

print(("| hosts | used of a minute | worst account | 429s of requests | exchanges per "
  .. "request | exchanges per second, %d accounts |\n| --- | --- | --- | --- | --- | --- |")
  :format(accounts))
for _, hosts in ipairs(HOSTS) do
  local used, worst, rejected, accepted, exchanges = 0, math.huge, 0, 0, 0
  for account = 1, accounts do
    local result = fleet.run {limits = TIERS[(account - 1) % #TIERS + 1], hosts = hosts,
      seconds = SECONDS, seed = account, probe = probe, memory_redis = memory_redis}
    local part = fleet.used(result, SECONDS, SKIPPED)
    used, worst = used + part, math.min(worst, part)
    rejected, accepted = rejected + result.rejected, accepted + result.accepted
    exchanges = exchanges + result.exchanges
    collectgarbage()
  end
  print(("| %d | %.1f %% | %.1f %% | %d of %d | %.1f | %.0f |"):format(hosts,
    used / accounts * 100, worst * 100, rejected, accepted, exchanges / accepted,
    exchanges / SECONDS))
  io.stdout:flush()
end
