-- The probes of a gateway whose circuit is open.
local ask = require "spec.support.ask"
local nginx = require "spec.support.nginx"
local raw_gateway = require "spec.support.raw_gateway"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
elseif nginx.missing() then
  pending("the gateway's specs: " .. nginx.missing())
  return
end

local JSON = "application/vnd.api+json"
local HTML = { status = 502, headers = { ["Content-Type"] = "text/html" }, body = "<html>" }
local OK = { body = '{"data":[]}', headers = { ["Content-Type"] = JSON } }

describe("a gateway whose circuit is open", function()
  local service, gateway

  local function start(answers, circuit, options)
    options = options or {}
    options.workers = options.workers or 4
    service, gateway = raw_gateway.start({ answers = answers },
      ("callers = function() return true end, %s circuit = %s,"):format(
        options.dict or 'dict = "klaviyo_gateway",', circuit), options)
  end

  after_each(function()
    local started, front = service, gateway
    service, gateway = nil, nil
    raw_gateway.stop(started, front)
  end)

  local function get()
    return ask(gateway, { path = "/api/lists" })
  end

  local function assert_open()
    local before = #service:requests()
    local answer = get()
    assert.equal(503, answer.status)
    assert.equal("circuit_open", answer.document.errors[1].code)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    assert.equal(before, #service:requests())
    return tonumber(answer.headers["retry-after"])
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
