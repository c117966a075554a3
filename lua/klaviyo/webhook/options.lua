--- Checks the options of the functions of klaviyo.webhook. Each raises a usage
--- error that names the function that the program called.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

-- Klaviyo rejects a webhook with a shorter secret.
local MIN_SECRET = 16

---@param call string  the function's name
function M.text(call, name, value)
  if type(value) ~= "string" then
    usage_error.raise("%s: %s must be a string, not %s", call, name, type(value))
  end
  return value
end

local function secret(call, name, value)
  local size = #M.text(call, name, value)
  if size == 0 then
    usage_error.raise("%s: %s is empty: anybody could sign with it", call, name)
  elseif size < MIN_SECRET then
    usage_error.raise("%s: %s has %d characters; the secret_key of a webhook has "
      .. "at least %d", call, name, size, MIN_SECRET)
  end
  return value
end

--- Returns the list of secrets in `secret` or `secrets`.
---@param options {secret: string|nil, secrets: string[]|nil}
---@return string[]
function M.secrets(call, options)
  if options.secret ~= nil and options.secrets ~= nil then
    usage_error.raise("%s: set secret or secrets, not both", call)
  elseif options.secret ~= nil then
    return {secret(call, "secret", options.secret)}
  elseif options.secrets == nil then
    usage_error.raise("%s: secret is missing: the secret_key that the webhook was "
      .. "created with", call)
  elseif type(options.secrets) ~= "table" or #options.secrets == 0 then
    usage_error.raise("%s: secrets must be a list of strings", call)
  end
  local list = {}
  for i = 1, #options.secrets do
    list[i] = secret(call, ("secrets[%d]"):format(i), options.secrets[i])
  end
  return list
end

--- Returns a number of seconds, or the default for nil.
function M.seconds(call, name, value, default)
  if value == nil then
    return default
  elseif type(value) ~= "number" or value ~= value or value < 0 then
    usage_error.raise("%s: %s must be a number of seconds", call, name)
  end
  return value
end

return M
