--- Reports requests that wait: for a rate limit, for a Retry-After, or between two
--- attempts. The engine records the wait; the callers that await the request poll
--- for it.

local core = require "klaviyo.core"
local warning = require "klaviyo.util.warning"

local M = {}

-- Shorter waits are not reported.
local MIN_WAIT = 0.2

-- A longer wait causes a warning, if on_wait is not set.
local LONG = 5

local WORDS = {
  rate_limit = "for its rate limit",
  retry_after = "as the service asks (Retry-After)",
  backoff = "before it tries again",
}

local warned = {}  -- operations

--- Forgets which warnings were given, for tests.
function M.forget()
  warned = {}
end

local function name_of(pending)
  return pending.op and pending.op.id
    or pending.request.method .. " " .. pending.url:gsub("%?.*", "")
end

-- An error in on_wait does not stop the call.
local function report(pending, seconds, why)
  local settings = pending.settings
  if settings.on_wait then
    local ok, err = pcall(settings.on_wait, pending.op and pending.op.id,
      seconds, why)
    if not ok then
      warning.say(settings, "on_wait raised an error: " .. tostring(err))
    end
  elseif seconds > LONG and not warned[name_of(pending)] then
    warned[name_of(pending)] = true
    warning.say(settings, ("%s waits %.0f s %s; set on_wait to observe "
      .. "such waits, deadline to limit them"):format(name_of(pending),
      seconds, WORDS[why]))
  end
end

--- Reports once that a request waits.
---@param pending table
---@param seconds number  how long it still waits
---@param why "rate_limit"|"retry_after"|"backoff"
function M.look(pending, seconds, why)
  if seconds < MIN_WAIT then
    return
  end
  local now = core.clock()
  if pending.reported_why ~= why or now >= pending.reported_until then
    pending.reported_why, pending.reported_until = why, now + seconds
    report(pending, seconds, why)
  end
end

return M
