-- client.events:track outside nginx: events that are sent while the program
-- waits for something else.
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

describe("client.events:track", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 10 })
  local client, warnings

  local function event(n)
    return { metric = "Tracked", profile = { email = "a@example.com" }, properties = { n = n } }
  end

  local function since(before)
    local now = client:stats().tracked
    for name, value in pairs(before) do
      now[name] = now[name] - value
    end
    return now
  end

  before_each(function()
    client = fixture:new_client { on_warning = function(message) warnings[#warnings + 1] = message end }
    assert.is_true(client:drain(20))
    fixture.server:reset()
    warnings = {}
  end)

  it("returns at once, and sends while another call waits", function()
    local before = client:stats().tracked
    for n = 1, 20 do
      assert.is_true(client.events:track(event(n)))
    end
    local now = since(before) -- some may have arrived by now
    assert.equal(20, now.queued + now.running + now.sent)
    for _ = 1, 200 do
      klaviyo.sleep(0.02)
      if since(before).sent == 20 then break end
    end
    assert.same({ queued = 0, running = 0, sent = 20, failed = 0, refused = 0 }, since(before))
    local events = fixture.server:stats().events
    assert.same({ 20, 20, 0 }, { events.received, events.distinct, events.unnamed })
  end)

  it("is sent by drain", function()
    fixture.server:fault { operation = "create_event", delay = 0.1, times = 50 }
    for n = 1, 50 do
      assert.is_true(client.events:track(event(n)))
    end
    local all, err = client:drain(0.01)
    assert.is_nil(all)
    assert.same({ "not_delivered", 0 }, { err.kind, err.lost })
    assert.is_true(err.waiting > 0 and err.waiting <= 50)
    assert.matches("^klaviyo: %d+ events? %l+ to be sent$", tostring(err))
    assert.same({ true }, { client:drain(20) })
    assert.equal(50, fixture.server:stats().events.distinct)
    assert.same({ true }, { client:drain(0) })
  end)

  it("can be drained inside tasks, beside others", function()
    klaviyo.run(function()
      local call = klaviyo.spawn(function() return client:call("get_lists") end)
      assert.is_true(client.events:track(event(1)))
      assert.is_true(client:drain(10))
      assert.truthy(call:wait())
    end)
    assert.equal(1, fixture.server:stats().events.distinct)
  end)

  it("returns an error if the queue is full, and counts the rejected events", function()
    local before = client:stats().tracked
    fixture.server:fault { operation = "create_event", delay = 0.2, times = 1000 }
    local small = client:with { max_queued_events = 5 }
    local taken, ok, err = 0, true, nil
    while ok and taken < 1000 do
      ok, err = small.events:track(event(taken))
      taken = taken + (ok and 1 or 0)
    end
    assert.is_nil(ok)
    assert.is_true(taken >= 5)
    assert.equal("queue_full", err.kind)
    assert.is_false(err.maybe_sent)
    assert.equal("klaviyo: create_event: the queue is full: 5 tracked events, or 64 MiB of them, wait to be sent; "
      .. "track this one later, or set max_queued_events", tostring(err))
    assert.equal(1, since(before).refused)
    assert.is_true(client.events:track(event(-1)))  -- whose queue is longer
    assert.is_true(client:drain(20))
    assert.equal(taken + 1, fixture.server:stats().events.distinct)
  end)

  it("retries events, and the service counts each once", function()
    fixture.server:fault { operation = "create_event", status = 503, times = 5 }
    fixture.server:fault { operation = "create_event", skip = 5, reset = "after", times = 3 }
    local patient = client:with { retries = 6 }
    for n = 1, 10 do
      assert.is_true(patient.events:track(event(n)))
    end
    assert.is_true(client:drain(30))
    assert.equal(10, fixture.server:stats().events.distinct)
    assert.same({}, warnings)
  end)

  it("warns of lost events, without the key", function()
    local before = client:stats().tracked
    fixture.server:fault { operation = "create_event", status = 400, times = 3,
      body = "no \n such " .. fixture.key .. " thing" }
    for n = 1, 3 do
      assert.is_true(client.events:track(event(n)))
    end
    local all, err = client:drain(20)
    assert.is_nil(all)
    assert.same({ "not_delivered", 3, 0 }, { err.kind, err.lost, err.waiting })
    assert.equal("klaviyo: 3 tracked events were not delivered: 400 no such [redacted] thing", tostring(err))
    assert.is_true(client:drain(20))  -- each loss is reported once
    assert.equal(3, since(before).failed)
    assert.same({ "klaviyo: 3 tracked events were not delivered: 400 no such [redacted] thing" }, warnings)
    warnings = {}
    client:with { base_url = "http://127.0.0.1:1", retries = 0 }.events:track(event(1))
    assert.is_nil((client:drain(20)))
    assert.equal(1, #warnings)
    assert.matches("^klaviyo: 1 tracked event was not delivered: .*onnect", warnings[1])
  end)

  it("warns without a part of the key that the end of an excerpt leaves", function()
    fixture.server:fault { operation = "create_event", status = 400, body = ("x"):rep(190) .. fixture.key }
    assert.is_true(client.events:track(event(1)))
    assert.is_nil((client:drain(20)))
    assert.equal(1, #warnings)
    assert.matches("400 x+$", warnings[1])
  end)

  it("accepts what create accepts, and raises other errors at the caller's line", function()
    local ok, why = pcall(function() client.events:track { metrics = "x" } end)
    assert.is_false(ok)
    assert.matches("^[^\n]*track_spec.lua:%d+: .*metric", why)
    ok, why = pcall(function() return client.profiles.track end)
    assert.is_false(ok)
    assert.matches('unknown verb of profiles "track"', why)
    ok, why = pcall(function() client:drain("long") end)
    assert.is_false(ok)
    assert.matches("drain takes a number of seconds", why)
    ok, why = pcall(klaviyo.new, { api_key = "pk", max_queued_events = 0 })
    assert.is_false(ok)
    assert.matches("max_queued_events must be a whole number from 1 on", why)
  end)

  it("retries until the deadline, not a number of times", function()
    fixture.server:fault { operation = "create_event", status = 503, times = 4 }
    assert.is_true(client:with { retries = 1 }.events:track(event(1)))
    assert.is_true(client:drain(30))
    assert.equal(1, fixture.server:stats().events.distinct)
    assert.same({}, warnings)
  end)

  it("counts as lost an event that the deadline ends #alone", function()
    fixture.server:fault { operation = "create_event", status = 503, times = 1000 }
    assert.is_true(client:with { retries = 1, track_deadline = 0.3 }.events:track(event(1)))
    local all, err = client:drain(20)
    assert.is_nil(all)
    assert.same({ 1, 0 }, { err.lost, err.waiting })
    -- by the last response, or by the deadline: while the event waits to be
    -- retried, or, on a busy machine, during an attempt
    local reason = tostring(err):match("^klaviyo: 1 tracked event was not delivered: (.*)")
    assert.truthy(reason and (reason:find "^503" or reason:find "^the deadline passed"
      or reason:find "timed out after"), tostring(err))
  end)

  it("does not retry if the caller wants no retries", function()
    local before = fixture.server:stats().requests
    fixture.server:fault { operation = "create_event", status = 503, times = 1000 }
    assert.is_true(client:with { retries = 0 }.events:track(event(1)))
    assert.is_nil((client:drain(20)))
    assert.equal(before + 1, fixture.server:stats().requests)
  end)

  it("accepts only as many bytes as fit into the queue", function()
    local large = event(1)
    large.properties.text = ("x"):rep(4000000)
    local taken, ok, err = 0
    raw.with({ answers = { { held = true, status = 202 } } }, function(server)
      repeat
        ok, err = client:with { base_url = server.url, timeout = 60, track_deadline = 60 }.events:track(large)
        taken = taken + (ok and 1 or 0)
      until not ok or taken > 100
      assert.is_nil(ok)
      assert.equal("queue_full", err.kind)
      assert.is_true(taken <= 16, taken)
      server:release()
      assert.is_true(client:drain(60))
    end)
    assert.is_true(client.events:track(event(1)))
    assert.is_true(client:drain(20))
  end)

  describe("in a program that does not drain", function()
    local function start(base_url, more, count, last)
      return script.start(([[
        local client = require("klaviyo").new {base_url = %q, api_key = %q, proxy = "", revision = "2026-07-15", %s}
        for n = 1, %d do
          assert(client.events:track {metric = "M", profile = {email = "a@example.com"}, properties = {}})
        end
        %s
      ]]):format(base_url, fixture.key, more, count, last or ""))
    end

    local function run(...)
      return start(...)()
    end

    it("is reported on stderr if it was not sent", function()
      local returns = start("http://127.0.0.1:1", "", 2)
      local exits = start("http://127.0.0.1:1", "", 1, "os.exit(0)")
      assert.same({ "klaviyo: 2 tracked events were not sent before the process ended\n", 0 }, { returns() })
      assert.same({ "klaviyo: 1 tracked event was not sent before the process ended\n", 0 }, { exits() })
    end)

    it("is reported on stderr if it was lost", function()
      local output, status = run("http://127.0.0.1:1", "retries = 0", 1)
      assert.equal(0, status)
      assert.matches("^klaviyo: 1 tracked event was not delivered: [^\n]*onnect[^\n]*\n$", output)
      fixture.server:fault { operation = "create_event", status = 400, times = 3, body = fixture.key }
      assert.same({ "klaviyo: 3 tracked events were not delivered: status 400\n", 0 },
        { run(fixture.server.base_url, "", 3) })
    end)

    it("is not reported if it was sent, or was reported before", function()
      assert.same({ "", 0 }, { run(fixture.server.base_url, "", 3) })
      local output = run("http://127.0.0.1:1", "retries = 0", 1, "assert(not client:drain(5))")
      assert.equal(1, select(2, output:gsub("\n", "")), output)
    end)
  end)

  it("does not delay the end of a program", function()
    local output, status = script.run(([[
      local client = require("klaviyo").new {base_url = %q, api_key = %q, proxy = "",
        on_warning = function() end}
      for n = 1, 100 do
        assert(client.events:track {metric = "M", profile = {email = "a@example.com"}, properties = {}})
      end
      print("ended")
    ]]):format(fixture.server.base_url, fixture.key))
    assert.same({ "ended\n", 0 }, { output, status })
  end)
end)
