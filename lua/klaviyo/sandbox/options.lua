--- What `sandbox.start` can be told.

local M = {}

---@class klaviyo.sandbox.Options
---@field key? string  the private key; default one of its own, so that no two sandboxes are one account
---@field company_id? string  the public key; default "SandBx"
---@field profiles? integer  how many generated ones there are; default 0
---@field seed? integer  of the ids; default 1
---@field now? number  a fixed clock, seconds since 1970; default the real one
---@field limits? boolean|table  true: the service's rate limits; a table of them by operation,
---  `{create_event = {second = 5, minute = 10}}`, over those; default false
---@field window_phase? string|number  where the windows begin: "random", each for itself; a fraction of the window,
---  0 to 1; "first", with the first request; default "random"
---@field time_scale? number  0.1 makes a minute 6 s, but no window shorter than a second; default 1
---@field rate_limit_headers? string  which window RateLimit-Remaining and -Reset describe: "service", the one that
---  RateLimit-Limit begins with, as the live service does; "documented", the minute; default "service"
---@field job_polls? integer  how often each state of a job is told; default 1
---@field job_seconds? number  that each state lasts at the least; default 0
---@field advanced_kdp? boolean  false: a private key gets 403 for webhooks and their topics, as in an account without
---  Advanced KDP; default true
---@field port? integer  default a free one
---@field tls_port? integer  default a free one
---@field gzip? boolean  whether answers are compressed for who takes that; default true
---@field link_base? string  origin of page links; default "https://a.klaviyo.com"
---@field keepalive_requests? integer  on one connection; default 100000
---@field http2_streams? integer  at a time on one connection; default 128
---@field connections? integer  at a time; default 4096
---@field detach? boolean  it outlives the program that started it; default false
---@field keep? boolean  its directory is left behind; default false
---@field record? integer  how many requests `server:requests()` remembers; default 200
---@field access_log? boolean  default true
---@field log_level? string  of nginx; default "warn"
---@field nginx? string  the program; default "nginx", of $PATH or where Debian has it
---@field modules? string  the folder with nginx's Lua module; default where Debian has it

-- The option's type is that of its default.
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

-- Known when asked for, absent otherwise.
local OPTIONAL = {key = "string", port = "number", tls_port = "number",
  nginx = "string", modules = "string", now = "number"}

-- What some options may be besides.
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
    error(('unknown option "%s" of sandbox.start; there are: %s')
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

--- The options with the defaults for those that are not there.
---@param options table|nil
---@param level integer whose call is at fault when one is wrong
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

--- Options out of `name=value` words; a name alone means true.
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
        error(("option %s needs a value: %s=…"):format(name, name), 0)
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
