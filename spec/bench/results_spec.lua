package.path = "bench/?.lua;" .. package.path
local goal_results = require "goal_results"
local results_of = require "results"

local function filled()
  local results = results_of.new {date = "2026-11-28", system = "a system", versions = {node = "20"}}
  for _, us in ipairs {30, 60, 33} do
    results:add("get", "klaviyo, Lua 5.4", {cpu_us = us, rss_kb = 4096})
  end
  for _, us in ipairs {20, 40, 30} do
    results:add("get", "libcurl + cjson, Lua 5.4", {cpu_us = us, rss_kb = 1024})
  end
  return results
end

describe("the results of the benchmark", function()
  it("have medians and quantiles", function()
    assert.equal(3, results_of.median {5, 1, 3})
    assert.equal(2.5, results_of.median {4, 1, 2, 3})
    assert.equal(7, results_of.median {7})
    assert.equal(2, results_of.quantile({5, 1, 2, 3, 4}, 0.25))
    assert.equal(1.75, results_of.quantile({1, 2, 3, 4}, 0.25))
    assert.equal(33, filled():median("get", "klaviyo, Lua 5.4", "cpu_us"))
  end)

  it("compare subjects round by round", function()
    local results = filled()
    assert.same({1.5, 1.5, 1.1}, results:ratios("get", "klaviyo, Lua 5.4", "libcurl + cjson, Lua 5.4", "cpu_us"))
    -- the ratio of the medians would be 1.1
    assert.equal(1.5, results:ratio("get", "klaviyo, Lua 5.4", "libcurl + cjson, Lua 5.4", "cpu_us"))
  end)

  it("compare subjects of different workloads", function()
    local results = filled()
    results:add("raw", "klaviyo, Lua 5.4", {cpu_us = 5})
    assert.equal(0.25, results:ratio("raw", "klaviyo, Lua 5.4", "libcurl + cjson, Lua 5.4", "cpu_us", "get"))
  end)

  it("return nil for what was not measured", function()
    local results = filled()
    assert.is_nil(results:median("get", "lua-curl", "cpu_us"))
    assert.is_nil(results:median("page", "klaviyo, Lua 5.4", "cpu_us"))
    assert.is_nil(results:ratio("get", "klaviyo, Lua 5.4", "lua-curl", "cpu_us"))
    assert.is_nil(results:median("get", "klaviyo, Lua 5.4", "peak_kb"))
  end)

  it("become a plain table in their order, and results again", function()
    local plain = filled():plain()
    assert.same({"klaviyo, Lua 5.4", "libcurl + cjson, Lua 5.4"},
      {plain.workloads[1].subjects[1].name, plain.workloads[1].subjects[2].name})
    assert.same({median = 33, rounds = {30, 60, 33}}, plain.workloads[1].subjects[1].cpu_us)
    assert.same(plain, results_of.of(plain):plain())
  end)

  it("round figures to what was measured", function()
    local results = results_of.new {}
    results:add("get", "a", {cpu_us = 41.23456})
    assert.same({41.23}, results:plain().workloads[1].subjects[1].cpu_us.rounds)
  end)
end)

describe("the goals of the benchmark", function()
  local GOAL = {title = "GET", workload = "get", subject = "klaviyo, LUA", reference = "libcurl + cjson, LUA",
    at_most = {1.5, 1.1}}

  local function with(changed)
    local goal = {}
    for name, value in pairs(GOAL) do
      goal[name] = value
    end
    for name, value in pairs(changed) do
      goal[name] = value
    end
    return goal
  end

  local function list(changed)
    return goal_results.list(filled(), {with(changed)})
  end

  it("are for ratios, with a bound for each Lua", function()
    local entries = list {}
    assert.same({"Lua 5.4", 1.5, 1.5, true, "≤"},
      {entries[1].lua, entries[1].bound, entries[1].figure, entries[1].is_met, entries[1].sign})
    assert.same({"LuaJIT", 1.1}, {entries[2].lua, entries[2].bound})
    assert.is_nil(entries[2].figure)
    assert.is_nil(entries[2].is_met)
  end)

  it("are not reached by a figure beyond the bound", function()
    assert.is_false(list({at_most = 1.49})[1].is_met)
    local entries = goal_results.list(filled(), {{title = "x", workload = "get", subject = "klaviyo, LUA",
      reference = "libcurl + cjson, LUA", at_least = 1.6, only = "Lua 5.4"}})
    assert.same({1, false, "≥"}, {#entries, entries[1].is_met, entries[1].sign})
  end)

  it("may be for a difference in a unit", function()
    local entry = list({figure = "rss_kb", difference = true, unit = 1024, at_most = 3})[1]
    assert.same({3, true}, {entry.figure, entry.is_met})
  end)

  it("are found by subject and figure", function()
    local entries = list {}
    assert.equal(entries[1], goal_results.find(entries, "get", "klaviyo, Lua 5.4", "cpu_us"))
    assert.is_nil(goal_results.find(entries, "get", "klaviyo, Lua 5.4", "wall_us"))
    assert.is_nil(goal_results.find(entries, "page", "klaviyo, Lua 5.4", "cpu_us"))
  end)

  it("each compare a subject with a reference by one kind of bound", function()
    local workloads = {ping = true, track = true, start = true}
    for _, workload in ipairs(require "workloads") do
      workloads[workload.name] = true
    end
    for _, goal in ipairs(require "goals") do
      assert.truthy(goal.subject and goal.reference, goal.title)
      assert.truthy((goal.at_most == nil) ~= (goal.at_least == nil), goal.title)
      assert.truthy(workloads[goal.workload], goal.title)
      assert.truthy(workloads[goal.reference_workload or goal.workload], goal.title)
    end
  end)
end)
