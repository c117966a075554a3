--- Waiting, alone or many at a time, in the same direct style: a call inside
--- a task gives way to the others until its answer is there; outside of
--- `run` it just blocks.

local core = require "klaviyo.core"
local misuse = require "klaviyo.misuse"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

-- The core gives way this often, so that a signal's hook can run in between.
local SLICE = 0.2

-- Where the core has no descriptor to watch, another loop looks this often.
local GLANCE = 0.01

---@class klaviyo.task
---@field thread thread
---@field done boolean
local Task = {}
Task.__index = Task
Task.__name = "klaviyo.task"

local current            -- the task that runs
local ready = {}         -- tasks to be resumed, the next first
local first_ready = 1
local alive = {}         -- spawned tasks that are not done
local sleepers = {}      -- task → when to wake it

-- Tasks by the serial of the ticket they wait for. What nobody holds any
-- more is not to be kept alive by its waiting.
local waiting = setmetatable({}, {__mode = "v"})

local function make_ready(task)
  ready[#ready + 1] = task
end

--- Whether the caller is a task, so that waiting is giving way.
function M.is_inside()
  return current ~= nil and coroutine.running() == current.thread
end

-- The end of a task wakes those that wait for it.
local function finish(task, ok, ...)
  task.done, task.ok = true, ok
  task.values, task.count = {...}, select("#", ...)
  alive[task] = nil
  for _, other in ipairs(task.waiters or {}) do
    make_ready(other)
  end
end

local function after_resume(task, ok, ...)
  if coroutine.status(task.thread) == "dead" then
    finish(task, ok, ...)
  end
end

local function resume(task)
  if task.done then
    return
  end
  local before = current
  current = task
  -- a task that is cancelled meanwhile is done: its end is told already
  local function back(...)
    current = before
    if not task.done then
      after_resume(task, ...)
    end
  end
  back(coroutine.resume(task.thread, unpack(task.arguments or {}, 1,
    task.argument_count or 0)))
  task.arguments = nil
  task.argument_count = nil
end

local function wake_sleepers()
  local now, next_time = core.clock(), nil
  for task, time in pairs(sleepers) do
    if time <= now then
      sleepers[task] = nil
      make_ready(task)
    elseif not next_time or time < next_time then
      next_time = time
    end
  end
  return next_time and next_time - now
end

-- Resumes what is ready; where nothing is, waits until something may be.
local function step()
  local pause = wake_sleepers()
  if first_ready > #ready then
    ready, first_ready = {}, 1
    for _, serial in ipairs(core.wait(math.min(SLICE, pause or SLICE))) do
      local task = waiting[serial]
      waiting[serial] = nil
      if task then
        make_ready(task)
      end
    end
    return
  end
  local last = #ready
  while first_ready <= last do
    local task = ready[first_ready]
    ready[first_ready] = false
    first_ready = first_ready + 1
    resume(task)
  end
end

if type(jit) == "table" then
  jit.off(step)  -- compiled code would not look at the hook of a Ctrl-C
end

local function new(fn, ...)
  return setmetatable({
    thread = coroutine.create(fn), done = false,
    arguments = {...}, argument_count = select("#", ...),
  }, Task)
end

--- Starts a task. Its errors come to whoever waits for it, or else out of
--- `run`.
---@param fn function
---@return klaviyo.task
function M.spawn(fn, ...)
  local task = new(fn, ...)
  alive[task] = true
  make_ready(task)
  return task
end

--- A task that ends when nobody holds it any more.
function M.start(fn, ...)
  local task = new(fn, ...)
  make_ready(task)
  return task
end

local function block_until(task)
  while not task.done do
    step()
  end
end

if type(jit) == "table" then
  jit.off(block_until)
end

--- Waits for the end of a task and gives what its function gave; an error in
--- it is raised here.
function Task:wait()
  if not self.done then
    if M.is_inside() then
      if self == current then
        misuse.raise("a task cannot wait for itself")
      end
      self.waiters = self.waiters or {}
      self.waiters[#self.waiters + 1] = current
      repeat
        coroutine.yield()
      until self.done
    else
      block_until(self)
    end
  end
  self.seen = true
  if not self.ok then
    error(self.values[1], 0)
  end
  return unpack(self.values, 1, self.count)
end

--- Gives up on a task: it is not resumed, and what it waits for is cancelled.
function Task:cancel()
  if self.done then
    return
  end
  self.seen = true
  if self.ticket then
    self.ticket:close()
    waiting[self.serial] = nil
  end
  sleepers[self] = nil
  finish(self, false, "cancelled")
  if coroutine.close and coroutine.status(self.thread) == "suspended" then
    coroutine.close(self.thread)
  end
end

-- A task that failed unseen, where there is one.
local function unseen(tasks)
  for task in pairs(tasks) do
    if task.done and not task.ok and not task.seen then
      return task
    end
  end
end

--- Runs a function as a task, and all that it spawns, to their end; gives
--- what it gave. An error that nobody waited for is raised here.
---@param fn function
function M.run(fn, ...)
  if M.is_inside() then
    return M.spawn(fn, ...):wait()
  end
  local main = M.spawn(fn, ...)
  local all = {[main] = true}
  while next(alive) do
    for task in pairs(alive) do
      all[task] = true
    end
    step()
    if main.done and not main.ok then
      break
    end
  end
  if not main.ok then
    for task in pairs(alive) do
      task:cancel()
    end
    return main:wait()
  end
  local failed = unseen(all)
  if failed then
    failed:wait()
  end
  return main:wait()
end

local function block(ticket)
  while not ticket:wait(SLICE) do end  -- luacheck: ignore 542
end

if type(jit) == "table" then
  jit.off(block)
end

-- Another loop watches the core's descriptor, or looks now and then.
local function wait_by(ticket, wait)
  while not ticket:wait(0) do
    local fd, seconds = core.watch()
    wait(fd, math.min(seconds or SLICE, fd and SLICE or GLANCE))
  end
end

--- Waits until a ticket is done.
---@param ticket userdata
---@param serial integer
---@param wait (fun(fd: integer|nil, seconds: number))|nil  the user's own way
function M.wait_for(ticket, serial, wait)
  if M.is_inside() then
    local task = current
    task.ticket, task.serial = ticket, serial
    while not ticket:done() do
      waiting[serial] = task
      coroutine.yield()
    end
    waiting[serial] = nil
    task.ticket, task.serial = nil, nil
  elseif wait then
    wait_by(ticket, wait)
  else
    block(ticket)
  end
end

--- Waits for so many seconds.
---@param seconds number
function M.sleep(seconds)
  local till = core.clock() + seconds
  if M.is_inside() then
    sleepers[current] = till
    coroutine.yield()
    return
  end
  while true do
    local left = till - core.clock()
    if left <= 0 then
      return
    end
    core.pump(math.min(left, SLICE))
  end
end

if type(jit) == "table" then
  jit.off(M.sleep)
end

return M
