--- Makes requests from an OpenAPI document only, so that they can check the table
--- of operations and the documents independently.

local json = require "cjson"

local M = {}
M.__index = M

--- Reads a document; nil if the file does not exist.
function M.open(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return setmetatable({doc = json.decode(text)}, M)
end

function M:deref(schema)
  while schema["$ref"] do
    local name = schema["$ref"]:match("([^/]+)$")
    schema = self.doc.components.schemas[name]
  end
  return schema
end

--- Returns all operations: {id=, method=, path=, spec=, schema= of the JSON body}
function M:operations()
  local list = {}
  for path, item in pairs(self.doc.paths) do
    for method, spec in pairs(item) do
      local content = spec.requestBody and spec.requestBody.content or {}
      list[#list + 1] = {
        id = spec.operationId, method = method:upper(), path = path,
        spec = spec,
        schema = (content["application/vnd.api+json"] or {}).schema,
      }
    end
  end
  table.sort(list, function(a, b)
    return a.id < b.id
  end)
  return list
end

local TEXT = {
  ["date-time"] = "2024-11-08T00:00:00+00:00",
  date = "2024-11-08",
  time = "13:45:00",
}

local MAX_DEPTH = 40

local sample

local function object(self, schema, how, depth)
  local required = {}
  for _, name in ipairs(schema.required or {}) do
    required[name] = true
  end
  local out = {}
  if not schema.properties and how.full and schema.maxProperties ~= 0 then
    return {free = {1.5, "x", {deep = true}}}
  end
  for name, property in pairs(schema.properties or {}) do
    local target = self:deref(property)
    -- a linkage needs its `data`, required or not.
    local wanted = required[name] or how.full and depth < MAX_DEPTH or
      name == "data" and not next(schema.properties, "data") and
      next(schema.properties) == "data"
    if wanted and not target.readOnly and not property.readOnly then
      out[name] = sample(self, property, how, depth + 1)
    end
  end
  return out
end

function sample(self, schema, how, depth)
  local ref = schema["$ref"]
  schema = self:deref(schema)
  if ref then -- a recursive schema is minimal the second time
    how = setmetatable({[ref] = true, full = how.full and not how[ref]},
      {__index = how})
  end
  local branches = schema.oneOf or schema.anyOf
  if branches then
    return sample(self, branches[(how.branch - 1) % #branches + 1], how, depth)
  elseif schema.enum then
    return schema.enum[(how.branch - 1) % #schema.enum + 1]
  elseif schema.type == "object" or schema.properties then
    return object(self, schema, how, depth)
  elseif schema.type == "array" then
    local list = {}
    for i = 1, how.full and 2 or 1 do
      list[i] = sample(self, schema.items or {}, how, depth + 1)
    end
    return list
  end
  return ({
    string = TEXT[schema.format] or "text", integer = 7, number = 2.5,
    boolean = how.branch % 2 == 1,
  })[schema.type] or (schema.type == "boolean" and false) or
    schema.type == nil and {any = "thing"}
end

--- Returns a document that conforms to the schema: with the required members only,
--- or with all; `branch` chooses a branch of each union.
---@param schema table
---@param full boolean
---@param branch integer
function M:sample(schema, full, branch)
  return sample(self, schema, {full = full, branch = branch or 1}, 1)
end

-- Whether it is a resource, by the schema only: the builder is what is tested.
function M:is_document(schema)
  local properties = self:deref(schema).properties
  local data = properties and properties.data
  if not data or next(properties, next(properties)) then
    return false
  end
  local inner = self:deref(data)
  if inner.type == "array" then
    inner = self:deref(inner.items)
  end
  local members = inner.properties or {}
  local kind = members.type and self:deref(members.type)
  return kind and kind.enum and #kind.enum == 1 and
    (members.id or members.attributes or members.relationships) and true
end

local function flat_name(name)
  return (name:gsub("-", "_"))
end

-- Returns the flat table for a value of a schema.
function M:flatten(schema, value)
  schema = self:deref(schema)
  if self:is_document(schema) then
    local data = self:deref(schema.properties.data)
    if data.type == "array" then
      local list = {}
      for i, item in ipairs(value.data) do
        list[i] = self:flat_resource(data.items, item)
      end
      return list
    end
    return self:flat_resource(data, value.data)
  elseif schema.properties and type(value) == "table" then
    local out = {}
    for name, item in pairs(value) do
      local property = schema.properties[name]
      out[flat_name(name)] = property and self:flatten(property, item) or item
    end
    return out
  elseif schema.type == "array" and schema.items then
    local out = {}
    for i, item in ipairs(value) do
      out[i] = self:flatten(schema.items, item)
    end
    return out
  end
  return value
end

function M:flat_resource(schema, value)
  schema = self:deref(schema)
  local out = {id = value.id}
  if value.attributes then
    for name, item in pairs(value.attributes) do
      local attributes = self:deref(schema.properties.attributes)
      out[flat_name(name)] = self:flatten(attributes.properties[name], item)
    end
  end
  for name, linkage in pairs(value.relationships or {}) do
    local data = linkage.data
    if data and data.id then
      out[flat_name(name)] = data.id
    elseif data then
      local ids = {}
      for i, item in ipairs(data) do
        ids[i] = item.id
      end
      out[flat_name(name)] = ids
    end
  end
  if value.meta then
    out.meta = value.meta
  end
  return out
end

return M
