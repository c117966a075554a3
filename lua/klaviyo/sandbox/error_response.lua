--- Error documents. A check throws one as a Lua error, and the handler turns
--- it into a response.

local json = require "klaviyo.sandbox.json"

local M = {}

local TITLES = {
  invalid = "Invalid input.",
  not_authenticated = "Authentication credentials were not provided.",
  authentication_failed = "Incorrect authentication credentials.",
  permission_denied = "You do not have permission to perform this action.",
  not_found = "Not found.",
  method_not_allowed = "Method not allowed.",
  duplicate_profile = "Conflict.",
  tag_service_error = "Tag Service Error",
  duplicate = "Conflict.",
  gone = "Gone.",
  conflict = "Conflict.",
  unsupported_media_type = "Unsupported media type.",
  throttled = "Request was throttled.",
  payload_too_large = "Payload too large.",
  error = "A server error occurred.",
}

---@class klaviyo.sandbox.ErrorResponse
local ErrorResponse = {}
ErrorResponse.__index = ErrorResponse

--- Returns an error response without errors.
---@param status integer
---@return klaviyo.sandbox.ErrorResponse
function M.new(status)
  return setmetatable({status = status, errors = {}, headers = {}}, ErrorResponse)
end

--- Adds an error object.
---@param code string
---@param detail string
---@param source table|nil `{pointer=}` or `{parameter=}`
---@param meta table|nil
function ErrorResponse:add(code, detail, source, meta)
  self.errors[#self.errors + 1] = {
    code = code, detail = detail, source = source, meta = meta,
  }
  return self
end

--- Throws this error response if it holds any error.
function ErrorResponse:throw()
  if #self.errors > 0 then
    error(self, 0)
  end
end

--- Throws an error response with one error.
---@param status integer
---@param code string
---@param detail string
---@param source table|nil
---@param meta table|nil
function M.throw(status, code, detail, source, meta)
  M.new(status):add(code, detail, source, meta):throw()
end

--- Throws 400 `invalid` for a query parameter.
---@param parameter string
---@param detail string
function M.parameter(parameter, detail)
  M.throw(400, "invalid", detail, {parameter = parameter})
end

--- Throws 404 for a resource that does not exist.
---@param kind string
---@param id string
---@param pointer string|nil the position of the id in the body
function M.not_found(kind, id, pointer)
  M.throw(404, "not_found",
    ("A %s with id %s does not exist."):format(kind, id),
    {pointer = pointer or "/data/"})
end

--- Returns the title for an error code.
---@param code string
---@return string
function M.title(code)
  return TITLES[code] or TITLES.error
end

--- Returns whether a thrown value is an error response.
---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == ErrorResponse
end

local ERROR = json.shape {"id", "status", "code", "title", "detail",
  "source", "links", "meta"}

-- Error objects with these statuses have `links` and `meta`; all others have
-- neither, and always the same pointer.
local DETAILED = {[400] = true, [409] = true, [413] = true, [422] = true,
  [429] = true}

local RATE_LIMITS = "https://developers.klaviyo.com/en/docs/"
  .. "rate_limits_and_error_handling#rate-limits"

--- Returns the JSON:API document of an error response.
---@param error_response klaviyo.sandbox.ErrorResponse
---@param random_ids table
---@return table
function M.document(error_response, random_ids)
  local errors, status = json.array(), error_response.status
  local detailed = DETAILED[status]
  for i, entry in ipairs(error_response.errors) do
    errors[i] = setmetatable({
      id = random_ids:uuid(),
      status = error_response.status,
      code = entry.code,
      title = M.title(entry.code),
      detail = entry.detail,
      source = detailed and (entry.source or {pointer = "/data"})
        or {pointer = "/data/"},
      links = detailed
        and {type = status == 429 and RATE_LIMITS or nil} or nil,
      meta = detailed and (entry.meta or {}) or nil,
    }, ERROR)
  end
  return {errors = errors}
end

return M
