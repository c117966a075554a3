--- Finds out which records of a request the service rejects. Written for
--- requests with many records: the imports and the outbox use it.
---
--- The errors of the service may point to records. Without a pointer the request
--- is split in two, until a record is rejected alone. Such a record is only
--- suspected: if too many are rejected in a row, the records are not the cause.

local M = {}

local Splitter = {}
Splitter.__index = Splitter

-- Statuses of an error that a record of the request may have caused.
local REJECTION = {[400] = true, [409] = true, [413] = true, [422] = true}

-- How many records may be rejected alone, in a row, by errors without a pointer.
local MAX_SUSPECTS = 16

--- Returns whether the service itself rejected a record. Only a JSON:API error
--- document shows that: a proxy may answer 400 with a page of HTML.
---@param err klaviyo.Error
---@return boolean
function M.is_rejection(err)
  if err.kind ~= "api" or not REJECTION[err.status] or err.maybe_sent then
    return false
  end
  for _, object in ipairs(err.errors or {}) do
    if type(object) == "table" then
      return true
    end
  end
  return false
end

--- Returns how many records the first of two smaller requests gets.
---@param count integer  of the request; at least 2
---@return integer
function M.half(count)
  return math.floor(count / 2)
end

--- Returns a splitter, which counts the suspected records of requests that
--- succeed and fail together.
---@return klaviyo.Splitter
function M.new()
  return setmetatable({suspects = 0}, Splitter)
end

--- Notes that the service accepted a request: it does not reject everything.
function Splitter:accepted()
  self.suspects = 0
end

--- Returns what to do after the service rejected a request: "reject" the records
--- that its errors point to and send the others, "split" the request, or
--- "suspect" its only record. Returns nil if no record is the cause.
---@param err klaviyo.Error  for which `is_rejection` returned true
---@param count integer  how many records the request has
---@param pointed fun(object: table): integer|nil, boolean  returns the index
---  of the record that an error object points to; or nil, and whether it points
---  to something else
---@return "reject"|"split"|"suspect"|nil
---@return table<integer, table[]>|nil at_fault  to "reject": error objects by
---  the index of the record
function Splitter:rejected(err, count, pointed)
  local at_fault, points_elsewhere = {}, false
  for _, object in ipairs(err.errors) do
    local index, elsewhere = pointed(object)
    points_elsewhere = points_elsewhere or elsewhere
    if index and index <= count then
      at_fault[index] = at_fault[index] or {}
      table.insert(at_fault[index], object)
    end
  end
  if next(at_fault) then
    return "reject", at_fault
  elseif points_elsewhere then
    return nil
  elseif count > 1 then
    return "split"
  end
  self.suspects = self.suspects + 1
  return self.suspects <= MAX_SUSPECTS and "suspect" or nil
end

return M
