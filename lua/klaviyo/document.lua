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
local json = require "klaviyo.json"
local linkage = require "klaviyo.document.linkage"
local list = require "klaviyo.document.list"
local misuse = require "klaviyo.misuse"
local refusal = require "klaviyo.document.refusal"

local M = {}

local null, is_array = json.null, json.is_array
local convert, resource, resources

-- Conversion gives a value, or nil and a refusal. `how.operation` is the name
-- to blame; `how.lenient` builds what it can instead of refusing.

-- An underscore stands for a hyphen.
local function spelled(names, name)
  if names[name] then
    return name
  elseif type(name) == "string" then
    local hyphens = name:gsub("_", "-")
    return names[hyphens] and hyphens
  end
end

-- A value that is written as another (a datetime as its text).
local function written(value)
  local mt = type(value) == "table" and getmetatable(value)
  local to_json = type(mt) == "table" and mt.__tojson
  return to_json and to_json(value) or value
end

-- Objects --------------------------------------------------------------------

-- What is required and has not been put into `out`.
local function lacking(members, out, names)
  for name, member in pairs(members or {}) do
    if member.required and (out == nil or out[name] == nil) then
      names[#names + 1] = '"' .. name:gsub("-", "_") .. '"'
    end
  end
end

local function object(how, member, value, path)
  local out = {}
  for key, item in pairs(value) do
    local name = spelled(member.members, key)
    if name then
      local made, wrong = convert(how, member.members[name], item,
        refusal.below(path, name))
      if wrong then
        return nil, wrong
      end
      out[name] = made
    elseif how.lenient then
      out[key] = item
    else
      local allowed = {}
      refusal.add_names(allowed, member.members)
      return refusal.unknown(how, path, "member", key, allowed)
    end
  end
  local names = {}
  lacking(member.members, out, names)
  if #names > 0 and not how.lenient then
    return refusal.missing(how, path, names)
  end
  return out
end

-- Unions ---------------------------------------------------------------------

-- The service adds branches any day, so a value that no branch claims by its
-- constants (a `type`, mostly) passes. One that a branch claims must fit it.
local function any_of(how, member, value, path)
  local strict = how.lenient and
    setmetatable({lenient = false}, {__index = how}) or how
  local first, claimed, fallback
  for _, branch in ipairs(member.any_of) do
    local made, wrong = convert(strict, branch, value, path)
    if not wrong then
      return made
    end
    local claims = check.claims(branch, value, spelled)
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
    return refusal.wrong(how, path, "must be %s, not %s", check.wanted(member),
      check.described(value))
  elseif check.has_constants(member) then
    return value
  end
  return nil, fallback
end

-- Any value ------------------------------------------------------------------

local function nested(how, member, value, path)
  if type(value) == "table" and value.data ~= nil and
    not (member.document.attributes or {}).data then
    return value -- as JSON:API has it
  end
  local build = member.many and resources or resource
  local data, wrong = build(how, member.document, value, path)
  return data ~= nil and {data = data} or nil, wrong
end

function convert(how, member, value, path)
  value = written(value)
  if value == null and (member.nullable or how.lenient) then
    return null
  elseif member.any_of then
    return any_of(how, member, value, path)
  elseif member.type == "document" then
    return nested(how, member, value, path)
  elseif not check.fits(member, value, list.is) then
    if how.lenient then
      return value
    end
    return refusal.wrong(how, path, "must be %s, not %s", check.wanted(member),
      check.described(value))
  elseif member.type == "list" then
    return list.each(how, value, path, function(item, at)
      return convert(how, member.items, item, at)
    end)
  elseif member.members then
    return object(how, member, value, path)
  end
  return value
end

-- Resources ------------------------------------------------------------------

-- A string may stand for a resource: its id, or its one required attribute
-- (an event's metric by its name).
local function from_string(how, res, value, path)
  if res.id then
    return {id = value}
  end
  local only
  for name, member in pairs(res.attributes or {}) do
    if member.required then
      if only then
        only = nil
        break
      end
      only = name
    end
  end
  if only then
    return {[only] = value}
  end
  return refusal.wrong(how, path, "must be a table with the %s's attributes, not %s",
    res.type, check.described(value))
end

-- Where a flat name goes: the part of the resource, and its spelling there.
local function placed(res, key)
  if key == "id" and res.id then
    return "id", key
  elseif key == "meta" and res.meta then
    return "meta", key
  elseif key == "type" and not (res.attributes or {}).type then
    return "type", key
  end
  local name = res.attributes and spelled(res.attributes, key)
  if name then
    return "attributes", name
  end
  name = res.relationships and spelled(res.relationships, key)
  if name then
    return "relationships", name
  end
end

local function place(how, res, data, key, value, path)
  local part, name = placed(res, key)
  local at = refusal.below(path, name or key)
  if part == "attributes" then
    local made, wrong = convert(how, res.attributes[name], value, at)
    data.attributes[name] = made
    return wrong
  elseif part == "relationships" then
    local made, wrong = linkage(how, res.relationships[name], value, at)
    data.relationships[name] = made
    return wrong
  elseif part == "id" then
    local cleared = value == null and res.id == "optional"
    if type(value) ~= "string" and not cleared and not how.lenient then
      return select(2, refusal.wrong(how, at, "must be a string, not %s",
        check.described(value)))
    end
    data.id = value
  elseif part == "meta" then
    local made, wrong = convert(how, {type = "object", members = res.meta,
      nullable = res.nullable_meta}, value, at)
    data.meta = made
    return wrong
  elseif part == "type" then
    if value ~= res.type and not how.lenient then
      return select(2, refusal.wrong(how, at, 'is always "%s"', res.type))
    end
  elseif how.lenient then
    data.attributes[key] = value
  else
    local allowed = {}
    refusal.add_names(allowed, res.attributes)
    refusal.add_names(allowed, res.relationships)
    allowed[#allowed + 1] = res.id and "id"
    allowed[#allowed + 1] = res.meta and "meta" or nil
    return select(2, refusal.unknown(how, path, res.relationships and
      "attribute or relationship" or "attribute", key, allowed))
  end
end

local function lacks(res, data)
  local names = {}
  if res.id == "required" and data.id == nil then
    names[1] = '"id"'
  end
  lacking(res.attributes, data.attributes, names)
  lacking(res.relationships, data.relationships, names)
  local required = res.required
  if #names == 0 then
    if required.relationships and next(data.relationships) == nil then
      local kinds = {}
      refusal.add_names(kinds, res.relationships)
      table.sort(kinds)
      names[1] = '"' .. table.concat(kinds, '" or "') .. '"'
    elseif required.meta and data.meta == nil then
      names[1] = '"meta"'
    end
  end
  return names
end

function resource(how, res, value, path)
  local wrong
  if type(value) == "string" then
    local text = value
    value, wrong = from_string(how, res, text, path)
    if wrong then
      return how.lenient and text or nil, wrong
    end
  elseif type(value) ~= "table" or is_array(value) then
    if how.lenient then
      return value
    end
    return refusal.wrong(how, path, "must be a table with the %s's attributes, " ..
      "not %s", res.type, check.described(value))
  end
  if value.type == res.type and value.id ~= nil and not res.attributes and
    not res.relationships and not res.meta then
    value = {id = value.id} -- a whole resource out of an answer
  end
  local data = {type = res.type, attributes = {}, relationships = {}}
  for key, item in pairs(value) do
    wrong = place(how, res, data, key, item, path)
    if wrong and not how.lenient then
      return nil, wrong
    end
  end
  local names = lacks(res, data)
  if #names > 0 and not how.lenient then
    return refusal.missing(how, path, names)
  end
  if next(data.attributes) == nil and not res.required.attributes then
    data.attributes = nil
  end
  if next(data.relationships) == nil then
    data.relationships = res.required.relationships and {} or nil
  end
  return data
end

function resources(how, res, value, path)
  if not list.is(value) then
    if type(value) == "string" and path == "" then
      value = {value}
    elseif how.lenient then
      return value
    else
      return refusal.wrong(how, path, "must be a list, not %s",
        check.described(value))
    end
  end
  return list.each(how, value, path, function(item, at)
    return resource(how, res, item, at)
  end)
end

local function build(op, t, lenient)
  local how = {operation = op.id, lenient = lenient}
  local body = op.body
  local make = body.many and resources or resource
  local data, wrong = make(how, body.resource, t, "")
  return data ~= nil and {data = data} or nil, wrong
end

--- The JSON:API document that a flat table becomes. Raises for what cannot be
-- right: an unknown name, a missing one, a value of the wrong kind. Values out
-- of a known set are not refused, since the service adds some any day.
---@param op table an operation of the catalogue, with a document for a body
---@param t table|string|nil the flat table; where the document is many, a list
--- of tables or ids
---@param options table|nil `validate = false` builds without refusing;
--- `view`: knows the same operation in another revision that may be the one
--- to answer (`view:also(op)`), so that what suits either is right
---@return table document
function M.build(op, t, options)
  options = options or {}
  if not op.body or op.body.style ~= "document" then
    misuse.raise("%s takes no document", op.id)
  elseif type(t) == "table" and not is_array(t) and t.data ~= nil and
    not placed(op.body.resource, "data") then
    misuse.raise("%s: a whole document goes into body = …; here go the " ..
      "names and values alone", op.id)
  end
  if t == nil then
    t = {}
  end
  local document, wrong = build(op, t, options.validate == false)
  if document then
    return document
  end
  local also = options.view and options.view:also(op)
  if also and also.body and also.body.style == "document" then
    document = build(also, t, false)
    if document then
      return document
    end
  end
  if wrong.unknown then
    misuse.unknown(wrong.what, wrong.unknown, wrong.allowed)
  end
  misuse.raise("%s", wrong.text)
end

return M
