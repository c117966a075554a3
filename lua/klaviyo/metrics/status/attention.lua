--- What an operator should look at: compares the samples with thresholds. The alerts
--- of examples/prometheus/alerts.yml have the same ones.

local history = require "klaviyo.metrics.status.history"
local series = require "klaviyo.metrics.status.series"
local tables = require "klaviyo.util.tables"
local text = require "klaviyo.metrics.status.text"

local M = {}

local MINUTES_5, MINUTES_10, HOUR = 300, 600, 3600
local MAX_FAILED = 0.05     -- share of the requests of five minutes
local MIN_REQUESTS = 20     -- of which a share is taken
local MAX_AGE = 300         -- seconds, of a row in an outbox, or of an entry of a stream
local MAX_SHARE = 0.9       -- of a limit
local MAX_AWAY = 120        -- seconds without Redis, of ten minutes
local STALE = 60            -- seconds without a sample

local GATEWAY_FAILED = {"gateway.server_error", "gateway.no_response"}
local FAILED = {"requests.no_response", "requests.rate_limited", "requests.server_error",
  "requests.unauthorized"}

--- Returns what needs attention, the worst first.
---@param samples table<integer, table>
---@param details table
---@param now number
---@return {class: "bad"|"warn", text: string}[]
function M.list(samples, details, now)
  local slots = history.SLOTS
  local bad, warn = {}, {}
  local function say(list, format, ...)
    list[#list + 1] = format:format(...)
  end
  local function grown(names, seconds)
    return (series.increase(samples, slots, names, seconds))
  end

  local newest = samples[slots]
  if newest and now - newest.time > STALE then
    say(bad, "No sample was taken for %s.", text.duration(now - newest.time))
  end
  for _, name in ipairs(tables.sorted(details.circuits)) do
    local count = details.circuits[name]
    if count and count > 1 then
      say(bad, "The circuits of %d other connections are open: their requests get a 503.", count)
    elseif count then
      say(bad, "The circuit of the connection “%s” is open: its requests get a 503.", name)
    end
  end
  local unauthorized = grown({"requests.unauthorized"}, MINUTES_5)
  if unauthorized > 0 then
    say(bad, "The service rejected the key or token of %s in the last 5 minutes.",
      text.count(unauthorized, "request"))
  end
  local requests, failed = grown({"requests.*"}, MINUTES_5), grown(FAILED, MINUTES_5)
  if requests >= MIN_REQUESTS and failed / requests > MAX_FAILED then
    say(bad, "%s of the requests of the last 5 minutes failed.", text.percent(failed / requests))
  end
  requests, failed = grown({"gateway.*"}, MINUTES_5), grown(GATEWAY_FAILED, MINUTES_5)
  if requests >= MIN_REQUESTS and failed / requests > MAX_FAILED then
    say(bad, "The gateway answered %s of the requests of the last 5 minutes with a 5xx.",
      text.percent(failed / requests))
  end
  local lost = grown({"events.failed", "events.rejected", "events.refused"}, MINUTES_5)
  if lost > 0 then
    say(bad, "%s lost in the last 5 minutes: rejected, not delivered, or not queued.",
      text.count(lost, "event was", "events were"))
  end
  local revoked = grown({"refreshes.reauthorize"}, HOUR)
  if revoked > 0 then
    say(bad, "%s in the last hour: an account must authorize the app again.",
      text.count(revoked, "OAuth refresh was rejected with invalid_grant",
        "OAuth refreshes were rejected with invalid_grant"))
  end
  local refreshes = grown({"refreshes.failed"}, MINUTES_5)
  if refreshes > 0 then
    say(warn, "%s in the last 5 minutes.", text.count(refreshes, "OAuth refresh failed",
      "OAuth refreshes failed"))
  end
  local away = grown({"redis.away"}, MINUTES_10)
  if away > MAX_AWAY then
    say(warn, "This host went on without Redis for %s of the last 10 minutes: see the log.",
      text.duration(away))
  end
  for _, path in ipairs(tables.sorted(details.outboxes)) do
    local age = details.outboxes[path].age
    if age > MAX_AGE then
      say(warn, "The oldest event of the outbox %s has waited for %s.", path, text.duration(age))
    end
  end
  for _, name in ipairs(tables.sorted(details.streams)) do
    local age = details.streams[name].age
    if age > MAX_AGE then
      say(warn, "The oldest event of the stream %s has waited for %s.", name, text.duration(age))
    end
  end
  for _, limit in ipairs(details.limits) do
    if limit[3] >= MAX_SHARE then
      say(warn, "%s of the limit of %s per %s is used.", text.percent(limit[3]), limit[1], limit[2])
    end
  end

  local list = {}
  for class, texts in pairs {bad = bad, warn = warn} do
    for _, line in ipairs(texts) do
      list[#list + 1] = {class = class, text = line}
    end
  end
  table.sort(list, function(a, b)
    if a.class ~= b.class then
      return a.class == "bad"
    end
    return a.text < b.text
  end)
  return list
end

return M
