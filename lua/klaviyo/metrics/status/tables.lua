--- The tables of the status page: operations, connections of the gateway, outboxes, streams.

local chart = require "klaviyo.metrics.status.chart"
local history = require "klaviyo.metrics.status.history"
local series = require "klaviyo.metrics.status.series"
local tables = require "klaviyo.util.tables"
local text = require "klaviyo.metrics.status.text"

local M = {}

local SLOTS, HOUR = history.SLOTS, 3600
local MAX_ROWS = 20
local MAX_FAILED = 0.05  -- share of the requests, before it is red

-- Returns a name that may wrap after each underscore and slash.
local function wrapping(name)
  return (text.escape(name):gsub("[_/]", "%0<wbr>"))
end

local function number_cell(class, value)
  return ("<td%s>%s</td>"):format(class and (' class="%s"'):format(class) or "", text.escape(value))
end

local function table_html(title, heads, rows)
  local id = title:lower():gsub("%A+", "-")
  local out = {('<section aria-labelledby="%s"><h2 id="%s">%s</h2><div class="table">'
    .. '<table aria-labelledby="%s"><thead><tr>'):format(id, id, title, id)}
  for _, head in ipairs(heads) do
    out[#out + 1] = ('<th scope="col">%s</th>'):format(head)
  end
  out[#out + 1] = "</tr></thead><tbody>\n"
  for _, row in ipairs(rows) do
    out[#out + 1] = ('<tr><th scope="row">%s</th>%s</tr>\n'):format(wrapping(row.name), table.concat(row))
  end
  out[#out + 1] = "</tbody></table></div></section>\n"
  return table.concat(out)
end

local function share_cell(limit)
  if not limit then
    return '<td><span class="none">–</span></td>'
  end
  local class = limit[3] >= 0.9 and "warn" or nil
  return ('<td%s><span class="none">%s</span> %s<span class="share">%s</span></td>'):format(
    class and ' class="warn"' or "", "per " .. text.escape(limit[2]), chart.bar(limit[3], class or "accent"),
    text.escape(text.percent(limit[3])))
end

-- Returns the rows of the busiest entries of `operations` or `connections`.
local function busiest(samples, list)
  local newest = samples[SLOTS]
  local counts = {}
  for name in pairs(newest and newest[list] or {}) do
    counts[name] = series.increases(samples, SLOTS, list, name, HOUR)
  end
  local names = tables.sorted(counts, function(a, b)
    if counts[a][1] ~= counts[b][1] then
      return counts[a][1] > counts[b][1]
    end
    return a < b
  end)
  local rows = {}
  for i = 1, math.min(#names, MAX_ROWS) do
    local n = counts[names[i]]
    rows[i] = {name = names[i], counts = n, number_cell(nil, text.number(n[1])),
      number_cell(n[2] > MAX_FAILED * n[1] and "bad" or nil, text.number(n[2]))}
  end
  return rows
end

local function operations(samples, details)
  local highest = {}
  for _, limit in ipairs(details.limits) do
    if not highest[limit[1]] or limit[3] > highest[limit[1]][3] then
      highest[limit[1]] = limit
    end
  end
  local rows = busiest(samples, "operations")
  for _, row in ipairs(rows) do
    local n = row.counts
    row[3] = number_cell(nil, n[1] > 0 and text.duration(n[3] / n[1]) or "–")
    row[4] = share_cell(highest[row.name])
  end
  return rows
end

local function connections(samples, details)
  local rows = busiest(samples, "connections")
  for _, row in ipairs(rows) do
    local n = row.counts
    row[3] = number_cell(nil, n[1] > 0 and text.duration(n[3] / n[1]) or "–")
    local is_open = details.circuits[row.name]
    row[4] = number_cell(is_open and "bad" or nil, is_open and "open" or is_open == false and "closed" or "–")
    if row.name == "-" then
      row.name = "none, rejected by the gateway"
    end
  end
  return rows
end

local function outboxes(details)
  local rows = {}
  for i, path in ipairs(tables.sorted(details.outboxes)) do
    local outbox = details.outboxes[path]
    rows[i] = {name = path, number_cell(nil, text.number(outbox.rows)), number_cell(nil, text.bytes(outbox.bytes)),
      number_cell(outbox.age > 300 and "warn" or nil, text.duration(outbox.age))}
  end
  return rows
end

local function streams(details)
  local rows, all = {}, details.streams or {}
  for i, name in ipairs(tables.sorted(all)) do
    local stream = all[name]
    rows[i] = {name = name, number_cell(nil, text.number(stream.rows)), number_cell(nil, text.number(stream.pending)),
      number_cell(stream.age > 300 and "warn" or nil, text.duration(stream.age))}
  end
  return rows
end

--- Returns the tables that have rows.
---@param samples table<integer, table>
---@param details table
---@return string
function M.html(samples, details)
  local out = {}
  local function add(title, heads, rows)
    if rows[1] then
      out[#out + 1] = table_html(title, heads, rows)
    end
  end
  add("Operations, the last hour", {"Operation", "Requests", "Failed", "Mean time", "Limit used now"},
    operations(samples, details))
  add("Connections of the gateway, the last hour", {"Connection", "Requests", "Failed", "Mean wait", "Circuit"},
    connections(samples, details))
  add("Outboxes", {"Folder", "Events", "Size", "Oldest"}, outboxes(details))
  add("Streams on Redis, of all hosts", {"Stream", "Events", "Taken by a sender", "Oldest"}, streams(details))
  return table.concat(out)
end

return M
