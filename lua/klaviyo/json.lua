--- JSON: decoding is lua-cjson's; encoding is the core's, because lua-cjson
-- 2.1.0 rounds numbers to 14 digits and has no empty list, and because a value
-- JSON cannot hold deserves to be named by its path.
--
-- What lua-cjson 2.1.0 loses on decoding: integers beyond 2^53 are rounded, and
-- `[]` becomes a table like `{}`. Later versions keep both.

local cjson = require "cjson"
local lazy = require "klaviyo.lazy"
local misuse = require "klaviyo.misuse"

local core = lazy "klaviyo.core"  -- who only decodes does without libcurl

local M = {}

--- JSON's null; the same value as `cjson.null` and `ngx.null`.
M.null = cjson.null

local MAX_DEPTH = 1000

-- Where there can be one: to look for it in vain takes a first start 0.1 ms.
local has_ffi, ffi
if type(jit) == "table" then
  has_ffi, ffi = pcall(require, "ffi")
end
local type, getmetatable = type, getmetatable

-- lua-cjson's own mark where it has one, so that what it decodes and what we
-- mark are one thing.
local array_mt = cjson.array_mt or { __name = "klaviyo.array" }
local empty_array_mt = cjson.empty_array_mt or array_mt
local empty_array = cjson.empty_array

-- Decoding --------------------------------------------------------------------

-- An instance of our own: settings made here reach nobody else, nor theirs us.
local function new_decoder()
  local own = cjson.new()
  own.decode_invalid_numbers(false)
  own.decode_max_depth(MAX_DEPTH)
  if own.decode_array_with_array_mt then
    own.decode_array_with_array_mt(true)
  end
  return own.decode
end

local decode_now = new_decoder()

--- Decodes a JSON text. Never raises.
---@param text string
---@return any value nil when the text is not JSON
---@return string|nil message what is wrong with it
function M.decode(text)
  if type(text) ~= "string" then
    return nil, "expected a string, got " .. type(text)
  end
  local ok, value = pcall(decode_now, text)
  if not ok then
    -- lua-cjson learns the locale's decimal point when an instance is made; by
    -- another one it takes no number that has a point.
    decode_now = new_decoder()
    ok, value = pcall(decode_now, text)
  end
  if ok then
    return value
  end
  return nil, tostring(value)
end

-- Lists -----------------------------------------------------------------------

--- Marks a table as a list, so that an empty one is written `[]`.
---@param t table|nil a new one when absent
---@return table t the same table
function M.array(t)
  if t == nil then
    t = {}
  elseif type(t) ~= "table" then
    misuse.raise("array: expected a table, got %s", misuse.kind(t))
  end
  local mt = getmetatable(t)
  if mt == nil then
    return setmetatable(t, array_mt)
  elseif mt ~= array_mt and mt ~= empty_array_mt then
    misuse.raise("array: the table has a metatable of another kind")
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
  elseif ffi.istype("int64_t", value) or ffi.istype("uint64_t", value) then
    return (tostring(value):gsub("U?LL$", ""))
  end
end

local other_text = has_ffi and cdata_text or nil

--- Writes a value as JSON. A table with a first element, or marked by
-- `json.array`, is a list; any other table is an object, its keys in order. A
-- metatable's `__tojson(t)` gives the value to write in the table's place; it
-- may not yield. Raises, naming the path, for what JSON cannot hold.
---@param value any
---@return string
function M.encode(value)
  local text, wrong = core.encode(value, array_mt, empty_array_mt, empty_array,
    other_text)
  return text or misuse.raise(wrong)
end

return M
