--- In nginx: sends a browser to the authorize page, and knows it again when it comes
--- back.
---
--- A cookie holds the verifier, encrypted, for this authorization alone: another
--- browser cannot finish it, and a second one, in another tab, has a cookie of its
--- own. All workers and hosts of an app can read it.

local base64 = require "klaviyo.util.base64"
local digest = require "klaviyo.digest"
local errors = require "klaviyo.response.errors"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local LIFE = 600     -- seconds until the browser has to be back
local KEY = "klaviyo oauth cookie"
local STATE_BYTES = 43

local function check_nginx(call)
  if type(ngx) ~= "table" or not ngx.redirect then
    usage_error.raise("%s works in nginx; elsewhere, use app:authorize and app:exchange",
      call)
  end
end

local function key_of(own)
  local digits = digest.hmac_sha256(own.client_secret, KEY)
  return (digits:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

local function is_https(own)
  return own.redirect_uri:find("^https:") ~= nil
end

-- A browser accepts a cookie named __Host-… only from the host itself, by https.
local function name_of(own, state)
  return (is_https(own) and "__Host-" or "") .. "klaviyo_oauth_" .. state:sub(1, 16)
end

local function set_cookie(own, state, value, life)
  local cookie = ("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s"):format(
    name_of(own, state), value, life, is_https(own) and "; Secure" or "")
  local list = ngx.header["Set-Cookie"] or {}
  if type(list) == "string" then
    list = {list}
  end
  list[#list + 1] = cookie
  ngx.header["Set-Cookie"] = list
  ngx.header["Cache-Control"] = "no-store"
end

--- Sets the cookie of an authorization, and redirects the browser.
---@param own table  of an app
---@param url string  of app:authorize, like the others
---@param state string
---@param verifier string
function M.redirect(own, url, state, verifier)
  check_nginx("app:redirect")
  local text = ("%d %s"):format(ngx.time() + LIFE, verifier)
  set_cookie(own, state, base64.encode(digest.seal(key_of(own), text, state)), LIFE)
  return ngx.redirect(url, 302)
end

local function rejected(code, message)
  return nil, errors.new {kind = "auth", code = code, message = message}
end

local NOT_BEGUN = "this browser did not begin the authorization, or has finished it; "
  .. "authorize again"

-- Returns the verifier of a state, or nil and an error.
local function verifier_of(own, state)
  local value = ngx.var["cookie_" .. name_of(own, state)]
  if not value or value == "" then
    return rejected("state", NOT_BEGUN)
  end
  local sealed = base64.decode(value)
  local text = sealed and digest.open(key_of(own), sealed, state)
  local valid_until, verifier = (text or ""):match("^(%d+) (.+)$")
  if not verifier then
    return rejected("state", NOT_BEGUN)
  elseif ngx.time() >= tonumber(valid_until) then
    return rejected("expired", ("the authorization took longer than %d minutes; "
      .. "authorize again"):format(LIFE / 60))
  end
  return verifier
end

--- Returns what app:exchange takes, of the request of a callback; or nil and an error.
---@param own table  of an app
---@return klaviyo.oauth.Callback|nil
---@return klaviyo.Error|nil
function M.callback(own)
  check_nginx("app:callback")
  local arguments = ngx.req.get_uri_args(20)
  local state = arguments.state
  if type(state) ~= "string" or #state ~= STATE_BYTES or not state:find("^[%w_-]+$") then
    return rejected("state", "the callback has no state; authorize again")
  end
  local verifier, err = verifier_of(own, state)
  if not verifier then
    return nil, err
  end
  return {code = arguments.code, state = state, error = arguments.error,
    verifier = verifier}
end

--- Removes the cookie of an authorization that is finished. It stays as long as the
--- same callback may succeed, when the browser loads the page again.
---@param own table  of an app
---@param state string
function M.forget(own, state)
  set_cookie(own, state, "", 0)
end

return M
