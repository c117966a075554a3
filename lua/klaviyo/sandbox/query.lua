--- Parses the query string of a request and checks it against the operation.

local keys = require "klaviyo.util.tables"
local filter = require "klaviyo.sandbox.filter"
local page = require "klaviyo.sandbox.page"
local error_response = require "klaviyo.sandbox.error_response"
local percent_encoding = require "klaviyo.util.percent_encoding"

local M = {}

--- Decodes percent-encoding strictly.
---@param text string
---@param plus boolean|nil whether "+" is a space
---@return string|nil text nil if an escape is malformed
function M.unescape(text, plus)
  if text:find("%%%X") or text:find("%%.%X") or text:find("%%.?$") then
    return nil
  end
  return plus and percent_encoding.decode_form(text)
    or percent_encoding.decode(text)
end

--- Encodes all but unreserved characters.
---@param text string
---@return string
function M.escape(text)
  if not text:find("[^%w%-._~]") then
    return text
  end
  return percent_encoding.encode(text)
end

--- Encodes a text as in forms, where a space is "+": the service writes its
--- links in this way.
---@param text string
---@return string
function M.form_escape(text)
  return (M.escape(text):gsub("%%20", "+"))
end

--- Returns the parameters as they were sent, in their order.
---@param raw string
---@return table[] pairs of name and value
function M.split(raw)
  local list = {}
  for part in raw:gmatch("[^&]+") do
    local name, value = part:match("^(.-)=(.*)$")
    name = M.unescape(name or part, true)
    value = M.unescape(value or "", true)
    if not name or not value then
      error_response.parameter(name or part, "Malformed percent-encoding.")
    end
    list[#list + 1] = {name, value}
  end
  return list
end

local READ = {}

function READ.string(name, text, parameter)
  if parameter.values and #parameter.values > 0
    and not keys.set(parameter.values)[text] then
    error_response.parameter(name, ("'%s' is not a valid value for '%s'. "
      .. "Valid values: %s."):format(text, name,
      table.concat(parameter.values, ", ")))
  end
  return text
end

function READ.list(name, text, parameter)
  local list, known = {}, parameter.values and keys.set(parameter.values)
  for item in (text .. ","):gmatch("([^,]*),") do
    if known and not known[item] then
      error_response.parameter(name, ("'%s' is not a valid value for '%s'. "
        .. "Valid values: %s."):format(item, name,
        table.concat(parameter.values, ", ")))
    end
    list[#list + 1] = item
  end
  return list
end

function READ.integer(name, text)
  local number = text:find("^-?%d+$") and tonumber(text)
  if not number then
    error_response.parameter(name, ("'%s' is not an integer."):format(text))
  end
  return number
end

function READ.number(name, text)
  local number = text:find("^-?%d+%.?%d*$") and tonumber(text)
  if not number then
    error_response.parameter(name, ("'%s' is not a number."):format(text))
  end
  return number
end

function READ.boolean(name, text)
  if text ~= "true" and text ~= "false" then
    error_response.parameter(name, ("'%s' is not a boolean."):format(text))
  end
  return text == "true"
end

local function check_size(op, size)
  local bounds = op.page and op.page.size
  if size and bounds then
    local least, most = bounds.min or 1, bounds.max or size
    if size < least or size > most then
      error_response.parameter("page[size]", ("Page size must be an integer between "
        .. "%d and %d."):format(least, most))
    end
  end
end

local function check_filter(op, text, is_lenient)
  local terms, message = filter.parse(text)
  if not terms then
    error_response.parameter("filter", "Invalid filter provided: " .. message .. ".")
  end
  local fields = op.filter and op.filter.fields or {}
  for _, term in ipairs(is_lenient and {} or terms) do
    local operators = fields[term.field]
    if next(fields) and not operators then
      error_response.parameter("filter", ("'%s' is not a filterable field for "
        .. "the resource '%s'."):format(term.field, op.type or "?"))
    elseif operators and not keys.set(operators)[term.operator] then
      error_response.parameter("filter", ("'%s' is not an allowed filter operator "
        .. "for %s.  Allowed operators are %s"):format(term.operator,
        term.field, table.concat(operators, ", ")))
    end
  end
  return terms
end

-- The types of parameters by the beginning of their names.
local TYPES = {fields = "list", ["additional-fields"] = "list", include = "list"}

-- Returns a parameter as a later revision may have it: with more values, or new.
local function newer(parameter, name)
  if name == "page[size]" or name == "page[number]" then
    return {type = "integer"}
  end
  return {type = parameter and parameter.type or TYPES[name:match("^[^%[]*")]
    or "string"}
end

-- The two listings with numbered pages accept these parameters without
-- declaring them.
local function declared(op, name, is_lenient)
  if is_lenient then
    return newer(op.query[name], name)
  elseif op.query[name] then
    return op.query[name]
  elseif op.page and op.page.style == "offset"
    and (name == "page[number]" or name == "page[size]") then
    return {type = "integer"}
  end
end

--- Parses and checks a query string.
---@param op table the operation
---@param raw string without the "?"
---@param is_lenient boolean|nil  whether names that are not known are valid
---@return table query values by parameter name; `terms` the parsed filter,
--- `cursor` the decoded cursor, `list` the pairs as sent
function M.read(op, raw, is_lenient)
  local values, list = {}, M.split(raw)
  for _, pair in ipairs(list) do
    local name, text = pair[1], pair[2]
    local parameter = declared(op, name, is_lenient)
    if not parameter then
      error_response.parameter(name,
        ("'%s' is not a valid query parameter."):format(name))
    elseif values[name] ~= nil then
      error_response.parameter(name, ("'%s' was sent more than once."):format(name))
    end
    values[name] = (READ[parameter.type] or READ.string)(name, text, parameter)
  end
  for name, parameter in pairs(op.query) do
    if parameter.required and values[name] == nil then
      error_response.parameter(name, ("'%s' is a required query parameter.")
        :format(name))
    end
  end
  check_size(op, values["page[size]"])
  local query = {values = values, list = list}
  if values.filter then
    query.terms = check_filter(op, values.filter, is_lenient)
  end
  local cursor = values["page[cursor]"]
  if cursor then
    query.cursor = page.read_cursor(cursor)
    if not query.cursor then
      error_response.parameter("page[cursor]", "Invalid cursor.")
    end
  end
  return query
end

return M
