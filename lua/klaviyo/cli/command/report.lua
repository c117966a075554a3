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

local function timeframe_of(context, arguments, kind)
  if not arguments.since and not arguments.ending then
    check_known(context, "timeframe", arguments.timeframe,
      known_values(context, kind.operation, "timeframe.key"))
    return {key = arguments.timeframe}
  elseif not arguments.since then
    context:usage "--until needs --since"
  end
  return {
    start = (parts.period.text(parts.period.of_option(context, arguments.since, "since"))),
    ["end"] = (parts.period.text(arguments.ending
      and parts.period.of_option(context, arguments.ending, "until") or os.time())),
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
  if not parts.view.is_table(context) then
    local list = {}
    for i, row in ipairs(some) do
      list[i] = record_of(row, report.statistics, report.by_message)
    end
    parts.view.write_records(context, list, columns_of(kind, report.statistics,
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
    if parts.view.is_table(context) then
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

--- Shows a report.
function M.run(context, arguments)
  if arguments.kind == "metric" then
    return parts.metric.show(context, client_of(context), arguments)
  end
  return show_values(context, arguments, kinds.get(arguments.kind))
end

return M
