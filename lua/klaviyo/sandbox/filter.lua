--- The filter language of the API: `equals(email,"a@b.c"),has(profile)`. It
--- shares no code with the client, because it checks the client.

local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"

local M = {}

-- The operand of an operator: one literal, a text, a number or datetime, a
-- list, or nothing.
local TAKES = {
  equals = "one", contains = "text", ["starts-with"] = "text",
  ["ends-with"] = "text", any = "list", ["contains-any"] = "list",
  ["contains-all"] = "list", has = "nothing",
  ["less-than"] = "measure", ["less-or-equal"] = "measure",
  ["greater-than"] = "measure", ["greater-or-equal"] = "measure",
}

local function fail(at, what)
  error({filter = ("%s at character %d"):format(what, at)}, 0)
end

local function skip(text, at)
  return text:match("^ *()", at)
end

local function read_double(text, at)
  local from = at
  repeat
    local stop = text:find('["\\]', at)
    if not stop then
      fail(from, "unterminated string")
    end
    at = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
  until text:sub(stop, stop) == '"'
  local value, message = json.decode(text:sub(from - 1, at - 1))
  if message then
    fail(from, "invalid string: " .. message)
  end
  return value, at
end

local function read_single(text, at)
  local parts, from = {}, at
  while true do
    local stop = text:find("['\\]", at)
    if not stop then
      fail(from, "unterminated string")
    end
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == "'" then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1] = text:sub(stop + 1, stop + 1)
    at = stop + 2
  end
end

local WORDS = {["true"] = true, ["false"] = false, null = json.null}

local function read_bare(text, at)
  local word = text:match("^[^,%(%)%[%]\"' ]+", at)
  if not word then
    fail(at, "a value was expected")
  end
  local after = at + #word
  if WORDS[word] ~= nil then
    return {kind = word == "null" and "null" or "boolean",
      value = WORDS[word]}, after
  elseif word:find("^-?%d+%.?%d*$") or word:find("^-?%d+%.?%d*[eE][+-]?%d+$")
  then
    return {kind = "number", value = tonumber(word)}, after
  end
  local seconds = rfc3339.parse(word)
  if not seconds then
    fail(at, ("%s is neither a number, a boolean, null nor a datetime; "
      .. "strings are quoted"):format(word))
  end
  return {kind = "datetime", value = seconds, text = word}, after
end

local function read_literal(text, at)
  local mark = text:sub(at, at)
  local value
  if mark == '"' then
    value, at = read_double(text, at + 1)
    return {kind = "string", value = value}, at
  elseif mark == "'" then
    value, at = read_single(text, at + 1)
    return {kind = "string", value = value}, at
  end
  return read_bare(text, at)
end

local function read_list(text, at)
  local list = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then
    fail(at, "the list is empty")
  end
  while true do
    list[#list + 1], at = read_literal(text, at)
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "]" then
      return {kind = "list", value = list}, at + 1
    elseif mark ~= "," then
      fail(at, "',' or ']' was expected")
    end
    at = skip(text, at + 1)
  end
end

local function check_literal(term, at)
  local takes, kind = TAKES[term.operator], term.value.kind
  local fits = takes == "one" and kind ~= "list"
    or takes == "text" and kind == "string"
    or takes == "list" and kind == "list"
    or takes == "measure" and (kind == "number" or kind == "datetime")
  if not fits then
    fail(at, ("%s does not take a %s"):format(term.operator, kind))
  end
end

local function read_term(text, at, terms)
  local operator, after = text:match("^([%a-]+)%(()", at)
  if not operator then
    fail(at, "an operator and '(' were expected")
  end
  at = skip(text, after)
  if operator == "and" then
    while true do
      at = skip(text, read_term(text, at, terms))
      local mark = text:sub(at, at)
      if mark == ")" then
        return at + 1
      elseif mark ~= "," then
        fail(at, "',' or ')' was expected")
      end
      at = skip(text, at + 1)
    end
  elseif not TAKES[operator] then
    fail(at - #operator - 1, ("unknown operator %s"):format(operator))
  end
  local field
  field, after = text:match("^([^(),%[%]\"'\\%c]+)()", at)
  field = field and field:match("^(.-) *$")
  if not field or field == "" then
    fail(at, "a field was expected")
  end
  at = after
  local term = {operator = operator, field = field}
  if TAKES[operator] ~= "nothing" then
    if text:sub(at, at) ~= "," then
      fail(at, "',' was expected")
    end
    at = skip(text, at + 1)
    local from = at
    if text:sub(at, at) == "[" then
      term.value, at = read_list(text, at)
    else
      term.value, at = read_literal(text, at)
    end
    check_literal(term, from)
    at = skip(text, at)
  end
  if text:sub(at, at) ~= ")" then
    fail(at, "')' was expected")
  end
  terms[#terms + 1] = term
  return at + 1
end

local function parse(text)
  local terms = {}
  local at = skip(text, 1)
  while true do
    at = skip(text, read_term(text, at, terms))
    if at > #text then
      return terms
    elseif text:sub(at, at) ~= "," then
      fail(at, "',' was expected")
    end
    at = skip(text, at + 1)
  end
end

--- Parses a filter. All terms must match: `and(…)` and the comma have the same
--- meaning.
---@param text string
---@return table[]|nil terms `{operator=, field=, value={kind=, value=}}`
---@return string|nil message
function M.parse(text)
  local ok, result = pcall(parse, text)
  if ok then
    return result
  elseif type(result) == "table" and result.filter then
    return nil, result.filter
  end
  error(result, 0)
end

-- Applying -----------------------------------------------------------------

local function equals(have, literal)
  if literal.kind == "null" then
    return have == nil or have == json.null
  elseif literal.kind == "datetime" then
    return type(have) == "string" and rfc3339.parse(have) == literal.value
  elseif literal.kind == "number" then
    return json.to_number(have) == literal.value
  end
  return have == literal.value
end

-- An array matches if one of its items matches.
local function any_item(have, test)
  if json.kind(have) == "array" then
    for _, item in ipairs(have) do
      if test(item) then
        return true
      end
    end
    return false
  end
  return test(have)
end

local function comparable(have, literal)
  if literal.kind == "datetime" then
    return type(have) == "string" and rfc3339.parse(have)
      or json.to_number(have)
  end
  return json.to_number(have)
end

local function compare(test)
  return function(have, literal)
    local number = comparable(have, literal)
    return number ~= nil and test(number, literal.value)
  end
end

local function contains(have, literal)
  return any_item(have, function(item)
    return type(item) == "string" and
      item:lower():find(literal.value:lower(), 1, true) ~= nil
  end)
end

local function any(have, literal)
  for _, choice in ipairs(literal.value) do
    if any_item(have, function(item) return equals(item, choice) end) then
      return true
    end
  end
  return false
end

local MATCHES = {
  equals = function(have, literal)
    return any_item(have, function(item) return equals(item, literal) end)
  end,
  any = any,
  ["contains-any"] = any,
  ["contains-all"] = function(have, literal)
    for _, choice in ipairs(literal.value) do
      if not any_item(have, function(item) return equals(item, choice) end) then
        return false
      end
    end
    return true
  end,
  contains = contains,
  ["starts-with"] = function(have, literal)
    return type(have) == "string"
      and have:sub(1, #literal.value) == literal.value
  end,
  ["ends-with"] = function(have, literal)
    return type(have) == "string" and (literal.value == ""
      or have:sub(-#literal.value) == literal.value)
  end,
  has = function(have)
    return have ~= nil and have ~= json.null
  end,
  ["less-than"] = compare(function(a, b) return a < b end),
  ["less-or-equal"] = compare(function(a, b) return a <= b end),
  ["greater-than"] = compare(function(a, b) return a > b end),
  ["greater-or-equal"] = compare(function(a, b) return a >= b end),
}

--- Returns whether a resource matches.
---@param terms table[] from `parse`
---@param value_of fun(field: string): any
---@return boolean
function M.matches(terms, value_of)
  for _, term in ipairs(terms) do
    if not MATCHES[term.operator](value_of(term.field), term.value) then
      return false
    end
  end
  return true
end

return M
