--- Reads the periods of the command line: "30d", "2026-01-01", RFC 3339.

local klaviyo = require "klaviyo"

local M = {}

local DAY = 86400
local UNITS = {h = 3600, d = DAY, w = 7 * DAY}
local MONTHS = {m = 1, y = 12}

-- Returns the days since 1970 of a date.
local function days_of(year, month, day)
  year = month <= 2 and year - 1 or year
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5)
    + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4)
    - math.floor(of_era / 100) + of_year - 719468
end

-- Returns a time some months earlier.
local function months_before(time, months)
  local date = os.date("!*t", time)
  local month = date.year * 12 + date.month - 1 - months
  local year = math.floor(month / 12)
  month = month % 12 + 1
  local first = days_of(year, month, 1)
  local last = days_of(month == 12 and year + 1 or year, month % 12 + 1, 1) - first
  return (first + math.min(date.day, last) - 1) * DAY + time % DAY
end

--- Returns the seconds since 1970 of a text: a time before now ("12h", "30d", "8w",
--- "6m", "1y"), a date, or RFC 3339; nil if it is none.
---@param text string
---@param now number
---@return number|nil
function M.parse(text, now)
  local count, unit = text:match("^(%d+)([hdwmy])$")
  if UNITS[unit] then
    return now - count * UNITS[unit]
  elseif MONTHS[unit] then
    return months_before(now, math.floor(count * MONTHS[unit]))
  end
  local ok, moment = pcall(klaviyo.datetime, text:find("^%d+%-%d+%-%d+$")
    and text .. "T00:00:00Z" or text)
  return ok and moment.epoch or nil
end

--- Returns the beginning of the interval in which a time is. Weeks begin on Monday.
---@param time number
---@param interval "hour"|"day"|"week"|"month"
---@return number
function M.beginning(time, interval)
  if interval == "hour" then
    return time - time % 3600
  end
  local midnight = time - time % DAY
  if interval == "week" then
    return midnight - (math.floor(midnight / DAY) + 3) % 7 * DAY
  elseif interval == "month" then
    local date = os.date("!*t", midnight)
    return midnight - (date.day - 1) * DAY
  end
  return midnight
end

--- Returns a time as RFC 3339 in UTC, and without an offset.
---@param time number
---@return string
---@return string
function M.text(time)
  local text = os.date("!%Y-%m-%dT%H:%M:%S", math.floor(time))
  return text .. "Z", text
end

--- Returns the time of an option. Ends the command if it is not a time.
---@param context klaviyo.cli.Context
---@param text string
---@param option string
---@return number
function M.of_option(context, text, option)
  local time = M.parse(text, os.time())
  if not time then
    context:usage('--%s: "%s" is not a time; a date, RFC 3339, or 12h, 30d, 8w, '
      .. "6m, 1y", option, text)
  end
  return time
end

return M
