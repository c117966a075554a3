-- The trace of a caller's request goes on to the service; the ids in the access log and in responses.
local ask = require "spec.support.ask"
local nginx = require "spec.support.nginx"
local raw_gateway = require "spec.support.raw_gateway"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs of traces") then
  return
end

local TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
local PARENT = "00-" .. TRACE_ID .. "-b7ad6b7169203331-01"

describe("a gateway", function()
  local service, gateway

  local start_both = raw_gateway.here(after_each)

  local function start(...)
    service, gateway = start_both(...)
  end

  -- The ids at the end of the last line of the access log: of nginx, of the trace, of the service.
  local function logged(count)
    local lines
    assert.is_truthy(shell.wait_for(function()
      lines = {}
      for line in (shell.read(gateway.dir .. "/klaviyo.log") or ""):gmatch("[^\n]+") do
        lines[#lines + 1] = line
      end
      return #lines >= count
    end, 10))
    return { lines[count]:match("(%S+) (%S+) (%S+)$") }
  end

  it("passes a valid trace on, and logs its id", function()
    start { answers = { { body = "{}", headers = { ["CF-RAY"] = "8f00-FRA" } } } }
    local answer = ask(gateway, { path = "/api/lists", headers = { traceparent = PARENT, tracestate = "a=1, b=2" } })
    local fields = service:requests()[1].headers
    assert.same({ PARENT, "a=1,b=2" }, { fields.traceparent, fields.tracestate })
    assert.same({ answer.headers["x-request-id"], TRACE_ID, "8f00-FRA" }, logged(1))
    assert.matches("^%x+$", answer.headers["x-request-id"])
  end)

  it("drops an invalid trace", function()
    start { answers = { { body = "{}" } } }
    local wrong = {
      { traceparent = PARENT .. "0" }, { traceparent = PARENT:upper(), tracestate = "a=1" }, { tracestate = "a=1" },
      { traceparent = PARENT, Traceparent = PARENT },
    }
    for i, headers in ipairs(wrong) do
      assert.equal(200, ask(gateway, { path = "/api/lists", headers = headers }).status)
      local fields = service:requests()[i].headers
      assert.same({}, { fields.traceparent, fields.tracestate })
      assert.same({ "-", "-" }, { unpack(logged(i), 2) })
    end
    local answer = ask(gateway, { path = "/api/lists", headers = { traceparent = PARENT, tracestate = "A" } })
    assert.equal(200, answer.status)
    local fields = service:requests()[#wrong + 1].headers
    assert.same({ PARENT }, { fields.traceparent, fields.tracestate })
  end)

  it("keeps the id of the service, and gives its own to its own responses", function()
    start({ answers = { { body = "{}", headers = { ["X-Request-Id"] = "service-1" } },
      { status = 401, body = "{}", headers = { ["X-Request-Id"] = "service-2" } }, { send = 0, after = "reset" } } })
    assert.equal("service-1", ask(gateway, { path = "/api/lists" }).headers["x-request-id"])
    assert.equal("service-1", logged(1)[3])
    local unauthorized = ask(gateway, { path = "/api/lists", headers = { traceparent = PARENT } })
    local failed = ask(gateway, { path = "/api/lists", headers = { traceparent = PARENT } })
    local not_found = ask(gateway, { path = "/api/nothing", headers = { traceparent = PARENT } })
    assert.same({ 502, 502, 404 }, { unauthorized.status, failed.status, not_found.status })
    for i, answer in ipairs { unauthorized, failed, not_found } do
      local id = answer.document.errors[1].id
      assert.equal(id, answer.headers["x-request-id"])
      assert.same({ id, TRACE_ID, i == 1 and "service-2" or "-" }, logged(i + 1))
      if i < 3 then
        assert.is_truthy(shell.wait_for(function()
          return gateway:logs():find(("(401, request %s, trace %s)"):format(id, TRACE_ID), 1, true)
            or gateway:logs():find(("s (request %s, trace %s)"):format(id, TRACE_ID), 1, true)
        end, 10))
      end
    end
  end)

  it("works with a location that does not declare the variables", function()
    start({ answers = { { body = "{}" } } }, nil, { replace = {
      { '      set $klaviyo_trace_id "-";\n', "" }, { '      set $klaviyo_request_id "-";\n', "" },
      { "$klaviyo_trace_id $klaviyo_request_id", "" },
    } })
    assert.equal(200, ask(gateway, { path = "/api/lists", headers = { traceparent = PARENT } }).status)
    assert.equal(PARENT, service:requests()[1].headers.traceparent)
  end)
end)
