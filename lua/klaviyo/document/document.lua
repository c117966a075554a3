--- Builds documents from flat tables: a table of names and values becomes the
--- JSON:API document that an operation takes. An invalid table is an error.
---
---   document.build(op, {email = "a@b.c"})
---     → {data = {type = "profile", attributes = {email = "a@b.c"}}}
---
--- The operation's record says which names are attributes and which are
--- relationships. `id`, `type` and `meta` are the resource's own members if it
--- has them. If an attribute and a relationship had the same name, the name would
--- mean the attribute (no revision has such a pair; a spec checks that). Values
--- are copied as far as the schema describes them; free-form objects are used as
--- they are. The caller's tables are never changed.

local check = require "klaviyo.document.check"
local json = require "klaviyo.values.json"
local linkage = require "klaviyo.document.linkage"
local list = require "klaviyo.document.list"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local revision_warning = require "klaviyo.operations.revision_warning"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local names = require "klaviyo.document.names"
local validation_error = require "klaviyo.document.validation_error"

local nearest_names = lazy_require "klaviyo.util.nearest_names"

local M = {}

local null, is_array = json.null, json.is_array
local convert, resource, resources

-- Each conversion returns a value, or nil and a validation error. With
-- `how.lenient` it builds what it can and reports no error.

-- Returns the value that JSON shows for a value (a datetime as its text).
local function written(value)
  local mt = getmetatable(value)
  local to_json = type(mt) == "table" and mt.__tojson
  return to_json and to_json(value) or value
end

-- Objects --------------------------------------------------------------------

local function object(how, member, value)
  local out, members = {}, member.members
  for key, item in pairs(value) do
    local name = names.spelled(members, key)
    if name then
      local made, wrong = convert(how, members[name], item)
      if wrong then
        return validation_error.under(name, wrong)
      end
      out[name] = made
    elseif how.lenient then
      out[key] = item
    else
      local allowed = {}
      validation_error.add_names(allowed, members)
      if not (how.may_be_new and how.may_be_new("member", key, allowed)) then
        return validation_error.unknown("member", key, allowed)
      end
      out[key] = item
    end
  end
  local missing = not how.lenient and names.lacking(members, out)
  if missing then
    return validation_error.missing(missing)
  end
  return out
end

-- Unions ---------------------------------------------------------------------

-- The service adds branches at any time, so a value is accepted if it has the
-- constants (usually a `type`) of no known branch. If it has those of a branch,
-- it must fit that branch.
local function any_of(how, member, value)
  local strict = how.lenient and
    setmetatable({lenient = false}, {__index = how}) or how
  local first, claimed, fallback
  for _, branch in ipairs(member.any_of) do
    local made, wrong = convert(strict, branch, value)
    if not wrong then
      return made
    end
    local claims = check.claims(branch, value, names.spelled)
    if claims and claims > (claimed or -1) then
      claimed, first = claims, wrong
    end
    fallback = fallback or wrong
  end
  if how.lenient then
    return value
  elseif first then
    return nil, first
  elseif not check.same_kind(member, value) then
    return validation_error.wrong("must be %s, not %s%s", check.wanted(member),
      check.described(value), check.members_of(member))
  elseif check.has_constants(member) then
    return value
  end
  return nil, fallback
end

-- Any value ------------------------------------------------------------------

local function nested(how, member, value)
  if type(value) == "table" and value.data ~= nil and
    not (member.document.attributes or {}).data then
    return value -- already in JSON:API form
  end
  local build = member.many and resources or resource
  local data, wrong = build(how, member.document, value)
  return data ~= nil and {data = data} or nil, wrong
end

function convert(how, member, value)
  local kind = type(value)
  if kind == member.type then
    return value -- most are strings
  elseif kind == "table" then
    value = written(value)
  end
  if value == null and (member.nullable or how.lenient) then
    return null
  elseif member.any_of then
    return any_of(how, member, value)
  elseif member.type == "document" then
    return nested(how, member, value)
  elseif not check.fits(member, value, list.is) then
    if how.lenient then
      return value
    end
    return validation_error.wrong("must be %s, not %s%s", check.wanted(member),
      check.described(value), check.members_of(member))
  elseif member.type == "list" then
    return list.each(how, value, convert, member.items)
  elseif member.members then
    return object(how, member, value)
  end
  return value
end

-- Resources ------------------------------------------------------------------

-- A string is short for a resource: its id, or its one required attribute (the
-- name of an event's metric).
local function from_string(res, value)
  if res.id and res.type == "profile" and value:find("@", 1, true) then
    return validation_error.wrong("must be the id of a profile, not %q%s", value,
      res.attributes and "; an address is {email = …}" or "")
  elseif res.id then
    return {id = value}
  end
  local required = res.attributes and names.required[res.attributes]
  if required and #required == 1 then
    return {[required[1]] = value}
  end
  return validation_error.wrong("must be a table with the %s's attributes, not %s",
    res.type, check.described(value))
end

local function unknown(res, key)
  local allowed = {}
  validation_error.add_names(allowed, res.attributes)
  validation_error.add_names(allowed, res.relationships)
  allowed[#allowed + 1] = res.id and "id"
  allowed[#allowed + 1] = res.meta and "meta" or nil
  local hint = (res.attributes or {}).properties and type(key) == "string"
    and ("a property of your own goes into properties = {%s = …}"):format(key)
  return validation_error.unknown(res.relationships and "attribute or relationship"
    or "attribute", key, allowed, hint or nil)
end

local function check_type(how, res, value)
  if value ~= res.type and not how.lenient then
    return select(2, validation_error.wrong('is always "%s"', res.type))
  end
end

local function check_id(how, res, value)
  local cleared = value == null and res.id == "optional"
  if type(value) ~= "string" and not cleared and not how.lenient then
    return select(2, validation_error.wrong("must be a string, not %s",
      check.described(value)))
  end
end

-- Puts a value into the member of the resource that its name belongs to.
local function assign(how, res, data, slot, key, value)
  local part = slot and slot.part
  local made, wrong
  if part == "attributes" then
    made, wrong = convert(how, slot.member, value)
    data.attributes[slot.name] = made
  elseif part == "relationships" then
    made, wrong = linkage(how, slot.member, value)
    data.relationships = data.relationships or {}
    data.relationships[slot.name] = made
  elseif part == "meta" then
    data.meta, wrong = convert(how, slot.member, value)
  elseif part == "id" then
    data.id, wrong = value, check_id(how, res, value)
    if slot.member then
      data.attributes.id = value
    end
  elseif part == "type" then
    wrong = check_type(how, res, value)
  elseif how.lenient then
    data.attributes[key] = value
  else
    local _, unknown_name = unknown(res, key)
    if not (how.may_be_new and how.may_be_new(unknown_name.what, key,
        unknown_name.allowed)) then
      return unknown_name
    end
    data.attributes[key] = value
  end
  return wrong and select(2, validation_error.under(slot.name, wrong))
end

local function has_all(members, values)
  for _, name in ipairs(names.required[members]) do
    if not values or values[name] == nil then
      return false
    end
  end
  return true
end

-- Returns the names that a resource needs and does not have, or nil.
local function lacks(res, data)
  local missing
  if res.id == "required" and data.id == nil then
    missing = {"id"}
  end
  local attributes, relationships = res.attributes, res.relationships
  if attributes and not has_all(attributes, data.attributes) then
    missing = names.lacking(attributes, data.attributes, missing)
  end
  if relationships and not has_all(relationships, data.relationships) then
    missing = names.lacking(relationships, data.relationships, missing)
  end
  if missing then
    return missing
  elseif res.required.relationships and not data.relationships then
    local kinds = {}
    validation_error.add_names(kinds, res.relationships)
    table.sort(kinds)
    return {table.concat(kinds, '" or "')}
  elseif res.required.meta and data.meta == nil then
    return {"meta"}
  end
end

-- Returns true if a resource needs nothing but its id.
local function is_reference(res)
  return not res.attributes and not res.relationships and not res.meta
end

-- Returns the table of a resource, or nil and a validation error.
local function table_of(res, value)
  if type(value) == "string" then
    return from_string(res, value)
  elseif type(value) == "table" and getmetatable(value) == nil
      and value[1] == nil then
    return value -- most tables
  elseif type(value) ~= "table" or is_array(value) then
    return validation_error.wrong("must be a table with the %s's attributes, not %s",
      res.type, check.described(value))
  end
  return value
end

-- Adds the values of a table to a resource. Most are attributes of the right type,
-- or free-form objects: these are used as they are.
local function add_members(how, res, data, value)
  local slots, attributes = names.slots[res], data.attributes
  for key, item in pairs(value) do
    local slot, kind, wrong = slots[key] or names.slot(res, key), type(item), nil
    local member = slot and slot.part == "attributes" and slot.member
    if member and (member.type == kind or kind == "table" and member.free
        and getmetatable(item) == nil and item[1] == nil) then
      attributes[slot.name] = item
    else
      wrong = assign(how, res, data, slot, key, item)
    end
    if wrong and not how.lenient then
      return wrong
    end
  end
end

local OPEN = {type = true, id = true, attributes = true, relationships = true, meta = true}

-- Returns the resource of an operation that no revision has: its members as they are.
local function open_resource(res, value)
  if type(value) == "string" then
    value = {id = value}
  elseif type(value) ~= "table" or is_array(value) then
    return validation_error.wrong("must be a table with the %s's attributes, not %s",
      res.type, check.described(value))
  end
  local data = {type = res.type}
  for key, item in pairs(value) do
    if not OPEN[key] then
      return validation_error.unknown("member", key, OPEN,
        ("attributes go into attributes = {%s = …}"):format(tostring(key)))
    end
    data[key] = item
  end
  return data
end

function resource(how, res, value)
  if res.is_open then
    return open_resource(res, value)
  end
  local members, wrong = table_of(res, value)
  if wrong then
    return how.lenient and value or nil, wrong
  end
  value = members
  if value.type == res.type and value.id ~= nil and is_reference(res) then
    value = {id = value.id} -- a complete resource from a response
  end
  local data = {type = res.type, attributes = {}}
  wrong = add_members(how, res, data, value)
  if wrong then
    return nil, wrong
  end
  local missing = not how.lenient and lacks(res, data)
  if missing then
    return validation_error.missing(missing)
  end
  if next(data.attributes) == nil and not res.required.attributes then
    data.attributes = nil
  end
  if res.required.relationships and not data.relationships then
    data.relationships = {}
  end
  return data
end

function resources(how, res, value)
  if not list.is(value) then
    if how.lenient then
      return value
    end
    return validation_error.wrong("must be a list, not %s", check.described(value))
  end
  return list.each(how, value, resource, res)
end

local function build(op, t, how)
  local body = op.body
  if body.many and type(t) == "string" then
    t = {t}
  end
  local make = body.many and resources or resource
  local data, wrong = make(how, body.resource, t)
  return data ~= nil and {data = data} or nil, wrong
end

local STRICT, LENIENT = {lenient = false}, {lenient = true}

-- Returns how to build for a revision that is later than the newest one of the
-- library. The service may know a name that the library does not, unless it is
-- nearly a known one: then it is misspelled.
local function lenient_on_names(op, settings, api)
  return {lenient = false, may_be_new = function(what, name, known)
    if type(name) ~= "string" or nearest_names.nearest(name, known) then
      return false
    end
    revision_warning.unchecked(settings, api, op, what, name)
    return true
  end}
end

local function how_to(op, settings, api)
  if settings.validate == false then
    return LENIENT
  elseif api and api.asked.is_lenient then
    return lenient_on_names(op, settings, api)
  end
  return STRICT
end

-- Operations whose document is refused if it lacks what the revision that answers
-- requires. Documents of others are sent: Klaviyo requires less than its OpenAPI
-- documents say. But a subscription without channels is one to none of them.
local REFUSED = {bulk_subscribe_profiles = true}

-- Checks a table by the operation in the revision that Klaviyo serves, and warns of
-- what that revision does not accept.
local function check_differing(op, differing, t, settings, api)
  if not differing.body or differing.body.style ~= "document" then
    return
  end
  local _, wrong = build(differing, t, STRICT)
  if wrong and wrong.missing and REFUSED[op.id] then
    validation_error.raise(op.id, wrong)
  elseif wrong then
    revision_warning.differs(settings, api, op,
      usage_error.try(validation_error.raise, op.id, wrong))
  end
end

local NONE = {}

-- Returns the document, or nil and a validation error.
local function build_checked(op, t, settings, api)
  local document, wrong = build(op, t, how_to(op, settings, api))
  if not api or settings.validate == false then
    return document, wrong
  end
  local today = os.time() < revision_lifecycle.next_day
    and revision_lifecycle.daily[api] or api:today()
  local differing = today.counterparts[op]
  if differing == nil then
    differing = api:differing(op)
  end
  if differing and document then
    check_differing(op, differing, t, settings, api)
  elseif differing and differing.body and differing.body.style == "document" then
    document = build(differing, t, STRICT)
  end
  return document, wrong
end

--- Returns the JSON:API document for a flat table. Raises an error for an unknown
--- name, a missing one, or a value of the wrong type. A value that is not among
--- the known values is accepted, because the service adds some at any time.
---@param op table an operation that takes a document
---@param t table|string|nil the flat table; a list of tables or ids if the
--- document has several resources
---@param options {validate: boolean|nil, on_warning: function|nil}|nil settings:
--- `validate = false` builds without checks
---@param api klaviyo.Api|nil a table is valid if it suits the operation in either
--- of its revisions
---@return table document
function M.build(op, t, options, api)
  if not op.body or op.body.style ~= "document" then
    usage_error.raise("%s does not take a document", op.id)
  elseif type(t) == "table" and t.data ~= nil and not is_array(t) and
    not names.slot(op.body.resource, "data") then
    usage_error.raise("%s: pass a complete document as body = …; this argument " ..
      "takes names and values only", op.id)
  end
  if t == nil then
    t = {}
  end
  local document, wrong = build_checked(op, t, options or NONE, api)
  if not document then
    validation_error.raise(op.id, wrong)
  end
  return document
end

return M
