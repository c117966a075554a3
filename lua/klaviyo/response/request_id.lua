--- The id by which the service, or a proxy before it, finds a request.

local core = require "klaviyo.core"

local M = {}

local FIELDS = {"x-request-id", "x-klaviyo-request-id", "cf-ray"}
local MAX_SIZE = 128

local function checked(id)
  return type(id) == "string" and id ~= "" and #id <= MAX_SIZE
    and not id:find("[^\33-\126]") and id or nil
end

--- Returns the id in the fields of a header, or nil.
---@param fields table<string, string>
---@return string|nil
function M.of_fields(fields)
  for _, name in ipairs(FIELDS) do
    local id = checked(fields[name])
    if id then
      return id
    end
  end
end

--- Returns the id in the header of a response, or nil.
---@param head string  the header block
---@return string|nil
function M.of_head(head)
  return M.of_fields(core.header_fields(head))
end

--- Returns the id in the error objects of the API, or nil. Klaviyo documents no
--- header field for it, but its error objects have ids.
---@param objects table[]|nil
---@return string|nil
function M.of_objects(objects)
  local first = objects and objects[1]
  return type(first) == "table" and checked(first.id) or nil
end

return M
