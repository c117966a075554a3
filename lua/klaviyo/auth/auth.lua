--- Finds the key or the token of a call. If the setting is a function, it is
--- called for each call, and once more with a key that the service rejected. It is
--- called by one task at a time, because a refresh token may be valid only once. The
--- function of an OAuth account has locks of its own (klaviyo.oauth.refresh).

local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local check_secret = require("klaviyo.settings").check_secret

local errors = lazy_require "klaviyo.response.errors"
local lock = lazy_require "klaviyo.tasks.lock"
local phases = lazy_require "klaviyo.nginx.phases"

local M = {}

-- function → {lock =, refused = the rejected secret, replacement = the next one}
local states = setmetatable({}, {__mode = "k"})

-- functions of this library, which many tasks may call at a time and which return
-- errors
local of_library = setmetatable({}, {__mode = "k"})

--- Returns a function for the setting access_token that may be called by many tasks at
--- a time, and that returns a token, or nil and a klaviyo.Error.
---@param fn fun(refused: string|nil): string|nil, klaviyo.Error|nil
---@return fun(refused: string|nil): string|nil, klaviyo.Error|nil
function M.concurrent(fn)
  of_library[fn] = true
  return fn
end

local function fetch(state, name, fn, refused)
  if refused and refused == state.refused then
    return state.replacement  -- another call has fetched it already
  end
  local secret, reason = fn(refused)
  if secret == nil then
    return nil, errors.new({
      kind = "auth", cause = reason,
      message = ("the function %s returned nil%s"):format(name,
        reason ~= nil and ": " .. tostring(reason) or " without a reason"),
    }, refused)
  elseif type(secret) ~= "string" or secret == "" then
    usage_error.raise("the function %s must return a string, or nil and a reason, "
      .. "not %s", name, usage_error.kind(secret))
  end
  check_secret("what the function " .. name .. " returned", secret)
  if refused and secret ~= refused then
    state.refused, state.replacement = refused, secret
  end
  return secret
end

--- Returns the key or token, and the scheme it is sent with; or nil and an error
--- of kind "auth" if a function returned none.
---@param settings klaviyo.Settings
---@param refused string|nil  the key or token that the service rejected
---@return string|nil secret
---@return string|klaviyo.Error scheme
function M.of(settings, refused)
  local err
  local name = settings.access_token and "access_token" or "api_key"
  local secret = settings[name]
  if of_library[secret] then
    secret, err = secret(refused)
    if err then
      return nil, err
    end
  elseif type(secret) == "function" then
    local state = states[secret]
    if not state then
      state = {lock = lock.new("the function " .. name)}
      states[secret] = state
    end
    if type(ngx) == "table" and not phases.can_wait() then
      secret, err = fetch(state, name, secret, refused)
    else
      secret, err = state.lock:with(settings.wait, fetch, state, name, secret,
        refused)
    end
    if err then
      return nil, err
    end
  end
  if not secret then
    usage_error.raise("this call needs a key: set api_key or access_token")
  end
  return secret, settings.auth_scheme
    or (name == "access_token" and "Bearer" or "Klaviyo-API-Key")
end

return M
