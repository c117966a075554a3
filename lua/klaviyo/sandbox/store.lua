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
    version = 0, sequential_ids = sequential_ids.of(kind), places = {},
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
function Collection:at(place)
  local record = self.records[place]
  if type(record) == "string" then
    return { id = self.sequential_ids.id_of(place), place = place,
      attributes = json.decode(record, HEAD + 1) }
  elseif record == nil and self.origin and place <= self.origin.count then
    record = self.origin.make(place)
    record.place = place
  end
  return record or nil
end

--- The place that an id is or was at, or nil.
function Collection:place_of(id)
  if not self.sequential_ids then
    return self.places[id]
  end
  local place = self.sequential_ids.place_of(id)
  return place and place >= 1 and place <= self.last and place or nil
end

--- The record with an id, or nil.
function Collection:get(id)
  local place = self:place_of(id)
  return place and self:at(place)
end

--- The id of the record at a place, or nil.
function Collection:id_at(place)
  if not self.sequential_ids then
    local record = self:at(place)
    return record and record.id
  elseif self.records[place] ~= false and place <= self.last then
    return self.sequential_ids.id_of(place)
  end
end

--- The id that the next record is going to have, if that is settled.
function Collection:next_id()
  return self.sequential_ids and self.sequential_ids.id_of(self.last + 1)
end

--- The record whose unique attribute has a value, or nil.
function Collection:find(field, value)
  local place = self.found_by[field][self.key_of(value)]
  if not place and self.origin then
    place = self.origin.find(field, value)
    -- One that was stored since is in the index, if it still has the value.
    if place and self.records[place] ~= nil then
      place = nil
    end
  end
  local record = place and self:at(place)
  local have = record and record.attributes[field]
  -- Two values may share a key.
  return (have == nil or have == value) and record or nil
end

--- Lets a record be found by what is none of its attributes.
function Collection:note(field, value, record)
  self.found_by[field][self.key_of(value)] = record.place
end

local function index(self, record, place)
  for _, field in ipairs(self.unique) do
    local value = record.attributes[field]
    if type(value) == "string" then
      local found, key = self.found_by[field], self.key_of(value)
      if place or found[key] == record.place then
        found[key] = place
      end
    end
  end
end

local function put(self, record)
  if self.sequential_ids then
    self.records[record.place] = json.encode(record.attributes,
      random_ids.base32(record.place, HEAD))
  else
    self.records[record.place] = record
    self.places[record.id] = record.place
  end
end

--- Adds a record (`id`, `attributes`).
function Collection:add(record)
  local place = self.last + 1
  self.last, self.count = place, self.count + 1
  self.version = self.version + 1
  record.place = place
  put(self, record)
  index(self, record, place)
  return record
end

--- Lets `change(record)` alter a record's attributes.
function Collection:change(record, change)
  index(self, record, nil)
  change(record)
  index(self, record, record.place)
  put(self, record)
  self.version = self.version + 1
end

--- Takes a record away.
function Collection:remove(record)
  index(self, record, nil)
  self.records[record.place] = false
  self.places[record.id] = nil
  self.count = self.count - 1
  self.version = self.version + 1
end

return M
