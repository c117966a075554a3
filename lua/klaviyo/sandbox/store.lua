--- What the sandbox holds: resources of one type in the order of their making
-- (`Collection`), and the members of a to-many relationship (`Members`).
-- A place, once given, never changes, so that cursors stay good while
-- resources come and go.

local M = {}

local Collection = {}
Collection.__index = Collection

--- A collection. `origin` supplies its first `count` resources without their
-- being stored: `make(place)` gives one, `place_of(id)` and
-- `find(field, value)` give its place.
---@param kind string resource type
---@param unique string[] attributes by which resources are found
---@param origin table|nil
function M.collection(kind, unique, origin)
  local self = setmetatable({
    kind = kind, unique = unique, origin = origin, places = {}, found_by = {},
    last = origin and origin.count or 0, count = origin and origin.count or 0,
    version = 0,
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
  if record == nil and self.origin and place <= self.origin.count then
    record = self.origin.make(place)
    record.place = place
  end
  return record or nil
end

local function place_of(self, id)
  local place = self.places[id]
  if not place and self.origin then
    place = self.origin.place_of(id)
  end
  return place
end

--- The record with an id, or nil.
function Collection:get(id)
  local place = place_of(self, id)
  return place and self:at(place)
end

--- The record whose unique attribute has a value, or nil.
function Collection:find(field, value)
  local place = self.found_by[field][value]
  if not place and self.origin then
    place = self.origin.find(field, value)
    -- One that was stored since is in the index, if it still has the value.
    if place and self.records[place] ~= nil then
      place = nil
    end
  end
  return place and self:at(place)
end

local function index(self, record, place)
  for _, field in ipairs(self.unique) do
    local value = record.attributes[field]
    if type(value) == "string" then
      self.found_by[field][value] = place
    end
  end
end

--- Adds a record (`id`, `attributes`).
function Collection:add(record)
  local place = self.last + 1
  self.last, self.count = place, self.count + 1
  self.version = self.version + 1
  record.place = place
  self.records[place] = record
  self.places[record.id] = place
  index(self, record, place)
  return record
end

--- Lets `change(record)` alter a record's attributes.
function Collection:change(record, change)
  local place = record.place
  if self.records[place] == nil then -- was the origin's until now
    self.records[place] = record
    self.places[record.id] = place
  end
  index(self, record, nil)
  change(record)
  index(self, record, place)
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

local Members = {}
Members.__index = Members

--- The members of a to-many relationship. With `all_of`, a collection, all
-- its resources of now are members from the beginning.
---@param all_of table|nil
function M.members(all_of)
  return setmetatable({
    all_of = all_of, start = all_of and all_of.last or 0,
    last = all_of and all_of.last or 0, count = all_of and all_of.last or 0,
    version = 0, places = {}, joined = {},
    -- place → id, or false where one was taken out
    ids = {},
  }, Members)
end

--- The id of the member at a place, or nil.
function Members:at(place)
  local id = self.ids[place]
  if id == nil and place <= self.start then
    local record = self.all_of:at(place)
    return record and record.id
  end
  return id or nil
end

--- The place of a member, or nil.
function Members:place_of(id)
  local place = self.places[id]
  if place == nil and self.all_of then
    local record = self.all_of:get(id)
    if record and record.place <= self.start
      and self.ids[record.place] == nil then
      return record.place
    end
  end
  return place or nil
end

--- Whether an id is among them.
function Members:has(id)
  return self:place_of(id) ~= nil
end

--- Adds an id, unless it is there already.
---@param id string
---@param now number epoch seconds
---@return boolean added
function Members:add(id, now)
  if self:place_of(id) then
    return false
  end
  self.last, self.count = self.last + 1, self.count + 1
  self.version = self.version + 1
  self.ids[self.last], self.places[id] = id, self.last
  self.joined[self.last] = now
  return true
end

--- Takes an id out.
---@return boolean removed
function Members:remove(id)
  local place = self:place_of(id)
  if not place then
    return false
  end
  self.ids[place], self.places[id] = false, nil
  self.count = self.count - 1
  self.version = self.version + 1
  return true
end

--- All ids, in the order of their joining.
---@return string[]
function Members:list()
  local list = {}
  for place = 1, self.last do
    list[#list + 1] = self:at(place)
  end
  return list
end

return M
