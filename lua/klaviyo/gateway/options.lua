--- The options of a gateway, checked when nginx reads its configuration.

local apps = require "klaviyo.oauth.apps"
local caller_lookup = require "klaviyo.gateway.caller_lookup"
local connection_lookup = require "klaviyo.gateway.connection_lookup"
local connections = require "klaviyo.gateway.connections"
local checker = require "klaviyo.util.options"
local control = require "klaviyo.gateway.control"
local operations = require "klaviyo.operations"
local client_settings = require "klaviyo.settings"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.gateway.Options
---@field api_key? string|fun(refused: string|nil):string|nil,string|nil  the private key; default
---  $KLAVIYO_API_KEY. A function returns the key, or nil and a reason. It is called for each request, by one at a time
---  in a worker; if it returns a key that the service rejected, it is called again with that key
---@field access_token? string|fun(refused: string|nil):string|nil,string|nil  an OAuth token, in place of a key
---@field connections? table<string, klaviyo.gateway.Connection|string|function>|string|fun(name: string):any  the
---  connections of several accounts, by name; a string is a key. Or the path of a JSON file with such an object, which
---  is read again when it changes; or a function that returns a connection, or nil. With this option the gateway has no
---  key of its own unless api_key or access_token is set: that connection is named "default"
---@field connection_header? string  the header field that names the connection of a request; default
---  "Klaviyo-Connection"
---@field oauth? klaviyo.oauth.App  the app of the connections that have an account and name no app
---@field connection_folder? string  the path of a folder with the connections that are added by gateway:control; they
---  have accounts of the option `oauth`
---@field control? klaviyo.gateway.Control  who may use gateway:control; default nobody
---@field callers klaviyo.gateway.Caller[]|string|fun(request: table):klaviyo.gateway.Caller|boolean|nil
---  the allowed callers; or the path of a JSON file with such a list, which is read again when it changes; or a
---  function that returns the caller, true, false (403) or nil (401). `request` has method, target,
---  operation, scopes (of the operation and the included resources), include (list of names), headers, token,
---  connection (the name in the header), remote_addr
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
---@field max_waiting? integer  how many requests may wait for one limit of an account, in each worker; default 1000
---@field max_waiting_per_caller? integer  how many of one caller; default 250
---@field dict? string  the lua_shared_dict in which the workers share the order of the waiting requests and the state
---  of the circuits; without it each worker has its own
---@field circuit? boolean|table  {failures = 5, pause = 10, max_pause = 60}: after that number of failures in a row
---  requests get a 503 for `pause` seconds, and after each failed probe for longer, up to max_pause; false: never
---@field max_body_bytes? integer  the maximum size of a body; default 6 MiB

local CALL = "gateway.new"

local USED_HEADERS = tables.set {"accept", "authorization", "connection",
  "content-encoding", "content-length", "content-type", "cookie", "expect", "host",
  "revision", "te", "traceparent", "tracestate", "transfer-encoding", "upgrade",
  "user-agent", "x-klaviyo-api-filters"}

local function is_free_header(value)
  return type(value) == "string" and value:find("^[%w-]+$") ~= nil
    and not USED_HEADERS[value:lower()]
end

local FIELDS = {
  api_key = connections.SECRET,
  access_token = connections.SECRET,
  connections = {type = {"function", "table", "path"},
    expected = "a table, a function or the path of a JSON file"},
  connection_header = {test = is_free_header, default = "Klaviyo-Connection",
    expected = "the name of a header field that has no other use"},
  oauth = {test = function(value) return apps.of(value) ~= nil end,
    expected = "an app of klaviyo.oauth.new"},
  connection_folder = {type = "path"},
  control = {type = "table", convert = control.checked},
  callers = {type = {"function", "table", "path"},
    expected = "a function, a list or the path of a JSON file",
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
  max_waiting = {type = "integer", min = 1, default = 1000},
  max_waiting_per_caller = {type = "integer", min = 1, default = 250},
  dict = {type = "text"},
  circuit = {type = {"boolean", "table"}, expected = "false, or a table",
    fields = {
      failures = {type = "integer", min = 1, default = 5},
      pause = {type = "number", unit = "seconds", above = 0, default = 10},
      max_pause = {type = "number", unit = "seconds", above = 0, default = 60},
    }},
  max_wait = {type = "number", unit = "seconds", min = 0, default = 1},
  max_body_bytes = {type = "integer", unit = "bytes", min = 0,
    default = 6 * 1024 * 1024},
}

local function check_dict(settings)
  if type(ngx) ~= "table" then
    return  -- a program outside nginx checks its options
  elseif settings.dict and not ngx.shared[settings.dict] then
    usage_error.raise('%s: there is no lua_shared_dict "%s" in nginx.conf', CALL,
      settings.dict)
  elseif not settings.dict and ngx.worker.count() ~= 1 then
    ngx.log(ngx.WARN, "klaviyo gateway: the option dict is not set: each worker "
      .. "orders its waiting requests and opens its circuits alone")
  end
end

local function check_secrets(settings)
  if settings.api_key and settings.access_token then
    usage_error.raise("%s: set api_key or access_token, not both", CALL)
  elseif not settings.is_many and not settings.api_key and not settings.access_token then
    local key = os.getenv("KLAVIYO_API_KEY")
    if not connections.SECRET.test(key) then
      usage_error.raise("%s: api_key is missing: set it, or KLAVIYO_API_KEY in "
        .. 'the environment (with "env KLAVIYO_API_KEY;" in nginx.conf)', CALL)
    end
    settings.api_key = key
  end
  settings.has_default = settings.api_key ~= nil or settings.access_token ~= nil
  connections.check_rate_limits(CALL, settings, settings)
end

--- Returns the settings, the function that finds the caller of a request, and the
--- connections.
---@param options klaviyo.gateway.Options
---@return table settings
---@return fun(request: table): table|false|nil find_caller
---@return klaviyo.gateway.ConnectionLookup
function M.checked(options)
  local settings = checker.check(FIELDS, options, CALL)
  settings.is_many = settings.connections ~= nil or settings.connection_folder ~= nil
  if settings.connection_folder and not settings.oauth then
    usage_error.raise("%s: connection_folder needs oauth, the app of its accounts", CALL)
  end
  check_secrets(settings)
  check_dict(settings)
  if settings.circuit == nil or settings.circuit == true then
    settings.circuit = checker.value(FIELDS.circuit, "circuit", {}, CALL)
  end
  if settings.public_url then
    settings.public_url = settings.public_url:gsub("/+$", "")
  end
  local revision = operations.revision(settings.revision)
  if not revision or settings.revision < operations.revisions()[1] then
    usage_error.unknown("revision", settings.revision, operations.revisions())
  end
  return settings, caller_lookup.new(settings.callers, revision),
    connection_lookup.new(settings)
end

return M
