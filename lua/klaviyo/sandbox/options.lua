--- The options of `sandbox.start`.

local M = {}

---@class klaviyo.sandbox.Options
---@field key? string  the private key; default a random one, so that two sandboxes are two accounts
---@field company_id? string  the public key; default "SandBx"
---@field profiles? integer  the number of generated profiles; default 0
---@field seed? integer  the seed of the ids; default 1
---@field now? number  a fixed time in epoch seconds; default the real time
---@field limits? boolean|table  true: the rate limits of the service; a table by operation replaces some of
---  them: `{create_event = {second = 5, minute = 10}}`; default false
---@field window_phase? string|number  where the windows begin: "random", each at its own time; a fraction of the
---  window, 0 to 1; "first", at the first request; default "random"
---@field time_scale? number  0.1 shortens a minute to 6 s; no window is shorter than a second; default 1
---@field rate_limit_headers? string  the window of RateLimit-Remaining and RateLimit-Reset: "service", the first one in
---  RateLimit-Limit, as in the live service; "documented", the minute; default "service"
---@field job_polls? integer  the number of polls that return each state of a job; default 1
---@field job_seconds? number  the minimum duration of each state in seconds; default 0
---@field advanced_kdp? boolean  false: a private key gets 403 for webhooks and webhook topics, as in an account
---  without Advanced KDP; default true
---@field port? integer  the HTTP port; default a free port
---@field tls_port? integer  the HTTPS port; default a free port
---@field gzip? boolean  whether responses are compressed if the client accepts gzip; default true
---@field link_base? string  the origin of page links; default "https://a.klaviyo.com"
---@field keepalive_requests? integer  requests on one connection; default 100000
---@field http2_streams? integer  concurrent streams on one connection; default 128
---@field connections? integer  concurrent connections; default 4096
---@field detach? boolean  true: the sandbox outlives the program that started it; default false
---@field keep? boolean  true: its directory is not removed; default false
---@field record? integer  the number of requests that `server:requests()` returns; default 200
---@field access_log? boolean  whether nginx writes access.log; default true
---@field log_level? string  the log level of nginx; default "warn"
---@field nginx? string  the program; default "nginx" or "openresty", in $PATH or where Debian and OpenResty install it
---@field modules? string  the directory with the Lua module of nginx, if not built in; default where Debian installs it

-- The type of an option is the type of its default.
local DEFAULTS = {
  company_id = "SandBx",
  profiles = 0,
  link_base = "https://a.klaviyo.com",
  seed = 1,
  detach = false,
  keep = false,
  gzip = true,
  log_level = "warn",
  keepalive_requests = 100000,
  http2_streams = 128,
  connections = 4096,
  record = 200,
  access_log = true,
  limits = false,
  time_scale = 1,
  window_phase = "random",
  rate_limit_headers = "service",
  job_polls = 1,
  job_seconds = 0,
  advanced_kdp = true,
}

-- Options without a default.
local OPTIONAL = {key = "string", port = "number", tls_port = "number",
  nginx = "string", modules = "string", now = "number"}

-- Options that accept a second type.
local OTHER_TYPES = {limits = "table", window_phase = "number"}

local function names()
  local list = {}
  for _, known in ipairs {DEFAULTS, OPTIONAL} do
    for name in pairs(known) do
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return table.concat(list, ", ")
end

local function check(name, value, level)
  local expected = OPTIONAL[name] or type(DEFAULTS[name])
  if expected == "nil" then
    error(('unknown option "%s" of sandbox.start; known options: %s')
      :format(tostring(name), names()), level + 1)
  elseif type(value) ~= expected and type(value) ~= OTHER_TYPES[name] then
    error(('option "%s" of sandbox.start must be a %s, not a %s')
      :format(name, expected, type(value)), level + 1)
  elseif name == "window_phase" and type(value) == "string"
    and value ~= "random" and value ~= "first" then
    error('option "window_phase" of sandbox.start must be "random", "first" '
      .. "or a number from 0 to 1", level + 1)
  elseif name == "rate_limit_headers" and value ~= "service"
    and value ~= "documented" then
    error('option "rate_limit_headers" of sandbox.start must be "service" '
      .. ('or "documented", not %q'):format(value), level + 1)
  end
end

--- Returns the options, completed with defaults. Raises an error for an
--- unknown option or a wrong type.
---@param options table|nil
---@param level integer the level of `error` for a wrong option
---@return table
function M.with_defaults(options, level)
  local settings = {}
  for name, value in pairs(DEFAULTS) do
    settings[name] = value
  end
  for name, value in pairs(options or {}) do
    check(name, value, level + 1)
    settings[name] = value
  end
  return settings
end

--- Returns the options of `name=value` words; a name alone means true.
---@param words string[]
---@return table
function M.from_words(words)
  local options = {}
  for _, word in ipairs(words) do
    local name, value = word:match("^([%w_]+)=(.*)$")
    if not name then
      name, value = word, "true"
      if type(DEFAULTS[name]) ~= "boolean"
        and (OPTIONAL[name] or DEFAULTS[name] ~= nil) then
        error(('option "%s" needs a value: %s=…'):format(name, name), 0)
      end
    end
    if value == "true" or value == "false" then
      options[name] = value == "true"
    else
      local text = OPTIONAL[name] == "string"
        or type(DEFAULTS[name]) == "string" and not OTHER_TYPES[name]
      options[name] = not text and tonumber(value) or value
    end
  end
  return options
end

return M
