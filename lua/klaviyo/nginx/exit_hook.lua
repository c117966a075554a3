--- Finishes the requests in progress when a worker exits: a timer far in the
--- future, which nginx runs at once then. It waits until everything is sent,
--- reports the events that were lost, and stops the completion listener, which
--- would keep the worker alive until its idle timeout.

local core = require "klaviyo.core"
local timers = require "klaviyo.nginx.timers"

local M = {}

local FAR, STEP, REPORT_GAP = 10 * 365 * 86400, 0.01, 1
local MAX_TRACKING = 120  -- seconds, once the worker is to end

local is_watching = false
local report_lost  -- reports the events that were lost; nil until one is tracked

local function is_tracking()
  local tracked = core.background_stats()
  return tracked.queued + tracked.running > 0
end

-- Calls end by their deadline. What is tracked may be retried for an hour, and
-- is given so long as a call.
local function is_busy(ending)
  local queued, running = core.stats()
  local tracked = core.background_stats()
  local background = tracked.queued + tracked.running
  return queued + running > background
    or background > 0 and core.clock() < ending
end

-- nginx, where it is told to, ends all before that by cutting all connections,
-- the reader's among them.
local function drain(_, reader)
  local ending = core.clock() + MAX_TRACKING
  reader.was_cut = false
  while is_busy(ending) and not reader.was_cut do
    reader.start()
    ngx.sleep(STEP)
  end
  if report_lost then
    report_lost()
  end
  is_watching = false
  reader.stop()
end

local report_timer

local function run_report(premature)
  report_lost()
  if not premature and is_tracking() then
    report_timer:start(REPORT_GAP)
  end
end

report_timer = timers.new(run_report)

--- Calls a function about every second while events are in progress, and once
--- when the worker exits.
---@param report fun()
function M.report_later(report)
  report_lost = report
  report_timer:start(REPORT_GAP)
end

--- Has the worker's end be seen to.
function M.watch(reader)
  if is_watching or ngx.get_phase() == "exit_worker" or core.completion_queues() > 1 then
    return
  end
  is_watching = ngx.timer.at(ngx.worker.exiting() and 0 or FAR, drain,
    reader) ~= nil
end

return M
