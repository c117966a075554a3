--- Writes the figures of a whole run: docs/benchmarks.json, docs/benchmarks.md with
--- its charts, and the README's line about speed.
---
---   make bench-page    writes them again from docs/benchmarks.json

package.path = "bench/?.lua;" .. package.path

local charts = require "charts"
local chart = require "chart"
local goal_results = require "goal_results"
local goals = require "goals"
local json_file = require "json_file"
local results_of = require "results"
local shell = require "klaviyo.sandbox.shell"

local M = {}

M.DATA, M.PAGE, M.CHARTS, M.README = "docs/benchmarks.json", "docs/benchmarks.md", "docs/benchmarks/", "README.md"

local BEGIN = "<!-- bench: written by make bench -->\n"
local END = "<!-- /bench -->"

local COLUMNS = {
  {"**klaviyo**, 5.4 / JIT", "klaviyo, Lua 5.4", "klaviyo, LuaJIT", bold = true},
  {"libcurl, in C", "libcurl"},
  {"… + lua-cjson, 5.4 / JIT", "libcurl + cjson, Lua 5.4", "libcurl + cjson, LuaJIT"},
  {"lua-curl", "lua-curl"},
  {"lua-http", "lua-http"},
  {"LuaSocket", "LuaSocket"},
  {"klaviyo-api", "klaviyo-api (node)"},
}

-- The title, the workload, the figure, and the divisor for the title's unit.
local ROWS = {
  {"GET of 1 KB", "get", "cpu_us", 1},
  {"GET of a page, 100 profiles, 98 KB", "page", "cpu_us", 1},
  {"POST of an event", "post", "cpu_us", 1},
  {"GET of 1 KB over TLS", "tls", "cpu_us", 1},
  {"iteration over 1,000 pages, a page", "iterate", "cpu_us", 1},
  {"the same, with `raw = true`", "raw", "cpu_us", 1},
  {"the same, with three members", "only", "cpu_us", 1},
  {"POSTs, 100 at a time, 50 ms each", "posts", "cpu_us", 1},
  {"start to first response, ms of wall time", "first", "wall_us", 1000, digits = true},
  {"MB resident after 5,000 GETs", "get", "rss_kb", 1024, digits = true},
  {"MB at most over 100,000 profiles", "iterate", "peak_kb", 1024, digits = true},
}

-- 966 → "966", 1210.4 → "1,210"; with digits 9.64 → "9.6"
local function written(figure, digits)
  if digits and figure < 99.95 then
    return results_of.text(figure, 1)
  end
  local text = results_of.text(figure, 0)
  return (text:gsub("^(%d+)(%d%d%d)$", "%1,%2"))
end

local function row(cells)
  return "| " .. table.concat(cells, " | ") .. " |\n"
end

local function header(...)
  local rules = {}
  for i = 1, select("#", ...) do
    rules[i] = i == 1 and "---" or "--:"
  end
  return row {...} .. row(rules)
end

--- Returns the table of all figures in Markdown.
---@param results table
---@return string
function M.table(results)
  local heads = {}
  for i, column in ipairs(COLUMNS) do
    heads[i] = column[1]
  end
  local out = {header("µs of processor time a call", (table.unpack or unpack)(heads))}
  for _, line in ipairs(ROWS) do
    local cells = {line[1]}
    for _, column in ipairs(COLUMNS) do
      local parts = {}
      for i = 2, #column do
        local value = results:median(line[2], column[i], line[3])
        parts[#parts + 1] = value and written(value / line[4], line.digits)
      end
      local text = table.concat(parts, " / ")
      cells[#cells + 1] = column.bold and text ~= "" and "**" .. text .. "**" or text
    end
    out[#out + 1] = row(cells)
  end
  return table.concat(out)
end

local function goal_cell(entry)
  if not entry then
    return ""
  elseif not entry.figure then
    return "not measured"
  end
  local text = chart.number(entry.figure)
  return entry.is_met and "**" .. text .. "**" or text .. ", not reached"
end

local function bounds_of(entries)
  local first = entries[1]
  local bounds = {chart.number(first.bound)}
  if entries[2] and entries[2].bound ~= first.bound then
    bounds[2] = chart.number(entries[2].bound)
  end
  return first.sign .. " " .. table.concat(bounds, " / ")
end

--- Returns the table of the goals in Markdown.
---@param list table[]  what goal_results.list returned
---@return string
function M.goals(list)
  local out, i = {header("", "goal", "Lua 5.4", "LuaJIT")}, 1
  while list[i] do
    local entries, by_lua = {}, {}
    local goal = list[i].goal
    while list[i] and list[i].goal == goal do
      entries[#entries + 1] = list[i]
      by_lua[list[i].lua] = list[i]
      i = i + 1
    end
    out[#out + 1] = row {goal.title, bounds_of(entries), goal_cell(by_lua["Lua 5.4"]), goal_cell(by_lua.LuaJIT)}
  end
  return table.concat(out)
end

--- Returns the table of the callers in nginx in Markdown.
---@param results table
---@return string
function M.nginx(results)
  local out = {header("", "calls/s", "p50 ms", "p99 ms", "its p50 ms", "its p99 ms", "p99, of idle")}
  for _, name in ipairs(results.by_name.ping.subjects) do
    local function figure(key, digits)
      local value = results:median("ping", name, key)
      return value and results_of.text(value, digits) or ""
    end
    out[#out + 1] = row {name:find("^klaviyo") and "**" .. name .. "**" or name, figure("rate", 0),
      figure("p50_ms", 0), figure("p99_ms", 0), figure("ping_p50_ms", 2), figure("ping_p99_ms", 2),
      chart.number(results:ratio("ping", name, "no calls", "ping_p99_ms"))}
  end
  return table.concat(out)
end

local function versions_of(plain)
  local names = {}
  for name in pairs(plain.versions) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    return a:lower() < b:lower()
  end)
  for i, name in ipairs(names) do
    names[i] = name .. " " .. plain.versions[name]
  end
  return table.concat(names, ", ")
end

local function measured_on(plain)
  local load = plain.load and plain.load > 0.5
    and (" Other programs were running: the load was %.1f."):format(plain.load) or ""
  return ("Measured on %s, on %s.%s %s.\n"):format(plain.date, plain.system, load, versions_of(plain))
end

local GOALS = [[
Each figure is a ratio to the named subject of the same rounds, unless it has a unit. Bold: the goal is reached.

]]

-- Returns the generated part of the page.
local function body(plain, results)
  local list = goal_results.list(results, goals)
  local out = {"\n", measured_on(plain), "\n### Goals\n\n", GOALS, M.goals(list), "\n### Charts\n"}
  for _, drawn in ipairs(charts.list(results, list)) do
    out[#out + 1] = ("\n![%s](benchmarks/%s.svg)\n"):format(charts.summary(drawn), drawn.name)
  end
  out[#out + 1] = "\n### All calls\n\n" .. M.table(results)
  if results.by_name.ping then
    out[#out + 1] = "\n### In nginx\n\nOne worker, and an upstream that takes 200 ms. The last columns are of a "
      .. "trivial location of the same\nworker, which is called at the same time.\n\n" .. M.nginx(results)
  end
  out[#out + 1] = "\n"
  return table.concat(out)
end

--- Returns the page's text with new figures.
---@param text string  of docs/benchmarks.md
---@param generated string  what is to be between its marks
---@return string
function M.filled(text, generated)
  local _, from = text:find(BEGIN, 1, true)
  local to = from and text:find(END, from, true)
  assert(to, "docs/benchmarks.md has lost the marks around its figures")
  return text:sub(1, from) .. generated .. text:sub(to)
end

-- Returns the ratio to libcurl with lua-cjson, and that under LuaJIT.
local function two(results, workload, digits, other_workload)
  local list = {}
  for i, lua in ipairs {"Lua 5.4", "LuaJIT"} do
    local ratio = results:ratio(workload, "klaviyo, " .. lua, "libcurl + cjson, " .. lua, "cpu_us", other_workload)
    list[i] = ratio and results_of.text(ratio, digits) or "?"
  end
  return list[1] .. " (LuaJIT: " .. list[2] .. ")"
end

--- Returns the README's line about speed.
---@param results table
---@return string
function M.speed(results)
  local node = results:ratio("page", "klaviyo-api (node)", "klaviyo, LuaJIT", "cpu_us")
  return ("| Speed | A page of 100 profiles takes %s of the processor time of libcurl with lua-cjson, an iterator with "
    .. "`raw` %s, a GET of 1 KB %s.%s [docs/benchmarks.md](docs/benchmarks.md) |"):format(two(results, "page", 2),
    two(results, "raw", 2, "iterate"), two(results, "get", 2), node and (" The node SDK takes %s times as much as "
    .. "this client for a page."):format(results_of.text(node, 0)) or "")
end

--- Returns the README's text with a new line about speed.
---@param text string
---@param line string
---@return string
function M.readme(text, line)
  local from, to = text:find "\n| Speed |[^\n]*"
  assert(from, "README.md has lost its line about speed")
  return text:sub(1, from) .. line .. text:sub(to + 1)
end

--- Returns the texts of all files that show the figures.
---@param plain table  the figures, as in docs/benchmarks.json
---@return table<string, string>  texts by paths
function M.files(plain)
  local results = results_of.of(plain)
  local files = {
    [M.PAGE] = M.filled(shell.read(M.PAGE), body(plain, results)),
    [M.README] = M.readme(shell.read(M.README), M.speed(results)),
  }
  for _, drawn in ipairs(charts.list(results, goal_results.list(results, goals))) do
    files[M.CHARTS .. drawn.name .. ".svg"] = chart.svg(drawn)
  end
  return files
end

--- Writes all files.
---@param plain table
function M.write(plain)
  shell.run("mkdir -p " .. M.CHARTS)
  shell.write(M.DATA, json_file.text(plain))
  for path, text in pairs(M.files(plain)) do
    shell.write(path, text)
  end
end

if arg and arg[0] and arg[0]:find "bench/page%.lua$" then
  M.write(json_file.read(M.DATA))
end

return M
