-- The probes of a gateway whose circuit is open.
local circuit_gateway = require "spec.support.circuit_gateway"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local HTML, OK = circuit_gateway.HTML, circuit_gateway.OK

describe("a gateway whose circuit is open", function()
  local both = circuit_gateway.here(after_each)
  local service, gateway

  local function start(...)
    service, gateway = both:start(...)
  end

  local function get()
    return both:get()
  end

  local function assert_open()
    return both:assert_open()
  end

  it("sends another probe if the worker of the first one is killed, or its client hangs up", function()
    start({ HTML, { never = true }, { never = true }, OK }, "{failures = 1, pause = 0.1}")
    assert.equal(502, get().status)
    script.shell("sleep 0.15; curl -s -m 0.3 --noproxy '*' " .. gateway.base_url .. "/klaviyo/api/lists")
    assert.equal(2, #service:requests())
    -- the second probe, whose worker is killed
    local curl = "curl -s -m 20 --noproxy '*' " .. gateway.base_url .. "/klaviyo/api/lists >/dev/null 2>&1 & "
    script.shell(curl .. ("sleep 0.3; kill -9 $(cat /proc/%d/task/%d/children); wait"):format(gateway.process.pid,
      gateway.process.pid))
    assert.equal(3, #service:requests())
    assert_open()
    local answer
    assert.is_true(shell.wait_for(function()
      answer = get()
      return answer.status == 200
    end) and true, answer and answer.body)
    assert.equal(4, #service:requests())
    assert.equal(200, get().status)
  end)
end)
