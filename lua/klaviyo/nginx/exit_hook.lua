--- Finishes the requests in progress when a worker exits. The hook is a timer far
--- in the future: nginx runs it at once when the worker exits. It waits until
--- everything is sent, reports the events that were lost, and stops the completion
--- listener, which would keep the worker alive until its idle timeout.

local core = require "klaviyo.core"
local timers = require "klaviyo.nginx.timers"

local M = {}

local FAR, STEP, REPORT_GAP = 10 * 365 * 86400, 0.01, 1
local MAX_BACKGROUND = 120  -- seconds for tracked events when a worker exits

local is_watching = false
local report_lost  -- reports the events that were lost; nil until one is tracked

local function background_count()
  local stats = core.background_stats()
  return stats.queued + stats.running
end

-- Calls end by their own deadline. Events may be retried for an hour, so this
-- sets a deadline for them.
local function is_busy(deadline)
  local queued, running = core.stats()
  local background = background_count()
  return queued + running > background
    or background > 0 and core.clock() < deadline
end

-- With worker_shutdown_timeout nginx ends this sooner: it closes all
-- connections, also that of the listener.
local function drain(_, listener)
  local deadline = core.clock() + MAX_BACKGROUND
  listener.was_closed = false
  while is_busy(deadline) and not listener.was_closed do
    listener.start()
    ngx.sleep(STEP)
  end
  if report_lost then
    report_lost()
  end
  is_watching = false
  listener.stop()
end

local report_timer

local function run_report(premature)
  report_lost()
  if not premature and background_count() > 0 then
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

--- Drains the requests in progress when the worker exits.
---@param listener table  the completion listener
function M.watch(listener)
  if is_watching or ngx.get_phase() == "exit_worker" or core.completion_queues() > 1 then
    return
  end
  is_watching = ngx.timer.at(ngx.worker.exiting() and 0 or FAR, drain,
    listener) ~= nil
end

return M
