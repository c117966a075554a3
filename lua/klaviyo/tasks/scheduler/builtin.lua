--- The loop for programs without an event loop of their own. A task is a
--- coroutine that is suspended while it waits for a ticket, for a time, or for
--- another task.

local core = require "klaviyo.core"
local interrupt = require "klaviyo.tasks.scheduler.interrupt"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local MAX_BLOCK, is_interrupt = interrupt.MAX_BLOCK, interrupt.is_interrupt

-- Seconds between two polls of the core by another loop, if the core has no
-- descriptor to watch, or one that does not show all events.
local POLL_INTERVAL = 0.01

-- A task yields this while it waits in this library. A task that
-- yields anything else lets the others run first, and then continues.
local SUSPENDED = {}

-- A task is kept alive by the code that refers to it, and not by its waiting: a
-- task that nothing refers to does not continue.
local WEAK = {__mode = "v"}

local queue, first, last = setmetatable({}, WEAK), 1, 0  -- the ready ones
local waiting = setmetatable({}, WEAK)  -- by the serials of their tickets
local heap = {}  -- the sleepers: {due =, task =}, the next one first

local current  -- the task that was resumed last and is not suspended yet

local running, status = coroutine.running, coroutine.status

--- Lets a task continue. It may be ready already: a task waits in a loop.
function M.ready(task)
  last = last + 1
  queue[last] = task
end

--- Starts a task as soon as the task that spawned it waits.
function M.start(task)
  task.thread = coroutine.create(task.fn)
  usage_error.begins(task.thread, task.fn)
  task.fn = nil
  M.ready(task)
end

--- Returns nothing: this loop asks the core which requests are finished.
function M.completion_queue()
end

local function next_ready()
  while first <= last do
    local task = queue[first]
    queue[first] = nil
    first = first + 1
    if task then
      return task
    end
  end
  first, last = 1, 0
end

--- Returns the task that runs this code and can be suspended, or nil. Waiting
--- then blocks: outside of tasks, in a coroutine that a task created, within
--- `string.gsub`.
function M.inside()
  if current and running() == current.thread and coroutine.isyieldable() then
    return current
  end
end

local function on_stack(task)
  local state = task.thread and status(task.thread)
  return state == "running" or state == "normal"
end

--- Returns whether a task was resumed and has not been suspended since.
M.is_on_stack = on_stack

--- Returns the task that runs this code, however deep in other coroutines.
function M.enclosing()
  if current and not on_stack(current) then
    current = nil  -- an error ended the code that resumed it
  end
  return current
end

--- Suspends the current task until it is made ready.
function M.suspend()
  coroutine.yield(SUSPENDED)
end

--- Frees the coroutine of a task that was cancelled.
---@return boolean ok, any err  what its closing values raised
function M.discard(task)
  local thread = task.thread
  task.thread = nil
  if coroutine.close then
    return coroutine.close(thread)
  end
  return true
end

local function resumed(before, task, ok, ...)
  current = before
  if status(task.thread) ~= "dead" then
    if task.done then
      M.discard(task)
    elseif ... ~= SUSPENDED then
      M.ready(task)
    end
    return
  end
  task.thread = nil
  if not task.done then
    task:finish(ok, ...)
  end
  if not ok and is_interrupt((...)) then
    error((...), 0)
  end
end

local function resume(task)
  local before, arguments = M.enclosing(), task.arguments
  current, task.arguments = task, nil
  if arguments then
    resumed(before, task, coroutine.resume(task.thread,
      (table.unpack or unpack)(arguments, 1, arguments.n)))  -- luacheck: ignore 113
  else
    resumed(before, task, coroutine.resume(task.thread))
  end
end

local function add_sleeper(node)
  local at = #heap + 1
  while at > 1 do
    local up = (at - at % 2) / 2
    if heap[up].due <= node.due then
      break
    end
    heap[at], at = heap[up], up
  end
  heap[at] = node
end

local function remove_sleeper()
  local node = table.remove(heap)
  local size, at = #heap, 1
  while size > 0 do
    local down = at * 2
    if down < size and heap[down + 1].due < heap[down].due then
      down = down + 1
    end
    if down > size or heap[down].due >= node.due then
      heap[at] = node
      break
    end
    heap[at], at = heap[down], down
  end
end

--- Makes a task ready at a time of the core's clock.
function M.ready_at(due, task)
  add_sleeper(setmetatable({due = due, task = task}, WEAK))
end

--- Makes a task ready when a ticket is done.
function M.ready_when(serial, task)
  waiting[serial] = task
end

-- Makes the sleepers ready whose time has come. Returns the seconds until the
-- next one is due, and the time.
local function wake_sleepers()
  local now = core.clock()
  while heap[1] and heap[1].due <= now do
    local task = heap[1].task
    remove_sleeper()
    if task then
      M.ready(task)
    end
  end
  return heap[1] and heap[1].due - now, now
end

-- Seconds between reports of what the tasks wait for.
local LOOK_GAP = 0.25
local next_look = 0

local function look_at_waiting()
  local tasks = {}
  for _, task in pairs(waiting) do
    tasks[#tasks + 1] = task
  end
  for _, task in ipairs(tasks) do
    if task.look and not task.done then
      task.look()
    end
  end
end

--- Lets another loop run for some seconds, or until the core has work to do.
---@param wait fun(fd: integer|nil, seconds: number)  the user's
---@param seconds number  at the most
---@param shared boolean|nil  another task may take the event that is waited for
function M.run_outer_loop(wait, seconds, shared)
  local fd, due = core.pollfd()
  local most = (shared or not fd) and POLL_INTERVAL or MAX_BLOCK
  wait(fd, math.min(seconds, due or most, most))
end

local function look_at_core(seconds, wait)
  if wait and seconds > 0 then
    M.run_outer_loop(wait, seconds, true)
    seconds = 0
  end
  for _, serial in ipairs(core.wait_any(seconds)) do
    local task = waiting[serial]
    waiting[serial] = nil
    if task then
      M.ready(task)
    end
  end
end

--- Resumes the tasks that are ready; if there are none, waits until one may be.
---@param wait (fun(fd: integer|nil, seconds: number))|nil
function M.step(wait)
  local pause, now = wake_sleepers()
  if now >= next_look then
    next_look = now + LOOK_GAP
    look_at_waiting()
  end
  if first <= last then
    look_at_core(0)  -- requests make progress even if a task is always ready
  else
    look_at_core(math.min(MAX_BLOCK, pause or MAX_BLOCK), wait)
  end
  for _ = first, last do  -- only those ready now: they may become ready again
    local task = next_ready()
    if not task then
      break
    end
    if not task.done then
      resume(task)
    end
  end
end

local function look_at(pending, look)
  local seconds, why = pending.ticket:waits()
  if seconds then
    look(pending, seconds, why)
  end
end

--- Waits for a request outside of tasks.
---@param pending {ticket: userdata}
---@param wait (fun(fd: integer|nil, seconds: number))|nil
---@param look fun(pending: table, seconds: number, why: string)  called now and
--- then while the request waits for a rate limit or for its next attempt
function M.block(pending, wait, look)
  local ticket = pending.ticket
  if wait then
    ticket:watch()
    while not ticket:wait(0) do
      look_at(pending, look)
      M.run_outer_loop(wait, MAX_BLOCK)
    end
    return
  end
  repeat
    look_at(pending, look)
  until ticket:wait(MAX_BLOCK)
end

--- Waits outside of tasks, for some seconds at the most.
---@param seconds number
---@param wait (fun(fd: integer|nil, seconds: number))|nil
function M.pause(seconds, wait)
  seconds = math.max(seconds, 0)
  if wait then
    M.run_outer_loop(wait, seconds)
    core.pump(0)
  else
    core.pump(math.min(seconds, MAX_BLOCK))
  end
end

if type(jit) == "table" then
  -- compiled code does not run the hook of a Ctrl-C
  jit.off(M.step)
  jit.off(M.block)
end

return M
