--- The tokens of the accounts, in a folder or by functions of the program;
--- encrypted, if there is a key.

local checker = require "klaviyo.util.options"
local entries = require "klaviyo.oauth.entry"
local errors = require "klaviyo.response.errors"
local folder_store = require "klaviyo.oauth.folder_store"
local json = require "klaviyo.values.json"
local sealed = require "klaviyo.oauth.sealed"
local usage_error = require "klaviyo.util.usage_error"
local valid_utf8 = require "klaviyo.util.valid_utf8"

local M = {}

--- The tokens of an account, as they are stored.
---@class klaviyo.oauth.Pair
---@field access_token string
---@field refresh_token string
---@field scope string  separated by spaces
---@field expires_at integer  when the access token expires, in seconds since 1970
---@field refreshed_at integer  when this pair was received
---@field authorized_at integer  when the account authorized the app
---@field client_id string|nil  of the app; nil if an older version stored the pair

--- Functions that keep the tokens of the accounts, for example in a database. They
--- may make calls that wait.
---@class klaviyo.oauth.Store
---@field load fun(account: string): string|nil, any  returns what was saved; nil if there is nothing, or nil and why it
---  failed
---@field save fun(account: string, text: string|nil): boolean|nil, any  keeps the text, or removes it if it is nil;
---  returns true, or nil and why it failed
---@field list? fun(): string[]|nil, any  returns the accounts, or nil and why it failed; for app:accounts
---@field lock_folder? string  the default of the option lock_folder, for a store that only this machine uses

local FUNCTION = {type = "function"}

local FIELDS = {
  load = {type = "function", required = "set a function that returns the text of an account"},
  save = {type = "function", required = "set a function that keeps the text of an account"},
  list = FUNCTION,
  lock_folder = {type = "text"},
}

local Store = {}
Store.__index = Store

local function of_functions(option)
  local functions = checker.check(FIELDS, option, "oauth.new: store")
  return {
    prepare = function() return true end,
    load = function(_, account) return functions.load(account) end,
    save = function(_, account, text) return functions.save(account, text) end,
    list = functions.list and function() return functions.list() end,
    path = functions.lock_folder,
    is_shared = not functions.lock_folder,
  }
end

--- Returns a store. Its `lock_folder` is a folder of this machine, if it knows one;
--- `is_shared` says that other machines may use it.
---@param option string|klaviyo.oauth.Store  the path of a folder, or functions
---@param keys string[]|nil  of 32 bytes: the first one encrypts, each may decrypt
---@param read_unencrypted boolean|nil  reads tokens that are not encrypted though there are keys
---@param client_id string|nil  of the app whose tokens are stored; nil: that of no matter which
function M.new(option, keys, read_unencrypted, client_id)
  local inner = type(option) == "string" and folder_store.new(option)
    or of_functions(option)
  return setmetatable({
    inner = inner, keys = keys, read_unencrypted = read_unencrypted,
    client_id = client_id, lock_folder = inner.path,
    is_shared = inner.is_shared or false,
  }, Store)
end

local function failure(what, why)
  return nil, errors.new {
    kind = "auth", code = "store", cause = why,
    message = ("%s: %s"):format(what, why == nil and "no reason" or tostring(why)),
  }
end

--- Checks that there is a place for the tokens, before a code is used up.
function Store:prepare()
  local ok, why = self.inner:prepare()
  if not ok then
    return failure("cannot store tokens", why)
  end
  return true
end

local function is_time(value)
  return type(value) == "number" and value >= 0 and value < 1e11
end

local function is_text(value)
  return value == nil or type(value) == "string" and valid_utf8(value) == value
end

-- A store may have been changed by others: what is not as it was saved must not reach
-- a header field or a computation.
local function is_pair(pair)
  return type(pair) == "table" and entries.is_token(pair.access_token)
    and entries.is_token(pair.refresh_token) and is_time(pair.expires_at)
    and (pair.refreshed_at == nil or is_time(pair.refreshed_at))
    and (pair.authorized_at == nil or is_time(pair.authorized_at))
    and is_text(pair.scope) and is_text(pair.client_id)
end

--- Returns the pair of an account; nil if there is none, or nil and an error.
---@param account string
---@return klaviyo.oauth.Pair|nil
---@return klaviyo.Error|nil
function Store:load(account)
  local what = ("cannot read the tokens of the account %q"):format(account)
  local text, why = self.inner:load(account)
  if text == nil and why == nil then
    return nil
  elseif text == nil then
    return failure(what, why)
  elseif type(text) ~= "string" then
    usage_error.raise("store.load must return a string, or nil, not %s",
      usage_error.kind(text))
  end
  local plain
  plain, why = sealed.open(self.keys, text, account, self.read_unencrypted)
  if not plain then
    return failure(what, why)
  end
  local pair = json.decode(plain)
  if not is_pair(pair) then
    return failure(what, "they are damaged; authorize again")
  elseif pair.client_id and self.client_id and pair.client_id ~= self.client_id then
    -- the service would reject them, and the other app lose the account
    return failure(what, ("they are those of another app, %q; each app needs a store of "
      .. "its own"):format(pair.client_id))
  end
  return pair
end

--- Stores the pair of an account; nil removes it. Returns true, or nil and an
--- error.
---@param account string
---@param pair klaviyo.oauth.Pair|nil
---@return boolean|nil
---@return klaviyo.Error|nil
function Store:save(account, pair)
  if pair and self.client_id then
    pair.client_id = self.client_id
  end
  local text = pair and sealed.seal(self.keys, json.encode(pair), account)
  local ok, why = self.inner:save(account, text)
  if not ok then
    return failure(("cannot store the tokens of the account %q"):format(account), why)
  end
  return true
end

--- Returns the accounts, or nil and an error.
---@return string[]|nil
---@return klaviyo.Error|nil
function Store:list()
  if not self.inner.list then
    usage_error.raise("app:accounts needs the function store.list")
  end
  local list, why = self.inner:list()
  if not list then
    return failure("cannot list the accounts", why)
  end
  return list
end

return M
