--- The request for a new pair of tokens. A new pair is stored before it is used.
--- The caller holds the lock of the account.

local entries = require "klaviyo.oauth.entry"
local tasks = require "klaviyo.tasks"
local token_endpoint = require "klaviyo.oauth.token_endpoint"

local M = {}

local LOOKS, PAUSE = 4, 0.3  -- for a pair that another machine may store

local WHAT = "the token could not be refreshed"

-- The account has to authorize again: this is stored, so that the other processes
-- know it, and reported once.
local function end_grant(own, entry, pair, err)
  pair.must_authorize = true
  entry.pair = nil
  local _, store_err = own.store:save(entry.account, pair)
  return nil, store_err or err, store_err and "failed" or "reauthorize"
end

-- Returns the pair that was stored meanwhile; or nil and an error; or neither. The
-- machines that share a store do not share the lock: one of them may have used the
-- refresh token first, and store its pair in a moment.
local function stored_meanwhile(own, entry, pair)
  for look = 1, own.store.is_shared and LOOKS or 1 do
    if look > 1 then
      tasks.sleep(PAUSE, own.values.wait)
    end
    local stored, err = own.store:load(entry.account)
    if not stored or stored.refresh_token ~= pair.refresh_token
        or stored.access_token ~= pair.access_token or stored.must_authorize then
      return stored, err or not stored and entries.failure(entry, "unknown_account",
        "authorize first") or nil
    end
  end
end

-- Returns the pair of the service, or nil and an error. One that was received but
-- could not be stored comes first: the refresh token may have been valid only once.
local function receive(own, entry, pair)
  local received = entry.received
  if received and received.from == pair.refresh_token then
    return received.pair
  end
  local body, err, time = token_endpoint.request(own.values, "/oauth/token", {
    grant_type = "refresh_token", refresh_token = pair.refresh_token,
  }, true, WHAT)
  if not body then
    return nil, err
  end
  return token_endpoint.pair(body, pair, time, WHAT)
end

local function after_invalid_grant(own, entry, refused, pair, err, is_second)
  local stored, why = stored_meanwhile(own, entry, pair)
  if why then
    return nil, why, "failed"
  elseif stored and stored.must_authorize then
    entry.pair = nil
    return nil, err, "failed"
  elseif entries.is_valid(stored, refused) then
    return entries.adopt(entry, stored), nil, "shared"
  elseif stored and not is_second then
    return M.run(own, entry, refused, stored, true)
  end
  return end_grant(own, entry, pair, err)
end

--- Sends the refresh token of a pair. Returns the new access token, or nil and an
--- error; and what became of the refresh: "refreshed", "shared", "reauthorize" or
--- "failed".
---@param own table  of an app
---@param entry klaviyo.oauth.Entry
---@param refused string|nil  the access token that the service rejected
---@param pair klaviyo.oauth.Pair
---@param is_second boolean|nil
---@return string|nil
---@return klaviyo.Error|nil
---@return string
function M.run(own, entry, refused, pair, is_second)
  local new, err = receive(own, entry, pair)
  if not new and err.code == "invalid_grant" then
    return after_invalid_grant(own, entry, refused, pair, err, is_second)
  elseif not new then
    return nil, err, "failed"
  end
  local ok
  ok, err = own.store:save(entry.account, new)
  if not ok then
    entry.received = {pair = new, from = pair.refresh_token}
    return nil, err, "failed"
  end
  entry.received = nil
  if not entries.is_valid(new, refused) and not is_second then
    return M.run(own, entry, refused, new, true)
  end
  return entries.adopt(entry, new), nil, "refreshed"
end

return M
