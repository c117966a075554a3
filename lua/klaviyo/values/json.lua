--- Reads and writes JSON. The core does both: numbers stay exact, lists stay
--- lists, and a value that JSON cannot hold is named by its path.
---
--- lua-cjson gives `null` and, in its newer versions, the mark of a list, so
--- that its values and ours are the same. Settings of lua-cjson do not matter
--- here, and nothing here changes them.

local cjson = require "cjson"
local int64 = require "klaviyo.values.int64"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local core = lazy_require "klaviyo.core"

local M = {}

--- JSON's null; the same value as `cjson.null` and `ngx.null`.
M.null = cjson.null

local type, getmetatable = type, getmetatable

-- lua-cjson's own mark, if it has one: a list that it marked is one to us.
local array_mt = cjson.array_mt or { __name = "klaviyo.array" }
local empty_array_mt = cjson.empty_array_mt or array_mt
local empty_array = cjson.empty_array

-- Decoding --------------------------------------------------------------------

local read

--- Decodes a JSON text (RFC 8259). An integer that 64 bits hold arrives
--- exactly: in Lua 5.4 as an integer; in LuaJIT as a number up to 2^53, beyond
--- as an `int64_t` or `uint64_t`. A number with a fraction or an exponent whose
--- value is integral (`3.0`, `1e3`), up to 2^53, arrives as an integer, too. All
--- others are the nearest double. A list keeps the mark of `json.array`. Null
--- is `json.null`. Of two members with the same name the last one counts.
---@param text string
---@return any value nil when the text is not JSON
---@return string|nil message what is wrong with it, and at which byte
function M.decode(text)
  if type(text) ~= "string" then
    return nil, "expected a string, got " .. type(text)
  end
  read = read or core.decoder(array_mt, int64.make)
  return read(text)
end

-- Lists -----------------------------------------------------------------------

--- Marks a table as a list, so that an empty one is written `[]`.
---@param t table|nil a new one when absent
---@return table t the same table
function M.array(t)
  if t == nil then
    t = {}
  elseif type(t) ~= "table" then
    usage_error.raise("array: expected a table, got %s", usage_error.kind(t))
  end
  local mt = getmetatable(t)
  if mt == nil then
    return setmetatable(t, array_mt)
  elseif mt ~= array_mt and mt ~= empty_array_mt then
    usage_error.raise("array: the table has a metatable of another kind")
  end
  return t
end

--- Is this written as a list? A marked table is, and one with a first element.
---@param t any
---@return boolean
function M.is_array(t)
  if type(t) ~= "table" then
    return t ~= nil and t == empty_array
  end
  local mt = getmetatable(t)
  return mt == array_mt or mt == empty_array_mt or rawget(t, 1) ~= nil
end

-- Encoding --------------------------------------------------------------------

-- What LuaJIT has besides, and the core cannot see into: 64-bit integers, and
-- null pointers, which equal `null`.
local function cdata_text(value)
  if value == M.null then
    return "null"
  end
  return int64.digits(value)
end

local other_text = int64.is_there and cdata_text or nil

--- Writes a value as JSON. A table with a first element, or marked by
-- `json.array`, is a list; any other table is an object, its keys in order. A
-- metatable's `__tojson(t)` gives the value to write in the table's place; it
-- may not yield. Raises, naming the path, for what JSON cannot hold.
---@param value any
---@return string
function M.encode(value)
  local text, wrong = core.encode(value, array_mt, empty_array_mt, empty_array,
    other_text)
  return text or usage_error.raise(wrong)
end

return M
