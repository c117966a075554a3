--- OAuth: an app that accounts authorize, and the tokens of those accounts.
---
---     local app = klaviyo.oauth.new {
---       client_id = …, client_secret = …, scopes = {"accounts:read", …},
---       redirect_uri = "https://app.example/callback", store = "/var/lib/app/tokens",
---     }
---     local url, state, verifier = app:authorize()
---     local account, err = app:exchange {code = …, state = …, verifier = verifier}

require "klaviyo.util.lua_version"
local apps = require "klaviyo.oauth.apps"
local auth = require "klaviyo.auth.auth"
local browser = require "klaviyo.oauth.browser"
local checker = require "klaviyo.util.options"
local checks = require "klaviyo.oauth.options"
local client = require "klaviyo.client"
local entries = require "klaviyo.oauth.entry"
local exchange = require "klaviyo.oauth.exchange"
local percent_encoding = require "klaviyo.util.percent_encoding"
local proof = require "klaviyo.oauth.proof"
local refresh = require "klaviyo.oauth.refresh"
local token_endpoint = require "klaviyo.oauth.token_endpoint"
local token_store = require "klaviyo.oauth.token_store"
local usage_error = require "klaviyo.util.usage_error"
local warning = require "klaviyo.util.warning"

local M = {}

--- What a callback has. Pass what came: a field that is absent or not a text is not an
--- error of the program.
---@class klaviyo.oauth.Callback
---@field code? any  the parameter of the callback
---@field state? any  the parameter of the callback
---@field verifier? any  what app:authorize returned to this browser
---@field error? any  the parameter of the callback, if the account refused
---@field account? string  the name to store the tokens under; default the account's id at Klaviyo

---@class klaviyo.oauth.App
local App = {}
App.__index = App
App.__name = "klaviyo.oauth.App"


local function of(self)
  local own = apps.of(self)
  if not own then
    usage_error.raise("call this with a colon, on an app of klaviyo.oauth.new")
  end
  return own
end

local KLAVIYO = "https://a.klaviyo.com"

local function with_base_url(own, base_url)
  local values = {}
  for name, value in pairs(own or {}) do
    values[name] = value
  end
  values.base_url = base_url
  return values
end

--- Returns an app. It makes no request. Raises for unknown or invalid options.
---@param options klaviyo.oauth.Options
---@return klaviyo.oauth.App
function M.new(options)
  local own = checks.checked(options)
  own.store = token_store.new(own.store, own.encryption_key, own.read_unencrypted,
    own.client_id)
  own.lock_folder = own.lock_folder or own.store.lock_folder
  own.encryption_key = nil
  own.values = token_endpoint.settings(own.client_id, own.client_secret,
    own.settings or {})
  local base_url = own.values.base_url
  -- A client that is made in a worker of nginx does not see the environment: tokens
  -- must not go elsewhere than where they are from.
  own.settings = with_base_url(own.settings, base_url)
  own.authorize_url = own.authorize_url or base_url == KLAVIYO
    and "https://www.klaviyo.com/oauth/authorize" or base_url .. "/oauth/authorize"
  local app = setmetatable({}, App)
  own.entries, own.warned = {}, {}
  own.received, own.received_count = {}, 0
  apps.register(app, own)
  return app
end

--- Returns the URL to which the browser of an account is sent, and what the callback
--- is checked with. Keep the verifier where only this browser's callback finds it: in
--- the browser's session, or in a cookie that is Secure, HttpOnly and SameSite=Lax.
---@return string url
---@return string state  which the callback brings back
---@return string verifier  for app:exchange
function App:authorize()
  local own = of(self)
  local verifier = proof.verifier()
  local state = proof.state(own.client_secret, verifier)
  local query = {
    "response_type=code",
    "client_id=" .. percent_encoding.encode(own.client_id),
    "redirect_uri=" .. percent_encoding.encode(own.redirect_uri),
    "scope=" .. percent_encoding.encode(table.concat(own.scopes, " ")),
    "state=" .. state,
    "code_challenge_method=S256",
    "code_challenge=" .. proof.challenge(verifier),
  }
  return own.authorize_url .. "?" .. table.concat(query, "&"), state, verifier
end

local function text_of(_, value)
  return type(value) == "string" and value ~= "" and value or false
end

-- What comes from a browser may be of any type, for example a table if a parameter
-- came twice.
local FROM_BROWSER = {secret = true, convert = text_of}

local function check_account(label, account)
  if not exchange.is_name(account) then
    usage_error.raise("%s must be text of %d bytes at most, in UTF-8, without control "
      .. "characters, and not begin with %q", label, exchange.MAX_NAME, exchange.PENDING)
  end
  return account
end

local CALLBACK = {
  code = FROM_BROWSER, state = FROM_BROWSER, verifier = FROM_BROWSER,
  error = FROM_BROWSER, account = {type = "text", convert = check_account},
}

local function needs_scope(own)
  for _, scope in ipairs(own.scopes) do
    if scope == "accounts:read" or scope == "accounts:write" then
      return
    end
  end
  usage_error.raise("app:exchange: pass account, or add the scope accounts:read, with "
    .. "which the account's id is found")
end

--- Exchanges the code of a callback for tokens, and stores them. Raises only for
--- options that are not valid: a callback that is forged or incomplete is an error
--- of kind "auth". If the tokens were received but their account could not be found,
--- the same callback continues.
---@param callback klaviyo.oauth.Callback
---@return string|nil account
---@return klaviyo.Error|nil err
function App:exchange(callback)
  local own = of(self)
  callback = checker.check(CALLBACK, callback, "app:exchange")
  if not callback.account then
    needs_scope(own)
  end
  return exchange.run(own, callback)
end

--- In an nginx location: redirects the browser to the authorize page. A cookie keeps
--- what app:callback needs, for ten minutes: encrypted, HttpOnly and SameSite=Lax; if
--- redirect_uri is https also Secure, with a name that begins with __Host-.
function App:redirect()
  local own = of(self)
  return browser.redirect(own, self:authorize())
end

--- In the nginx location of redirect_uri: exchanges the code that the browser brings
--- for tokens, stores them, and returns the account, as app:exchange does.
---@return string|nil account
---@return klaviyo.Error|nil err
function App:callback()
  local own = of(self)
  local callback, err = browser.callback(own)
  if not callback then
    return nil, err
  end
  local account
  account, err = self:exchange(callback)
  if account or err.kind == "auth" and err.code ~= "store" then
    browser.forget(own, callback.state)
  end
  return account, err
end

-- Returns what this process knows of an account.
local function entry_of(own, call, account)
  if type(account) ~= "string" or account == "" then
    usage_error.raise("%s takes the name of an account, as app:exchange returns it, not "
      .. "%s", call, usage_error.kind(account))
  elseif not own.lock_folder then
    usage_error.raise("%s: set lock_folder in oauth.new, since store has functions", call)
  end
  check_account(call .. ": account", account)
  own.entries[account] = own.entries[account] or entries.new(account)
  return own.entries[account]
end

--- Returns a client for the calls of an account. It makes no request. The client
--- refreshes the token a minute before it expires, and once more if the service rejects
--- it; so do the other clients of the account, in all processes of the machine, one at
--- a time.
---@param account string
---@param options klaviyo.Settings|nil  besides those of the app
---@return klaviyo.Client
function App:client(account, options)
  local own = of(self)
  local entry = entry_of(own, "app:client", account)
  local values = {}
  for name, value in pairs(own.settings) do
    values[name] = value
  end
  for name, value in pairs(options or {}) do
    if name == "api_key" or name == "access_token" then
      usage_error.raise("app:client: leave out %s: the account has a token", name)
    end
    values[name] = value
  end
  values.rate_limit_key = values.rate_limit_key or account
  values.access_token = auth.concurrent(function(refused)
    return refresh.token(own, entry, refused)
  end)
  return client.new(values)
end

--- Refreshes the tokens of an account now, though the access token may be valid: a
--- refresh token that is not used for 90 days expires. For a script that runs each night.
---@param account string
---@return boolean|nil ok
---@return klaviyo.Error|nil err
function App:refresh(account)
  local own = of(self)
  return refresh.refresh(own, entry_of(own, "app:refresh", account))
end

--- Returns the access token of an account, for requests that are not a client's; or
--- nil and an error. The token is refreshed as app:client does: call this before each
--- request.
---@param account string
---@param refused string|nil  the token that the service rejected with 401, to get another one
---@return string|nil token
---@return klaviyo.Error|nil err
function App:token(account, refused)
  local own = of(self)
  return refresh.token(own, entry_of(own, "app:token", account), refused)
end

--- Ends the access to an account: revokes its tokens, and removes them from the store.
---@param account string
---@return boolean|nil ok
---@return klaviyo.Error|nil err
function App:revoke(account)
  local own = of(self)
  return refresh.revoke(own, entry_of(own, "app:revoke", account))
end

--- An account that authorized the app.
---@class klaviyo.oauth.Account
---@field account string  its name in the store
---@field scopes string[]  what it allowed
---@field authorized_at integer  in seconds since 1970
---@field refreshed_at integer  when the last tokens were received
---@field unused_days integer  the days since then; Klaviyo drops a refresh token that is not used for 90 days
---@field expires_at integer  when the access token expires
---@field must_authorize boolean  true: the account has ended its access; it has to authorize again
---@field error? klaviyo.Error  why its tokens cannot be read; the fields above then say nothing but its name

local DAY = 86400
local WARN_DAYS, MAX_DAYS = 75, 90  -- a refresh token is not used

local function described(account, pair)
  local scopes = {}
  for scope in (pair.scope or ""):gmatch("%S+") do
    scopes[#scopes + 1] = scope
  end
  local unused = os.time() - (pair.refreshed_at or pair.expires_at)
  return {account = account, scopes = scopes, authorized_at = pair.authorized_at,
    refreshed_at = pair.refreshed_at, expires_at = pair.expires_at,
    unused_days = math.max(0, math.floor(unused / DAY)),
    must_authorize = pair.must_authorize or false}
end

local function unreadable(account, err)
  return {account = account, scopes = {}, authorized_at = 0, refreshed_at = 0,
    expires_at = 0, unused_days = 0, must_authorize = false, error = err}
end

-- Warns once for each account, until its tokens are used again.
local function warn_of_unused(own, one)
  if one.must_authorize or one.unused_days < WARN_DAYS then
    own.warned[one.account] = nil
  elseif not own.warned[one.account] then
    own.warned[one.account] = true
    warning.say(own.values, ("oauth: the tokens of the account %q were not used for %d "
      .. "days; Klaviyo drops them after %d (call app:refresh)"):format(one.account,
      one.unused_days, MAX_DAYS))
  end
end

--- Returns the accounts that authorized the app, in the order of their names,
--- without their tokens; nil and an error if those of none can be read. Warns of tokens
--- that were not used for 75 days.
---@return klaviyo.oauth.Account[]|nil
---@return klaviyo.Error|nil err
function App:accounts()
  local own = of(self)
  local names, err = own.store:list()
  if not names then
    return nil, err
  end
  local list, readable = {}, 0
  for _, account in ipairs(names) do
    local pair, why
    if exchange.is_name(account) then
      pair, why = own.store:load(account)
    end
    if pair then  -- it may have been removed meanwhile
      readable = readable + 1
      list[#list + 1] = described(account, pair)
      warn_of_unused(own, list[#list])
    elseif why then
      err = err or why
      list[#list + 1] = unreadable(account, why)
    end
  end
  if err and readable == 0 then
    return nil, err
  end
  return list
end

function App:__tostring()
  return ("klaviyo.oauth.App (%s)"):format(of(self).client_id)
end

return M
