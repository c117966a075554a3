--- Converts times as the API writes them (RFC 3339) to and from epoch seconds.

local M = {}

local floor = math.floor

-- Returns the days since 1970-01-01, proleptic Gregorian (H. Hinnant's
-- algorithm).
local function days_from_civil(year, month, day)
  if month <= 2 then
    year = year - 1
  end
  local era = floor(year / 400)
  local year_of_era = year - era * 400
  local shifted = month > 2 and month - 3 or month + 9
  local day_of_year = floor((153 * shifted + 2) / 5) + day - 1
  local day_of_era = year_of_era * 365 + floor(year_of_era / 4)
    - floor(year_of_era / 100) + day_of_year
  return era * 146097 + day_of_era - 719468
end

local LENGTHS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

local function days_in(year, month)
  if month == 2 and (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) then
    return 29
  end
  return LENGTHS[month] or 0
end

local function offset_seconds(zone)
  if zone == "Z" or zone == "z" then
    return 0
  end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then
    return nil
  end
  local seconds = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "-" and -seconds or seconds
end

--- Returns the epoch seconds of an RFC 3339 date-time; a date alone is
--- midnight UTC.
---@param text string
---@return number|nil seconds nil if the text is not a date-time
function M.parse(text)
  local year, month, day, rest =
    text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or day < 1 or day > days_in(year, month) then
    return nil
  end
  local start = days_from_civil(year, month, day) * 86400
  if rest == "" then
    return start
  end
  local hour, minute, second, fraction, zone =
    rest:match("^[Tt ](%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$")
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not hour or hour > 23 or minute > 59 or second > 60
    or fraction == "." or (fraction ~= "" and fraction:sub(1, 1) ~= ".") then
    return nil
  end
  local offset = offset_seconds(zone)
  if not offset then
    return nil
  end
  return start + hour * 3600 + minute * 60 + second - offset
    + (fraction ~= "" and tonumber("0" .. fraction) or 0)
end

local last_second, last_text

--- Returns a time as the API writes it: `2024-10-15T08:30:00+00:00`.
---@param seconds number epoch seconds; the fraction is dropped
---@return string
function M.format(seconds)
  seconds = floor(seconds)
  if seconds ~= last_second then -- most times are the current time
    last_second = seconds
    last_text = os.date("!%Y-%m-%dT%H:%M:%S+00:00", seconds)
  end
  return last_text
end

--- Returns a time with microseconds: `2024-10-15T08:30:00.250000+00:00`.
---@param seconds number epoch seconds
---@return string
function M.precise(seconds)
  local whole = floor(seconds)
  local micros = floor((seconds - whole) * 1000000)
  return ("%s.%06d+00:00"):format(M.format(whole):sub(1, 19), micros)
end

--- Returns the same time in whole seconds.
---@param text string
---@return string
function M.whole(text)
  return (text:gsub("%.%d+", "", 1))
end

return M
