--- klaviyo events tail: asks for new events again and again.
---
--- An event may become visible some seconds after its time. So each request asks
--- for the events since a while before the last request that succeeded, and the ids
--- that were shown are left out.

local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local output = require "klaviyo.cli.output"

local M = {}

local OVERLAP = 60       -- seconds
local MAX_PAUSE = 30     -- seconds between requests while they fail
local f = klaviyo.filter

local TEMPORARY = {timeout = true, transport = true, rate_limited = true, closed = true}

local function is_temporary(err)
  local status = err.status
  return TEMPORARY[err.kind] or status == 429 or status ~= nil and status >= 500
end

-- Metrics -----------------------------------------------------------------------

-- Returns the names of the metrics by id.
local function metric_names(client)
  local names = {}
  for metric in client:each("get_metrics", {fields = {metric = {"name"}}}) do
    names[metric.id] = metric.attributes.name
  end
  return names
end

-- Returns the ids of the metrics of some names or ids; several metrics may have
-- one name.
local function ids_of(context, wanted, names)
  local ids, known = {}, {}
  for _, name in pairs(names) do
    known[#known + 1] = name
  end
  for _, one in ipairs(wanted) do
    local found = false
    for id, name in pairs(names) do
      if id == one or name:lower() == one:lower() then
        ids[#ids + 1] = id
        found = true
      end
    end
    if not found then
      context:usage('no metric "%s"%s; see klaviyo metrics list', one,
        require("klaviyo.cli.suggest").text(one, known))
    end
  end
  return ids
end

-- Output ------------------------------------------------------------------------

local function plain(value)
  if value == nil or value == klaviyo.null then
    return ""
  end
  return ((type(value) == "table" and klaviyo.json.encode(value) or tostring(value))
    :gsub("%c+", " "))
end

-- Returns the first characters of a text.
local function shortened(text, width)
  local count, at = 0, 1
  for first in text:gmatch("()[^\128-\191]") do
    count = count + 1
    if count > width then
      return text:sub(1, at - 1)
    end
    at = text:find("[^\128-\191]", first + 1) or #text + 1
  end
  return text
end

local function related(resource, page, name)
  local relation = (resource.relationships or {})[name]
  local target = relation and relation.data
  return target and target ~= klaviyo.null and (page:resolve(target) or target) or {}
end

local function metric_id(resource)
  local relation = (resource.relationships or {}).metric
  return relation and relation.data and relation.data.id
end

-- Returns an event as a line: its time, metric, profile and properties.
local function line_of(resource, page, names, width)
  local attributes = resource.attributes or {}
  local profile = related(resource, page, "profile")
  local who = profile.attributes or {}
  local time = attributes.datetime
  local shown = time and os.date("%Y-%m-%d %H:%M:%S",
    math.floor(klaviyo.datetime(time).epoch)) or ""
  local person = plain(who.email)
  person = person ~= "" and person or plain(who.phone_number)
  person = person ~= "" and person or plain(profile.id)
  return shortened(("%s  %s  %s  %s"):format(shown, plain(names[metric_id(resource)]),
    person, plain(attributes.event_properties)), width)
end

local function lines_writer(context, names)
  return {add = function(_, resource, page)
    context:out(line_of(resource, page, names, context.terminal:width()) .. "\n")
  end, finish = function() end}
end

-- Requests ----------------------------------------------------------------------

local function is_wanted(self, resource)
  return not self.shown[resource.id]
    and (not self.only or self.only[metric_id(resource)] ~= nil)
end

local function filter_of(self)
  local since = f.greater_or_equal("datetime", klaviyo.datetime(self.from))
  local id = self.only and next(self.only)
  if id and not next(self.only, id) then
    return f.all(since, f.equals("metric_id", id))
  end
  return since
end

local function args_of(self)
  return {filter = filter_of(self), sort = "datetime",
    include = self.has_lines and {"profile"} or nil}
end

-- Shows the events that are new. Returns true if there may be more; false at the
-- limit; or nil and an error.
local function show_new(self)
  local began = os.time()
  local it = self.client:each("get_events", args_of(self))
  local resource, page = it:next()
  while resource do
    if is_wanted(self, resource) then
      self.writer:add(resource, page)
      self.count = self.count + 1
      if self.limit and self.count >= self.limit then
        it:close()
        return false
      end
    end
    self.shown[resource.id] = began
    resource, page = it:next()
  end
  if page then
    return nil, page
  end
  self.from = math.max(self.from, began - OVERLAP)
  for id, at in pairs(self.shown) do
    if at < began - 2 * OVERLAP then
      self.shown[id] = nil
    end
  end
  return true
end

local function step(self)
  local context = self.context
  local more, err = show_new(self)
  context:flush()
  if err and not is_temporary(err) then
    error(err, 0)
  elseif err then
    if not self.has_failed then
      context:note(("%s; trying again"):format(tostring(err):gsub("^klaviyo: ", "")))
    end
    self.has_failed = true
    self.pause = math.min(self.pause * 2, MAX_PAUSE)
    return true
  elseif self.has_failed then
    context:note("connected again")
  end
  self.has_failed, self.pause = false, self.interval
  return more
end

local function loop(self)
  while step(self) do
    klaviyo.sleep(self.pause)
  end
end

local function new(context, options)
  -- a request is not repeated for long: the next one asks for the same
  local client = context:client {deadline = 30, timeout = 20, retries = 1}
  local has_lines = output.format(context) == "table"
  local names = (has_lines or #options.metrics > 0) and metric_names(client) or {}
  local only
  if #options.metrics > 0 then
    only = {}
    for _, id in ipairs(ids_of(context, options.metrics, names)) do
      only[id] = true
    end
  end
  local unknown = {__index = function(self, id)
    if id == nil then
      return nil
    end
    -- a metric that was made since
    local ok, all = pcall(metric_names, client)
    for known, name in pairs(ok and all or {}) do
      rawset(self, known, name)
    end
    if rawget(self, id) == nil then
      rawset(self, id, id)
    end
    return rawget(self, id)
  end}
  return {
    context = context, client = client, only = only, has_lines = has_lines,
    writer = has_lines and lines_writer(context, setmetatable(names, unknown))
      or context:records(),
    shown = {}, count = 0, limit = options.limit, interval = options.interval,
    pause = options.interval, from = options.since or os.time(),
  }
end

--- Shows new events until Ctrl-C.
---@param context klaviyo.cli.Context
---@param options {metrics: string[], interval: number, limit: number|nil, since: number|nil}
---@return integer
function M.run(context, options)
  if output.format(context) == "csv" then
    context:usage("events tail has no --output csv, because events differ; use jsonl")
  end
  local self = new(context, options)
  local ok, why = pcall(loop, self)
  if not ok and not tostring(why):find("interrupted!$") then
    error(why, 0)
  end
  self.writer:finish()
  return exit_status.OK
end

return M
