--- Counts what happens in the library, for klaviyo.metrics. Before
--- `metrics.start()` nothing is counted, and a call costs one branch.
---
---     counters.add("klaviyo_webhook_deliveries_total", "accepted", 1)
---
--- A label's value never comes from a caller or a response: each value is a
--- series of its own, of which there is a fixed number.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local valid_utf8 = require "klaviyo.util.valid_utf8"

local metrics = lazy_require "klaviyo.util.counted_metrics"

local M = {}

--- The value of a label whose own series has no room.
M.OTHER = "other"

-- The memory that this process shares with others.
local SHARED = {
  series = core.metrics_series, add = core.metrics_add, set = core.metrics_set,
  operation = core.metrics_operation, source = core.metrics_source,
  limit = core.metrics_limit,
}

-- Where the values are; nil: nothing is counted.
local sink

-- Series by the metric's name, the first and the second label's value.
local known = {}

-- How many of them are series of others, because there was no room.
local overflows, MAX_OVERFLOWS = 0, 10000

local ESCAPES = {["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n"}

--- Returns the name of a series in Prometheus' text format, which is UTF-8.
---@param name string
---@param labels string[]|nil
---@param values any[]|nil
---@return string  such as `name{label="value"}`
function M.key(name, labels, values)
  local list = {}
  for i, label in ipairs(labels or {}) do
    local value = valid_utf8(tostring(values[i])):gsub('[\\"\n]', ESCAPES)
    list[i] = ('%s="%s"'):format(label, value)
  end
  return #list > 0 and ("%s{%s}"):format(name, table.concat(list, ",")) or name
end

local function number_of(metric, first, second)
  return sink.series(M.key(metric.name, metric.labels, {first, second}),
    metric.type == "gauge")
end

local function find(name, first, second)
  local metric = metrics.BY_NAME[name]
  if not metric then
    error("no metric has the name " .. tostring(name))
  end
  local count = #(metric.labels or {})
  if count > 0 and first == nil or count > 1 and second == nil then
    error(name .. " needs a value for each of its labels")
  end
  local number = number_of(metric, first, second)
  if not number then
    number = number_of(metric, M.OTHER, second) or number_of(metric, M.OTHER, M.OTHER)
    overflows = overflows + 1
    if overflows > MAX_OVERFLOWS then
      return number, metric.scale
    end
  end
  local numbers = known[name] or {}
  known[name] = numbers
  if count > 1 then
    numbers[first] = numbers[first] or {}
    numbers[first][second] = number
  else
    numbers[first or ""] = number
  end
  return number, metric.scale
end

local function series(name, first, second)
  local number = known[name]
  number = number and number[first or ""]
  if second ~= nil and number then
    number = number[second]
  end
  if number then
    return number, metrics.BY_NAME[name].scale
  end
  return find(name, first, second)
end

--- Adds to a counter.
---@param name string  one of klaviyo.util.counted_metrics
---@param label string|integer|nil  the value of its first label
---@param n number|nil  default 1; seconds for a metric in seconds
---@param second string|integer|nil  the value of its second label
function M.add(name, label, n, second)
  if not sink then
    return
  end
  local number, scale = series(name, label, second)
  if number then
    n = n or 1
    sink.add(number, scale and math.floor(n * scale + 0.5) or n)
  end
end

-- The value of a gauge that many share would be that of the one that was set last.
local function is_others(name, number)
  local metric = metrics.BY_NAME[name]
  return metric.labels ~= nil
    and number == number_of(metric, M.OTHER, metric.labels[2] and M.OTHER)
end

--- Sets a gauge, for all processes that share the metrics. Returns false if there is no
--- room for a series of its own: then the gauge of `M.OTHER` can be set to a sum.
---@param name string  one of klaviyo.util.counted_metrics
---@param label string|integer|nil  the value of its first label
---@param value number
---@return boolean|nil  nil: nothing is counted
function M.set(name, label, value)
  if not sink then
    return
  end
  local number = series(name, label)
  if not number or label ~= M.OTHER and is_others(name, number) then
    return false
  end
  sink.set(number, value)
  return true
end

local hooks = {}

--- Calls a function before each scrape that this process answers, so that it can
--- set gauges.
---@param hook fun()
function M.on_scrape(hook)
  hooks[#hooks + 1] = hook
end

--- Calls the functions of `on_scrape`. An error in one does not stop the others.
---@param failed fun(message: any)
function M.before_scrape(failed)
  for _, hook in ipairs(hooks) do
    local ok, message = pcall(hook)
    if not ok then
      failed(message)
    end
  end
end

-- The series that exist from the start: so a rate is known from the first event
-- on, and a full table has room for the other values of each metric.
local function declare(metric)
  local labels = metric.labels or {}
  if #labels < 2 then
    for _, value in ipairs(#labels == 0 and {""} or metric.values or {}) do
      number_of(metric, value)
    end
  end
  if #labels > 0 then
    number_of(metric, M.OTHER, M.OTHER)
  end
  for _, value in ipairs(metric.second_values or {}) do
    number_of(metric, M.OTHER, value)
  end
end

--- Begins to count a metric that most programs do not have: before, no scrape shows it.
---@param name string
function M.declare(name)
  if sink then
    declare(metrics.BY_NAME[name])
  end
end

--- The record of requests that have no operation.
M.RAW = {id = "raw"}

--- The number of each operation in the core's metrics, by its record. Empty, so that
--- a look costs nothing, before `start`.
M.operations = setmetatable({}, {__mode = "k"})

local function number_operation(operations, op)
  local number = sink.operation(op.id)
  operations[op] = number
  return number
end

--- Adds the limits of a request queue to those that a scrape reads.
---@param op table|nil
---@param limits table[]  as of core.request_queue
---@param path string  of the file that counts them
function M.limits(op, limits, path)
  for _, limit in ipairs(sink and limits or {}) do
    sink.limit(limit, M.operations[op or M.RAW], path)
  end
end

--- Adds a source of samples: `require(module).samples(argument)`, which any process
--- calls for a scrape, as long as this one lives.
---@param module string
---@param argument string
function M.source(module, argument)
  if sink then
    sink.source(module .. " " .. argument)
  end
end

--- Begins to count.
---@param where table|nil  default: the core's memory. series(key, is_gauge) returns
--- a number, or nil without room; add(number, n); set(number, value)
function M.start(where)
  sink, known, overflows = where or SHARED, {}, 0
  getmetatable(M.operations).__index = number_operation
  for _, metric in ipairs(metrics.LIST) do
    if not metric.scraped and not metric.later then
      declare(metric)
    end
  end
end

--- Ends counting in this Lua state, for specs.
function M.stop()
  sink = nil
  getmetatable(M.operations).__index = nil
  for op in pairs(M.operations) do
    M.operations[op] = nil
  end
end

-- A process that counts already has another Lua state, or is a worker of nginx.
if core.metrics_started() then
  M.start()
end

return M
