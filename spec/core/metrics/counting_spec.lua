-- What the core counts for the metrics, and when.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local raw = require "spec.support.raw"

local OK = { body = "{}" }

-- The counters of an operation.
local function of(id)
  for _, one in ipairs(core.metrics().operations) do
    if one.id == id then
      return one
    end
  end
end

describe("the core before metrics_start", function()
  it("counts nothing, and says so", function()
    assert.is_false(core.metrics_started())
    for _, name in ipairs { "metrics", "metrics_operation", "metrics_series", "metrics_source" } do
      local ok, message = pcall(core[name], "name")
      assert.is_false(ok)
      assert.equal("the metrics are not started", message)
    end
  end)
end)

describe("the core's metrics", function()
  local last = 0

  -- Sends a request of an operation of its own to a server with these answers; returns its counters.
  local function count(answers, more)
    last = last + 1
    local id = "operation_" .. last
    local all = { operation = core.metrics_operation(id) }
    for name, value in pairs(more or {}) do
      all[name] = value
    end
    local url, server = all.url, nil
    if not url then
      server = raw.start { answers = answers }
      url = server.url
    end
    all.url = nil
    engine.finish(engine.submit(url, all))
    if server then
      server:stop()
    end
    return of(id)
  end

  setup(function()
    assert(core.metrics_start())
    assert(core.metrics_start()) -- again, which does nothing
  end)

  it("count a request by its status, when it ends", function()
    for _, status in ipairs { 200, 202, 404, 422, 501, 524 } do
      local one = count { { status = status, body = "{}" } }
      assert.same({ [tostring(status)] = 1 }, one.statuses)
      assert.equal(1, one.attempts)
      assert.same({}, one.retries)
      assert.equal(0, one.waited)
    end
    assert.same({ other = 1 }, count({ { status = 299, body = "{}" } }).statuses)
  end)

  it("count a request without a response by how it failed", function()
    assert.same({ timeout = 1 }, count({ { never = true } }, { timeout = 0.2 }).statuses)
    assert.same({ transport = 1 }, count({ { raw = "no HTTP" } }).statuses)
    local one = count(nil, { url = "http://127.0.0.1:1" })
    assert.same({ transport = 1 }, one.statuses)
    assert.equal(1, one.attempts)
  end)

  it("count a cancelled request, and its attempt if it had one", function()
    local server = raw.start { answers = { { never = true } } }
    local number = core.metrics_operation "cancelled"
    local ticket = engine.submit(server.url, { operation = number })
    assert.equal(1, of("cancelled").attempts)
    assert.same({}, of("cancelled").statuses)
    ticket:cancel()
    assert.same({ cancelled = 1 }, of("cancelled").statuses)
    assert.equal(1, of("cancelled").attempts)
    local list = { { name = "cancelled limit", minute = 1 } }
    local queue = engine.request_queue(server.url, list)
    local first = engine.submit(server.url, { operation = number, request_queue = queue, deadline = 300 })
    local second = engine.submit(server.url, { operation = number, request_queue = queue, deadline = 300 })
    second:cancel()
    first:cancel()
    assert.same({ cancelled = 3 }, of("cancelled").statuses)
    assert.equal(2, of("cancelled").attempts)
    server:stop()
  end)

  it("count retries by their reason, when they start", function()
    for _, case in ipairs {
      { "rate_limited", { status = 429, headers = { ["Retry-After"] = "1" }, body = "{}" } },
      { "unavailable", { status = 503, body = "{}" } },
      { "server_error", { status = 502, body = "{}" } },
      { "request_timeout", { status = 408, body = "{}" } },
      { "misdirected", { status = 421, body = "{}" } },
      { "connection_failed", { raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", after = "reset" } },
    } do
      local one = count({ case[2], OK }, { retries = 3 })
      assert.same({ ["200"] = 1 }, one.statuses, case[1])
      assert.equal(2, one.attempts, case[1])
      assert.same({ [case[1]] = 1 }, one.retries, case[1])
      if case[1] == "rate_limited" then
        assert.is_true(one.waited >= 1 and one.waited < 30)
      else
        assert.equal(0, one.waited)
      end
    end
    local one = count({ { never = true }, OK }, { retries = 1, timeout = 0.3 })
    assert.same({ timeout = 1 }, one.retries)
    one = count(nil, { url = "http://127.0.0.1:1", retries = 2 })
    assert.same({ not_sent = 2 }, one.retries)
    assert.equal(3, one.attempts)
    assert.same({ transport = 1 }, one.statuses)
  end)

  it("count a retry that never starts as none", function()
    local server = raw.start { answers = { { status = 429, headers = { ["Retry-After"] = "20" }, body = "{}" } } }
    local number = core.metrics_operation "no_retry"
    local ticket = engine.submit(server.url, { operation = number, retries = 3 })
    engine.pump_until(function()
      return ticket:waits()
    end)
    ticket:cancel()
    local one = of("no_retry")
    assert.equal(1, one.attempts)
    assert.same({}, one.retries)
    assert.same({ cancelled = 1 }, one.statuses)
    server:stop()
  end)

  it("count the time of a request from its call to its end", function()
    local one = count { { pause = 0.3, body = "{}" } }
    assert.is_true(one.duration >= 0.3 and one.duration < 20, one.duration)
    local sum = 0
    for i, counted in ipairs(one.durations) do
      sum = sum + counted
      local bound = core.metrics_bounds[i]
      if bound and bound < 0.3 then
        assert.equal(0, counted)
      end
    end
    assert.equal(1, sum)
    assert.equal(#core.metrics_bounds + 1, #one.durations)
  end)

  it("count the waits for a limit, and nothing without one", function()
    local server = raw.start { answers = { OK } }
    local number = core.metrics_operation "limited"
    local queue = engine.request_queue(server.url, { { name = "a limit", second = 1 } })
    local tickets = {}
    for i = 1, 3 do
      tickets[i] = engine.submit(server.url, { operation = number, request_queue = queue })
    end
    for i = 1, 3 do
      engine.finish(tickets[i])
    end
    server:stop()
    -- the second waits one second at least, the third two
    local one = of("limited")
    assert.is_true(one.waited >= 2.9 and one.waited < 60, one.waited)
    assert.equal(3, one.attempts)
    assert.same({ ["200"] = 3 }, one.statuses)
  end)

  it("count the bytes as the server sees them", function()
    local before = core.metrics()
    count({ { body = ("x"):rep(5000) } }, { method = "POST", body = ("y"):rep(3000) })
    local now = core.metrics()
    local sent, received = now.sent - before.sent, now.received - before.received
    assert.is_true(sent > 3050 and sent < 3300, sent)
    assert.is_true(received > 5010 and received < 5300, received)
  end)

  it("know what is queued, in flight and connected", function()
    local function now()
      local all = core.metrics()
      return { all.queued, all.running, all.connections >= 1 }
    end
    local server = raw.start { answers = { { never = true } } }
    local queue = engine.request_queue(server.url, { { name = "queued", minute = 2 } })
    local tickets = {}
    for i = 1, 5 do
      tickets[i] = engine.submit(server.url, { request_queue = queue, deadline = 300 })
    end
    core.pump(0.05)
    assert.same({ 3, 2, true }, now())
    assert.equal(1, core.metrics().processes)
    for i = 1, 5 do
      tickets[i]:cancel()
    end
    core.pump(0.01)
    assert.same({ 0, 0 }, { now()[1], now()[2] })
    server:stop()
  end)

  it("count tracked events by what became of them", function()
    local server = raw.start {
      answers = { { status = 202 }, { status = 400, body = "{}" }, { after = "reset", raw = "" } },
    }
    local queue = core.request_queue(server.url, nil, nil, true)
    local before = core.metrics().events
    for _ = 1, 3 do
      assert(core.track(engine.settings { retries = 0 }, queue, "POST", server.url .. "/", "{}", false, 10))
      engine.pump_until(engine.is_idle)
    end
    assert.is_nil(core.track(engine.settings(), queue, "POST", server.url .. "/", "{}", false, 0))
    local now = core.metrics().events
    for result, n in pairs { tracked = 3, sent = 1, rejected = 1, failed = 1, refused = 1 } do
      assert.equal(n, now[result] - before[result], result)
    end
    server:stop()
  end)

  it("add beyond 32 bits", function()
    local number = core.metrics_series("large", false)
    for _ = 1, 5 do
      core.metrics_add(number, 2 ^ 32 - 1)
    end
    core.metrics_add(number, 2 ^ 40 + 7)
    for _, one in ipairs(core.metrics().series) do
      if one.key == "large" then
        assert.equal(5 * (2 ^ 32 - 1) + 2 ^ 40 + 7, one.value)
        return
      end
    end
    error("no such series")
  end)

  it("set gauges", function()
    local number = core.metrics_series("a gauge", true)
    for _, value in ipairs { 0.25, -3, 1e12, 0 } do
      core.metrics_set(number, value)
      for _, one in ipairs(core.metrics().series) do
        if one.key == "a gauge" then
          assert.is_true(one.is_gauge)
          assert.equal(value, one.value)
        end
      end
    end
  end)

  it("list the sources of this process once", function()
    assert.is_true(core.metrics_source "module argument")
    assert.is_true(core.metrics_source "module argument")
    assert.same({ "module argument" }, core.metrics().sources)
  end)

  -- the last one: it fills the tables
  it("count as other what has no room", function()
    local numbers = {}
    for i = 1, 700 do
      numbers[i] = core.metrics_operation("filler_" .. i)
    end
    assert.equal(0, numbers[700])
    assert.is_true(numbers[1] > 0)
    assert.equal(numbers[1], core.metrics_operation "filler_1")
    local server = raw.start { answers = { OK } }
    engine.finish(engine.submit(server.url, { operation = numbers[700] }))
    engine.finish(engine.submit(server.url, { operation = 1e6 })) -- no number at all
    server:stop()
    assert.is_true(of("other").attempts >= 2)
    assert.is_nil(core.metrics_series(("long"):rep(100), false))
    local i = 0
    while core.metrics_series("series " .. i, false) do
      i = i + 1
      assert(i < 5000)
    end
    for n = 1, 40 do
      core.metrics_source("source " .. n)
    end
    for n = 1, 3000 do
      core.metrics_limit({ name = "limit " .. n, second = 1 }, 1, "/tmp/limits")
    end
    for n = 1, 40 do
      core.metrics_limit({ name = "limit", second = 1 }, 1, "/tmp/limits" .. n)
    end
    local refused = core.metrics().refused
    for _, name in ipairs { "operations", "series", "sources", "limits", "files" } do
      assert.is_true(refused[name] > 0, name)
    end
    assert.equal(0, refused.processes)
    assert.equal(2048, #core.metrics().limits)
    assert.has_error(function()
      core.metrics_add(5000, 1)
    end, "no series has this number")
  end)
end)
