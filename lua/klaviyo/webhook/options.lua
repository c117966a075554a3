--- The rules of options that several functions of klaviyo.webhook take.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

-- Klaviyo rejects a webhook with a shorter secret.
local MIN_SECRET = 16

local function check_secret(label, secret)
  if #secret < MIN_SECRET then
    usage_error.raise("%s has %d characters; the secret_key of a webhook has at "
      .. "least %d", label, #secret, MIN_SECRET)
  end
  return secret
end

M.SECRET = {type = "string", secret = true, convert = check_secret}

M.SECRETS = {type = "list", expected = "a list of one string or more",
  items = M.SECRET, secret = true}

M.TOLERANCE = {type = "number", unit = "seconds", min = 0, infinite = true}

--- Returns the list of secrets in `secret` or `secrets`.
---@param call string  the function's name, for messages
---@param options {secret: string|nil, secrets: string[]|nil}
---@return string[]
function M.secrets(call, options)
  if options.secret and options.secrets then
    usage_error.raise("%s: set secret or secrets, not both", call)
  elseif not options.secret and not options.secrets then
    usage_error.raise("%s: secret is missing; pass the secret_key that the webhook was "
      .. "created with", call)
  end
  return options.secrets or {options.secret}
end

return M
