--- What can be asked of an operation: its filters, parameters, pages, limits and
--- scopes, and the members of its document. It is the content of
--- klaviyo.operations.describe and of docs/resources.md.

local datetime = require "klaviyo.values.datetime"
local schema = require "klaviyo.operations.schema"
local tables = require "klaviyo.util.tables"

local M = {}

-- Members below this depth are not listed, unless the caller wants them.
local MAX_DEPTH = 3

local function underscored(name)
  return (name:gsub("%-", "_"))
end

-- Kinds -----------------------------------------------------------------------

local kind_of

local function union_of(member, quote)
  local known, kinds = {}, {}
  for _, branch in ipairs(member.any_of) do
    local kind = kind_of(branch, quote)
    if not known[kind] then
      known[kind] = true
      kinds[#kinds + 1] = kind
    end
  end
  return table.concat(kinds, " or ")
end

function kind_of(member, quote)
  local kind
  if member.any_of then
    kind = union_of(member, quote)
  elseif member.type == "list" then
    kind = "list of " .. kind_of(member.items, quote)
  elseif member.type == "document" then
    local inner = member.document.type
    kind = member.many and "list of " .. inner or inner
  elseif member.type == "object" then
    kind = member.free and "table of anything" or "table"
  elseif member.values then
    local values = {}
    for i, value in ipairs(member.values) do
      values[i] = quote(tostring(value))
    end
    kind = table.concat(values, ", ")
  else
    kind = member.format or member.type
  end
  return kind .. (member.nullable and ", null" or "")
end

local function as_it_is(text)
  return text
end

--- Returns the type of a member in words; with known values, these.
---@param member table
---@param quote (fun(value: string): string)|nil  is applied to each known value
---@return string
function M.kind(member, quote)
  return kind_of(member, quote or as_it_is)
end

-- Members ---------------------------------------------------------------------

local add_resource

-- Returns the forms of a union that have members; nil if there are too many to
-- list.
local MAX_FORMS = 4

local function forms_of(member)
  local forms = {}
  for _, branch in ipairs(member.any_of) do
    if branch.members then
      forms[#forms + 1] = branch
    end
  end
  return #forms <= MAX_FORMS and forms or {}
end

-- Adds the members of all forms of a union, each name once. It is required if all
-- forms require it.
local function add_forms(out, member, path, depth, how)
  local forms, merged = forms_of(member), {}
  for _, form in ipairs(forms) do
    for name, one in pairs(form.members) do
      merged[name] = merged[name] or {}
      table.insert(merged[name], one)
    end
  end
  local members = {}
  for name, list in pairs(merged) do
    local required = #list == #forms
    for _, one in ipairs(list) do
      required = required and one.required
    end
    members[name] = #list == 1 and setmetatable({required = required or false},
      {__index = list[1]})
      or {any_of = list, required = required, type = "any"}
  end
  if next(members) then
    add_resource(out, {attributes = members}, path .. ".", depth + 1, how)
  end
end

local function add_below(out, member, path, depth, how)
  if depth >= how.max_depth then
    return
  elseif member.any_of then
    add_forms(out, member, path, depth, how)
  elseif member.type == "list" then
    add_below(out, member.items, path .. "[]", depth, how)
  elseif member.type == "document" then
    path = path .. (member.many and "[]" or "")
    add_resource(out, member.document, path .. ".", depth + 1, how)
  elseif member.members then
    add_resource(out, {attributes = member.members}, path .. ".", depth + 1, how)
  end
end

-- Adds the members of a resource. Those of a nested resource or table follow the
-- member that has them.
function add_resource(out, resource, prefix, depth, how)
  local function add(name, required, kind)
    out[#out + 1] = {name = prefix .. name, required = required or false, kind = kind}
  end
  if resource.id then
    add("id", resource.id == "required", "string")
  end
  for _, part in ipairs {"attributes", "meta"} do
    local within = part == "meta" and resource.meta and "meta." or ""
    for _, name in ipairs(tables.sorted(resource[part])) do
      local member = resource[part][name]
      if not member.read_only then
        local path = within .. underscored(name)
        add(path, member.required, kind_of(member, how.quote))
        add_below(out, member, prefix .. path, depth, how)
      end
    end
  end
  for _, name in ipairs(tables.sorted(resource.relationships)) do
    local one = resource.relationships[name]
    add(underscored(name), one.required, ("→ %s%s"):format(
      one.many and "list of " or "", one.type))
  end
end

--- Returns the members of the table that becomes the document of an operation.
--- "profiles[].email" is a member of each item of a list.
---@param op table
---@param quote (fun(value: string): string)|nil  is applied to each known value
---@param max_depth integer|nil  members below it are not listed; default 3
---@return {name: string, required: boolean, kind: string}[]
function M.members(op, quote, max_depth)
  local out = {}
  local how = {quote = quote or as_it_is, max_depth = max_depth or MAX_DEPTH}
  if not op.body then
    return out
  elseif op.body.style == "multipart" then
    add_resource(out, {attributes = op.body.parts}, "", 1, how)
  else
    add_resource(out, schema.target(op.body.resource), op.body.many and "[]." or "", 1,
      how)
  end
  return out
end

-- Parameters ------------------------------------------------------------------

-- The types of filter fields, which the operations do not declare. All others are
-- strings.
local BOOLEAN = tables.set {"ab_test", "archived", "default", "edited", "exclusive",
  "hidden", "incentivized", "is_active", "is_starred", "published", "verified"}
local INTEGER = tables.set {"rating", "size"}

--- Returns the type of the values of a filter's field.
---@param op table
---@param field string
---@return string
function M.filter_type(op, field)
  if BOOLEAN[field] then
    return "boolean"
  elseif INTEGER[field] or field == "timestamp" and op.type == "event" then
    return "integer"
  elseif datetime.is_field(field) or field == "timestamp" then
    return "date-time"
  end
  return "string"
end

local function filters_of(op)
  local list = {}
  for _, name in ipairs(tables.sorted(op.filter and op.filter.fields)) do
    list[#list + 1] = {name = name, operators = op.filter.fields[name],
      type = M.filter_type(op, name)}
  end
  return list
end

-- Returns the values of all parameters of a family: fields[profile].
local function family_of(op, family)
  local list = {}
  for _, name in ipairs(tables.sorted(op.query)) do
    local kind = name:match("^" .. family:gsub("%-", "%%-") .. "%[(.+)%]$")
    if kind then
      list[#list + 1] = {type = underscored(kind), names = op.query[name].values}
    end
  end
  return list
end

local OWN = tables.set {"filter", "sort", "include"}

-- Returns the names by which a response can be sorted, and whether each of them may
-- have a "-" before it, for the other direction.
local function sorts_of(op)
  local values = op.query.sort and op.query.sort.values or {}
  local set, names = tables.set(values), {}
  for _, value in ipairs(values) do
    if not (value:sub(1, 1) == "-" and set[value:sub(2)]) then
      names[#names + 1] = value
      if not set["-" .. value] then
        return values, false
      end
    end
  end
  return names, #names > 0
end

local function parameters_of(op)
  local list = {}
  for _, name in ipairs(tables.sorted(op.query)) do
    if not OWN[name] and not name:find("^fields%[") and not name:find("^page")
        and not name:find("^additional%-fields%[") then
      local rule = op.query[name]
      list[#list + 1] = {name = name, required = rule.required or false,
        kind = M.kind(rule)}
    end
  end
  return list
end

local WINDOWS = {"second", "minute", "day"}

local function limit_of(limit)
  local out = {}
  for _, window in ipairs(WINDOWS) do
    if limit[window] then
      out[#out + 1] = ("%d a %s"):format(limit[window], window)
    end
  end
  return table.concat(out, ", ")
end

-- Returns the limits in words: of all calls, and of those with a certain parameter.
local function limits_of(op)
  local list = {}
  if op.limit and next(op.limit) then
    list[1] = limit_of(op.limit)
  end
  for _, parameter in ipairs(tables.sorted(op.reduced)) do
    list[#list + 1] = ("%s with %s"):format(limit_of(op.reduced[parameter]), parameter)
  end
  return list
end

local function pages_of(op)
  local page = op.page
  if not page then
    return nil
  end
  local size = page.size
  return {style = page.style, min = size and size.min, max = size and size.max,
    default = size and size.default}
end

---@class klaviyo.openapi.Facts
---@field filters {name: string, operators: string[], type: string}[]
---@field filter_required boolean
---@field sorts string[]
---@field both_directions boolean  each sort may have a "-" before it
---@field includes string[]
---@field fields {type: string, names: string[]}[]
---@field additional_fields {type: string, names: string[]}[]
---@field page {style: string, min: integer|nil, max: integer|nil, default: integer|nil}|nil
---@field parameters {name: string, required: boolean, kind: string}[]  the other ones
---@field limits string[]
---@field scopes string[]

--- Returns what can be asked of an operation.
---@param op table
---@return klaviyo.openapi.Facts
function M.of(op)
  local sorts, both_directions = sorts_of(op)
  return {
    filters = filters_of(op),
    filter_required = op.filter ~= nil and op.filter.required == true,
    sorts = sorts,
    both_directions = both_directions,
    includes = op.query.include and op.query.include.values or {},
    fields = family_of(op, "fields"),
    additional_fields = family_of(op, "additional-fields"),
    page = pages_of(op),
    parameters = parameters_of(op),
    limits = limits_of(op),
    scopes = op.scopes,
  }
end

--- Returns the names of the attributes of a type of resource in the responses of a
--- revision, as sparse fieldsets name them.
---@param revision table
---@param kind string
---@return string[]
function M.attributes(revision, kind)
  local names = {}
  for _, id in ipairs(revision:names()) do
    local query = revision:operation(id).query
    for _, family in ipairs {"fields", "additional-fields"} do
      local rule = query[("%s[%s]"):format(family, kind)]
      for _, name in ipairs(rule and rule.values or {}) do
        names[name] = true
      end
    end
  end
  return tables.sorted(names)
end

return M
