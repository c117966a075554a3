--- Reads the text of a file, or of the standard input, as pieces or as lines. It
--- can be read a second time: what the standard input gave is kept in a temporary
--- file.

local exit_status = require "klaviyo.cli.exit_status"

local M = {}

local PIECE = 65536

-- How much of a file is read to estimate the number of its lines.
local MAX_COUNTED = 4 * 1024 * 1024

---@class klaviyo.cli.ImportSource
---@field name string  for messages
---@field size integer|nil  bytes of the file
---@field file file*|nil  until it is closed
---@field is_stdin boolean
local Source = {}
Source.__index = Source

local function opened(path, stdin)
  if path == "-" then
    return stdin
  end
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local ok, message = file:read(0)  -- a directory can be opened, but not read
  if not ok and message then
    file:close()
    return nil, ("%s: %s"):format(path, message)
  end
  return file
end

--- Opens a file, or the standard input for "-".
---@param path string
---@param stdin file*|nil  default io.stdin
---@return klaviyo.cli.ImportSource|nil
---@return string|nil  an error message
function M.open(path, stdin)
  local file, why = opened(path, stdin or io.stdin)
  if not file then
    return nil, why
  end
  local self = setmetatable({
    name = path == "-" and "the standard input" or path, file = file,
    is_stdin = path == "-", pending = {},
  }, Source)
  if self.is_stdin then
    self.copy = io.tmpfile()
  else
    self.size = file:seek("end")
    file:seek("set")
  end
  return self
end

-- Notes that a text was read from the file.
local function note(self, text)
  if text and self.copy and not self.again and not self.copy:write(text) then
    self.copy:close()
    self.copy = nil
  end
  return text
end

-- Ends the command if the text cannot be read: its rows must not pass for all.
local function checked(self, text, why)
  if text == nil and why then
    error({status = exit_status.REFUSED, is_unreadable = true,
      message = ("%s cannot be read: %s"):format(self.name, why)}, 0)
  end
  return note(self, text)
end

--- Returns about how many lines a file has: the first ones are counted. Call it
--- before the file is read; nil if it is not known.
---@return integer|nil
function Source:estimate_lines()
  if not self.size then
    return nil
  end
  local lines, bytes = 0, 0
  while bytes < MAX_COUNTED do
    local text = self.file:read(PIECE)
    if not text then
      break
    end
    lines = lines + select(2, text:gsub("\n", ""))
    bytes = bytes + #text
  end
  self.file:seek("set")
  return bytes > 0 and math.floor(lines * self.size / bytes + 0.5) or 0
end

--- Returns text to the source: it is read next.
---@param text string
function Source:push(text)
  if text ~= "" then
    table.insert(self.pending, 1, text)
  end
end

--- Returns the next line with its line feed (the last one may have none); nil at
--- the end.
---@return string|nil
function Source:line()
  local pending = table.remove(self.pending, 1)
  local text
  if pending then
    local stop = pending:find("\n", 1, true)
    text = pending:sub(1, stop or #pending)
    self:push(pending:sub(#text + 1))
    if not stop then
      text = text .. (checked(self, self.file:read("*L")) or "")
    end
  else
    text = checked(self, self.file:read("*L"))
  end
  if text and self.keeps_lines then
    self.last = self.last + 1
    self.lines[self.last] = text
  end
  return text
end

--- Returns the next piece, which ends with a line; nil at the end.
---@return string|nil
function Source:piece()
  local pending = table.remove(self.pending, 1)
  if pending then
    return pending
  end
  local text = checked(self, self.file:read(PIECE))
  if text and text:sub(-1) ~= "\n" then
    text = text .. (checked(self, self.file:read("*L")) or "")
  end
  return text
end

--- Returns lines that `line` returned since `rewind`, and forgets those before them.
---@param first integer
---@param last integer|nil  default: the last one that was read
---@return string
function Source:text(first, last)
  for number = self.kept, first - 1 do
    self.lines[number] = nil
  end
  self.kept = math.max(self.kept, first)
  return table.concat(self.lines, "", first, math.min(last or self.last, self.last))
end

--- Numbers the lines that `line` returns from now on from 1.
function Source:count_lines()
  self.lines, self.last, self.kept, self.keeps_lines = {}, 0, 1, true
end

--- Begins again at the first byte, for the first reading. Returns whether that is
--- possible: not for the standard input.
---@return boolean
function Source:restart()
  if self.is_stdin then
    return false
  end
  self.pending = {}
  return self.file:seek("set") ~= nil
end

--- Begins again at the first line. Returns whether that is possible.
---@return boolean
function Source:rewind()
  if self.is_stdin and not self.again then
    while self.copy and self:piece() do end  -- luacheck: ignore 542
    self.file, self.again = self.copy, true
  end
  self.pending = {}
  self:count_lines()
  return self.file ~= nil and self.file:seek("set") ~= nil
end

--- Closes the file.
function Source:close()
  if self.file and not (self.is_stdin and not self.again) then
    self.file:close()
  end
  self.file = nil
end

return M
