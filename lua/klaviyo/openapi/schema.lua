--- Writes the schemas of request documents in the format that
--- lua/klaviyo/operations/format.lua describes.

local tables = require "klaviyo.util.tables"
local null = require("cjson").null

local M = {}

-- Named enumerations longer than LONG have a line of their own; those longer than
-- TOO_LONG (time zones, countries) are omitted.
local LONG, TOO_LONG = 8, 100

local function word(value)
  local text = tostring(value)
  assert(type(value) ~= "userdata", "null among the values of an enumeration")
  if type(value) == "string" and not text:match("^[%w_.:$/+-]+$") then
    assert(not text:match('["\\%c]'), "cannot write the word " .. text)
    return '"' .. text .. '"'
  end
  if type(value) == "number" then
    text = ("%d"):format(value)
  end
  return text
end

--- Returns the values of an enumeration, joined by commas, in an order that does
--- not depend on the document.
function M.words(list)
  local out = {}
  for i, value in ipairs(list) do
    out[i] = word(value)
  end
  table.sort(out, type(list[1]) == "number" and function(a, b)
    return tonumber(a) < tonumber(b)
  end or nil)
  return table.concat(out, ",")
end

--- Returns a writer for one OpenAPI document. `writer:body(schema)` returns the
--- expression of a request document, and adds the lines that it refers to by name
--- to `writer.lines` (name → expression).
---@param spec table
---@param suffix string  added to the names of schemas
function M.new(spec, suffix)
  return setmetatable({spec = spec, suffix = suffix, lines = {}}, {__index = M})
end

local MAX_REFERENCES = 50

--- Follows references; returns the schema, its name if it has one, and the
--- siblings of the reference (nullable, readOnly), which apply too.
function M:resolve(schema)
  local name, nullable, read_only
  local count = 0
  while schema["$ref"] do
    count = count + 1
    assert(count <= MAX_REFERENCES, "a cycle of references: " .. schema["$ref"])
    nullable = nullable or schema.nullable
    read_only = read_only or schema.readOnly
    name = schema["$ref"]:match("^#/components/schemas/(.+)$")
    schema = assert(self.spec.components.schemas[name], "no schema " .. name)
  end
  return schema, name, nullable or schema.nullable,
    read_only or schema.readOnly
end

-- Returns the resource in {"data": …}, or that of its list; nil if there is none.
function M:data(schema)
  local properties = schema.properties
  if not properties or not properties.data or next(properties, "data") or
    next(properties) ~= "data" then
    return nil
  end
  local inner, many = properties.data, false
  local resource, name = self:resolve(inner)
  if resource.type == "array" then
    many = true
    resource, name = self:resolve(resource.items)
  end
  local members = resource.properties
  if not members or not members.type then
    return nil
  end
  local enum = self:resolve(members.type).enum
  for member in pairs(members) do
    if not (" type id attributes relationships meta "):find(
      " " .. member .. " ", 1, true) then
      return nil
    end
  end
  if not enum or #enum ~= 1 then
    return nil
  end
  return resource, name, many
end

local function mark(name, required, read_only)
  return name .. (read_only and "~" or required and "!" or "")
end

function M:members(schema)
  local required = tables.set(schema.required)
  local out = {}
  for i, name in ipairs(tables.sorted(schema.properties)) do
    local property = schema.properties[name]
    local _, _, _, read_only = self:resolve(property)
    out[i] = mark(name, required[name], read_only) .. ":" ..
      self:expression(property)
  end
  return "{" .. table.concat(out, " ") .. "}"
end

function M:relationships(schema)
  local required = tables.set(schema.required)
  local out = {}
  for i, name in ipairs(tables.sorted(schema.properties)) do
    local one = assert(self:resolve(schema.properties[name]).properties.data)
    one = self:resolve(one)
    local many = one.type == "array"
    if many then
      one = self:resolve(one.items)
    end
    local kind = self:resolve(one.properties.type).enum[1]
    out[i] = mark(name, required[name]) .. "->" ..
      (many and "[" .. kind .. "]" or kind)
  end
  return "{" .. table.concat(out, " ") .. "}"
end

function M:resource(schema)
  local required = tables.set(schema.required)
  local members = schema.properties
  local out = {"<" .. self:resolve(members.type).enum[1]}
  if members.id then
    out[#out + 1] = mark("id", required.id)
  end
  if members.attributes then
    out[#out + 1] = mark("attributes", required.attributes) .. ":" ..
      self:expression(members.attributes)
  end
  if members.relationships then
    out[#out + 1] = mark("relationships", required.relationships) .. ":" ..
      self:relationships(self:resolve(members.relationships))
  end
  if members.meta then
    out[#out + 1] = mark("meta", required.meta) .. ":" ..
      self:expression(members.meta)
  end
  return table.concat(out, " ") .. ">"
end

-- Adds the line of a name unless it exists; returns the name.
function M:named(name, write)
  assert(name:find("^%u%w*$"), "a schema whose name cannot be used: " .. name)
  name = name .. self.suffix
  if not self.lines[name] then
    self.lines[name] = "pending"
    self.lines[name] = write()
  end
  return name
end

local function scalar(schema)
  local kind = schema.type
  if schema.enum and #schema.enum == 1 and schema.enum[1] == null then
    return "null?"
  end
  local enum = schema.enum and #schema.enum <= TOO_LONG and schema.enum
  if not kind and enum then
    kind = type(enum[1]) == "boolean" and "boolean" or
      type(enum[1]) == "number" and "integer" or "string"
  end
  local text = kind or "any"
  if schema.format then
    text = text .. "/" .. schema.format
  end
  if enum then
    text = text .. "(" .. M.words(enum) .. ")"
  end
  return text
end

function M:plain(schema, name)
  local resource, resource_name, many = self:data(schema)
  if resource then
    local inner = resource_name and self:named(resource_name, function()
      return self:resource(resource)
    end) or self:resource(resource)
    return "&" .. (many and "[" .. inner .. "]" or inner)
  end
  local write
  if schema.oneOf or schema.anyOf then
    write = function()
      local out = {}
      for i, branch in ipairs(schema.oneOf or schema.anyOf) do
        out[i] = self:expression(branch)
      end
      return table.concat(out, "|")
    end
  elseif schema.properties and next(schema.properties) then
    write = function()
      return self:members(schema)
    end
  elseif schema.type == "object" then
    return "*"
  elseif schema.type == "array" then
    return "[" .. (schema.items and self:expression(schema.items) or "any") ..
      "]"
  elseif schema.enum and #schema.enum > LONG and #schema.enum <= TOO_LONG then
    write = function()
      return scalar(schema)
    end
  else
    return scalar(schema)
  end
  if name then
    return self:named(name, write)
  end
  local text = write()
  return (schema.oneOf or schema.anyOf) and "(" .. text .. ")" or text
end

--- Returns the expression of any schema.
function M:expression(schema)
  assert(not schema.allOf and not schema.additionalProperties,
    "the format does not support this kind of schema")
  local target, name, nullable = self:resolve(schema)
  return self:plain(target, name) .. (nullable and "?" or "")
end

--- Returns the body of an operation: `&name`, `&[name]` or `multipart{…}`.
function M:body(content)
  local json = content["application/vnd.api+json"]
  if json then
    local text = self:plain(self:resolve(json.schema))
    assert(text:sub(1, 1) == "&", "the body is not a document: " .. text)
    return text
  end
  local parts = self:resolve(assert(content["multipart/form-data"]).schema)
  return "multipart" .. (self:members(parts):gsub("string/binary", "file")
    :gsub(" ", ","))
end

return M
