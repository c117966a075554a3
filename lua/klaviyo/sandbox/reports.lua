--- Serves metric aggregates, counted from the stored events, and empty reports
--- about campaigns, flows, forms and segments.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local DAY = 86400
local LENGTHS = {hour = 3600, day = DAY, week = 7 * DAY}

-- The maximum number of dates of an aggregate.
local MAX_DATES = 1000

-- Returns the beginning of the month after a time.
local function next_month(time)
  local date = os.date("!*t", time)
  local month = date.month % 12 + 1
  local year = date.month == 12 and date.year + 1 or date.year
  return rfc3339.parse(("%04d-%02d-01"):format(year, month))
end

-- Returns the beginnings of the intervals between two times.
local function interval_starts(from, to, interval)
  local list, at = {}, from
  while at < to and #list < MAX_DATES do
    list[#list + 1] = at
    at = interval == "month" and next_month(at)
      or at + (LENGTHS[interval] or DAY)
  end
  return list
end

-- Returns the bounds of the datetime filters: `[from, to)`.
local function bounds(filters, now)
  local from, to = now - now % DAY - 30 * DAY, now
  for _, text in ipairs(filters or {}) do
    local operator, value = text:match("^([%a-]+)%(datetime,([^)]*)%)$")
    value = value and value:gsub("[\"']", "")
    -- A datetime without an offset is UTC.
    local time = value and (rfc3339.parse(value) or rfc3339.parse(value .. "Z"))
    if time and operator:find("^greater") then
      from = time
    elseif time and operator:find("^less") then
      to = time
    end
  end
  return from, to
end

local function interval_index(starts, to, time)
  for i = #starts, 1, -1 do
    if time >= starts[i] then
      return time < to and i or nil
    end
  end
end

-- Returns count, sum of values and unique profiles for each interval.
local function count_events(state, metric, starts, to)
  local count, value, people = {}, {}, {}
  for i = 1, #starts do
    count[i], value[i], people[i] = 0, 0, {}
  end
  local events = state:collection("event")
  for position = 1, events.last do
    local event = events:at(position)
    if event
      and relations.one(state, "event", event.id, "metric") == metric then
      local i = interval_index(starts, to, event.attributes.timestamp)
      if i then
        count[i] = count[i] + 1
        value[i] = value[i] + (json.to_number(event.attributes.value) or 0)
        people[i][relations.one(state, "event", event.id, "profile")] = true
      end
    end
  end
  local unique = {}
  for i = 1, #starts do
    unique[i] = 0
    for _ in pairs(people[i]) do
      unique[i] = unique[i] + 1
    end
  end
  return {count = count, sum_value = value, unique = unique}
end

local function unless_null(value)
  return value ~= json.null and value or nil
end

local function aggregates(call)
  local state, attributes = call.state, call.document.data.attributes
  if unless_null(attributes.sort) then
    error_response.throw(400, "invalid", ("'%s' is not a valid sort.")
      :format(attributes.sort), {pointer = "/data/attributes/sort"})
  end
  local from, to = bounds(unless_null(attributes.filter), state.now())
  local starts = interval_starts(from, to, unless_null(attributes.interval) or "day")
  local all = count_events(state, attributes.metric_id, starts, to)
  local dates, measurements = json.array(), {}
  for i, start in ipairs(starts) do
    dates[i] = rfc3339.format(start)
  end
  for _, name in ipairs(attributes.measurements) do
    measurements[name] = json.array(all[name])
  end
  return response.report(call, "metric-aggregate",
    state.random_ids:letters("123456789", 19), {
      dates = dates, data = json.array {{
        dimensions = json.array(), measurements = measurements}},
    }, true)
end

-- Returns the rows of a report: sent campaigns, or all resources of other
-- types.
local function groupings(call)
  local state, list = call.state, {}
  local kind = call.document.data.type:match("^(%a+)%-")
  local collection = state:collection(kind)
  for position = 1, collection.last do
    local record = collection:at(position)
    local status = record and record.attributes.status
    if record and (kind ~= "campaign" or status == "Sent") then
      list[#list + 1] = {[kind .. "_id"] = record.id}
    end
  end
  return list
end

local function report(call)
  local attributes = call.document.data.attributes
  local series = call.op.path:find("series", 1, true)
  local to = call.state.now()
  local starts = series and interval_starts(to - 7 * DAY, to,
    (attributes.interval or "daily") == "hourly" and "hour" or "day")
  local function statistics()
    local all = {}
    for _, name in ipairs(attributes.statistics) do
      all[name] = 0
      if series then
        all[name] = json.array()
        for i = 1, #starts do
          all[name][i] = 0
        end
      end
    end
    return all
  end
  local results, dates = json.array(), series and json.array()
  for i, grouping in ipairs(groupings(call)) do
    results[i] = {groupings = grouping, statistics = statistics()}
  end
  for i, start in ipairs(starts or {}) do
    dates[i] = rfc3339.format(start)
  end
  return response.report(call, call.document.data.type,
    call.state.random_ids:uuid(), {results = results, date_times = dates or nil})
end

M.routes = {["POST /api/metric-aggregates"] = aggregates}

for _, name in ipairs {"campaign-values", "flow-values", "flow-series",
  "form-values", "form-series", "segment-values", "segment-series"} do
  M.routes["POST /api/" .. name .. "-reports"] = report
end

return M
