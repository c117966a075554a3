--- Tasks as light threads of nginx. Each waits on a semaphore of its own, and
--- so does whoever else waits for something of ours: a handler, a light
--- thread or a coroutine of the user's, which is a guest among the tasks.
---
--- What is known of them is kept by request, in ngx.ctx: no request ever
--- resumes what is another's, and what was killed is forgotten with it.

local core = require "klaviyo.core"
local usage_error = require "klaviyo.util.usage_error"
local phases = require "klaviyo.nginx.phases"
local reader = require "klaviyo.nginx.completion_listener"
local semaphore = require "ngx.semaphore"


local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113
local running = coroutine.running

-- Nobody waits longer without a look at whether what is waited for is there:
-- whoever was to tell may have been killed.
local FIRST_LOOK, NEXT_LOOK = 0.05, 1

local SHORTEST = 0.001  -- of no time at all nginx warns, or does not give way

-- A request that had so many light threads keeps those that are idle for a
-- moment: nginx frees what it knows of one only when the request is over.
local MANY, LINGER = 64, 0.005

local KEY = {}  -- of our place in ngx.ctx
local WEAK = {__mode = "k"}

local function place()
  local ctx = ngx.ctx
  local mine = ctx[KEY]
  if not mine then
    mine = {threads = setmetatable({}, WEAK), idle = {}, spawned = 0}
    ctx[KEY] = mine  -- luacheck: ignore 122
  end
  return mine
end

--- The task or the guest that runs this code; nil where nobody can wait.
function M.inside()
  if not phases.can_wait() then
    return nil
  end
  local threads, thread = place().threads, running()
  local me = threads[thread]
  if not me then
    me = {done = false}
    threads[thread] = me
  end
  return me
end

--- The same; raises where nobody can wait.
function M.enclosing()
  phases.must_wait()
  return M.inside()
end

-- Semaphores are used again, unless somebody may still have posted: that
-- would wake the next one for nothing.
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

--- Has a task go on. It may have been told before: who waits, waits in a loop.
function M.ready(task)
  local one = task.semaphore
  if one then
    task.semaphore = nil
    one:post()
  else
    task.woken = true
  end
end

-- Whether it was woken, and not just its time over.
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

-- Who is cancelled goes on no more than to unwind.
local function heed(me)
  if me.done then
    error(me.values[1], 0)
  end
end

local function look_out(me)
  local seconds = NEXT_LOOK
  if me.serial and not (me.patient and reader.is_reading()) then
    seconds = FIRST_LOOK
  end
  if wait(me, seconds) then
    return
  elseif me.serial then
    me.patient = true
    reader.glance()
  else
    -- a lock's holder, if killed, is to be seen so in ten seconds or so
    collectgarbage("step", collectgarbage("count") / 10)
  end
end

--- Gives way until somebody makes this task ready, or for some time: who
--- waits looks himself.
function M.suspend()
  local me = M.enclosing()
  heed(me)
  local due = me.due
  if not due then
    look_out(me)
  else
    me.due = nil
    wait(me, math.max(due - core.clock(), SHORTEST))
  end
  me.serial = nil
  heed(me)
end

--- Has a task go on at a time of the core's clock.
function M.ready_at(due, task)
  task.due = due
end

--- Has a task go on when a ticket is done.
function M.ready_when(serial, task)
  if task.awaited ~= serial then
    task.awaited, task.patient = serial, false
  end
  task.serial = serial
  reader.expect(serial, task)
end

reader.deliver_to(M.ready)

--- Where the ends of transfers are told in this worker.
M.port = reader.port

--- Never all of it.
function M.is_blocking()
  return false
end

--- A task that is given up on wakes, to unwind.
function M.drop(task)
  M.ready(task)
  return true
end

--- Whether a task stands still beneath this code: nothing does here.
function M.is_on_stack()
  return false
end

local function ended(task, ok, ...)
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
    ended(task, pcall(fn, unpack(arguments, 1, arguments.n)))
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
  wait(me, NEXT_LOOK)  -- its spawner goes on until he waits
  while task do
    carry_out(task, mine.threads)
    task = linger(mine)
  end
  spawner.over = spawner.over or {}
  spawner.over[#spawner.over + 1] = running()
end

-- Light threads that ended are kept by nginx until their spawner asks for
-- them, or ends.
local function forget_ended(me)
  local over = me.over
  me.over = nil
  for _, thread in ipairs(over or {}) do
    ngx.thread.wait(thread)
  end
end

--- Has a task begin, when its spawner waits.
function M.start(task)
  local me, mine = M.enclosing(), place()
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

-- Who cannot wait as a task cannot wait at all.
for _, name in ipairs {"block", "pause", "step", "yield_to"} do
  M[name] = function()
    phases.must_wait()
    error("klaviyo: waiting without a task", 0)
  end
end

return M
