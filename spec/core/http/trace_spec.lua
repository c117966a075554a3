-- The trace context of a request: which fields its attempts send, and which ids they report.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local raw = require "spec.support.raw"

local TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
local PARENT = "00-" .. TRACE_ID .. "-b7ad6b7169203331-01"

local function submit(server, settings, trace, kind)
  kind = kind or { method = "GET" }
  return core.submit(settings, engine.request_queue(server.url), kind.method, server.url .. "/", kind.body, true, nil,
    trace)
end

local function fields_of(request)
  return { request.headers.traceparent or "none", request.headers.tracestate or "none" }
end

describe("trace.c", function()
  after_each(function()
    engine.pump_until(engine.is_idle)
  end)

  it("sends the fields of this request alone, on a reused handle and with any body", function()
    local kinds = { { method = "GET" }, { method = "POST", body = "{}" }, { method = "DELETE" },
      { method = "POST", body = { "name", "in a form", false, false } } }
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local settings = engine.settings()
      local expected = {}
      for i = 1, 60 do
        local trace = i % 3 > 0 and { traceparent = PARENT, tracestate = i % 3 == 1 and "a=1" or nil } or nil
        assert(engine.finish(submit(server, settings, trace, kinds[i % 4 + 1])))
        expected[i] = { trace and PARENT or "none", trace and trace.tracestate or "none" }
      end
      for i, request in ipairs(server:requests()) do
        assert.same(expected[i], fields_of(request))
        assert.is_truthy(request.headers["user-agent"] or request.headers.host)
      end
      assert.equal(60, #server:requests())
    end)
  end)

  it("leaves nothing in a handle while its own request still exists", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local settings = engine.settings()
      local traced = submit(server, settings, { traceparent = PARENT, tracestate = "a=1" })
      engine.pump_until(function() return traced:done() end)
      assert(engine.finish(submit(server, settings)))
      assert.same({ "none", "none" }, fields_of(server:requests()[2]))
      assert(traced:result())
    end)
  end)

  it("gives each attempt an id of its own if it has a seed, and reports it", function()
    local last = { body = "{}", headers = { ["X-Request-Id"] = "r3" } }
    raw.with({ answers = { { status = 503 }, { status = 503 }, last } },
      function(server)
        local settings = engine.settings { retries = 2 }
        local response = assert(engine.finish(submit(server, settings, { traceparent = PARENT, seed = "12345678" })))
        local ids = {}
        for i, request in ipairs(server:requests()) do
          local trace_id, id = request.headers.traceparent:match("^00%-(%x+)%-(%x+)%-01$")
          local attempt = response.attempts[i]
          assert.same({ TRACE_ID, attempt.span_id, 16 }, { trace_id, id, #id })
          assert.is_nil(ids[id])
          ids[id] = true
          assert.is_true(attempt.started > 0 and attempt.started <= core.clock())
          assert.equal("1.1", attempt.http_version)
        end
        assert.equal(3, #response.attempts)
        assert.matches("X%-Request%-Id: r3", response.attempts[3].head)
      end)
  end)

  it("reports the kind of an attempt that failed", function()
    raw.with({ answers = { { never = true } } }, function(server)
      local _, raw_error = engine.finish(submit(server, engine.settings { timeout = 0.2 }, { seed = "12345678" }))
      assert.equal(1, #raw_error.attempts)
      assert.same({ "timeout", "timeout" }, { raw_error.kind, raw_error.attempts[1].kind })
      assert.is_nil(server:requests()[1].headers.traceparent)
    end)
  end)

  it("accepts no value of another size", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local settings = engine.settings()
      assert.error_matches(function() submit(server, settings, { traceparent = "00-1" }) end, "55 characters")
      assert.error_matches(function() submit(server, settings, { seed = "1" }) end, "8 bytes")
    end)
  end)

  it("stays with a background request, until that is sent", function()
    raw.with({ answers = { { status = 503 }, { body = "{}" } } }, function(server)
      for i = 1, 3 do
        assert(core.track(engine.settings { retries = 3 }, engine.request_queue(server.url), "POST",
          server.url .. "/", "{}", true, 10, { traceparent = PARENT:gsub("01$", "0" .. i), tracestate = "n=" .. i }))
        collectgarbage()
      end
      engine.pump_until(engine.is_idle)
      local received = {}
      for _, request in ipairs(server:requests()) do
        received[table.concat(fields_of(request), " ")] = true
      end
      for i = 1, 3 do
        assert.is_true(received[PARENT:gsub("01$", "0" .. i) .. " n=" .. i])
      end
    end)
  end)
end)
