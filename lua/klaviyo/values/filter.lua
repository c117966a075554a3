--- Filters: `f.any("email", {"a", "b"})` is `any(email,["a","b"])`.
--- A filter keeps its terms, so that a query can be validated before it is sent.
--- Values and names are escaped or refused: none can end its own term.

local core = require "klaviyo.core"
local datetime = require "klaviyo.values.datetime"
local int64 = require "klaviyo.values.int64"
local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.Filter
---@field terms klaviyo.FilterTerm[]

---@class klaviyo.FilterTerm
---@field operator string as the API names it: "greater-than"
---@field field string

local filter_mt = {}

function filter_mt.__tostring(self)
  return self.text
end

filter_mt.__tojson = filter_mt.__tostring

function filter_mt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

-- Values ----------------------------------------------------------------------

local function refuse(operator, field, fmt, ...)
  usage_error.raise("filter %s(%s): %s", operator, field, fmt:format(...))
end

local function written_string(operator, field, value)
  local text, at = core.quote(value)
  return text or refuse(operator, field,
    "the string is not UTF-8 (byte %d of %d)", at, #value)
end

-- The 64-bit integers of LuaJIT are numbers, too.
local function is_number(value)
  return type(value) == "number" or int64.digits(value) ~= nil
end

-- A number for a date-time field means seconds since 1970; the field itself
-- takes RFC 3339 only.
local function written_number(operator, field, value)
  if datetime.is_field(field) then
    return tostring(datetime.new(tonumber(value)))
  end
  return int64.digits(value) or core.number(value)
    or refuse(operator, field, "%s cannot be compared with",
      tostring(value))
end

-- Returns a literal and its kind, or nil.
local function written(operator, field, value)
  local kind = type(value)
  if kind == "string" then
    return written_string(operator, field, value), kind
  elseif is_number(value) then
    return written_number(operator, field, value), "number"
  elseif kind == "boolean" then
    return tostring(value), kind
  elseif datetime.is(value) then
    return tostring(value), "datetime"
  end
end

local function got(value)
  return type(value) == "table" and getmetatable(value) == filter_mt
    and "a filter" or usage_error.kind(value)
end

-- One function for each kind of value that operators take; each returns the
-- literal or raises an error.

local function any_value(operator, field, value)
  if value == json.null then
    return "null"
  end
  local text = written(operator, field, value)
  return text or refuse(operator, field,
    "expected a string, number, boolean, datetime or klaviyo.null, got %s",
    got(value))
end

local function string_value(operator, field, value)
  if type(value) ~= "string" then
    refuse(operator, field, "expected a string, got %s", got(value))
  end
  return written_string(operator, field, value)
end

local function ordered_value(operator, field, value)
  if type(value) == "string" then
    local parsed, wrong = datetime.parse(value)
    if not parsed then
      refuse(operator, field, "the string is not RFC 3339: %s", wrong)
    end
    return tostring(parsed)
  elseif is_number(value) then
    return written_number(operator, field, value)
  elseif datetime.is(value) then
    return tostring(value)
  end
  refuse(operator, field,
    "expected a number, a datetime or RFC 3339 text, got %s", got(value))
end

local function list_value(operator, field, list)
  if type(list) ~= "table" or datetime.is(list)
    or getmetatable(list) == filter_mt then
    refuse(operator, field, "expected a list, got %s", got(list))
  end
  local count, named = 0, false
  for key in next, list do
    count = count + 1
    named = named or type(key) ~= "number"
  end
  if count == 0 then
    refuse(operator, field, "the list is empty")
  elseif named or count ~= #list then
    refuse(operator, field, "expected a list without holes or names")
  end
  local parts, first_kind = {}, nil
  for i = 1, count do
    local text, kind = written(operator, field, list[i])
    if not text then
      refuse(operator, field,
        "item %d: expected a string, number, boolean or datetime, got %s",
        i, got(list[i]))
    end
    first_kind = first_kind or kind
    if kind ~= first_kind then
      refuse(operator, field, "the list is mixed: item 1 is a %s, item %d a %s",
        first_kind, i, kind)
    end
    parts[i] = text
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- Operators -------------------------------------------------------------------

local function new_filter(text, terms)
  return setmetatable({text = text, terms = terms}, filter_mt)
end

-- Characters that would end a field's name or begin something else.
local NOT_IN_FIELDS = "[(),%[%]\"'\\]"
local FIELD = "^[ \t\r\n]*([^(),%[%]\"'\\%c]+)()"

local function check_field(operator, field)
  if type(field) ~= "string" then
    usage_error.raise("filter %s: expected a field's name, got %s", operator,
      got(field))
  end
  local wrong = not core.quote(field) and "it is not UTF-8"
    or field:match("^ *$") and "it is empty"
    or field:match("^ ") and "it begins with a blank"
    or field:match(" $") and "it ends with a blank"
    or field:match("[%c\127]") and "it contains a control character"
  local char = field:match(NOT_IN_FIELDS)
  if wrong or char then
    usage_error.raise("filter %s: %s cannot be written as a field's name: %s",
      operator, usage_error.shown(field), wrong or "it contains " .. char)
  end
end

local function operator_of(operator, written_value)
  return function(field, value)
    check_field(operator, field)
    return new_filter(operator .. "(" .. field .. ","
      .. written_value(operator, field, value) .. ")",
      {{operator = operator, field = field}})
  end
end

---@type fun(field: string, value: string|number|boolean|klaviyo.Datetime|userdata): klaviyo.Filter
M.equals = operator_of("equals", any_value)

---@type fun(field: string, values: (string|number|boolean|klaviyo.Datetime)[]): klaviyo.Filter
M.any = operator_of("any", list_value)
M.contains_any = operator_of("contains-any", list_value)
M.contains_all = operator_of("contains-all", list_value)

---@type fun(field: string, value: string): klaviyo.Filter
M.contains = operator_of("contains", string_value)
M.starts_with = operator_of("starts-with", string_value)
M.ends_with = operator_of("ends-with", string_value)

---@type fun(field: string, value: number|klaviyo.Datetime|string): klaviyo.Filter
M.less_than = operator_of("less-than", ordered_value)
M.less_or_equal = operator_of("less-or-equal", ordered_value)
M.greater_than = operator_of("greater-than", ordered_value)
M.greater_or_equal = operator_of("greater-or-equal", ordered_value)

--- Returns a filter for resources that have a field: `f.has("profile")`.
---@param field string
---@return klaviyo.Filter
function M.has(field, ...)
  check_field("has", field)
  if select("#", ...) > 0 then
    refuse("has", field, "it takes a field and no value")
  end
  return new_filter("has(" .. field .. ")",
    {{operator = "has", field = field}})
end

--- Returns a filter for resources that match all of these filters.
---@param ... klaviyo.Filter
---@return klaviyo.Filter
function M.all(...)
  local count = select("#", ...)
  if count == 0 then
    usage_error.raise("filter all: expected filters, got none")
  end
  local texts, terms = {}, {}
  for i = 1, count do
    local part = select(i, ...)
    -- Without this check, a nil among them would drop a condition.
    if not M.is(part) then
      usage_error.raise("filter all: argument %d: expected a filter, got %s", i,
        usage_error.kind(part))
    end
    texts[i] = part.text
    for _, term in ipairs(part.terms) do
      terms[#terms + 1] = term
    end
  end
  return new_filter(table.concat(texts, ","), terms)
end

--- Returns true if a value is a klaviyo.Filter.
---@param value any
---@return boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == filter_mt
end

-- Raw text --------------------------------------------------------------------

local SPACE = "^[ \t\r\n]*()"

-- The position after a quoted string that starts at `at`, or nil.
local function after_quoted(text, at)
  local quote = text:sub(at, at)
  local i = at + 1
  while i <= #text do
    local char = text:sub(i, i)
    if char == "\\" then
      i = i + 2
    elseif char == quote then
      return i + 1
    else
      i = i + 1
    end
  end
end

local function after_value(text, at)
  local first = text:sub(at, at)
  if first == '"' or first == "'" then
    return after_quoted(text, at)
  elseif first ~= "[" then
    local last = select(2, text:find("^[^,()%[%]\"' \t\r\n]+", at))
    return last and last + 1
  end
  at = text:match(SPACE, at + 1)
  if text:sub(at, at) == "]" then
    return at + 1
  end
  while at and text:sub(at, at) ~= "[" do
    at = after_value(text, at)
    at = at and text:match(SPACE, at)
    local char = at and text:sub(at, at)
    if char == "]" then
      return at + 1
    elseif char ~= "," then
      return nil
    end
    at = text:match(SPACE, at + 1)
  end
end

local after_terms

local function after_term(text, at, terms, depth)
  local operator, inside = text:match("^([a-z-]+)[ \t\r\n]*%(()", at)
  if operator == "and" then
    at = depth < 100 and after_terms(text, inside, terms, depth + 1)
  elseif operator then
    local field, rest = text:match(FIELD, inside)
    field = field and field:match("^(.-) *$")
    if field == "" then
      return nil
    end
    at = field and text:match(SPACE, rest)
    if at and text:sub(at, at) == "," then
      at = after_value(text, text:match(SPACE, at + 1))
      at = at and text:match(SPACE, at)
    end
    terms[#terms + 1] = {operator = operator, field = field}
  else
    return nil
  end
  return at and text:sub(at, at) == ")" and text:match(SPACE, at + 1)
end

function after_terms(text, at, terms, depth)
  while true do
    at = after_term(text, text:match(SPACE, at), terms, depth)
    if not at or text:sub(at, at) ~= "," then
      return at
    end
    at = at + 1
  end
end

--- Returns the terms of a filter or of raw text; those inside `and(…)` are part of
--- the same list.
---@param filter klaviyo.Filter|string
---@return klaviyo.FilterTerm[]|nil nil if the text is not a list of terms
function M.terms(filter)
  if M.is(filter) then
    return filter.terms
  elseif type(filter) ~= "string" then
    return nil
  end
  local terms = {}
  local at = after_terms(filter, 1, terms, 0)
  return at == #filter + 1 and terms or nil
end

-- A misspelt operator raises an error with a suggestion, instead of Lua's
-- "attempt to call a nil value".
local operators = {}
for name in pairs(M) do
  operators[name] = name ~= "is" and name ~= "terms" or nil
end

return setmetatable(M, {
  __index = function(_, name)
    usage_error.unknown("filter operator", name, operators)
  end,
})
