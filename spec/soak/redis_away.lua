-- Five hosts with four processes each at the limit of an account while Redis is
-- killed for 20 s and returns without its data, loses its data, fails over to its
-- replica, or is slow by 0.5 s: no call fails, and hosts exceed the limits of the
-- windows in this time by a tenth at most. Namespaces and the service that counts
-- are those of spec/soak/redis.lua.
--
--   lua spec/soak/redis_away.lua [NAME] ...     make soak

local delay_proxy = require "spec.support.delay_proxy"
local redis_fleet = require "spec.support.redis_fleet"
local socket = require "socket"

local HOSTS = 5
local BEFORE, AFTER = 8, 8
local OVER_USE = 0.1

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

local function run(problem, second, operation, concurrency)
  redis_fleet.with({windows = {{1000, second}, {60000, 100000}}, operation = operation,
    concurrency = concurrency, seconds = BEFORE + problem.seconds + AFTER + 6}, function(fleet)
    print(("Redis %s, at %d/s: %d hosts × 4 processes %s"):format(problem.name, second, HOSTS,
      fleet.why and "at 127.0.0.1, because network namespaces cannot be made"
      or "in network namespaces"))
    if problem.setup then
      problem.setup(fleet)
    else
      fleet:add_redis()
    end
    local start = fleet:start(HOSTS) + 1
    socket.sleep(BEFORE)
    local from = fleet.server:now()
    problem.run(fleet)
    local back = fleet.server:now()
    socket.sleep(AFTER)
    local to = fleet.server:now() - 0.5
    for _, part in ipairs {{"before", start, from}, {"meanwhile", from - 1, back},
        {"after", back - 1, to}} do
      local sum = fleet.server:sum(1000, part[2], part[3])
      if sum.count > 0 then
        print(("  %-9s %3d windows: %.1f %% used, %.1f %% too many"):format(part[1],
          sum.count, sum.used * 100, sum.rejected / sum.limit * 100))
      end
    end
    -- the windows concerned: until 3 s after it
    local gap = fleet.server:sum(1000, from - 1, math.min(to, back + 3))
    check(gap.rejected <= OVER_USE * gap.limit, "%.1f %% too many of the windows concerned "
      .. "(%d 429s)", gap.rejected / gap.limit * 100, gap.rejected)
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

local chosen = {}
for _, name in ipairs(arg) do
  chosen[name] = true
end
for _, problem in ipairs(PROBLEMS) do
  if #arg == 0 or chosen[problem.name:match("^%a+")] then
    run(problem, 10, "get_metrics", 1)
    run(problem, 75, "get_profiles", 5)
  end
end
os.exit(not failed)
