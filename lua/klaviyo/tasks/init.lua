--- Runs many calls at a time, in the same direct style. A call in a task lets
--- the other tasks run until its response is there; outside of tasks it blocks.
---
---     klaviyo.run(function()
---       local one = klaviyo.spawn(function() return client.lists:get(a) end)
---       local two = klaviyo.spawn(function() return client.lists:get(b) end)
---       print(one:wait(), two:wait())
---     end)
---
--- No error is lost: the code that waits for a task receives its error; if no
--- code waits for it, `run` raises it. A call in a coroutine that the program
--- created itself blocks all tasks; `coroutine.yield` in a task lets the other
--- tasks run first.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local scheduler = require "klaviyo.tasks.scheduler"

local errors = lazy_require "klaviyo.response.errors"
local aggregate_error = lazy_require "klaviyo.response.aggregate_error"
local warning = lazy_require "klaviyo.util.warning"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

---@class klaviyo.Task
---@field done boolean  whether it has ended
local Task = {}
Task.__index = Task
Task.__name = "klaviyo.Task"

-- A group is the tasks that one `run` waits for. A `run` inside a task has a
-- group of its own. A task that is spawned outside of all tasks belongs to the
-- root group, and so to the next `run`. In nginx it belongs to the light thread
-- that spawned it, and no `run` waits for it.
local function new_group(owner)
  return {owner = owner, alive = {}, count = 0, failed = {}, last = 0}
end

local root = new_group()

local function group_of(outer)
  if not outer then
    return root
  elseif not outer.group then
    outer.group = new_group()
    outer.group.is_loose = true
  end
  return outer.group
end

local function new(fn, ...)
  if type(fn) ~= "function" then
    usage_error.raise("a task needs a function to run, not %s", usage_error.kind(fn))
  end
  return setmetatable({
    fn = fn, arguments = {n = select("#", ...), ...}, done = false,
    group = group_of(scheduler.enclosing()),
    -- The table has room for the fields of a call from the start: without that a
    -- call in a task takes 1.2 % more instructions.
    thread = nil, ticket = nil, look = nil, is_observed = nil, ok = nil,
    values = nil,
  }, Task)
end

local function enlist(task, group)
  task.group = group
  group.alive[task] = true
  group.count = group.count + 1
  scheduler.start(task)
  return task
end

--- Starts a task and returns it.
---@param fn function
---@param ... any  its arguments
---@return klaviyo.Task
function M.spawn(fn, ...)
  local task = new(fn, ...)
  return enlist(task, task.group)
end

--- Starts a task that belongs to no group: it stops when nothing refers to it
--- any more, and only code that waits for it receives its error.
function M.start(fn, ...)
  local task = new(fn, ...)
  scheduler.start(task)
  return task
end

local function note_failure(task)
  local group = task.group
  if group.is_loose then
    if not next(task.waiters or {}) then
      warning.log_error(task.values[1])
    end
    return
  end
  group.last = group.last + 1
  group.failed[task] = group.last
end

-- The task that each task waits for. The table is weak: waiting must not keep a
-- task alive.
local awaited = setmetatable({}, {__mode = "kv"})

-- The scheduler calls this when a task's function has returned or raised.
function Task:finish(ok, ...)
  self.done, self.ok = true, ok
  self.values = {n = select("#", ...), ...}
  local group = self.group
  if group.alive[self] then
    group.alive[self] = nil
    group.count = group.count - 1
    if not ok and not self.cancelled then
      note_failure(self)
    end
    if group.count == 0 and group.owner then
      scheduler.ready(group.owner)
    end
  end
  if self.waiters then
    for other in pairs(self.waiters) do
      scheduler.ready(other)
    end
    self.waiters = nil
  end
end

-- Returns whether the predicate holds for a task, or for one that it waits for.
local function leads_to(task, predicate)
  while task do
    if predicate(task) then
      return true
    end
    task = awaited[task]
  end
  return false
end

-- Returns a predicate that holds for the tasks that cannot continue before
-- `task` ends: itself, and the owners of the runs around it.
local function needs(task)
  return function(other)
    local at = task
    while at do
      if at == other then
        return true
      end
      at = at.group and at.group.owner
    end
    return false
  end
end

local NEVER = "this task would wait forever: the task that it waits for also "
  .. "waits for it"

--- Notes that a task waits for another one, whose end makes it ready. Raises an
--- error if that could never happen.
function M.begin_wait(me, other)
  if other == me then
    usage_error.raise("a task cannot wait for itself")
  elseif leads_to(other, needs(me)) then
    usage_error.raise(NEVER)
  end
  awaited[me] = other
  other.waiters = other.waiters or setmetatable({}, {__mode = "k"})
  other.waiters[me] = true
end

function M.end_wait(me)
  awaited[me] = nil
end

-- Waits inside a task for another one, until `is_over` returns true.
local function await_inside(me, other, is_over)
  M.begin_wait(me, other)
  while not is_over() do
    scheduler.suspend()
  end
  M.end_wait(me)
end

--- Waits outside of tasks, or in a coroutine that a task created: the task and
--- all coroutines that resumed it are then blocked.
function M.await_blocking(other, is_over, wait)
  local outer = scheduler.enclosing()
  if outer then
    awaited[outer] = other
  end
  while not is_over() do
    if outer and leads_to(other, scheduler.is_on_stack) then
      awaited[outer] = nil
      usage_error.raise(NEVER)
    end
    scheduler.step(wait)
  end
  if outer then
    awaited[outer] = nil
  end
end

if type(jit) == "table" then
  jit.off(M.await_blocking)
end

local function await(task, wait)
  local function is_over()
    return task.done
  end
  local me = scheduler.inside()
  if me then
    await_inside(me, task, is_over)
  else
    M.await_blocking(task, is_over, wait)
  end
end

--- Waits for the end of a task and returns what its function returned, or
--- raises the error of its function.
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function Task:wait(wait)
  if not self.done then
    await(self, wait)
  end
  self.group.failed[self] = nil
  if not self.ok then
    error(self.values[1], 0)
  end
  return unpack(self.values, 1, self.values.n)
end

local function cancel_all(group)
  for task in pairs(group.alive) do
    if not task.done then
      task:cancel()
    end
  end
end

--- Cancels a task: it does not continue, and the request or the tasks that it
--- waits for are cancelled. Code that waits for it receives an error of kind
--- "cancelled".
function Task:cancel()
  if self.done then
    return
  end
  self.cancelled = true
  self:finish(false, errors.new {
    kind = "cancelled", message = "the task was cancelled",
  })
  if self.ticket then
    self.ticket:close()
  end
  if self.inner then
    cancel_all(self.inner)
  end
  if self == scheduler.inside() then
    scheduler.suspend()  -- it is never resumed
  elseif not scheduler.is_on_stack(self) then
    local ok, err = scheduler.discard(self)
    if not ok then
      self.values[1] = err
      note_failure(self)
    end
  end
end

-- Returns the errors that no code waited for, the main task's first.
local function take_failures(group, main)
  local list = {}
  for task in pairs(group.failed) do
    list[#list + 1] = task
  end
  table.sort(list, function(a, b)
    if a == main or b == main then
      return a == main and a ~= b
    end
    return group.failed[a] < group.failed[b]
  end)
  group.failed, group.last = {}, 0
  local count = #list
  for i = 1, count do
    list[i] = list[i].values[1]  -- which may be nil
  end
  return list, count
end

local function drain(group, main)
  local function is_over()
    return main.done and (not main.ok or group.count == 0)
  end
  local me = scheduler.inside()
  if me then
    await_inside(me, main, is_over)
  else
    M.await_blocking(main, is_over)
  end
end

--- Runs a function as a task, waits for it and for all tasks that it spawned,
--- and returns what it returned. If it raises, the other tasks are cancelled.
---
--- Raises the error of a task that no code waited for. If there are several, it
--- raises one error: its message is that of the first, and `failures` has all.
---@param fn function
---@param ... any  its arguments
function M.run(fn, ...)
  local outer = scheduler.enclosing()
  local group = outer and new_group(outer) or root
  local main = enlist(new(fn, ...), group)
  local around = outer and outer.inner
  if outer then
    outer.inner = group
  end
  local ok, err = pcall(drain, group, main)
  if outer then
    outer.inner = around
  end
  if not ok or not main.ok then
    cancel_all(group)
  end
  local list, count = take_failures(group, main)
  if not ok then
    error(err, 0)  -- most likely a Ctrl-C: the other errors are not reported
  elseif count > 0 then
    err = count > 1 and aggregate_error.new(list, count) or list[1]
    if not (outer and outer.thread) then
      warning.log_raised(err)
    end
    error(err, 0)
  end
  return main:wait()
end

--- Returns the seconds since a fixed point in time, with fractions. The clock is
--- not set back: it measures durations.
---@return number
function M.clock()
  return core.clock()
end

--- Waits for a time; other tasks run meanwhile.
---@param seconds number
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function M.sleep(seconds, wait)
  if type(seconds) ~= "number" then
    usage_error.raise("sleep takes a number of seconds, not %s",
      usage_error.kind(seconds))
  end
  local due = core.clock() + seconds
  local me = scheduler.inside()
  repeat
    if me then
      scheduler.ready_at(due, me)
      scheduler.suspend()
    else
      scheduler.pause(due - core.clock(), wait)
    end
  until core.clock() >= due
end

if type(jit) == "table" then
  jit.off(M.sleep)
end

return M
