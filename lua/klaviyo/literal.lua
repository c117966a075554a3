--- Strings and numbers as JSON writes them, and as filters do: exact on every
-- interpreter, whatever the locale.

local M = {}

local math_type = math.type -- nil where all numbers are doubles
local utf8_len = utf8 and utf8.len
local tonumber = tonumber
local find, format, gsub = string.find, string.format, string.gsub
local byte = string.byte
local huge = math.huge

local function tail(b)
  return b and b >= 0x80 and b <= 0xBF
end

-- The first byte that is not well-formed UTF-8 (RFC 3629), or nil.
local function bad_utf8(s)
  if utf8_len then
    local length, at = utf8_len(s)
    return not length and at or nil
  end
  local i = find(s, "[\128-\255]")
  while i do
    local a, b, c, d = byte(s, i, i + 3)
    local size
    if a < 0x80 then
      size = 1
    elseif not tail(b) then
      return i
    elseif a >= 0xC2 and a <= 0xDF then
      size = 2
    elseif not tail(c) then
      return i
    elseif a == 0xE0 and b >= 0xA0 or a == 0xED and b <= 0x9F
      or a >= 0xE1 and a <= 0xEF and a ~= 0xED then
      size = 3
    elseif not tail(d) then
      return i
    elseif a == 0xF0 and b >= 0x90 or a == 0xF4 and b <= 0x8F
      or a >= 0xF1 and a <= 0xF3 then
      size = 4
    else
      return i
    end
    i = i + size
    if i > #s then
      return nil
    end
  end
end

-- What a string must be looked at for, and what is escaped in it. Ranges, not
-- classes, which change with the locale; a "]" is itself when it comes first.
local UNSAFE = "[^]-~ !#-[]"
M.UNSAFE = UNSAFE
local ESCAPED = "[^]-~ !#-[\128-\255]"

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\127"] = "\\u007f",
}
for code = 0, 31 do
  local char = string.char(code)
  escapes[char] = escapes[char] or format("\\u%04x", code)
end

--- A string as JSON writes it, quotes and all.
---@param s string
---@return string|nil quoted nil when it is not UTF-8
---@return integer|nil at the first wrong byte
function M.quote(s)
  if not find(s, UNSAFE) then
    return '"' .. s .. '"'
  end
  local at = bad_utf8(s)
  if at then
    return nil, at
  end
  return '"' .. gsub(s, ESCAPED, escapes) .. '"'
end

--- A number as JSON writes it: exact, without exponent up to 2^53, else in
-- the fewest digits that read back as the same number.
---@param x number
---@return string|number|nil nil when it is not finite
function M.number(x)
  if math_type and math_type(x) == "integer" then
    return format("%d", x)
  elseif x ~= x or x == huge or x == -huge then
    return nil
  elseif x % 1 == 0 and x <= 9007199254740992 and x >= -9007199254740992 then
    return format("%.0f", x)
  end
  for digits = 15, 17 do
    local text = format(digits == 15 and "%.15g" or digits == 16 and "%.16g"
      or "%.17g", x)
    if tonumber(text) == x then
      -- A locale may have a decimal point of its own.
      if find(text, "[^0-9.e+-]") then
        text = gsub(text, "[^0-9e+-]+", ".")
      end
      return text
    end
  end
end

return M
