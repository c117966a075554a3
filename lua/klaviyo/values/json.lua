--- Decodes and encodes JSON. The core does both: numbers stay exact, lists stay
--- lists, and an error names the path of a value that JSON cannot represent.
---
--- `null` and the metatable of lists (in newer versions) are those of lua-cjson,
--- so that values can be passed between both. This module neither uses nor
--- changes the settings of lua-cjson.

local cjson = require "cjson"
local core = require "klaviyo.core"
local int64 = require "klaviyo.values.int64"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

--- JSON's null; the same value as `cjson.null` and `ngx.null`.
M.null = cjson.null

local type, getmetatable = type, getmetatable

-- lua-cjson's own metatable for lists, if it has one.
local array_mt = cjson.array_mt or {__name = "klaviyo.array"}
local empty_array_mt = cjson.empty_array_mt or array_mt
local empty_array = cjson.empty_array

-- Decoding --------------------------------------------------------------------

local decoder

--- Decodes a JSON text (RFC 8259). An integer of up to 64 bits is
--- exact: in Lua 5.3 to 5.5 as an integer; in LuaJIT as a number up to 2^53, beyond
--- as an `int64_t` or `uint64_t`. A number with a fraction or an exponent whose
--- value is integral (`3.0`, `1e3`), up to 2^53, becomes an integer, too. Other
--- numbers become the nearest double. A list is marked as by `json.array`. Null
--- is `json.null`. If two members have the same name, the last one counts.
---
--- With `paths` the value has only those members of its objects. All other
--- members are checked, but never built.
---@param text string
---@param paths userdata|nil  what `json.paths` returned
---@param resources userdata|nil  gets the resources of the member `data`
---@return any value nil if the text is not JSON
---@return string|nil message the error and its byte
function M.decode(text, paths, resources)
  -- its table of names takes 23 kB, which a program that only sends does not need;
  -- after the first call the decoder itself is M.decode
  decoder = decoder or core.decoder(array_mt, int64.make)
  M.decode = decoder
  return decoder(text, paths, resources)
end

local function is_path(value)
  return type(value) == "string"
    and not ("." .. value .. "."):find("..", 1, true)
end

local function check_paths(only, label)
  if type(only) ~= "table" then
    usage_error.raise("%s must be a list of names, not %s", label,
      usage_error.shown(only))
  end
  usage_error.list(label, only)
  for i = 1, #only do
    if not is_path(only[i]) then
      usage_error.raise('%s must have names of members, such as '
        .. '"attributes.email", not %s', label, usage_error.shown(only[i]))
    end
  end
end

--- Returns the paths of members for `decode`. Raises a usage error if they are
--- not a list of paths.
---@param only string[]  each is the name of a member, or names separated by dots
---@param label string  what has this list, for messages
---@return userdata
function M.paths(only, label)
  check_paths(only, label)
  return core.json_paths(only)
end

--- Returns the same for a JSON:API document: the paths begin in the resources of
--- its `data`, which also keep `id` and `type`. Its other members are whole.
---@param only string[]
---@param label string
---@return userdata
function M.resource_paths(only, label)
  check_paths(only, label)
  local list = {"id", "type"}
  for i = 1, #only do
    list[i + 2] = only[i]
  end
  return core.json_paths(list, {"data"})
end

--- Returns paths with which each resource in these members of a JSON:API document
--- becomes a table of its `id`, its `type` and its own JSON text, `text`.
---@param members string[]
---@return userdata
function M.raw_paths(members)
  return core.json_paths({"id", "type"}, members, true)
end

-- Lists -----------------------------------------------------------------------

--- Marks a table as a list, so that an empty one is encoded as `[]`, and returns
--- it.
---@param t table|nil default: a new table
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
    usage_error.raise("array: the table already has another metatable")
  end
  return t
end

--- Returns true if a value is encoded as a list: a table that is marked, or that
--- has a first element.
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

-- The cdata values of LuaJIT, which the core cannot read: 64-bit integers, and
-- null pointers, which equal `null`.
local function cdata_text(value)
  if value == M.null then
    return "null"
  end
  return int64.digits(value)
end

local other_text = int64.is_there and cdata_text or nil

--- Returns a value as JSON. A table with a first element, or marked by
--- `json.array`, is a list; any other table is an object, with its keys in order.
--- The metamethod `__tojson(t)` returns the value to encode instead of the table;
--- it must not yield. Raises an error with the path of a value that JSON cannot
--- represent.
---@param value any
---@return string
function M.encode(value)
  local text, wrong = core.encode(value, array_mt, empty_array_mt, empty_array,
    other_text)
  return text or usage_error.raise(wrong)
end

--- Returns a value as the body of a request: the same JSON in a userdata, which the
--- core takes. `tostring` returns its text.
---@param value any
---@return userdata
function M.encode_body(value)
  local body, wrong = core.encode_body(value, array_mt, empty_array_mt,
    empty_array, other_text)
  return body or usage_error.raise(wrong)
end

--- Returns the body of a request for a flat table; nil if the encoder does not know
--- all of it.
---@param encoder userdata  of core.document_encoder
---@param value table
---@param unique_id string|nil  of an event that has none
---@return userdata|nil
function M.encode_document(encoder, value, unique_id)
  return core.encode_document(value, array_mt, empty_array_mt, empty_array,
    other_text, encoder, unique_id)
end

return M
