--- What is sent while nobody waits for it: events, which go out in their turn
--- with retries. What is lost is counted, and told as a warning.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local report = require "klaviyo.events.report"
local usage_error = require "klaviyo.util.usage_error"
local tasks = require "klaviyo.tasks"
local transport = require "klaviyo.transport.transport"

local M = {}

local POLL_INTERVAL = 0.01  -- seconds between looks at whether all is sent

-- How many had failed when drain was last called; in nginx, and after a reload
-- of this module, those of other Lua states do not count.
local drained = core.background_stats().failed

--- Leaves a request to be sent.
---@return boolean|nil
---@return klaviyo.Error|nil
function M.send(settings, request, op)
  local most = settings.max_queued_events
  local ok, why, secret = transport.leave(settings, request, op, most)
  if errors.is(why) then
    return nil, why
  end
  report.after_event(settings, secret)
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
      report.run()
      -- a child process begins to count anew
      local lost = tracked.failed - math.min(drained, tracked.failed)
      drained = tracked.failed
      return lost, waiting, lost > 0 and report.text(lost) or nil
    end
    tasks.sleep(math.min(POLL_INTERVAL, math.max(till - core.clock(), 0)),
      settings.wait)
  end
end

return M
