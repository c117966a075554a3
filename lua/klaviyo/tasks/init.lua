--- Many calls at a time, in the same direct style: a call inside a task gives
--- way to the others until its answer is there; outside of all tasks it just
--- blocks.
---
---     klaviyo.run(function()
---       local one = klaviyo.spawn(function() return client.lists:get(a) end)
---       local two = klaviyo.spawn(function() return client.lists:get(b) end)
---       print(one:wait(), two:wait())
---     end)
---
--- No error vanishes: it comes to those who wait for the task, or else out of
--- `run`. A call in a coroutine of one's own that is no task blocks, with all
--- tasks standing still; `coroutine.yield` in a task lets the others go first.

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
---@field done boolean  whether it came to its end
local Task = {}
Task.__index = Task
Task.__name = "klaviyo.Task"

-- The tasks that one `run` sees to their end: those of a run within a task
-- apart from those around it. What is spawned outside of all belongs to the
-- root, and so to the next run; in nginx, which has many outsides, to the
-- light thread that spawned it, for whose end nobody waits.
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
    usage_error.raise("a task is made of a function, not %s", usage_error.kind(fn))
  end
  return setmetatable({
    fn = fn, arguments = {n = select("#", ...), ...}, done = false,
    group = group_of(scheduler.enclosing()),
  }, Task)
end

local function enlist(task, group)
  task.group = group
  group.alive[task] = true
  group.count = group.count + 1
  scheduler.start(task)
  return task
end

--- Starts a task.
---@param fn function
---@param ... any  its arguments
---@return klaviyo.Task
function M.spawn(fn, ...)
  local task = new(fn, ...)
  return enlist(task, task.group)
end

--- Starts a task that is given up on when nobody holds it any more. Its error
--- is for who waits for it.
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

-- What each task waits for, which is not to be kept alive by that.
local awaited = setmetatable({}, {__mode = "kv"})

-- For the scheduler: a task's function returned, or raised.
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
  for other in pairs(self.waiters or {}) do
    scheduler.ready(other)
  end
  self.waiters = nil
end

-- Whether a task, or one that it waits for, is such.
local function leads_to(task, is_such)
  while task do
    if is_such(task) then
      return true
    end
    task = awaited[task]
  end
  return false
end

-- Who goes on no sooner than a task ends: itself, and the runs around it.
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

local NEVER = "this task would wait for ever: what it waits for waits for it"

--- A task begins to wait for another: it is told when that ends. Raises where
--- that would never be.
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

-- Waits inside a task until another is done, or `is_over` says so.
local function await_inside(me, other, is_over)
  M.begin_wait(me, other)
  while not is_over() do
    scheduler.suspend()
  end
  M.end_wait(me)
end

--- Waits outside of tasks, or in a task's own coroutine, which stands still
--- meanwhile, as do those that resumed it.
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

--- Waits for the end of a task and gives what its function gave; an error in
--- it is raised here.
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function Task:wait(wait)
  local function is_over()
    return self.done
  end
  local me = scheduler.inside()
  if me and not self.done then
    await_inside(me, self, is_over)
  elseif not self.done then
    M.await_blocking(self, is_over, wait)
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

--- Gives up on a task: it does not go on, and what it waits for is cancelled.
--- Who waits for it is told by an error of kind "cancelled".
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
    scheduler.suspend()  -- for good
  elseif not scheduler.is_on_stack(self) then
    local ok, err = scheduler.discard(self)
    if not ok then
      self.values[1] = err
      note_failure(self)
    end
  end
end

-- The errors that nobody waited for, the main task's first.
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

--- Runs a function as a task, and all that it spawns, to their end; gives
--- what it gave. Where it raises, the others are given up on.
---
--- An error that nobody waited for is raised here; several as one, which reads
--- as the first and has all of them in `failures`.
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
    error(err, 0)  -- a Ctrl-C, most likely: no word of the others
  elseif count > 0 then
    err = count > 1 and aggregate_error.new(list, count) or list[1]
    if not (outer and outer.thread) then
      warning.log_raised(err)
    end
    error(err, 0)
  end
  return main:wait()
end

--- Waits until a request is done.
---@param flight {ticket: userdata}
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
---@param look fun(flight: table)  called now and then while it is not done
function M.wait_for(pending, wait, look)
  local ticket = pending.ticket
  local me = scheduler.inside()
  if me then
    -- a function: a program that prints a task does not print the settings
    me.look = function()
      look(pending)
    end
    local serial = ticket:announce()
    me.ticket = ticket
    if me.done then  -- cancelled, and still running until here
      ticket:close()
      scheduler.suspend()
    end
    while not ticket:done() do
      look(pending)
      scheduler.ready_when(serial, me)
      scheduler.suspend()
    end
    me.ticket, me.look = nil, nil
  else
    scheduler.block(pending, wait, look)
  end
end

--- Waits for so many seconds.
---@param seconds number
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function M.sleep(seconds, wait)
  if type(seconds) ~= "number" then
    usage_error.raise("sleep takes a number of seconds, not %s",
      usage_error.kind(seconds))
  end
  local till = core.clock() + seconds
  local me = scheduler.inside()
  repeat
    if me then
      scheduler.ready_at(till, me)
      scheduler.suspend()
    else
      scheduler.pause(till - core.clock(), wait)
    end
  until core.clock() >= till
end

if type(jit) == "table" then
  jit.off(M.sleep)
end

return M
