--- Shows any value as text in the style of JSON: members in order, null as null,
--- lists in brackets. Values that JSON does not have are in angle brackets.

local checker = require "klaviyo.util.options"
local int64 = require "klaviyo.values.int64"
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"

local core = lazy_require "klaviyo.core"

local M = {}

---@class klaviyo.DumpOptions
---@field indent? integer  spaces for each level; 0: everything on one line; default 2
---@field max_depth? integer  how deep tables are shown; default 12
---@field max_items? integer  members shown of one table; default 100
---@field max_string? integer  bytes shown of one string; default 1000
---@field max_bytes? integer  roughly, of the whole text; default 100000
local function count(default)
  return {type = "integer", min = 0, default = default}
end

local FIELDS = {
  indent = count(2), max_depth = count(12), max_items = count(100),
  max_string = count(1000), max_bytes = count(100000),
}

local WIDTH = 80  -- a table that fits into it is shown on one line
local MORE = "…"
local REDACTED = "[redacted]"

-- Tables of these classes are shown with their members. Other tables with a
-- __tostring (a client, a filter) are shown as that text.
local OPEN = {
  ["klaviyo.BulkResult"] = true, ["klaviyo.Document"] = true,
  ["klaviyo.Error"] = true, ["klaviyo.Resource"] = true,
  ["klaviyo.Response"] = true, ["klaviyo.AggregateError"] = true,
}

-- Secrets ---------------------------------------------------------------------

local SECRET_NAMES = {
  access_token = true, api_key = true, authorization = true,
  client_secret = true, password = true, refresh_token = true, secret = true,
  secret_key = true, secrets = true,
}

local function is_secret(name)
  return type(name) == "string"
    and SECRET_NAMES[(name:lower():gsub("%-", "_"))]
end

local LEAST_KEY = 16

local function without_key(rest)
  return #rest >= LEAST_KEY and "pk_" .. REDACTED or nil
end

-- Replaces private keys and the values of Authorization headers in a text.
local function without_secrets(text)
  text = text:gsub("pk_([%w_]+)", without_key)
  return (text:gsub("(Klaviyo%-API%-Key%s+)[^%s\"']+", "%1" .. REDACTED)
    :gsub("([Bb]earer%s+)[^%s\"']+", "%1" .. REDACTED))
end

-- Scalars ---------------------------------------------------------------------

local function quoted(text, limit)
  text = without_secrets(text)
  local rest = #text - limit
  if rest > 0 then
    text = text:sub(1, limit):gsub("[\192-\255][\128-\191]*$", "")
  end
  local shown = core.quote(text)
  if not shown then  -- not UTF-8
    shown = core.quote((text:gsub("[\128-\255]", function(byte)
      return ("\\x%02X"):format(byte:byte())
    end)))
  end
  return rest > 0 and shown .. MORE or shown
end

local function number(value)
  local text = core.number(value)
  if not text then
    return value ~= value and "nan" or value > 0 and "inf" or "-inf"
  elseif math.type and math.type(value) == "float" and text:find("^%-?%d+$") then
    return text .. ".0"
  end
  return text
end

local function scalar(value, options)
  local kind = type(value)
  if value == nil or kind == "boolean" then
    return tostring(value)
  elseif kind == "string" then
    return quoted(value, options.max_string)
  elseif kind == "number" then
    return number(value)
  elseif value == json.null then
    return "null"
  elseif json.is_array(value) then
    return "[]"  -- lua-cjson's empty_array
  elseif kind == "cdata" then
    return int64.digits(value) or "<" .. tostring(value) .. ">"
  end
  return "<" .. kind .. ">"
end

-- Tables ----------------------------------------------------------------------

local ORDER = {number = 1, string = 2}

local function before(a, b)
  local one, other = ORDER[type(a)] or 3, ORDER[type(b)] or 3
  if one ~= other then
    return one < other
  elseif one == 3 then
    return tostring(a) < tostring(b)
  end
  return a < b
end

local function keys_of(t)
  local keys = {}
  for key in next, t do
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  return keys
end

local function is_list(t, keys)
  for i, key in ipairs(keys) do
    if key ~= i then
      return false
    end
  end
  return json.is_array(t)
end

-- What a table is shown as, if not with its members.
local function stand_in(t, mt)
  if type(mt) ~= "table" then
    return nil
  end
  if type(mt.__tojson) == "function" then
    local ok, value = pcall(mt.__tojson, t)
    if ok and type(value) ~= "table" then
      return value, true
    end
  end
  if mt.__tostring and not OPEN[mt.__name] then
    local ok, text = pcall(tostring, t)
    return "<" .. (ok and without_secrets(text) or "table") .. ">"
  end
end

local show

-- Parts in brackets: on one line if they fit into it.
local function joined(parts, open, close, depth, options)
  if #parts == 0 then
    return open .. close
  end
  local line = table.concat(parts, ", ")
  local blanks = options.indent * (depth - 1)
  if options.indent == 0
      or blanks + #line + 2 <= WIDTH and not line:find("\n", 1, true) then
    return open .. line .. close
  end
  local margin = "\n" .. (" "):rep(blanks)
  local inner = margin .. (" "):rep(options.indent)
  return open .. inner .. table.concat(parts, "," .. inner) .. margin .. close
end

local function show_members(t, state, depth)
  local options, keys, parts = state.options, keys_of(t), {}
  local list = is_list(t, keys)
  for i, key in ipairs(keys) do
    if i > options.max_items or state.left <= 0 then
      parts[i] = ("%s %d more"):format(MORE, #keys - i + 1)
      break
    end
    local value = rawget(t, key)
    local text = is_secret(key) and value ~= json.null
      and '"' .. REDACTED .. '"' or show(value, state, depth + 1)
    if not list then
      local name = type(key) == "string" and quoted(key, options.max_string)
        or "[" .. scalar(key, options) .. "]"
      state.left = state.left - #name
      text = name .. ": " .. text
    end
    parts[i] = text
  end
  return joined(parts, list and "[" or "{", list and "]" or "}", depth,
    options)
end

local function show_table(t, state, depth)
  local value, is_value = stand_in(t, getmetatable(t))
  if is_value then
    return scalar(value, state.options)
  elseif value then
    return value
  elseif state.within[t] then
    return "<cycle>"
  elseif depth > state.options.max_depth and next(t) ~= nil then
    return json.is_array(t) and "[" .. MORE .. "]" or "{" .. MORE .. "}"
  end
  state.within[t] = true
  local text = show_members(t, state, depth)
  state.within[t] = nil
  return text
end

function show(value, state, depth)
  if type(value) == "table" then
    return show_table(value, state, depth)
  end
  local text = scalar(value, state.options)
  state.left = state.left - #text
  return text
end

--- Returns a readable text of any value. The text is not JSON: it is truncated as
--- `options` say, a table that contains itself shows `<cycle>`, and keys, tokens
--- and secrets are replaced by `[redacted]`.
---@param value any
---@param options klaviyo.DumpOptions|nil
---@return string
function M.dump(value, options)
  options = checker.check(FIELDS, options, "dump")
  return show(value, {options = options, left = options.max_bytes,
    within = {}}, 1)
end

local BRIEF = {max_items = 20, max_string = 200, max_bytes = 10000}

--- Returns the text that `print` shows for documents and resources.
function M.brief(value)
  return M.dump(value, BRIEF)
end

return M
