-- One process of a host, which calls as often as possible until a time: for
-- spec/soak/redis.lua and redis_away.lua. Prints "ready PID", and in the end its
-- counts, and each kind of error and warning.
--
--   lua redis_process.lua BASE_URL REDIS_URL ACCOUNT OPERATION STOP CONCURRENCY

local klaviyo = require "klaviyo"
local socket = require "socket"

local base_url, redis_url, account, operation = arg[1], arg[2], arg[3], arg[4]
local stop, concurrency = tonumber(arg[5]), tonumber(arg[6])
local counts = {done = 0, rejected = 0, failed = 0, away = 0}
local texts = {}

-- an operation whose limit by the day the client knows
local arguments = operation == "create_list"
  and {body = {data = {type = "list", attributes = {name = "soak"}}}} or nil

local function note(text)
  texts[tostring(text):gsub("%s+", " ")] = true
end

local client = klaviyo.new {
  api_key = "pk_soak", base_url = base_url, proxy = "", retries = 4, deadline = 300,
  rate_limit_file = redis_url, rate_limit_key = account, revision = "2026-07-15",
  on_warning = function(text)
    if text:find("Redis", 1, true) then
      counts.away = counts.away + 1
      note(text)
    end
  end,
  on_attempt = function(attempt)
    counts.rejected = counts.rejected + (attempt.status == 429 and 1 or 0)
  end,
}

io.stdout:setvbuf("no")
print("ready " .. io.popen("echo $PPID"):read("*l"))

klaviyo.run(function()
  for _ = 1, concurrency do
    klaviyo.spawn(function()
      while socket.gettime() < stop do
        -- the last calls wait for a window that is not measured
        local left = stop - socket.gettime()
        local document, err = client:with({deadline = left + 0.01}):call(operation, arguments)
        if document then
          counts.done = counts.done + 1
        elseif socket.gettime() < stop - 1 and err.kind ~= "rate_limited" then
          counts.failed = counts.failed + 1
          note(err)
        end
        if err then
          klaviyo.sleep(0.05)
        end
      end
    end)
  end
end)
print(("counts %d %d %d %d"):format(counts.done, counts.rejected, counts.failed, counts.away))
for text in pairs(texts) do
  print("text " .. text)
end
os.exit(0)
