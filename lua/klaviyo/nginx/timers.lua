--- Timers of nginx that run even if nginx drops them.
---
--- `ngx.timer.at` returns true, but once lua_max_running_timers is reached
--- nginx drops a timer that is due, and says so in its log alone. So each timer
--- here notes that its function was called. One that is overdue is armed
--- again, by a check that recurs (nginx sets it again before it may drop it)
--- and by the next `start`.

local core = require "klaviyo.core"

local M = {}

---@class klaviyo.nginx.Timer
---@field fn fun(premature: boolean, argument: any)
---@field argument any
local Timer = {}
Timer.__index = Timer
Timer.__name = "klaviyo.nginx.Timer"

local CHECK_EVERY = 1  -- seconds
local GRACE = 1        -- seconds that a timer may be late

local pending = {}  -- each timer whose function is to be called, and when
local is_checked = false

--- Returns a timer that is not started. One that is pending is kept from the
--- collector.
---@param fn fun(premature: boolean, argument: any)  called in a timer of nginx; premature: the worker exits
---@param argument any
---@return klaviyo.nginx.Timer
function M.new(fn, argument)
  return setmetatable({fn = fn, argument = argument}, Timer)
end

-- An overdue timer may have been late, not dropped. Then the first that comes
-- calls the function, and the second finds nothing to do.
local function run(premature, self)
  if pending[self] then
    pending[self] = nil
    self.fn(premature, self.argument)
  end
end

local function arm(self, seconds)
  pending[self] = ngx.now() + seconds
  return ngx.timer.at(seconds, run, self)
end

local function is_overdue(due)
  return ngx.now() - due > GRACE
end

local function check(premature)
  for self, due in pairs(pending) do
    if not premature and is_overdue(due) then
      arm(self, 0)
    end
  end
end

-- Where Lua's code is not cached every request has a Lua state, which lives as
-- long as its timers: a timer that recurs would keep it for ever.
local function begin_checks()
  if not is_checked and core.states() <= 1 then
    is_checked = ngx.timer.every(CHECK_EVERY, check) and true or false
  end
  return is_checked
end

--- Has the function called after so many seconds. A timer that is pending
--- already keeps its time.
---@param seconds number
---@return boolean|nil started  nil if nginx refuses the timer, as it does while a worker exits
---@return string|nil why
function Timer:start(seconds)
  local due = pending[self]
  if due and not is_overdue(due) then
    return true
  elseif ngx.get_phase() == "exit_worker" then
    return nil, "the worker exits"
  end
  local will_be_checked = begin_checks()
  local ok, why = arm(self, due and 0 or seconds)
  if ok or will_be_checked and not ngx.worker.exiting() then
    return true
  end
  pending[self] = nil
  return nil, why
end

--- Returns whether the function is still to be called.
function Timer:is_pending()
  return pending[self] ~= nil
end

return M
