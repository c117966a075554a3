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

local function name_of(pending)
  return pending.op and pending.op.id
    or pending.request.method .. " " .. pending.url:gsub("%?.*", "")
end

-- Whoever waits goes on, whatever the function of the setting does.
local function tell(pending, seconds, why)
  local settings = pending.settings
  if settings.on_wait then
    local ok, err = pcall(settings.on_wait, pending.op and pending.op.id,
      seconds, why)
    if not ok then
      warning.say(settings, "on_wait raised an error: " .. tostring(err))
    end
  elseif seconds > LONG and not warned[name_of(pending)] then
    warned[name_of(pending)] = true
    warning.say(settings, ("%s waits %.0f s %s; the settings on_wait and "
      .. "deadline tell of such waits and bound them"):format(name_of(pending),
      seconds, WORDS[why]))
  end
end

--- Looks whether a request that is not done waits, and tells it once.
---@param flight table
function M.look(pending)
  local seconds, why = pending.ticket:waits()
  if not seconds or seconds < LEAST then
    return
  end
  local now = core.clock()
  if pending.told_why ~= why or now >= pending.told_until then
    pending.told_why, pending.told_until = why, now + seconds
    tell(pending, seconds, why)
  end
end

return M
