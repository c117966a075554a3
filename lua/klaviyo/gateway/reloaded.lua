--- A value that is read from a file or a folder, and read again when that changes,
--- without a reload of nginx. Each worker that has served a request looks at it every
--- second: if it becomes wrong later, the worker must know what was right last.

local core = require "klaviyo.core"
local report = require "klaviyo.gateway.report"
local timers = require "klaviyo.nginx.timers"

local M = {}

local INTERVAL = 1  -- seconds between two looks

-- Seconds after a change in which the stamp of a file might not show another one:
-- some file systems count whole seconds.
local UNSETTLED = 2

---@class klaviyo.gateway.Reloaded
---@field path string
---@field read fun(path: string, previous: any): any, string|nil
local Reloaded = {}
Reloaded.__index = Reloaded

--- Returns a value that is not read yet.
---@param path string  of a file or a folder
---@param what string  for the log
---@param read fun(path: string, previous: any): any, string|nil  returns the value, or nil to keep the previous one,
---  and what is wrong, or nil. It must not wait
function M.new(path, what, read)
  return setmetatable({path = path, what = what, read = read, looked = -INTERVAL},
    Reloaded)
end

-- The same problem is logged once, until it is solved or another one appears.
local function report_once(self, problem)
  if problem and problem ~= self.problem then
    report("%s: %s", self.what, problem)
  end
  self.problem = problem
end

--- Reads the value now. Returns what is wrong, or nil.
---@return string|nil problem
function Reloaded:load()
  local stamp, changed = core.file_stamp(self.path)
  self.is_settled = stamp and math.abs(os.time() - changed) > UNSETTLED
  self.stamp = stamp
  local value, problem = self.read(self.path, self.value)
  if value ~= nil then
    self.value = value
  end
  return problem
end

local function look(self)
  self.looked = ngx.now()
  if not self.is_settled or core.file_stamp(self.path) ~= self.stamp then
    report_once(self, self:load())
  end
end

local function look_again(premature, self)
  if not premature then
    look(self)
    self.timer:start(INTERVAL)
  end
end

-- With lua_code_cache off each request has a Lua state of its own, which lives as
-- long as its timers.
local function start_timer(self)
  self.timer = timers.new(look_again, self)
  if core.states() <= 1 then
    self.timer:start(INTERVAL)
  end
end

--- Returns the value, read again if it may have changed. If it cannot be read, it
--- stays as it was.
---@return any
function Reloaded:get()
  if not self.timer then
    start_timer(self)
  end
  local now = ngx.now()
  if now - self.looked >= INTERVAL or now < self.looked then
    look(self)
  end
  return self.value
end

--- Reads the value again before it is used next.
function Reloaded:expire()
  self.looked, self.is_settled = -INTERVAL, false
end

return M
