--- Tasks as light threads of nginx. Each waits on a semaphore of its own. Other
--- code that waits in this library is treated as a task: a handler, a light
--- thread or a coroutine of the program.
---
--- The tasks are kept by request, in ngx.ctx: a request never resumes a task of
--- another request, and tasks that nginx killed are forgotten with it.

local core = require "klaviyo.core"
local usage_error = require "klaviyo.util.usage_error"
local phases = require "klaviyo.nginx.phases"
local listener = require "klaviyo.nginx.completion_listener"
local semaphore = require "ngx.semaphore"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113
local running = coroutine.running

-- Seconds after which a task checks by itself whether it can continue: the
-- light thread that was to wake it may have been killed. It checks more often
-- while no listener runs, and to report what its request waits for.
local CHECK_INTERVAL, POLL_INTERVAL = 1, 0.05

local SHORTEST = 0.001  -- for a wait of 0 s nginx warns, or does not suspend

-- A request that had this many light threads keeps idle ones for a moment:
-- nginx frees its record of a light thread only when the request is over.
local MANY, LINGER = 64, 0.005

local KEY = {}  -- of the tasks of a request in ngx.ctx
local WEAK = {__mode = "k"}

local function request_tasks()
  local ctx = ngx.ctx
  local mine = ctx[KEY]
  if not mine then
    mine = {threads = setmetatable({}, WEAK), idle = {}, spawned = 0}
    ctx[KEY] = mine  -- luacheck: ignore 122
  end
  return mine
end

--- Returns the task that runs this code, or nil in a phase without waiting.
function M.inside()
  if not phases.can_wait() then
    return nil
  end
  local threads, thread = request_tasks().threads, running()
  local me = threads[thread]
  if not me then
    me = {done = false}
    threads[thread] = me
  end
  return me
end

--- Returns the task that runs this code. Raises in a phase without waiting.
function M.enclosing()
  phases.must_wait()
  return M.inside()
end

-- Semaphores are used again, unless one may still be posted: that would wake
-- the next task too early.
local pool, pooled, MAX_POOLED = {}, 0, 512

local function take_semaphore()
  if pooled == 0 then
    return assert(semaphore.new())
  end
  local one = pool[pooled]
  pool[pooled] = nil
  pooled = pooled - 1
  return one
end

local function give_back(one)
  if pooled < MAX_POOLED and one:count() == 0 then
    pooled = pooled + 1
    pool[pooled] = one
  end
end

--- Lets a task continue. It may be ready already: a task waits in a loop.
function M.ready(task)
  local one = task.semaphore
  if one then
    task.semaphore = nil
    one:post()
  else
    task.woken = true
  end
end

-- Returns whether the task was woken; false if the time is over.
local function wait(me, seconds)
  if me.woken then
    me.woken = nil
    return true
  end
  local one = take_semaphore()
  me.semaphore = one
  local ok, why = one:wait(seconds)
  me.semaphore = nil
  give_back(one)
  if not ok and why ~= "timeout" then
    usage_error.raise("nginx cannot wait here: %s", tostring(why))
  end
  return ok
end

-- A cancelled task continues only to unwind its stack.
local function raise_if_cancelled(me)
  if me.done then
    error(me.values[1], 0)
  end
end

local function wait_and_check(me)
  local seconds = CHECK_INTERVAL
  if me.serial and (me.is_observed or not listener.is_running()) then
    seconds = POLL_INTERVAL
  end
  if wait(me, seconds) then
    return
  elseif me.serial then
    listener.poll()
  else
    -- the holder of a lock, if nginx killed it, is collected within about 10 s
    collectgarbage("step", collectgarbage("count") / 10)
  end
end

--- Suspends the current task until it is made ready, or for some time: a task
--- waits in a loop and checks its condition itself.
function M.suspend()
  local me = M.enclosing()
  raise_if_cancelled(me)
  local due = me.due
  if not due then
    wait_and_check(me)
  else
    me.due = nil
    wait(me, math.max(due - core.clock(), SHORTEST))
  end
  me.serial = nil
  listener.wake_next()
  raise_if_cancelled(me)
end

--- Makes a task ready at a time of the core's clock.
function M.ready_at(due, task)
  task.due = due
end

--- Makes a task ready when a ticket is done.
function M.ready_when(serial, task)
  task.serial = serial
  listener.expect(serial, task)
end

listener.set_wake(M.ready)

--- Returns the queue in which the core announces finished requests.
M.completion_queue = listener.completion_queue

--- Wakes a task that was cancelled, so that it unwinds its stack.
function M.discard(task)
  M.ready(task)
  return true
end

--- Returns false: no task is blocked by this code.
function M.is_on_stack()
  return false
end

local function finish(task, ok, ...)
  if not task.done then
    task:finish(ok, ...)
  end
end

local function carry_out(task, threads)
  local thread = running()
  threads[thread], task.thread = task, thread
  local fn, arguments = task.fn, task.arguments
  task.fn, task.arguments = nil, nil
  usage_error.begins(thread, fn)
  if not task.done then
    finish(task, pcall(fn, unpack(arguments, 1, arguments.n)))
  end
  threads[thread], task.thread = nil, nil
end

local function linger(mine)
  if mine.spawned < MANY then
    return nil
  end
  local me = {}
  mine.idle[#mine.idle + 1] = me
  wait(me, LINGER)
  for at, other in ipairs(mine.idle) do
    if other == me then
      table.remove(mine.idle, at)
    end
  end
  return me.task
end

local function live(me, task, mine, spawner)
  wait(me, CHECK_INTERVAL)  -- its spawner runs until it waits
  while task do
    carry_out(task, mine.threads)
    task = linger(mine)
  end
  spawner.over = spawner.over or {}
  spawner.over[#spawner.over + 1] = running()
end

-- nginx keeps light threads that ended until their spawner waits for them, or
-- ends.
local function forget_ended(me)
  local over = me.over
  me.over = nil
  for _, thread in ipairs(over or {}) do
    ngx.thread.wait(thread)
  end
end

--- Starts a task as soon as the task that spawned it waits.
function M.start(task)
  local me, mine = M.enclosing(), request_tasks()
  local idle = table.remove(mine.idle)
  if idle then
    idle.task = task
    M.ready(idle)
    return
  end
  forget_ended(me)
  mine.spawned = mine.spawned + 1
  local newcomer = {}
  ngx.thread.spawn(live, newcomer, task, mine, me)
  M.ready(newcomer)
end

-- Code that cannot wait as a task cannot wait at all.
local function refuse_to_block()
  phases.must_wait()
  error("klaviyo: waiting without a task", 0)
end

M.block = refuse_to_block
M.pause = refuse_to_block
M.step = refuse_to_block
M.run_outer_loop = refuse_to_block

return M
