--- Splits text into CSV records as RFC 4180 defines them. Only the current record
--- is kept in memory. A quote opens a quoted field only at the field's start;
--- elsewhere it is an ordinary character.

local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"

local M = {}

local PIECE = 65536

---@class klaviyo.CsvParser
---@field separator string
---@field line integer  the number of lines read
local Parser = {}
Parser.__index = Parser

--- Returns a parser. `options` are separator, max_record_bytes and name (of the
--- source, for messages).
---@param read fun(): string|nil, string|nil  returns the next piece of the text; nil at its end, or nil and an error
---@param options table
---@return klaviyo.CsvParser
function M.new(read, options)
  return setmetatable({
    read = read, buffer = "", at = 1, line = 0, name = options.name,
    separator = options.separator, most = options.max_record_bytes,
  }, Parser)
end

--- Returns an error about lines of the text.
---@param first integer|nil
---@param last integer|nil  default: the first one
---@param message string
---@return klaviyo.Error
function Parser:error(first, last, message)
  local where = self.name and self.name .. ": " or ""
  if first then
    where = where .. (last and last > first
      and ("lines %d to %d: "):format(first, last)
      or ("line %d: "):format(first))
  end
  return errors.new {kind = "csv", line = first, last_line = last or first,
    message = where .. message}
end

-- Reads the next piece; false at the end.
local function more(self)
  local piece, why
  if not self.ended then
    piece, why = self.read()
  end
  if not piece then
    self.ended, self.why = true, self.why or why
    return false
  end
  self.buffer = self.buffer .. piece
  return true
end

-- Frees the text before the current record.
local function forget(self)
  if self.at > PIECE then
    self.buffer, self.at = self.buffer:sub(self.at), 1
  end
end

-- Returns the position of a pattern at or after `from`; nil if the text does not
-- contain it; nil, true if the record would be too long.
local function find(self, pattern, from)
  while true do
    local found = self.buffer:find(pattern, from)
    if found then
      return found
    end
    from = math.max(from, #self.buffer + 1)
    if #self.buffer - self.at >= self.most then
      return nil, true
    elseif not more(self) then
      return nil
    end
  end
end

local function is_utf8(text)
  return not text:find("[\128-\255]") or pcall(json.encode, text)
end

local function too_long(self)
  self.failed = true
  return nil, self:error(self.line + 1, nil, ("the record that begins here is "
    .. "longer than %d bytes; close its quotes, or set max_record_bytes")
    :format(self.most))
end

local function finish(self, fields, first, text)
  if not is_utf8(text) then
    return nil, self:error(first, self.line,
      "the text is not UTF-8; save the file as UTF-8")
  end
  return fields, first
end

-- Splits a record without quotes, which is one line.
local function split(self, text)
  local fields, n, from, separator = {}, 0, 1, self.separator
  while true do
    local stop = text:find(separator, from, true)
    n = n + 1
    if not stop then
      fields[n] = text:sub(from)
      return fields
    end
    fields[n] = text:sub(from, stop - 1)
    from = stop + 1
  end
end

-- Returns the text of the quoted field at a position, and its end.
local function quoted(self, from)
  local at = from + 1
  while true do
    local found, long = find(self, '"', at)
    if not found then
      return nil, long
    end
    at = found
    if at == #self.buffer then
      more(self)
    end
    if self.buffer:sub(at + 1, at + 1) ~= '"' then
      return self.buffer:sub(from + 1, at - 1):gsub('""', '"'), at + 1
    end
    at = at + 2
  end
end

-- Ends the record at the position of a line's end, and returns its text.
local function leave(self, stop)
  local text = self.buffer:sub(self.at, stop - 1)
  self.line = self.line + 1 + select(2, text:gsub("\n", ""))
  self.at = stop + 1
  return text
end

local function not_closed(self, number)
  local first = self.line + 1
  leave(self, #self.buffer + 1)
  self.failed = true
  return nil, self:error(first, nil, ("the quote that opens field %d is not "
    .. "closed before the end"):format(number))
end

local function after_quote(self, number, at)
  local first = self.line + 1
  leave(self, find(self, "\n", at) or #self.buffer + 1)
  return nil, self:error(first, self.line, ("field %d continues after its "
    .. "closing quote; write a quote inside a quoted field twice"):format(number))
end

-- Returns the position of the line feed that ends a line, or the end of the text.
local function line_end(self, at)
  local stop, long = find(self, "\n", at)
  if long then
    return nil
  end
  return stop or #self.buffer + 1
end

-- Returns the text of the unquoted field at a position, and its end.
local function plain(self, from)
  local stop, long = find(self, self.field_end, from)
  if long then
    return nil, true
  end
  stop = stop or #self.buffer + 1
  local text = self.buffer:sub(from, stop - 1)
  if self.buffer:sub(stop, stop) ~= self.separator then
    text = text:gsub("\r$", "")
  end
  return text, stop
end

-- Returns the end of a quoted field, after the CR of a CRLF.
local function past_cr(self, stop)
  while #self.buffer < stop + 1 and more(self) do end  -- luacheck: ignore 542
  if self.buffer:find("^\r\n", stop) or self.buffer:find("^\r$", stop) then
    return stop + 1
  end
  return stop
end

-- Reads a record with quotes field by field.
local function by_field(self)
  local fields, at, first = {}, self.at, self.line + 1
  while true do
    local is_quoted = self.buffer:sub(at, at) == '"'
    local text, stop = (is_quoted and quoted or plain)(self, at)
    if not text and stop then
      return too_long(self)
    elseif not text then
      return not_closed(self, #fields + 1)
    end
    fields[#fields + 1] = text
    if is_quoted then
      stop = past_cr(self, stop)
    end
    local next_one = self.buffer:sub(stop, stop)
    if next_one == "\n" or next_one == "" then
      return finish(self, fields, first, leave(self, stop))
    elseif next_one ~= self.separator then
      return after_quote(self, #fields, stop)
    end
    at = stop + 1
    if at > #self.buffer then
      more(self)
    end
  end
end

--- Returns the next record and its first line; nil at the end; nil and an error
--- for an invalid record. The next records can still be read, unless `failed` is
--- set. Empty lines are skipped.
---@return string[]|nil
---@return integer|klaviyo.Error|nil
function Parser:next()
  while not self.failed do
    forget(self)
    local stop = line_end(self, self.at)
    if self.why then
      self.failed = true
      return nil, self:error(self.line + 1, nil, "the text cannot be read: "
        .. self.why)
    elseif not stop then
      return too_long(self)
    elseif self.at > #self.buffer then
      return nil
    end
    local text = self.buffer:sub(self.at, stop - 1):gsub("\r$", "")
    if text ~= "" then
      if text:find('"', 1, true) then
        return by_field(self)
      end
      leave(self, stop)
      return finish(self, split(self, text), self.line, text)
    end
    leave(self, stop)
  end
end

-- Beginning -------------------------------------------------------------------

local SEPARATORS = {",", ";", "\t", "|"}
local UTF_16 = {["\255\254"] = true, ["\254\255"] = true}

local function most_frequent(text)
  local best, most = SEPARATORS[1], 0
  text = text:gsub('"[^"]*"', "")
  for _, separator in ipairs(SEPARATORS) do
    local count = select(2, text:gsub("%" .. separator, ""))
    if count > most then
      best, most = separator, count
    end
  end
  return best
end

--- Reads the first line: skips a byte order mark, and finds the separator if the
--- options have none.
---@return klaviyo.Error|nil
function Parser:begin()
  while #self.buffer < 3 and more(self) do end  -- luacheck: ignore 542
  if UTF_16[self.buffer:sub(1, 2)] then
    self.failed = true
    return self:error(nil, nil, "the text is UTF-16; save the file as UTF-8")
  elseif self.buffer:sub(1, 3) == "\239\187\191" then
    self.at = 4
  end
  local stop = line_end(self, self.at)
  local first = stop and self.buffer:sub(self.at, stop - 1) or ""
  if first:gsub("\r$", ""):find("\r", 1, true) and not first:find('"') then
    self.failed = true
    return self:error(1, nil, "lines end with CR only; save the file with LF or "
      .. "CRLF")
  end
  local declared = first:match("^sep=([^%w\"])\r?$")  -- Excel writes this line
  if declared then
    leave(self, stop)
  end
  self.separator = self.separator or declared or most_frequent(first)
  self.field_end = "[%" .. self.separator .. "\n]"
end

M.PIECE = PIECE

return M
