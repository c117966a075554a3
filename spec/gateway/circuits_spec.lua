-- The circuit breaker of a gateway: it stops requests to a service that fails.
local circuit_gateway = require "spec.support.circuit_gateway"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local HTML, OK = circuit_gateway.HTML, circuit_gateway.OK

local function document(status)
  return { status = status, headers = { ["Content-Type"] = circuit_gateway.JSON }, body = '{"errors":[]}' }
end

describe("the circuit of a gateway", function()
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

  local function changes()
    local _, opened = gateway:logs():gsub("the circuit of the connection default is open", "")
    local _, closed = gateway:logs():gsub("the circuit of the connection default is closed", "")
    return opened, closed
  end

  -- Sends 20 requests at the same time; prints the status of each, one a line.
  local MANY = "for i in $(seq 20); do curl -s -m 60 --noproxy '*' -o /dev/null "
    .. "-w '%%{http_code}\n' %s/klaviyo/api/lists & done; wait"

  it("opens for all workers, sends one probe at a time, and closes", function()
    -- pauses that no busy machine exceeds, of a clock that the spec sets forward
    start({ HTML, HTML, HTML, HTML, HTML, HTML, { held = true, body = "{}" }, OK },
      "{pause = 1000, max_pause = 100000}", { virtual = true })
    for _ = 1, 5 do
      assert.equal(502, get().status)
    end
    for _ = 1, 3 do
      local seconds = assert_open()
      assert.is_true(seconds > 500 and seconds <= 1000, seconds)
    end
    both.clock:advance(1000)
    assert.equal(502, get().status) -- the first probe fails: a longer pause
    local seconds = assert_open()
    assert.is_true(seconds > 1250 and seconds <= 2000, seconds)
    both.clock:advance(1000)
    assert_open()
    both.clock:advance(1000)
    assert.equal(6, #service:requests())
    local many = assert(io.popen(MANY:format(gateway.base_url)))
    local rejected = {}
    for i = 1, 19 do -- while one of them waits for its response
      rejected[i] = many:read("*l")
    end
    assert.equal(("503 "):rep(19), table.concat(rejected, " ") .. " ")
    assert.equal(7, #service:requests())
    service:release()
    assert.equal("200", many:read("*l"))
    many:close()
    assert.equal(("200\n"):rep(20), script.shell(MANY:format(gateway.base_url)))
    assert.is_true(shell.wait_for(function()
      local _, closed = changes()
      return closed > 0
    end) and true)
    assert.same({ 1, 1 }, { changes() })
  end)

  it("counts timeouts, but not responses of the API", function()
    start({ HTML, HTML, OK, HTML, HTML, document(500), HTML, HTML, document(429), HTML, HTML,
      { status = 404, body = "" }, HTML, { never = true }, HTML, OK }, "{failures = 3, pause = 1000, max_pause = 1000}",
      { replace = { { "proxy_read_timeout 60s", "proxy_read_timeout 2s" } } })
    for _ = 1, 15 do
      get()
    end
    assert.equal(15, #service:requests())
    assert.is_true(assert_open() >= 700)
    assert.equal(1, (changes()))
  end)

  it("opens if the service cannot be reached, and may be switched off", function()
    start({ OK }, "{failures = 2}")
    service:stop()
    assert.equal(502, get().status)
    assert.equal(502, get().status)
    assert.equal("circuit_open", get().document.errors[1].code)
    gateway:stop()
    start({ HTML }, "false")
    for _ = 1, 10 do
      assert.equal(502, get().status)
    end
  end)

  it("belongs to a worker without a dict", function()
    start({ HTML }, "{failures = 1}", { workers = 1, dict = "" })
    assert.equal(502, get().status)
    assert_open()
  end)

  it("is not shared without a dict, which the log says once", function()
    local warning = "the option dict is not set: each worker orders its waiting requests"
    start({ HTML }, "{failures = 1}", { workers = 3, dict = "" })
    assert.equal(502, get().status)
    local _, count = gateway:logs():gsub(warning, "")
    assert.equal(1, count)
    gateway:stop()
    for settings, message in pairs {
      ['dict = "none"'] = 'there is no lua_shared_dict "none" in nginx.conf',
      ["circuit = {failure = 1}"] = 'did you mean "failures"?',
      ["circuit = {failures = 0}"] = "failures must be a whole number from 1 on",
      ["max_waiting = 0"] = "max_waiting must be a whole number from 1 on",
    } do
      local rejected, output = nginx.gateway({ port = 9, key = "k" },
        { settings = "callers = function() return true end, " .. settings })
      assert.is_nil(rejected, settings)
      assert.is_truthy(output:find(message, 1, true), settings .. ": " .. output)
    end
  end)
end)
