--- Checks the identifiers of profiles: which the service accepts, and which
--- fail only when a job imports them.

local error_response = require "klaviyo.sandbox.error_response"

local M = {}

--- The attributes that identify a profile.
M.names = {"email", "phone_number", "external_id", "anonymous_id", "_kx"}

local find = string.find

--- Adds an error for each malformed identifier of a profile.
---@param failure klaviyo.sandbox.ErrorResponse
---@param data table the resource of the profile
---@param pointer string the pointer to its attributes
function M.check(failure, data, pointer)
  local attributes = data.attributes or {}
  local email, phone = attributes.email, attributes.phone_number
  if type(email) == "string"
    and not find(email, "^[^%s@]+@[^%s@]+%.[^%s@.]+$") then
    failure:add("invalid", "Invalid email address",
      {pointer = pointer .. "/email"})
  end
  if type(phone) == "string"
    and not (find(phone, "^%+[1-9]%d+$") and #phone > 7 and #phone < 17) then
    failure:add("invalid", "Invalid phone number format (Example of a valid "
      .. "format: +12345678901)", {pointer = pointer .. "/phone_number"})
  end
end

--- Adds an error if a profile has no identifier.
---@param failure klaviyo.sandbox.ErrorResponse
---@param data table
---@param pointer string
function M.require_any(failure, data, pointer)
  for _, name in ipairs(M.names) do
    local value = (data.attributes or {})[name]
    if type(value) == "string" and value ~= "" then
      return
    end
  end
  if type(data.id) ~= "string" then
    failure:add("invalid", "One of email, phone_number, external_id, "
      .. "anonymous_id or id is required to identify the profile.",
      {pointer = pointer})
  end
end

--- Throws 400 if a profile has no identifier or a malformed one.
---@param data table
---@param pointer string
function M.require_valid(data, pointer)
  local failure = error_response.new(400)
  M.require_any(failure, data, pointer)
  M.check(failure, data, pointer)
  failure:throw()
end

--- Returns why a job cannot import a well-formed profile: its address cannot
--- exist (top-level domain "invalid", country code 999), or it has the
--- property `sandbox_error`.
---@param data table
---@return string|nil detail
---@return string|nil member the name of the attribute
function M.import_error(data)
  local attributes = data.attributes or {}
  local email, phone = attributes.email, attributes.phone_number
  local properties = attributes.properties
  if type(properties) == "table" and properties.sandbox_error then
    return tostring(properties.sandbox_error), "properties"
  elseif type(email) == "string" and find(email, "%.invalid$") then
    return "The email address cannot receive mail.", "email"
  elseif type(phone) == "string" and find(phone, "^%+999") then
    return "The phone number is not one of a known country.", "phone_number"
  end
end

return M
