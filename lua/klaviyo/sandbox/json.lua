--- JSON for the sandbox: strict decoding, exact encoding. It shares no code
--- with the client, because it checks the client; a lenient decoder would
--- accept what the service rejects.

local decode = require "klaviyo.sandbox.decode"

local M = {}

local floor = math.floor
local byte, find, format = string.byte, string.find, string.format
local concat = table.concat

--- The JSON value null.
M.null = setmetatable({}, {__tostring = function() return "null" end})

local array_mt = {}
local raw_mt = {}
local number_mt = {__tostring = function(self) return self.text end}

--- Marks a table as an array, so that an empty one is encoded as `[]`.
---@param list table|nil
---@return table
function M.array(list)
  return setmetatable(list or {}, array_mt)
end

--- Returns a value for JSON that is encoded already.
---@param text string
---@return table
function M.raw(text)
  return setmetatable({text = text}, raw_mt)
end

--- Returns the JSON type of a value: null, string, boolean, integer, number,
--- array or object. A number without a fraction is an "integer".
---@param value any
---@return string
function M.kind(value)
  local kind = type(value)
  if kind == "table" then
    if value == M.null then
      return "null"
    end
    local mt = getmetatable(value)
    if mt == array_mt then
      return "array"
    elseif mt == number_mt then
      return find(value.text, "[.eE]") and "number" or "integer"
    end
    return "object"
  elseif kind == "number" then
    return value == floor(value) and "integer" or "number"
  end
  return kind
end

--- Returns the number that a decoded value stands for, or nil.
---@param value any
---@return number|nil
function M.to_number(value)
  if type(value) == "number" then
    return value
  elseif getmetatable(value) == number_mt then
    return tonumber(value.text)
  end
end

decode.set_types {null = M.null, array = array_mt, number = number_mt}

--- Decodes one JSON text strictly (RFC 8259; a duplicate member name is an
--- error), from the byte `from` or 1. Returns the value, or nil and what is
--- wrong.
---@type fun(text: string, from: integer|nil): any, string|nil
M.decode = decode.decode

--- Returns the text with U+FFFD in place of bytes that are not UTF-8.
---@type fun(text: string): string
M.repaired = decode.repaired

local SHORT = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(char)
  return SHORT[char] or format("\\u%04x", byte(char))
end

local function quote(text)
  if find(text, '[%c"\\]') then
    text = text:gsub('[%c"\\]', escape)
  end
  return '"' .. text .. '"'
end

local function number_text(value)
  if value == floor(value) and value > -2 ^ 53 and value < 2 ^ 53 then
    return format("%d", value)
  end
  local text = format("%.14g", value)
  if tonumber(text) ~= value then
    text = format("%.17g", value)
  end
  -- The decimal point depends on the locale.
  return (text:gsub("^(%-?%d+)[^%d.e]+", "%1."))
end

--- Returns a metatable that sets the order in which members are written. Any
--- number of tables of the same shape can share it.
---@param keys string[]
---@return table metatable
function M.shape(keys)
  local heads = {}
  for i, key in ipairs(keys) do
    heads[i] = quote(key) .. ":"
  end
  return {keys = keys, heads = heads}
end

local write

local function write_member(out, n, lead, head, value)
  out[n + 1] = lead
  out[n + 2] = head
  return write(out, n + 2, value)
end

local function write_table(out, n, value)
  if value == M.null then
    out[n + 1] = "null"
    return n + 1
  end
  local mt = getmetatable(value)
  if mt == number_mt or mt == raw_mt then
    out[n + 1] = value.text
    return n + 1
  elseif mt == array_mt or (not mt and value[1] ~= nil) then
    local lead = "["
    for i = 1, #value do
      n = n + 1
      out[n] = lead
      lead = ","
      n = write(out, n, value[i])
    end
    out[n + 1] = lead == "[" and "[]" or "]"
    return n + 1
  end
  local lead = "{"
  if mt and mt.keys then
    local keys, heads = mt.keys, mt.heads
    for i = 1, #keys do
      local member = value[keys[i]]
      if member ~= nil then
        n = write_member(out, n, lead, heads[i], member)
        lead = ","
      end
    end
  else
    for key, member in pairs(value) do
      n = write_member(out, n, lead, quote(key) .. ":", member)
      lead = ","
    end
  end
  out[n + 1] = lead == "{" and "{}" or "}"
  return n + 1
end

function write(out, n, value)
  local kind = type(value)
  local text
  if kind == "string" then
    text = quote(value)
  elseif kind == "number" then
    text = number_text(value)
  elseif kind == "boolean" then
    text = value and "true" or "false"
  elseif kind == "table" then
    return write_table(out, n, value)
  else
    error(("cannot encode a %s as JSON"):format(kind))
  end
  out[n + 1] = text
  return n + 1
end

--- Encodes a value. An empty table that is not an `array` becomes `{}`.
---@param value any
---@param head string|nil a text to put before the JSON
---@return string
function M.encode(value, head)
  local out = {head or ""}
  return concat(out, "", 1, write(out, 1, value))
end

return M
