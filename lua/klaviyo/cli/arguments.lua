--- Turns words of the command line into what the library takes: name=value into the
--- table of an operation, typed by its schema; --where and --filter into a filter.

local klaviyo = require "klaviyo"

local json = klaviyo.json

local M = {}

-- Returns the value of a JSON text, or ends the command.
local function decode(context, text, where)
  local value, err = json.decode(text)
  if value == nil then
    context:usage("%s is not JSON: %s", where, err.message)
  end
  return value
end

--- Returns the value of the JSON in a file, or on standard input for "-".
---@param context klaviyo.cli.Context
---@param path string
function M.read_json(context, path)
  return decode(context, context:read_file(path),
    path == "-" and "standard input" or path)
end

-- Values ------------------------------------------------------------------------

local NUMBER = "^%-?%d+%.?%d*[eE]?[+-]?%d*$"

local CONVERT = {}

-- A text with a zero before its number is one on purpose, such as a zip code.
function CONVERT.number(text)
  if text:find(NUMBER) and not text:find("^%-?0%d") then
    local value = json.decode(text)
    return value ~= nil and value or tonumber(text)
  end
end

function CONVERT.integer(text)
  return text:find("^%-?%d+$") and CONVERT.number(text) or nil
end

function CONVERT.boolean(text)
  if text == "true" or text == "false" then
    return text == "true"
  end
end

-- The types that a text may become, the most special first. A table that is
-- written as a text is an id or a name.
local ORDER = {"boolean", "integer", "number"}
local AS_TEXT = {"string", "any", "table", "file"}

local EXPECTED = {boolean = "true or false", integer = "a whole number",
  number = "a number", list = "a list"}

-- Returns the value of a text as one of these types, or ends the command.
local function typed(context, types, name, text)
  for _, kind in ipairs(ORDER) do
    local value
    if types[kind] then
      value = CONVERT[kind](text)
    end
    if value ~= nil then
      return value
    end
  end
  for _, kind in ipairs(AS_TEXT) do
    if types[kind] then
      return text
    end
  end
  local expected = {}
  for _, kind in ipairs(ORDER) do
    expected[#expected + 1] = types[kind] and EXPECTED[kind] or nil
  end
  context:usage('%s must be %s, not "%s"', name,
    table.concat(expected, " or "), text)
end

local function items_of(text)
  local list = {}
  for item in (text .. ","):gmatch("([^,]*),") do
    list[#list + 1] = item:match("^%s*(.-)%s*$")
  end
  return list
end

-- Paths -------------------------------------------------------------------------

-- "profiles[].email" → {"profiles", "[]", "email"}
local function segments(path)
  local list = {}
  for name in path:gmatch("[^.]+") do
    local plain, brackets = name:match("^(.-)([%[%]]*)$")
    if plain ~= "" then
      list[#list + 1] = plain
    end
    if brackets == "[]" then
      list[#list + 1] = "[]"
    end
  end
  return list
end

-- Returns whether a table has a value at the rest of a path already.
local function is_set(t, names, from)
  for i = from, #names do
    if type(t) ~= "table" then
      return false
    elseif names[i] == "[]" then
      t = t[#t]
    else
      t = t[names[i]]
    end
  end
  return t ~= nil
end

-- Puts a value at a path. [] is the last item of a list; a member that this has
-- already begins the next one.
local function put(context, t, names, value, is_list)
  for i = 1, #names do
    local name, is_last = names[i], i == #names
    if name == "[]" then
      local index = math.max(#t, 1)
      if is_last or is_set(t[index], names, i + 1) then
        index = #t + 1
      end
      name = index
    end
    if not is_last then
      t[name] = t[name] == nil
        and (names[i + 1] == "[]" and json.array() or {}) or t[name]
      t = t[name]
      if type(t) ~= "table" then
        context:usage("%s has a value already, and cannot have members too",
          table.concat(names, ".", 1, i))
      end
    elseif is_list and type(t[name]) == "table" then
      for _, item in ipairs(value) do
        table.insert(t[name], item)
      end
    elseif t[name] ~= nil and not is_list then
      context:usage("%s is set twice", table.concat(names, "."):gsub("%.%[%]", "[]"))
    else
      t[name] = value
    end
  end
end

--- Splits "name=value" or "name:=JSON".
---@param word string
---@return string|nil name  nil if it is neither
---@return string|nil value
---@return boolean|nil is_json
function M.split(word)
  local name, value = word:match("^([^=]+)=(.*)$")
  if not name then
    return nil
  elseif name:sub(-1) == ":" and #name > 1 then
    return name:sub(1, -2), value, true
  end
  return name, value, false
end

-- Returns the types of a member: of any kind if the operation does not know it,
-- because then the document is refused with a suggestion.
local ANY = {types = {any = true}}

local function member_of(context, operation, name)
  return klaviyo.operations.member(operation, name,
    {revision = context:revision()}) or ANY
end

--- Puts name=value or name:=JSON into the table of an operation.
---@param context klaviyo.cli.Context
---@param operation string
---@param t table
---@param word string
function M.assign(context, operation, t, word)
  local name, text, is_json = M.split(word)
  if not name then
    context:usage('"%s" is not NAME=VALUE, NAME:=JSON, @FILE or -', word)
  end
  local names = segments(name)
  if #names == 0 then
    context:usage('"%s" has no name before the =', word)
  elseif is_json then
    put(context, t, names, decode(context, text, name))
    return
  end
  local member = member_of(context, operation, name)
  if member.types.list then
    local list = json.array()
    for i, item in ipairs(items_of(text)) do
      list[i] = typed(context, member.items or {string = true}, name, item)
    end
    put(context, t, names, list, true)
    return
  end
  put(context, t, names, typed(context, member.types, name, text))
end

--- Returns the table of an operation, made of words; or a document, if a file has
--- one.
---@param context klaviyo.cli.Context
---@param operation string
---@param words string[]
---@return table|nil flat
---@return table|nil document
function M.body(context, operation, words)
  local flat, document, source = {}, nil, nil
  for _, word in ipairs(words) do
    if word == "-" or word:sub(1, 1) == "@" then
      if source then
        context:usage("%s and %s: pass one file", source, word)
      end
      source = word
      local value = M.read_json(context, word == "-" and word or word:sub(2))
      if type(value) ~= "table" then
        context:usage("%s must have an object or a list", word)
      elseif value.data ~= nil and not json.is_array(value)
          and member_of(context, operation, "data") == ANY then
        document = value
      else
        flat = value
      end
    end
  end
  for _, word in ipairs(words) do
    if word ~= source then
      if document then
        context:usage("%s is a complete document; %s cannot be added to it",
          source, word)
      end
      M.assign(context, operation, flat, word)
    end
  end
  if document then
    return nil, document
  end
  return flat
end

--- Returns ids: words, and the lines or the JSON of a file. A line may be a
--- resource of JSON Lines.
---@param context klaviyo.cli.Context
---@param words string[]
---@return string[]
function M.ids(context, words)
  local ids = {}
  local function add(value, where)
    if type(value) == "table" then
      value = value.id
    end
    if type(value) ~= "string" or value == "" then
      context:usage("%s has something that is not an id", where)
    end
    ids[#ids + 1] = value
  end
  for _, word in ipairs(words) do
    if word == "-" or word:sub(1, 1) == "@" then
      local text = context:read_file(word == "-" and word or word:sub(2))
      if text:find("^%s*%[") then
        for _, item in ipairs(decode(context, text, word)) do
          add(item, word)
        end
      else
        for whole in text:gmatch("[^\r\n]+") do
          local line = whole:match("^%s*(.-)%s*$")
          if line:sub(1, 1) == "{" then
            add(decode(context, line, word), word)
          elseif line ~= "" then
            add(line, word)
          end
        end
      end
    else
      add(word, "the command line")
    end
  end
  return ids
end

-- Filters -------------------------------------------------------------------------

local OPERATORS = {
  ["="] = "equals", ["<"] = "less-than", ["<="] = "less-or-equal",
  [">"] = "greater-than", [">="] = "greater-or-equal", ["~"] = "contains",
  ["^="] = "starts-with", ["$="] = "ends-with",
}

local LISTS = {any = true, ["contains-any"] = true, ["contains-all"] = true}

-- What is used for "=" if a field has no "equals".
local ALSO_EQUAL = {"any", "contains-any"}

local SECONDS = {s = 1, m = 60, h = 3600, d = 86400, w = 604800}

--- Returns a point in time: "2026-01-31", RFC 3339, or "7d", which is seven days
--- ago (s, m, h, d, w). A time without a zone is UTC.
---@param context klaviyo.cli.Context
---@param text string
---@return klaviyo.Datetime
function M.datetime(context, text)
  local count, unit = text:match("^(%d+)([smhdw])$")
  local full = text
  if text:find("^%d%d%d%d%-%d%d%-%d%d$") then
    full = text .. "T00:00:00Z"
  elseif text:find("^%d%d%d%d%-%d%d%-%d%d[T ]%d%d:%d%d:?[%d.]*$") then
    full = text:gsub(" ", "T") .. (text:find("%d:%d%d:%d") and "Z" or ":00Z")
  end
  local ok, value = pcall(klaviyo.datetime,
    count and os.time() - tonumber(count) * SECONDS[unit] or full)
  if not ok then
    context:usage('"%s" is not a time: write 2026-01-31, 2026-01-31T09:00:00Z or 7d',
      text)
  end
  return value
end

local function filter_value(context, kind, field, text)
  if kind == "date-time" then
    return M.datetime(context, text)
  elseif kind == "boolean" or kind == "integer" then
    if kind == "integer" and field == "timestamp" and not text:find("^%d+$") then
      return math.floor(M.datetime(context, text).epoch)
    end
    return typed(context, {[kind] = true}, field, text)
  end
  return text
end

-- Returns the field, the operator and the value of a --where.
local function split_where(context, text)
  local field, operator = text:match("^([%w_.%-]+):(has)$")
  if field then
    return field, operator
  end
  local value
  field, operator, value = text:match("^([%w_.%-]+):([%a_-]+)=(.*)$")
  if field then
    return field, (operator:gsub("_", "-")), value
  end
  field, operator, value = text:match("^([%w_.%-]+)%s*([<>=~^$]+)%s*(.*)$")
  if not field or not OPERATORS[operator] then
    context:usage('--where "%s" is not FIELD=VALUE; the signs are = < <= > >= '
      .. "~ (contains) ^= (starts with) $= (ends with), or FIELD:any=A,B", text)
  end
  return field, operator, value
end

local function has(list, value)
  for _, one in ipairs(list or {}) do
    if one == value then
      return true
    end
  end
  return false
end

-- Returns the name of an operator for a field.
local function operator_of(known, sign)
  local operator = OPERATORS[sign] or sign
  if sign == "=" and known and not has(known.operators, "equals") then
    for _, other in ipairs(ALSO_EQUAL) do
      if has(known.operators, other) then
        return other
      end
    end
  end
  return operator
end

local function where(context, facts, text)
  local field, sign, value = split_where(context, text)
  local known
  for _, filter in ipairs(facts.filters) do
    known = known or filter.name == field and filter
  end
  local operator = operator_of(known, sign)
  local make = klaviyo.filter[operator:gsub("-", "_")]
  if operator == "has" then
    return make(field)
  end
  local kind = known and known.type or "string"
  if LISTS[operator] then
    local list = {}
    for i, item in ipairs(items_of(value)) do
      list[i] = filter_value(context, kind, field, item)
    end
    return make(field, list)
  end
  return make(field, filter_value(context, kind, field, value))
end

--- Adds --where and --filter to the parser of an operation with filters.
---@param parser table
function M.add_filter_options(parser)
  parser:option("--where"):argname("FIELD=VALUE"):count("*")
    :description("Select by a field: = < <= > >= ~ (contains) ^= $=, FIELD:any=A,B; "
      .. "times are 2026-01-31 or 7d (ago). May be repeated: all must be true.")
  parser:option("--filter"):argname("TEXT"):count("*")
    :description("Select by a filter of the API: equals(email,\"a@b.c\")")
end

--- Returns the filter of --where and --filter, or nil.
---@param context klaviyo.cli.Context
---@param facts klaviyo.openapi.Description  of the operation
---@param options {where: string[]|nil, filter: string[]|nil}
---@return string|klaviyo.Filter|nil
function M.filter(context, facts, options)
  local parts = {}
  for _, text in ipairs(options.where or {}) do
    parts[#parts + 1] = where(context, facts, text)
  end
  if #parts == 0 and #(options.filter or {}) == 0 then
    return nil
  elseif #(options.filter or {}) == 0 then
    return klaviyo.filter.all((table.unpack or unpack)(parts))
  end
  local texts = {}
  for i, part in ipairs(parts) do
    texts[i] = tostring(part)
  end
  for _, text in ipairs(options.filter) do
    texts[#texts + 1] = text
  end
  return table.concat(texts, ",")
end

-- Lists of names ------------------------------------------------------------------

--- Returns the items of "a,b".
---@param text string
---@return string[]
function M.names(text)
  local list = {}
  for item in text:gmatch("[^,]+") do
    list[#list + 1] = item:match("^%s*(.-)%s*$")
  end
  return list
end

return M
