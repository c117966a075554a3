--- How tasks wait: in a loop of this library, or as light threads of nginx.
--- Each function decides at every call which of them it uses: a module that
--- one of them loaded may be used by the other.

local interrupt = require "klaviyo.tasks.scheduler.interrupt"
local lazy_require = require "klaviyo.util.lazy_require"

local builtin = lazy_require "klaviyo.tasks.scheduler.builtin"
local nginx = lazy_require "klaviyo.tasks.scheduler.nginx"

local M = {
  MAX_BLOCK = interrupt.MAX_BLOCK,
  is_interrupt = interrupt.is_interrupt,
}

--- Lets a task continue. It may be ready already: a task waits in a loop.
function M.ready(task)
  return (type(ngx) == "table" and nginx or builtin).ready(task)
end

--- Starts a task as soon as the task that spawned it waits.
function M.start(task)
  return (type(ngx) == "table" and nginx or builtin).start(task)
end

--- Returns the queue in which the core announces finished requests, if this
--- scheduler has one.
function M.completion_queue()
  return (type(ngx) == "table" and nginx or builtin).completion_queue()
end

--- Returns the task that runs this code and can be suspended, or nil.
function M.inside()
  return (type(ngx) == "table" and nginx or builtin).inside()
end

--- Returns the task that runs this code, however deep in other coroutines.
function M.enclosing()
  return (type(ngx) == "table" and nginx or builtin).enclosing()
end

--- Returns whether a task was resumed and has not been suspended since.
function M.is_on_stack(task)
  return (type(ngx) == "table" and nginx or builtin).is_on_stack(task)
end

--- Suspends the current task until it is made ready.
function M.suspend()
  return (type(ngx) == "table" and nginx or builtin).suspend()
end

--- Frees a task that was cancelled.
---@return boolean ok
---@return any err  what its closing values raised
function M.discard(task)
  return (type(ngx) == "table" and nginx or builtin).discard(task)
end

--- Makes a task ready at a time of the core's clock.
function M.ready_at(due, task)
  return (type(ngx) == "table" and nginx or builtin).ready_at(due, task)
end

--- Makes a task ready when a ticket is done.
function M.ready_when(serial, task)
  return (type(ngx) == "table" and nginx or builtin).ready_when(serial, task)
end

-- Whether a function of the built-in loop was called. Before that, no task can
-- exist, and a program that makes calls one after another never loads the loop.
local function is_loop_used()
  return next(builtin) ~= nil
end

--- Returns whether no task can run while this code waits.
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function M.is_blocking(wait)
  return type(ngx) ~= "table" and not wait
    and not (is_loop_used() and builtin.inside())
end

--- Waits until a request is done, in a task or outside of tasks.
---@param pending {ticket: userdata, settings: table}
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
---@param look fun(pending: table, seconds: number, why: string)  called from time
--- to time while the request waits for a rate limit or for its next attempt
function M.wait_for(pending, wait, look)
  local scheduler = type(ngx) == "table" and nginx or builtin
  local ticket, me = pending.ticket, scheduler.inside()
  if not me then
    return scheduler.block(pending, wait, look)
  end
  -- a closure, so that a program that prints a task does not print settings
  me.look = function()
    local seconds, why = ticket:waits()
    if seconds then
      look(pending, seconds, why)
    end
  end
  local serial = ticket:announce()
  me.ticket, me.is_observed = ticket, pending.settings.on_wait ~= nil
  if me.done then  -- it was cancelled, and ran on to here
    ticket:close()
    scheduler.suspend()
  end
  while not ticket:done() do
    me.look()
    scheduler.ready_when(serial, me)
    scheduler.suspend()
  end
  me.ticket, me.look, me.is_observed = nil, nil, nil
end

-- The functions below are for code outside of tasks. In nginx there is none:
-- they raise.

--- Lets another loop run for some seconds, or until the core has work to do.
function M.run_outer_loop(wait, seconds, is_shared)
  return (type(ngx) == "table" and nginx or builtin).run_outer_loop(wait,
    seconds, is_shared)
end

--- Resumes the tasks that are ready; if there are none, waits for one.
function M.step(wait)
  return (type(ngx) == "table" and nginx or builtin).step(wait)
end

--- Waits for some seconds at the most.
function M.pause(seconds, wait)
  return (type(ngx) == "table" and nginx or builtin).pause(seconds, wait)
end

return M
