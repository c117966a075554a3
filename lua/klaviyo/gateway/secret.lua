--- Fetches the key or the token of a connection.

local auth = require "klaviyo.auth.auth"
local connections = require "klaviyo.gateway.connections"
local error_response = require "klaviyo.gateway.error_response"
local report = require "klaviyo.gateway.report"

local M = {}

-- Throws the error response for a missing key. An error message of the function is
-- not logged, because it may contain the secret.
local function no_key(connection, why)
  report("no key%s: %s", connections.is_default(connection) and ""
    or " of " .. connections.label(connection), why)
  error_response.throw(503, "no_key", "the gateway has no key at the moment; "
    .. "retry later")
end

-- The errors of klaviyo.oauth that only the account can end.
local ENDED = {invalid_grant = true, unknown_account = true}

local function not_authorized(connection, header)
  if not connection.is_ended then
    connection.is_ended = true
    report("%s: the account must authorize the app again",
      connections.label(connection))
  end
  error_response.throw(421, "connection_unauthorized", "the account of this connection "
    .. "must authorize the gateway again; tell the gateway's operator",
    {header = header})
end

--- Returns the key or the token of a connection, and the value of the header field
--- Authorization; or throws an error response. A function is called by one request at a
--- time, and with a key that the service rejected (see Gateway:header_filter) while it
--- returns that one.
---@param connection klaviyo.gateway.ConnectionState
---@param header string  the name of the header field that names connections
---@return string secret
---@return string authorization
function M.of(connection, header)
  local settings = connection.secret_settings
  local ok, secret, scheme = pcall(auth.of, settings)
  if ok and secret and secret == connection.rejected_secret then
    ok, secret, scheme = pcall(auth.of, settings, connection.rejected_secret)
  end
  if not ok then
    no_key(connection,
      "the function raised an error, or returned a value that is not a key")
  elseif not secret and ENDED[scheme.code] then
    not_authorized(connection, header)
  elseif not secret then
    no_key(connection, scheme.message)
  elseif secret:find("[%c%s]") then
    no_key(connection, "the value that the function returned contains white space")
  end
  connection.is_ended = nil
  connections.note_secret(connection, secret)
  return secret, scheme .. " " .. secret
end

return M
