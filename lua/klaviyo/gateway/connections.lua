--- The connections of a gateway: each has the key or the tokens of an account, and
--- the rate limits that its requests count for.

local apps = require "klaviyo.oauth.apps"
local auth = require "klaviyo.auth.auth"
local callers = require "klaviyo.gateway.callers"
local checker = require "klaviyo.util.options"
local client_settings = require "klaviyo.settings"
local digest = require "klaviyo.digest"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local MAX_NAME = 64

--- A connection: a key, or the account of an app.
---@class klaviyo.gateway.Connection
---@field api_key? string|fun(refused: string|nil):string|nil,string|nil  the private key; a function as in the options
---@field access_token? string|fun(refused: string|nil):string|nil,string|nil  an OAuth token, in place of a key
---@field account? string  the account of an app of klaviyo.oauth, as app:exchange returned it
---@field oauth? klaviyo.oauth.App  the app; default the option `oauth`
---@field rate_limit_key? string  names the account whose rate limits count; connections with the same one share them.
---  Default: a hash of the key, or the name of the account

local FIELDS = {
  account = {type = "text"},
  oauth = {test = function(value) return apps.of(value) ~= nil end,
    expected = "an app of klaviyo.oauth.new"},
  rate_limit_key = client_settings.FIELDS.rate_limit_key,
}

--- A connection as the phases of a request use it.
---@class klaviyo.gateway.ConnectionState
---@field name string
---@field definition table  what it was made of
---@field kind string  "key", "token" or "oauth"
---@field secret_settings table  api_key or access_token, for klaviyo.auth.auth
---@field rate_limit_key string|nil  nil until the key is known
---@field pace table  the settings of its rate limits
---@field is_added boolean|nil  while nginx runs: it can be removed
---@field changes boolean  a function returns its key or token
---@field rejected_secret string|nil  the key or token that the service rejected last

local function is_secret(value)
  return type(value) == "function"
    or type(value) == "string" and value ~= "" and not value:find("[%c%s]")
end

M.SECRET = {test = is_secret, secret = true,
  expected = "a string of one word, or a function"}
FIELDS.api_key, FIELDS.access_token = M.SECRET, M.SECRET

--- Returns a connection.
---@param name string
---@param definition klaviyo.gateway.Connection  checked
---@param settings table  of the gateway
---@return klaviyo.gateway.ConnectionState
function M.new(name, definition, settings)
  local key, token = definition.api_key, definition.access_token
  local rate_limit_key = definition.rate_limit_key
  if definition.account then
    local app, account = definition.oauth, definition.account
    rate_limit_key = rate_limit_key or account
    token = auth.concurrent(function(refused)
      return app:token(account, refused)
    end)
  end
  return {
    name = name,
    definition = definition,
    kind = key and "key" or definition.account and "oauth" or "token",
    secret_settings = {api_key = key, access_token = token},
    rate_limit_key = rate_limit_key,
    pace = {
      base_url = "https://a.klaviyo.com", pacing = settings.pacing,
      rate_limit_file = settings.rate_limit_file, rate_limit_key = rate_limit_key,
      access_token = token,
    },
    changes = type(key or token) == "function",
  }
end

--- Raises an error if the rate limits of a token cannot be counted.
---@param where string
---@param definition table
---@param settings table  of the gateway
function M.check_rate_limits(where, definition, settings)
  if definition.access_token and settings.pacing ~= false
      and settings.rate_limit_file ~= false and not definition.rate_limit_key then
    usage_error.raise("%s: access_token needs rate_limit_key, the name of its account: "
      .. "rate limits are counted by account, and a token changes; or set "
      .. "rate_limit_file = false", where)
  end
end

local function check_account(where, definition, settings)
  definition.oauth = definition.oauth or settings.oauth
  if not definition.oauth then
    usage_error.raise("%s: account needs its app: set the option oauth", where)
  elseif not apps.of(definition.oauth).lock_folder then
    usage_error.raise("%s: set lock_folder in oauth.new, since store has functions",
      where)
  end
end

-- Returns the checked definition of a connection. A text is its key.
local function checked(where, definition, settings)
  if type(definition) == "string" or type(definition) == "function" then
    definition = {api_key = definition}
  elseif type(definition) ~= "table" then
    usage_error.raise("%s must be a key, a function or a table, not %s", where,
      usage_error.kind(definition))
  end
  definition = checker.check(FIELDS, definition, where)
  local count = 0
  for _, field in ipairs {"api_key", "access_token", "account"} do
    count = count + (definition[field] and 1 or 0)
  end
  if count ~= 1 then
    usage_error.raise("%s: set one of api_key, access_token and account", where)
  elseif definition.account then
    check_account(where, definition, settings)
  elseif definition.oauth then
    usage_error.raise("%s: oauth needs account", where)
  end
  M.check_rate_limits(where, definition, settings)
  return definition
end

--- Returns whether a value can be the name of a connection.
---@param name any
---@return boolean
function M.is_name(name)
  return type(name) == "string" and #name <= MAX_NAME
    and name:find(callers.CONNECTION_NAME) ~= nil
end

local function is_same(one, other)
  for _, pair in ipairs {{one, other}, {other, one}} do
    for field, value in pairs(pair[1]) do
      if pair[2][field] ~= value then
        return false
      end
    end
  end
  return true
end

--- Returns the connection of a definition, checked; the previous one if it is the
--- same, which knows what the service rejected.
---@param name any
---@param definition any
---@param settings table  of the gateway
---@param previous klaviyo.gateway.ConnectionState|nil
---@return klaviyo.gateway.ConnectionState
function M.compiled(name, definition, settings, previous)
  if not M.is_name(name) then
    usage_error.raise("connections: a name must have letters, digits, \"-\", \".\" and "
      .. "\"_\", and %d of them at most, not %s", MAX_NAME, usage_error.shown(name))
  end
  definition = checked(("connections: %s"):format(name), definition, settings)
  if previous and is_same(previous.definition, definition) then
    return previous
  end
  return M.new(name, definition, settings)
end

--- Returns the connections of a table of definitions.
---@param definitions any
---@param settings table  of the gateway
---@param previous table<string, klaviyo.gateway.ConnectionState>|nil
---@return table<string, klaviyo.gateway.ConnectionState>
function M.compiled_all(definitions, settings, previous)
  if type(definitions) ~= "table" then
    usage_error.raise("connections must be a table of connections by name, not %s",
      usage_error.kind(definitions))
  end
  local all = {}
  for name, definition in pairs(definitions) do
    all[name] = M.compiled(name, definition, settings, previous and previous[name])
  end
  if all[callers.DEFAULT] and settings.has_default then
    usage_error.raise("connections: %s is the name of the connection of api_key or "
      .. "access_token", callers.DEFAULT)
  end
  return all
end

--- Returns whether a connection is that of the gateway's own key.
---@param connection klaviyo.gateway.ConnectionState
---@return boolean
function M.is_default(connection)
  return connection.name == callers.DEFAULT
end

--- Returns a connection as messages name it.
---@param connection klaviyo.gateway.ConnectionState
---@return string
function M.label(connection)
  return M.is_default(connection) and "the gateway"
    or "the connection " .. connection.name
end

--- Sets the account of a connection whose key is now known: connections with the
--- same key share their limits.
---@param connection klaviyo.gateway.ConnectionState
---@param secret string
function M.note_secret(connection, secret)
  connection.rate_limit_key = connection.rate_limit_key or digest.sha256(secret)
end

return M
