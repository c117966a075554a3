--- What `sandbox.start` can be told.

local M = {}

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
  job_polls = 1,
  job_seconds = 0,
}

-- Known when asked for, absent otherwise.
local OPTIONAL = { key = "string", port = "number", tls_port = "number",
  nginx = "string", modules = "string", now = "number" }

-- What some options may be besides.
local ALSO = { limits = "table", window_phase = "number" }

local function names()
  local list = {}
  for _, known in ipairs { DEFAULTS, OPTIONAL } do
    for name in pairs(known) do
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return table.concat(list, ", ")
end

local function check(name, value, level)
  local wanted = OPTIONAL[name] or type(DEFAULTS[name])
  if wanted == "nil" then
    error(('unknown option "%s" of sandbox.start; there are: %s')
      :format(tostring(name), names()), level + 1)
  elseif type(value) ~= wanted and type(value) ~= ALSO[name] then
    error(('option "%s" of sandbox.start must be a %s, not a %s')
      :format(name, wanted, type(value)), level + 1)
  elseif name == "window_phase" and type(value) == "string"
    and value ~= "random" and value ~= "first" then
    error('option "window_phase" of sandbox.start must be "random", "first" '
      .. "or a number from 0 to 1", level + 1)
  end
end

--- The options with the defaults for those that are not there.
---@param options table|nil
---@param level integer whose call is at fault when one is wrong
---@return table
function M.checked(options, level)
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

--- Options out of `name=value` words.
---@param words string[]
---@return table
function M.of_words(words)
  local options = {}
  for _, word in ipairs(words) do
    local name, value = word:match("^([%w_]+)=(.*)$")
    if not name then
      error(("%s is no option=value"):format(word), 0)
    elseif value == "true" or value == "false" then
      options[name] = value == "true"
    else
      local text = OPTIONAL[name] == "string"
        or type(DEFAULTS[name]) == "string" and not ALSO[name]
      options[name] = not text and tonumber(value) or value
    end
  end
  return options
end

return M
