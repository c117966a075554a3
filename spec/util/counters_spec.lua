local counted_metrics = require "klaviyo.util.counted_metrics"
local counters = require "klaviyo.util.counters"

-- A memory with room for this number of series.
local function memory(room)
  local self = {names = {}, values = {}, gauges = {}}
  function self.series(key, is_gauge)
    for number, name in ipairs(self.names) do
      if name == key then
        return number
      end
    end
    if #self.names >= room then
      return nil
    end
    self.names[#self.names + 1] = key
    self.values[#self.names], self.gauges[#self.names] = 0, is_gauge
    return #self.names
  end
  function self.add(number, n)
    self.values[number] = self.values[number] + n
  end
  function self.set(number, value)
    self.values[number] = value
  end
  function self.of(key)
    for number, name in ipairs(self.names) do
      if name == key then
        return self.values[number]
      end
    end
  end
  return self
end

describe("the counters", function()
  after_each(function()
    counters.stop()
  end)

  it("count nothing before they are started", function()
    assert.is_nil(counters.add("klaviyo_webhook_deliveries_total", "accepted", 1))
    assert.is_nil(counters.set("klaviyo_gateway_circuit_open", "shop", 1))
    local one = memory(100)
    counters.start(one)
    assert.equal(0, one.of('klaviyo_webhook_deliveries_total{result="accepted"}'))
  end)

  it("have the names and units of Prometheus' conventions", function()
    for _, metric in ipairs(counted_metrics.LIST) do
      assert.truthy(metric.name:find("^klaviyo_[a-z_]+$"), metric.name)
      assert.truthy(metric.help:find("^%u.*%.$"), metric.name)
      assert.equal(metric.type == "counter", metric.name:find("_total$") ~= nil,
        metric.name)
      assert.equal(metric.scale ~= nil,
        metric.name:find("seconds") ~= nil and not metric.scraped, metric.name)
    end
  end)

  it("add to the series of their labels' values", function()
    local one = memory(100)
    counters.start(one)
    for _ = 1, 3 do
      counters.add("klaviyo_gateway_requests_total", "shop", 1, 200)
    end
    counters.add("klaviyo_gateway_requests_total", "shop", nil, 429)
    counters.add("klaviyo_gateway_requests_total", "other shop", 5, 200)
    counters.add("klaviyo_gateway_wait_seconds_total", "shop", 0.25)
    counters.add("klaviyo_gateway_wait_seconds_total", "shop", 1.5)
    local name = "klaviyo_gateway_requests_total"
    assert.equal(3, one.of(name .. '{connection="shop",status="200"}'))
    assert.equal(1, one.of(name .. '{connection="shop",status="429"}'))
    assert.equal(5, one.of(name .. '{connection="other shop",status="200"}'))
    assert.equal(1750000,
      one.of('klaviyo_gateway_wait_seconds_total{connection="shop"}'))
  end)

  it("set gauges, for example before a scrape", function()
    local one = memory(100)
    counters.start(one)
    local open = 1
    local key = 'klaviyo_gateway_circuit_open{connection="shop"}'
    counters.on_scrape(function()
      counters.set("klaviyo_gateway_circuit_open", "shop", open)
    end)
    counters.on_scrape(function()
      error("a hook that fails", 0)
    end)
    local messages = {}
    local function failed(message)
      messages[#messages + 1] = message
    end
    counters.before_scrape(failed)
    assert.equal(1, one.of(key))
    open = 0
    counters.before_scrape(failed)
    assert.equal(0, one.of(key))
    assert.same({"a hook that fails", "a hook that fails"}, messages)
    for number, name in ipairs(one.names) do
      assert.equal(name:find("circuit_open", 1, true) ~= nil, one.gauges[number])
    end
  end)

  it("begin at 0 for the values that are known", function()
    local one = memory(100)
    counters.start(one)
    for _, metric in ipairs(counted_metrics.LIST) do
      for _, value in ipairs(not metric.later and metric.values or {}) do
        assert.equal(0, one.of(counters.key(metric.name, metric.labels, {value})))
      end
    end
  end)

  it("count what has no series of its own as other", function()
    local one = memory(100)
    counters.start(one)
    for n = #one.names + 1, 100 do
      counters.add("klaviyo_gateway_wait_seconds_total", "shop " .. n, 1)
    end
    assert.equal(100, #one.names)
    local lookups, find = 0, one.series
    function one.series(...)
      lookups = lookups + 1
      return find(...)
    end
    for n = 1, 7 do
      counters.add("klaviyo_gateway_requests_total", "shop " .. n, 1, 200)
    end
    local before = lookups
    for n = 1, 7 do
      counters.add("klaviyo_gateway_requests_total", "shop " .. n, 0, 200)
    end
    assert.equal(before, lookups)
    counters.add("klaviyo_gateway_wait_seconds_total", "shop x", 2)
    counters.add("klaviyo_gateway_wait_seconds_total", "shop 100", 3)
    assert.equal(7, one.of(
      'klaviyo_gateway_requests_total{connection="other",status="200"}'))
    counters.add("klaviyo_gateway_requests_total", "shop 1", 1, 503)
    counters.add("klaviyo_gateway_requests_total", "shop 1", 1, 599)
    for status, count in pairs {[503] = 1, other = 1} do
      assert.equal(count, one.of(('klaviyo_gateway_requests_total{connection="other",status="%s"}'):format(status)))
    end
    assert.equal(2e6,
      one.of('klaviyo_gateway_wait_seconds_total{connection="other"}'))
    assert.equal(4e6,
      one.of('klaviyo_gateway_wait_seconds_total{connection="shop 100"}'))
  end)

  it("do not set a gauge of others to the value of one", function()
    local one = memory(100)
    counters.start(one)
    local name, key = "klaviyo_gateway_circuit_open", 'klaviyo_gateway_circuit_open{connection="%s"}'
    assert.is_true(counters.set(name, "shop", 1))
    for n = #one.names + 1, 100 do
      counters.add("klaviyo_gateway_wait_seconds_total", "shop " .. n, 1)
    end
    for _ = 1, 2 do
      assert.is_false(counters.set(name, "toys", 1))
    end
    assert.is_true(counters.set(name, "shop", 0))
    assert.equal(0, one.of(key:format "other"))
    assert.is_true(counters.set(name, counters.OTHER, 7))
    assert.is_false(counters.set(name, "toys", 0))
    assert.equal(7, one.of(key:format "other"))
    assert.equal(0, one.of(key:format "shop"))
  end)

  it("escape the values of labels", function()
    assert.equal([[a{b="\\ \" \n"}]], counters.key("a", {"b"}, {'\\ " \n'}))
    assert.equal("a", counters.key("a"))
  end)

  it("raise for a name or a label that is missing", function()
    counters.start(memory(100))
    local ok, message = pcall(counters.add, "klaviyo_unknown_total")
    assert.is_false(ok)
    assert.truthy(message:find("no metric has the name klaviyo_unknown_total", 1, true))
    for _, labels in ipairs {{}, {"shop"}} do
      ok, message = pcall(counters.add, "klaviyo_gateway_requests_total", labels[1])
      assert.is_false(ok)
      assert.truthy(message:find("needs a value for each of its labels", 1, true))
    end
  end)
end)
