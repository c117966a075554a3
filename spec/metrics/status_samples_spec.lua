-- What the status page computes: samples of the metrics' text, where they are kept,
-- rates and quantiles, and what needs attention.

local attention = require "klaviyo.metrics.status.attention"
local chart = require "klaviyo.metrics.status.chart"
local history = require "klaviyo.metrics.status.history"
local sample = require "klaviyo.metrics.status.sample"
local samples_of = require "spec.support.status_samples"
local series = require "klaviyo.metrics.status.series"
local text = require "klaviyo.metrics.status.text"

local SLOTS = history.SLOTS
local NO_DETAILS = {limits = {}, outboxes = {}, circuits = {}}

-- Returns the samples of some values of one counter, the last of them now; false: no sample.
local function counted(values, name)
  local samples = {}
  for i, value in ipairs(values) do
    local slot = SLOTS - #values + i
    samples[slot] = value and {time = 1000 + 10 * i, counters = {[name or "waited"] = value}, gauges = {},
      buckets = {}, operations = {}, connections = {}} or nil
  end
  return samples
end

describe("a sample", function()
  it("adds the requests of all operations, by what their status means", function()
    local it = sample.new([[
# HELP klaviyo_requests_total Requests.
# TYPE klaviyo_requests_total counter
klaviyo_requests_total{operation="get_profiles",status="200"} 7
klaviyo_requests_total{operation="get_profiles",status="404"} 2
klaviyo_requests_total{operation="get_lists",status="204"} 3
klaviyo_requests_total{operation="get_lists",status="503"} 1
klaviyo_requests_total{operation="get_lists",status="429"} 4
klaviyo_requests_total{operation="get_lists",status="401"} 5
klaviyo_requests_total{operation="get_lists",status="timeout"} 6
klaviyo_requests_total{operation="get_lists",status="cancelled"} 8
klaviyo_unknown_total{operation="get_lists"} 9
]], 1000)
    assert.equal(1000, it.time)
    assert.same({["requests.ok"] = 10, ["requests.rejected"] = 2, ["requests.server_error"] = 1,
      ["requests.rate_limited"] = 4, ["requests.unauthorized"] = 5, ["requests.no_response"] = 6,
      ["requests.cancelled"] = 8}, it.counters)
    assert.same({get_profiles = {9, 0, 0}, get_lists = {27, 16, 0}}, it.operations)
  end)

  it("reads escaped labels, and ignores what is not a number", function()
    local it = sample.new([[
klaviyo_outbox_rows{path="/a \"b\" \\ c=\"1\",path=\"x"} 3
klaviyo_outbox_oldest_age_seconds{path="/z"} NaN
klaviyo_outbox_bytes{path="/z"} +Inf
klaviyo_requests_queued 5
]], 1)
    assert.equal(3, it.details.outboxes['/a "b" \\ c="1",path="x'].rows)
    assert.is_nil(it.details.outboxes["/z"])
    assert.equal(5, it.gauges.queued)
  end)

  it("keeps the highest used limits, and the largest age", function()
    local it = sample.new([[
klaviyo_rate_limit_used_ratio{operation="a",window="day"} 0.2
klaviyo_rate_limit_used_ratio{operation="a",window="second"} 1
klaviyo_rate_limit_used_ratio{operation="b",window="minute"} 0.6
klaviyo_outbox_oldest_age_seconds{path="/x"} 4
klaviyo_outbox_oldest_age_seconds{path="/y"} 9
klaviyo_gateway_circuit_open{connection="shop"} 1
klaviyo_gateway_circuit_open{connection="toys"} 0
klaviyo_gateway_circuit_open{connection="other"} 7
]], 1)
    assert.same({share = 0.6, age = 9, circuits = 8}, it.gauges)
    assert.same({{"b", "minute", 0.6}, {"a", "day", 0.2}}, it.details.limits)
    assert.same({shop = 1, toys = false, other = 7}, it.details.circuits)
  end)

  it("keeps the 40 operations with the most requests", function()
    local lines = {}
    for i = 1, 60 do
      lines[i] = ('klaviyo_requests_total{operation="op%d",status="200"} %d\n'):format(i, i)
    end
    local it = sample.new(table.concat(lines), 1)
    local count = 0
    for name in pairs(it.operations) do
      count = count + 1
      assert.is_true(tonumber(name:match("%d+")) > 20, name)
    end
    assert.equal(40, count)
    assert.is_true(it.is_short)
    assert.equal(1830, it.counters["requests.ok"])
  end)
end)

describe("a rate", function()
  it("is the increase per second, since the sample before", function()
    local points = series.rate(counted({100, 120, 120, false, 180}), SLOTS, {"waited"})
    assert.is_nil(points[SLOTS - 4])
    assert.equal(2, points[SLOTS - 3])
    assert.equal(0, points[SLOTS - 2])
    assert.is_nil(points[SLOTS - 1])
    assert.equal(3, points[SLOTS])  -- 60 in 20 s
  end)

  it("is not negative after a restart", function()
    assert.equal(0.5, series.rate(counted({100, 5}), SLOTS, {"waited"})[SLOTS])
  end)

  it("is unknown after a minute without a sample", function()
    assert.is_nil(series.rate(counted({1, false, false, false, false, false, false, 9}), SLOTS, {"waited"})[SLOTS])
  end)

  it("adds counters whose names begin alike", function()
    local samples = counted({0, 0})
    samples[SLOTS].counters = {["requests.ok"] = 30, ["requests.rejected"] = 10, waited = 70}
    assert.equal(4, series.rate(samples, SLOTS, {"requests.*"})[SLOTS])
    assert.equal(3, series.rate(samples, SLOTS, {"requests.ok", "requests.none"})[SLOTS])
  end)
end)

describe("an increase", function()
  it("is that of the last seconds", function()
    local samples = counted({0, 1, 3, 7, 15, 31, 63, 127, 255})
    assert.same({254, 70}, {series.increase(samples, SLOTS, {"waited"}, 65)})
    assert.same({255, 80}, {series.increase(samples, SLOTS, {"waited"}, 3600)})
    assert.same({128, 10}, {series.increase(samples, SLOTS, {"waited"}, 10)})
  end)

  it("counts across a restart", function()
    assert.equal(24, (series.increase(counted({0, 20, 3, 4}), SLOTS, {"waited"}, 3600)))
  end)

  it("is 0 with one sample, and without any", function()
    assert.same({0, 0}, {series.increase(counted({5}), SLOTS, {"waited"}, 60)})
    assert.same({0, 0}, {series.increase({}, SLOTS, {"waited"}, 60)})
  end)

  it("of an operation is not its whole count when it enters a short list", function()
    local samples = counted({0, 0, 0})
    samples[SLOTS - 2].is_short, samples[SLOTS - 1].is_short = true, true
    samples[SLOTS - 1].operations.get_lists = {50, 2, 3}
    samples[SLOTS].operations.get_lists = {53, 3, 3.5}
    assert.same({3, 1, 0.5}, series.increases(samples, SLOTS, "operations", "get_lists", 3600))
    samples[SLOTS - 2].is_short = nil
    assert.same({53, 3, 3.5}, series.increases(samples, SLOTS, "operations", "get_lists", 3600))
  end)
end)

describe("a quantile", function()
  local function buckets(...)
    return {buckets = {["0.1"] = (...), ["0.2"] = select(2, ...), ["1"] = select(3, ...), ["+Inf"] = select(4, ...)}}
  end

  it("is linear within a bucket, as in Prometheus", function()
    local before, after = buckets(10, 10, 10, 10), buckets(10, 20, 30, 30)
    assert.is_true(math.abs(series.quantile_between(0.25, before, after) - 0.15) < 1e-9)
    assert.is_true(math.abs(series.quantile_between(0.5, before, after) - 0.2) < 1e-9)
    assert.is_true(math.abs(series.quantile_between(0.75, before, after) - 0.6) < 1e-9)
  end)

  it("is the largest bound if requests took longer", function()
    assert.equal(1, series.quantile_between(0.99, buckets(0, 0, 0, 0), buckets(1, 1, 1, 9)))
  end)

  it("is unknown without requests", function()
    assert.is_nil(series.quantile_between(0.5, buckets(3, 4, 5, 6), buckets(3, 4, 5, 6)))
    assert.is_nil(series.quantile_between(0.5, {buckets = {}}, {buckets = {}}))
  end)
end)

describe("the history", function()
  local now, values, dict

  before_each(function()
    now, values = 100000, {}
    dict = {
      get = function(_, key)
        local entry = values[key]
        return entry and entry.stop > now and entry.value or nil
      end,
      set = function(_, key, value, seconds)
        values[key] = {value = value, stop = now + (seconds or math.huge)}
        return true
      end,
    }
    function dict:add(key, value, seconds)
      if self:get(key) then
        return false, "exists"
      end
      return self:set(key, value, seconds)
    end
  end)

  local function add(time, n)
    now = time
    assert(history.add(dict, sample.new("klaviyo_requests_queued " .. n .. "\n", time)))
  end

  it("lets one worker take the sample of a period", function()
    assert.is_true(history.claim(dict, now))
    assert.is_false(history.claim(dict, now + 9))
    assert.is_true(history.claim(dict, now + 10))
  end)

  it("returns the samples of an hour in their slots", function()
    add(96390, 1)
    add(96410, 2)
    add(99980.2, 3)
    add(100000.1, 4)
    local samples, details = history.read(dict)
    local found = {}
    for slot, it in pairs(samples) do
      found[slot] = it.gauges.queued
    end
    assert.same({[1] = 2, [358] = 3, [360] = 4}, found)
    assert.same(NO_DETAILS, details)
    assert.equal(10000, history.newest(dict))
  end)

  it("is empty at first", function()
    assert.same({{}, NO_DETAILS}, {history.read(dict)})
  end)

  it("reports a dictionary that is full", function()
    dict.set = function() return false, "no memory" end
    assert.same({nil, "no memory"}, {history.add(dict, sample.new("", now))})
  end)
end)

describe("a line of a chart", function()
  local function path(values, hides_zero)
    local svg = chart.lines({{points = values, class = "accent", hides_zero = hides_zero}}, 10, 4, "x")
    return svg:match('class="line accent" d="([^"]*)"')
  end

  it("has a point for each slot, but only the ends of a horizontal part", function()
    assert.equal("M1 200L2 103L5 103L6 6", path {0, 2, 2, 2, 2, 4})
  end)

  it("is interrupted where several samples are missing", function()
    assert.equal("M1 103L4 103M8 103h.1", path {[1] = 2, [4] = 2, [8] = 2})
  end)

  it("stays below the top", function()
    assert.equal("M1 103L2 6", path {2, 9})
  end)

  it("may be hidden where it is 0", function()
    assert.equal("M3 200L4 6L5 200", path({0, 0, 0, 4, 0, 0, 0}, true))
    assert.is_nil(path({0, 0, 0}, true))
  end)
end)

describe("a text", function()
  it("has at most three digits", function()
    local expected = {
      {text.number, {0, "0"}, {0.001, "< 0.01"}, {0.35, "0.35"}, {12.44, "12.4"}, {99.97, "100"}, {1204, "1,204"},
        {31234567, "31,234,567"}},
      {text.percent, {0, "0 %"}, {0.0004, "< 0.1 %"}, {0.034, "3.4 %"}, {0.934, "93 %"}, {1, "100 %"}},
      {text.duration, {0, "0 s"}, {0.0004, "0.4 ms"}, {0.182, "182 ms"}, {0.9996, "1.0 s"}, {1.44, "1.4 s"},
        {62, "62 s"},
        {734, "12 min"}, {7200, "2.0 h"}, {86400 * 3, "3 d"}},
      {text.bytes, {0, "0 B"}, {999, "999 B"}, {1234, "1.2 kB"}, {184320, "184 kB"}, {123e6, "123 MB"}},
    }
    for _, list in ipairs(expected) do
      for i = 2, #list do
        assert.equal(list[i][2], list[1](list[i][1]))
      end
    end
    assert.equal("1 event", text.count(1, "event"))
    assert.equal("1,204 events", text.count(1204, "event"))
  end)

  it("is harmless as HTML", function()
    assert.equal("&lt;b a=&quot;1&quot; c=&#39;&amp;&#39;&gt; é", text.escape("<b a=\"1\" c='&'>\r\n\té"))
  end)
end)

describe("attention", function()
  local function texts(change, now)
    local samples, details = samples_of.hour(change, SLOTS - 45)
    local list = {}
    for i, item in ipairs(attention.list(samples, details, now or samples_of.NOW)) do
      list[i] = item.class .. ": " .. item.text
    end
    return list
  end

  it("is not asked for if all is well, or nothing is known", function()
    assert.same({}, texts())
    assert.same({}, attention.list({}, NO_DETAILS, samples_of.NOW))
  end)

  -- A series that is set or grows, and what the page then says
  for _, case in ipairs {
    {'klaviyo_gateway_circuit_open{connection="shop"}', set = 1, "bad: The circuit of the connection “shop” is open: "
      .. "its requests get a 503."},
    {'klaviyo_gateway_circuit_open{connection="other"}', set = 7, "bad: The circuits of 7 other connections are open: "
      .. "their requests get a 503."},
    {'klaviyo_requests_total{operation="get_lists",status="403"}', add = 3, "bad: The service rejected the key or "
      .. "token of 3 requests in the last 5 minutes."},
    {'klaviyo_requests_total{operation="get_lists",status="502"}', add = 400, "bad: 8.4 % of the requests of the last "
      .. "5 minutes failed."},
    {'klaviyo_requests_total{operation="get_lists",status="404"}', add = 9000},
    {'klaviyo_requests_total{operation="get_lists",status="cancelled"}', add = 9000},
    {'klaviyo_gateway_requests_total{connection="shop",status="502"}', add = 80000, "bad: The gateway answered 99 % of "
      .. "the requests of the last 5 minutes with a 5xx."},
    {'klaviyo_gateway_requests_total{connection="-",status="401"}', add = 9000},
    {'klaviyo_events_total{result="failed"}', add = 1, "bad: 1 event was lost in the last 5 minutes: rejected, not "
      .. "delivered, or not queued."},
    {'klaviyo_events_total{result="refused"}', add = 2, "bad: 2 events were lost in the last 5 minutes: rejected, not "
      .. "delivered, or not queued."},
    {'klaviyo_oauth_refreshes_total{result="reauthorize"}', add = 2, "bad: 2 OAuth refreshes were rejected with "
      .. "invalid_grant in the last hour: an account must authorize the app again."},
    {'klaviyo_oauth_refreshes_total{result="failed"}', add = 1, "warn: 1 OAuth refresh failed in the last 5 minutes."},
    {'klaviyo_oauth_refreshes_total{result="shared"}', add = 50},
    {"klaviyo_redis_away_seconds_total", add = 180, "warn: This host went on without Redis for 3 min of the last "
      .. "10 minutes: see the log."},
    {"klaviyo_redis_away_seconds_total", add = 119},
    {'klaviyo_stream_oldest_age_seconds{stream="s"}', set = 301, "warn: The oldest event of the stream s has waited "
      .. "for 5 min."},
    {'klaviyo_stream_oldest_age_seconds{stream="s"}', set = 299},
    {'klaviyo_outbox_oldest_age_seconds{path="/o"}', set = 301, "warn: The oldest event of the outbox /o has waited "
      .. "for 5 min."},
    {'klaviyo_outbox_oldest_age_seconds{path="/o"}', set = 299},
    {'klaviyo_rate_limit_used_ratio{operation="get_lists",window="day"}', set = 0.93, "warn: 93 % of the limit "
      .. "of get_lists per day is used."},
    {'klaviyo_rate_limit_used_ratio{operation="get_lists",window="day"}', set = 0.89},
    {'klaviyo_rate_limit_used_ratio{operation="get_lists",window="second"}', set = 1},
  } do
    local title = (case[2] and "is asked for" or "is not asked for") .. " with %s %s"
    it(title:format(case[1], case.set or case.add), function()
      assert.same({case[2]}, texts(function(set, add, slot)
        if case.set and slot == SLOTS then
          set(case[1], case.set)
        elseif case.add then
          add(case[1], slot == SLOTS - 3 and case.add or 0)
        end
      end))
    end)
  end

  it("is not asked for what is over", function()
    assert.same({}, texts(function(_, add, slot)
      add('klaviyo_events_total{result="failed"}', slot == SLOTS - 40 and 9 or 0)
      add('klaviyo_requests_total{operation="get_lists",status="401"}', slot == SLOTS - 40 and 9 or 0)
    end))
  end)

  it("is asked for if no worker takes samples", function()
    assert.same({"bad: No sample was taken for 90 s."}, texts(nil, samples_of.NOW + 90))
    assert.same({}, texts(nil, samples_of.NOW + 30))
  end)

  it("lists the worst first", function()
    assert.same({"b", "w"}, (function()
      local classes = {}
      for i, line in ipairs(texts(function(set, _, slot)
        if slot == SLOTS then
          set('klaviyo_outbox_oldest_age_seconds{path="/o"}', 900)
          set('klaviyo_gateway_circuit_open{connection="shop"}', 1)
        end
      end)) do
        classes[i] = line:sub(1, 1)
      end
      return classes
    end)())
  end)
end)
