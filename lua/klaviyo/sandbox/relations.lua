--- Relationships between resources. Each is stored on one side only, and the
--- other side is derived from it, so that the two can never disagree.

local store = require "klaviyo.sandbox.store"

local M = {}

-- The side that is stored → the name on the other side. A relationship that is
-- not in this table is stored with the resource that has it, and has no
-- inverse.
local INVERSE = {
  ["list.profiles"] = "profile.lists",
  ["segment.profiles"] = "profile.segments",
  ["tag.flows"] = "flow.tags",
  ["tag.campaigns"] = "campaign.tags",
  ["tag.lists"] = "list.tags",
  ["tag.segments"] = "segment.tags",
  ["tag.tag-group"] = "tag-group.tags",
  ["catalog-category.items"] = "catalog-item.categories",
  ["catalog-variant.item"] = "catalog-item.variants",
  ["coupon-code.coupon"] = "coupon.coupon-codes",
  ["campaign-message.campaign"] = "campaign.campaign-messages",
  ["campaign-audience.campaign"] = "campaign.campaign-audiences",
  ["campaign-message.campaign-audience"] = "campaign-audience.campaign-messages",
  ["campaign-variation.campaign-message"] = "campaign-message.campaign-variations",
  ["tag.campaign-messages"] = "campaign-message.tags",
  ["flow-action.flow"] = "flow.flow-actions",
  ["flow-message.flow-action"] = "flow-action.flow-messages",
  ["metric-property.metric"] = "metric.metric-properties",
  ["form-version.form"] = "form.form-versions",
}

-- The inverse side → the side that is stored.
local STORED_AS = {}
for stored, other in pairs(INVERSE) do
  local kind, name = stored:match("^(.*)%.(.*)$")
  STORED_AS[other] = {kind = kind, name = name}
end

-- Types that cannot be derived from the name of the relationship.
local TARGET = {
  items = "catalog-item", variants = "catalog-variant", item = "catalog-item",
  categories = "catalog-category",
}

--- Returns the resource type that the name of a relationship implies.
---@param name string
---@return string
function M.target_type(name)
  return TARGET[name] or name:gsub("ies$", "y"):gsub("s$", "")
end

-- Returns a table from the handle of a resource (see `handle`) to the id of
-- the other (to-one) or to Members (to-many).
local function table_of(state, kind, name)
  local key = kind .. "." .. name
  local links = state.links[key]
  if not links then
    links = {}
    state.links[key] = links
  end
  return links
end

-- Returns the position of a resource whose ids are sequential, otherwise its
-- id: numbers take less memory.
local function handle(state, kind, id)
  local collection = state:collection(kind)
  return collection.sequential_ids and collection:position_of(id) or id
end

local function link_of(state, kind, id, name)
  return table_of(state, kind, name)[handle(state, kind, id)]
end

--- Returns the id of the related resource of a to-one relationship, or nil.
---@return string|nil id
function M.one(state, kind, id, name)
  local stored = STORED_AS[kind .. "." .. name]
  if stored then -- the inverse side: the first resource that points here
    local sequence = M.sequence(state, kind, id, name)
    for position = 1, sequence.last do
      local record = sequence.at(position)
      if record then
        return record.id
      end
    end
    return nil
  end
  local target = link_of(state, kind, id, name)
  return type(target) == "string" and target or nil
end

--- Sets or clears the target of a to-one relationship.
function M.set_target(state, kind, id, name, target)
  table_of(state, kind, name)[handle(state, kind, id)] = target
end

local function members_of(state, kind, id, name)
  local members = link_of(state, kind, id, name)
  if type(members) ~= "table" then
    members = store.members(state:collection(M.target_type(name)))
    table_of(state, kind, name)[handle(state, kind, id)] = members
  end
  return members
end

--- Makes all resources of a collection members at once.
function M.fill(state, kind, id, name, target)
  table_of(state, kind, name)[handle(state, kind, id)] =
    store.members(state:collection(target), true)
end

local function inverse_sequence(state, stored, id)
  local owners = state:collection(stored.kind)
  local links = table_of(state, stored.kind, stored.name)
  return {
    last = owners.last,
    at = function(position)
      local record = owners:at(position)
      local link = record and links[owners.sequential_ids and position or record.id]
      if link == id or type(link) == "table" and link:has(id) then
        return record
      end
    end,
  }
end

--- Returns the related resources of a to-many relationship as a sequence for
--- pages.
---@return table sequence `last`, `at(position)`; if this side is stored,
--- also `joined(position)`, `position_of(record)`, `count`, `version`,
--- `sort_cache`
function M.sequence(state, kind, id, name, target)
  local stored = STORED_AS[kind .. "." .. name]
  if stored then
    return inverse_sequence(state, stored, id)
  end
  local collection = state:collection(target or M.target_type(name))
  local members = link_of(state, kind, id, name)
  if type(members) ~= "table" then
    members = store.members(collection)
  end
  members.sort_cache = members.sort_cache or {}
  return {
    last = members.last, version = members.version + collection.version,
    sort_cache = members.sort_cache, count = members.count,
    at = function(position)
      return members:record_at(position)
    end,
    joined = function(position)
      return members.joined[position]
    end,
    position_of = function(record)
      return members:position_of(record.id)
    end,
  }
end

--- Returns the number of members, if this side is stored; otherwise 0.
function M.count(state, kind, id, name)
  local members = link_of(state, kind, id, name)
  return type(members) == "table" and members.count or 0
end

local function set_one(state, stored, id, other, linked)
  local links = table_of(state, stored.kind, stored.name)
  other = handle(state, stored.kind, other)
  if linked then
    links[other] = id
  elseif links[other] == id then
    links[other] = nil
  end
end

-- Returns whether the stored side is a to-one relationship.
local function stores_one(stored)
  return not stored.name:find("s$")
end

--- Adds resources to a to-many relationship.
function M.add(state, kind, id, name, ids)
  local stored = STORED_AS[kind .. "." .. name]
  for _, other in ipairs(ids) do
    if not stored then
      members_of(state, kind, id, name):add(other, state.now())
    elseif stores_one(stored) then
      set_one(state, stored, id, other, true)
    else
      members_of(state, stored.kind, other, stored.name):add(id, state.now())
    end
  end
end

--- Removes resources from a to-many relationship.
function M.remove(state, kind, id, name, ids)
  local stored = STORED_AS[kind .. "." .. name]
  for _, other in ipairs(ids) do
    if not stored then
      members_of(state, kind, id, name):remove(other)
    elseif stores_one(stored) then
      set_one(state, stored, id, other, false)
    else
      members_of(state, stored.kind, other, stored.name):remove(id)
    end
  end
end

--- Replaces all resources of a to-many relationship.
function M.replace(state, kind, id, name, ids)
  local sequence = M.sequence(state, kind, id, name)
  local present = {}
  for position = 1, sequence.last do
    local record = sequence.at(position)
    present[#present + 1] = record and record.id
  end
  M.remove(state, kind, id, name, present)
  M.add(state, kind, id, name, ids)
end

--- Deletes the relationships of a resource that was removed.
function M.remove_resource(state, kind, id)
  for key, links in pairs(state.links) do
    if key:match("^(.*)%.[^.]*$") == kind then
      links[handle(state, kind, id)] = nil
    end
  end
end

return M
