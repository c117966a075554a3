--- Documents from flat tables: a table of names and values becomes the JSON:API
-- document that an operation wants, and is refused when it cannot be right.
--
--   document.build(op, {email = "a@b.c"})
--     → {data = {type = "profile", attributes = {email = "a@b.c"}}}
--
-- The catalogue knows which names are attributes and which relationships.
-- `id`, `type` and `meta` are reserved: they are the resource's own members
-- wherever it has such. Should an attribute and a relationship ever have one
-- name, it means the attribute (no revision has such a pair; a spec watches).
-- Values are copied as far as the schema goes; objects of free form are passed
-- as they are, and nothing given is ever changed.

local check = require "klaviyo.document.check"
local json = require "klaviyo.values.json"
local linkage = require "klaviyo.document.linkage"
local list = require "klaviyo.document.list"
local usage_error = require "klaviyo.util.usage_error"
local names = require "klaviyo.document.names"
local validation_error = require "klaviyo.document.validation_error"

local M = {}

local null, is_array = json.null, json.is_array
local convert, resource, resources

-- Conversion gives a value, or nil and a refusal. `how.lenient` builds what it
-- can instead of refusing.

-- A value that is written as another (a datetime as its text).
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
      return validation_error.unknown("member", key, allowed)
    end
  end
  local missing = not how.lenient and names.lacking(members, out)
  if missing then
    return validation_error.missing(missing)
  end
  return out
end

-- Unions ---------------------------------------------------------------------

-- The service adds branches any day, so a value that no branch claims by its
-- constants (a `type`, mostly) passes. One that a branch claims must fit it.
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
    return value -- as JSON:API has it
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

-- A string may stand for a resource: its id, or its one required attribute
-- (an event's metric by its name).
local function from_string(res, value)
  if res.id and res.type == "profile" and value:find("@", 1, true) then
    return validation_error.wrong("must be the id of a profile, not %q%s", value,
      res.attributes and "; an address is {email = …}" or "")
  elseif res.id then
    return {id = value}
  end
  local required = res.attributes and names.required(res.attributes)
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

-- Puts a value where its name goes.
local function place(how, res, data, key, value)
  local slot = names.slot(res, key)
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
  elseif part == "type" then
    wrong = check_type(how, res, value)
  elseif how.lenient then
    data.attributes[key] = value
  else
    return select(2, unknown(res, key))
  end
  return wrong and select(2, validation_error.under(slot.name, wrong))
end

-- What a resource lacks: its own names, or one of its kinds of content.
local function lacks(res, data)
  local missing
  if res.id == "required" and data.id == nil then
    missing = {"id"}
  end
  missing = names.lacking(res.attributes, data.attributes, missing)
  missing = names.lacking(res.relationships, data.relationships, missing)
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

-- Is its id all that is wanted of a resource?
local function is_reference(res)
  return not res.attributes and not res.relationships and not res.meta
end

function resource(how, res, value)
  if type(value) == "string" then
    local made, wrong = from_string(res, value)
    if wrong then
      return how.lenient and value or nil, wrong
    end
    value = made
  elseif type(value) ~= "table" or is_array(value) then
    if how.lenient then
      return value
    end
    return validation_error.wrong("must be a table with the %s's attributes, not %s",
      res.type, check.described(value))
  end
  if value.type == res.type and value.id ~= nil and is_reference(res) then
    value = {id = value.id} -- a whole one out of an answer
  end
  local data = {type = res.type, attributes = {}}
  for key, item in pairs(value) do
    local wrong = place(how, res, data, key, item)
    if wrong and not how.lenient then
      return nil, wrong
    end
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

local function build(op, t, lenient)
  local how = {lenient = lenient}
  local body = op.body
  if body.many and type(t) == "string" then
    t = {t}
  end
  local make = body.many and resources or resource
  local data, wrong = make(how, body.resource, t)
  return data ~= nil and {data = data} or nil, wrong
end

--- The JSON:API document that a flat table becomes. Raises for what cannot be
-- right: an unknown name, a missing one, a value of the wrong kind. Values out
-- of a known set are not refused, since the service adds some any day.
---@param op table an operation of the catalogue, with a document for a body
---@param t table|string|nil the flat table; where the document is many, a list
--- of tables or ids
---@param options table|nil `validate = false` builds without refusing;
--- `api`: knows the same operation in another revision that may be the one
--- to answer (`api:counterpart(op)`), so that what suits either is right
---@return table document
function M.build(op, t, options)
  options = options or {}
  if not op.body or op.body.style ~= "document" then
    usage_error.raise("%s takes no document", op.id)
  elseif type(t) == "table" and not is_array(t) and t.data ~= nil and
    not names.slot(op.body.resource, "data") then
    usage_error.raise("%s: a whole document goes into body = …; here go the " ..
      "names and values alone", op.id)
  end
  if t == nil then
    t = {}
  end
  local document, wrong = build(op, t, options.validate == false)
  if document then
    return document
  end
  local counterpart = options.api and options.api:counterpart(op)
  if counterpart and counterpart.body and counterpart.body.style == "document" then
    document = build(counterpart, t, false)
    if document then
      return document
    end
  end
  validation_error.raise(op.id, wrong)
end

return M
