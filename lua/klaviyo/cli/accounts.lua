--- The accounts of this user: $XDG_CONFIG_HOME/klaviyo/accounts.json, readable by
--- the user alone.
---
---     {"current": "shop", "accounts": {"shop": {"api_key": "pk_…",
---       "company_id": "AbCdEf", "organization": "The Shop", "base_url": "…"}}}
---
--- The account of a command is the first of these: --account, $KLAVIYO_ACCOUNT,
--- $KLAVIYO_API_KEY (or $KLAVIYO_ACCESS_TOKEN), and the account that was logged in
--- or switched to last. The address is the first of --base-url, $KLAVIYO_BASE_URL,
--- that of the account, and Klaviyo's.

local files = require "klaviyo.cli.files"
local json = require "klaviyo".json
local shell = require "klaviyo.cli.shell"
local sorted_keys = require "klaviyo.cli.sorted_keys"

local M = {}

---@class klaviyo.cli.Account
---@field name string|nil  nil if the key is of the environment
---@field api_key string|nil
---@field access_token string|nil  of the environment
---@field auth_scheme string|nil
---@field rate_limit_key string|nil
---@field company_id string|nil
---@field organization string|nil
---@field base_url string|nil
---@field source string  what chose it: "--account", "$KLAVIYO_API_KEY", …

---@class klaviyo.cli.Accounts
---@field current string|nil
---@field accounts table<string, klaviyo.cli.Account>

--- Returns the folder of the file.
---@param getenv fun(name: string): string|nil
---@return string|nil  nil if neither variable is set
function M.folder(getenv)
  local config, home = getenv "XDG_CONFIG_HOME", getenv "HOME"
  if config and config:sub(1, 1) == "/" then
    return config .. "/klaviyo"
  elseif home and home ~= "" then
    return home .. "/.config/klaviyo"
  end
end

--- Returns the path of the file, or nil and a message.
---@param getenv fun(name: string): string|nil
---@return string|nil
---@return string|nil message
function M.path(getenv)
  local folder = M.folder(getenv)
  if not folder then
    return nil, "neither HOME nor XDG_CONFIG_HOME is set"
  end
  return folder .. "/accounts.json"
end

local function is_account(account)
  return type(account) == "table" and type(account.api_key) == "string"
    and account.api_key ~= ""
end

local function check(value)
  if type(value) ~= "table" or type(value.accounts) ~= "table" then
    return nil, 'it has no "accounts"'
  end
  for name, account in pairs(value.accounts) do
    if type(name) ~= "string" or not is_account(account) then
      return nil, ('the account "%s" has no "api_key"'):format(tostring(name))
    end
  end
  if type(value.current) ~= "string" then
    value.current = nil
  end
  return value
end

-- Returns true if a file cannot be opened because it does not exist.
local ENOENT = 2

--- Returns the accounts; none if there is no file.
---@param getenv fun(name: string): string|nil
---@return klaviyo.cli.Accounts|nil
---@return string|nil message
function M.read(getenv)
  local path = M.path(getenv)
  if not path then
    return {accounts = {}}
  end
  local file, why, code = io.open(path, "rb")
  if not file then
    if code == ENOENT then
      return {accounts = {}}
    end
    return nil, ("cannot read the accounts: %s"):format(why)
  end
  local text
  text, why = file:read("*a")
  file:close()
  if not text then
    return nil, ("cannot read the accounts: %s: %s"):format(path, why)
  end
  -- no excerpt of the text in a message: it has keys
  local value = json.decode(text)
  if value == nil then
    return nil, ("%s is not JSON; fix it, or remove it and log in again")
      :format(path)
  end
  value, why = check(value)
  if not value then
    return nil, ("%s is damaged: %s; fix it, or remove it and log in again")
      :format(path, why)
  end
  return value
end

local function ordered(accounts)
  local copy = {current = accounts.current, accounts = {}}
  for name, account in pairs(accounts.accounts) do
    copy.accounts[name] = {api_key = account.api_key,
      company_id = account.company_id, organization = account.organization,
      base_url = account.base_url}
  end
  return copy
end

--- Replaces the file, in one step: another process reads the old accounts or the
--- new ones. The keys are not arguments of a program.
---@param getenv fun(name: string): string|nil
---@param accounts klaviyo.cli.Accounts
---@return boolean|nil
---@return string|nil message
function M.write(getenv, accounts)
  local path, why = M.path(getenv)
  if not path then
    return nil, why
  end
  local text = json.encode(ordered(accounts)) .. "\n"
  local folder = M.folder(getenv)
  local new = ("%s.%s.new"):format(path, tostring({}):match("0x(%x+)") or "0")
  local pipe = io.popen(("{ umask 077; mkdir -p %s && cat >%s && sync %s; } 2>/dev/null")
    :format(shell.quote(folder), shell.quote(new), shell.quote(new)), "w")
  if not pipe then
    return nil, "cannot start a shell"
  end
  pipe:write(text)
  pipe:close()
  if files.read(new) ~= text then
    os.remove(new)
    return nil, ("cannot write %s: is the disk full, or the folder protected?")
      :format(path)
  end
  local done
  done, why = os.rename(new, path)
  if not done then
    os.remove(new)
    return nil, ("cannot write the accounts: %s"):format(why)
  end
  return true
end

local function present(text)
  return text ~= nil and text ~= "" and text or nil
end

-- Returns the account of the key or the token of the environment, or nil.
local function of_environment(getenv)
  for name, field in pairs {KLAVIYO_API_KEY = "api_key",
    KLAVIYO_ACCESS_TOKEN = "access_token"} do
    if present(getenv(name)) and (field == "api_key"
        or not present(getenv "KLAVIYO_API_KEY")) then
      return {[field] = getenv(name), source = "$" .. name,
        company_id = present(getenv "KLAVIYO_COMPANY_ID"),
        auth_scheme = present(getenv "KLAVIYO_AUTH_SCHEME"),
        rate_limit_key = present(getenv "KLAVIYO_RATE_LIMIT_KEY")}
    end
  end
end

--- Returns the account that a command uses; nil if there is none, and a message
--- if the accounts cannot be read or one is not known. The names of the known
--- accounts are the third value.
---@param name string|nil  the value of --account
---@param getenv fun(name: string): string|nil
---@return klaviyo.cli.Account|nil
---@return string|nil message
---@return string[]|nil names
function M.choose(name, getenv)
  local source = name and "--account"
    or present(getenv "KLAVIYO_ACCOUNT") and "$KLAVIYO_ACCOUNT"
  name = name or present(getenv "KLAVIYO_ACCOUNT")
  local account = not name and of_environment(getenv)
  if account then
    return account
  end
  local accounts, why = M.read(getenv)
  if not accounts then
    return nil, why
  end
  if not name then
    name, source = accounts.current, "klaviyo auth switch"
  end
  if not name then
    return nil
  end
  local found = accounts.accounts[name]
  if not found then
    return nil, ('no account "%s" (%s)'):format(name, source), sorted_keys(accounts.accounts)
  end
  found.name, found.source = name, source
  return found
end

return M
