--- JSON: decoding is lua-cjson's; encoding is ours, because lua-cjson 2.1.0
-- rounds numbers to 14 digits and has no empty list, and because a value JSON
-- cannot hold deserves to be named by its path.
--
-- What lua-cjson 2.1.0 loses on decoding: integers beyond 2^53 are rounded, and
-- `[]` becomes a table like `{}`. Later versions keep both.

local cjson = require "cjson"
local literal = require "klaviyo.literal"
local misuse = require "klaviyo.misuse"

local M = {}

--- JSON's null; the same value as `cjson.null` and `ngx.null`.
M.null = cjson.null

local MAX_DEPTH = 1000
local FEW_NAMES = 16
local MAX_KEYS_KEPT = 4096
local MAX_PIECES_KEPT = 4096

local has_ffi, ffi = pcall(require, "ffi")
local type, next, getmetatable = type, next, getmetatable
local find, format, gsub = string.find, string.format, string.gsub
local sort, concat = table.sort, table.concat
local quote, number, UNSAFE = literal.quote, literal.number, literal.UNSAFE

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
local decoders_point = format("%.1f", 0.5)

--- Decodes a JSON text. Never raises.
---@param text string
---@return any value nil when the text is not JSON
---@return string|nil message what is wrong with it
function M.decode(text)
  if type(text) ~= "string" then
    return nil, "expected a string, got " .. type(text)
  end
  -- lua-cjson learns the locale's decimal point when an instance is made.
  local point = format("%.1f", 0.5)
  if point ~= decoders_point then
    decode_now, decoders_point = new_decoder(), point
  end
  local ok, value = pcall(decode_now, text)
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
    misuse.raise("array: expected a table, got %s", type(t))
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

-- One state per call: the pieces written so far (`out`), and on the way down
-- the tables (`[depth]`) and the keys (`keys[depth]`) that lead to the value.
-- Writers take the number of pieces so far and return the new one.

local function path_of(state, depth)
  local path = ""
  for i = 1, depth do
    local key = state.keys[i]
    if type(key) == "number" then
      path = path .. "[" .. key .. "]"
    else
      path = path .. (path == "" and "" or ".") .. tostring(key)
    end
  end
  return path
end

local function refuse(state, depth, fmt, ...)
  local path = path_of(state, depth)
  misuse.raise("%s: %s", path == "" and "JSON" or path, format(fmt, ...))
end

-- '"key":' for keys already seen, since documents repeat theirs.
local written_keys, keys_kept = {}, 0

local function write_key(state, key, depth)
  if type(key) ~= "string" then
    refuse(state, depth - 1, "an object's keys are strings, not %s (%s)",
      type(key), tostring(key))
  end
  local quoted, at = quote(key)
  if not quoted then
    refuse(state, depth - 1, "a key is not UTF-8 (byte %d)", at)
  end
  quoted = quoted .. ":"
  if keys_kept >= MAX_KEYS_KEPT then
    written_keys, keys_kept = {}, 0
  end
  written_keys[key], keys_kept = quoted, keys_kept + 1
  return quoted
end

-- depth: the number of keys that lead to the value.
local function scalar(state, value, depth)
  local kind = type(value)
  if kind == "string" then
    local text, at = quote(value)
    return text or refuse(state, depth, "not UTF-8 (byte %d of %d)", at, #value)
  elseif kind == "number" then
    return number(value)
      or refuse(state, depth, "%s is no JSON number", tostring(value))
  elseif kind == "boolean" then
    return value and "true" or "false"
  elseif value == M.null then
    return "null"
  elseif value ~= nil and value == empty_array then
    return "[]"
  elseif kind == "cdata" and has_ffi and (ffi.istype("int64_t", value)
      or ffi.istype("uint64_t", value)) then
    return (gsub(tostring(value), "U?LL$", ""))
  end
  refuse(state, depth, "a %s cannot be written as JSON", kind)
end

local write_table

local function write_list(state, t, depth, n)
  local out, keys = state.out, state.keys
  local length, count = #t, 0
  for key in next, t do
    count = count + 1
    if type(key) ~= "number" then
      refuse(state, depth - 1, "a list has the key %s", tostring(key))
    end
  end
  if count ~= length then
    refuse(state, depth - 1, "a list has holes (put klaviyo.null there)")
  end
  n = n + 1
  out[n] = "["
  for i = 1, length do
    if i > 1 then
      n = n + 1
      out[n] = ","
    end
    local value = t[i]
    keys[depth] = i
    if type(value) == "table" then
      n = write_table(state, value, depth, n)
    else
      n = n + 1
      out[n] = scalar(state, value, depth)
    end
  end
  out[n + 1] = "]"
  return n + 1
end

-- The same table is always the same text: it can be compared, and replayed.
-- Few names are sorted as they come, which beats `table.sort`.
local function sorted_names(state, t, depth, first)
  local names, count = state.names[depth], 0
  if not names then
    names = {}
    state.names[depth] = names
  end
  local name = first
  repeat
    if type(name) ~= "string" then
      write_key(state, name, depth)
    end
    local i = count
    count = count + 1
    if count <= FEW_NAMES then
      while i > 0 and names[i] > name do
        names[i + 1] = names[i]
        i = i - 1
      end
    end
    names[i + 1] = name
    name = next(t, name)
  until name == nil
  if count > FEW_NAMES then
    state.names[depth] = nil
    for i = #names, count + 1, -1 do
      names[i] = nil
    end
    sort(names)
  end
  return names, count
end

local function write_object(state, t, depth, n, first)
  local out, keys = state.out, state.keys
  local names, count = sorted_names(state, t, depth, first)
  local opening = "{"
  for i = 1, count do
    local name = names[i]
    local value = t[name]
    out[n + 1] = opening
    opening = ","
    n = n + 3
    out[n - 1] = written_keys[name] or write_key(state, name, depth)
    if type(value) == "string" and not find(value, UNSAFE) then
      out[n] = '"' .. value .. '"'
    else
      keys[depth] = name
      if type(value) == "table" then
        n = write_table(state, value, depth, n - 1)
      else
        out[n] = scalar(state, value, depth)
      end
    end
  end
  out[n + 1] = "}"
  return n + 1
end

local function refuse_depth(state)
  local seen = {}
  for depth = 1, MAX_DEPTH + 1 do
    if seen[state[depth]] then
      refuse(state, depth - 1, "the table holds itself")
    end
    seen[state[depth]] = true
  end
  refuse(state, 20, "nested deeper than %d", MAX_DEPTH)
end

-- depth: the number of keys that lead to the table.
function write_table(state, t, depth, n)
  local mt = getmetatable(t)
  depth = depth + 1
  state[depth] = t
  if depth > MAX_DEPTH then
    refuse_depth(state)
  end
  if mt ~= nil then
    if mt == array_mt or mt == empty_array_mt then
      return write_list(state, t, depth, n)
    elseif type(mt) == "table" and mt.__tojson then
      local value = mt.__tojson(t)
      if type(value) == "table" then
        return write_table(state, value, depth, n)
      end
      state.out[n + 1] = scalar(state, value, depth - 1)
      return n + 1
    end
  end
  local first = next(t)
  if first == nil then
    state.out[n + 1] = "{}"
    return n + 1
  elseif first == 1 or rawget(t, 1) ~= nil then
    return write_list(state, t, depth, n)
  end
  return write_object(state, t, depth, n, first)
end

-- The state of the last call, for the next one: growing its tables anew costs
-- as much as the writing. Taken while in use, since `__tojson` may encode too.
local spare

--- Writes a value as JSON. A table with a first element, or marked by
-- `json.array`, is a list; any other table is an object, its keys in order. A
-- metatable's `__tojson(t)` gives the value to write in the table's place.
-- Raises, naming the path, for what JSON cannot hold.
---@param value any
---@return string
function M.encode(value)
  if type(value) ~= "table" then
    return scalar({ keys = {} }, value, 0)
  end
  local state = spare or { out = {}, keys = {}, names = {} }
  spare = nil
  local n = write_table(state, value, 0, 0)
  local text = concat(state.out, "", 1, n)
  if n <= MAX_PIECES_KEPT then
    spare = state
  end
  return text
end

return M
