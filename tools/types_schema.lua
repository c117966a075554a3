--- Turns the schemas of a revision into classes for the Lua language server: a
--- class for each table that a call takes.

local schema = require "klaviyo.operations.schema"
local tables = require "klaviyo.util.tables"

local M = {}

--- The type of a name that a class does not have: the language server marks a
--- value that is assigned to it.
M.UNKNOWN = "klaviyo.UnknownName"

-- Lua's words cannot follow "---@field " in the form of a name, nor can the
-- language server's own.
local QUOTED = {
  ["end"] = true, ["function"] = true, public = true, private = true,
  protected = true, package = true,
}

local function underscored(name)
  return (name:gsub("%-", "_"))
end

--- Returns the line of a field.
---@param name string
---@param kind string
---@param options {optional: boolean|nil, words: string|nil}
---@return string
function M.field(name, kind, options)
  local shown = name
  if QUOTED[name] or not name:find("^[%a_][%w_]*$") then
    shown = ('["%s"]'):format(name)
  end
  local words = options.words and options.words ~= "" and "  " .. options.words
  return ("---@field %s%s %s%s"):format(shown, options.optional and "?" or "",
    kind, words or "")
end

--- Returns values as a union of literals.
---@param values any[]
---@return string
function M.literals(values)
  local list = {}
  for i, value in ipairs(values) do
    list[i] = type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  return table.concat(list, "|")
end

--- Classes of one library, in the order in which they were begun.
---@class types.Classes
---@field list {name: string, lines: string[]}[]
---@field names table<string, boolean>
local Classes = {}
Classes.__index = Classes

--- Returns an empty set of classes.
---@return types.Classes
function M.classes()
  return setmetatable({list = {}, names = {}}, Classes)
end

--- Begins a class and returns its lines; nil if there is one of that name.
---@param name string
---@param head string  the line before its fields
---@return string[]|nil
function Classes:begin(name, head)
  if self.names[name] then
    return nil
  end
  self.names[name] = true
  local lines = {head}
  self.list[#self.list + 1] = {name = name, lines = lines}
  return lines
end

--- Begins a class whose tables have no other names than its fields.
---@param name string
---@param base string|nil  the class that it extends
---@return string[]|nil
function Classes:exact(name, base)
  local lines = self:begin(name, ("---@class (exact) %s%s"):format(name,
    base and ": " .. base or ""))
  if lines then
    lines[2] = ("---@field [string] %s"):format(M.UNKNOWN)
  end
  return lines
end

-- The file of a class, by the beginning of its name; all others are of requests.
local FILES = {
  ["klaviyo.schema."] = "schemas", ["klaviyo.Document."] = "documents",
  ["klaviyo.Page."] = "documents", ["klaviyo.Resource."] = "documents",
  ["klaviyo.Items."] = "documents", ["klaviyo.Attributes."] = "documents",
}

--- Returns the text of all classes, by the name of their file.
---@return table<string, string>
function Classes:texts()
  local files = {documents = {}, requests = {}, schemas = {}}
  for _, class in ipairs(self.list) do
    local file = files[FILES[class.name:match("^klaviyo%.%a+%.")] or "requests"]
    file[#file + 1] = table.concat(class.lines, "\n") .. "\n"
  end
  for name, list in pairs(files) do
    files[name] = table.concat(list, "\n")
  end
  return files
end

local SCALAR = {
  string = "string", integer = "integer", number = "number", boolean = "boolean",
  any = "any", null = "klaviyo.Null",
}

local function words_of(member)
  local words = {}
  if member.required then
    words[1] = "required"
  end
  if member.format then
    words[#words + 1] = member.format
  end
  if member.type == "list" and member.items.format then
    words[#words + 1] = "list of " .. member.items.format
  end
  return table.concat(words, "; ")
end

local function scalar(member)
  local values = member.values
  if values then
    return M.literals(values)
  elseif member.format == "date-time" or member.format == "date" then
    return "string|klaviyo.Datetime"
  end
  return SCALAR[member.type] or "any"
end

local function union_of(classes, member, name)
  local added, kinds = {}, {}
  for i, branch in ipairs(member.any_of) do
    local kind = M.type(classes, branch, name .. "." .. i)
    if not added[kind] then
      added[kind] = true
      kinds[#kinds + 1] = kind
    end
  end
  return table.concat(kinds, "|")
end

-- The names of a resource also include its type, in JSON:API's form.
local function add_type(lines, resource)
  if not (resource.attributes and resource.attributes.type) then
    lines[#lines + 1] = M.field("type", ("%q"):format(resource.type), {optional = true})
  end
end

local function add_members(classes, lines, members, name)
  for _, key in ipairs(tables.sorted(members)) do
    local member = members[key]
    if not member.read_only then
      local own = underscored(key)
      lines[#lines + 1] = M.field(own, M.type(classes, member, name .. "." .. own),
        {optional = not member.required, words = words_of(member)})
    end
  end
end

-- Relationships by id, by {type =, id =}, or by a resource of a response.
local function linkage(one)
  if one.many then
    return "klaviyo.Identifier|klaviyo.Identifier[]"
  end
  return "klaviyo.Identifier"
end

--- Adds the fields of a flat resource: its id, attributes, meta and relationships.
---@param classes types.Classes
---@param lines string[]
---@param resource table
---@param name string  of the class
---@param skip_id boolean|nil  the id is an argument
function M.add_resource(classes, lines, resource, name, skip_id)
  if resource.id and not skip_id then
    local is_required = resource.id == "required"
    lines[#lines + 1] = M.field("id", "string", {optional = not is_required,
      words = is_required and "required" or nil})
  end
  add_type(lines, resource)
  add_members(classes, lines, resource.attributes or {}, name)
  for _, key in ipairs(tables.sorted(resource.relationships or {})) do
    local one = resource.relationships[key]
    lines[#lines + 1] = M.field(underscored(key), linkage(one), {
      optional = not one.required,
      words = ("%sthe id%s of %s %s"):format(one.required and "required; " or "",
        one.many and "s" or "", one.many and "each" or "a", one.type),
    })
  end
  if resource.meta then
    local class = name .. ".meta"
    local inner = classes:exact(class)
    if inner then
      add_members(classes, inner, resource.meta, class)
    end
    lines[#lines + 1] = M.field("meta", class, {
      optional = not resource.required.meta,
    })
  end
end

-- A string is short for a nested resource: its id, or its one required attribute.
local function is_text_enough(resource)
  local count = 0
  for _, member in pairs(resource.attributes or {}) do
    count = count + (member.required and 1 or 0)
  end
  return resource.id ~= nil or count == 1
end

local function resource_class(classes, member, name)
  local resource = member.document
  local ref = rawget(resource, "ref")
  local class = ref and "klaviyo.schema." .. ref or name
  resource = schema.target(resource)
  local lines = classes:exact(class)
  if lines then
    M.add_resource(classes, lines, resource, class)
  end
  return class, is_text_enough(resource)
end

-- Returns the type of a named schema; its text is written once.
local function named(classes, ref, target)
  local class = "klaviyo.schema." .. ref
  if target.members then
    local lines = classes:exact(class)
    if lines then
      add_members(classes, lines, target.members, class)
    end
    return class
  end
  local lines = classes:begin(class, "")
  if lines then
    lines[1] = ("---@alias %s %s"):format(class, M.type(classes, target, class))
  end
  return class
end

local function list_of(kind)
  return (kind:find("[|%s]") and "(" .. kind .. ")" or kind) .. "[]"
end

--- Returns the type of a member. Tables become classes.
---@param classes types.Classes
---@param member table
---@param name string  of a class, if the member is a table without a name
---@return string
function M.type(classes, member, name)
  local ref, nullable = rawget(member, "ref"), member.nullable
  local target = schema.target(member)
  local kind
  if ref then
    kind = named(classes, ref, target)
  elseif member.any_of then
    kind = union_of(classes, member, name)
  elseif member.type == "list" then
    kind = list_of(M.type(classes, member.items, name))
  elseif member.type == "document" then
    local is_short
    kind, is_short = resource_class(classes, member, name)
    kind = is_short and "string|" .. kind or kind
    kind = member.many and list_of(kind) or kind
  elseif member.members then
    local lines = classes:exact(name)
    if lines then
      add_members(classes, lines, member.members, name)
    end
    kind = name
  elseif member.type == "object" then
    kind = "table<string, any>"
  else
    kind = scalar(member)
  end
  if nullable and kind ~= "any" and not kind:find("klaviyo.Null", 1, true) then
    kind = kind .. "|klaviyo.Null"
  end
  return kind
end

return M
