--- The options of a gateway, checked when nginx reads its configuration.

local callers = require "klaviyo.gateway.callers"
local checker = require "klaviyo.util.options"
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

local CALL = "gateway.new"

local function is_secret(value)
  return type(value) == "function"
    or type(value) == "string" and value ~= "" and not value:find("[%c%s]")
end

local SECRET = {test = is_secret, secret = true,
  expected = "a string of one word, or a function"}

local FIELDS = {
  api_key = SECRET,
  access_token = SECRET,
  callers = {type = {"function", "table"}, expected = "a function or a list",
    required = "set a list of {name =, token_sha256 =}, or a function"},
  public = {type = "boolean"},
  revision = client_settings.FIELDS.revision,
  prefix = {pattern = "^/[%w%-%._~/]*[%w%-%._~]$", default = "/klaviyo",
    expected = 'a path such as "/klaviyo", without a slash at its end'},
  public_url = {pattern = "^https?://[^/%s\"\\?#%c@]+[^%s\"\\?#%c]*$",
    expected = "an http(s) URL without user and password"},
  rate_limit_key = client_settings.FIELDS.rate_limit_key,
  rate_limit_file = client_settings.FIELDS.rate_limit_file,
  pacing = client_settings.FIELDS.pacing,
  max_wait = {type = "number", unit = "seconds", min = 0, default = 1},
  max_body_bytes = {type = "integer", unit = "bytes", min = 0,
    default = 6 * 1024 * 1024},
}

local function check_secrets(settings)
  if settings.api_key and settings.access_token then
    usage_error.raise("%s: set api_key or access_token, not both", CALL)
  elseif not settings.api_key and not settings.access_token then
    local key = os.getenv("KLAVIYO_API_KEY")
    if not is_secret(key) then
      usage_error.raise("%s: api_key is missing: set it, or KLAVIYO_API_KEY in "
        .. 'the environment (with "env KLAVIYO_API_KEY;" in nginx.conf)', CALL)
    end
    settings.api_key = key
  end
  if settings.access_token and settings.pacing ~= false
      and settings.rate_limit_file ~= false and not settings.rate_limit_key then
    usage_error.raise("%s: access_token needs rate_limit_key, the name of its account: "
      .. "rate limits are counted by account, and a token changes; or set "
      .. "rate_limit_file = false", CALL)
  end
end

--- Returns the settings, and the function that finds the caller of a request.
---@param options klaviyo.gateway.Options
---@return table settings
---@return function rule
function M.checked(options)
  local settings = checker.check(FIELDS, options, CALL)
  check_secrets(settings)
  if settings.public_url then
    settings.public_url = settings.public_url:gsub("/+$", "")
  end
  local revision = operations.revision(settings.revision)
  if not revision or settings.revision < operations.revisions()[1] then
    usage_error.unknown("revision", settings.revision, operations.revisions())
  end
  if type(settings.callers) == "function" then
    return settings, settings.callers
  end
  return settings, callers.of_list(settings.callers, revision)
end

return M
