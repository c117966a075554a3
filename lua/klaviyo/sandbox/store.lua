--- What the sandbox holds: resources of one type in the order of their making
-- (`Collection`), and the members of a to-many relationship (`Members`).
-- A place, once given, never changes, so that cursors stay good while
-- resources come and go.

local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"
local members = require "klaviyo.sandbox.members"
local sequential_ids = require "klaviyo.sandbox.sequential_ids"

local M = {}

--- See members.lua.
M.members = members.new

-- LuaJIT's hash of a long text takes in but some of its bytes, though always the
-- first ones: packed records begin with their place, as long as this, or those
-- that are much alike would all be looked for in the same corner.
local HEAD = 8

local Collection = {}
Collection.__index = Collection

--- A collection. `origin` supplies its first `count` resources without their
-- being stored: `make(place)` gives one, `find(field, value)` its place.
-- Types that have a naming are stored packed, as text: of those there may be
-- very many. What is looked at is then a copy, and changes only by `change`.
---@param kind string resource type
---@param unique string[] attributes by which resources are found
---@param origin table|nil
---@param key_of (fun(value: string): any)|nil what stands for a value in an
-- index; the value itself, if absent
function M.collection(kind, unique, origin, key_of)
  local self = setmetatable({
    kind = kind, unique = unique, origin = origin, found_by = {},
    last = origin and origin.count or 0, count = origin and origin.count or 0,
    version = 0, sequential_ids = sequential_ids.of(kind), positions = {},
    key_of = key_of or function(value) return value end,
    -- place → record, or false where one was removed
    records = {},
  }, Collection)
  for _, field in ipairs(unique) do
    self.found_by[field] = {}
  end
  return self
end

--- The record at a place, or nil.
function Collection:at(position)
  local record = self.records[position]
  if type(record) == "string" then
    return {id = self.sequential_ids.id_of(position), position = position,
      attributes = json.decode(record, HEAD + 1)}
  elseif record == nil and self.origin and position <= self.origin.count then
    record = self.origin.make(position)
    record.position = position
  end
  return record or nil
end

--- The place that an id is or was at, or nil.
function Collection:position_of(id)
  if not self.sequential_ids then
    return self.positions[id]
  end
  local position = self.sequential_ids.position_of(id)
  return position and position >= 1 and position <= self.last and position or nil
end

--- The record with an id, or nil.
function Collection:get(id)
  local position = self:position_of(id)
  return position and self:at(position)
end

--- The id of the record at a place, or nil.
function Collection:id_at(position)
  if not self.sequential_ids then
    local record = self:at(position)
    return record and record.id
  elseif self.records[position] ~= false and position <= self.last then
    return self.sequential_ids.id_of(position)
  end
end

--- The id that the next record is going to have, if that is settled.
function Collection:next_id()
  return self.sequential_ids and self.sequential_ids.id_of(self.last + 1)
end

--- The record whose unique attribute has a value, or nil.
function Collection:find(field, value)
  local position = self.found_by[field][self.key_of(value)]
  if not position and self.origin then
    position = self.origin.find(field, value)
    -- One that was stored since is in the index, if it still has the value.
    if position and self.records[position] ~= nil then
      position = nil
    end
  end
  local record = position and self:at(position)
  local have = record and record.attributes[field]
  -- Two values may share a key.
  return (have == nil or have == value) and record or nil
end

--- Lets a record be found by what is none of its attributes.
function Collection:add_key(field, value, record)
  self.found_by[field][self.key_of(value)] = record.position
end

local function index(self, record, position)
  for _, field in ipairs(self.unique) do
    local value = record.attributes[field]
    if type(value) == "string" then
      local found, key = self.found_by[field], self.key_of(value)
      if position or found[key] == record.position then
        found[key] = position
      end
    end
  end
end

local function save(self, record)
  if self.sequential_ids then
    self.records[record.position] = json.encode(record.attributes,
      random_ids.base32(record.position, HEAD))
  else
    self.records[record.position] = record
    self.positions[record.id] = record.position
  end
end

--- Adds a record (`id`, `attributes`).
function Collection:add(record)
  local position = self.last + 1
  self.last, self.count = position, self.count + 1
  self.version = self.version + 1
  record.position = position
  save(self, record)
  index(self, record, position)
  return record
end

--- Lets `change(record)` alter a record's attributes.
function Collection:change(record, change)
  index(self, record, nil)
  change(record)
  index(self, record, record.position)
  save(self, record)
  self.version = self.version + 1
end

--- Takes a record away.
function Collection:remove(record)
  index(self, record, nil)
  self.records[record.position] = false
  self.positions[record.id] = nil
  self.count = self.count - 1
  self.version = self.version + 1
end

return M
