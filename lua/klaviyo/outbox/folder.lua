--- The folder of an outbox: numbered slots with one file of events each. Running
--- processes hold some of the slots; processes that have ended left the others.

local store = require "klaviyo.outbox.store"

local M = {}

--- The maximum of the slots.
M.MAX_SLOTS = 4096

local function base(path, number)
  return ("%s/slot-%d"):format(path, number)
end

--- Takes the first free slot.
---@param path string
---@param options table  options of store.open
---@return userdata|nil store
---@return integer|string number  number of the slot; or the code of an error
---@return string|nil why  the reason; or the damage of the file that was there
function M.take(path, options)
  local ok, what, why = store.make_folder(path)
  if not ok then
    return nil, what, ("%s: %s"):format(path, why)
  end
  for number = 1, M.MAX_SLOTS do
    local name = base(path, number)
    local taken
    taken, what, why = store.open(name, options)
    if taken then
      return taken, number, what
    elseif what ~= "busy" then
      return nil, what, ("%s.db: %s"):format(name, why)
    end
  end
  return nil, "failed", ("%s: all %d slots are in use"):format(path, M.MAX_SLOTS)
end

--- Iterates over the slots of processes that have ended, and takes each:
--- `for store in M.orphans(…)`. The caller closes the store.
---@param path string
---@param options table  options of store.open
---@param failed fun(name: string, why: string)
function M.orphans(path, options, failed)
  local number = 0
  return function()
    while number < M.MAX_SLOTS do
      number = number + 1
      local name = base(path, number)
      local taken, what, why = store.open(name, options)
      if taken then
        return taken, what
      elseif what == "none" then
        return nil
      elseif what ~= "busy" then
        failed(name .. ".db", why)
      end
    end
  end
end

-- Iterates over the files of the slots: number, waiting, oldest.
local function slots(path)
  local number = 0
  return function()
    number = number + 1
    local waiting, oldest
    if number <= M.MAX_SLOTS then
      waiting, oldest = store.waiting(base(path, number))
    end
    return waiting and number, waiting, oldest
  end
end

--- Returns the number of events that wait in the files of all processes, and the
--- number of files. The figure of a process that was killed may be off by one.
---@param path string
---@return {waiting: integer, files: integer}
function M.stats(path)
  local sum = {waiting = 0, files = 0}
  for number, waiting in slots(path) do
    sum.waiting, sum.files = sum.waiting + waiting, number
  end
  return sum
end

--- Returns the number of events that wait in the files of all processes, the size
--- of these files, and the time of the oldest event.
---@param path string
---@return integer waiting
---@return integer bytes
---@return integer|nil oldest  in milliseconds since 1970
function M.totals(path)
  local waiting, bytes, oldest = 0, 0, nil
  for number, count, time in slots(path) do
    waiting, bytes = waiting + count, bytes + store.size(base(path, number))
    oldest = math.min(time or oldest or math.huge, oldest or time or math.huge)
    oldest = oldest < math.huge and oldest or nil
  end
  return waiting, bytes, oldest
end

local function exists(name)
  local file = io.open(name, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Iterates over the rejected events' files of all slots.
---@param path string
---@param failed fun(name: string, why: string)
function M.all(path, failed)
  local number = 0
  return function()
    while number < M.MAX_SLOTS do
      number = number + 1
      local name = base(path, number)
      local rejected, what, why = store.peek(name)
      if rejected then
        return rejected
      elseif not exists(name .. ".lock") then
        return nil
      elseif what ~= "none" then
        failed(name .. ".db", why)
      end
    end
  end
end

return M
