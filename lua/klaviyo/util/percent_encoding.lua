--- Percent-encoding (RFC 3986).

local M = {}

local function char_of(digits)
  return string.char(tonumber(digits, 16))
end

--- Returns a text with each percent-encoded byte decoded. An incomplete escape
--- is kept as it is.
---@param text string
---@return string
function M.decode(text)
  return (text:gsub("%%(%x%x)", char_of))
end

--- Returns a part of a query decoded as in forms, where "+" is a space.
---@param text string
---@return string
function M.decode_form(text)
  return M.decode((text:gsub("%+", " ")))
end

local function escape_of(char)
  return ("%%%02X"):format(char:byte())
end

--- Returns a text with all bytes percent-encoded that match a pattern.
---@param text string
---@param pattern? string  of one byte; all but the unreserved characters
---@return string
function M.encode(text, pattern)
  return (text:gsub(pattern or "[^%w%-._~]", escape_of))
end

return M
