--- The folder of an outbox: slots by number, one file of events for each
--- process that lives, and those of processes that are gone.

local store = require "klaviyo.outbox.store"

local M = {}

local MAX_SLOTS = 4096

local function base(path, number)
  return ("%s/slot-%d"):format(path, number)
end

--- Takes the first slot that is nobody's.
---@param path string
---@param options table  of store.open
---@return userdata|nil store
---@return integer|string number  of the slot; or what went wrong
---@return string|nil why  or what was wrong with the file that was there
function M.take(path, options)
  local ok, what, why = store.make_folder(path)
  if not ok then
    return nil, what, ("%s: %s"):format(path, why)
  end
  for number = 1, MAX_SLOTS do
    local name = base(path, number)
    local taken
    taken, what, why = store.open(name, options)
    if taken then
      return taken, number, what
    elseif what ~= "busy" then
      return nil, what, ("%s.db: %s"):format(name, why)
    end
  end
  return nil, "failed", path .. ": all slots are taken"
end

--- Takes the slots that are nobody's and were somebody's, one after another:
--- `for store in M.orphans(…)`; who takes one closes it.
---@param path string
---@param options table  of store.open
---@param failed fun(name: string, why: string)
function M.orphans(path, options, failed)
  local number = 0
  return function()
    while number < MAX_SLOTS do
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

--- Returns how many events wait in the folder, whoever has their files, and in
--- how many files. What a process that was killed noted last may be off by one.
---@param path string
---@return {waiting: integer, files: integer}
function M.stats(path)
  local sum = {waiting = 0, files = 0}
  for number = 1, MAX_SLOTS do
    local count = store.waiting(base(path, number))
    if not count then
      break
    end
    sum.waiting, sum.files = sum.waiting + count, number
  end
  return sum
end

local function exists(name)
  local file = io.open(name, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Looks into all slots, whosever they are.
---@param path string
---@param failed fun(name: string, why: string)
function M.all(path, failed)
  local number = 0
  return function()
    while number < MAX_SLOTS do
      number = number + 1
      local name = base(path, number)
      local seen, what, why = store.peek(name)
      if seen then
        return seen
      elseif not exists(name .. ".lock") then
        return nil
      elseif what ~= "none" then
        failed(name .. ".db", why)
      end
    end
  end
end

return M
