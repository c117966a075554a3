--- The members of a to-many relationship, in the order in which they joined. A
--- member is stored as its position in its collection, or as its id if it has
--- no position: a list may have a million members.

local M = {}

local Members = {}
Members.__index = Members

--- Returns an empty set of members or, with `all`, all current resources of
--- the collection.
---@param collection table the collection of the resources (see store.lua)
---@param all boolean|nil
function M.new(collection, all)
  local count = all and collection.last or 0
  return setmetatable({
    collection = collection, start = count, last = count,
    count = all and collection.count or 0, version = 0,
    -- handle → position among the members
    positions = {},
    -- position among the members → handle, or false if it was removed
    handles = {},
    -- position among the members → the time it joined
    joined = {},
  }, Members)
end

-- Returns the position of a resource in the collection, or its id.
local function handle_of(self, id)
  return self.collection:position_of(id) or id
end

--- Returns the id of the member at a position, or nil.
function Members:at(position)
  local handle = self.handles[position]
  if handle == nil and position <= self.start then
    handle = position
  end
  if type(handle) == "number" then
    return self.collection:id_at(handle)
  end
  return handle or nil
end

--- Returns the resource of the member at a position, or nil.
function Members:record_at(position)
  local handle = self.handles[position]
  if handle == nil and position <= self.start then
    handle = position
  end
  if type(handle) == "number" then
    return self.collection:at(handle)
  end
  return handle and self.collection:get(handle) or nil
end

local function position_of(self, handle)
  local position = self.positions[handle]
  if position == nil and type(handle) == "number" and handle <= self.start
    and self.handles[handle] == nil and self.collection:id_at(handle) then
    return handle
  end
  return position
end

--- Returns the position of a member, or nil.
function Members:position_of(id)
  return position_of(self, handle_of(self, id))
end

--- Returns whether an id is a member.
function Members:has(id)
  return self:position_of(id) ~= nil
end

--- Adds an id, unless it is a member already.
---@param id string
---@param now number epoch seconds
---@return boolean added
function Members:add(id, now)
  local handle, position = handle_of(self, id), self.last + 1
  if position_of(self, handle) then
    return false
  end
  self.last, self.count = position, self.count + 1
  self.version = self.version + 1
  self.handles[position], self.positions[handle] = handle, position
  self.joined[position] = now
  return true
end

--- Removes an id.
---@return boolean removed
function Members:remove(id)
  local handle = handle_of(self, id)
  local position = position_of(self, handle)
  if not position then
    return false
  end
  self.handles[position], self.positions[handle] = false, nil
  self.count = self.count - 1
  self.version = self.version + 1
  return true
end

return M
