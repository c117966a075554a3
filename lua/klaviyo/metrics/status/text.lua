--- Numbers as text, and text as HTML.

local M = {}

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;"}

--- Returns a text as HTML. Control characters become spaces.
---@param text string
---@return string
function M.escape(text)
  return (text:gsub("%c+", " "):gsub("[&<>\"']", ESCAPES))
end

-- Returns a whole number with commas.
local function with_commas(number)
  local digits = ("%.0f"):format(number)
  local count
  repeat
    digits, count = digits:gsub("^(-?%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return digits
end

--- Returns a number with at most three digits, or as a whole one: 0.35, 12.4, 1,204.
---@param number number
---@return string
function M.number(number)
  if number >= 99.95 or number % 1 == 0 then
    return with_commas(number)
  elseif number >= 9.995 then
    return ("%.1f"):format(number)
  elseif number < 0.005 then
    return "< 0.01"
  end
  return ("%.2f"):format(number)
end

--- Returns a whole number and a noun: "1 event", "1,204 events".
---@param number number
---@param singular string
---@param plural? string
---@return string
function M.count(number, singular, plural)
  return with_commas(number) .. " " .. (with_commas(number) == "1" and singular or plural or singular .. "s")
end

--- Returns a share in percent.
---@param share number
---@return string
function M.percent(share)
  local percent = share * 100
  if percent > 0 and percent < 0.1 then
    return "< 0.1 %"
  end
  return (percent < 10 and percent % 1 ~= 0 and "%.1f %%" or "%.0f %%"):format(percent)
end

--- Returns a time span: "182 ms", "1.4 s", "12 min", "3.5 h", "2 d".
---@param seconds number
---@return string
function M.duration(seconds)
  if seconds <= 0 then
    return "0 s"
  elseif seconds < 0.9995 then
    local ms = seconds * 1000
    return (ms < 9.95 and "%.1f ms" or "%.0f ms"):format(ms)
  elseif seconds < 119.5 then
    return (seconds < 9.95 and "%.1f s" or "%.0f s"):format(seconds)
  elseif seconds < 7170 then
    return ("%.0f min"):format(seconds / 60)
  elseif seconds < 48 * 3600 then
    return ("%.1f h"):format(seconds / 3600)
  end
  return ("%.0f d"):format(seconds / 86400)
end

--- Returns a number of bytes.
---@param bytes number
---@return string
function M.bytes(bytes)
  local unit = 1
  local units = {"B", "kB", "MB", "GB", "TB"}
  while bytes >= 999.5 and unit < #units do
    bytes, unit = bytes / 1000, unit + 1
  end
  return (unit > 1 and bytes < 9.95 and "%.1f %s" or "%.0f %s"):format(bytes, units[unit])
end

--- Returns a time of day in UTC.
---@param time number
---@return string
function M.clock(time)
  return os.date("!%H:%M:%S", math.floor(time)) .. " UTC"
end

return M
