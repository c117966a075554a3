-- The status page as a browser shows it. That nginx sends it is in status_spec.lua.

local browser = require "spec.support.browser"
local folder = require "spec.support.folder"
local page = require "klaviyo.metrics.status.page"
local readable = require "spec.support.readable"
local sample = require "klaviyo.metrics.status.sample"
local samples_of = require "spec.support.status_samples"

local NO_DETAILS = {limits = {}, outboxes = {}, circuits = {}}

-- Everything is wrong, and names are as bad as they can be.
local function bad(set, add, slot)
  if slot > 340 then
    set('klaviyo_gateway_circuit_open{connection="shop"}', 1)
    add('klaviyo_requests_total{operation="get_profiles",status="timeout"}', 20)
    set('klaviyo_outbox_oldest_age_seconds{path="/var/lib/klaviyo-outbox"}', 734)
    set('klaviyo_outbox_oldest_age_seconds{path="/' .. ("very-long-name"):rep(12) .. '"}', 900)
    set('klaviyo_rate_limit_used_ratio{operation="get_metric_aggregates",window="day"}', 0.934)
    set(('klaviyo_rate_limit_used_ratio{operation="%s",window="minute"}'):format(
      "get_profile_ids_for_segment_relationships"), 0.99)
    add('klaviyo_requests_total{operation="get_profile_ids_for_segment_relationships",status="200"}', 12345)
    add('klaviyo_oauth_refreshes_total{result="reauthorize"}', 1)
    add('klaviyo_events_total{result="failed"}', 4)
    add('klaviyo_webhook_deliveries_total{result="rejected"}', 2)
  end
end

local function render(samples, details, options)
  options = options or {}
  return page.render(samples, details, {now = samples_of.NOW + 4, host = options.host or "shop-1",
    refresh = options.refresh ~= false})
end

-- Not assert.matches, which shows all of the page if it fails.
local function has(html, pattern, ...)
  return html:find(pattern, ...) ~= nil
end

describe("the status page", function()
  it("says that all is well", function()
    local html = render(samples_of.hour())
    assert.is_true(has(html, "<strong>All is well.</strong>", 1, true))
    assert.is_true(has(html, "<title>klaviyo on shop-1: all is well</title>", 1, true))
    assert.is_true(has(html, "Newest sample: 12:00:00 UTC", 1, true))
    assert.is_true(has(html, 'aria%-label="Requests, the last hour. all: now %d'))
    assert.is_true(has(html, "<h3>OAuth refreshes</h3>", 1, true))
    assert.is_true(has(html, "/<wbr>var/<wbr>lib/<wbr>klaviyo-outbox", 1, true))
  end)

  it("says what is wrong", function()
    local html = render(samples_of.hour(bad))
    assert.is_true(has(html, 'class="state bad" aria-label="State"><p><strong>Act on this:</strong>', 1, true))
    assert.is_true(has(html, '<li class="bad"><span>The circuit of the connection “shop” is open', 1, true))
    assert.is_true(has(html, '<td class="bad">open</td>', 1, true))
  end)

  it("says how long calls waited for Redis, if they did", function()
    assert.is_false(has(render(samples_of.hour()), "Redis", 1, true))
    local html = render(samples_of.hour(function(_, add)
      add("klaviyo_redis_waits_total", 5)
      add("klaviyo_redis_wait_seconds_total", 0.5)
    end))
    assert.is_true(has(html, "for replies of Redis.->3 min<"))
  end)

  it("has a table of the streams, if there are some", function()
    assert.is_false(has(render(samples_of.hour()), "Streams on Redis", 1, true))
    local html = render(samples_of.hour(function(set)
      set('klaviyo_stream_length{stream="klaviyo:events"}', 1530)
      set('klaviyo_stream_pending{stream="klaviyo:events"}', 500)
      set('klaviyo_stream_oldest_age_seconds{stream="klaviyo:events"}', 2)
    end))
    assert.is_true(has(html, "Streams on Redis, of all hosts.->klaviyo:events<.->1,530<.->500<.->2%.?0? s<"))
  end)

  it("says that it takes the first samples", function()
    local html = render({}, NO_DETAILS)
    assert.is_true(has(html, "The first samples are being taken.", 1, true))
    assert.is_true(has(html, "No sample yet", 1, true))
  end)

  it("shows only what is used", function()
    local samples = samples_of.hour()
    for _, it in pairs(samples) do
      for name in pairs(it.counters) do
        if not name:find("^requests%.") then
          it.counters[name] = 0
        end
      end
      it.connections = {}
    end
    local html = render(samples, NO_DETAILS)
    assert.is_true(has(html, "<h3>Requests</h3>", 1, true))
    assert.is_nil(html:find("Events, gateway and accounts", 1, true))
    assert.is_nil(html:find("<h2[^>]*>Outboxes"))
    assert.is_nil(html:find("<h2[^>]*>Connections"))
  end)

  it("shows a gateway that makes no calls of its own", function()
    local samples, details = {}, nil
    for slot = 350, 360 do
      samples[slot] = sample.new(([[
klaviyo_requests_in_flight 0
klaviyo_gateway_requests_total{connection="shop",status="200"} %d
klaviyo_gateway_requests_total{connection="-",status="401"} %d
klaviyo_gateway_circuit_open{connection="shop"} 0
klaviyo_rate_limit_used_ratio{operation="get_lists",window="minute"} 0.5
]]):format(slot * 10, slot), samples_of.NOW - (360 - slot) * 10)
      details = samples[slot].details
    end
    local html = render(samples, details)
    assert.is_nil(html:find("Calls to Klaviyo", 1, true))
    assert.is_true(has(html, "<h3>Highest used limit</h3>", 1, true))
    assert.is_true(has(html, "<dt>rejected (4xx)</dt><dd>10</dd></div><div class=\"bad\"><dt>failed</dt><dd>0</dd>",
      1, true))
    assert.is_true(has(html, '<tr><th scope="row">shop</th><td>100</td><td>0</td><td>0 s</td><td>closed</td></tr>', 1,
      true))
    assert.is_true(has(html, 'none, rejected by the gateway</th><td>10</td><td>0</td><td>0 s</td><td>–</td></tr>', 1,
      true))
  end)

  it("refreshes itself, or not", function()
    local samples, details = samples_of.hour(nil, 350)
    local meta = '<meta http-equiv="refresh" content="10">'
    assert.truthy(render(samples, details):find(meta, 1, true))
    assert.is_true(has(render(samples, details), '<a href="?refresh=off">', 1, true))
    local quiet = render(samples, details, {refresh = false})
    assert.is_nil(quiet:find(meta, 1, true))
    assert.is_true(has(quiet, '<a href="?refresh=on">', 1, true))
  end)

  it("has no element that a name contains", function()
    local evil = "<script>alert('x')</script>&\"><img src=x onerror=alert(1)>"
    local quoted = evil:gsub('"', '\\"')
    local samples, details = samples_of.hour(function(set, add)
      for series in ([[
        klaviyo_outbox_oldest_age_seconds{path="$"} klaviyo_gateway_circuit_open{connection="$"}
        klaviyo_rate_limit_used_ratio{operation="$",window="$"}]]):gmatch("%S+") do
        set(series:gsub("%$", (quoted:gsub(" ", "_"))), 999)
      end
      add(('klaviyo_requests_total{operation="%s",status="%s"}'):format(quoted, quoted), 5)
      add(('klaviyo_gateway_requests_total{connection="%s",status="200"}'):format(quoted), 5)
      add(('klaviyo_retries_total{reason="%s"}'):format(quoted), 50)
    end, 350)
    local html = render(samples, details, {host = evil})
    assert.is_nil(html:find("<script", 1, true))
    assert.is_nil(html:find("<img", 1, true))
    assert.is_nil(html:find('&"', 1, true))
    for _, where in ipairs {"<title>[^<]*", "<h1>klaviyo <small>[^<]*", '<th scope="row">[^\n]*', "<li[^\n]*",
      '<dl class="legend">[^\n]*'} do
      assert.is_true(has(html, where .. "&lt;script"))
    end
  end)
end)

if browser.missing() then
  describe("the status page in a browser", function()
    pending(browser.missing())
  end)
  return
end

describe("the status page in a browser", function()
  local folders = folder.here(teardown)
  local tab, dir

  setup(function()
    tab = browser.start()
    dir = folders.new()
  end)

  teardown(function()
    tab:stop()
  end)

  local function open(html)
    local path = dir .. "/page.html"
    local file = assert(io.open(path, "wb"))
    file:write(html)
    file:close()
    tab:open("file://" .. path)
  end

  local pages = {
    {"with an hour", function() return samples_of.hour() end},
    {"with problems", function() return samples_of.hour(bad) end},
    {"with its first samples", function() return samples_of.hour(nil, 358) end},
    {"without samples", function() return {}, NO_DETAILS end},
  }
  for _, case in ipairs(pages) do
    it("can be read at any size, in dark and light, " .. case[1], function()
      local html = render(case[2]())
      for _, width in ipairs {1280, 768, 360} do
        for _, scheme in ipairs {"light", "dark"} do
          tab:emulate {width = width, height = 800, scheme = scheme}
          open(html)
          local where = ("%d px, %s"):format(width, scheme)
          assert.equal(scheme == "dark", tab:evaluate("matchMedia('(prefers-color-scheme: dark)').matches"))
          assert.same({}, readable.texts(tab), where)
          assert.same({}, readable.lines(tab), where)
          assert.same({}, readable.overflow(tab), where)
          assert.same({}, readable.roles(tab), where)
          assert.same({}, tab:console(), where)
          assert.equal(1, #tab:requests(), where)
        end
      end
    end)
  end

  it("would be refused if it could not be read", function()
    open [[<html><body><main><p style="color: #888">pale</p><p style="width: 5000px">wide</p>
      <svg><path class="line" style="stroke: #ddd"/></svg><table><tr><th>x</th></tr></table>]]
    tab:evaluate("document.body.style.background = '#fff'; document.querySelector('table').remove()")
    assert.same({"3.54: pale"}, readable.texts(tab))
    assert.equal(1, #readable.lines(tab))
    assert.is_true(#readable.overflow(tab) > 0)
    assert.is_true(#readable.roles(tab) > 3)
  end)
end)
