--- Collects what the metrics are at this moment.

local core = require "klaviyo.core"
local counted_metrics = require "klaviyo.util.counted_metrics"
local counters = require "klaviyo.util.counters"
local rate_limits = require "klaviyo.transport.rate_limits"
local tables = require "klaviyo.util.tables"
local version = require "klaviyo.version"
local warning = require "klaviyo.util.warning"

local M = {}

---@class klaviyo.metrics.Sample
---@field values? any[]  of the labels
---@field key? string  the sample's name and labels, in place of `values`
---@field value? number
---@field counts? number[]  of a histogram, not cumulative
---@field sum? number  of a histogram

---@class klaviyo.metrics.Family
---@field name string
---@field type "counter"|"gauge"|"histogram"
---@field help string
---@field labels string[]
---@field bounds? number[]  of a histogram
---@field samples klaviyo.metrics.Sample[]

local function family(type, name, help, labels)
  return {name = name, type = type, help = help, labels = labels or {}, samples = {}}
end

local function add(to, value, ...)
  to.samples[#to.samples + 1] = {values = {...}, value = value}
end

local function was_used(one)
  return one.attempts > 0 or next(one.statuses) ~= nil or one.waited > 0
end

-- Of each operation that was called; a second number of a name is added to the
-- first.
local function operations(now)
  local list, by_id = {}, {}
  for _, one in ipairs(now.operations) do
    local first = by_id[one.id]
    if first then
      first.attempts = first.attempts + one.attempts
      first.waited, first.duration = first.waited + one.waited, first.duration + one.duration
      for _, what in ipairs {"statuses", "retries", "durations"} do
        for key, count in pairs(one[what]) do
          first[what][key] = (first[what][key] or 0) + count
        end
      end
    else
      by_id[one.id] = one
      list[#list + 1] = one
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function of_requests(now)
  local requests = family("counter", "klaviyo_requests_total",
    "Requests that ended, by the status of the response, or how they failed.",
    {"operation", "status"})
  local attempts = family("counter", "klaviyo_attempts_total",
    "Attempts to send a request, counted when they start.", {"operation"})
  local retries = family("counter", "klaviyo_retries_total",
    "Those of the attempts that repeat a request, by the reason.",
    {"operation", "reason"})
  local durations = family("histogram", "klaviyo_request_duration_seconds",
    "Time of requests from their call to their end, with waits and retries.",
    {"operation"})
  local waits = family("counter", "klaviyo_rate_limit_wait_seconds_total",
    "Time that requests waited for rate limits.", {"operation"})
  durations.bounds = core.metrics_bounds
  for _, one in ipairs(operations(now)) do
    if was_used(one) then
      for _, status in ipairs(tables.sorted(one.statuses)) do
        add(requests, one.statuses[status], one.id, status)
      end
      add(attempts, one.attempts, one.id)
      for _, reason in ipairs(tables.sorted(one.retries)) do
        add(retries, one.retries[reason], one.id, reason)
      end
      durations.samples[#durations.samples + 1] = {
        values = {one.id}, counts = one.durations, sum = one.duration,
      }
      add(waits, one.waited, one.id)
    end
  end
  return {requests, attempts, retries, durations, waits}
end

local WINDOWS = {"second", "minute", "day"}

local function window_of(seconds)
  return seconds <= 1 and "second" or seconds <= 3600 and "minute" or "day"
end

-- An operation has the same limits for each account: the greatest share counts.
local function of_limits(now)
  local ratio = family("gauge", "klaviyo_rate_limit_used_ratio",
    "Used share of the rate limits, of the account that used most.",
    {"operation", "window"})
  local ids, shares = {}, {}
  for _, one in ipairs(now.operations) do
    ids[one.number] = one.id
  end
  for _, limit in ipairs(now.limits) do
    local id = ids[limit.operation] or counters.OTHER
    local own = shares[id] or {}
    shares[id] = own
    for _, window in ipairs(rate_limits.windows(limit.file, limit) or {}) do
      local name = window_of(window.seconds)
      own[name] = math.max(own[name] or 0,
        (window.used + window.others) / window.limit)
    end
  end
  for _, id in ipairs(tables.sorted(shares)) do
    for _, name in ipairs(WINDOWS) do
      if shares[id][name] then
        add(ratio, shares[id][name], id, name)
      end
    end
  end
  return {ratio}
end

local function single(type, name, help, value)
  local one = family(type, name, help)
  add(one, value)
  return one
end

local function of_processes(now)
  local info = family("gauge", "klaviyo_build_info",
    "1; the version of the library and of libcurl.", {"version", "libcurl"})
  add(info, 1, version, core.libcurl)
  local refused = family("counter", "klaviyo_metrics_overflows_total",
    "Names that had no room in a table of the metrics, and count as other.",
    {"table"})
  for _, name in ipairs(tables.sorted(now.refused)) do
    add(refused, now.refused[name], name)
  end
  return {
    single("gauge", "klaviyo_requests_queued",
      "Requests that wait: for rate limits, a connection or a retry.", now.queued),
    single("gauge", "klaviyo_requests_in_flight",
      "Requests that were sent and have no response yet.", now.running),
    single("gauge", "klaviyo_connections", "Open connections.", now.connections),
    single("counter", "klaviyo_sent_bytes_total",
      "Bytes of requests, header fields and bodies.", now.sent),
    single("counter", "klaviyo_received_bytes_total",
      "Bytes of responses, header fields and bodies, compressed as they came.",
      now.received),
    single("gauge", "klaviyo_processes",
      "Processes that count together and have counted something.", now.processes),
    refused, info,
  }
end

-- Of limits that machines share; without samples if they do not.
local function of_leases(leases)
  local exchanges = family("counter", "klaviyo_redis_exchanges_total",
    "Exchanges with Redis, which shares limits among hosts, by what became of them.",
    {"result"})
  local tokens = family("counter", "klaviyo_redis_tokens_total",
    "Requests that Redis allowed this host, and those that it gave back unused.",
    {"result"})
  local waits = family("counter", "klaviyo_redis_waits_total",
    "Requests that waited for a reply of Redis.")
  local waited = family("counter", "klaviyo_redis_wait_seconds_total",
    "Time that requests waited for a reply of Redis.")
  local time_away = family("counter", "klaviyo_redis_away_seconds_total",
    "Time in which this host went on without Redis.")
  local away = family("gauge", "klaviyo_redis_away",
    "Whether this host goes on without Redis (1) or not (0).")
  local hosts = family("gauge", "klaviyo_redis_hosts",
    "Hosts that share limits, as Redis saw them in the last minute.")
  if leases then
    for _, result in ipairs {"replied", "timeout", "failed"} do
      add(exchanges, leases[result], result)
    end
    add(tokens, leases.granted, "granted")
    add(tokens, leases.returned, "returned")
    add(waits, leases.waits)
    add(waited, leases.wait_ms / 1000)
    add(time_away, leases.away_ms / 1000)
    add(away, leases.is_away and 1 or 0)
    add(hosts, leases.hosts)
  end
  return {exchanges, tokens, waits, waited, time_away, away, hosts}
end

-- What Lua code counts, and the tracked events, which the core counts too.
local function of_counters(now)
  local list, by_name, by_key = {}, {}, {}
  for _, metric in ipairs(counted_metrics.LIST) do
    local one = family(metric.type, metric.name, metric.help, metric.labels)
    one.scale = metric.scale or 1
    list[#list + 1], by_name[metric.name] = one, one
  end
  local function count(key, value, is_gauge)
    local one = by_name[key:match("^[%w_]+")]
    if not one then
      return
    end
    local sample = by_key[key]
    if not sample then
      sample = {key = key, value = 0}
      by_key[key] = sample
      one.samples[#one.samples + 1] = sample
    end
    sample.value = is_gauge and value or sample.value + value / one.scale
  end
  for _, series in ipairs(now.series) do
    if series.value ~= 0 or not series.key:find('="other"', 1, true) then
      count(series.key, series.value, series.is_gauge)
    end
  end
  for result, value in pairs(now.events) do
    count(counters.key("klaviyo_events_total", {"result"}, {result}), value)
  end
  return list, by_name
end

local function failed(message)
  warning.say({}, "metrics: " .. tostring(message))
end

-- Adds the samples of modules that look when they are asked.
local function add_sources(sources, by_name)
  for _, source in ipairs(sources) do
    local module, argument = source:match("^(%S+) (.*)$")
    local ok, samples = pcall(function()
      return require(module).samples(argument)
    end)
    if not ok then
      failed(samples)
    end
    for _, sample in ipairs(ok and samples or {}) do
      local one = by_name[sample.name]
      one.samples[#one.samples + 1] = sample
    end
  end
end

local function by_key(a, b)
  return a.key < b.key
end

--- Returns the families of metrics, with the samples of all processes.
---@return klaviyo.metrics.Family[]
function M.collect()
  counters.before_scrape(failed)
  local now = core.metrics()
  local own, by_name = of_counters(now)
  for _, one in ipairs(own) do
    table.sort(one.samples, by_key)
  end
  add_sources(now.sources, by_name)
  local list = {}
  for _, part in ipairs {of_requests(now), of_limits(now), of_leases(now.leases),
      of_processes(now), own} do
    for _, one in ipairs(part) do
      list[#list + 1] = one
    end
  end
  return list
end

return M
