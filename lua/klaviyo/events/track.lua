--- What is sent while nobody waits for it: events, which go out in their turn
--- with retries. What is lost is counted, and told as a warning.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local usage_error = require "klaviyo.util.usage_error"
local tasks = require "klaviyo.tasks"
local transport = require "klaviyo.transport.transport"
local warning = require "klaviyo.util.warning"
local lazy_require = require "klaviyo.util.lazy_require"

local exit_hook = lazy_require "klaviyo.nginx.exit_hook"

local M = {}

local POLL_INTERVAL = 0.01  -- seconds between looks at whether all is sent
local GAP = 1        -- between reports

local latest                 -- whose way it is to be warned
local reason                 -- of those lost last
local due = 0                -- when to warn again
-- How many had failed when drain was last called; in nginx, and after a reload
-- of this module, those of other Lua states do not count.
local drained = core.background_stats().failed

-- The keys used last, none of which may be told: the service may echo one.
local secrets, MAX_SECRETS = {}, 8

local function remember(secret)
  for _, known in ipairs(secrets) do
    if known == secret then
      return
    end
  end
  table.insert(secrets, 1, secret)
  secrets[MAX_SECRETS + 1] = nil
end

-- The text was cut somewhere: not even the beginning of a key may remain.
local function without(text, secret)
  for size = math.min(#secret - 1, #text), 4, -1 do
    if text:sub(-size) == secret:sub(1, size) then
      text = text:sub(1, -size - 1)
      break
    end
  end
  return errors.excerpt(text, secret, #text + 1)
end

local function describe(failure)
  local text = failure.detail or ""
  for _, secret in ipairs(secrets) do
    text = without(text, secret)
  end
  text = text:gsub("[%c%s]+", " ")
  if failure.status then
    return ("%d %s"):format(failure.status, text)
  end
  return failure.reason
end

local function lost_text(count)
  return ("%d tracked %s not delivered%s"):format(count,
    count == 1 and "event was" or "events were",
    reason and ": " .. reason or "")
end

--- Warns of what was lost since the last time.
function M.report()
  due = core.clock() + GAP
  if not latest then
    return
  end
  local failures, lost = core.failures()
  if lost == 0 then
    return
  end
  local seen, reasons = {}, {}
  for _, failure in ipairs(failures) do
    local text = describe(failure)
    if not seen[text] then
      seen[text] = true
      reasons[#reasons + 1] = text
    end
  end
  reason = table.concat(reasons, "; ")
  warning.say(latest, lost_text(lost))
end

--- Leaves a request to be sent.
---@return boolean|nil
---@return klaviyo.error|nil
function M.send(settings, request, op)
  local most = settings.max_queued_events
  local ok, why, secret = transport.leave(settings, request, op, most)
  if errors.is(why) then
    return nil, why
  end
  latest = settings
  remember(secret)
  if type(ngx) == "table" then
    exit_hook.report_later()
  elseif core.clock() >= due then
    M.report()
  end
  if ok then
    return true
  end
  return nil, errors.new {
    kind = why == "full" and "queue_full" or "transport",
    operation = op.id,
    message = why == "full" and ("%d tracked events, or 64 MiB of them, wait "
      .. "to be sent already"):format(most) or tostring(why),
  }
end

--- What this process has under way.
function M.stats()
  local queued, running = core.stats()
  return {queued = queued, running = running, tracked = core.background_stats()}
end

--- Waits until nothing that is tracked is left.
---@param seconds number
---@return integer lost  since the last time
---@return integer waiting
---@return string|nil why  what was lost, and why
function M.drain(settings, seconds)
  if type(seconds) ~= "number" or seconds < 0 then
    usage_error.raise("drain takes a number of seconds, not %s",
      usage_error.shown(seconds))
  end
  local till = core.clock() + seconds
  while true do
    local tracked = core.background_stats()
    local waiting = tracked.queued + tracked.running
    if waiting == 0 or core.clock() >= till then
      M.report()
      -- a child process begins to count anew
      local lost = tracked.failed - math.min(drained, tracked.failed)
      drained = tracked.failed
      return lost, waiting, lost > 0 and lost_text(lost) or nil
    end
    tasks.sleep(math.min(POLL_INTERVAL, math.max(till - core.clock(), 0)),
      settings.wait)
  end
end

return M
