--- What a process knows about the events in a file that is not in the file: which
--- events the service has although a full disk prevents their deletion, which it
--- rejected, and which failed repeatedly and are postponed. It is kept in memory
--- while the file is open.

local core = require "klaviyo.core"

local M = {}

-- Seconds until a postponed event is sent again; doubled with each failure.
local FIRST_DELAY, MAX_DELAY = 5, 600
local MAX_POSTPONED = 100

-- A larger DELETE would block other requests of this process for too long.
local DELETED_AT_ONCE = 200

-- Errors of a disk that is full or fails; the write is retried.
local MAY_PASS = {full = true, failed = true}

local known = setmetatable({}, {__mode = "k"})  -- by store

local function of(store)
  local state = known[store]
  if not state then
    state = {delivered = {}, rejected = {}, postponed = {}, failing = nil}
    known[store] = state
  end
  return state
end

--- Notes that the service has the events of a batch.
---@param store userdata
---@param batch {first: integer, last: integer, count: integer}
function M.deliver(store, batch)
  local state = of(store)
  store:deliver(batch.count)
  for id in pairs(state.postponed) do
    if id >= batch.first and id <= batch.last then
      state.postponed[id] = nil
    end
  end
  local ranges = state.delivered
  local before = ranges[#ranges]
  if before and before.last + 1 == batch.first then
    before.last = batch.last
  else
    ranges[#ranges + 1] = {first = batch.first, last = batch.last}
  end
end

--- Notes that the service rejected an event; M.write moves it later.
---@param reason string  JSON
function M.reject(store, id, reason)
  local state = of(store)
  state.rejected[id], state.postponed[id] = reason, nil
end

--- Notes that an event failed repeatedly: the others are sent first.
---@param err klaviyo.Error  the last one
function M.postpone(store, id, err)
  local state = of(store)
  local one = state.postponed[id]
  if not one then
    if M.postponed(store) >= MAX_POSTPONED then
      return
    end
    one = {delay = FIRST_DELAY / 2}
    state.postponed[id] = one
  end
  one.delay = math.min(one.delay * 2, MAX_DELAY)
  one.due, one.err = core.clock() + one.delay, err
end

--- Counts the failures in a row of a batch, which its first event identifies, and
--- returns their number.
---@return integer
function M.count_failure(store, first)
  local state = of(store)
  local failing = state.failing
  if not failing or failing.first ~= first then
    failing = {first = first, count = 0}
    state.failing = failing
  end
  failing.count = failing.count + 1
  return failing.count
end

--- Sets the number of failures in a row to zero.
function M.forget_failures(store)
  of(store).failing = nil
end

-- Deletes the events that the service has.
local function delete_delivered(store, ranges)
  while ranges[1] do
    local range = ranges[1]
    while range.first <= range.last do
      local last = math.min(range.first + DELETED_AT_ONCE - 1, range.last)
      local ok, what, why = store:drop(range.first, last)
      if not ok then
        return nil, what, why
      end
      range.first = last + 1
    end
    table.remove(ranges, 1)
  end
  return true
end

-- Moves the events that the service rejected.
local function move_rejected(store, rejected, moved)
  for id, reason in pairs(rejected) do
    local ok, what, why = store:reject(id, reason)
    if not ok and what ~= "none" then
      return nil, what, why
    end
    rejected[id] = nil
    if ok then
      moved()
    end
  end
  return true
end

--- Deletes delivered events from the file and moves rejected ones. If the disk is
--- full, that is done later.
---@param moved fun()  called for each rejected event that was moved
---@return boolean|nil ok  nil: the file cannot be used any more
---@return string|nil what  with true: the error that prevented a write
---@return string|nil why
function M.write(store, moved)
  local state = of(store)
  local ok, what, why = delete_delivered(store, state.delivered)
  if ok then
    ok, what, why = move_rejected(store, state.rejected, moved)
  end
  return ok or MAY_PASS[what], what, why
end

-- Returns the ranges of events that must not be sent with the others, in order.
local function hidden(state)
  local list = {}
  for _, range in ipairs(state.delivered) do
    list[#list + 1] = range
  end
  for _, ids in ipairs {state.rejected, state.postponed} do
    for id in pairs(ids) do
      list[#list + 1] = {first = id, last = id}
    end
  end
  table.sort(list, function(a, b) return a.first < b.first end)
  return list
end

--- Returns the ranges of ids from `first` to `last` that are to be sent.
---@return {first: integer, last: integer}[]
function M.ranges(store, first, last)
  local list = {}
  for _, range in ipairs(hidden(of(store))) do
    if range.first > last then
      break
    elseif range.first > first then
      list[#list + 1] = {first = first, last = range.first - 1}
    end
    first = math.max(first, range.last + 1)
  end
  if first <= last then
    list[#list + 1] = {first = first, last = last}
  end
  return list
end

--- Returns the ids of the postponed events that are due.
---@return integer[]
function M.due(store)
  local list, now = {}, core.clock()
  for id, one in pairs(of(store).postponed) do
    if one.due <= now then
      list[#list + 1] = id
    end
  end
  table.sort(list)
  return list
end

--- Returns how many events are postponed, the seconds until the first is due, and
--- the error that it failed with.
---@return integer count, number|nil seconds, klaviyo.Error|nil err
function M.postponed(store)
  local count, first = 0, nil
  for _, one in pairs(of(store).postponed) do
    count = count + 1
    if not first or one.due < first.due then
      first = one
    end
  end
  return count, first and math.max(first.due - core.clock(), 0),
    first and first.err
end

--- Returns whether something would be lost if the file were closed.
function M.is_pending(store)
  local state = known[store]
  return state ~= nil and (state.failing ~= nil or state.delivered[1] ~= nil
    or next(state.rejected) ~= nil or next(state.postponed) ~= nil)
end

return M
