--- Queries the values of a report, and makes rows of them: one for each campaign,
--- flow, form or segment, or one for each message.

local kinds = require "klaviyo.cli.report.kinds"

local M = {}

-- Returns the statistics to ask for: those that are shown, and the weights of
-- those that cannot be added.
local function with_weights(names, known)
  local list, has, can = {}, {}, {}
  for _, name in ipairs(known) do
    can[name] = true
  end
  local function add(name)
    if name and not has[name] and (can[name] or #known == 0) then
      has[name] = true
      list[#list + 1] = name
    end
  end
  for _, name in ipairs(names) do
    has[name] = true
    list[#list + 1] = name
  end
  for _, name in ipairs(names) do
    add(kinds.WEIGHTS[name])
  end
  return list
end

local function number(value)
  return type(value) == "number" and value or 0
end

-- Returns the sum of statistics of several rows. Rates are weighted means.
local function summed(rows, names)
  local sum = {}
  for _, name in ipairs(names) do
    local weight, total, whole = kinds.WEIGHTS[name], 0, 0
    for _, row in ipairs(rows) do
      local factor = weight and number(row.statistics[weight]) or 1
      total = total + number(row.statistics[name]) * factor
      whole = whole + factor
    end
    if #rows == 1 then
      sum[name] = rows[1].statistics[name]
    elseif not weight then
      sum[name] = total
    elseif whole > 0 then
      sum[name] = total / whole
    end
  end
  return sum
end

--- Returns the totals of rows.
M.totals = summed

-- Returns one row for all results with the same key.
local function merged(kind, results, by_message, names)
  local list, by_key = {}, {}
  for _, result in ipairs(results) do
    local groupings = result.groupings
    local id = tostring(groupings[kind.id])
    local message = by_message and kind.message
      and tostring(groupings[kind.message]) or nil
    local key = id .. "\0" .. (message or "")
    local row = by_key[key]
    if not row then
      row = {id = id, message = message, channel = groupings.send_channel,
        parts = {}}
      by_key[key] = row
      list[#list + 1] = row
    elseif row.channel ~= groupings.send_channel then
      row.channel = "several"
    end
    row.parts[#row.parts + 1] = result
  end
  for _, row in ipairs(list) do
    row.statistics = summed(row.parts, names)
    row.parts = nil
  end
  return list
end

-- Returns the pages of the report; some operations have only one.
local function pages_of(client, kind, body)
  if not kind.pages then
    local document, err = client:call(kind.operation, {body = body})
    if not document then
      error(err, 0)
    end
    return {document}
  end
  local list = {}
  for page in client:pages(kind.operation, {body = body}) do
    list[#list + 1] = page
  end
  return list
end

---@class klaviyo.cli.ReportQuery
---@field statistics string[]  those that are shown
---@field known string[]  all that the operation has
---@field timeframe table
---@field filter string|nil
---@field metric string|nil  the id of the metric of conversions
---@field by_message boolean|nil

--- Asks for the values. Returns rows {id =, message =, channel =, statistics =}, and
--- their ids by channel. Raises the error of a page.
---@param client klaviyo.Client
---@param kind table  see kinds.lua
---@param options klaviyo.cli.ReportQuery
---@return table[]
---@return table<string, string[]>
function M.query(client, kind, options)
  local names = with_weights(options.statistics, options.known)
  local body = client:document(kind.operation, {
    statistics = names, timeframe = options.timeframe, filter = options.filter,
    conversion_metric_id = options.metric,
  })
  local results, ids = {}, {}
  for _, page in ipairs(pages_of(client, kind, body)) do
    for _, result in ipairs(page.data.attributes.results) do
      results[#results + 1] = result
      local channel = result.groupings.send_channel
      channel = type(channel) == "string" and channel or "email"
      ids[channel] = ids[channel] or {}
      table.insert(ids[channel], tostring(result.groupings[kind.id]))
    end
  end
  return merged(kind, results, options.by_message, names), ids
end

--- Sorts rows by a statistic or "name"; "-" before it: the greatest first.
---@param rows table[]
---@param order string
function M.sort(rows, order)
  local descending, name = order:match("^(%-?)(.*)$")
  local function key(row)
    if name == "name" then
      return (row.name or row.id):lower()
    end
    return number(row.statistics[name])
  end
  table.sort(rows, function(a, b)
    local x, y = key(a), key(b)
    if x == y then
      return a.id .. (a.message or "") < b.id .. (b.message or "")
    elseif descending == "-" then
      return x > y
    end
    return x < y
  end)
end

return M
