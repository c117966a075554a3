--- Tells of requests that wait: for a rate limit, as the service asked, or
--- between two attempts. The engine only notes it; those who wait for the
--- request look from time to time.

local core = require "klaviyo.core"
local warning = require "klaviyo.util.warning"

local M = {}

-- Waits shorter than this are not told.
local LEAST = 0.2

-- A wait longer than this is warned of, where nobody asked to be told.
local LONG = 5

local WORDS = {
  rate_limit = "for its rate limit",
  retry_after = "as the service asks (Retry-After)",
  backoff = "before it tries again",
}

local warned = {}  -- operations

--- Warns anew, for tests.
function M.forget()
  warned = {}
end

local function name_of(flight)
  return flight.op and flight.op.id
    or flight.request.method .. " " .. flight.url:gsub("%?.*", "")
end

-- Whoever waits goes on, whatever the function of the setting does.
local function tell(flight, seconds, why)
  local settings = flight.settings
  if settings.on_wait then
    local ok, err = pcall(settings.on_wait, flight.op and flight.op.id,
      seconds, why)
    if not ok then
      warning.say(settings, "on_wait raised an error: " .. tostring(err))
    end
  elseif seconds > LONG and not warned[name_of(flight)] then
    warned[name_of(flight)] = true
    warning.say(settings, ("%s waits %.0f s %s; the settings on_wait and "
      .. "deadline tell of such waits and bound them"):format(name_of(flight),
      seconds, WORDS[why]))
  end
end

--- Looks whether a request that is not done waits, and tells it once.
---@param flight table
function M.look(flight)
  local seconds, why = flight.ticket:waits()
  if not seconds or seconds < LEAST then
    return
  end
  local now = core.clock()
  if flight.told_why ~= why or now >= flight.told_until then
    flight.told_why, flight.told_until = why, now + seconds
    tell(flight, seconds, why)
  end
end

return M
