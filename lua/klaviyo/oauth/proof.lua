--- What proves that an authorization belongs to the browser that began it: the
--- code verifier of PKCE (RFC 7636), its challenge, and the state.

local base64 = require "klaviyo.util.base64"
local digest = require "klaviyo.digest"

local M = {}

local function bytes_of(hex)
  return (hex:gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

--- Returns a new verifier: 43 characters from 32 random bytes.
---@return string
function M.verifier()
  return base64.encode_url(digest.random(32))
end

--- Returns the challenge of a verifier, by the method S256.
---@param verifier string
---@return string
function M.challenge(verifier)
  return base64.encode_url(bytes_of(digest.sha256(verifier)))
end

--- Returns the state of a verifier. Only this app can make it, and it does not
--- reveal the verifier.
---@param client_secret string
---@param verifier string
---@return string
function M.state(client_secret, verifier)
  return base64.encode_url(bytes_of(digest.hmac_sha256(client_secret,
    "klaviyo oauth state " .. verifier)))
end

--- Returns true if a state is that of a verifier.
---@param client_secret string
---@param verifier string
---@param state string
---@return boolean
function M.belongs(client_secret, verifier, state)
  return digest.equal(M.state(client_secret, verifier), state)
end

return M
