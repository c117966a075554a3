--- Serves metric aggregates, counted from the stored events, and reports about
--- campaigns, flows, forms and segments, whose numbers are made up (see
--- statistics.lua).

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local error_response = require "klaviyo.sandbox.error_response"
local filter = require "klaviyo.sandbox.filter"
local relations = require "klaviyo.sandbox.relations"
local statistics = require "klaviyo.sandbox.statistics"

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

-- Reports -----------------------------------------------------------------------

-- Returns the channel of a message, as reports name it.
local function channel_of(message)
  local attributes = message.attributes
  return attributes.channel or (attributes.definition or {}).channel or "email"
end

local ROWS = {}

-- Calls a function with each resource of a type.
local function each(state, kind, call)
  local collection = state:collection(kind)
  for position = 1, collection.last do
    local record = collection:at(position)
    if record then
      call(record)
    end
  end
end

function ROWS.campaign(state, add)
  each(state, "campaign-message", function(message)
    local id = relations.one(state, "campaign-message", message.id, "campaign")
    local campaign = id and state:get("campaign", id)
    if campaign and campaign.attributes.status == "Sent" then
      local sent = rfc3339.parse(campaign.attributes.send_time or "")
      add({id = message.id, sent_on = sent and math.floor(sent / DAY)}, {
        campaign_id = id, campaign_message_id = message.id,
        send_channel = channel_of(message), group_name = campaign.attributes.name,
        campaign_message_name = message.attributes.label,
      })
    end
  end)
end

function ROWS.flow(state, add)
  each(state, "flow-message", function(message)
    local action = relations.one(state, "flow-message", message.id, "flow-action")
    local id = action and relations.one(state, "flow-action", action, "flow")
    local flow = id and state:get("flow", id)
    if flow then
      add({id = message.id}, {
        flow_id = id, flow_message_id = message.id,
        send_channel = channel_of(message), flow_name = flow.attributes.name,
        flow_message_name = message.attributes.name,
      })
    end
  end)
end

function ROWS.form(state, add)
  each(state, "form", function(form)
    add({id = form.id}, {form_id = form.id})
  end)
end

function ROWS.segment(state, add)
  each(state, "segment", function(segment)
    add({id = segment.id}, {segment_id = segment.id})
  end)
end

local DEFAULT_GROUPS = {
  campaign = {"campaign_id", "campaign_message_id", "send_channel"},
  flow = {"flow_id", "flow_message_id", "send_channel"},
  form = {"form_id"}, segment = {"segment_id"},
}

-- Returns the test of a report's filter: `and(equals(flow_id,"X"),…)`.
local function matcher(text)
  if not text then
    return function()
      return true
    end
  end
  local terms, why = filter.parse(text:match("^and%((.*)%)$") or text)
  if not terms then
    error_response.throw(400, "invalid", "Invalid filter: " .. why,
      {pointer = "/data/attributes/filter"})
  end
  return function(groups)
    return filter.matches(terms, function(field)
      return groups[field]
    end)
  end
end

-- Returns the groups of a report: {groupings =, rows =}, in the order of the rows.
local function groups_of(call, kind)
  local attributes = call.document.data.attributes
  local names = unless_null(attributes.group_by) or DEFAULT_GROUPS[kind]
  local matches = matcher(unless_null(attributes.filter))
  local list, by_key = {}, {}
  ROWS[kind](call.state, function(row, all)
    if not matches(all) then
      return
    end
    local groupings, key = {}, {}
    for i, name in ipairs(names) do
      groupings[name] = all[name] == nil and json.null or all[name]
      key[i] = tostring(all[name])
    end
    key = table.concat(key, "\0")
    if not by_key[key] then
      by_key[key] = {groupings = groupings, rows = {}}
      list[#list + 1] = by_key[key]
    end
    table.insert(by_key[key].rows, row)
  end)
  return list
end

-- Returns the counts of a group in a period.
local function counts_of(state, kind, group, from, to)
  local sum = {}
  for _, row in ipairs(group.rows) do
    if kind == "segment" then
      statistics.add(sum, statistics.of_segment(state, row.id, from, to))
    else
      for day = math.floor(from / DAY), math.ceil(to / DAY) - 1 do
        statistics.add(sum, statistics.on_day(kind, row, day))
      end
    end
  end
  return sum
end

local function month_before(time, months)
  local date = os.date("!*t", time)
  local month = date.year * 12 + date.month - 1 - months
  return rfc3339.parse(("%04d-%02d-01"):format(math.floor(month / 12),
    month % 12 + 1))
end

-- Returns the bounds of the period that the key of a time frame names, in UTC.
local function period_of(key, now)
  local today = now - now % DAY
  local weekday = (math.floor(today / DAY) + 3) % 7  -- 0: Monday
  local days = tonumber(key:match("^last_(%d+)_days$"))
  local months = tonumber(key:match("^last_(%d+)_months$"))
  local year = os.date("!%Y", now)
  if days then
    return today - (days - 1) * DAY, now
  elseif months then
    return month_before(now, months - 1), now
  end
  local monday = today - weekday * DAY
  local all = {
    today = {today, now}, yesterday = {today - DAY, today},
    this_week = {monday, now}, last_week = {monday - 7 * DAY, monday},
    this_month = {month_before(now, 0), now},
    last_month = {month_before(now, 1), month_before(now, 0)},
    this_year = {rfc3339.parse(year .. "-01-01"), now},
    last_year = {rfc3339.parse(("%04d-01-01"):format(year - 1)),
      rfc3339.parse(year .. "-01-01")},
  }
  return all[key][1], all[key][2]
end

-- Returns the bounds of a time frame.
local function timeframe(call)
  local frame = call.document.data.attributes.timeframe
  if unless_null(frame.key) then
    return period_of(frame.key, call.state.now())
  end
  local from = rfc3339.parse(unless_null(frame.start) or "")
  local to = rfc3339.parse(unless_null(frame["end"]) or "")
  local wrong = not (from and to) and "A timeframe needs a key, or start and end."
    or from > to and "The start of a timeframe must be before its end."
    or to - from > 366 * DAY and "A timeframe can be at most one year long."
  if wrong then
    error_response.throw(400, "invalid", wrong,
      {pointer = "/data/attributes/timeframe"})
  end
  return from, to
end

local INTERVALS = {hourly = "hour", daily = "day", weekly = "week",
  monthly = "month"}

-- Returns the periods of a report: one, or those of a series.
local function periods_of(call, from, to)
  local interval = INTERVALS[call.document.data.attributes.interval]
  if not call.op.path:find("series", 1, true) then
    return {{from, to}}
  end
  local list, starts = {}, interval_starts(from, to, interval)
  for i, start in ipairs(starts) do
    list[i] = {start, starts[i + 1] or to}
  end
  return list, interval
end

-- An hour has the numbers of its day if it is the first one.
local function counts_in(state, kind, group, period, interval)
  if interval == "hour" and kind ~= "segment" and period[1] % DAY ~= 0 then
    return {}
  end
  return counts_of(state, kind, group, period[1],
    interval == "hour" and kind ~= "segment" and period[1] + DAY or period[2])
end

local function report(call)
  local attributes = call.document.data.attributes
  local kind = call.document.data.type:match("^(%a+)%-")
  local from, to = timeframe(call)
  local periods, interval = periods_of(call, from, to)
  local results = json.array()
  for _, group in ipairs(groups_of(call, kind)) do
    local values = {}
    for _, name in ipairs(attributes.statistics) do
      values[name] = json.array()
    end
    for i, period in ipairs(periods) do
      local counts = counts_in(call.state, kind, group, period, interval)
      for name, list in pairs(values) do
        list[i] = statistics.value(counts, name)
      end
    end
    for name, list in pairs(values) do
      values[name] = interval and list or list[1]
    end
    -- a campaign that was not sent in the period has no row
    if kind ~= "campaign" or interval
        or next(counts_of(call.state, kind, group, from, to)) then
      results[#results + 1] = {groupings = group.groupings, statistics = values}
    end
  end
  local dates = interval and json.array()
  for i, period in ipairs(interval and periods or {}) do
    dates[i] = rfc3339.format(period[1])
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
