--- Validates request documents against the operations table. All errors are
--- reported at once, each with the pointer to its position.

local keys = require "klaviyo.util.tables"
local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local pointers = require "klaviyo.sandbox.pointer"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

local each, item, under = pointers.each, pointers.item, pointers.under

local function article(word)
  return (word:find("^[aeiou]") and "an " or "a ") .. word
end

local Report = {}
Report.__index = Report

function Report:__call(...)
  return self.add(...)
end

-- Returns the `report` of a check, which calls it as `report(pointer, detail, code)`
-- for each error. If it is lenient, names and values that are not known are no
-- errors. The branches of a union are tried with a report of their own.
local function reporter(add, is_lenient)
  return setmetatable({add = add, is_lenient = is_lenient}, Report)
end

local check_value

-- The type of a member → the types of JSON values that it accepts.
local ACCEPTED_TYPES = {
  string = {string = true},
  integer = {integer = true},
  number = {number = true, integer = true},
  boolean = {boolean = true},
  object = {object = true},
  list = {array = true},
  null = {},
}

local FORMAT = {
  ["date-time"] = function(text)
    return #text > 10 and rfc3339.parse(text) ~= nil
  end,
  date = function(text)
    return #text == 10 and rfc3339.parse(text) ~= nil
  end,
}

local check_resource

local function check_document(member, object, pointer, report)
  for name in each(object, pointer) do
    if name ~= "data" then
      report(under(pointer, name),
        ("'%s' is not a valid member of a document."):format(name))
    end
  end
  local data = object.data
  if data == nil then
    return report(under(pointer, "data"), "'data' is a required member.")
  end
  M.data(member, data, under(pointer, "data"), report)
end

--- Validates primary data: a resource or a list of resources.
---@param member table `document` (a resource) and `many`
---@param data any
---@param pointer string
---@param report fun(pointer: string, detail: string, code: string|nil)|table
function M.data(member, data, pointer, report)
  if not member.many then
    return check_resource(member.document, data, pointer, report)
  end
  if json.kind(data) ~= "array" then
    return report(pointer, ("A list of resources is expected, not %s.")
      :format(article(json.kind(data))))
  end
  for i, one in ipairs(data) do
    check_resource(member.document, one, item(pointer, i), report)
  end
end

-- Checks a closed object: its names, its values, and that the required members
-- are present.
local function check_members(known, object, pointer, report, owner)
  for name in each(object, pointer) do
    local member = known[name]
    if member then
      check_value(member, object[name], under(pointer, name), report)
    elseif not report.is_lenient then
      report(under(pointer, name),
        ("'%s' is not a valid field for %s."):format(name, owner))
    end
  end
  for _, name in ipairs(pointers.required(known)) do
    if object[name] == nil then
      report(under(pointer, name),
        ("'%s' is a required field for %s."):format(name, owner))
    end
  end
end

-- Accepts a value that is valid in one branch of a union. Otherwise the errors
-- of the nearest branch are reported: the one with the fewest errors of type.
local function check_union(branches, value, pointer, report)
  local nearest
  for _, branch in ipairs(branches) do
    local errors = {}
    check_value(branch, value, pointer, reporter(function(at, detail, code)
      errors[#errors + 1] = {at, detail, code}
    end, report.is_lenient))
    if #errors == 0 then
      return
    end
    local weight = #errors
    for _, entry in ipairs(errors) do
      if entry[1] == pointer or entry[2]:find("valid choice") then
        weight = weight + 100
      end
    end
    if not nearest or weight < nearest.weight then
      nearest = {weight = weight, errors = errors}
    end
  end
  for _, entry in ipairs(nearest and nearest.errors or {}) do
    report(entry[1], entry[2], entry[3])
  end
end

local function check_choices(known, value, pointer, report)
  for _, choice in ipairs(known) do
    if choice == value then
      return
    end
  end
  local names = {}
  for i, choice in ipairs(known) do
    names[i] = tostring(choice)
  end
  report(pointer, ("'%s' is not a valid choice; valid choices: %s.")
    :format(tostring(value), table.concat(names, ", ")))
end

function check_value(member, value, pointer, report)
  local kind = json.kind(value)
  if kind == "null" then
    if not member.nullable and member.type ~= "any" then
      report(pointer, "This field may not be null.")
    end
    return
  elseif member.any_of then
    return check_union(member.any_of, value, pointer, report)
  elseif member.type == "any" then
    return
  end
  local inner = member.document
  if not ACCEPTED_TYPES[inner and "object" or member.type][kind] then
    return report(pointer, ("%s is expected here, not %s."):format(
      article(inner and "object" or member.type):gsub("^%l", string.upper),
      article(kind)))
  elseif inner then
    return check_document(member, value, pointer, report)
  elseif kind == "array" then
    for i, one in ipairs(value) do
      if member.items then
        check_value(member.items, one, item(pointer, i), report)
      end
    end
  elseif kind == "object" then
    if member.members and not member.free then
      check_members(member.members, value, pointer, report, "this object")
    end
  else
    if member.values and not report.is_lenient then
      check_choices(member.values, value, pointer, report)
    end
    local format = FORMAT[member.format]
    if format and not format(value) then
      report(pointer, ("'%s' is not a valid %s."):format(value, member.format))
    end
  end
end

local function check_identifier(linkage, value, pointer, report)
  if json.kind(value) ~= "object" then
    return report(pointer, "A resource identifier is expected here.")
  end
  if linkage and value.type ~= linkage.type then
    report(under(pointer, "type"), ("'%s' is expected as type, not '%s'.")
      :format(linkage.type or "?", tostring(value.type)))
  end
  if type(value.id) ~= "string" or value.id == "" then
    report(under(pointer, "id"), "'id' must be a string that is not empty.")
  end
end

local function check_identifiers(linkage, data, pointer, report)
  if json.kind(data) ~= "array" then
    return report(pointer, "A list of identifiers is expected here.")
  end
  for i, one in ipairs(data) do
    check_identifier(linkage, one, item(pointer, i), report)
  end
end

-- `linkage` is nil for a relationship that is not known.
local function check_relationship(linkage, value, pointer, report)
  if json.kind(value) ~= "object" or value.data == nil then
    return report(under(pointer, "data"), "'data' is a required member.")
  end
  local data, many = value.data, linkage and linkage.many
  if not linkage then
    many = json.kind(data) == "array"
  end
  if many then
    check_identifiers(linkage, data, under(pointer, "data"), report)
  elseif data ~= json.null then
    check_identifier(linkage, data, under(pointer, "data"), report)
  end
end

local function check_relationships(known, object, pointer, report, owner)
  for name in each(object, pointer) do
    local linkage = known[name]
    if linkage or report.is_lenient then
      check_relationship(linkage, object[name], under(pointer, name), report)
    else
      report(under(pointer, name),
        ("'%s' is not a valid relationship for %s."):format(name, owner))
    end
  end
  for _, name in ipairs(pointers.required(known)) do
    if object[name] == nil then
      report(under(pointer, name),
        ("'%s' is a required relationship for %s."):format(name, owner))
    end
  end
end

local READ_MEMBER = {
  attributes = function(known, object, pointer, report, owner)
    check_members(known.attributes or {}, object, pointer, report, owner)
  end,
  relationships = function(known, object, pointer, report, owner)
    check_relationships(known.relationships or {}, object, pointer, report, owner)
  end,
  meta = function(known, object, pointer, report)
    check_members(known.meta or {}, object, pointer, report, "meta")
  end,
}

local function check_identity(known, value, pointer, report)
  if value.type == nil then
    report(under(pointer, "type"), "'type' is a required member.")
  elseif known.type and value.type ~= known.type then
    report(under(pointer, "type"), ("'%s' is not a valid resource type here; "
      .. "'%s' is expected."):format(tostring(value.type), known.type),
      "conflict")
  end
  if value.id == nil then
    if known.required.id then
      report(under(pointer, "id"), "'id' is a required member.")
    end
  elseif not known.id then
    report(under(pointer, "id"), "'id' is not allowed here.")
  elseif value.id == json.null and not known.required.id then
    return
  elseif type(value.id) ~= "string" or value.id == "" then
    report(under(pointer, "id"), "'id' must be a string that is not empty.")
  end
end

function check_resource(known, value, pointer, report)
  if json.kind(value) ~= "object" then
    return report(pointer, ("A resource object is expected here, not %s.")
      :format(article(json.kind(value))))
  end
  check_identity(known, value, pointer, report)
  local owner = pointer and ("the resource '%s'"):format(known.type or "?")
  for name in each(value, pointer) do
    if name ~= "type" and name ~= "id" then
      local read = (known[name] or report.is_lenient) and READ_MEMBER[name]
      if not read then
        report(under(pointer, name),
          ("'%s' is not a valid member of %s."):format(name, owner))
      elseif json.kind(value[name]) == "object" then
        read(known, value[name], under(pointer, name), report, owner)
      elseif not (name == "meta" and value.meta == json.null
        and known.nullable_meta) then
        report(under(pointer, name), "An object is expected here.")
      end
    end
  end
  for _, name in ipairs {"attributes", "relationships", "meta"} do
    if value[name] == nil and known.required[name] and known[name] then
      -- Report each required member, as if an empty object had been sent.
      local reported = false
      READ_MEMBER[name](known, {}, under(pointer, name),
        reporter(function(...)
          reported = true
          report(...)
        end, report.is_lenient), owner)
      if not reported then
        report(under(pointer, name), ("'%s' is a required member."):format(name))
      end
    end
  end
end

-- The resources that relationships name must exist.
local function check_linked(known, data, pointer, report, exists)
  for _, name in ipairs(keys.sorted(data.relationships)) do
    local member = data.relationships[name]
    local linked = (known.relationships or {})[name]
      and json.kind(member) == "object" and member.data
    local list = json.kind(linked) == "array" and linked or {linked or nil}
    for i, one in ipairs(list) do
      if json.kind(one) == "object" and type(one.id) == "string"
          and not exists(one.type, one.id) then
        report(("%s/relationships/%s/data%s/id"):format(pointer, name,
          list == linked and "/" .. (i - 1) or ""),
          ("A %s with id '%s' does not exist."):format(
          tostring(one.type), one.id))
      end
    end
  end
end

--- Validates a request document. Throws an error response that holds all
--- errors.
---@param body table `op.body` of the operations table
---@param value any the decoded document
---@param exists fun(kind: string, id: string): boolean
---@param is_lenient boolean|nil  whether names and values that are not known are valid
function M.document(body, value, exists, is_lenient)
  local failure = error_response.new(400)
  local report = reporter(function(pointer, detail, code)
    if code == "conflict" then
      failure.status = 409
    end
    failure:add(code or "invalid", detail, {pointer = pointer})
  end, is_lenient)
  if json.kind(value) ~= "object" then
    report("", "The body must be a JSON:API document.")
  else
    local all, is_valid = {document = body.resource, many = body.many}, true
    check_document(all, value, false,
      reporter(function() is_valid = false end, is_lenient))
    if not is_valid then
      check_document(all, value, "", report)
    end
    if not body.many and json.kind(value.data) == "object"
      and json.kind(value.data.relationships or {}) == "object" then
      check_linked(body.resource, value.data, "/data", report, exists)
    end
  end
  failure:throw()
end

return M
