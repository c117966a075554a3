--- A lock that one task or coroutine holds at a time. The others wait, as tasks
--- or by blocking.

local usage_error = require "klaviyo.util.usage_error"
local scheduler = require "klaviyo.tasks.scheduler"
local tasks = require "klaviyo.tasks"

local M = {}

local MAIN = "main"  -- the coroutine that LuaJIT has no name for

---@class klaviyo.Lock
local Lock = {}
Lock.__index = Lock
Lock.__name = "klaviyo.tasks.Lock"

--- Returns a lock.
---@param what string  names the lock in the message of an error
---@return klaviyo.Lock
function M.new(what)
  return setmetatable({
    what = what,
    turn = 0,  -- how often it was taken
    -- a task, or a coroutine outside of tasks; weak, so that a collected one
    -- does not hold the lock
    held = setmetatable({}, {__mode = "v"}),
    queue = setmetatable({}, {__mode = "k"}),
  }, Lock)
end

local function holder_of(self)
  local holder = self.held.by
  if type(holder) == "thread" and coroutine.status(holder) == "dead"
      or type(holder) == "table" and holder.done then
    return nil
  end
  return holder
end

local function never(self)
  usage_error.raise("%s would wait for itself", self.what)
end

-- nginx may kill a light thread while it holds a lock. The thread is then
-- collected, unless something refers to it: so this function keeps the holder
-- in no variable while it waits.
local function wait_inside(self, me)
  tasks.begin_wait(me, holder_of(self))
  local turn = self.turn
  self.queue[me] = true
  while self.turn == turn and holder_of(self) do
    scheduler.suspend()
  end
  self.queue[me] = nil
  tasks.end_wait(me)
end

local function wait_outside(self, holder, wait)
  if type(holder) == "table" then
    tasks.await_blocking(holder, function()
      return self.held.by ~= holder or holder_of(self) == nil
    end, wait)
  elseif wait then
    scheduler.run_outer_loop(wait, scheduler.MAX_BLOCK, true)
  else
    never(self)
  end
end

local function wait_for_turn(self, me, own, wait)
  while holder_of(self) do
    if holder_of(self) == own
        or me and type(holder_of(self)) ~= "table" then
      never(self)
    elseif me then
      wait_inside(self, me)
    else
      wait_outside(self, holder_of(self), wait)
    end
  end
end

-- The holder is an argument, so that it is not collected while it holds the
-- lock.
local function release(self, _, ok, ...)
  self.held.by = nil
  for task in pairs(self.queue) do
    scheduler.ready(task)
  end
  if not ok then
    error((...), 0)
  end
  return ...
end

--- Calls a function while it holds the lock, and returns what that returns.
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
---@param fn function
---@param ... any  its arguments
function Lock:with(wait, fn, ...)
  local me = scheduler.inside()
  local own = me or coroutine.running() or MAIN
  if self.held.by ~= nil then
    wait_for_turn(self, me, own, wait)
  end
  self.held.by, self.turn = own, self.turn + 1
  return release(self, own, pcall(fn, ...))
end

return M
