package.path = "bench/?.lua;" .. package.path
local charts = require "charts"
local goal_results = require "goal_results"
local results_of = require "results"

local CJSON = "libcurl + cjson, LuaJIT"

local results = results_of.new {}
results:add("get", "klaviyo, LuaJIT", {cpu_us = 30})
results:add("get", CJSON, {cpu_us = 20})
results:add("get", "klaviyo-api (node)", {cpu_us = 600})
results:add("iterate", "klaviyo, LuaJIT", {cpu_us = 600, peak_kb = 14336})
results:add("iterate", CJSON, {cpu_us = 1000, peak_kb = 12288})
results:add("iterate", "lua-curl", {cpu_us = 1100, peak_kb = 12288})
results:add("raw", "klaviyo, LuaJIT", {cpu_us = 200})
results:add("first", "klaviyo, LuaJIT", {wall_us = 12000})
results:add("first", CJSON, {wall_us = 8000, peak_kb = 10240})
results:add("ping", "no calls", {ping_p99_ms = 0.1})
results:add("ping", "klaviyo", {ping_p99_ms = 0.15})
results:add("track", "track", {p50_us = 5})
results:add("track", "submit", {p50_us = 1})
results:add("track", "track, before", {p50_us = 10})

local list = charts.list(results, goal_results.list(results, require "goals"))

-- Returns the rows of a chart by their labels.
local function rows_of(name)
  for _, drawn in ipairs(list) do
    if drawn.name == name then
      local rows = {}
      for _, row in ipairs(drawn.rows) do
        rows[row.label] = row
      end
      return rows, drawn
    end
  end
end

describe("the charts of the benchmark", function()
  it("are of what was measured, in the order of the workloads", function()
    local names = {}
    for i, drawn in ipairs(list) do
      names[i] = drawn.name
    end
    assert.same({"get", "iterate", "raw", "first", "memory", "ping", "track"}, names)
  end)

  it("note ratios and goals of this library, and ratios of other clients", function()
    local rows = rows_of "get"
    assert.same({kind = "ours", label = "klaviyo, LuaJIT", value = 30, goal = 22, note = "1.50 × (goal 1.10)"},
      rows["klaviyo, LuaJIT"])
    assert.same({kind = "reference", label = "libcurl + lua-cjson, LuaJIT", value = 20},
      rows["libcurl + lua-cjson, LuaJIT"])
    assert.same({kind = "peer", label = "klaviyo-api, node", value = 600, note = "30.0 ×"}, rows["klaviyo-api, node"])
  end)

  it("show clients that cannot do a workload by the one that was measured with it", function()
    local rows = rows_of "raw"
    assert.same({200, 250, "0.20 × (goal 0.25)"},
      {rows["klaviyo, LuaJIT"].value, rows["klaviyo, LuaJIT"].goal, rows["klaviyo, LuaJIT"].note})
    assert.same({1100, "1.10 ×"}, {rows["lua-curl + lua-cjson"].value, rows["lua-curl + lua-cjson"].note})
  end)

  it("divide figures for their unit", function()
    local rows = rows_of "first"
    assert.near(12, rows["klaviyo, LuaJIT"].value, 1e-9)
    assert.near(10.8, rows["klaviyo, LuaJIT"].goal, 1e-9)
  end)

  it("show memory above that of libcurl and Lua", function()
    local rows = rows_of "memory"
    assert.same({14, 13, "+4.0 (goal 3)"},
      {rows["klaviyo, LuaJIT"].value, rows["klaviyo, LuaJIT"].goal, rows["klaviyo, LuaJIT"].note})
    assert.is_nil(rows["lua-curl + lua-cjson"].note)
  end)

  it("compare nginx with no calls, and track with a former build", function()
    assert.same({"1.50 × (goal 2.00)", "reference"},
      {rows_of("ping")["klaviyo, 256 callers"].note, rows_of("ping")["no calls"].kind})
    local rows = rows_of "track"
    assert.same({"0.50 × (goal 0.60)", 6}, {rows["track{…}"].note, rows["track{…}"].goal})
    assert.same({"reference", nil}, {rows["track{…}, former build"].kind, rows.submit})
  end)

  it("have a summary in words", function()
    local _, drawn = rows_of "iterate"
    assert.matches("^Iterate over 1,000 pages.*: klaviyo, LuaJIT 600; libcurl %+ lua%-cjson, LuaJIT 1,000; .* 1,100$",
      charts.summary(drawn))
  end)
end)
