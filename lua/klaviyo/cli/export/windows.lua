--- Divides the time of events into windows, which are read at the same time. The
--- windows touch each other: each begins at its first second, and ends before the
--- first second of the next one.

local klaviyo = require "klaviyo"

local M = {}

local DAY = 86400
local MIN_WINDOW = 3600
local MAX_WINDOWS = 400

--- Returns the windows of a span of time.
---@param from number  seconds since 1970
---@param to number  the first second after it
---@return {from: integer, to: integer, count: integer}
function M.of(from, to)
  from, to = math.floor(from), math.max(math.ceil(to), math.floor(from) + 1)
  local span = to - from
  local count = math.ceil(span / DAY)
  if count < 8 then
    count = math.max(math.min(8, math.floor(span / MIN_WINDOW)), 1)
  end
  return {from = from, to = to, count = math.min(count, MAX_WINDOWS)}
end

--- Returns the same span as one window.
---@param windows {from: integer, to: integer, count: integer}
---@return {from: integer, to: integer, count: integer}
function M.whole(windows)
  return {from = windows.from, to = windows.to, count = 1}
end

--- Returns the first second of a window, and that of the window after it.
---@param windows {from: integer, to: integer, count: integer}
---@param number integer  from 1
---@return integer
---@return integer
function M.bounds(windows, number)
  local from, span, count = windows.from, windows.to - windows.from, windows.count
  return from + math.floor(span * (number - 1) / count),
    from + math.floor(span * number / count)
end

--- Returns the filter for one window.
---@param windows {from: integer, to: integer, count: integer}
---@param number integer
---@param filter string|nil  other conditions
---@return string
function M.filter(windows, number, filter)
  local from, to = M.bounds(windows, number)
  local own = ("greater-or-equal(datetime,%s),less-than(datetime,%s)"):format(
    tostring(klaviyo.datetime(from)), tostring(klaviyo.datetime(to)))
  return filter and filter .. "," .. own or own
end

return M
