--- One at a time: who comes second waits, in whichever way it can.

local misuse = require "klaviyo.misuse"
local scheduler = require "klaviyo.scheduler"
local tasks = require "klaviyo.tasks"

local M = {}

local MAIN = "main"  -- the coroutine that LuaJIT has no name for

---@class klaviyo.lock
local Lock = {}
Lock.__index = Lock
Lock.__name = "klaviyo.lock"

---@param what string  for the message to whom would wait for itself
---@return klaviyo.lock
function M.new(what)
  return setmetatable({
    what = what,
    -- a task, or a coroutine that is none; one that is gone holds nothing
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

local function acquire(self, wait)
  local me = scheduler.inside()
  local own = me or coroutine.running() or MAIN
  local holder = holder_of(self)
  while holder do
    local function is_over()
      return self.held.by ~= holder or holder_of(self) == nil
    end
    if holder == own then
      misuse.raise("%s would wait for itself", self.what)
    elseif type(holder) == "table" and me then
      self.queue[me] = true
      tasks.await_inside(me, holder, is_over)
      self.queue[me] = nil
    elseif type(holder) == "table" then
      tasks.await_blocking(holder, is_over, wait)
    elseif wait and not me then
      scheduler.yield_to(wait, scheduler.SLICE, true)
    else
      misuse.raise("%s would wait for itself", self.what)
    end
    holder = holder_of(self)
  end
  self.held.by = own
end

local function release(self, ok, ...)
  self.held.by = nil
  for task in pairs(self.queue) do
    scheduler.ready(task)
  end
  if not ok then
    error((...), 0)
  end
  return ...
end

--- Calls a function with the lock held.
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
---@param fn function
---@param ... any  its arguments
function Lock:with(wait, fn, ...)
  acquire(self, wait)
  return release(self, pcall(fn, ...))
end

return M
