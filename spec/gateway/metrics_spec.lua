-- What a gateway counts for klaviyo.metrics.
local ask = require "spec.support.ask"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

describe("the metrics of a gateway", function()
  local service, gateway

  after_each(function()
    local logs = gateway and gateway:stop() or ""
    if service then
      service:stop()
    end
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
  end)

  -- Returns the value of a series, summed over all workers.
  local function value(series)
    local text = script.shell("curl -s -m 20 --noproxy '*' " .. gateway.base_url .. "/metrics")
    local found = text:match("\n" .. series:gsub("%p", "%%%0") .. " (%S+)")
    return tonumber(found)
  end

  it("are its requests, the time they waited, and its circuits", function()
    local reply = { body = "{}", headers = { ["RateLimit-Limit"] = "2, 2;w=1, 1000;w=60" } }
    service = raw.start { answers = { reply, reply, reply, reply, { status = 502, body = "" }, reply } }
    gateway = assert(nginx.gateway({ port = service.port, key = key }, { workers = 2, settings = [[
      callers = function() return true end, dict = "klaviyo_gateway", max_wait = 5, circuit = {failures = 1, pause = 3},
    ]] }))
    for _ = 1, 4 do
      assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    end
    assert.equal(404, ask(gateway, { path = "/api/nothing" }).status)
    assert.equal(0, value('klaviyo_gateway_circuit_open{connection="default"}'))
    assert.equal(502, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(503, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(1, value('klaviyo_gateway_circuit_open{connection="default"}'))
    script.shell("sleep 3")
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(0, value('klaviyo_gateway_circuit_open{connection="default"}'))
    assert.equal(5, value('klaviyo_gateway_requests_total{connection="default",status="200"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="default",status="502"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="default",status="503"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="-",status="404"}'))
    local waited = value('klaviyo_gateway_wait_seconds_total{connection="default"}')
    assert.is_true(waited > 0.5 and waited < 6, tostring(waited))
  end)
end)
