-- Five hosts with four processes each at the limit of an account while Redis is
-- killed for 20 s and returns without its data, loses its data, fails over to its
-- replica, or is slow by 0.5 s: no call fails, and hosts exceed the limits of the
-- windows in this time by a tenth at most. Namespaces and the service that counts
-- are those of spec/soak/redis.lua.
--
--   lua spec/soak/redis_away.lua [PROBLEM | LIMIT] ...     make soak
--
-- A problem is the first word of its name; a limit is 1/s, 10/s, 75/s or day.

local delay_proxy = require "spec.support.delay_proxy"
local redis_fleet = require "spec.support.redis_fleet"
local socket = require "socket"

local HOSTS = 5
local BEFORE, AFTER = 8, 8
local OVER_USE = 0.1
local DAY = 86400000

local failed = false

local function check(ok, ...)
  print(("  %s %s"):format(ok and "ok    " or "FAILED", string.format(...)))
  failed = failed or not ok
end

local SENTINEL = "sentinel monitor shop %s %d 2\nsentinel down-after-milliseconds shop 1000\n"
  .. "sentinel failover-timeout shop 5000\n"

-- What happens to Redis, by name: how it is set up (by default one server), what
-- happens, and for how many seconds.
local PROBLEMS = {
  {name = "killed for 20 s, and back without its data", seconds = 20,
    run = function(fleet)
      fleet.redis[1]:stop("KILL")
      socket.sleep(20)
      fleet.redis[1]:start()
    end},
  {name = "emptied", seconds = 0,
    run = function(fleet)
      fleet.redis[1]:call("FLUSHALL")
    end},
  {name = "slow by 0.5 s for 20 s", seconds = 20,
    setup = function(fleet)
      local server = fleet:add_redis()
      fleet.proxy = delay_proxy.start(server.address, server.port, server.prefix)
      fleet.url = ("redis://%s:%d/0"):format(server.address, fleet.proxy.port)
    end,
    run = function(fleet)
      fleet.proxy:delay(500)
      socket.sleep(20)
      fleet.proxy:delay(0)
    end},
  {name = "failed over", seconds = 10,
    setup = function(fleet)
      local primary, replica = fleet:add_redis(), fleet:add_redis()
      replica:call("REPLICAOF", primary.address, primary.port)
      local addresses = {}
      for _ = 1, 3 do
        local sentinel = fleet:add_redis {
          sentinel = SENTINEL:format(primary.address, primary.port)}
        addresses[#addresses + 1] = ("%s:%d"):format(sentinel.address, sentinel.port)
      end
      for i = 3, 5 do
        local last = socket.gettime() + 20
        repeat
          socket.sleep(0.1)
          local info = fleet.redis[i]:call("INFO", "sentinel")
        until info:find("slaves=1,sentinels=3", 1, true) or socket.gettime() > last
      end
      fleet.url = ("redis+sentinel://%s/shop"):format(table.concat(addresses, ","))
    end,
    run = function(fleet)
      fleet.redis[1]:stop("KILL")
      socket.sleep(10)
      check(fleet.redis[2]:call("ROLE")[1] == "master", "the replica is the primary")
    end},
}

-- Half of the day's requests are used when the problem begins.
local LIMITS = {
  {name = "1/s", second = 1, operation = "get_accounts", concurrency = 1},
  {name = "10/s", second = 10, operation = "get_metrics", concurrency = 1},
  {name = "75/s", second = 75, operation = "get_profiles", concurrency = 5},
  {name = "day", second = 75, day = 600, operation = "create_list", concurrency = 5, before = 2},
}

-- Checks the windows concerned: those until 3 s after the problem.
local function check_seconds(fleet, start, from, back)
  local to = fleet.server:now() - 0.5
  for _, part in ipairs {{"before", start, from}, {"meanwhile", from - 1, back},
      {"after", back - 1, to}} do
    local sum = fleet.server:sum(1000, part[2], part[3])
    if sum.count > 0 then
      print(("  %-9s %3d windows: %.1f %% used, %.1f %% too many"):format(part[1],
        sum.count, sum.used * 100, sum.rejected / sum.limit * 100))
    end
  end
  local gap = fleet.server:sum(1000, from - 1, math.min(to, back + 3))
  check(gap.rejected <= OVER_USE * gap.limit, "%.1f %% too many of the windows concerned "
    .. "(%d 429s)", gap.rejected / gap.limit * 100, gap.rejected)
end

local function check_day(fleet, before, meanwhile)
  local sum = fleet.server:sum(DAY, -2 * DAY, 2 * DAY)
  check(before > 0 and before < sum.limit, "used %d of %d before, %d meanwhile, %d after", before,
    sum.limit, meanwhile - before, sum.accepted - meanwhile)
  check(sum.rejected <= OVER_USE * sum.limit, "%.1f %% too many of the day (%d 429s), %.1f %% used",
    sum.rejected / sum.limit * 100, sum.rejected, sum.used * 100)
end

local function run(problem, limit)
  local windows = {{1000, limit.second}, {60000, 100000}, limit.day and {DAY, limit.day} or nil}
  local wait = limit.before or BEFORE
  redis_fleet.with({windows = windows, operation = limit.operation,
    concurrency = limit.concurrency, seconds = wait + problem.seconds + AFTER + 6}, function(fleet)
    local function used_of_day()
      return limit.day and fleet.server:sum(DAY, -2 * DAY, 2 * DAY).accepted
    end
    print(("Redis %s, at %s: %d hosts × 4 processes %s"):format(problem.name,
      limit.day and limit.day .. " a day" or limit.name, HOSTS,
      fleet.why and "at 127.0.0.1, because network namespaces cannot be made"
      or "in network namespaces"))
    if problem.setup then
      problem.setup(fleet)
    else
      fleet:add_redis()
    end
    local start = fleet:start(HOSTS) + 1
    socket.sleep(wait)
    local from, before = fleet.server:now(), used_of_day()
    problem.run(fleet)
    local back, meanwhile = fleet.server:now(), used_of_day()
    socket.sleep(AFTER)
    if limit.day then
      check_day(fleet, before, meanwhile)
    else
      check_seconds(fleet, start, from, back)
    end
    local sums = fleet:finish()
    for _, text in ipairs(sums.texts) do
      if not text:find("limits cannot be shared", 1, true) then
        print("  " .. text)
      end
    end
    check(sums.failed == 0, "%d of %d calls failed", sums.failed, sums.done)
    check(problem.seconds == 0 or sums.away > 0, "%d warnings", sums.away)
    if fleet.proxy then
      fleet.proxy:stop()
    end
  end)
end

local function named(arguments, list, name_of)
  local chosen = {}
  for _, one in ipairs(list) do
    for _, name in ipairs(arguments) do
      if name == name_of(one) then
        chosen[#chosen + 1] = one
      end
    end
  end
  return #chosen > 0 and chosen or list
end

for _, problem in ipairs(named(arg, PROBLEMS, function(one) return one.name:match("^%a+") end)) do
  for _, limit in ipairs(named(arg, LIMITS, function(one) return one.name end)) do
    run(problem, limit)
  end
end
os.exit(not failed)
