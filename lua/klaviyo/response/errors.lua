--- Errors of requests: a table with fields, and with a readable text.

local usage_error = require "klaviyo.util.usage_error"
local userinfo = require "klaviyo.util.userinfo"

local M = {}

---@alias klaviyo.ErrorKind
---| "api"|"http"|"decode"|"auth"|"rate_limited"|"timeout"
---| "transport"|"cancelled"|"closed"|"queue_full"|"outbox"|"csv"
---| "not_delivered"|"sandbox"|"openapi"|"file"|"redis"

---@class klaviyo.Error
---@field kind klaviyo.ErrorKind  what failed: see the table below
---@field message string  one line
---@field status? integer  the HTTP status, if there is a response
---@field errors? table[]  the error objects of the API
---@field code? string  the code of the first error object; of "redis": the code word, like "OOM"
---@field duplicate_id? string  of a 409 for a profile: the id of the profile that exists already
---@field cause? any  of "auth": the second value of the function; of "not_delivered": the error of the outbox
---@field operation? string  the operation id
---@field retry_after? number  seconds to wait before a retry, as the service asks
---@field maybe_sent boolean  true if the service may have acted on the request
---@field attempts table[]  one entry for each time the request was sent
---@field request_id? string  the id by which the service finds the request: of the response's header, or else of the
---  first error object
---@field response? klaviyo.Response  if there is one
---@field line? integer  of kind "csv": the first line of the row
---@field last_line? integer  of kind "csv": the last line of the row
---@field lost? integer  of kind "not_delivered": events that failed and will not be retried
---@field waiting? integer  of kind "not_delivered": events that are still to be sent
local Error = {}
Error.__index = Error
Error.__name = "klaviyo.Error"

local MAX_MESSAGE = 500

local REDACTED = "[redacted]"

-- Returns at most `size` bytes of a text, in whole characters, without the
-- secret; not even a truncated part of the secret remains. Also returns whether
-- the text was truncated.
local function excerpt(text, secret, size)
  local parts, length, at = {}, 0, 1
  while at <= #text and length <= size do
    local first, last = nil, nil
    if secret and secret ~= "" then
      first, last = text:find(secret, at, true)
    end
    local part = text:sub(at, math.min((first or #text + 1) - 1, at + size))
    parts[#parts + 1] = part
    length = length + #part
    if first and length <= size then
      parts[#parts + 1] = REDACTED
      length = length + #REDACTED
    end
    at = (last or #text) + 1
  end
  local short = table.concat(parts)
  if #short <= size then
    return short, false
  end
  return (short:sub(1, size):gsub("[\192-\255][\128-\191]*$", "")), true
end

--- Returns the beginning of a text from the server, for a message.
---@param text string
---@param secret string|nil  is removed from it, in case the server echoes it
---@param size integer  the maximum number of bytes
---@return string
function M.excerpt(text, secret, size)
  return (excerpt(text, secret, size))
end

-- Returns one line, short enough for a log.
local function one_line(text, secret)
  local short, is_truncated = excerpt(text, secret, MAX_MESSAGE)
  short = short:gsub("[%c%s]+", " "):gsub("^ ", ""):gsub(" $", "")
  return is_truncated and short .. "…" or short
end

function Error:__tostring()
  local where = self.operation and self.operation .. ": " or ""
  return ("klaviyo: %s%s"):format(where, self.message)
end

function Error.__concat(a, b)
  return tostring(a) .. tostring(b)
end

--- Returns true if a value is a klaviyo.Error.
function M.is(value)
  return getmetatable(value) == Error
end

--- Returns a new error.
---@param fields table  members of klaviyo.Error
---@param secret string|nil  is removed from the message
---@return klaviyo.Error
function M.new(fields, secret)
  fields.message = one_line(userinfo.redacted(fields.message), secret)
  fields.maybe_sent = fields.maybe_sent or false
  fields.attempts = fields.attempts or {}
  return setmetatable(fields, Error)
end

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- Returns the code of an error object as text, or nil. A code may be a number,
--- or a value that is not a code.
---@param object any
---@return string|nil
function M.code_of(object)
  local code = type(object) == "table" and object.code or nil
  if type(code) == "number" and code % 1 == 0 then
    return ("%d"):format(code)
  end
  return text_of(code)
end

--- Returns the text of one error object of the API:
--- `invalid: The … (/data/attributes)`.
function M.describe(object)
  if type(object) ~= "table" then
    return usage_error.shown(object)
  end
  local words = text_of(object.detail) or text_of(object.title)
    or text_of(object.message) or "no detail"
  local code = M.code_of(object)
  local source = type(object.source) == "table" and object.source or {}
  local where = text_of(source.pointer) or text_of(source.parameter)
  return (code and code .. ": " or "") .. words
    .. (where and " (" .. where .. ")" or "")
end

--- Returns the text of the first of several error objects, and the number of the
--- others.
---@param status integer|nil
---@param objects table[]  at least one
function M.summary(status, objects)
  local text = M.describe(objects[1])
  if status then
    text = ("%d %s"):format(status, text)
  end
  if #objects > 1 then
    text = ("%s (and %d more)"):format(text, #objects - 1)
  end
  return text
end

--- Returns the id of the profile that already exists, if the error is a conflict
--- with it.
---@param objects table[]
---@return string|nil
function M.duplicate_id(objects)
  for _, object in ipairs(objects) do
    local meta = type(object) == "table" and object.meta
    local id = type(meta) == "table" and text_of(meta.duplicate_profile_id)
    if id then
      return id
    end
  end
end

--- Returns the error objects of a decoded body, if it is a JSON:API error
--- document.
function M.objects(body)
  local list = type(body) == "table" and body.errors
  if type(list) == "table" and #list > 0 then
    return list
  end
end

return M
