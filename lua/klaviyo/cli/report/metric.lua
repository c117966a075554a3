--- The report of a metric: its series, or the totals by a property.

local chart = require "klaviyo.cli.chart"
local kinds = require "klaviyo.cli.report.kinds"
local names = require "klaviyo.cli.report.names"
local period = require "klaviyo.cli.report.period"
local values = require "klaviyo.cli.report.values"
local view = require "klaviyo.cli.report.view"

local M = {}

local MEASURES = {"count", "sum_value", "unique"}

-- How far back a series goes by default.
local SINCE = {hour = "48h", day = "30d", week = "26w", month = "12m"}

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
  local from = period.of_option(context, arguments.since or SINCE[interval], "since")
  local to = arguments.ending and period.of_option(context, arguments.ending, "until")
    or os.time()
  if not (arguments.since or ""):find("^%d+%-") then
    from = period.beginning(from, interval)
  end
  local _, first = period.text(from)
  local _, last = period.text(to)
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
  values.sort(list, "-" .. arguments.measure)
  if not view.is_table(context) then
    local records = {}
    for i, row in ipairs(list) do
      records[i] = {[arguments.group_by] = row.name, count = row.statistics.count,
        sum_value = row.statistics.sum_value, unique = row.statistics.unique}
    end
    view.write_records(context, records, {arguments.group_by, "count", "sum_value",
      "unique"})
    return
  end
  for _, row in ipairs(list) do
    row.label = row.name ~= "" and row.name or "(none)"
  end
  for _, line in ipairs(view.table({rows = list, statistics = MEASURES,
    bar = arguments.measure, title = arguments.group_by,
    totals = values.totals(list, MEASURES)},
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
  local points = measurements[arguments.measure] or {}
  if not view.is_table(context) then
    local records = {}
    for i, date in ipairs(dates) do
      records[i] = {date = date}
      for _, measure in ipairs(MEASURES) do
        records[i][measure] = (measurements[measure] or {})[i] or 0
      end
    end
    view.write_records(context, records, {"date", "count", "sum_value", "unique"})
    return
  end
  local labels = {}
  for i, date in ipairs(dates) do
    labels[i] = date_of(date, arguments.by)
  end
  local function format(value)
    return kinds.format(arguments.measure == "sum_value" and "value" or "count",
      value)
  end
  context:out(("%s, %s by %s, %s\n\n"):format(metric.name, arguments.measure,
    arguments.by, arguments.timezone))
  for _, line in ipairs(chart.series(points,
    context.terminal:width(), CHART_HEIGHT, {names = labels, format = format})) do
    context:out(line .. "\n")
  end
  context:out(("\nTotal %s  Mean %s\n"):format(format(total(points)),
    #points > 0 and kinds.format("value", total(points) / #points) or "-"))
end

--- Shows the report.
---@param context klaviyo.cli.Context
---@param client klaviyo.Client
---@param arguments table
function M.show(context, client, arguments)
  local metric = names.metric(context, client, arguments.metric)
  local rows, dates = aggregate(client, request_of(context, arguments, metric))
  if arguments.group_by then
    show_groups(context, arguments, rows)
  else
    show_series(context, arguments, metric, rows[1], dates)
  end
end

return M
