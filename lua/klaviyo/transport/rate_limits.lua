--- Chooses the request queue of a request. The requests of a queue share the
--- connections of one server and the rate limits of one account.
---
--- The limits of an operation are those of the table of operations, until a
--- response of the service names others. A small file counts what all processes
--- of the machine use of them.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local warning = require "klaviyo.util.warning"

local digest = lazy_require "klaviyo.digest"

local M = {}

-- Of any scheme: klaviyo.redis names those that it knows.
local function is_url(choice)
  return type(choice) == "string" and choice:find("^%a[%w+.-]*://") ~= nil
end

-- Budgets by the setting: a process opens each file once.
local budgets = {}

-- The environment of a login shell and that of cron differ (XDG_RUNTIME_DIR,
-- TMPDIR), and /dev/shm may be cleared when a user logs out: the path depends
-- on the user alone. The other folders are used if the first is read-only, or
-- its file belongs to another user.
local FOLDERS = {"/tmp", "/var/tmp", "/dev/shm"}

local function default_path(folder, suffix)
  return ("%s/klaviyo-rate-limits-%d%s"):format(folder, core.user(), suffix or "")
end

--- Opens the file for all processes of this user, in the first folder that
--- allows it.
---@param folders string[]|nil
---@param suffix string|nil  of the file's name
---@param source userdata|nil  what shares the limits with other machines
---@return userdata|nil budget
---@return string path
---@return string|nil why  no folder allows it
function M.open_default(folders, suffix, source)
  local first, reason
  for _, folder in ipairs(folders or FOLDERS) do
    local path = default_path(folder, suffix)
    local budget, why = core.budget(path, false, source)
    if budget then
      return budget, path
    end
    first, reason = first or path, reason or why
  end
  return nil, first, reason
end

-- The messages never show the URL, which may contain a password.
local function open_redis(url)
  local found, redis = pcall(require, "klaviyo.redis")
  if not found then
    usage_error.raise("rate_limit_file: limits on Redis need the rock klaviyo-redis: "
      .. tostring(redis):match("[^\n]*"))
  end
  local suffix = "-" .. digest.sha256(url):sub(1, 16)
  local path = default_path(FOLDERS[1], suffix)
  local source, server = redis.source(url, path)
  local budget, opened, why = M.open_default(FOLDERS, suffix, source:pointer())
  return budget or core.budget(nil, false, source:pointer()), opened, why, source, server
end

-- Returns what a setting names; nil: the file of this user.
local function named(choice)
  if choice == true then
    choice = os.getenv("KLAVIYO_RATE_LIMIT_FILE")
  end
  return choice ~= "" and choice or nil
end

--- Returns the URL of the Redis that shares the limits, or nil.
---@param settings klaviyo.Settings
---@return string|nil
function M.redis_url(settings)
  local choice = settings.pacing ~= false and named(settings.rate_limit_file)
  return is_url(choice) and choice or nil
end

local function open(choice)
  choice = named(choice)
  if not choice then
    return M.open_default()
  end
  if is_url(choice) then
    return open_redis(choice)
  end
  local budget, why = core.budget(choice, true)
  return budget, choice, why
end

local function warn(settings, path, why)
  warning.say(settings, ("the rate limits in %s cannot be shared (%s): this "
    .. "process counts for itself; the setting rate_limit_file names another file")
    :format(path, why))
end

-- Each kind of problem with Redis is one warning.
local function warn_of_source(settings, one)
  local why = one.source and one.source:problem()
  if why and why ~= one.source_warned then
    one.source_warned = why
    warning.say(settings, ("the rate limits cannot be shared through Redis at %s (%s): "
      .. "until it can be used, this host goes on with its part of them"):format(one.server,
      why))
  end
end

-- If the file cannot be opened, this process counts for itself.
local function budget_of(settings)
  local choice = settings.rate_limit_file
  if not budgets[choice] then
    local budget, path, why, source, server
    if choice then
      budget, path, why, source, server = open(choice)
    end
    if why then
      warn(settings, path, why)
    end
    budgets[choice] = {
      budget = budget or assert(core.budget()), path = path, warned = why,
      is_own = not budget,
      source = source, server = server,
    }
  end
  return budgets[choice].budget
end

--- What core.budget_problems returned when problems were last reported.
M.problems = 0

--- Warns of new problems. A file that was opened may fail later: its disk is full, its
--- folder was removed. Redis may go away.
---@param settings klaviyo.Settings
function M.report_problems(settings)
  M.problems = core.budget_problems()
  for _, one in pairs(budgets) do
    local why = one.budget:problem()
    if why and not one.warned then
      one.warned = why
      warn(settings, one.path, why)
    end
    warn_of_source(settings, one)
  end
end

--- Returns whether the file of the rate limits can be used now.
---@param settings klaviyo.Settings
---@return boolean
---@return string|nil why
function M.check(settings)
  if settings.pacing == false then
    return true
  end
  local budget = budget_of(settings)
  local opened = budgets[settings.rate_limit_file]
  if opened.is_own and opened.warned then
    return false, opened.warned
  end
  local ok, why = budget:check()
  return ok or false, why
end

--- Returns whose rate limits a call counts for: the setting rate_limit_key, or a
--- hash of the key.
---@param settings klaviyo.Settings
---@param secret string
---@return string
function M.account(settings, secret)
  if settings.rate_limit_key then
    return settings.rate_limit_key
  elseif settings.access_token and settings.rate_limit_file then
    usage_error.raise("with access_token, say whose it is: rate_limit_key = … (the rate "
      .. "limits are the account's, and a token changes), or rate_limit_file = false")
  end
  return digest.sha256(secret)
end

-- The parameters that lower the limit of an operation, by the operation, in
-- order: {pattern =, value =, name = "additional-fields[profile]=…", limit =}.
local reductions_of = setmetatable({}, {
  __mode = "k",
  __index = function(reductions_of, op)
    local list = {}
    for parameter, limit in pairs(op.reduced or {}) do
      local name, value = parameter:match("^(.*)=(.*)$")
      list[#list + 1] = {
        pattern = "[?&]" .. core.escape(name):gsub("%p", "%%%0") .. "=([^&]*)",
        value = value, name = parameter, limit = limit,
      }
    end
    table.sort(list, function(a, b) return a.name < b.name end)
    reductions_of[op] = list
    return list
  end,
})

-- Returns those of them that a URL has, or nil.
local function reductions(op, url)
  local found
  for _, one in ipairs(reductions_of[op]) do
    for item in (url:match(one.pattern) or ""):gmatch("[^,]+") do
      if item == one.value then
        found = found or {}
        found[#found + 1] = one
      end
    end
  end
  return found
end

local function limits(settings, op, account, reduced)
  local list = {}
  if op and op.limit then
    list[1] = {
      name = account .. " " .. op.method .. " " .. op.path,
      second = op.limit.second, minute = op.limit.minute, day = op.limit.day,
    }
  end
  for _, one in ipairs(reduced or {}) do
    list[#list + 1] = {  -- shared by all operations that take the parameter
      name = account .. " " .. one.name, second = one.limit.second,
      minute = one.limit.minute, day = one.limit.day,
    }
  end
  local pacing = settings.pacing
  if type(pacing) == "table" then
    -- the limit of a gateway applies besides those of the service, whose
    -- responses do not report it
    list[#list + 1] = {
      name = "gateway " .. settings.base_url .. " " .. account, fixed = true,
      second = pacing.per_second, minute = pacing.per_minute,
      day = pacing.per_day,
    }
  end
  return list
end

-- Returns a limit as client:rate_limits does; with its key in Redis, if that is asked
-- for.
local function described(budget, limit, with_key, operation, parameter)
  local windows, wait = budget:usage(limit)
  return windows and windows[1] and {
    operation = operation, parameter = parameter, windows = windows, wait = wait,
    key = with_key and core.limit_key(limit) or nil,
  } or nil
end

--- Returns what is used now of the limits of these operations, in their order:
--- first the limit of each operation, then those that parameters lower, then that
--- of a gateway. Besides, `file` is the path of the file, and `problem` why it cannot
--- be used.
---@param settings klaviyo.Settings
---@param ops table[]
---@param secret string
---@param with_keys boolean|nil  each has the `key` under which Redis counts it
---@return klaviyo.RateLimit[]
function M.usage(settings, ops, secret, with_keys)
  local account, budget = M.account(settings, secret), budget_of(settings)
  local list, listed, parameters = {}, {}, {}
  for _, op in ipairs(ops) do
    local own = limits(settings, op, account)
    if op.limit and not op.public then
      list[#list + 1] = described(budget, own[1], with_keys, op.id)
      for _, one in ipairs(reductions_of[op]) do
        if not listed[one.name] then
          listed[one.name] = true
          local limit = limits(settings, nil, account, {one})[1]
          parameters[#parameters + 1] = described(budget, limit, with_keys, nil, one.name)
        end
      end
    end
  end
  table.sort(parameters, function(a, b) return a.parameter < b.parameter end)
  for _, one in ipairs(parameters) do
    list[#list + 1] = one
  end
  local gateway = limits(settings, nil, account)[1]
  list[#list + 1] = gateway and described(budget, gateway, with_keys)
  local opened = budgets[settings.rate_limit_file]
  list.file, list.problem = opened.path, budget:problem() or opened.warned
  return list
end

--- Returns the windows of a limit that some process counts in a file, as
--- budget:usage does, or nil if the file cannot be read.
---@param path string  of the file; "": this process counts for itself
---@param limit table  of core.metrics
---@return table[]|nil
function M.windows(path, limit)
  local found
  for _, one in pairs(budgets) do
    if (one.path or "") == path then
      found = one.budget
    end
  end
  if not found and path ~= "" then
    found = core.budget(path, false)
    budgets[path] = budgets[path] or found and {budget = found, path = path}
  end
  return found and found:usage(limit) or nil
end

-- settings → kind of request → request queue
local foreground_queues = setmetatable({}, {__mode = "k"})
local background_queues = setmetatable({}, {__mode = "k"})

local UNPACED, UNKNOWN = "unpaced", "raw"

local function origin_of(settings)
  return settings.base_url:match("^(%a+://[^/]+)"):lower()
end

--- Returns whether a request waits for rate limits.
---@param settings klaviyo.Settings
---@param op table|nil
---@param request table
function M.is_paced(settings, op, request)
  return not request.public and (type(settings.pacing) == "table"
    or settings.pacing and op and op.limit)
end

local function key_of(op, reduced)
  local key = op and op.id or UNKNOWN
  for _, one in ipairs(reduced or {}) do
    key = key .. " " .. one.name
  end
  return key
end

local function find_queue(queues, settings, op, request, secret, background, reduced)
  if not M.is_paced(settings, op, request) then
    queues[UNPACED] = queues[UNPACED]
      or core.request_queue(origin_of(settings), nil, nil, background)
    return queues[UNPACED]
  end
  local key = key_of(op, reduced)
  if not queues[key] then
    local list = limits(settings, op, M.account(settings, secret), reduced)
    queues[key] = core.request_queue(origin_of(settings), budget_of(settings), list,
      background)
    counters.limits(op, list, budgets[settings.rate_limit_file].path or "")
  end
  return queues[key]
end

--- Returns the request queue of a request.
---@param settings klaviyo.Settings
---@param op table|nil  the operation; nil if the table of operations has none
---@param request table
---@param secret string|nil
---@param background boolean|nil  no caller waits for it: requests with one go first
function M.of(settings, op, request, secret, background)
  if core.budget_problems() ~= M.problems then
    M.report_problems(settings)
  end
  local all = background and background_queues or foreground_queues
  local queues = all[settings]
  if not queues then
    queues = {}
    all[settings] = queues
  end
  local url = request.url
  local reduced = op and op.reduced and url:find("?", 1, true)
    and reductions(op, url) or nil
  local is_plain = op and not reduced
  local request_queue = is_plain and queues[op]
  if not request_queue then
    request_queue = find_queue(queues, settings, op, request, secret, background,
      reduced)
    if is_plain then
      queues[op] = request_queue
    end
  end
  return request_queue
end

return M
