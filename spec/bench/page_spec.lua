-- make bench writes its figures into docs/, from docs/benchmarks.json.

package.path = "bench/?.lua;" .. package.path
local cjson = require "cjson"
local json_file = require "json_file"
local page = require "page"
local results_of = require "results"
local shell = require "klaviyo.sandbox.shell"

describe("docs/benchmarks.md", function()
  local plain = json_file.read(page.DATA)

  it("and its charts show the figures of docs/benchmarks.json", function()
    local files, count = page.files(plain), 0
    for path, text in pairs(files) do
      count = count + 1
      assert.truthy(text == shell.read(path), path .. " is not what lua5.4 bench/page.lua writes")
    end
    assert.truthy(count > 10)
  end)

  it("has a chart for each file, and a file for each chart", function()
    local text = shell.read(page.PAGE)
    local _, listing = shell.run("ls " .. page.CHARTS)
    local count = 0
    for name in listing:gmatch "[^\n]+" do
      count = count + 1
      assert.truthy(text:find("](benchmarks/" .. name .. ")", 1, true), name)
    end
    local _, images = text:gsub("!%[[^%]]*%]%(benchmarks/", "")
    assert.equal(count, images)
  end)

  it("names no path and no host", function()
    local text = shell.read(page.DATA) .. shell.read(page.PAGE)
    for _, pattern in ipairs {"/work/", "/home/", "/tmp/", "/root/", "https?://", "127%.0%.0%.1"} do
      assert.is_nil(text:match(pattern), pattern)
    end
  end)

  it("keeps its text around the figures", function()
    local text = shell.read(page.PAGE)
    local filled = page.filled(text, "\nfigures\n")
    assert.matches("written by make bench -->\n\nfigures\n<!-- /bench -->", filled, 1, true)
    assert.equal(filled, page.filled(filled, "\nfigures\n"))
    assert.equal(text:match "^.-<!%-%- bench", filled:match "^.-<!%-%- bench")
    assert.equal(text:match "<!%-%- /bench.*", filled:match "<!%-%- /bench.*")
    assert.has_error(function() page.filled("", "") end)
  end)
end)

describe("the tables of figures", function()
  local results = results_of.new {}
  for _, lua in ipairs {"Lua 5.4", "LuaJIT"} do
    results:add("get", "klaviyo, " .. lua, {cpu_us = 41.2, rss_kb = 12100})
    results:add("get", "libcurl + cjson, " .. lua, {cpu_us = 30, rss_kb = 12100})
    results:add("iterate", "klaviyo, " .. lua, {cpu_us = 1210.4, peak_kb = 12100})
  end

  it("have a row for each workload, with gaps for what was not measured", function()
    local text = page.table(results)
    assert.matches("| GET of 1 KB | **41 / 41** |  | 30 / 30 |  |  |  |  |\n", text, 1, true)
    assert.matches("| iteration over 1,000 pages, a page | **1,210 / 1,210** |", text, 1, true)
    assert.matches("| MB at most over 100,000 profiles | **11.8 / 11.8** |", text, 1, true)
  end)

  it("say which goals are not reached, and which were not measured", function()
    local goal = {title = "GET"}
    local text = page.goals {
      {goal = goal, lua = "Lua 5.4", sign = "≤", bound = 1.2, figure = 1.1, is_met = true},
      {goal = goal, lua = "LuaJIT", sign = "≤", bound = 1.1, figure = 1.15, is_met = false},
      {goal = {title = "ping"}, lua = "LuaJIT", sign = "≤", bound = 2},
    }
    assert.matches("| GET | ≤ 1.20 / 1.10 | **1.10** | 1.15, not reached |\n", text, 1, true)
    assert.matches("| ping | ≤ 2.00 |  | not measured |\n", text, 1, true)
  end)

  it("become the README's line about speed", function()
    local readme = page.readme("a\n| Speed | old |\nb\n", page.speed(results))
    assert.matches("^a\n| Speed | A page .*, a GET of 1 KB 1%.37 %(LuaJIT: 1%.37%)%. .*|\nb\n$", readme)
    assert.has_error(function() page.readme("a\n", "") end)
  end)
end)

describe("docs/benchmarks.json", function()
  it("is written so that what fits is on one line", function()
    local value = {date = "2026-11-28", workloads = {{name = "get", subjects = {{name = "a", cpu_us = {median = 2,
      rounds = {1, 2, 3}}}}}}}
    assert.equal('{"date": "2026-11-28", "workloads": [{"name": "get", "subjects": [{"name": "a", "cpu_us": '
      .. '{"median": 2, "rounds": [1, 2, 3]}}]}]}', (json_file.text(value):gsub("\n%s*", " "):gsub("([%[{]) ", "%1")
      :gsub(" ([%]}])", "%1"):gsub(" $", "")))
    assert.same(value, cjson.decode(json_file.text(value)))
    for line in shell.read(page.DATA):gmatch "[^\n]+" do
      assert.truthy(#line <= 120, line)
    end
  end)

  it("is refused if it is missing or something else", function()
    assert.has_error(function() json_file.read "docs/none.json" end, "BASE: cannot read docs/none.json")
    local path = os.tmpname()
    shell.write(path, "{}")
    assert.has_error(function() json_file.read(path) end, "BASE: not a file of figures: " .. path)
    os.remove(path)
  end)
end)
