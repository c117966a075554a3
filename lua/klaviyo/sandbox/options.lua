--- The options of `sandbox.start`.

local checker = require "klaviyo.util.options"
local usage_error = require "klaviyo.util.usage_error"

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
---@field retire? boolean|string  true: a revision that Klaviyo has retired is answered as Klaviyo answers it, by a
---  later one or with 410; a date, "2026-11-28": as on that day; default false: each revision is served as it is
---@field openapi? string  the path of an OpenAPI document of Klaviyo: its operations are served too
---@field advanced_kdp? boolean  false: a private key gets 403 for webhooks and webhook topics, as in an account
---  without Advanced KDP; default true
---@field client_id? string  of the app that accounts authorize, for klaviyo.oauth; default "sandbox-app"
---@field client_secret? string  of that app; default a random one
---@field redirect_uri? string  the only one to which a code is sent; default each that a request names
---@field approve? boolean  true: the authorize page does not ask, but allows at once; default false
---@field rotate_refresh_tokens? boolean|string  true: a refresh gives another refresh token, and the old one expires
---  when one of the new tokens is first used; "strict": it expires at once; default false: the same one, as in the
---  live service
---@field token_seconds? integer  the life of an access token in seconds; default 3600
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

local CALL = "sandbox.start"

local function text(default)
  return {type = "text", default = default}
end

local function count(min, default)
  return {type = "integer", min = min, default = default}
end

local function flag(default)
  return {type = "boolean", default = default}
end

local function is_window_phase(value)
  return value == "random" or value == "first"
    or type(value) == "number" and value >= 0 and value <= 1
end

local function is_retire(value)
  return type(value) == "boolean" or type(value) == "string"
    and value:find("^%d%d%d%d%-%d%d%-%d%d$") ~= nil
end

local PORT = {type = "integer", min = 1, max = 65535}

local FIELDS = {
  key = text(nil),
  company_id = text "SandBx",
  profiles = count(0, 0),
  seed = {type = "integer", default = 1},
  now = {type = "number"},
  limits = {type = {"boolean", "table"}, default = false,
    expected = "true, false or a table of limits by operation"},
  window_phase = {test = is_window_phase, default = "random",
    expected = '"random", "first" or a number from 0 to 1'},
  time_scale = {type = "number", above = 0, default = 1},
  rate_limit_headers = {one_of = {"service", "documented"}, default = "service"},
  job_polls = count(0, 1),
  job_seconds = {type = "number", unit = "seconds", min = 0, default = 0},
  retire = {test = is_retire, default = false,
    expected = 'true, false or a date, "2026-11-28"'},
  openapi = text(nil),
  advanced_kdp = flag(true),
  client_id = text "sandbox-app",
  client_secret = text(nil),
  redirect_uri = text(nil),
  approve = flag(false),
  rotate_refresh_tokens = {one_of = {true, false, "strict"}, default = false},
  token_seconds = count(1, 3600),
  port = PORT,
  tls_port = PORT,
  gzip = flag(true),
  link_base = text "https://a.klaviyo.com",
  keepalive_requests = count(1, 100000),
  http2_streams = count(1, 128),
  connections = count(1, 4096),
  detach = flag(false),
  keep = flag(false),
  record = count(0, 200),
  access_log = flag(true),
  log_level = text "warn",
  nginx = text(nil),
  modules = text(nil),
}

--- Returns the options, completed with defaults. Raises a usage error at the
--- caller's line for an unknown option or an invalid value.
---@param options klaviyo.sandbox.Options|nil
---@return table
function M.check(options)
  return checker.check(FIELDS, options, CALL)
end

local function takes_text(rule)
  return rule.type == "text" or rule.one_of ~= nil
end

--- Returns the options of `name=value` words; a name alone means true.
---@param words string[]
---@return table
function M.from_words(words)
  local options = {}
  for _, word in ipairs(words) do
    local name, value = word:match("^([%w_]+)=(.*)$")
    local rule = FIELDS[name or word] or {}
    if not name then
      name, value = word, "true"
      if FIELDS[name] and type(rule.default) ~= "boolean" then
        usage_error.raise("%s: %s needs a value: %s=…", CALL, name, name)
      end
    end
    if value == "true" or value == "false" then
      options[name] = value == "true"
    else
      options[name] = not takes_text(rule) and tonumber(value) or value
    end
  end
  return options
end

return M
