--- Encodes valid flat tables as JSON without building their documents first: this
--- takes a third of a POST's instructions less. What the encoder of an operation
--- does not know is left to document.lua, which has all rules and messages.

local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"

local names = lazy_require "klaviyo.document.names"
local unique_id = lazy_require "klaviyo.request.unique_id"

local M = {}

local MAX_SLOTS = 64  -- of the core

local resource_encoder, members_encoder

-- The encoders by resource or members. `false` means that there is none, also
-- while one is made: a schema may contain itself.
local known = setmetatable({}, {__mode = "k"})

local SCALARS = {
  string = "string", integer = "integer", number = "number",
  boolean = "boolean", any = "any",
}

-- Returns the rule of a member's values for the core, or nil.
local function rule_of(member)
  local rule = {nullable = member.nullable, kind = SCALARS[member.type]}
  if member.any_of then
    return nil
  elseif member.type == "document" then
    rule.kind = member.many and "resources" or "resource"
    rule.inner = resource_encoder(member.document)
    return rule.inner and rule or nil
  elseif member.type == "list" then
    rule.kind, rule.item = "list", member.items and rule_of(member.items)
    return rule.item and rule or nil
  elseif member.members then
    rule.kind, rule.inner = "members", members_encoder(member.members)
    return rule.inner and rule or nil
  elseif member.type == "object" then
    rule.kind = "object"
  end
  return rule.kind and rule or nil
end

-- Sorts by bytes, in any locale.
local function sorted(members)
  local list, keys = {}, {}
  for name in pairs(members) do
    list[#list + 1] = name
    keys[name] = name:gsub(".", function(character)
      return ("%03d"):format(character:byte())
    end)
  end
  table.sort(list, function(a, b) return keys[a] < keys[b] end)
  return list
end

-- Adds a slot, with the names that programs use for it. Returns its index.
local function add_slot(description, name, rule, required)
  local slots = description.slots
  rule.prefix, rule.required = ('"%s":'):format(name), required
  rule[1] = name
  local underscored = name:gsub("-", "_")
  if underscored ~= name then
    rule[2] = underscored
  end
  slots[#slots + 1] = rule
  description.names = description.names + #rule
  return #slots
end

-- Adds the slots of all members that have a rule. Returns false if a member that
-- is required has none.
local function add_members(description, members)
  for _, name in ipairs(sorted(members)) do
    local member = members[name]
    local rule = rule_of(member)
    if rule then
      add_slot(description, name, rule, member.required)
    elseif member.required then
      return false
    end
  end
  return true
end

local function finished(description)
  return #description.slots <= MAX_SLOTS and core.document_encoder(description)
end

function members_encoder(members)
  if known[members] == nil then
    known[members] = false
    local description = {slots = {}, names = 0}
    known[members] = add_members(description, members) and finished(description)
  end
  return known[members]
end

-- Relationships, and the rare id that is an attribute, too, are left to
-- document.lua.
local function add_own(description, res, slots)
  if slots.id and slots.id.part == "id" and not slots.id.member then
    add_slot(description, "id", {kind = "string"}, res.id == "required")
  elseif res.id == "required" then
    return false
  end
  if res.meta then
    local rule = {kind = "members", inner = members_encoder(res.meta), nullable = res.nullable_meta}
    if rule.inner then
      add_slot(description, "meta", rule, res.required.meta)
    elseif res.required.meta then
      return false
    end
  end
  if slots.type.part == "type" then
    add_slot(description, "type", {kind = "type"})
  end
  return true
end

-- A string in place of a resource is its one required attribute.
local function string_slot(res, description)
  local required = not res.id and res.attributes and names.required[res.attributes]
  if required and #required == 1 and not res.required.meta then
    for i, slot in ipairs(description.slots) do
      if slot[1] == required[1] and slot.kind == "string" then
        return i
      end
    end
  end
end

local function needs_relationships(res)
  return res.required.relationships or next(names.required[res.relationships or {}]) ~= nil
end

local function described(res)
  local description = {
    slots = {}, names = 0, type = ('"%s"'):format(res.type), needs_attributes = res.required.attributes,
  }
  if res.is_open or needs_relationships(res) or not add_members(description, res.attributes or {}) then
    return nil
  end
  description.attributes = #description.slots
  if not add_own(description, res, names.slots[res]) then
    return nil
  end
  description.string_slot = string_slot(res, description)
  for i, slot in ipairs(description.slots) do
    if slot[1] == "unique_id" then
      description.unique_slot = i
    end
  end
  return description
end

function resource_encoder(res)
  if known[res] == nil then
    known[res] = false
    local description = described(res)
    known[res] = description and finished(description) or false
  end
  return known[res]
end

-- The operations for one event, which gets a unique_id. Operations for several
-- events have one for each: request.lua adds them to the document.
local EVENT = {["/api/events"] = true, ["/client/events"] = true}

--- Returns the encoder of an operation, or false.
---@param op table
---@return userdata|false
function M.of(op)
  local body = op.body
  if not body or body.style ~= "document" or body.many or op.page
      or body.resource.type:find("^event%-bulk%-create") then
    return false
  end
  return resource_encoder(body.resource)
end

-- An operation gets its encoder when it is used for the second time: to make one
-- reads the whole schema, which takes as long as 50 documents.
local function encoder_of(op, api, today)
  local encoders = today.encoders
  if encoders[op] == nil then
    local differing = api:differing(op)
    encoders[op] = not differing and not api.asked.is_lenient and op or false
  elseif encoders[op] == op then
    encoders[op] = M.of(op)
  end
  return encoders[op] ~= op and encoders[op]
end

-- Returns the encoder for a table of an operation, or nil.
local function usable(op, t, settings, api)
  local today = os.time() < revision_lifecycle.next_day
    and revision_lifecycle.daily[api] or api:today()
  local encoder = today.encoders[op]
  if not encoder or encoder == op then
    encoder = encoder ~= false and encoder_of(op, api, today)
  end
  return encoder and settings.validate ~= false and type(t) == "table" and encoder
    or nil
end

--- Returns the body of a request, or nil if document.lua must make it.
---@param op table  the record of an operation that takes a document
---@param t any  its flat table
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@return userdata|nil
function M.encode(op, t, settings, api)
  local encoder = usable(op, t, settings, api)
  if not encoder then
    return nil
  elseif not EVENT[op.path] then
    return json.encode_document(encoder, t)
  elseif t.unique_id == nil then
    return json.encode_document(encoder, t, unique_id.new())
  end
  return unique_id.is_given(t.unique_id) and json.encode_document(encoder, t) or nil
end

-- By the encoder of an event: those of its profile and of its other attributes, or
-- false.
local event_parts = setmetatable({}, {__mode = "k"})

local function parts_of(encoder, op)
  local parts = event_parts[encoder]
  if parts == nil then
    local others, attributes = {}, op.body.resource.attributes
    for name, member in pairs(attributes) do
      others[name] = name ~= "profile" and member or nil
    end
    local profile = rule_of(attributes.profile)
    parts = profile and profile.kind == "resource"
      and {profile = profile.inner, others = members_encoder(others)}
    event_parts[encoder] = parts or false
  end
  return parts
end

--- The metatable of what `tracked` returns.
M.TRACKED = {__name = "klaviyo.TrackedEvent"}

--- Returns a flat event for the outbox, together with the operation that it is for.
---@return {op: table, event: any, settings: klaviyo.Settings, api: klaviyo.Api}
function M.tracked(op, t, settings, api)
  return setmetatable({op = op, event = t, settings = settings, api = api}, M.TRACKED)
end

--- Returns the JSON of the profile of an event and that of its other attributes, or
--- nil if document.lua must build its document.
---@param op table  an operation that takes an event
---@param t any  its flat table
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@param time string  if the event has none
---@return userdata|nil profile
---@return userdata|nil others
---@return string|nil unique_id
function M.encode_event(op, t, settings, api, time)
  local encoder = usable(op, t, settings, api)
  local parts = encoder and getmetatable(t) == nil and t.profile ~= nil
    and parts_of(encoder, op)
  if not parts or not parts.others then
    return nil
  end
  local others = {time = time}
  for name, value in next, t do
    if name ~= "profile" then
      others[name] = value
    end
  end
  if others.time == json.null then
    others.time = time
  end
  if not unique_id.is_given(others.unique_id) then
    others.unique_id = unique_id.new()
  end
  local profile = json.encode_document(parts.profile, t.profile)
  local rest = profile and json.encode_document(parts.others, others)
  if rest then
    return profile, rest, others.unique_id
  end
end

return M
