--- The options of an app, checked before it makes a request.

local checker = require "klaviyo.util.options"
local settings = require "klaviyo.settings"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.oauth.Options
---@field client_id string  of the app, from its page at Klaviyo
---@field client_secret string  of the app
---@field redirect_uri string  where the browser returns to, as registered at Klaviyo: https, or http on loopback
---@field scopes string[]  what the app may do: "profiles:read", …; app:exchange needs "accounts:read" to learn the
---  account's id
---@field store string|klaviyo.oauth.Store  the path of a folder where the tokens are kept, or functions of your own
---@field encryption_key? string|string[]  64 hexadecimal digits: the tokens are encrypted in the store, with
---  AES-256-GCM; of a list, the first key encrypts and each decrypts
---@field read_unencrypted? boolean  true: with encryption_key, tokens that were stored without one are read, too;
---  default false: they are an error, since anyone who can write to the store may have put them there
---@field lock_folder? string  a folder of this machine where one process at a time locks an account to refresh it;
---  default the folder of `store`; app:client needs it if `store` has functions
---@field on_reauthorize? fun(account: string)  called once when an account has ended its access, or its refresh token
---  was not used for 90 days: it has to authorize again
---@field authorize_url? string  default "https://www.klaviyo.com/oauth/authorize"; with another base_url than
---  Klaviyo's, that and /oauth/authorize
---@field settings? klaviyo.Settings  of the requests for tokens and of the clients, without a key: base_url, proxy, …

local function check_client_id(label, value)
  if value:find("[:%c]") then
    usage_error.raise("%s must not contain a colon or a control character", label)
  end
  return value
end

local function check_secret(label, value)
  settings.check_secret(label, value)
  return value
end

local function is_loopback(authority)
  local host = authority:gsub(":%d+$", "")
  return host == "localhost" or host == "[::1]"
    or host:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

local function check_redirect(label, url)
  local scheme, authority, rest = url:match("^(https?)://([^/?#]+)([^#]*)$")
  if not scheme or authority:find("[@\\%s%c]") or rest:find("[%s%c]")
      or scheme == "http" and not is_loopback(authority) then
    usage_error.raise("%s must be https://host/path, or http on loopback, without a "
      .. "fragment, not %q", label, url)
  end
  return url
end

local function check_scope(label, scope)
  if not scope:find("^[a-z0-9_-]+:[a-z]+$") then
    usage_error.raise('%s must be a scope such as "profiles:read", not %q', label,
      scope)
  end
  return scope
end

local function check_key(label, digits)
  if not digits:find("^%x+$") or #digits ~= 64 then
    usage_error.raise("%s must be 64 hexadecimal digits, as openssl rand -hex 32 "
      .. "prints them", label)
  end
  return (digits:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

local function check_keys(label, value)
  return type(value) == "string" and {check_key(label, value)} or value
end

local function check_authorize_url(label, url)
  if not url:find("^https?://[^/?#%s]+[^?#%s%c]*$") then
    usage_error.raise("%s must be a URL without a query, not %q", label, url)
  end
  return url
end

local FIELDS = {
  client_id = {type = "text", required = true, convert = check_client_id},
  client_secret = {type = "text", secret = true, required = true,
    convert = check_secret},
  redirect_uri = {type = "text", required = true, convert = check_redirect},
  scopes = {type = "list", expected = "a list of scopes", required = true,
    items = {type = "text", convert = check_scope}},
  store = {type = {"text", "table"}, expected = "the path of a folder, or functions",
    required = true},
  encryption_key = {type = {"text", "list"}, secret = true, convert = check_keys,
    expected = "64 hexadecimal digits, or a list of such keys",
    items = {type = "text", secret = true, convert = check_key}},
  read_unencrypted = {type = "boolean"},
  lock_folder = {type = "text"},
  on_reauthorize = {type = "function"},
  authorize_url = {type = "text", convert = check_authorize_url},
  settings = {type = "table"},
}

local SECRET_SETTINGS = {"api_key", "access_token", "auth_scheme"}

local function check_settings(own)
  for _, name in ipairs(SECRET_SETTINGS) do
    if own[name] ~= nil then
      usage_error.raise("oauth.new: settings must not have %s: the accounts have tokens",
        name)
    end
  end
  local values = {access_token = "none", rate_limit_key = "none"}
  for name, value in pairs(own) do
    values[name] = value
  end
  settings.new(values)
end

--- Returns the checked options of klaviyo.oauth.new. Raises for unknown or invalid ones.
---@param options klaviyo.oauth.Options
---@return table
function M.checked(options)
  local own = checker.check(FIELDS, options, "oauth.new")
  check_settings(own.settings or {})
  return own
end

return M
