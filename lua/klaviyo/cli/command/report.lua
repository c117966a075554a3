--- `klaviyo report`: what campaigns, flows, forms and segments achieved, and the
--- series of a metric.

local kinds = require "klaviyo.cli.report.kinds"

-- The modules that only a run needs; --help does not load them.
local parts = setmetatable({}, {__index = function(self, name)
  local module = require("klaviyo.cli.report." .. name)
  rawset(self, name, module)
  return module
end})

local M = {}

local INTERVALS = {"hour", "day", "week", "month"}
local MEASURES = {"count", "sum_value", "unique"}

-- How far back a series goes by default.
local SINCE = {hour = "48h", day = "30d", week = "26w", month = "12m"}

local function add_values_options(parser, kind)
  parser:option("--timeframe"):argname("KEY"):default("last_30_days")
    :description "last_7_days, last_month, this_year and so on; see klaviyo operation."
  parser:option("--since"):argname("TIME")
    :description "Instead of --timeframe: a date, or 90d, 8w, 6m, 1y."
  parser:option("--until"):target("ending"):argname("TIME")
    :description "The end; default: now."
  parser:option("--statistics"):argname("NAMES")
    :description("Default: " .. table.concat(kind.statistics, ",") .. ".")
  parser:option("--sort"):argname("NAME")
    :description("A statistic or name; --sort=-NAME: the greatest first. Default: -"
      .. kind.sort .. ".")
  parser:option("--limit"):argname("N"):convert(tonumber)
    :description "Show only the first N rows; the totals are those of all."
  parser:option("--filter"):argname("FILTER")
    :description(('As the API takes it: equals(%s,"ID")'):format(kind.id))
  if kind.message then
    parser:flag("--messages"):description "A row for each message."
  end
  if kind.conversion then
    parser:option("--conversion-metric"):argname("NAME"):default("Placed Order")
      :description "The metric of the conversions, by name or id."
  end
end

local function add_metric_options(parser)
  parser:argument("metric"):argname("METRIC"):description "Its name, or its id."
  parser:option("--by"):choices(INTERVALS):default("day")
    :description "The intervals of the series."
  parser:option("--since"):argname("TIME")
    :description "A date, or 90d, 8w, 6m, 1y; default: 30 days, or more for longer intervals."
  parser:option("--until"):target("ending"):argname("TIME")
    :description "The end; default: now."
  parser:option("--measure"):choices(MEASURES):default("count")
    :description "What the chart shows: count, sum_value, or unique profiles."
  parser:option("--group-by"):argname("NAME")
    :description "Totals by a property, such as $message, List or URL, instead of a series."
  parser:option("--timezone"):argname("ZONE"):default("UTC")
    :description "Of the intervals, such as US/Eastern."
end

--- Adds the reports as commands.
function M.configure(parser)
  parser:description "Shows what campaigns, flows, forms and segments achieved, and metrics over time."
  parser:command_target("kind")
  for _, kind in ipairs(kinds.list) do
    local one = parser:command(kind.resource)
    one:summary("the values of " .. kind.resource)
      :description(("Shows the values of %s."):format(kind.resource))
    add_values_options(one, kind)
  end
  local metric = parser:command("metric")
  metric:summary "the events of a metric over time"
    :description "Shows the events of a metric over time."
  add_metric_options(metric)
end

-- Options -----------------------------------------------------------------------

local function list_of(text)
  local list = {}
  for name in text:gmatch("[^,%s]+") do
    list[#list + 1] = name
  end
  return list
end

-- Returns the values that a member of an operation's table can have.
local function known_values(context, operation, member)
  local facts = require("klaviyo").operations.get(operation,
    {revision = context:revision()})
  for _, one in ipairs(facts.body.members) do
    if one.name == member then
      return list_of((one.kind:gsub("^list of ", ""):gsub(", null$", "")))
    end
  end
  return {}
end

local function check_known(context, option, name, known)
  if #known == 0 then
    return
  end
  for _, one in ipairs(known) do
    if one == name then
      return
    end
  end
  local near = require("klaviyo.cli.suggest").text(name, known)
  context:usage('--%s: unknown value "%s"%s', option, name,
    near ~= "" and near or "; there are " .. table.concat(known, ", "))
end

local function time_of(context, text, option)
  local time = parts.period.parse(text, os.time())
  if not time then
    context:usage('--%s: "%s" is not a time; a date, RFC 3339, or 12h, 30d, 8w, '
      .. "6m, 1y", option, text)
  end
  return time
end

local function timeframe_of(context, arguments, kind)
  if not arguments.since and not arguments.ending then
    check_known(context, "timeframe", arguments.timeframe,
      known_values(context, kind.operation, "timeframe.key"))
    return {key = arguments.timeframe}
  elseif not arguments.since then
    context:usage "--until needs --since"
  end
  return {
    start = (parts.period.text(time_of(context, arguments.since, "since"))),
    ["end"] = (parts.period.text(arguments.ending
      and time_of(context, arguments.ending, "until") or os.time())),
  }
end

-- Returns the statistics that are shown, and all that exist.
local function statistics_of(context, arguments, kind)
  local known = known_values(context, kind.operation, "statistics")
  local list = arguments.statistics and list_of(arguments.statistics)
    or kind.statistics
  if #list == 0 then
    context:usage "--statistics: name at least one"
  end
  for _, name in ipairs(list) do
    check_known(context, "statistics", name, known)
  end
  return list, known
end

local function contains(list, name)
  for _, one in ipairs(list) do
    if one == name then
      return true
    end
  end
  return false
end

-- Returns the order of the rows: that of the option, or by the most important
-- statistic that is shown.
local function order_of(context, arguments, kind, shown)
  local order = arguments.sort
    or "-" .. (contains(shown, kind.sort) and kind.sort or shown[1])
  local name = order:gsub("^%-", "")
  if name ~= "name" and not contains(shown, name) then
    context:usage('--sort: "%s" is not shown; name, %s', name,
      table.concat(shown, ", "))
  end
  return order, name ~= "name" and name or shown[1]
end

-- Values --------------------------------------------------------------------------

local function first_rows(rows, limit)
  local list = {}
  for i = 1, math.min(#rows, limit or #rows) do
    list[i] = rows[i]
  end
  return list
end

-- Returns whether the report is shown as a table of its own.
local function is_table(context)
  return require("klaviyo.cli.output").format(context) == "table"
    and not context.arguments.columns
end

-- Writes the rows as records.
local function write_records(context, rows, columns)
  local writer = context:records {columns = columns}
  for _, row in ipairs(rows) do
    writer:add(row)
  end
  writer:finish()
end

local function record_of(row, shown, by_message)
  local record = {id = row.id, name = row.name, channel = row.channel,
    message = by_message and row.message or nil}
  for _, name in ipairs(shown) do
    record[name] = row.statistics[name]
  end
  return record
end

local function columns_of(kind, shown, by_message)
  local columns = {"id", "name"}
  columns[#columns + 1] = kind.message and "channel" or nil
  columns[#columns + 1] = by_message and "message" or nil
  for _, name in ipairs(shown) do
    columns[#columns + 1] = name
  end
  return columns
end

local function show_rows(context, kind, rows, report)
  local some = first_rows(rows, report.limit)
  if not is_table(context) then
    local list = {}
    for i, row in ipairs(some) do
      list[i] = record_of(row, report.statistics, report.by_message)
    end
    write_records(context, list, columns_of(kind, report.statistics,
      report.by_message))
    return
  end
  for _, row in ipairs(some) do
    row.label = (row.name or row.id)
      .. (row.message and (" (%s)"):format(row.message) or "")
  end
  report.rows = some
  report.totals = #rows > 1 and parts.values.totals(rows, report.statistics)
    or nil
  for _, line in ipairs(parts.view.table(report, context.terminal:width())) do
    context:out(line .. "\n")
  end
  if #some < #rows then
    context:note(("%d of %d rows; the total is that of all"):format(#some, #rows))
  end
end

-- Returns a client that tells on which rate limits it waits: reports have low ones.
local function client_of(context)
  return context:client {on_wait = function(operation, seconds)
    context:note(("waiting %d s for the rate limit of %s"):format(
      math.ceil(seconds), operation or "the API"))
  end}
end

local function show_values(context, arguments, kind)
  local client = client_of(context)
  local shown, known = statistics_of(context, arguments, kind)
  local order, bar = order_of(context, arguments, kind, shown)
  local timeframe = timeframe_of(context, arguments, kind)
  local metric = kind.conversion and parts.names.metric(context, client,
    arguments.conversion_metric, "--conversion-metric") or nil
  local rows, ids = parts.values.query(client, kind, {
    statistics = shown, known = known, timeframe = timeframe,
    filter = arguments.filter, metric = metric and metric.id,
    by_message = arguments.messages,
  })
  if #rows == 0 then
    context:note(("there is nothing to report about %s in this time"):format(
      kind.resource))
    if is_table(context) then
      return
    end
  end
  local names = parts.names.of(client, kind, ids, context:revision())
  for _, row in ipairs(rows) do
    row.name = names[row.id]
  end
  parts.values.sort(rows, order)
  show_rows(context, kind, rows, {statistics = shown, bar = bar,
    title = kind.resource:upper(), limit = arguments.limit,
    by_message = arguments.messages})
end

-- A metric ------------------------------------------------------------------------

-- Returns the rows of an aggregate: {dimensions =, measurements =} and the dates.
local function aggregate(client, request)
  local body = client:document("query_metric_aggregates", request)
  local rows, dates = {}, nil
  for page in client:pages("query_metric_aggregates", {body = body}) do
    local attributes = page.data.attributes
    dates = dates or attributes.dates
    for _, row in ipairs(attributes.data) do
      rows[#rows + 1] = row
    end
  end
  return rows, dates or {}
end

local function request_of(context, arguments, metric)
  local interval = arguments.by
  local from = time_of(context, arguments.since or SINCE[interval], "since")
  local to = arguments.ending and time_of(context, arguments.ending, "until")
    or os.time()
  if not (arguments.since or ""):find("^%d+%-") then
    from = parts.period.beginning(from, interval)
  end
  local _, first = parts.period.text(from)
  local _, last = parts.period.text(to)
  return {
    metric_id = metric.id, measurements = MEASURES,
    interval = interval, timezone = arguments.timezone,
    by = arguments.group_by and {arguments.group_by} or nil,
    filter = {
      ("greater-or-equal(datetime,%s)"):format(first),
      ("less-than(datetime,%s)"):format(last),
    },
  }
end

local function total(list)
  local sum = 0
  for _, value in ipairs(list or {}) do
    sum = sum + (type(value) == "number" and value or 0)
  end
  return sum
end

-- Shows the totals by a property.
local function show_groups(context, arguments, rows)
  local list = {}
  for i, row in ipairs(rows) do
    local name = row.dimensions and row.dimensions[1]
    list[i] = {name = type(name) == "string" and name or "", id = tostring(i),
      statistics = {}}
    for _, measure in ipairs(MEASURES) do
      list[i].statistics[measure] = total(row.measurements[measure])
    end
  end
  parts.values.sort(list, "-" .. arguments.measure)
  if not is_table(context) then
    local records = {}
    for i, row in ipairs(list) do
      records[i] = {[arguments.group_by] = row.name, count = row.statistics.count,
        sum_value = row.statistics.sum_value, unique = row.statistics.unique}
    end
    write_records(context, records, {arguments.group_by, "count", "sum_value",
      "unique"})
    return
  end
  for _, row in ipairs(list) do
    row.label = row.name ~= "" and row.name or "(none)"
  end
  for _, line in ipairs(parts.view.table({rows = list, statistics = MEASURES,
    bar = arguments.measure, title = arguments.group_by,
    totals = parts.values.totals(list, MEASURES)},
    context.terminal:width())) do
    context:out(line .. "\n")
  end
end

local CHART_HEIGHT = 10

local function date_of(text, interval)
  return interval == "hour" and text:sub(1, 16):gsub("T", " ") or text:sub(1, 10)
end

local function show_series(context, arguments, metric, row, dates)
  local measurements = row and row.measurements or {}
  local values = measurements[arguments.measure] or {}
  if not is_table(context) then
    local records = {}
    for i, date in ipairs(dates) do
      records[i] = {date = date}
      for _, measure in ipairs(MEASURES) do
        records[i][measure] = (measurements[measure] or {})[i] or 0
      end
    end
    write_records(context, records, {"date", "count", "sum_value", "unique"})
    return
  end
  local names = {}
  for i, date in ipairs(dates) do
    names[i] = date_of(date, arguments.by)
  end
  local function format(value)
    return kinds.format(arguments.measure == "sum_value" and "value" or "count",
      value)
  end
  context:out(("%s, %s by %s, %s\n\n"):format(metric.name, arguments.measure,
    arguments.by, arguments.timezone))
  for _, line in ipairs(require("klaviyo.cli.chart").series(values,
    context.terminal:width(), CHART_HEIGHT, {names = names, format = format})) do
    context:out(line .. "\n")
  end
  context:out(("\nTotal %s  Mean %s\n"):format(format(total(values)),
    #values > 0 and kinds.format("value", total(values) / #values) or "-"))
end

local function show_metric(context, arguments)
  local client = client_of(context)
  local metric = parts.names.metric(context, client, arguments.metric)
  local rows, dates = aggregate(client,
    request_of(context, arguments, metric))
  if arguments.group_by then
    show_groups(context, arguments, rows)
  else
    show_series(context, arguments, metric, rows[1], dates)
  end
end

--- Shows a report.
function M.run(context, arguments)
  if arguments.kind == "metric" then
    return show_metric(context, arguments)
  end
  return show_values(context, arguments, kinds.get(arguments.kind))
end

return M
