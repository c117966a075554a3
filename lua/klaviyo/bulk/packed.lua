--- The encoded records of a chunk, and the body that they make.
---
--- LuaJIT interns every string, and its hash covers only a few bytes: thousands
--- of similar records would all fall into one hash chain. So under LuaJIT a
--- record is encoded with a number at either end, which the hash covers, and its
--- bytes are kept outside of Lua.

local json = require "klaviyo.values.json"

local M = {}

local has_ffi, ffi = pcall(require, "ffi")

local Packed = {}
Packed.__index = Packed

-- Returns a record with a number of three digits at either end.
local function numbered(value, position)
  return {100 + position % 900, value,
    100 + math.floor(position / 900) % 900}
end

--- Returns the text of a record and its position for a digest: the same in every
--- Lua.
---@param value any
---@param position integer
---@return string
function M.numbered(value, position)
  return json.encode(numbered(value, position))
end

-- Plain Lua -------------------------------------------------------------------

--- Returns a record as text.
---@param value any
---@param position integer
---@return string
function M.encode(value, position)  -- luacheck: ignore 212
  return json.encode(value)
end

--- Returns the number of bytes that a text takes in a body.
---@param text string
---@return integer
function M.size(text)
  return #text
end

--- Returns an empty store.
function M.new()
  return setmetatable({n = 0}, Packed)
end

--- Adds a text.
function Packed:add(text)
  self.n = self.n + 1
  self[self.n] = text
end

--- Returns the body of all texts, or of those whose numbers are in `part`, with
--- commas between them, `before` at the start and `after` at the end.
---@param before string
---@param after string
---@param part integer[]|nil
---@return string
function Packed:body(before, after, part)
  -- A body has megabytes: the ends are added without another copy of it.
  local pieces = {}
  for i = 1, part and #part or self.n do
    pieces[i] = self[part and part[i] or i]
  end
  pieces[1] = before .. pieces[1]
  pieces[#pieces] = pieces[#pieces] .. after
  return table.concat(pieces, ",")
end

if not has_ffi then
  return M
end

-- LuaJIT ----------------------------------------------------------------------

local FIRST_ROOM = 65536
local HEAD, TAIL = #"[100,", #",100]"

local char_pointer = ffi.typeof("const char *")

function M.encode(value, position)
  return json.encode(numbered(value, position))
end

function M.size(text)
  return #text - HEAD - TAIL
end

function M.new()
  return setmetatable({n = 0, used = 0, room = FIRST_ROOM,
    bytes = ffi.new("char[?]", FIRST_ROOM), at = {}}, Packed)
end

function Packed:add(text)
  local size = M.size(text)
  if self.used + size > self.room then
    local room = math.max(self.room * 2, self.used + size)
    local bytes = ffi.new("char[?]", room)
    ffi.copy(bytes, self.bytes, self.used)
    self.bytes, self.room = bytes, room
  end
  ffi.copy(self.bytes + self.used, ffi.cast(char_pointer, text) + HEAD, size)
  self.n = self.n + 1
  self.at[self.n] = self.used
  self.used = self.used + size
end

local function size_at(self, i)
  return (self.at[i + 1] or self.used) - self.at[i]
end

function Packed:body(before, after, part)
  local count = part and #part or self.n
  local total = #before + #after + count - 1
  for i = 1, count do
    total = total + size_at(self, part and part[i] or i)
  end
  local out, n = ffi.new("char[?]", total), #before
  ffi.copy(out, before, n)
  for i = 1, count do
    local index = part and part[i] or i
    local size = size_at(self, index)
    ffi.copy(out + n, self.bytes + self.at[index], size)
    n = n + size
    if i < count then
      out[n] = 44  -- ","
      n = n + 1
    end
  end
  ffi.copy(out + n, after, #after)
  return ffi.string(out, total)
end

return M
