--- Makes a sample of the status page from the text that Prometheus reads: sums
--- over all operations, and what the tables show.
---
--- A sample is flat and small, because a shared dictionary keeps 360 of them:
--- `time`, in seconds; `counters`, which only grow, such as `requests.ok`;
--- `gauges`; `buckets`, the cumulative histogram of durations by its upper bounds;
--- `operations` and `connections`, short lists of counters by name, which lack those
--- with the fewest requests if `is_short`. `details`, which only the newest sample
--- needs, has the limits, the outboxes, the streams and the circuits.

local M = {}

local MAX_OPERATIONS = 40  -- in a sample: those with the most requests
local MAX_LIMITS = 200     -- used limits of the newest sample

-- What the label `status` of a request means: the status of the response, or how the
-- request ended without one.
local CLASSES = {rate_limited = "rate_limited", cancelled = "cancelled", closed = "cancelled", other = "other"}

local function class_of(status)
  local number = tonumber(status)
  if not number then
    return CLASSES[status] or "no_response"
  elseif number == 499 then  -- nginx: the caller has closed the connection
    return "cancelled"
  elseif number == 401 or number == 403 then
    return "unauthorized"
  elseif number == 429 then
    return "rate_limited"
  elseif number >= 500 then
    return "server_error"
  end
  return number >= 400 and "rejected" or "ok"
end

--- The classes of requests that failed because of the service or the network.
M.FAILED = {no_response = true, rate_limited = true, server_error = true, unauthorized = true}

local function add(map, key, n)
  map[key] = (map[key] or 0) + n
end

local function raise_to(map, key, n)
  if n > (map[key] or -math.huge) then
    map[key] = n
  end
end

-- Returns the list of a name: an operation's {requests, failed, seconds}, or that
-- of a connection, {requests, failed, waited}.
local function row(map, name)
  local list = map[name] or {0, 0, 0}
  map[name] = list
  return list
end

local function count(map, name, class, n)
  local list = row(map, name)
  list[1] = list[1] + n
  if M.FAILED[class] then
    list[2] = list[2] + n
  end
end

local function stream(sample, name)
  local details = sample.details
  details.streams = details.streams or {}
  details.streams[name] = details.streams[name] or {rows = 0, pending = 0, age = 0}
  return details.streams[name]
end

local function outbox(sample, path)
  local outboxes = sample.details.outboxes
  outboxes[path] = outboxes[path] or {rows = 0, bytes = 0, age = 0}
  return outboxes[path]
end

-- Returns a function that adds a counter under the key of its label's value.
local function counter(prefix, label)
  return function(sample, labels, n)
    add(sample.counters, label and prefix .. "." .. (labels[label] or "other") or prefix, n)
  end
end

local function gauge(key)
  return function(sample, _, n)
    add(sample.gauges, key, n)
  end
end

local READ = {
  klaviyo_requests_total = function(sample, labels, n)
    local class = class_of(labels.status)
    add(sample.counters, "requests." .. class, n)
    count(sample.operations, labels.operation or "other", class, n)
  end,
  klaviyo_request_duration_seconds_bucket = function(sample, labels, n)
    add(sample.buckets, labels.le or "+Inf", n)
  end,
  klaviyo_request_duration_seconds_sum = function(sample, labels, n)
    local list = row(sample.operations, labels.operation or "other")
    list[3] = list[3] + n
  end,
  klaviyo_attempts_total = counter("attempts"),
  klaviyo_retries_total = counter("retries", "reason"),
  klaviyo_rate_limit_wait_seconds_total = counter("waited"),
  klaviyo_requests_queued = gauge "queued",
  ["klaviyo_requests_in_flight"] = gauge "running",
  klaviyo_connections = gauge "connections",
  klaviyo_received_bytes_total = counter("received"),
  klaviyo_sent_bytes_total = counter("sent"),
  klaviyo_events_total = counter("events", "result"),
  klaviyo_webhook_deliveries_total = counter("webhooks", "result"),
  klaviyo_oauth_refreshes_total = counter("refreshes", "result"),
  klaviyo_rate_limit_used_ratio = function(sample, labels, n)
    if labels.window == "second" then  -- requests often use all of it, and wait for less than a second
      return
    end
    raise_to(sample.gauges, "share", n)
    local limits = sample.details.limits
    limits[#limits + 1] = {labels.operation or "other", labels.window or "", n}
  end,
  klaviyo_redis_waits_total = counter("redis.waits"),
  klaviyo_redis_wait_seconds_total = counter("redis.waited"),
  klaviyo_redis_away_seconds_total = counter("redis.away"),
  klaviyo_outbox_rows = function(sample, labels, n)
    add(sample.gauges, "rows", n)
    outbox(sample, labels.path or "").rows = n
  end,
  klaviyo_outbox_bytes = function(sample, labels, n)
    outbox(sample, labels.path or "").bytes = n
  end,
  klaviyo_outbox_oldest_age_seconds = function(sample, labels, n)
    raise_to(sample.gauges, "age", n)
    outbox(sample, labels.path or "").age = n
  end,
  klaviyo_stream_length = function(sample, labels, n)
    stream(sample, labels.stream or "").rows = n
  end,
  klaviyo_stream_pending = function(sample, labels, n)
    stream(sample, labels.stream or "").pending = n
  end,
  klaviyo_stream_oldest_age_seconds = function(sample, labels, n)
    stream(sample, labels.stream or "").age = n
  end,
  klaviyo_gateway_requests_total = function(sample, labels, n)
    local class = class_of(labels.status)
    if class == "unauthorized" then
      class = "rejected"  -- a caller's token, not that of the operator
    end
    add(sample.counters, "gateway." .. class, n)
    count(sample.connections, labels.connection or "default", class, n)
  end,
  klaviyo_gateway_wait_seconds_total = function(sample, labels, n)
    add(sample.counters, "gateway_waited", n)
    local list = row(sample.connections, labels.connection or "default")
    list[3] = list[3] + n
  end,
  klaviyo_gateway_circuit_open = function(sample, labels, n)
    add(sample.gauges, "circuits", n)
    sample.details.circuits[labels.connection or "default"] = n > 0 and n
  end,
}

--- The metrics that a sample is made of.
---@return table<string, true>
function M.names()
  local names = {}
  for name in pairs(READ) do
    names[name] = true
  end
  return names
end

local UNESCAPED = {n = "\n", ["\\"] = "\\", ['"'] = '"'}

local function labels_of(text)
  local labels = {}
  local has_escapes = text:find("\\", 1, true)
  if has_escapes then  -- an escaped quote does not end a value
    text = text:gsub('\\(.)', function(char)
      return ("\1%03d"):format((UNESCAPED[char] or char):byte())
    end)
  end
  for name, value in text:gmatch('([%a_][%w_]*)="([^"]*)"') do
    labels[name] = has_escapes and value:gsub("\1(%d%d%d)", string.char) or value
  end
  return labels
end

-- Keeps the entries with the most requests; returns whether there were more.
local function shorten(map, max)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  if #names <= max then
    return false
  end
  table.sort(names, function(a, b)
    if map[a][1] ~= map[b][1] then
      return map[a][1] > map[b][1]
    end
    return a < b
  end)
  for i = max + 1, #names do
    map[names[i]] = nil
  end
  return true
end

--- Returns the sample of a text in Prometheus' format.
---@param text string
---@param time number  seconds since the epoch
---@return table sample
function M.new(text, time)
  local sample = {time = time, counters = {}, gauges = {}, buckets = {}, operations = {},
    connections = {}, details = {limits = {}, outboxes = {}, circuits = {}}}
  for line in text:gmatch("[^\n]+") do
    local name, rest = line:match("^([%a_:][%w_:]*)(.*)$")
    local read = name and READ[name]
    if read then
      local labels, value = rest:match("^{(.*)}%s+(%S+)")
      value = tonumber(value or rest:match("^%s+(%S+)"))
      if value and value == value and value < math.huge then
        read(sample, labels and labels_of(labels) or {}, value)
      end
    end
  end
  local has_more = shorten(sample.operations, MAX_OPERATIONS)
  sample.is_short = shorten(sample.connections, MAX_OPERATIONS) or has_more or nil
  local limits = sample.details.limits
  table.sort(limits, function(a, b)
    return a[3] > b[3]
  end)
  for i = #limits, MAX_LIMITS + 1, -1 do
    limits[i] = nil
  end
  return sample
end

return M
