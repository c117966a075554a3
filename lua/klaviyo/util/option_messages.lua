--- The words of messages about options, for options.lua. A program without a mistake
--- in its options does not load this module.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local WORDS = {
  string = "a string",
  text = "a string that is not empty",
  line = "a string without control characters",
  path = "a path",
  number = "a number",
  integer = "a whole number",
  boolean = "true or false",
  table = "a table",
  list = "a list that is not empty",
  ["function"] = "a function",
}

-- a, b or c
local function alternatives(list)
  local last = list[#list]
  if #list == 1 then
    return last
  end
  return table.concat(list, ", ", 1, #list - 1) .. " or " .. last
end

local function range(rule)
  if rule.above then
    return (" above %.14g"):format(rule.above)
      .. (rule.max and (", %.14g at most"):format(rule.max) or "")
  elseif rule.min and rule.max then
    return (" from %.14g to %.14g"):format(rule.min, rule.max)
  elseif rule.min then
    return (" from %.14g on"):format(rule.min)
  end
  return rule.max and (" up to %.14g"):format(rule.max) or ""
end

--- Returns what the value of an option must be.
---@param rule klaviyo.util.OptionRule
---@return string
function M.expected(rule)
  if rule.expected then
    return rule.expected
  end
  local words = {}
  for i, value in ipairs(rule.one_of or {}) do
    words[i] = usage_error.shown(value)
  end
  local kinds = type(rule.type) == "table" and rule.type or {rule.type}
  for i, kind in ipairs(rule.one_of and {} or kinds) do
    words[i] = WORDS[kind]
    if kind == "number" or kind == "integer" then
      words[i] = words[i] .. (rule.unit and " of " .. rule.unit or "")
        .. range(rule)
    end
  end
  return alternatives(words)
end

--- Returns the end of a message that names a wrong value: ", not 3".
---@param rule klaviyo.util.OptionRule
---@param value any
---@return string
function M.shown(rule, value)
  if type(value) == "table" and next(value) == nil then
    return ", not an empty table"
  elseif rule.secret then
    return type(value) == "string" and value ~= "" and "" or ", not " .. usage_error.kind(value)
  end
  return ", not " .. usage_error.shown(value)
end

return M
