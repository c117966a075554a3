--- make soak: processes that share rate limits call as fast as the limits allow,
--- against a sandbox that counts like the service, with random windows. There must
--- be no 429, and nearly the whole limit must be used.
---
---   lua5.4 spec/soak/soak.lua [SECONDS [PROCESSES [OPERATION ...]]]
---
--- The limits are those of the table of operations. By default it runs for 180
--- seconds, in 4 processes, with an operation of tier L and one of tier M.

local core = require "klaviyo.core"
local klaviyo = require "klaviyo"

local MIN_SHARE = 0.98  -- of the capacity of whole windows

local function interpreter()
  local at = -1
  while arg[at - 1] do
    at = at - 1
  end
  return arg[at]
end

local function quoted(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

-- Calls until the deadline; then drops the requests in progress.
local function work(base_url, key, rate_limit_file, deadline, ...)
  deadline = tonumber(deadline)
  local client = klaviyo.new {
    base_url = base_url, api_key = key, rate_limit_file = rate_limit_file, proxy = "", deadline = 1e6,
    revision = "2026-07-15",
    on_warning = function(message) print("warning: " .. message) end,
    on_attempt = function(attempt)
      if attempt.status ~= 200 then
        print(("%s: %s"):format(attempt.operation, attempt.status or attempt.error))
      end
    end,
  }
  local calls = 0
  local function done()
    return core.clock() >= deadline
  end
  local function call(operation)
    local _, err = client:call(operation)
    if err then
      print("failed: " .. err)
    end
    calls = calls + 1
    return true
  end
  local operations = { ... }
  klaviyo.run(function()
    for _, operation in ipairs(operations) do
      klaviyo.spawn(function()
        local function endless()
          return operation
        end
        for _ in client:map(endless, call, { concurrency = 25 }) do end -- luacheck: ignore 542
      end)
    end
    while not done() do
      klaviyo.sleep(0.05)
    end
    print("calls: " .. calls)
    io.stdout:flush()
    os.exit(0, false)
  end)
end

local function start(server, rate_limit_file, deadline, operations)
  local words = { interpreter(), arg[0], "--work", server.base_url, server.key, rate_limit_file,
    ("%.6f"):format(deadline) }
  for _, operation in ipairs(operations) do
    words[#words + 1] = operation
  end
  for i, word in ipairs(words) do
    words[i] = quoted(word)
  end
  return assert(io.popen(table.concat(words, " ") .. " 2>&1"))
end

-- Returns how many requests the limit allows in `seconds`, in whole windows only.
local function expected(operation, seconds)
  local limit = require("klaviyo.operations").revision("2026-07-15"):operation(operation).limit
  return limit.minute * math.floor(seconds / 60), limit
end

local function report(stats, operations, seconds)
  local good = true
  for _, operation in ipairs(operations) do
    local most, limit = expected(operation, seconds)
    local count = stats.operations[operation] or 0
    local refused = stats.throttled[operation] or 0
    local share = most > 0 and (count - refused) / most or 1
    print(("%-16s %d/s %d/min: %5d answered, %d of them 429; %.1f %% of %d in whole minutes")
      :format(operation, limit.second, limit.minute, count, refused, share * 100, most))
    good = good and refused == 0 and share >= MIN_SHARE
  end
  return good and (stats.statuses["429"] or 0) == 0
end

local function soak(seconds, processes, ...)
  seconds, processes = tonumber(seconds or 180), tonumber(processes or 4)
  local operations = { ... }
  if #operations == 0 then
    operations = { "get_lists", "get_metrics" }
  end
  local server = assert(require("klaviyo.sandbox").start { limits = true, window_phase = "random",
    access_log = false })
  local rate_limit_file = server.dir .. "/budget"
  local deadline = core.clock() + seconds
  local workers = {}
  for i = 1, processes do
    workers[i] = start(server, rate_limit_file, deadline, operations)
  end
  local quiet = true
  for i, worker in ipairs(workers) do
    local output = worker:read("*a")
    worker:close()
    quiet = quiet and output:match("^calls: %d+\n$") ~= nil
    io.write(("process %d: %s"):format(i, output))
  end
  local stats = server:stats()
  server:stop()
  local good = report(stats, operations, seconds)
  print(good and quiet and "good" or "NOT GOOD")
  return good and quiet
end

if arg[1] == "--work" then
  work((table.unpack or unpack)(arg, 2))
else
  os.exit(soak((table.unpack or unpack)(arg)) and 0 or 1)
end
