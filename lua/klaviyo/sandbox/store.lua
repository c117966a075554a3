--- Stores resources: those of one type in the order of their creation
--- (`Collection`), and the members of a to-many relationship (`Members`). A
--- position never changes, so that cursors stay valid while resources are
--- added and removed.

local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"
local members = require "klaviyo.sandbox.members"
local sequential_ids = require "klaviyo.sandbox.sequential_ids"

local M = {}

--- See members.lua.
M.members = members.new

-- LuaJIT hashes only some bytes of a long string, but always the first ones:
-- packed records begin with their position in this many characters, so that
-- similar records do not collide.
local POSITION_DIGITS = 8

-- Records that `peek` keeps. To decode 3,000 packed events takes 48 ms.
local MAX_PEEKED = 10000

local Collection = {}
Collection.__index = Collection

--- Returns a new collection. `origin` supplies its first `count` resources
--- without storing them: `make(position)` returns one, `find(field, value)`
--- returns its position. Types with sequential ids are stored packed, as text,
--- because there may be millions of them. A record that is read is then a copy,
--- and only `change` modifies what is stored.
---@param kind string the resource type
---@param unique string[] attributes with an index
---@param origin table|nil
---@param key_of (fun(value: string): any)|nil returns the index key
--- of a value; without it the value itself is the key
function M.collection(kind, unique, origin, key_of)
  local self = setmetatable({
    kind = kind, unique = unique, origin = origin, found_by = {},
    last = origin and origin.count or 0, count = origin and origin.count or 0,
    version = 0, sequential_ids = sequential_ids.of(kind), positions = {},
    key_of = key_of or function(value) return value end,
    -- position → record, or false if it was removed
    records = {},
    -- position → {packed =, record =}
    peeked = {}, peeked_count = 0,
  }, Collection)
  for _, field in ipairs(unique) do
    self.found_by[field] = {}
  end
  return self
end

--- Returns the record at a position, or nil.
function Collection:at(position)
  local record = self.records[position]
  if type(record) == "string" then
    return {id = self.sequential_ids.id_of(position), position = position,
      attributes = json.decode(record, POSITION_DIGITS + 1)}
  elseif record == nil and self.origin and position <= self.origin.count then
    record = self.origin.make(position)
    record.position = position
  end
  return record or nil
end

--- Returns the same record, which the caller must not change: a filter looks at all
--- records, and packed ones need not be decoded for each request.
function Collection:peek(position)
  local packed = self.records[position]
  if type(packed) ~= "string" then
    return self:at(position)
  end
  local kept = self.peeked[position]
  if not kept then
    if self.peeked_count == MAX_PEEKED then
      self.peeked, self.peeked_count = {}, 0
    end
    kept = {}
    self.peeked[position], self.peeked_count = kept, self.peeked_count + 1
  end
  if kept.packed ~= packed then
    kept.packed, kept.record = packed, self:at(position)
  end
  return kept.record
end

--- Returns the position of an id, even if its record was removed, or nil.
function Collection:position_of(id)
  if not self.sequential_ids then
    return self.positions[id]
  end
  local position = self.sequential_ids.position_of(id)
  return position and position >= 1 and position <= self.last and position or nil
end

--- Returns the record with an id, or nil.
function Collection:get(id)
  local position = self:position_of(id)
  return position and self:at(position)
end

--- Returns the id of the record at a position, or nil.
function Collection:id_at(position)
  if not self.sequential_ids then
    local record = self:at(position)
    return record and record.id
  elseif self.records[position] ~= false and position <= self.last then
    return self.sequential_ids.id_of(position)
  end
end

--- Returns the id of the next record, for types with sequential ids.
function Collection:next_id()
  return self.sequential_ids and self.sequential_ids.id_of(self.last + 1)
end

--- Returns the record whose unique attribute has a value, or nil.
function Collection:find(field, value)
  local position = self.found_by[field][self.key_of(value)]
  if not position and self.origin then
    position = self.origin.find(field, value)
    -- A record that was changed since is in the index, if it still has the
    -- value.
    if position and self.records[position] ~= nil then
      position = nil
    end
  end
  local record = position and self:at(position)
  local have = record and record.attributes[field]
  -- Two values may have the same key.
  return (have == nil or have == value) and record or nil
end

--- Adds an index entry for a value that is not an attribute of the record.
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
      random_ids.base32(record.position, POSITION_DIGITS))
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

--- Calls `change(record)`, which may change the attributes of the record.
function Collection:change(record, change)
  index(self, record, nil)
  change(record)
  index(self, record, record.position)
  save(self, record)
  self.version = self.version + 1
end

--- Removes a record.
function Collection:remove(record)
  index(self, record, nil)
  self.records[record.position] = false
  self.positions[record.id] = nil
  self.count = self.count - 1
  self.version = self.version + 1
end

return M
