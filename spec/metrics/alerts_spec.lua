-- The alerts and the dashboard in examples: their expressions are valid, name metrics
-- that exist, and the alerts fire when they should.

local json = require "klaviyo.json"
local metrics_names = require "spec.support.metric_names"
local sample = require "klaviyo.metrics.status.sample"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local ALERTS, DASHBOARD = "examples/prometheus/alerts.yml", "examples/grafana/klaviyo.json"

-- Runs promtool; returns nil if it is not there.
local function promtool(arguments)
  local path = script.shell("PATH=$PATH:build/promtool command -v promtool"):match("^%S+")
  if path then
    return script.shell(path .. " " .. arguments)
  end
  pending("promtool is not there: tools/promtool.sh fetches it")
end

-- Each metric that a text names, without the suffixes of a histogram.
local function names_in(text)
  local names = {}
  for name in text:gmatch("%f[%w_](klaviyo_[%w_]+)") do
    names[name:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")] = true
  end
  return names
end

local function unknown(names)
  local list = {}
  for name in pairs(names) do
    if not metrics_names[name] then
      list[#list + 1] = name
    end
  end
  return list
end

local function expressions()
  local list = {}
  for _, panel in ipairs(json.decode(assert(shell.read(DASHBOARD))).panels) do
    for _, target in ipairs(panel.targets or {}) do
      list[#list + 1] = {title = panel.title, text = target.expr}
    end
  end
  return list
end

describe("the alerts", function()
  it("name metrics that exist", function()
    local names = names_in(shell.read(ALERTS))
    assert.is_true(names.klaviyo_requests_total)
    assert.same({}, unknown(names))
    assert.same({"klaviyo_missing"}, unknown(names_in("sum(klaviyo_missing_bucket)")))
  end)

  it("are valid rules", function()
    local output, status = promtool("check rules " .. ALERTS)
    if output then
      assert.equal(0, status, output)
      assert.matches("SUCCESS: 16 rules found", output, 1, true)
    end
  end)

  it("fire when they should, and only then", function()
    local output, status = promtool("test rules spec/metrics/alerts_test.yml")
    if output then
      assert.equal(0, status, output)
    end
  end)

  it("have a test each", function()
    local tests = shell.read("spec/metrics/alerts_test.yml")
    for name in shell.read(ALERTS):gmatch("alert: (%w+)") do
      assert.truthy(tests:find('alertname="' .. name .. '"', 1, true), name .. " has no test")
    end
  end)
end)

describe("the dashboard", function()
  it("names metrics that exist, and all of them", function()
    local text = shell.read(DASHBOARD)
    local names = names_in(text)
    assert.same({}, unknown(names))
    local without = {}
    for name in pairs(metrics_names) do
      if not names[name] then
        without[#without + 1] = name
      end
    end
    assert.same({}, without)
  end)

  it("has valid expressions", function()
    local lines = {"groups:", "- name: dashboard", "  rules:"}
    for i, expression in ipairs(expressions()) do
      local text = expression.text:gsub("%$__rate_interval", "5m"):gsub("%$%w+", ".*")
      lines[#lines + 1] = ("  - record: panel_%d\n    expr: '%s'"):format(i, text)
    end
    assert.is_true(#lines > 30)
    local path = os.tmpname()
    shell.write(path, table.concat(lines, "\n") .. "\n")
    local output, status = promtool("check rules " .. path)
    os.remove(path)
    if output then
      assert.equal(0, status, output)
    end
  end)

  it("has panels that do not overlap, each with a number of its own", function()
    local ids, taken = {}, {}
    for _, panel in ipairs(json.decode(shell.read(DASHBOARD)).panels) do
      assert.is_nil(ids[panel.id])
      ids[panel.id] = true
      local at = panel.gridPos
      assert.is_true(at.x + at.w <= 24)
      for y = at.y, at.y + at.h - 1 do
        for x = at.x, at.x + at.w - 1 do
          assert.is_nil(taken[y * 24 + x], panel.title .. " overlaps another panel")
          taken[y * 24 + x] = true
        end
      end
    end
  end)
end)

describe("the status page", function()
  it("reads metrics that exist, and all that are not of the memory itself", function()
    local names = names_in(table.concat((function()
      local list = {}
      for name in pairs(sample.names()) do
        list[#list + 1] = name
      end
      return list
    end)(), " "))
    assert.same({}, unknown(names))
  end)
end)
