--- make once: under faults, each request takes effect once, or its error has
--- maybe_sent. Of 10,000 events each arrives once, and no call fails; of 1,000
--- campaigns, which the service cannot recognize as repeated, none is created
--- twice, and each error has maybe_sent.
---
---   lua5.4 spec/soak/once.lua [EVENTS [CAMPAIGNS [http|tls]]]
---
--- The faults: 5 % of connections reset after the request was processed, 5 %
--- of responses are a 503, 5 % arrive after the timeout.

local core = require "klaviyo.core"
local klaviyo = require "klaviyo"

local M = {}

-- Attempts per call if three of twenty fail, and the random deviation for a
-- small number of calls.
local LEAST_ATTEMPTS, MEAN_ATTEMPTS, MAX_ATTEMPTS = 1.1, 1 / 0.85, 1.25
local function off(count)
  return 2.5 / math.sqrt(count)
end

local TIMEOUT, STALL = 0.4, 0.8
local CONCURRENCY = 500

-- Of ten thousand requests with these faults, one may well fail five times in a
-- row: "no call fails" must not depend on luck.
local RETRIES = 10

local function add_faults(server)
  for i, fault in ipairs { { reset = "after" }, { status = 503 }, { stall = STALL } } do
    fault.rate, fault.method = 0.05, "POST"
    fault.seed = i * 7919 + math.floor(core.clock() * 1000) % 1000
    server:fault(fault)
  end
end

local function numbers(count)
  local at = 0
  return function()
    at = at + 1
    return at <= count and at or nil
  end
end

-- Calls `send` with each number; returns the counts of calls, attempts and
-- failures, and the elapsed seconds.
local function send_all(client, count, send)
  local sum = { calls = 0, attempts = 0, failed = 0, undoubted = 0, errors = {} }
  local began = core.clock()
  local function one(number)
    local document, err = send(number)
    return { response = document and document.response, err = err }
  end
  for result in client:map(numbers(count), one, { concurrency = CONCURRENCY }) do
    local attempts = result.err and result.err.attempts or result.response.attempts
    sum.calls = sum.calls + 1
    sum.attempts = sum.attempts + #attempts
    if result.err then
      sum.failed = sum.failed + 1
      sum.errors[#sum.errors + 1] = tostring(result.err)
      sum.undoubted = sum.undoubted + (result.err.maybe_sent and 0 or 1)
    end
  end
  sum.seconds = core.clock() - began
  return sum
end

local function client_of(server, scheme)
  return klaviyo.new {
    base_url = scheme == "tls" and server.tls_url or server.base_url, ca_file = server.ca_file,
    api_key = server.key, revision = "2026-07-15", proxy = "", timeout = TIMEOUT, retries = RETRIES,
    pacing = false, on_warning = function() end,
  }
end

local function check(wrong, what, good)
  if not good then
    wrong[#wrong + 1] = what
  end
end

-- Only in a run of its own, not in a spec.
local function print_faults(name, sum, stats)
  if not M.is_main then
    return
  end
  local faults = {}
  for fault, count in pairs(stats.faults) do
    faults[#faults + 1] = ("%s %d"):format(fault, count)
  end
  table.sort(faults)
  print(("%s: %d calls, %d attempts (%.3f each), %d failed, %.1f s; faults: %s"):format(name, sum.calls,
    sum.attempts, sum.attempts / sum.calls, sum.failed, sum.seconds, table.concat(faults, ", ")))
end

--- Sends events, each with a unique_id of the library.
---@return string[] wrong
function M.events(server, scheme, count)
  local client, wrong = client_of(server, scheme), {}
  server:reset()
  add_faults(server)
  local sum = send_all(client, count, function(number)
    return client.events:create {
      profile = { email = ("someone%d@example.com"):format(number % 500) },
      metric = "Soaked", properties = { number = number },
    }
  end)
  local stats = server:stats()
  print_faults("events, " .. scheme, sum, stats)
  check(wrong, "calls failed: " .. (sum.errors[1] or ""), sum.failed == 0)
  check(wrong, ("%d distinct events"):format(stats.events.distinct), stats.events.distinct == count)
  check(wrong, "events without an id", stats.events.unnamed == 0)
  local each = sum.attempts / count
  check(wrong, "too many attempts", each <= math.max(MAX_ATTEMPTS, MEAN_ATTEMPTS + off(count)))
  check(wrong, "hardly any faults", each > math.min(LEAST_ATTEMPTS, MEAN_ATTEMPTS - off(count)))
  check(wrong, "nothing came twice: no reset was after processing", stats.events.repeated > 0)
  return wrong
end

--- Creates campaigns, which the service creates again for each repeated request.
---@return string[] wrong
function M.campaigns(server, scheme, count)
  local client, wrong = client_of(server, scheme), {}
  server:reset()
  add_faults(server)
  local sum = send_all(client, count, function(number)
    return client.campaigns:create {
      name = ("Soaked %d"):format(number), audiences = { included = { "Y6nRLr" } },
      ["campaign-messages"] = { data = { {
        type = "campaign-message",
        attributes = { definition = { channel = "email", label = "x" } },
      } } },
    }
  end)
  local stats = server:stats()
  print_faults("campaigns, " .. scheme, sum, stats)
  local processed = stats.processed.create_campaign or 0
  check(wrong, ("%d came twice"):format(stats.repeated.create_campaign or 0),
    (stats.repeated.create_campaign or 0) == 0)
  check(wrong, "a failure that does not say maybe_sent", sum.undoubted == 0)
  check(wrong, "nothing failed: no reset was after processing", sum.failed > 0)
  check(wrong, ("%d were made, %d answered"):format(processed, count - sum.failed),
    processed >= count - sum.failed and processed <= count)
  return wrong
end

if arg and arg[0] and arg[0]:find("once%.lua$") then
  M.is_main = true
  local server = assert(require("klaviyo.sandbox").start { access_log = false, record = 0 })
  local good = true
  for _, scheme in ipairs(arg[3] and { arg[3] } or { "http", "tls" }) do
    for _, wrong in ipairs { M.events(server, scheme, tonumber(arg[1] or 10000)),
      M.campaigns(server, scheme, tonumber(arg[2] or 1000)) } do
      for _, what in ipairs(wrong) do
        print("  WRONG: " .. what)
        good = false
      end
    end
  end
  server:stop()
  os.exit(good and 0 or 1)
end

return M
