--- Timers of nginx that run even if nginx drops them.
---
--- `ngx.timer.at` returns true, but nginx drops a timer that is due if
--- lua_max_running_timers is reached, and only writes that to its log. So each
--- timer here notes that its function was called. An overdue timer is armed again
--- by a recurring check (nginx arms that again before it may drop it) and by the
--- next `start`.

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

local pending = {}  -- timer → the time when its function is due
local is_checked = false

--- Returns a timer that is not started. A pending timer is not collected.
---@param fn fun(premature: boolean, argument: any)  called in a timer of nginx; premature: the worker exits
---@param argument any
---@return klaviyo.nginx.Timer
function M.new(fn, argument)
  return setmetatable({fn = fn, argument = argument}, Timer)
end

-- An overdue timer may be late instead of dropped. Then the first of the two
-- calls the function, and the second does nothing.
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

-- With lua_code_cache off each request has a Lua state of its own, which lives
-- as long as its timers: a recurring timer would keep it forever.
local function begin_checks()
  if not is_checked and core.states() <= 1 then
    is_checked = ngx.timer.every(CHECK_EVERY, check) and true or false
  end
  return is_checked
end

--- Calls the function after some seconds. A timer that is pending already keeps
--- its time.
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

--- Returns whether the timer is started and its function was not called yet.
function Timer:is_pending()
  return pending[self] ~= nil
end

return M
