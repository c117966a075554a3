--- An hour of samples for the status page, of an app that does all it can: the
--- same ones each time.

local sample = require "klaviyo.metrics.status.sample"

local M = {}

local SLOTS, INTERVAL = 360, 10

--- When the last sample was taken: 2026-01-15 12:00:00 UTC.
M.NOW = 1768478400

local OPERATIONS = {
  -- name, requests a second, median seconds
  {"create_event", 9, 0.062},
  {"get_profiles", 4, 0.118},
  {"update_profile", 2.2, 0.094},
  {"get_segment_profiles", 1.1, 0.153},
  {"create_or_update_profile", 0.8, 0.101},
  {"bulk_subscribe_profiles", 0.12, 0.240},
  {"get_metric_aggregates", 0.05, 0.610},
}
local BOUNDS = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

-- A small generator of its own, because those of the Luas differ.
local function generator(seed)
  return function()
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  end
end

-- A day's rhythm, and a rush in the last half hour.
local function load_at(slot)
  local rush = math.exp(-((slot - 265) / 26) ^ 2)
  return 0.75 + 0.25 * math.sin(slot / 38) + 1.1 * rush, rush
end

-- The share of requests that take at most so long: log-normal, nearly.
local function share_below(bound, median)
  return 1 / (1 + (bound / median) ^ -3.2)
end

-- Returns a function that adds to the series of a text, and one that returns it.
local function text()
  local values, order = {}, {}
  local function add(series, n)
    if not values[series] then
      values[series] = 0
      order[#order + 1] = series
    end
    values[series] = values[series] + n
  end
  local function set(series, value)
    add(series, 0)
    values[series] = value
  end
  local function render()
    local lines = {}
    for i, series in ipairs(order) do
      lines[i] = ("%s %.6g"):format(series, values[series])
    end
    return table.concat(lines, "\n") .. "\n"
  end
  return add, set, render
end

local function step(slot, random, add, set)
  local load, rush = load_at(slot)
  local function count(mean)
    return math.floor(mean * INTERVAL * load * (0.8 + 0.4 * random()) + random())
  end
  local slow = 1 + 1.6 * rush
  for _, operation in ipairs(OPERATIONS) do
    local name, n = operation[1], count(operation[2])
    local failed = random() < 0.25 * rush and 1 or 0
    add(('klaviyo_requests_total{operation="%s",status="200"}'):format(name), n - math.min(n, failed))
    add(('klaviyo_requests_total{operation="%s",status="503"}'):format(name), math.min(n, failed))
    if name == "get_profiles" then
      add(('klaviyo_requests_total{operation="%s",status="404"}'):format(name), random() < 0.2 and 1 or 0)
    end
    for _, bound in ipairs(BOUNDS) do
      add(('klaviyo_request_duration_seconds_bucket{operation="%s",le="%s"}'):format(name, bound),
        n * share_below(bound, operation[3] * slow))
    end
    add(('klaviyo_request_duration_seconds_bucket{operation="%s",le="+Inf"}'):format(name), n)
    add(('klaviyo_request_duration_seconds_sum{operation="%s"}'):format(name), n * operation[3] * slow * 1.2)
    add(('klaviyo_request_duration_seconds_count{operation="%s"}'):format(name), n)
    add("klaviyo_received_bytes_total", n * 2100)
    add("klaviyo_sent_bytes_total", n * 640)
    if name == "create_event" then
      add('klaviyo_events_total{result="tracked"}', n + (rush > 0.4 and 14 or 0))
      add('klaviyo_events_total{result="sent"}', n)
      set('klaviyo_rate_limit_used_ratio{operation="create_event",window="minute"}', 0.16 * load)
      set('klaviyo_rate_limit_used_ratio{operation="create_event",window="second"}', 0.11 * load)
    elseif name == "get_metric_aggregates" then
      set('klaviyo_rate_limit_used_ratio{operation="get_metric_aggregates",window="day"}', 0.52 + slot / 1600)
    else
      set(('klaviyo_rate_limit_used_ratio{operation="%s",window="minute"}'):format(name),
        math.min(1, operation[2] * load * 0.085))
    end
  end
  add('klaviyo_retries_total{reason="rate_limited"}', random() < 0.6 * rush and 2 or 0)
  add('klaviyo_retries_total{reason="server_error"}', random() < 0.4 * rush and 1 or 0)
  add('klaviyo_retries_total{reason="connection"}', random() < 0.02 and 1 or 0)
  add("klaviyo_rate_limit_wait_seconds_total", rush > 0.2 and 40 * rush * (0.7 + 0.6 * random()) or 0.02)
  set("klaviyo_requests_queued", math.floor(22 * rush * rush * (0.7 + 0.6 * random())))
  set("klaviyo_requests_in_flight", math.floor(2 + 3.2 * load * (0.6 + 0.8 * random())))
  set("klaviyo_connections", 6)
  set('klaviyo_outbox_rows{path="/var/lib/klaviyo-outbox"}', math.floor(3 + 420 * math.exp(-((slot - 280) / 22) ^ 2)))
  set('klaviyo_outbox_bytes{path="/var/lib/klaviyo-outbox"}', 184320)
  set('klaviyo_outbox_oldest_age_seconds{path="/var/lib/klaviyo-outbox"}', rush > 0.3 and 21 or 1.4)
  add('klaviyo_oauth_refreshes_total{result="refreshed"}', slot % 90 == 40 and 3 or 0)
  add('klaviyo_oauth_refreshes_total{result="shared"}', slot % 90 == 40 and 9 or 0)
  for _, connection in ipairs {{"shop", 2.4}, {"reports", 0.7}} do
    local name, mean = connection[1], connection[2]
    add(('klaviyo_gateway_requests_total{connection="%s",status="200"}'):format(name), count(mean))
    add(('klaviyo_gateway_wait_seconds_total{connection="%s"}'):format(name), 0.03 + 2 * rush)
    set(('klaviyo_gateway_circuit_open{connection="%s"}'):format(name), 0)
  end
end

--- Returns the samples, as history.read does.
---@param change? fun(set: fun(series: string, value: number), add: fun(series: string, n: number), slot: integer)
---  called after each step
---@param first? integer  the slot of the first sample; default 1
---@param now? number  when the last one was taken; default NOW
---@return table<integer, table> samples
---@return table details
function M.hour(change, first, now)
  local samples, details = {}, nil
  local random = generator(42)
  local add, set, render = text()
  for slot = 1, SLOTS do
    step(slot, random, add, set)
    if change then
      change(set, add, slot)
    end
    if slot >= (first or 1) then
      samples[slot] = sample.new(render(), (now or M.NOW) - (SLOTS - slot) * INTERVAL)
      details, samples[slot].details = samples[slot].details, nil
    end
  end
  return samples, details
end

return M
