--- The connections of a gateway: each has the key or the token of an account, and
--- the rate limits that its requests count for.

local digest = require "klaviyo.digest"

local M = {}

M.DEFAULT = "default"

--- A connection as the phases of a request use it.
---@class klaviyo.gateway.ConnectionState
---@field name string
---@field secret_settings table  api_key or access_token, for klaviyo.auth.auth
---@field rate_limit_key string|nil  nil until the key is known
---@field pace table  the settings of its rate limits
---@field changes boolean  a function returns its key or token
---@field rejected_secret string|nil  the key or token that the service rejected last

--- Returns a connection.
---@param name string
---@param secret table  api_key or access_token
---@param rate_limit_key string|nil
---@param settings table  of the gateway
---@return klaviyo.gateway.ConnectionState
function M.new(name, secret, rate_limit_key, settings)
  return {
    name = name,
    secret_settings = {
      api_key = secret.api_key, access_token = secret.access_token,
    },
    rate_limit_key = rate_limit_key,
    pace = {
      base_url = "https://a.klaviyo.com", pacing = settings.pacing,
      rate_limit_file = settings.rate_limit_file, rate_limit_key = rate_limit_key,
      access_token = secret.access_token,
    },
    changes = type(secret.api_key or secret.access_token) == "function",
  }
end

--- Sets the account of a connection whose key is now known: connections with the
--- same key share their limits.
---@param connection klaviyo.gateway.ConnectionState
---@param secret string
function M.note_secret(connection, secret)
  connection.rate_limit_key = connection.rate_limit_key or digest.sha256(secret)
end

return M
