--- What a process knows of the tokens of an account.

local digest = require "klaviyo.digest"
local errors = require "klaviyo.response.errors"
local lock = require "klaviyo.tasks.lock"

local M = {}

local AHEAD = 60          -- seconds before it expires a token is refreshed, or earlier

--- What this process knows of an account.
---@class klaviyo.oauth.Entry
---@field account string
---@field pair klaviyo.oauth.Pair|nil
---@field refresh_at number  when the pair is refreshed
---@field lock klaviyo.Lock
---@field turn integer  how often a refresh was tried
---@field failure klaviyo.Error|nil  of the latest one
---@field is_busy boolean  a light thread refreshes the pair
---@field received {pair: klaviyo.oauth.Pair, from: string}|nil  a pair that could not be stored yet, and the refresh
---  token that it was requested with

--- Returns an entry without tokens.
---@param account string
---@return klaviyo.oauth.Entry
function M.new(account)
  return {account = account, refresh_at = 0, turn = 0, is_busy = false,
    lock = lock.new("the tokens of an account")}
end

--- Returns true if a value may be a token (RFC 6749, appendix A): it is sent in a header
--- field.
---@param value any
---@return boolean
function M.is_token(value)
  return type(value) == "string" and value:find("^[!-~]+$") ~= nil
end

--- Returns when a pair is refreshed. Tokens of short life are refreshed in the last
--- quarter. A fraction at random keeps the processes apart.
function M.refresh_time(pair)
  local life = pair.expires_at - (pair.refreshed_at or pair.expires_at)
  local margin = math.min(AHEAD, life / 4)
  return pair.expires_at - margin * (1 + digest.random(1):byte() / 512)
end

--- Makes a pair that of an entry. Returns its access token.
function M.adopt(entry, pair)
  entry.pair, entry.refresh_at = pair, M.refresh_time(pair)
  return pair.access_token
end

--- Returns true if the token of an entry needs no refresh.
function M.is_fresh(entry, refused)
  return entry.pair and entry.pair.access_token ~= refused
    and os.time() < entry.refresh_at
end

--- Returns true if the access token of a pair may be used.
function M.is_valid(pair, refused)
  return pair and not pair.must_authorize and pair.access_token ~= refused
    and os.time() < pair.expires_at
end

--- Returns an error of kind "auth" about an account.
function M.failure(entry, code, message)
  return errors.new {kind = "auth", code = code,
    message = ("%s: the account %q"):format(message, entry.account)}
end

return M
