--- The events that this process has taken from a stream, in memory, with the methods
--- of a file's store that the sender calls.

local M = {}

---@class klaviyo.outbox.Taken
local Taken = {}
Taken.__index = Taken
Taken.__name = "klaviyo.outbox.Taken"

--- Returns a store without events.
---@param stream table  klaviyo.redis.Stream, or one like it
---@return klaviyo.outbox.Taken
function M.new(stream)
  return setmetatable({stream = stream, entries = {}, numbers = {}, last = 0, held = 0,
    delivered = 0}, Taken)
end

--- Adds an entry of the stream.
function Taken:add(entry)
  self.last, self.held = self.last + 1, self.held + 1
  self.entries[self.last], self.numbers[entry.key] = entry, self.last
end

--- Returns whether an entry of the stream is here.
function Taken:has(key)
  return self.numbers[key] ~= nil
end

-- Returns the ids from `first` to `last`, in order.
local function ids_of(self, first, last)
  local ids = {}
  for id in pairs(self.entries) do
    if id >= first and id <= last then
      ids[#ids + 1] = id
    end
  end
  table.sort(ids)
  return ids
end

--- Returns all entries, the oldest first.
---@return table[]
function Taken:all()
  local list = ids_of(self, 0, self.last)
  for i, id in ipairs(list) do
    list[i] = self.entries[id]
  end
  return list
end

local function remove(self, id)
  self.numbers[self.entries[id].key] = nil
  self.entries[id] = nil
  self.held = self.held - 1
end

--- As of a file's store: csrc/outbox/store.h, store_read.
function Taken:read(first, last, count, bytes, before, after)
  local parts, ids, size, batch = {before}, {}, #before, {}
  for _, id in ipairs(ids_of(self, first, last)) do
    local entry = self.entries[id]
    local more = #entry.payload + (batch.first and 1 or 0)
    if ids[entry.unique_id] or #parts > count or batch.first
        and (size + more > bytes or entry.revision ~= batch.revision) then
      break
    end
    batch.first, batch.last = batch.first or id, id
    batch.revision, ids[entry.unique_id] = entry.revision, true
    parts[#parts + 1], size = (#parts > 1 and "," or "") .. entry.payload, size + more
  end
  if not batch.first then
    return nil, "none", "there is none"
  end
  parts[#parts + 1] = after
  return table.concat(parts), batch.first, batch.last, #parts - 2, batch.revision
end

function Taken:newest()
  return self.last
end

function Taken:nth(first, last, index)
  local id = ids_of(self, first, last)[index + 1]
  if id then
    return id
  end
  return nil, "none", "there is none"
end

function Taken:deliver(count)
  self.delivered = self.delivered + count
end

function Taken:drop(first, last)
  local ids, keys = ids_of(self, first, last), {}
  for i, id in ipairs(ids) do
    keys[i] = self.entries[id].key
  end
  if #keys == 0 then
    return true
  end
  local ok, err = self.stream:acknowledge(keys)
  if not ok then
    return nil, "failed", err.message
  end
  for _, id in ipairs(ids) do
    remove(self, id)
  end
  self.delivered = math.max(self.delivered - #ids, 0)
  return true
end

function Taken:reject(id, reason)
  local entry = self.entries[id]
  if not entry then
    return nil, "none", "there is none"
  end
  local ok, err = self.stream:reject(entry, reason)
  if not ok then
    return nil, "failed", err.message
  end
  remove(self, id)
  return true
end

--- Returns how many events are here that were not sent.
function Taken:waiting()
  return self.held - self.delivered
end

function Taken:shrink() -- luacheck: ignore self
  return true
end

return M
