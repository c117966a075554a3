--- Describes the files of an outbox. It takes no slot and changes nothing.

local errors = require "klaviyo.response.errors"
local folder = require "klaviyo.outbox.folder"
local store = require "klaviyo.outbox.store"

local M = {}

local function now()
  return type(ngx) == "table" and ngx.now and ngx.now() or os.time()
end

local function age_of(oldest)
  return oldest and math.max(now() - oldest / 1000, 0) or nil
end

-- Returns the number of rejected events in the file of a slot.
local function rejected_of(base)
  local rows, what, why = store.peek(base)
  if not rows then
    return what == "none" and 0 or nil, why
  end
  local count, last = 0, 0
  repeat
    local row = rows:next(last)
    if row then
      count, last = count + 1, row.id
    end
  until not row
  rows:close()
  return count
end

local function failed(path, why)
  return nil, errors.new {kind = "outbox", message = ("outbox: %s: %s"):format(path, why)}
end

-- Returns whether there is such a file, or nil and why it cannot be read.
local function is_there(path)
  local file, why, code = io.open(path, "rb")
  if file then
    file:close()
    return true
  elseif code == 2 then  -- ENOENT
    return false
  end
  return nil, (tostring(why):gsub("^.*: ", ""))
end

local function file_of(base, name)
  local waiting, oldest = store.waiting(base)
  local running, pid = store.holder(base .. ".lock")
  local rejected, why = rejected_of(base)
  if not rejected then
    return failed(base .. ".rejected.db", why)
  end
  return {
    name = name .. ".db", waiting = waiting, oldest_age = age_of(oldest),
    bytes = store.size(base), rejected = rejected, running = running, pid = pid,
  }
end

local function add(sum, file)
  sum.files[#sum.files + 1] = file
  sum.waiting, sum.bytes = sum.waiting + file.waiting, sum.bytes + file.bytes
  sum.rejected = sum.rejected + file.rejected
  if file.oldest_age and file.oldest_age > (sum.oldest_age or -1) then
    sum.oldest_age = file.oldest_age
  end
end

--- Describes the files of an outbox; see klaviyo.outbox.status.
---@param path string
---@return klaviyo.outbox.Status|nil
---@return klaviyo.Error|nil
function M.of(path)
  local found, why = is_there(path .. "/.")
  if not found then
    return failed(path, why or "No such file or directory")
  end
  local sum = {path = path, waiting = 0, bytes = 0, rejected = 0, files = {}}
  for number = 1, folder.MAX_SLOTS do
    local name = ("slot-%d"):format(number)
    local base = path .. "/" .. name
    found, why = is_there(base .. ".lock")
    if found == nil then
      return failed(base .. ".lock", why)
    elseif not found then
      break
    end
    local file, err = file_of(base, name)
    if not file then
      return nil, err
    end
    add(sum, file)
  end
  return sum
end

return M
