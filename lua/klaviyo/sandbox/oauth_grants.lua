--- The codes and tokens that the sandbox gave, and what they are valid for.
---
--- A grant is what an account allowed an app once. It ends when it is revoked. If
--- refresh tokens rotate, each answer of a refresh is a pair; the first use of one of
--- its tokens ends the refresh token that it was requested with.

local random_ids = require "klaviyo.sandbox.random_ids"

local M = {}

local CODE_SECONDS = 300
local UNUSED_SECONDS = 90 * 86400

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

--- Returns no grants.
---@return table
function M.new()
  return {codes = {}, access = {}, refresh = {},
    counts = {authorized = 0, exchanged = 0, refreshed = 0, refused = 0, revoked = 0}}
end

local function new_token(state, size)
  -- a generator of its own, which a reset does not restart: an old token stays
  -- invalid, and the ids of resources do not change
  state.token_ids = state.token_ids
    or random_ids.new((state.settings.phase_seed or 1) * 7 + 11)
  return state.token_ids:letters(ALPHABET, size)
end

--- Returns a code.
---@param state klaviyo.sandbox.State
---@param request table  {redirect_uri =, challenge =, scope =}
---@return string
function M.authorize(state, request)
  local code = new_token(state, 32)
  request.valid_until = state.clock() + CODE_SECONDS
  state.oauth.codes[code] = request
  state.oauth.counts.authorized = state.oauth.counts.authorized + 1
  return code
end

--- Returns what a code was given for, and makes it invalid; nil if it is not valid.
---@param state klaviyo.sandbox.State
---@param code string
---@return table|nil
function M.take_code(state, code)
  local request = state.oauth.codes[code]
  state.oauth.codes[code] = nil
  return request and state.clock() < request.valid_until and request or nil
end

local function issue(state, grant, refresh_token, parent)
  local pair = {
    access_token = new_token(state, 48),
    refresh_token = refresh_token or new_token(state, 48),
    parent = parent,
  }
  state.oauth.access[pair.access_token] = {grant = grant, pair = pair,
    valid_until = state.clock() + (state.settings.token_seconds or 3600)}
  state.oauth.refresh[pair.refresh_token] = {grant = grant, pair = pair,
    used_at = state.clock()}
  return pair
end

--- Returns the first pair of tokens for a code.
---@param state klaviyo.sandbox.State
---@param scope string
---@return table pair  {access_token =, refresh_token =}
---@return table grant
function M.exchange(state, scope)
  local grant = {scope = scope, scopes = {}}
  for name in scope:gmatch("%S+") do
    grant.scopes[name] = true
  end
  state.oauth.counts.exchanged = state.oauth.counts.exchanged + 1
  return issue(state, grant), grant
end

-- A pair is used: the token that it was requested with ends, and so do those of the
-- other pairs that were requested with it and were never used.
local function use(state, pair)
  local parent = pair.parent
  if not parent then
    return
  end
  pair.parent = nil
  state.oauth.refresh[parent] = nil
  for token, entry in pairs(state.oauth.refresh) do
    if entry.pair.parent == parent then
      state.oauth.refresh[token] = nil
      state.oauth.access[entry.pair.access_token] = nil
    end
  end
end

--- Returns the next pair of tokens for a refresh token; nil if it is not valid.
---@param state klaviyo.sandbox.State
---@param token string
---@return table|nil pair
---@return table|nil grant
function M.refresh(state, token)
  local entry = state.oauth.refresh[token]
  if not entry or entry.grant.revoked
      or state.clock() - entry.used_at > UNUSED_SECONDS then
    return nil
  end
  local rotate = state.settings.rotate_refresh_tokens
  use(state, entry.pair)
  entry.used_at = state.clock()
  state.oauth.counts.refreshed = state.oauth.counts.refreshed + 1
  if not rotate then
    return issue(state, entry.grant, token), entry.grant
  elseif rotate == "strict" then
    state.oauth.refresh[token] = nil
    return issue(state, entry.grant), entry.grant
  end
  return issue(state, entry.grant, nil, token), entry.grant
end

--- Returns the scopes of an access token, as a set; nil if it is not valid.
---@param state klaviyo.sandbox.State
---@param token string
---@return table<string, true>|nil
function M.scopes(state, token)
  local entry = state.oauth.access[token]
  if not entry or entry.grant.revoked or state.clock() >= entry.valid_until then
    return nil
  end
  use(state, entry.pair)
  return entry.grant.scopes
end

local function revoke(state, grant)
  if not grant.revoked then
    grant.revoked = true
    state.oauth.counts.revoked = state.oauth.counts.revoked + 1
  end
end

--- Ends the grant of a token, if there is one.
---@param state klaviyo.sandbox.State
---@param token string
function M.revoke(state, token)
  local entry = state.oauth.refresh[token] or state.oauth.access[token]
  if entry then
    revoke(state, entry.grant)
  end
end

--- Ends all grants, as an account does that uninstalls the app.
---@param state klaviyo.sandbox.State
function M.revoke_all(state)
  for _, entries in ipairs {state.oauth.refresh, state.oauth.access} do
    for _, entry in pairs(entries) do
      revoke(state, entry.grant)
    end
  end
end

return M
