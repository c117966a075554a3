--- Checks tables of options: the settings of a client, and the options of every
--- function that takes some.
---
--- What a function takes is declared as data, a rule for each option:
---
---     local FIELDS = {
---       path = {type = "path", required = "set the folder of the outbox"},
---       sync = {one_of = {"normal", "full"}, default = "normal"},
---       interval = {type = "number", unit = "seconds", above = 0, default = 1},
---     }
---     options = checker.check(FIELDS, options, "outbox.new")
---
--- The text for readers stands in the `---@field` lines above a declaration. A
--- spec compares both: names, defaults, and which options are required.

local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local messages = lazy_require "klaviyo.util.option_messages"

local M = {}

---@class klaviyo.util.OptionRule  without type, one_of, pattern and test any value is valid
---@field type? string|string[]  a name in TESTS, or several of them
---@field min? number
---@field above? number  a number must be greater
---@field max? number
---@field unit? string  of a number, for the message: "seconds"
---@field infinite? boolean  math.huge is a valid number
---@field one_of? any[]  the valid values
---@field pattern? string  of a string, instead of type, with `expected`
---@field test? fun(value: any): boolean  instead of type, with `expected`
---@field expected? string  what the value must be, for the message
---@field fields? table<string, klaviyo.util.OptionRule>  the rules of a table's members
---@field items? klaviyo.util.OptionRule  the rule of a list's items
---@field convert? fun(label: string, value: any): any  returns the value to use; may raise
---@field secret? boolean  messages do not show the value
---@field default? any
---@field required? boolean|string  the text says what to do

local function is_string(value)
  return type(value) == "string"
end

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

local function is_number(value, rule)
  return type(value) == "number" and value == value
    and (rule.infinite or value < math.huge and value > -math.huge)
    and not (rule.min and value < rule.min)
    and not (rule.above and value <= rule.above)
    and not (rule.max and value > rule.max)
end

local TESTS = {
  string = is_string,
  text = is_text,
  line = function(value)
    return is_text(value) and not value:find("%c")
  end,
  path = function(value)
    return is_text(value) and not value:find("%z")
  end,
  number = is_number,
  integer = function(value, rule)
    return is_number(value, rule) and value % 1 == 0
  end,
  boolean = function(value)
    return type(value) == "boolean"
  end,
  table = function(value)
    return type(value) == "table"
  end,
  list = function(value)
    return type(value) == "table" and value[1] ~= nil
  end,
  ["function"] = function(value)
    return type(value) == "function"
  end,
}

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then
      return true
    end
  end
  return false
end

-- A rule may name several types.
local function is_of_any(value, rule)
  for _, name in ipairs(rule.type or {}) do
    if TESTS[name](value, rule) then
      return true
    end
  end
  return rule.type == nil
end

local function is_valid(rule, value)
  if rule.test then
    return rule.test(value)
  elseif rule.one_of then
    return contains(rule.one_of, value)
  elseif rule.pattern then
    return type(value) == "string" and value:find(rule.pattern) ~= nil
  end
  local test = TESTS[rule.type] or is_of_any
  return test(value, rule)
end

-- Returns the name of an option as messages show it.
local function label_of(what, name)
  return what and what .. ": " .. tostring(name) or tostring(name)
end

local function refuse(rule, label, value)
  usage_error.raise("%s must be %s%s", label, messages.expected(rule),
    messages.shown(rule, value))
end

local function items_of(rule, label, list)
  usage_error.list(label, list)
  local items = {}
  for i = 1, #list do
    items[i] = M.value(rule, ("%s[%d]"):format(label, i), list[i])
  end
  return items
end

--- Returns the value to use for an option. Raises a usage error at the caller's
--- line if the rule does not allow the value.
---@param rule klaviyo.util.OptionRule
---@param name string
---@param value any
---@param what string|nil  the function that takes the option, for messages
---@return any
function M.value(rule, name, value, what)
  if not is_valid(rule, value) then
    refuse(rule, label_of(what, name), value)
  end
  if rule.fields and type(value) == "table" then
    value = M.check(rule.fields, value, label_of(what, name))
  elseif rule.items and type(value) == "table" then
    value = items_of(rule.items, label_of(what, name), value)
  end
  if rule.convert then
    return rule.convert(label_of(what, name), value)
  end
  return value
end

--- Returns a table with the defaults of a declaration.
---@param fields table<string, klaviyo.util.OptionRule>
---@return table
function M.defaults(fields)
  local values = {}
  for name, rule in pairs(fields) do
    values[name] = rule.default
  end
  return values
end

--- Returns a copy of a table of options, with the defaults of those that are
--- absent. Raises a usage error at the caller's line for an unknown option, a
--- value that its rule does not allow, and a required option that is absent.
---@param fields table<string, klaviyo.util.OptionRule>
---@param options table|nil
---@param what string  the function that takes the options, for messages
---@return table
function M.check(fields, options, what)
  if options ~= nil and type(options) ~= "table" then
    usage_error.raise("%s takes a table of options, not %s", what,
      usage_error.kind(options))
  end
  local values = M.defaults(fields)
  for name, value in pairs(options or {}) do
    if not fields[name] then
      usage_error.unknown("option of " .. what, name, fields)
    end
    values[name] = M.value(fields[name], name, value, what)
  end
  local missing
  for name, rule in pairs(fields) do
    if rule.required and values[name] == nil
        and (not missing or name < missing) then
      missing = name
    end
  end
  if missing then
    local rule = fields[missing]
    usage_error.raise("%s: %s is missing: %s", what, missing,
      type(rule.required) == "string" and rule.required
      or "it must be " .. messages.expected(rule))
  end
  return values
end

return M
