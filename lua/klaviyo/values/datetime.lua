--- Date-times in the form of RFC 3339: bare in filters, strings in JSON.
--- `klaviyo.datetime("2024-10-15T09:00:00+02:00")`, `klaviyo.datetime(1728950400)`.
---
--- This file computes the calendar itself, because `os.date` depends on the local
--- time zone and on the range of the C library.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.Datetime
---@field epoch number seconds since 1970-01-01T00:00:00Z, fractions allowed
---@field text string RFC 3339, with the offset and the fraction of the original text

local datetime_mt = {}

local floor = math.floor
local FIRST = -62167219200 -- 0000-01-01T00:00:00Z
local LAST = 253402300800 -- 10000-01-01T00:00:00Z
local PATTERN = "^([0-9][0-9][0-9][0-9])-([0-9][0-9])-([0-9][0-9])[Tt]"
  .. "([0-9][0-9]):([0-9][0-9]):([0-9][0-9])(.*)$"

local MONTH_DAYS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

local function days_in(year, month)
  if month == 2 and (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) then
    return 29
  end
  return MONTH_DAYS[month]
end

-- Converts between dates and days since 1970-01-01 in the proleptic Gregorian
-- calendar, with years that begin in March and eras of 400 years.
local function days_of(year, month, day)
  if month <= 2 then
    year = year - 1
  end
  local era = floor(year / 400)
  local of_era = year - era * 400
  local of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5)
    + day - 1
  return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100)
    + of_year - 719468
end

local function date_of(days)
  days = days + 719468
  local era = floor(days / 146097)
  local of_era = days - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524)
    - floor(of_era / 146096)) / 365)
  local of_year = of_era
    - (365 * year + floor(year / 4) - floor(year / 100))
  local m = floor((5 * of_year + 2) / 153)
  local month = m + (m < 10 and 3 or -9)
  return year + era * 400 + (month <= 2 and 1 or 0), month,
    of_year - floor((153 * m + 2) / 5) + 1
end

--- Returns the date-time that a text in the form of RFC 3339 names.
---@param text string
---@return klaviyo.Datetime|nil nil if the text is not a date-time
---@return string|nil message what is wrong with it
function M.parse(text)
  local y, mo, d, h, mi, s, rest = text:match(PATTERN)
  if not y then
    return nil, "expected a form like 2024-10-15T00:00:00Z"
  end
  local fraction, zone = rest:match("^(%.[0-9]+)(.*)$")
  zone = zone or rest
  local sign, oh, om = zone:match("^([+-])([0-9][0-9]):([0-9][0-9])$")
  if not sign and zone ~= "Z" and zone ~= "z" then
    return nil, "expected an offset at its end: Z, or one like +02:00"
  end
  y, mo, d = tonumber(y), tonumber(mo), tonumber(d)
  h, mi, s = tonumber(h), tonumber(mi), tonumber(s)
  if mo < 1 or mo > 12 or d < 1 or d > days_in(y, mo) then
    return nil, "no such day"
  elseif h > 23 or mi > 59 or s > 60 then
    return nil, "no such time of day"
  end
  local offset = 0
  if sign then
    oh, om = tonumber(oh), tonumber(om)
    if oh > 23 or om > 59 then
      return nil, "no such offset"
    end
    offset = (oh * 3600 + om * 60) * (sign == "-" and -1 or 1)
  end
  local epoch = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset
  if s == 60 and epoch % 86400 ~= 0 then
    return nil, "no such time of day" -- leap seconds end a day of UTC
  end
  if fraction then
    epoch = epoch + tonumber("0" .. fraction)
  end
  return setmetatable({epoch = epoch, text = text:upper()}, datetime_mt)
end

local function from_epoch(epoch)
  -- Rounds to milliseconds first: 1.9996 is 2 s, not 1 s and 1000 ms.
  local whole = floor(epoch)
  local ms = floor((epoch - whole) * 1000 + 0.5)
  if ms == 1000 then
    whole, ms = whole + 1, 0
  end
  if not (whole >= FIRST and whole < LAST) then
    return nil
  end
  local days = floor(whole / 86400)
  local second = whole - days * 86400
  local year, month, day = date_of(days)
  return setmetatable({
    epoch = ms == 0 and whole or whole + ms / 1000,
    text = ("%04d-%02d-%02dT%02d:%02d:%02d%sZ"):format(year, month, day,
      floor(second / 3600), floor(second / 60) % 60, second % 60,
      ms == 0 and "" or (".%03d"):format(ms)),
  }, datetime_mt)
end

--- Returns true if a value is a klaviyo.Datetime.
---@param value any
---@return boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == datetime_mt
end

--- Returns a date-time. Raises an error if the value is not one.
---@param value string|number|klaviyo.Datetime RFC 3339, or seconds since 1970
---@return klaviyo.Datetime
function M.new(value)
  local kind = type(value)
  if kind == "string" then
    local datetime, wrong = M.parse(value)
    if not datetime then
      usage_error.raise('datetime: "%s" is not RFC 3339: %s',
        (value:sub(1, 40):gsub("[^ -~]", "?")), wrong)
    end
    return datetime
  elseif kind == "number" then
    return value == value and value > -math.huge and value < math.huge
      and from_epoch(value)
      or usage_error.raise("datetime: %s is outside the years 0 to 9999",
        tostring(value))
  elseif M.is(value) then
    return value
  end
  usage_error.raise("datetime: expected RFC 3339 text or seconds, got %s",
    usage_error.kind(value))
end

function datetime_mt.__tostring(self)
  return self.text
end

datetime_mt.__tojson = datetime_mt.__tostring

function datetime_mt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

function datetime_mt.__eq(a, b)
  return a.epoch == b.epoch
end

function datetime_mt.__lt(a, b)
  return a.epoch < b.epoch
end

function datetime_mt.__le(a, b)
  return a.epoch <= b.epoch
end

-- The names of date-time fields, in the filters of all operations. (A field
-- "timestamp" of an event holds seconds since 1970.)
local FIELDS = {datetime = true, created = true, updated = true}

--- Returns true if the field of a filter is a date-time.
---@param field string
---@return boolean
function M.is_field(field)
  return FIELDS[field] or field:find("_at$") ~= nil
    or field:find("%.timestamp$") ~= nil
end

return setmetatable(M, {
  __call = function(_, value)
    return M.new(value)
  end,
})
