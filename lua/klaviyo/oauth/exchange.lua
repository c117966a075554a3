--- Exchanges the code of a callback for tokens, and finds out whose they are.
---
--- A code is valid once. If the tokens were received but their account could not be
--- found, because the service failed, they are stored under a name that is made from
--- the verifier: then the same callback, as when a browser loads the page again, uses
--- them.

local client = require "klaviyo.client"
local digest = require "klaviyo.digest"
local errors = require "klaviyo.response.errors"
local proof = require "klaviyo.oauth.proof"
local refresh = require "klaviyo.oauth.refresh"
local token_endpoint = require "klaviyo.oauth.token_endpoint"
local valid_utf8 = require "klaviyo.util.valid_utf8"

local M = {}

--- The first characters of the names of tokens whose account is not known yet.
M.PENDING = "pending."

--- The maximum size of a name.
M.MAX_NAME = 64

--- Returns true if a text may be the name of an account.
---@param text string
---@return boolean
function M.is_name(text)
  return text ~= "" and #text <= M.MAX_NAME and not text:find("%c")
    and text:sub(1, #M.PENDING) ~= M.PENDING and valid_utf8(text) == text
end

local function rejected(code, message)
  return nil, errors.new {kind = "auth", code = code, message = message}
end

-- Returns true, or nil and an error if a callback does not bring a code for the
-- browser that began.
local function check_callback(own, callback)
  local state, verifier = callback.state, callback.verifier
  if not state or not verifier
      or not proof.belongs(own.client_secret, verifier, state) then
    return rejected("state", "the state of the callback does not belong to the verifier "
      .. "of this browser; authorize again")
  elseif callback.error then
    local code = #callback.error <= 64 and callback.error:match("^[%w_.-]+$")
      or "error"
    return rejected(code, "the account did not authorize the app: " .. code)
  elseif not callback.code then
    return rejected("invalid_request", "the callback has no code; authorize again")
  end
  return true
end

local WHAT = "the code could not be exchanged"

local MAX_RECEIVED = 1000

-- Remembers a pair of a callback until it is stored: the same callback may come again
-- after a store has failed. nil forgets it.
local function remember(own, name, pair)
  if (own.received[name] == nil) ~= (pair == nil) then
    own.received_count = own.received_count + (pair and 1 or -1)
  end
  own.received[name] = pair
  if own.received_count > MAX_RECEIVED then
    own.received, own.received_count = {}, 0
  end
end

-- Returns the pair for a code, or nil and an error. A code is valid once: the request
-- is not repeated if its answer was lost.
local function request(own, callback, name)
  if own.received[name] then
    return own.received[name]
  end
  local body, err, time = token_endpoint.request(own.values, "/oauth/token", {
    grant_type = "authorization_code", code = callback.code,
    code_verifier = callback.verifier, redirect_uri = own.redirect_uri,
  }, false, WHAT)
  if not body then
    return nil, err
  end
  local pair
  pair, err = token_endpoint.pair(body, nil, time, WHAT)
  if pair then
    remember(own, name, pair)
  end
  return pair, err
end

-- Returns the id of the account whose token this is; or nil, an error, and true if the
-- same callback cannot succeed later.
local function account_of(own, access_token)
  local options = {access_token = access_token, rate_limit_file = false}
  for name, value in pairs(own.settings) do
    if options[name] == nil then
      options[name] = value
    end
  end
  local document, err = client.new(options):call("get_accounts")
  if not document then
    return nil, err, err.status == 401 or err.status == 403
  end
  local data = type(document.data) == "table" and document.data[1]
  local id = type(data) == "table" and data.id
  if type(id) ~= "string" or not M.is_name(id) then
    return nil, errors.new {kind = "decode",
      message = "the answer of get_accounts has no account; authorize again"}, true
  end
  return id
end

-- Keeps the tokens of an account that could not be found. If it cannot be found later
-- either, they are of no use, and are revoked if possible.
local function keep(own, name, pair, is_final)
  if not is_final then
    if own.store:save(name, pair) then
      remember(own, name, nil)
    end
    return
  end
  remember(own, name, nil)
  own.store:save(name, nil)
  token_endpoint.request(own.values, "/oauth/revoke", {
    token = pair.refresh_token, token_type_hint = "refresh_token",
  }, true, WHAT)
end

-- Seconds for which tokens are kept: no browser comes back after that.
local KEEP = 3600

-- Removes the tokens that were kept for browsers that did not come back.
local function forget_kept(own)
  for _, name in ipairs(own.store.inner.list and own.store:list() or {}) do
    local pair = name:sub(1, #M.PENDING) == M.PENDING and own.store:load(name)
    if pair and math.abs(os.time() - (pair.refreshed_at or 0)) > KEEP then
      own.store:save(name, nil)
    end
  end
end

-- Returns the pair for a code, and whether it was kept; or nil and an error.
local function kept_or_requested(own, callback, name)
  local pair, err = own.store:load(name)
  if pair or err then
    return pair, err or true
  end
  return request(own, callback, name)
end

local function of_unknown_account(own, callback, name)
  forget_kept(own)
  local pair, is_kept = kept_or_requested(own, callback, name)
  if not pair then
    return nil, is_kept
  end
  local account, err, is_final = account_of(own, pair.access_token)
  if not account then
    keep(own, name, pair, is_final)
    return nil, err
  end
  local ok
  ok, err = refresh.store(own, account, pair)
  if ok and is_kept then
    ok, err = own.store:save(name, nil)
  end
  if not ok then
    return nil, err
  end
  remember(own, name, nil)
  return account
end

local function of_account(own, callback, name)
  local pair, err = request(own, callback, name)
  if not pair then
    return nil, err
  end
  local ok
  ok, err = refresh.store(own, callback.account, pair)
  if not ok then
    return nil, err
  end
  remember(own, name, nil)
  return callback.account
end

--- Stores the tokens for the code of a callback. Returns the name of the account, or
--- nil and an error.
---@param own table  of an app
---@param callback klaviyo.oauth.Callback  whose fields are text or false
---@return string|nil
---@return klaviyo.Error|nil
function M.run(own, callback)
  local ok, err = check_callback(own, callback)
  if ok then
    ok, err = own.store:prepare()
  end
  if not ok then
    return nil, err
  end
  local name = M.PENDING .. digest.sha256(callback.verifier):sub(1, 40)
  return (callback.account and of_account or of_unknown_account)(own, callback, name)
end

return M
