package.path = "bench/?.lua;" .. package.path
local chart = require "chart"

local function drawn(rows, scope)
  return chart.svg {title = "GET <of> 1 KB & more", unit = "µs", rows = rows, scope = scope}
end

-- Returns the widths of the bars, without those of the legend.
local function widths(svg)
  local list = {}
  for width in svg:gmatch '<rect x="[%d.]+" y="[%d.]+" width="([%d.]+)" height="14" ' do
    list[#list + 1] = tonumber(width)
  end
  return list
end

describe("a chart", function()
  it("is well-formed XML with its texts escaped", function()
    local svg = drawn {{label = "klaviyo <&>", value = 41.2, kind = "ours", note = '"1.5"', goal = 30}}
    assert.matches("<title>GET &lt;of&gt; 1 KB &amp; more</title>", svg, 1, true)
    assert.matches("klaviyo &lt;&amp;&gt;", svg, 1, true)
    assert.matches("&quot;1.5&quot;", svg, 1, true)
    local open = {}
    for close, name, rest in svg:gsub("<style>.-</style>", ""):gmatch "<(/?)(%a+)([^>]*)>" do
      if close == "/" then
        assert.equal(name, table.remove(open))
      elseif rest:sub(-1) ~= "/" then
        open[#open + 1] = name
      end
    end
    assert.same({}, open)
  end)

  it("has bars in proportion", function()
    local list = widths(drawn {{label = "a", value = 10, kind = "ours"}, {label = "b", value = 20, kind = "peer"},
      {label = "c", value = 5, kind = "reference"}})
    assert.near(0.5, list[1] / list[2], 0.01)
    assert.near(0.25, list[3] / list[2], 0.01)
  end)

  it("cuts a bar that is much longer than the others", function()
    local rows = {{label = "a", value = 10, kind = "ours"}, {label = "b", value = 20, kind = "peer"},
      {label = "c", value = 2000, kind = "peer"}}
    local svg = drawn(rows)
    local list = widths(svg)
    assert.near(0.5, list[1] / list[2], 0.01)
    assert.near(0.8, list[2] / list[3], 0.01)
    assert.matches('class="cut"', svg:gsub("<style>.-</style>", ""), 1, true)
    rows[3].value = 40
    assert.is_nil(drawn(rows):gsub("<style>.-</style>", ""):find('class="cut"', 1, true))
  end)

  it("draws a goal where a bar of its value would end", function()
    local svg = drawn {{label = "a", value = 10, kind = "ours", goal = 20}, {label = "b", value = 20, kind = "peer"}}
    local x = tonumber(svg:match '<line x1="([%d.]+)"[^>]* class="goal"')
    assert.near(widths(svg)[2], x - 290, 0.2)
  end)

  it("lists in its legend only what it has", function()
    local function has(text, rows, scope)
      return drawn(rows, scope):find(">" .. text .. "<", 1, true) ~= nil
    end
    local one = {{label = "a", value = 10, kind = "ours"}}
    assert.is_true(has("klaviyo", one))
    assert.is_false(has("goal", one))
    assert.is_false(has("other clients", one))
    assert.is_true(has("×: ratio", one, "×: ratio"))
    assert.is_true(has("goal", {{label = "a", value = 10, kind = "ours", goal = 8}}))
  end)

  it("tells kinds apart without colour, in light and dark", function()
    local svg = drawn {{label = "a", value = 10, kind = "ours"}, {label = "b", value = 20, kind = "peer"},
      {label = "c", value = 5, kind = "reference"}}
    local light, dark = svg:match "<style>(.-)@media %(prefers%-color%-scheme: dark%){(.-)</style>"
    assert.matches(".bar-reference{fill:url(#stripes)", light, 1, true)
    assert.matches(".bar-peer{fill:none", light, 1, true)
    assert.matches(".ours{font-weight:600}", light, 1, true)
    for class in light:gmatch "%.([%w-]+){[^}]*#%x+" do
      assert.matches("." .. class .. "{", dark, 1, true)
    end
  end)

  it("writes numbers with the digits that matter", function()
    assert.same({"0.51", "1.00", "9.99", "10.0", "41.2", "99.9", "100", "966", "1,210", "1,234,567"},
      {chart.number(0.512), chart.number(1), chart.number(9.99), chart.number(9.996), chart.number(41.23),
        chart.number(99.94), chart.number(99.96), chart.number(966.4), chart.number(1210.4), chart.number(1234567)})
  end)
end)
