-- Five hosts with four processes each share one account through Redis, against a
-- sandbox that counts in windows which no client knows: no 429, and the limits are
-- used. Each host has a local file of its own, because its URL of Redis is its own.
--
--   lua spec/soak/redis.lua        make soak

local interpreter = require("spec.support.script").interpreter
local redis_hosts = require "spec.support.redis_hosts"
local redis_server = require "spec.support.redis_server"
local socket = require "socket"

local HOSTS, PROCESSES = 5, 4
local KEY = "pk_soak"

-- Operations with limits of these tiers, and for how long the limit by the second
-- is the tighter one.
local TIERS = {
  {operation = "get_accounts", second = 1, seconds = 14},
  {operation = "get_metrics", second = 10, seconds = 14},
  {operation = "get_profiles", second = 75, seconds = 8},
}

if arg[1] == "--work" then
  local klaviyo = require "klaviyo"
  local base_url, redis_url, account, operation = arg[2], arg[3], arg[4], arg[5]
  local seconds, concurrency = tonumber(arg[6]), tonumber(arg[7])
  local refused, done, failed, warned = 0, 0, 0, 0
  local client = klaviyo.new {api_key = KEY, base_url = base_url, proxy = "", retries = 4,
    rate_limit_file = redis_url, rate_limit_key = account, revision = "2026-07-15",
    deadline = 100,
    on_warning = function(text) warned = warned + (text:find("Redis") and 1 or 0) end,
    on_attempt = function(attempt)
      refused = refused + (attempt.status == 429 and 1 or 0)
    end}
  local stop = socket.gettime() + seconds
  klaviyo.run(function()
    for _ = 1, concurrency do
      klaviyo.spawn(function()
        while socket.gettime() < stop do
          local _, err = client:with({deadline = stop - socket.gettime() + 0.01}):call(operation)
          if not err then
            done = done + 1
          elseif socket.gettime() < stop - 1 and err.kind ~= "rate_limited" then
            failed = failed + 1
          end
          klaviyo.sleep(err and 0.05 or 0)
        end
      end)
    end
  end)
  print(("%d %d %d %d"):format(done, refused, failed, warned))
  os.exit(0)
end

-- Returns the part of the limit that was used in the seconds between the first and the
-- last request. (The log has whole seconds.)
local function used(server, limit)
  local times = {}
  server:stats() -- nginx logs a request once it has answered it
  for line in io.lines(server.dir .. "/access.log") do
    local h, m, s = line:match("T(%d%d):(%d%d):(%d%d)")
    if line:find("/api/", 1, true) then
      times[#times + 1] = h * 3600 + m * 60 + s
    end
  end
  table.sort(times)
  local count = 0
  for _, time in ipairs(times) do
    count = count + (time > times[1] and time < times[#times] and 1 or 0)
  end
  return count / ((times[#times] - times[1] - 1) * limit)
end

local failed = false
for _, tier in ipairs(TIERS) do
  local redis = redis_server.start()
  local server = assert(require("klaviyo.sandbox").start {key = KEY, limits = true})
  local pipes = {}
  local concurrency = math.max(1, math.ceil(tier.second / 15))
  for host = 1, HOSTS do
    for _ = 1, PROCESSES do
      pipes[#pipes + 1] = io.popen(("%s %s --work %s '%s?%s' soak-%.0f %s %d %d"):format(
        interpreter, arg[0], server.base_url, redis.url, ("&"):rep(host),
        socket.gettime(), tier.operation, tier.seconds, concurrency))
    end
  end
  local sums = {0, 0, 0, 0}
  for _, pipe in ipairs(pipes) do
    local numbers = {pipe:read("*a"):match("(%d+) (%d+) (%d+) (%d+)")}
    for i = 1, 4 do
      sums[i] = sums[i] + (numbers[i] or 1e6)
    end
    pipe:close()
  end
  local part = used(server, tier.second)
  local exchanges = redis:call("INFO", "commandstats"):match("cmdstat_evalsha:calls=(%d+)")
  print(("%3d/s, %d hosts × %d processes: %d calls, %d 429s, %d failed, %d warnings, "
    .. "%.1f %% used, %.1f exchanges per call"):format(tier.second, HOSTS, PROCESSES,
    sums[1], sums[2], sums[3], sums[4], part * 100, exchanges / sums[1]))
  failed = failed or sums[2] + sums[3] > 0 or part < 0.95
  server:stop()
  redis:close()
  for host = 1, HOSTS do
    redis_hosts.remove_file(redis.url .. "?" .. ("&"):rep(host))
  end
end
os.exit(not failed)
