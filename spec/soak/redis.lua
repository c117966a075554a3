-- Five hosts with four processes each share one account through Redis, against a
-- service that counts in windows which no client knows: no 429, and the limits are
-- used, also when a host joins or dies, and to the end of a day. Each host, Redis
-- and the service have a network namespace of their own; without root they have the
-- loopback interface, and each host a local file.
--
--   lua spec/soak/redis.lua [NAME] ...     make soak

local redis_fleet = require "spec.support.redis_fleet"
local socket = require "socket"

local HOSTS = 5
local MINUTE, DAY = {60000, 100000}, 86400000
local LEASE_SECONDS = 1 -- what a host that dies may take with it: one window

local failed = false

local function check(ok, ...)
  print(("  %s %s"):format(ok and "ok    " or "FAILED", string.format(...)))
  failed = failed or not ok
end

local function describe(fleet, name)
  print(("%s: %d hosts × 4 processes %s"):format(name, HOSTS, fleet.why
    and "at 127.0.0.1, because network namespaces cannot be made" or
    "in network namespaces"))
end

-- Ends the run, and tells what went wrong in it.
local function finish(fleet)
  local sums = fleet:finish()
  for _, text in ipairs(sums.texts) do
    print("  " .. text)
  end
  check(sums.failed == 0, "%d of %d calls failed", sums.failed, sums.done)
  check(sums.rejected == 0, "%d 429s", sums.rejected)
  print(("  %.1f exchanges with Redis per call"):format(fleet:exchanges() / sums.done))
  return sums
end

local function tier(name, second, operation, seconds, concurrency)
  return name, function()
    redis_fleet.with({windows = {{1000, second}, MINUTE}, operation = operation,
      concurrency = concurrency, seconds = seconds + 4}, function(fleet)
      describe(fleet, name)
      fleet:add_redis()
      local from = fleet:start(HOSTS) + 1
      socket.sleep(seconds)
      local sum = fleet.server:sum(1000, from, fleet.server:now() - 0.5)
      check(sum.used >= 0.95, "%.1f %% of %d whole windows used; the worst: %.0f %%",
        sum.used * 100, sum.count, sum.worst * 100)
      finish(fleet)
    end)
  end
end

-- A host joins, and later one dies with all its processes.
local function change(name, second, operation, concurrency)
  return name, function()
    redis_fleet.with({windows = {{1000, second}, MINUTE}, operation = operation,
      concurrency = concurrency, seconds = 36}, function(fleet)
      describe(fleet, name)
      fleet:add_redis()
      local from = fleet:start(HOSTS) + 1
      socket.sleep(10)
      fleet:wait_for(fleet:add_host())
      local joined = fleet.server:now()
      socket.sleep(10)
      fleet:kill(fleet.hosts[1])
      local died = fleet.server:now()
      socket.sleep(10)
      local last = fleet.server:now() - 0.5
      for _, part in ipairs {{"before", from, joined}, {"with the new host", joined, died},
          {"after the death", died, last}} do
        local sum = fleet.server:sum(1000, part[2], part[3])
        local lost = sum.limit - sum.accepted
        check(lost <= second * (LEASE_SECONDS + 0.05 * sum.count), "%s: %.1f %% of %d windows, "
          .. "%d of %d requests not used", part[1], sum.used * 100, sum.count, lost, sum.limit)
      end
      finish(fleet)
    end)
  end
end

-- One host uses a part of a day, and then five the rest.
local function day(name)
  return name, function()
    local limit, second = 600, 75
    redis_fleet.with({windows = {{1000, second}, MINUTE, {DAY, limit}},
      operation = "create_list", concurrency = 5, seconds = 20}, function(fleet)
      describe(fleet, name)
      fleet:add_redis()
      fleet:start(1)
      socket.sleep(2)
      local before = fleet.server:sum(DAY, -2 * DAY, 2 * DAY).accepted
      for _ = 2, HOSTS do
        fleet:add_host()
      end
      for _, host in ipairs(fleet.hosts) do
        fleet:wait_for(host)
      end
      socket.sleep(16)
      local sum = fleet.server:sum(DAY, -2 * DAY, 2 * DAY)
      check(before > 0 and before < limit, "one host used %d of the %d requests of a day", before,
        limit)
      check(sum.accepted == limit, "all used %d", sum.accepted)
      finish(fleet)
    end)
  end
end

local RUNS = {
  {tier("1/s", 1, "get_accounts", 40, 1)},
  {tier("10/s", 10, "get_metrics", 40, 1)},
  {tier("75/s", 75, "get_profiles", 32, 5)},
  {day("a day")},
  {change("10/s with changes", 10, "get_metrics", 1)},
  {change("75/s with changes", 75, "get_profiles", 5)},
}

local chosen = {}
for _, name in ipairs(arg) do
  chosen[name] = true
end
for _, run in ipairs(RUNS) do
  if #arg == 0 or chosen[run[1]] then
    run[2]()
  end
end
os.exit(not failed)
