--- Writes operations in the format of lua/klaviyo/operations/format.lua.

local tables = require "klaviyo.util.tables"
local schemas = require "klaviyo.openapi.schema"
local overlay = require "klaviyo.openapi.overlay"

local M = {}

local SHORT_OPERATOR = {
  equals = "=",
  ["less-than"] = "<",
  ["less-or-equal"] = "<=",
  ["greater-than"] = ">",
  ["greater-or-equal"] = ">=",
}

-- The maximum depth of schemas that are composed of others (allOf).
local MAX_LEVELS = 20

local function column(out, key, value)
  if value and value ~= "" then
    assert(not value:find("[%s]"), "a blank in " .. key .. "=" .. value)
    out[#out + 1] = key .. "=" .. value
  end
end

-- "75/s", "700/m" and "225/d" of the extension
local function limit(extension)
  if not extension then
    return nil
  end
  local out = {extension.burst, extension.steady, extension.daily}
  if extension.daily then
    assert(#out == 3)
  end
  for _, window in ipairs(out) do
    assert(window:match("^%d+/[smd]$"), "unknown rate limit " .. window)
  end
  return table.concat(out, ",")
end

-- Only the description contains the limits for a certain value of a parameter.
local function reduced(operation, parameters)
  local out = {}
  for parameter, value, burst, steady in (operation.description or ""):gmatch(
    "Rate limits when using the `([^`=]+)=([^`]+)` parameter in your API " ..
    "request:<br>Burst: `([^`]+)`<br>Steady: `([^`]+)`") do
    local declared = parameters[parameter]
    if declared then
      local values = tables.set(declared.schema.items.enum)
      if not values[value] then
        value = overlay.reduced_values[value]
        assert(values[value], operation.operationId)
      end
      out[#out + 1] = ("%s:%s:%s,%s"):format(parameter, value, burst, steady)
    end
  end
  table.sort(out)
  return table.concat(out, ";")
end

local function rules(fields)
  local out = {}
  for i, name in ipairs(tables.sorted(fields)) do
    local operators = {}
    for _, operator in ipairs(tables.sorted(fields[name])) do
      operators[#operators + 1] = SHORT_OPERATOR[operator] or operator
    end
    out[i] = name .. "(" .. table.concat(operators, ",") .. ")"
  end
  return table.concat(out, ",")
end

local function filter(operation, parameter)
  local fields = {}
  local extension = operation["x-klaviyo-filters"]
  if extension then
    for name, rule in pairs(extension) do
      fields[name] = {}
      for _, list in pairs(rule.operators) do
        for _, operator in ipairs(list) do
          fields[name][operator] = true
        end
      end
    end
  else
    for name, list in parameter.description:gmatch(
      "`([^`]+)`: (`[%l-]+`[`%l, -]*)") do
      fields[name] = {}
      for operator in list:gmatch("`([%l-]+)`") do
        fields[name][operator] = true
      end
    end
  end
  assert(next(fields), "no filter fields: " .. operation.operationId)
  return rules(fields)
end

local function page(parameters, attributes)
  local size = parameters["page[size]"]
  if attributes and attributes.page_cursor then
    return "body"
  elseif parameters.page_cursor then
    return "page_cursor"
  elseif size then
    local schema = size.schema
    return schema.default and ("cursor:%d:%d..%d"):format(schema.default,
      schema.minimum or 1, schema.maximum or schema.default) or "cursor"
  elseif parameters["page[cursor]"] then
    return "cursor"
  end
end

-- Most fields can be sorted by in both directions: the line names these once, and
-- a field of one direction as +a or -a.
local function sort(values)
  local set = tables.set(values)
  local out = {}
  for _, value in ipairs(values) do
    local name = value:match("^%-(.*)$")
    if not name then
      out[#out + 1] = (set["-" .. value] and "" or "+") .. value
    elseif not set[name] then
      out[#out + 1] = value
    end
  end
  return schemas.words(out)
end

-- Everything else in the query is written name:type or name(values).
local function other(parameter)
  local schema = parameter.schema
  return parameter.name .. (parameter.required and "!" or "") ..
    ":" .. schema.type ..
    (schema.enum and "(" .. schemas.words(schema.enum) .. ")" or "")
end

local HAS_COLUMN = {
  filter = true, sort = true, include = true, page_cursor = true,
  ["page[cursor]"] = true, ["page[size]"] = true,
}

local function queries(out, operation, parameters, lists)
  local fields, rest = {}, {}
  for _, name in ipairs(tables.sorted(parameters)) do
    local parameter = parameters[name]
    local kind = name:match("^fields%[(.+)%]$")
    if kind then
      fields[#fields + 1] = lists:name(kind, parameter.schema.items.enum)
    elseif name:match("^additional%-fields%[") then
      column(out, name, schemas.words(parameter.schema.items.enum))
    elseif not HAS_COLUMN[name] then
      assert(parameter.schema.type ~= "array", name)
      rest[#rest + 1] = other(parameter)
    end
  end
  column(out, "fields", table.concat(fields, ","))
  if parameters.include then
    column(out, "include", schemas.words(parameters.include.schema.items.enum))
  end
  if parameters.sort then
    column(out, "sort", sort(parameters.sort.schema.enum))
  end
  if parameters.filter then
    column(out, parameters.filter.required and "filter!" or "filter",
      filter(operation, parameters.filter))
  end
  column(out, "query", table.concat(rest, ","))
end

-- Returns a property of a schema, which may be composed (allOf).
local function property(writer, schema, name, level)
  level = (level or 0) + 1
  assert(level < MAX_LEVELS, "a schema that is composed of itself")
  schema = writer:resolve(schema)
  local found = schema.properties and schema.properties[name]
  for _, part in ipairs(schema.allOf or {}) do
    found = found or property(writer, part, name, level)
  end
  return found
end

-- Returns the type of the response's data: "profile", or "profile[]" for a list.
local function response_type(writer, response)
  local content = response.content and
    response.content["application/vnd.api+json"]
  local data = content and property(writer, content.schema, "data")
  if not data then
    return nil
  end
  data = writer:resolve(data)
  local many = data.type == "array"
  local kind = property(writer, many and data.items or data, "type")
  kind = kind and writer:resolve(kind).enum
  return (kind and #kind == 1 and kind[1] or "?") .. (many and "[]" or "")
end

local function statuses(writer, operation)
  local out, kind = {}, nil
  for _, status in ipairs(tables.sorted(operation.responses)) do
    if status:match("^2%d%d$") then
      local response = operation.responses[status]
      out[#out + 1] = status .. (response.content and "+" or "")
      kind = kind or response_type(writer, response)
    end
  end
  assert(#out > 0, "no response with a status of 2xx")
  return table.concat(out, ","), kind or "-"
end

-- Returns the other names of an operation, except those that are the name of
-- another operation. A beta operation has its name without "_beta", too.
local function aliases(operation, taken)
  local plain = operation.operationId:match("^(.*)_beta$")
  local list = {plain}
  for _, name in ipairs(operation["x-klaviyo-operation-aliases"] or {}) do
    if not taken[name] then
      list[#list + 1] = name
    end
  end
  return list
end

--- Returns the line of an operation; its schemas have lines of their own.
---@param writer table of klaviyo.openapi.schema
---@param lists table the named lists of fields, and in `taken` the names of all
--- operations
function M.line(writer, method, path, operation, lists)
  local parameters, headers = {}, {}
  for _, parameter in ipairs(operation.parameters or {}) do
    if parameter["in"] == "query" then
      parameters[parameter.name] = parameter
    elseif parameter["in"] == "header" and parameter.name ~= "revision" then
      headers[#headers + 1] = parameter.name
    end
  end
  local body = operation.requestBody and
    writer:body(operation.requestBody.content)
  local attributes
  if body and body:sub(1, 1) == "&" then
    local resource = writer:data(writer:resolve(
      operation.requestBody.content["application/vnd.api+json"].schema))
    attributes = resource.properties.attributes and
      writer:resolve(resource.properties.attributes).properties
  end
  local status, kind = statuses(writer, operation)
  local fixes = overlay.operations[writer.spec.info.version] or {}
  local style = page(parameters, attributes)
  local fix = fixes[operation.operationId]
  if fix and fix.page then
    style = style:gsub("^%l+", fix.page)
  end
  local out = {method:upper(), path, status, kind}
  column(out, "limit", limit(operation["x-klaviyo-ratelimit"]))
  column(out, "reduced", reduced(operation, parameters))
  column(out, "scope", schemas.words(operation["x-klaviyo-scopes"] or {}))
  column(out, "page", style)
  queries(out, operation, parameters, lists)
  column(out, "header", table.concat(headers, ","))
  column(out, "alias", schemas.words(aliases(operation, lists.taken)))
  if body then -- the last: only the body may contain blanks
    out[#out + 1] = "body=" .. body
  end
  return table.concat(out, " ")
end

return M
