--- Sends events in the background, with retries. Lost events are counted, and
--- reported as a warning.

local call = require "klaviyo.call"
local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local lazy_require = require "klaviyo.util.lazy_require"
local report = require "klaviyo.events.report"
local usage_error = require "klaviyo.util.usage_error"
local tasks = require "klaviyo.tasks"
local transport = require "klaviyo.transport.transport"

local exit_hook = lazy_require "klaviyo.nginx.exit_hook"

local M = {}

local POLL_INTERVAL = 0.01  -- seconds

-- The number of failed events when drain was last called. When this module is
-- loaded, in another Lua state or again, earlier failures do not count.
local drained = core.background_stats().failed

-- The settings and the key of the event before: most events have the same ones.
local latest, latest_secret

local function refused(op, why, max_queued)
  return errors.new {
    kind = why == "full" and "queue_full" or "transport",
    operation = op.id,
    message = why == "full" and ("the queue is full: %d tracked events, or 64 "
      .. "MiB of them, wait to be sent; track this one later, or set "
      .. "max_queued_events"):format(max_queued) or tostring(why),
  }
end

local function enqueue(settings, request, op)
  local max_queued = settings.max_queued_events
  local ok, why, secret = transport.enqueue(settings, request, op, max_queued)
  if not ok and errors.is(why) then
    return nil, why
  end
  if settings ~= latest or secret ~= latest_secret then
    latest, latest_secret = settings, secret
    report.remember(settings, secret)
  end
  if type(ngx) == "table" then
    exit_hook.report_later(report.run)
  elseif core.clock() >= report.due then
    report.run()
  end
  if not ok then
    return nil, refused(op, why, max_queued)
  end
  return true
end

--- Queues an event that is sent in the background.
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@param op table  the record of the operation
---@param body table|string  its document
---@param owned boolean|nil  the document was built by the library
---@return true|nil
---@return klaviyo.Error|nil
function M.send(settings, api, op, body, owned)
  local request
  request, settings = call.prepare(settings, api, op, {body = body}, owned)
  return enqueue(settings, request, op)
end

--- Queues an event, as `send` does, with the bytes of its document.
---@param bytes userdata  of encoder.lua
---@return true|nil
---@return klaviyo.Error|nil
function M.send_bytes(settings, api, op, bytes)
  local request
  request, settings = call.prepare_bytes(settings, api, op, bytes)
  return enqueue(settings, request, op)
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
