--- The options of a gateway, checked when nginx reads its configuration.

local callers = require "klaviyo.gateway.callers"
local operations = require "klaviyo.operations"
local client_settings = require "klaviyo.settings"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.gateway.Options
---@field api_key? string|fun(refused: string|nil):string|nil,string|nil  the private key; default
---  $KLAVIYO_API_KEY. A function returns the key, or nil and a reason. It is called for each request, by one at a time
---  in a worker; if it returns a key that the service rejected, it is called again with that key
---@field access_token? string|fun(refused: string|nil):string|nil,string|nil  an OAuth token, in place of a key
---@field callers klaviyo.gateway.Caller[]|fun(request: table):klaviyo.gateway.Caller|boolean|nil
---  the allowed callers; a function returns the caller, true, false (403) or nil (401). `request` has method, target,
---  operation, scopes (of the operation and the included resources), include (list of names), headers, token,
---  remote_addr
---@field public? boolean  true: anyone may use /client, without a token
---@field revision? string  the revision of a request that names none; default "2024-10-15"
---@field prefix? string  the path of the location; default "/klaviyo"
---@field public_url? string  the URL of the gateway for its callers, up to /api; default: from the request's scheme
---  and Host
---@field rate_limit_key? string  names the account whose rate limits count; default: a hash of the key
---@field rate_limit_file? string|boolean  the file of the shared rate limits, or false: the same as a client's setting
---@field pacing? boolean|table  false: requests do not wait for the rate limits; {per_second =, per_minute =, per_day
---  =}: they also wait for these limits
---@field max_wait? number  seconds that a request may wait for the rate limits; default 1
---@field max_body_bytes? integer  the maximum size of a body; default 6 MiB

local function is_secret(value)
  return type(value) == "function"
    or type(value) == "string" and value ~= "" and not value:find("[%c%s]")
end

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

local function is_amount(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

local SECRET = {is_secret, "a string of one word, or a function", true}
local SWITCH = {function(value) return type(value) == "boolean" end,
  "true or false"}

local KNOWN = {
  api_key = SECRET,
  access_token = SECRET,
  callers = {function(value)
    return type(value) == "function" or type(value) == "table"
  end, "a function or a list", true},
  public = SWITCH,
  revision = {is_text, "a date"},
  prefix = {function(value)
    return is_text(value) and value:find("^/[%w%-%._~/]*[%w%-%._~]$")
  end, 'a path such as "/klaviyo", without a slash at its end'},
  public_url = {function(value)
    return is_text(value)
      and value:find("^https?://[^/%s\"\\?#%c@]+[^%s\"\\?#%c]*$")
  end, "an http(s) URL without user and password"},
  rate_limit_key = {is_text, "a string"},
  rate_limit_file = {function(value)
    return type(value) == "boolean" or is_text(value)
  end, "a path, or false"},
  pacing = {function(value)
    return type(value) == "boolean" or type(value) == "table"
  end, "true, false or {per_second =, per_minute =, per_day =}", true},
  max_wait = {is_amount, "a number of seconds"},
  max_body_bytes = {is_amount, "a number of bytes"},
}

local DEFAULTS = {
  revision = client_settings.default_revision,
  prefix = "/klaviyo",
  rate_limit_file = true,
  pacing = true,
  max_wait = 1,
  max_body_bytes = 6 * 1024 * 1024,
}

local function check(name, value)
  local rule = KNOWN[name]
  if not rule then
    usage_error.unknown("setting of the gateway", name, KNOWN)
  elseif not rule[1](value) then
    usage_error.raise("the gateway's %s must be %s%s", name, rule[2],
      rule[3] and "" or ", not " .. tostring(value))
  elseif name == "pacing" then
    client_settings.check_pacing("the gateway's pacing", value)
  end
end

local function check_secrets(settings)
  if settings.api_key and settings.access_token then
    usage_error.raise("set the gateway's api_key or its access_token, not both")
  elseif not settings.api_key and not settings.access_token then
    local key = os.getenv("KLAVIYO_API_KEY")
    if not is_secret(key) then
      usage_error.raise("the gateway has no key: set api_key or KLAVIYO_API_KEY "
        .. '(with "env KLAVIYO_API_KEY;" in nginx.conf)')
    end
    settings.api_key = key
  end
  if settings.access_token and settings.pacing ~= false
      and settings.rate_limit_file ~= false and not settings.rate_limit_key then
    usage_error.raise("access_token needs rate_limit_key, the name of its account: "
      .. "rate limits are counted by account, and a token changes; or set "
      .. "rate_limit_file = false")
  end
end

--- Returns the settings, and the function that finds the caller of a request.
---@param options klaviyo.gateway.Options
---@return table settings
---@return function rule
function M.checked(options)
  if type(options) ~= "table" then
    usage_error.raise("the gateway needs a table of settings")
  end
  local settings = {}
  for name, value in pairs(DEFAULTS) do
    settings[name] = value
  end
  for name, value in pairs(options) do
    check(name, value)
    settings[name] = value
  end
  check_secrets(settings)
  if settings.public_url then
    settings.public_url = settings.public_url:gsub("/+$", "")
  end
  local revision = operations.load(settings.revision)
  if not revision then
    usage_error.unknown("revision", settings.revision, operations.revisions())
  elseif settings.callers == nil then
    usage_error.raise("the gateway's callers are missing: set a list of "
      .. "{name =, token_sha256 =}, or a function")
  end
  if type(settings.callers) == "function" then
    return settings, settings.callers
  end
  return settings, callers.of_list(settings.callers, revision)
end

return M
