--- Request documents, held against the catalogue. All that is wrong is said
-- at once, each error with the pointer to its place.

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

-- Errors are told to `tell(pointer, detail, weight)`: branches of a union are
-- tried without anybody hearing of it.
local value

-- `[]` and `{}` are apart here; the member's kind against the value's.
local FITS = {
  string = { string = true },
  integer = { integer = true },
  number = { number = true, integer = true },
  boolean = { boolean = true },
  object = { object = true },
  list = { array = true },
}

local FORMAT = {
  ["date-time"] = function(text)
    return #text > 10 and rfc3339.parse(text) ~= nil
  end,
  date = function(text)
    return #text == 10 and rfc3339.parse(text) ~= nil
  end,
}

local resource

local function document(member, object, pointer, tell)
  for name in each(object, pointer) do
    if name ~= "data" then
      tell(under(pointer, name),
        ("'%s' is not a valid member of a document."):format(name))
    end
  end
  local data = object.data
  if data == nil then
    return tell(under(pointer, "data"), "'data' is a required member.")
  end
  M.data(member, data, under(pointer, "data"), tell)
end

--- Judges primary data: a resource, or a list of them.
---@param member table `document` (a Resource) and `many`
---@param data any
---@param pointer string
---@param tell fun(pointer: string, detail: string, code: string|nil)
function M.data(member, data, pointer, tell)
  if not member.many then
    return resource(member.document, data, pointer, tell)
  end
  if json.kind(data) ~= "array" then
    return tell(pointer, ("A list of resources is expected, not %s.")
      :format(article(json.kind(data))))
  end
  for i, one in ipairs(data) do
    resource(member.document, one, item(pointer, i), tell)
  end
end

-- Members of a closed object: names, required ones, then each value.
local function members(known, object, pointer, tell, owner)
  for name in each(object, pointer) do
    local member = known[name]
    if member then
      value(member, object[name], under(pointer, name), tell)
    else
      tell(under(pointer, name),
        ("'%s' is not a valid field for %s."):format(name, owner))
    end
  end
  for _, name in ipairs(pointers.required(known)) do
    if object[name] == nil then
      tell(under(pointer, name),
        ("'%s' is a required field for %s."):format(name, owner))
    end
  end
end

-- The branch of a union that fits, or else the complaints of the nearest: the
-- one that gets deepest without finding a wrong type.
local function union(branches, have, pointer, tell)
  local nearest
  for _, branch in ipairs(branches) do
    local complaints = {}
    value(branch, have, pointer, function(at, detail, code)
      complaints[#complaints + 1] = { at, detail, code }
    end)
    if #complaints == 0 then
      return
    end
    local weight = #complaints
    for _, complaint in ipairs(complaints) do
      if complaint[1] == pointer or complaint[2]:find("valid choice") then
        weight = weight + 100
      end
    end
    if not nearest or weight < nearest.weight then
      nearest = { weight = weight, complaints = complaints }
    end
  end
  for _, complaint in ipairs(nearest and nearest.complaints or {}) do
    tell(complaint[1], complaint[2], complaint[3])
  end
end

local function choices(known, have, pointer, tell)
  for _, choice in ipairs(known) do
    if choice == have then
      return
    end
  end
  local names = {}
  for i, choice in ipairs(known) do
    names[i] = tostring(choice)
  end
  tell(pointer, ("'%s' is not a valid choice; valid choices: %s.")
    :format(tostring(have), table.concat(names, ", ")))
end

function value(member, have, pointer, tell)
  local kind = json.kind(have)
  if kind == "null" then
    if not member.nullable and member.type ~= "any" then
      tell(pointer, "This field may not be null.")
    end
    return
  elseif member.any_of then
    return union(member.any_of, have, pointer, tell)
  elseif member.type == "any" then
    return
  end
  local inner = member.document
  if not FITS[inner and "object" or member.type][kind] then
    return tell(pointer, ("%s is expected here, not %s."):format(
      article(inner and "object" or member.type):gsub("^%l", string.upper),
      article(kind)))
  elseif inner then
    return document(member, have, pointer, tell)
  elseif kind == "array" then
    for i, one in ipairs(have) do
      if member.items then
        value(member.items, one, item(pointer, i), tell)
      end
    end
  elseif kind == "object" then
    if member.members and not member.free then
      members(member.members, have, pointer, tell, "this object")
    end
  else
    if member.values then
      choices(member.values, have, pointer, tell)
    end
    local format = FORMAT[member.format]
    if format and not format(have) then
      tell(pointer, ("'%s' is not a valid %s."):format(have, member.format))
    end
  end
end

local function identifier(linkage, have, pointer, tell)
  if json.kind(have) ~= "object" then
    return tell(pointer, "A resource identifier is expected here.")
  end
  if have.type ~= linkage.type then
    tell(under(pointer, "type"), ("'%s' is expected as type, not '%s'.")
      :format(linkage.type or "?", tostring(have.type)))
  end
  if type(have.id) ~= "string" or have.id == "" then
    tell(under(pointer, "id"), "'id' must be a string that is not empty.")
  end
end

local function relationship(linkage, have, pointer, tell)
  if json.kind(have) ~= "object" or have.data == nil then
    return tell(under(pointer, "data"), "'data' is a required member.")
  end
  local data = have.data
  if data == json.null then
    if linkage.many then
      tell(under(pointer, "data"), "A list of identifiers is expected here.")
    end
  elseif not linkage.many then
    identifier(linkage, data, under(pointer, "data"), tell)
  elseif json.kind(data) ~= "array" then
    tell(under(pointer, "data"), "A list of identifiers is expected here.")
  else
    for i, one in ipairs(data) do
      identifier(linkage, one, item(under(pointer, "data"), i), tell)
    end
  end
end

local function relationships(known, object, pointer, tell, owner)
  for name in each(object, pointer) do
    local linkage = known[name]
    if linkage then
      relationship(linkage, object[name], under(pointer, name), tell)
    else
      tell(under(pointer, name),
        ("'%s' is not a valid relationship for %s."):format(name, owner))
    end
  end
  for _, name in ipairs(pointers.required(known)) do
    if object[name] == nil then
      tell(under(pointer, name),
        ("'%s' is a required relationship for %s."):format(name, owner))
    end
  end
end

local READ_MEMBER = {
  attributes = function(known, object, pointer, tell, owner)
    members(known.attributes, object, pointer, tell, owner)
  end,
  relationships = function(known, object, pointer, tell, owner)
    relationships(known.relationships, object, pointer, tell, owner)
  end,
  meta = function(known, object, pointer, tell)
    members(known.meta, object, pointer, tell, "meta")
  end,
}

local function identity(known, have, pointer, tell)
  if have.type == nil then
    tell(under(pointer, "type"), "'type' is a required member.")
  elseif known.type and have.type ~= known.type then
    tell(under(pointer, "type"), ("'%s' is not a valid resource type here; "
      .. "'%s' is expected."):format(tostring(have.type), known.type),
      "conflict")
  end
  if have.id == nil then
    if known.required.id then
      tell(under(pointer, "id"), "'id' is a required member.")
    end
  elseif not known.id then
    tell(under(pointer, "id"), "'id' may not be given here.")
  elseif have.id == json.null and not known.required.id then
    return
  elseif type(have.id) ~= "string" or have.id == "" then
    tell(under(pointer, "id"), "'id' must be a string that is not empty.")
  end
end

function resource(known, have, pointer, tell)
  if json.kind(have) ~= "object" then
    return tell(pointer, ("A resource object is expected here, not %s.")
      :format(article(json.kind(have))))
  end
  identity(known, have, pointer, tell)
  local owner = pointer and ("the resource '%s'"):format(known.type or "?")
  for name in each(have, pointer) do
    if name ~= "type" and name ~= "id" then
      local read = known[name] and READ_MEMBER[name]
      if not read then
        tell(under(pointer, name),
          ("'%s' is not a valid member of %s."):format(name, owner))
      elseif json.kind(have[name]) == "object" then
        read(known, have[name], under(pointer, name), tell, owner)
      elseif not (name == "meta" and have.meta == json.null
        and known.nullable_meta) then
        tell(under(pointer, name), "An object is expected here.")
      end
    end
  end
  for _, name in ipairs { "attributes", "relationships", "meta" } do
    if have[name] == nil and known.required[name] and known[name] then
      -- Named one by one, as if an empty object had been sent.
      local said = false
      READ_MEMBER[name](known, {}, under(pointer, name),
        function(...)
          said = true
          tell(...)
        end, owner)
      if not said then
        tell(under(pointer, name), ("'%s' is a required member."):format(name))
      end
    end
  end
end

-- What the relationships of a well-formed resource name must be there.
local function linked(known, data, pointer, tell, exists)
  for _, name in ipairs(keys.sorted(data.relationships)) do
    local given = data.relationships[name]
    local there = (known.relationships or {})[name]
      and json.kind(given) == "object" and given.data
    local list = json.kind(there) == "array" and there or { there or nil }
    for i, one in ipairs(list) do
      if type(one.id) == "string" and not exists(one.type, one.id) then
        tell(("%s/relationships/%s/data%s/id"):format(pointer, name,
          list == there and "/" .. (i - 1) or ""),
          ("A %s with id '%s' does not exist."):format(
          tostring(one.type), one.id))
      end
    end
  end
end

--- Judges a request document; throws a refusal that holds all errors.
---@param body table `op.body` of the catalogue
---@param have any the decoded document
---@param exists fun(kind: string, id: string): boolean
function M.document(body, have, exists)
  local wrong = error_response.new(400)
  local function tell(pointer, detail, code)
    if code == "conflict" then
      wrong.status = 409
    end
    wrong:add(code or "invalid", detail, { pointer = pointer })
  end
  if json.kind(have) ~= "object" then
    tell("", "The body must be a JSON:API document.")
  else
    local all, fine = { document = body.resource, many = body.many }, true
    document(all, have, false, function() fine = false end)
    if not fine then
      document(all, have, "", tell)
    end
    if not body.many and json.kind(have.data) == "object"
      and json.kind(have.data.relationships or {}) == "object" then
      linked(body.resource, have.data, "/data", tell, exists)
    end
  end
  wrong:throw()
end

return M
