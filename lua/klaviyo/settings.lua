--- The settings of a client: their names, their valid values and their
--- defaults.

local core = require "klaviyo.core"
local checker = require "klaviyo.util.options"
local usage_error = require "klaviyo.util.usage_error"
local proxies = require "klaviyo.util.proxy"

local M = {}

---@class klaviyo.Settings
---@field api_key? string|fun():string  a private key; default $KLAVIYO_API_KEY
---@field access_token? string|fun():string  an OAuth token, in place of a key
---@field auth_scheme? string  default "Klaviyo-API-Key", or "Bearer" with an access token
---@field company_id? string  the public key, for the /client calls
---@field validate? boolean  false: names and types are not checked before a request is sent
---@field fall_forward? boolean  false: a call with a retired revision fails with 410; by default a later one is used
---@field on_warning? fun(message: string)  called with each warning; default: a line on stderr, or in nginx's log
---@field openapi? string  the path of an OpenAPI document of Klaviyo: its revision is used, unless `revision` is set
---@field revision? string  default "2024-10-15"
---@field base_url? string  default "https://a.klaviyo.com"; the URL of a gateway up to, not including, /api.
---  Plain http to Klaviyo's hosts raises an error; plain http to another host causes one warning, unless it is loopback
---@field headers? table<string, string>  more header fields, for every request
---@field timeout? number  seconds for one attempt, from start to end; default 30
---@field connect_timeout? number  seconds to establish a connection; default 5
---@field deadline? number  seconds for a call with all its waiting and its attempts; default 120
---@field retries? integer  how many attempts may follow a failed one; default 4; 0: a 429 is not retried either.
---  A 429 that names a time to wait does not count, one with a Retry-After of 0 does
---@field pacing? boolean|table  false: calls do not wait for the rate limits; {per_second=, …}: also the limits of a
---  gateway of your own
---@field rate_limit_key? string  names the account whose rate limits count; default: a hash of the private key.
---  Required with access_token, unless rate_limit_file is false
---@field rate_limit_file? string|boolean  the file where the processes of the machine count their use of the rate
---  limits; or the URL of a Redis, e.g. redis://host:6379/0, by which machines share them (rock klaviyo-redis);
---  false: each process counts alone; default $KLAVIYO_RATE_LIMIT_FILE, or else /tmp/klaviyo-rate-limits-UID
---@field max_queued_events? integer  how many tracked events may wait to be sent, with 64 MiB at most; default 10000
---@field track_deadline? number  seconds, from its first attempt, in which a tracked event is retried; default 3600
---@field prefetch? boolean  false: an iterator requests a page only when it is needed
---@field wait? fun(fd: integer|nil, seconds: number)  waits inside another event loop
---@field on_attempt? fun(attempt: table)  called with every attempt, without secrets
---@field on_wait? fun(operation: string|nil, seconds: number, why: string)  called before a request waits: for the
---  "rate_limit", for the "retry_after" of an answer, or for a "backoff"
---@field on_span? fun(name: string, start: number, stop: number, attributes: table)  called with a span for every
---  attempt, with the names of OpenTelemetry
---@field traceparent? string|false|fun():string|nil,string|nil  the W3C trace that calls belong to; a function returns
---  it and the tracestate; false: none. Default: inside nginx, that of the request that is handled
---@field tracestate? string  belongs to traceparent
---@field log? "json"|fun(line: string, entry: table)  "json": every attempt is logged to stderr as one line of JSON,
---  without secrets and bodies; a function gets the lines
---@field debug? boolean  true: every attempt is logged to stderr, in nginx to error_log, without secrets
---@field max_response_bytes? integer  the size of a decoded response; default 256 MiB
---@field proxy? string  the URL of a proxy, "" for none; default: from the environment. Raises if libcurl cannot use it
---@field ca_file? string  a PEM file of the authorities to trust; default libcurl's
---@field app_info? string  added to the User-Agent
---@field outbox? klaviyo.Outbox|false  where events are kept until they are sent

-- With a wrong value, the server would see the end of the body in the wrong
-- place.
local RESERVED = {["content-length"] = true, ["transfer-encoding"] = true}

local function check_headers(_, headers)
  local copy, known = {}, {}
  for name, value in pairs(headers) do
    if type(name) ~= "string" then
      usage_error.raise("headers must have the names of fields as keys, not %s",
        usage_error.shown(name))
    elseif type(value) ~= "string" then
      usage_error.raise("headers: %s must be a string, not %s", name,
        usage_error.kind(value))
    elseif RESERVED[name:lower()] then
      usage_error.raise("the client sets the header field %q from the body; leave it out",
        name)
    end
    local other = known[name:lower()]
    if other and copy[other] ~= value then
      usage_error.raise("conflicting values for the header fields %s and %s, which "
        .. "are the same field", name, other)
    elseif not other then
      copy[name], known[name:lower()] = value, name
    end
  end
  return copy
end

--- Raises an error for a secret that cannot be sent in a header field. One
--- that was read from a file may end in a line break.
---@param where string
---@param value any
function M.check_secret(where, value)
  if type(value) == "string" and value:find("%c") then
    usage_error.raise("%s contains a control character, perhaps a line break at its "
      .. "end; remove it", where)
  end
end

local SWITCH = {type = "boolean"}
local FUNCTION = {type = "function"}
local WINDOW = {type = "integer", min = 1}

local function is_secret(value)
  return type(value) == "function" or type(value) == "string" and value ~= ""
end

local function secret(where, value)
  M.check_secret(where, value)
  return value
end

-- A message never shows a secret, not even one of the wrong type.
local SECRET = {test = is_secret, secret = true, convert = secret,
  expected = "a string that is not empty, or a function that returns one"}

local function is_pacing(value)
  return type(value) == "boolean"
    or type(value) == "table" and next(value) ~= nil
end

local function is_traceparent(value)
  return value == false or type(value) == "string" or type(value) == "function"
end

local function is_log(value)
  return value == "json" or type(value) == "function"
end

local function is_outbox(value)
  return value == false or type(value) == "table" and value.enqueue ~= nil
end

local function seconds(default)
  return {type = "number", unit = "seconds", above = 0, default = default}
end

local FIELDS = {
  api_key = SECRET,
  access_token = SECRET,
  auth_scheme = {type = "line"},
  company_id = {type = "text"},
  revision = {type = "text", default = "2024-10-15"},
  openapi = {type = "text"},
  base_url = {type = "text", default = "https://a.klaviyo.com"},
  timeout = seconds(30),
  connect_timeout = seconds(5),
  deadline = seconds(120),
  retries = {type = "integer", min = 0, default = 4},
  pacing = {test = is_pacing, default = true,
    expected = "true, false or {per_second =, per_minute =, per_day =}",
    fields = {per_second = WINDOW, per_minute = WINDOW, per_day = WINDOW}},
  rate_limit_key = {type = "text"},
  rate_limit_file = {type = {"boolean", "text"}, expected = "a path, the URL of a Redis, or false",
    default = true},
  max_queued_events = {type = "integer", min = 1, default = 10000},
  track_deadline = seconds(3600),
  on_attempt = FUNCTION,
  on_wait = FUNCTION,
  on_span = FUNCTION,
  traceparent = {test = is_traceparent,
    expected = "a string, a function that returns one, or false"},
  tracestate = {type = "string"},
  log = {test = is_log, expected = '"json", or a function'},
  debug = SWITCH,
  wait = FUNCTION,
  max_response_bytes = {type = "integer", min = 1, default = 256 * 1024 * 1024},
  validate = SWITCH,
  prefetch = {type = "boolean", default = true},
  fall_forward = SWITCH,
  on_warning = FUNCTION,
  proxy = {type = "string"},
  ca_file = {type = "text"},
  app_info = {type = "line"},
  outbox = {test = is_outbox, expected = "an outbox, of klaviyo.outbox, or false"},
  headers = {type = "table", expected = "a table of names and values",
    convert = check_headers, default = {}},
}

--- The rules of the settings. The gateway takes some of them, too.
M.FIELDS = FIELDS

-- Names that other libraries use, and what to write here.
local HINTS = {
  dry_run = "client:build makes a request and does not send it",
  verbose = "debug = true logs every attempt (or KLAVIYO_DEBUG=1)",
  logger = 'log = "json", or a function, logs every attempt',
  on_trace = "on_span is called with every attempt, traceparent names the trace",
  trace = "on_span is called with every attempt, traceparent names the trace",
  log_level = "debug = true logs every attempt (or KLAVIYO_DEBUG=1)",
  key = "the private key is api_key",
  private_key = "the private key is api_key",
  token = "an OAuth token is access_token, a private key api_key",
  public_key = "the public key is company_id",
  public_api_key = "the public key is company_id",
  site_id = "the public key is company_id",
  url = "the service's address is base_url",
  host = "the service's address is base_url",
  endpoint = "the service's address is base_url",
  sandbox = "the address of a sandbox is base_url",
  api_version = "the API's version is revision",
  version = "the API's version is revision",
  max_retries = "the number of retries is retries",
  retry = "the number of retries is retries",
  rate_limit = "whether to wait for the rate limits is pacing",
  page_size = "page = {size = …} is an argument of a call",
}

local function check(name, value, where)
  local rule = FIELDS[name]
  if rule then
    return checker.value(rule, where or name, value)
  elseif HINTS[name] then
    usage_error.raise('unknown setting "%s": %s', name, HINTS[name])
  end
  usage_error.unknown("setting", name, FIELDS)
end

-- The key would be sent unencrypted.
local function refuse_plain(url)
  local host = url:lower():match("^http://([^/:]+)")
  if host and ("." .. host:gsub("%.$", "")):find("%.klaviyo%.com$") then
    usage_error.raise('base_url would send the key unencrypted: use "https://%s"',
      host)
  end
end

local function check_base_url(url)
  url = url:gsub("/+$", "")
  if url:match("^%a+://([^/?#]*)@") then
    usage_error.raise("base_url must not contain a user and a password; use api_key, "
      .. "or headers = {Authorization = …}")
  end
  -- libcurl reads https:///x as the host x, and ends a URL at a NUL
  if not url:find("^%a+://[^/]") or url:find("%c") or not core.is_base(url) then
    usage_error.raise("base_url must be http(s)://host[:port][/prefix], not %q",
      url)
  end
  if url:lower():match("^https?://a%.klaviyo%.com/") then
    usage_error.raise("base_url goes up to, not including, /api: " ..
      '"https://a.klaviyo.com"')
  end
  refuse_plain(url)
  return url
end

-- Sets what each call would have to find out again: whether it can have a trace,
-- and whether its attempts are reported.
local function derive(settings)
  local reported = settings.on_span or settings.log
  settings.is_traced = (reported or settings.traceparent) and true or nil
  settings.is_reported = (reported or settings.on_attempt or settings.debug)
    and true or nil
end

local function complete(settings)
  derive(settings)
  settings.base_url = check_base_url(settings.base_url)
  proxies.check(settings.proxy, settings.base_url)
  if settings.api_key and settings.access_token then
    usage_error.raise("set api_key or access_token, not both")
  end
  return settings
end

-- How text from the environment becomes a setting: KLAVIYO_TIMEOUT is
-- `timeout`. The environment cannot hold functions and tables.
local BOOLEANS = {
  ["1"] = true, ["true"] = true, yes = true, on = true,
  ["0"] = false, ["false"] = false, no = false, off = false,
}

local function switch_of(text)
  local value = BOOLEANS[text:lower()]
  if value == nil then
    return text
  end
  return value
end

local function number_of(text)
  return tonumber(text) or text
end

local function text_of(text)
  return text
end

local FROM_ENVIRONMENT = {
  revision = text_of, base_url = text_of, proxy = text_of, ca_file = text_of,
  app_info = text_of, timeout = number_of,
  connect_timeout = number_of, deadline = number_of, retries = number_of,
  max_queued_events = number_of, max_response_bytes = number_of, pacing = switch_of,
  prefetch = switch_of, validate = switch_of, fall_forward = switch_of,
  debug = switch_of, log = text_of,
}

-- These belong to one account. All of them come from the environment, or none.
local IDENTITY = {
  api_key = text_of, access_token = text_of, auth_scheme = text_of,
  rate_limit_key = text_of, company_id = text_of,
}

local function read_environment(settings, options, readers)
  for name, read in pairs(readers) do
    local variable = "KLAVIYO_" .. name:upper()
    local text = options[name] == nil and os.getenv(variable)
    if text and text ~= "" then
      settings[name] = check(name, read(text),
        variable .. " in the environment")
    end
  end
end

M.default_revision = FIELDS.revision.default

--- Returns the revision of a program that does not set one.
---@return string
function M.revision()
  local settings = {revision = M.default_revision}
  read_environment(settings, {}, {revision = text_of})
  return settings.revision
end

--- Returns true if there is a setting of that name.
---@return boolean
function M.has(name)
  return FIELDS[name] ~= nil
end

--- Returns the settings of a new client: its options, the environment and the
--- defaults.
---@param options klaviyo.Settings|nil
function M.new(options)
  local settings = checker.defaults(FIELDS)
  options = options or {}
  for name, value in pairs(options) do
    settings[name] = check(name, value)
  end
  read_environment(settings, options, FROM_ENVIRONMENT)
  if not options.api_key and not options.access_token then
    read_environment(settings, options, IDENTITY)
    if settings.api_key and settings.access_token then
      usage_error.raise("the environment has both KLAVIYO_API_KEY and "
        .. "KLAVIYO_ACCESS_TOKEN: leave out one")
    end
  end
  if not settings.api_key and not settings.access_token
      and not settings.company_id then
    usage_error.raise("no key: pass api_key or access_token, or set "
      .. "KLAVIYO_API_KEY in the environment" .. (type(ngx) == "table"
      and ' (and add "env KLAVIYO_API_KEY;" to nginx.conf)' or ""))
  end
  return complete(settings)
end

-- The names of header fields are case-insensitive.
local function merged(base, options)
  local headers, replaced = {}, {}
  for name, value in pairs(options) do
    headers[name], replaced[name:lower()] = value, true
  end
  for name, value in pairs(base) do
    if not replaced[name:lower()] then
      headers[name] = value
    end
  end
  return headers
end

--- Returns a copy with other settings. Headers are merged by name.
---@param base klaviyo.Settings
---@param options klaviyo.Settings
function M.with(base, options)
  local settings = {}
  for name, value in pairs(base) do
    settings[name] = value
  end
  for name, value in pairs(options) do
    settings[name] = check(name, value)
  end
  if options.headers then
    settings.headers = merged(base.headers, settings.headers)
  end
  if options.api_key then
    settings.access_token = options.access_token
  elseif options.access_token then
    settings.api_key = nil
  end
  return complete(settings)
end

-- These belong to an account; a client for another account does not inherit
-- them. An Authorization field among `headers` may hold a key, too.
local OF_ACCOUNT = {"api_key", "access_token", "auth_scheme", "company_id",
  "rate_limit_key", "outbox"}

--- Returns a copy for another account. It contains no key, token or other
--- setting that belongs to the account of `base` or of the environment.
---@param base klaviyo.Settings
---@param options klaviyo.Settings
function M.as(base, options)
  if options.api_key == nil and options.access_token == nil then
    usage_error.raise("client:as needs the api_key or the access_token of the other "
      .. "account, and got nil for both")
  end
  local settings = {}
  for name, value in pairs(base) do
    settings[name] = value
  end
  for _, name in ipairs(OF_ACCOUNT) do
    settings[name] = nil
  end
  settings.headers = {}
  for name, value in pairs(base.headers) do
    if name:lower() ~= "authorization" then
      settings.headers[name] = value
    end
  end
  return M.with(settings, options)
end

return M
