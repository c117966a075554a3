--- The charts of docs/benchmarks.md: one for each workload, one for memory, and two
--- of nginx.

local chart = require "chart"
local goal_results = require "goal_results"
local kinds = require "kinds"
local WORKLOADS = require "workloads"

local M = {}

local LABELS = {
  libcurl = "libcurl in C",
  ["libcurl + cjson, Lua 5.4"] = "libcurl + lua-cjson, Lua 5.4",
  ["libcurl + cjson, LuaJIT"] = "libcurl + lua-cjson, LuaJIT",
  ["lua-curl"] = "lua-curl + lua-cjson", ["lua-http"] = "lua-http + lua-cjson",
  LuaSocket = "LuaSocket + lua-cjson", ["klaviyo-api (node)"] = "klaviyo-api, node",
  track = "track{…}", ["track, before"] = "track{…}, former build",
  outbox = "into an outbox", ["outbox, before"] = "into an outbox, former build",
  klaviyo = "klaviyo, 256 callers", ["klaviyo, all at once"] = "klaviyo, 256 end at once",
  ["wrk, past the worker"] = "wrk, 256 callers past the worker",
  ["wrk, past the worker, all at once"] = "wrk, 256 end at once",
}

local FIXED = {
  {name = "memory", workload = "iterate", title = "Memory over 100,000 profiles", unit = "MB resident at most",
    figure = "peak_kb", factor = 1024, scope = "+: MB above Lua + libcurl after one response"},
  {name = "ping", workload = "ping", title = "Other requests to an nginx worker that makes 256 calls at a time",
    unit = "ms, 99th percentile, of a location that returns a constant", figure = "ping_p99_ms", factor = 1,
    scope = "×: ratio to no calls"},
  {name = "track", workload = "track", title = "Track an event in log_by_lua", unit = "µs, median, for a request",
    figure = "p50_us", factor = 1, scope = "×: ratio to the former build"},
}

local RATIO = "×: ratio to libcurl + lua-cjson, same Lua and rounds"
local DECODE_RATIO = "×: ratio to lua-cjson, same Lua and rounds"

-- Sets the note of a row and its goal.
local function add_goal(row, results, drawn, list, workload, name)
  local entry = row.kind == "ours" and goal_results.find(list, workload, name, drawn.figure)
  local goal = entry and entry.goal
  if drawn.name == "memory" then
    if not goal then
      return
    end
    local base = results:median(goal.reference_workload, goal.reference:gsub("LUA", entry.lua), drawn.figure)
    row.goal = base and (base + entry.bound * goal.unit) / drawn.factor
    row.note = entry.figure and ("%+.1f (goal %g)"):format(entry.figure, entry.bound)
    return
  end
  local reference = kinds.reference_of(workload, name)
  local ratio = reference and results:ratio(workload, name, reference, drawn.figure, drawn.with)
  if not ratio then
    return
  end
  row.note = chart.number(ratio) .. " ×"
  if goal then
    row.note = ("%s (goal %s)"):format(row.note, chart.number(entry.bound))
    row.goal = results:median(drawn.with or workload, reference, drawn.figure) * entry.bound / drawn.factor
  end
end

-- Returns the rows of a chart. Clients that cannot do a workload are drawn with the
-- one that is measured with it.
local function rows_of(results, drawn, list)
  local rows = {}
  local has = results.by_name[drawn.workload]
  local names = (drawn.with and results.by_name[drawn.with] or has).subjects
  for _, name in ipairs(names) do
    local workload = has.by_name[name] and drawn.workload or drawn.with
    local value = results:median(workload, name, drawn.figure)
    if value and name ~= "submit" and name ~= "submit, before" then
      local row = {label = LABELS[name] or name, kind = kinds.kind_of(name), value = value / drawn.factor}
      add_goal(row, results, drawn, list, workload, name)
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function workload_charts()
  local list = {}
  for _, workload in ipairs(WORKLOADS) do
    list[#list + 1] = {name = workload.name, workload = workload.name, with = workload.with, title = workload.title,
      scope = workload.name == "decode" and DECODE_RATIO or RATIO, unit = workload.unit,
      figure = workload.figure or "cpu_us", factor = workload.factor or 1}
  end
  return list
end

--- Returns the charts of what was measured, as chart.svg takes them.
---@param results table
---@param list table[]  what goal_results.list returned
---@return table[]
function M.list(results, list)
  local all, out = workload_charts(), {}
  for _, drawn in ipairs(FIXED) do
    local copy = {}
    for key, value in pairs(drawn) do
      copy[key] = value
    end
    all[#all + 1] = copy
  end
  for _, drawn in ipairs(all) do
    if results.by_name[drawn.workload] then
      drawn.rows = rows_of(results, drawn, list)
      out[#out + 1] = drawn
    end
  end
  return out
end

--- Returns a chart's content in words, for readers that do not see it.
---@param drawn table
---@return string
function M.summary(drawn)
  local parts = {}
  for i, row in ipairs(drawn.rows) do
    parts[i] = row.label .. " " .. chart.number(row.value)
  end
  return ("%s, %s: %s"):format(drawn.title, drawn.unit, table.concat(parts, "; "))
end

return M
