--- Shows a report on a terminal: a table with bars and totals, or a chart.

local chart = require "klaviyo.cli.chart"
local kinds = require "klaviyo.cli.report.kinds"

local M = {}

local MAX_NAME, MIN_NAME, MAX_BAR, MIN_BAR = 50, 12, 30, 6
local GAP = "  "

-- Returns a text in at most `width` columns.
local function shortened(text, width)
  if chart.width_of(text) <= width then
    return text
  end
  local characters = {}
  for character in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if #characters == width - 1 then
      break
    end
    characters[#characters + 1] = character
  end
  return table.concat(characters) .. "…"
end

local function one_line(text)
  return (text:gsub("[%c]+", " "))
end

-- Returns the widths of the columns of statistics, and of the names.
local function measure(report, rows)
  local widths, name = {}, 4
  for i, statistic in ipairs(report.statistics) do
    widths[i] = #kinds.title(statistic)
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i],
        #kinds.format(statistic, row.statistics[statistic]))
    end
  end
  for _, row in ipairs(rows) do
    name = math.max(name, chart.width_of(row.label))
  end
  return widths, math.min(name, MAX_NAME)
end

-- Returns how many columns the names and the bars have.
local function fit(width, widths, name)
  local taken = 0
  for _, one in ipairs(widths) do
    taken = taken + one + #GAP
  end
  local room = width - taken
  local bar = math.min(MAX_BAR, room - name - #GAP)
  if bar < MIN_BAR then
    bar = 0
    name = math.max(MIN_NAME, math.min(name, room))
  end
  return name, bar
end

-- Returns the greatest value of the statistic of the bars.
local function greatest(rows, statistic)
  local max = 0
  for _, row in ipairs(rows) do
    max = math.max(max, row.statistics[statistic] or 0)
  end
  return max
end

--- Returns the lines of a table. The report has `rows` {label =, statistics =},
--- `totals` or nil, `statistics` (the columns) and `bar` (that of the bars).
---@param report table
---@param width integer  of the terminal
---@return string[]
function M.table(report, width)
  local all = {}
  for i, row in ipairs(report.rows) do
    row.label = one_line(row.label)
    all[i] = row
  end
  local totals = report.totals
    and {label = "Total", statistics = report.totals} or nil
  all[#all + 1] = totals
  local widths, name = measure(report, all)
  local bar
  name, bar = fit(width, widths, name)
  local max, lines = greatest(report.rows, report.bar), {}
  local function line(label, cells, value)
    local parts = {chart.pad(shortened(label, name), name)}
    for i, cell in ipairs(cells) do
      parts[#parts + 1] = chart.pad(cell, widths[i], true)
    end
    parts[#parts + 1] = value and bar > 0 and chart.bar(value, max, bar) or nil
    lines[#lines + 1] = table.concat(parts, GAP):gsub("%s+$", "")
  end
  local function cells_of(row)
    local cells = {}
    for i, statistic in ipairs(report.statistics) do
      cells[i] = kinds.format(statistic, row.statistics[statistic])
    end
    return cells
  end
  local titles = {}
  for i, statistic in ipairs(report.statistics) do
    titles[i] = kinds.title(statistic)
  end
  line(report.title, titles)
  for _, row in ipairs(report.rows) do
    line(row.label, cells_of(row), row.statistics[report.bar])
  end
  if totals then
    line(totals.label, cells_of(totals))
  end
  return lines
end

--- Returns whether a report is shown as a table of its own.
---@param context klaviyo.cli.Context
---@return boolean
function M.is_table(context)
  return require("klaviyo.cli.output").format(context) == "table"
    and not context.arguments.columns
end

--- Writes the rows of a report as records.
---@param context klaviyo.cli.Context
---@param rows table[]
---@param columns string[]
function M.write_records(context, rows, columns)
  local writer = context:records {columns = columns}
  for _, row in ipairs(rows) do
    writer:add(row)
  end
  writer:finish()
end

return M
