-- Five hosts at the limit of an account while Redis is killed for 8 s and returns
-- without its data, is slow by 0.5 s, and loses its data: no call fails, and the
-- service rejects few.
--
--   lua spec/soak/redis_away.lua        make soak

local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local redis_hosts = require "spec.support.redis_hosts"
local socket = require "socket"

local HOSTS, CALLS, LIMIT, SECONDS = 5, 6, 75, 20

local PROBLEMS = {
  killed = function(redis)
    redis:stop("KILL")
    klaviyo.sleep(8)
    redis:start()
  end,
  slow = function(redis)
    for _ = 1, 15 do
      redis:signal("STOP")
      klaviyo.sleep(0.5)
      redis:signal("CONT")
      klaviyo.sleep(0.02)
    end
  end,
  emptied = function(redis)
    redis:call("FLUSHALL")
  end,
}

-- Calls as often as possible, and returns how many calls failed.
local function run(clients, redis, problem)
  local stop, failed = socket.gettime() + SECONDS, 0
  klaviyo.run(function()
    klaviyo.spawn(function()
      klaviyo.sleep(4)
      problem(redis)
    end)
    for _, client in ipairs(clients) do
      for _ = 1, CALLS do
        klaviyo.spawn(function()
          while socket.gettime() < stop do
            local doc, err = client:call("get_profiles", {page = {size = 1}})
            if not doc then
              print(err)
              failed = failed + 1
            end
          end
        end)
      end
    end
  end)
  return failed
end

local bad = false
for name, problem in pairs(PROBLEMS) do
  local server = assert(require("klaviyo.sandbox").start {key = key,
    limits = {get_profiles = {second = LIMIT, minute = 100000}}})
  local redis, urls = redis_hosts.start(), {}
  for host = 1, HOSTS do
    urls[host] = redis.url .. "?" .. ("&"):rep(host)
  end
  local clients, _, statuses = redis_hosts.clients(server.base_url, urls, {deadline = 60})
  local failed = run(clients, redis, problem)
  local done, refused = redis_hosts.count(statuses, 200), redis_hosts.count(statuses, 429)
  print(("Redis %s: %d calls in %d s, %.1f %% of the limit, %d 429s, %d failed"):format(name,
    done, SECONDS, done / (LIMIT * SECONDS) * 100, refused, failed))
  bad = bad or failed > 0 or refused > LIMIT / 10 or done < LIMIT * SECONDS * 0.8
  server:stop()
  redis_hosts.close_all()
end
redis_hosts.remove_files()
os.exit(not bad)
