--- An exclusive lock on a file, between processes.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.FileLock
---@field release fun(self)  releases the lock; it may be called twice

--- Locks a file, which is created if it does not exist. It does not wait. The
--- system releases the lock when the process ends, however it ends.
---@param path string
---@return klaviyo.FileLock|nil lock
---@return klaviyo.Error|nil err  of kind "file": `err.code` is "locked" if another
--- process, or another lock of this one, has it
function M.file_lock(path)
  if type(path) ~= "string" or path == "" then
    usage_error.raise("file_lock takes the path of a file, not %s",
      usage_error.kind(path))
  end
  local lock, why = core.file_lock(path)
  if not lock and not why then
    collectgarbage()  -- code that an error ended may hold the lock
    collectgarbage()
    lock, why = core.file_lock(path)
  end
  if lock then
    return lock
  end
  return nil, errors.new {
    kind = "file", code = not why and "locked" or nil,
    message = why and ("%s cannot be locked: %s"):format(path, why)
      or path .. " is locked by another process",
  }
end

return M
