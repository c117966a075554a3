--- The cards of the status page, from the samples.

local card = require "klaviyo.metrics.status.card"
local history = require "klaviyo.metrics.status.history"
local series = require "klaviyo.metrics.status.series"
local text = require "klaviyo.metrics.status.text"

local M = {}

local SLOTS = history.SLOTS
local MINUTE, HOUR = 60, 3600

local FAILED = {"requests.no_response", "requests.rate_limited", "requests.server_error",
  "requests.unauthorized"}

local LOST = {"events.failed", "events.rejected", "events.refused"}
local MAX_SHARE = 0.9  -- of a limit

local function per_second(number)
  return text.number(number) .. "/s"
end

local function per_minute(number)
  return text.number(number * 60) .. "/min"
end

-- Returns the increase of counters per second of the last minute.
local function rate_now(samples, names)
  local increase, seconds = series.increase(samples, SLOTS, names, MINUTE)
  return seconds > 0 and increase / seconds or 0
end

local function in_hour(samples, names)
  return (series.increase(samples, SLOTS, names, HOUR))
end

-- Returns whether a counter whose name begins with a prefix ever grew.
local function has(samples, prefix)
  for name, n in pairs(samples[SLOTS] and samples[SLOTS].counters or {}) do
    if n > 0 and name:sub(1, #prefix) == prefix then
      return true
    end
  end
  return false
end

local function requests(samples)
  return {
    title = "Requests", value = per_second(rate_now(samples, {"requests.*"})), format = per_second,
    lines = {
      {label = "all", class = "accent", area = true, points = series.rate(samples, SLOTS, {"requests.*"})},
      {label = "failed", class = "bad", area = true, hides_zero = true, points = series.rate(samples, SLOTS, FAILED)},
    },
    legend = {
      {"accent", "in the last hour", text.number(in_hour(samples, {"requests.*"}))},
      {"", "rejected (4xx)", text.number(in_hour(samples, {"requests.rejected"}))},
      {"bad", "failed", text.number(in_hour(samples, FAILED))},
    },
  }
end

local function failures(samples)
  local count = in_hour(samples, FAILED)
  local legend = {}
  for _, row in ipairs {{"no_response", "no response"}, {"server_error", "5xx"}, {"rate_limited", "429"},
    {"unauthorized", "401 or 403"}} do
    legend[#legend + 1] = {#legend == 0 and "bad" or "", row[2], text.number(in_hour(samples, {"requests." .. row[1]}))}
  end
  return {
    title = "Failed requests", value = text.number(count), unit = "in the last hour", format = per_minute,
    lines = {{label = "failed", class = "bad", area = true, hides_zero = true,
      points = series.rate(samples, SLOTS, FAILED)}},
    legend = legend,
  }
end

local function quantile_now(samples, q)
  local points = series.quantile(samples, SLOTS, q)
  return points[SLOTS] and text.duration(points[SLOTS]) or "–", points
end

local function latency(samples)
  local median, medians = quantile_now(samples, 0.5)
  local tail, tails = quantile_now(samples, 0.99)
  return {
    title = "Duration of requests", value = median, unit = median ~= "–" and "median" or nil, format = text.duration,
    lines = {
      {label = "99 of 100 are faster", class = "quiet", points = tails},
      {label = "median", class = "accent", points = medians},
    },
    legend = {{"accent", "median (p50)", median}, {"quiet", "p99", tail}},
  }
end

-- The values of a label, with the largest increases of the last hour first.
local function by_label(samples, prefix, max)
  local newest, list = samples[SLOTS], {}
  for name in pairs(newest and newest.counters or {}) do
    if name:sub(1, #prefix) == prefix then
      local n = in_hour(samples, {name})
      if n > 0 then
        list[#list + 1] = {"", (name:sub(#prefix + 1):gsub("_", " ")), text.number(n), n = n}
      end
    end
  end
  table.sort(list, function(a, b)
    if a.n ~= b.n then
      return a.n > b.n
    end
    return a[2] < b[2]
  end)
  for i = max + 1, #list do
    list[i] = nil
  end
  return list
end

local function retries(samples)
  local legend = by_label(samples, "retries.", 2)
  table.insert(legend, 1, {"warn", "in the last hour", text.number(in_hour(samples, {"retries.*"}))})
  return {
    title = "Retries", value = per_minute(rate_now(samples, {"retries.*"})), format = per_minute, legend = legend,
    lines = {{label = "retries", class = "warn", area = true, hides_zero = true,
      points = series.rate(samples, SLOTS, {"retries.*"})}},
  }
end

local function waiting(samples)
  local waited, all = in_hour(samples, {"waited"}), in_hour(samples, {"requests.*"})
  local waited_now = series.increase(samples, SLOTS, {"waited"}, MINUTE)
  local requests_now = series.increase(samples, SLOTS, {"requests.*"}, MINUTE)
  local legend = {{"accent", "mean of the last hour", text.duration(all > 0 and waited / all or 0)},
    {"", "in total", text.duration(waited)}}
  if has(samples, "redis.waits") then
    legend[3] = {"", "for replies of Redis", text.duration(in_hour(samples, {"redis.waited"}))}
  end
  return {
    title = "Wait for rate limits", value = text.duration(requests_now > 0 and waited_now / requests_now or 0),
    unit = "a request", format = text.duration,
    lines = {{label = "wait of a request", class = "accent", area = true,
      points = series.ratio(samples, SLOTS, {"waited"}, {"requests.*"})}},
    legend = legend,
  }
end

local function share(samples, details)
  local newest = samples[SLOTS]
  local used = newest and newest.gauges.share or 0
  local class = used >= MAX_SHARE and "warn" or "accent"
  local legend = {}
  for i, limit in ipairs(details.limits) do
    if i > 3 then
      break
    end
    legend[i] = {i == 1 and class or "", limit[1] .. " per " .. limit[2], text.percent(limit[3])}
  end
  if #legend == 0 then
    legend[1] = {class, "no limit was used", ""}
  end
  return {
    title = "Highest used limit", value = text.percent(used), format = text.percent, max = 1, legend = legend,
    lines = {{label = "highest used share", class = class, area = true,
      points = series.gauge(samples, SLOTS, "share")}},
  }
end

local function queue(samples)
  local newest = samples[SLOTS] or {gauges = {}}
  local queued, running = newest.gauges.queued or 0, newest.gauges.running or 0
  return {
    title = "Requests in progress", value = text.number(running), format = text.number,
    lines = {
      {label = "queued", class = "quiet", points = series.gauge(samples, SLOTS, "queued")},
      {label = "in progress", class = "accent", area = true, points = series.gauge(samples, SLOTS, "running")},
    },
    legend = {{"accent", "in progress", text.number(running)}, {"quiet", "queued", text.number(queued)},
      {"", "connections", text.number(newest.gauges.connections or 0)}},
  }
end

local function bytes_per_second(number)
  return text.bytes(number) .. "/s"
end

local function traffic(samples)
  return {
    title = "Traffic", value = bytes_per_second(rate_now(samples, {"received"})), unit = "received",
    format = bytes_per_second,
    lines = {
      {label = "received", class = "accent", area = true, points = series.rate(samples, SLOTS, {"received"})},
      {label = "sent", class = "quiet", points = series.rate(samples, SLOTS, {"sent"})},
    },
    legend = {{"accent", "received in the last hour", text.bytes(in_hour(samples, {"received"}))},
      {"quiet", "sent in the last hour", text.bytes(in_hour(samples, {"sent"}))}},
  }
end

local function events(samples)
  return {
    title = "Events", value = per_second(rate_now(samples, {"events.tracked"})), unit = "tracked", format = per_second,
    lines = {
      {label = "tracked", class = "quiet", points = series.rate(samples, SLOTS, {"events.tracked"})},
      {label = "sent", class = "accent", area = true, points = series.rate(samples, SLOTS, {"events.sent"})},
      {label = "failed", class = "bad", area = true, hides_zero = true,
        points = series.rate(samples, SLOTS, LOST)},
    },
    legend = {
      {"quiet", "tracked in the last hour", text.number(in_hour(samples, {"events.tracked"}))},
      {"accent", "sent", text.number(in_hour(samples, {"events.sent"}))},
      {"bad", "failed or rejected", text.number(in_hour(samples, LOST))},
    },
  }
end

local function outbox(samples)
  local newest = samples[SLOTS] or {gauges = {}}
  return {
    title = "Events in outboxes", value = text.number(newest.gauges.rows or 0), format = text.number,
    lines = {{label = "events", class = "accent", area = true, points = series.gauge(samples, SLOTS, "rows")}},
    legend = {{"accent", "waiting", text.number(newest.gauges.rows or 0)},
      {"", "age of the oldest", text.duration(newest.gauges.age or 0)}},
  }
end

local function gateway(samples)
  local names = {"gateway.*"}
  local failed = {"gateway.no_response", "gateway.server_error", "gateway.rate_limited"}
  return {
    title = "Requests to the gateway", value = per_second(rate_now(samples, names)), format = per_second,
    lines = {{label = "all", class = "accent", area = true, points = series.rate(samples, SLOTS, names)},
      {label = "failed", class = "bad", area = true, hides_zero = true, points = series.rate(samples, SLOTS, failed)}},
    legend = {
      {"accent", "in the last hour", text.number(in_hour(samples, names))},
      {"", "rejected (4xx)", text.number(in_hour(samples, {"gateway.rejected"}))},
      {"bad", "failed", text.number(in_hour(samples, failed))},
      {"", "waited for a turn", text.duration(in_hour(samples, {"gateway_waited"}))},
      {"", "open circuits", text.number(samples[SLOTS] and samples[SLOTS].gauges.circuits or 0)},
    },
  }
end

local function refreshes(samples)
  local failed = {"refreshes.failed", "refreshes.reauthorize"}
  return {
    title = "OAuth refreshes", value = text.number(in_hour(samples, {"refreshes.refreshed"})),
    unit = "in the last hour", format = per_minute,
    lines = {
      {label = "refreshed", class = "accent", area = true,
        points = series.rate(samples, SLOTS, {"refreshes.refreshed"})},
      {label = "failed", class = "bad", area = true, hides_zero = true, points = series.rate(samples, SLOTS, failed)},
    },
    legend = {
      {"accent", "refreshed", text.number(in_hour(samples, {"refreshes.refreshed"}))},
      {"", "shared by another process", text.number(in_hour(samples, {"refreshes.shared"}))},
      {"bad", "failed", text.number(in_hour(samples, {"refreshes.failed"}))},
      {"", "must authorize again", text.number(in_hour(samples, {"refreshes.reauthorize"}))},
    },
  }
end

local function webhooks(samples)
  local failed = {"webhooks.rejected", "webhooks.failed"}
  return {
    title = "Webhook deliveries", value = text.number(in_hour(samples, {"webhooks.*"})), unit = "in the last hour",
    format = per_minute,
    lines = {
      {label = "all", class = "accent", area = true, points = series.rate(samples, SLOTS, {"webhooks.*"})},
      {label = "rejected or failed", class = "bad", area = true, hides_zero = true,
        points = series.rate(samples, SLOTS, failed)},
    },
    legend = {
      {"accent", "accepted", text.number(in_hour(samples, {"webhooks.accepted"}))},
      {"", "duplicate", text.number(in_hour(samples, {"webhooks.duplicate"}))},
      {"bad", "rejected or failed", text.number(in_hour(samples, failed))},
    },
  }
end

--- Returns the cards. What a program does not use has none.
---@param samples table<integer, table>
---@param details table
---@return string
function M.html(samples, details)
  local more = {}
  local has_gateway = has(samples, "gateway.")
  -- nginx itself sends the requests of a gateway
  local has_calls = has(samples, "attempts") or has(samples, "requests.") or not has_gateway
  local function add_if(condition, one)
    if condition then
      more[#more + 1] = one
    end
  end
  add_if(not has_calls, share(samples, details))
  add_if(has(samples, "events."), events(samples))
  add_if(next(details.outboxes), outbox(samples))
  add_if(has_gateway, gateway(samples))
  add_if(has(samples, "refreshes."), refreshes(samples))
  add_if(has(samples, "webhooks."), webhooks(samples))
  return (has_calls and card.section("Calls to Klaviyo", {requests(samples), failures(samples), latency(samples),
    queue(samples), share(samples, details), waiting(samples), retries(samples), traffic(samples)}) or "")
    .. (more[1] and card.section("Events, gateway and accounts", more) or "")
end

return M
