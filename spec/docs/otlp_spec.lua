-- The guide's program that sends spans to an OpenTelemetry collector, with a collector that keeps what it gets.
local connect = require "spec.support.connect"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local snippets = require "spec.support.snippets"

local function snippet()
  for _, one in ipairs(snippets.of("docs/guide.md")) do
    if one.text:find("resourceSpans", 1, true) then
      return one
    end
  end
end

-- What a collector receives of the two attempts of a call.
local function collected(answers)
  local request, service
  raw.with({ answers = answers }, function(server)
    raw.with({ answers = { { body = "{}" } } }, function(collector)
      snippets.compile(snippet(), setmetatable({
        klaviyo = klaviyo, client = connect(server.url, { retries = 1 }),
        os = setmetatable({ getenv = function(name)
          return name == "OTEL_EXPORTER_OTLP_ENDPOINT" and collector.url or os.getenv(name)
        end }, { __index = os }),
      }, { __index = _G }))()
      request = collector:requests()[1]
    end)
    service = server:requests()
  end)
  return request, service
end

describe("the guide's exporter", function()
  it("sends spans as OTLP/HTTP JSON", function()
    local before = os.time()
    local request, service = collected { { status = 503 }, { body = '{"data":[]}' } }
    assert.same({ "POST", "/v1/traces", "application/json" },
      { request.method, request.target, request.headers["content-type"] })
    local body = assert(json.decode(request.body))
    local spans = body.resourceSpans[1].scopeSpans[1].spans
    assert.equal(2, #spans)
    for i, span in ipairs(spans) do
      local trace_id, span_id = service[i].headers.traceparent:match("^00%-(%x+)%-(%x+)%-01$")
      assert.same({ trace_id, span_id, "GET /api/lists", 3 }, { span.traceId, span.spanId, span.name, span.kind })
      assert.is_nil(span.parentSpanId)
      for _, time in ipairs { span.startTimeUnixNano, span.endTimeUnixNano } do
        assert.matches("^%d+$", time)
        assert.equal(19, #time)
        assert.is_true(math.abs(tonumber(time:sub(1, -10)) - before) <= 20)
      end
      assert.is_true(span.startTimeUnixNano <= span.endTimeUnixNano)
      local attributes = {}
      for _, attribute in ipairs(span.attributes) do
        local kind, value = next(attribute.value)
        attributes[attribute.key] = kind .. " " .. tostring(value)
      end
      assert.same({ i == 1 and "intValue 503" or "intValue 200", i == 2 and "intValue 1" or nil, i == 1 and 2 or 0 },
        { attributes["http.response.status_code"], attributes["http.request.resend_count"], span.status.code })
      assert.equal("stringValue get_lists", attributes["klaviyo.operation"])
    end
  end)
end)
