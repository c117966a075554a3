--- Sends events in the background, with retries. Lost events are counted, and
--- reported as a warning.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local report = require "klaviyo.events.report"
local usage_error = require "klaviyo.util.usage_error"
local tasks = require "klaviyo.tasks"
local transport = require "klaviyo.transport.transport"

local M = {}

local POLL_INTERVAL = 0.01  -- seconds

-- The number of failed events when drain was last called. When this module is
-- loaded, in another Lua state or again, earlier failures do not count.
local drained = core.background_stats().failed

--- Queues a request that is sent in the background.
---@param settings klaviyo.Settings
---@param request table
---@param op table
---@return true|nil
---@return klaviyo.Error|nil
function M.send(settings, request, op)
  local max_queued = settings.max_queued_events
  local ok, why, secret = transport.enqueue(settings, request, op, max_queued)
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
    message = why == "full" and ("the queue is full: %d tracked events, or 64 "
      .. "MiB of them, wait to be sent; track this one later, or set "
      .. "max_queued_events"):format(max_queued) or tostring(why),
  }
end

--- Returns the counts of the requests of this process.
function M.stats()
  local queued, running = core.stats()
  return {queued = queued, running = running, tracked = core.background_stats()}
end

--- Waits until all tracked events are sent, or the time is over.
---@param settings klaviyo.Settings
---@param seconds number  at most
---@return integer lost  the number of events that were lost since the last call
---@return integer waiting  the number of events that are not sent yet
---@return string|nil why  the number of lost events, and the reasons
function M.drain(settings, seconds)
  if type(seconds) ~= "number" or seconds < 0 then
    usage_error.raise("drain takes a number of seconds, not %s",
      usage_error.shown(seconds))
  end
  local deadline = core.clock() + seconds
  while true do
    local stats = core.background_stats()
    local waiting = stats.queued + stats.running
    if waiting == 0 or core.clock() >= deadline then
      report.run()
      -- in a child process the count begins again at 0
      local lost = stats.failed - math.min(drained, stats.failed)
      drained = stats.failed
      return lost, waiting, lost > 0 and report.text(lost) or nil
    end
    tasks.sleep(math.min(POLL_INTERVAL, math.max(deadline - core.clock(), 0)),
      settings.wait)
  end
end

return M
