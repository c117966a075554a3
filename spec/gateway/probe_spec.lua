-- The probes of a gateway whose circuit is open.
local circuit_gateway = require "spec.support.circuit_gateway"
local core = require "klaviyo.core"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local socket = require "socket"

local HTML, OK = circuit_gateway.HTML, circuit_gateway.OK
local LEASE = 3

describe("a gateway whose circuit is open", function()
  local both = circuit_gateway.here(after_each)
  local service, gateway

  local function start(...)
    service, gateway = both:start(...)
  end

  local function get()
    return both:get()
  end

  -- Lets a client send requests until one of them is the probe, which is the request of this number that the service
  -- receives. Returns the client's process, which waits for the response.
  local function start_probe(number)
    local process = script.shell(("curl -s -m 60 --retry 60 --noproxy '*' %s/klaviyo/api/lists >/dev/null 2>&1 & "
      .. "echo $!"):format(gateway.base_url)):match("%d+")
    assert.is_true(shell.wait_for(function()
      return #service:requests() == number
    end, 30))
    return process
  end

  it("sends another probe if the client of the first one hangs up", function()
    start({ HTML, { never = true }, OK }, "{failures = 1, pause = 1000}", { virtual = true })
    assert.equal(502, get().status)
    both.clock:advance(1000)
    script.shell("kill " .. start_probe(2))
    start_probe(3)
    assert.is_true(shell.wait_for(function()
      return get().status == 200
    end) and true)
  end)

  it("sends another probe if the worker of the first one is killed, when its lease has ended", function()
    start({ HTML, { never = true }, OK }, "{failures = 1, pause = 1000}", { virtual = true, lease = LEASE })
    assert.equal(502, get().status)
    both.clock:advance(1000)
    local began = core.clock()
    start_probe(2)
    script.shell(("kill -9 $(cat /proc/%d/task/%d/children)"):format(gateway.process.pid, gateway.process.pid))
    local answer = get()
    if core.clock() - began < LEASE then
      assert.equal(503, answer.status)
      assert.equal(2, #service:requests())
    end
    assert.is_true(shell.wait_for(function()
      answer = get()
      return answer.status == 200
    end, 30) and true, answer.body)
    assert.equal(3, #service:requests())
    assert.equal(200, get().status)
  end)

  -- Begins to send a request with a body; returns the client.
  local function begin(size)
    local client = assert(socket.connect("127.0.0.1", gateway.port))
    client:settimeout(20)
    assert(client:send("POST /klaviyo/api/lists HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      .. "Content-Type: application/json\r\nContent-Length: " .. size .. "\r\n\r\n{"))
    return client
  end

  it("does not wait for the body of a probe", function()
    start({HTML, OK}, "{failures = 1, pause = 0.1}")
    assert.equal(502, get().status)
    script.shell("sleep 0.15")
    local client = begin(2)
    script.shell("sleep 0.1")
    assert.equal(200, get().status)
    assert.equal(2, #service:requests())
    assert(client:send("}"))
    assert.matches("^HTTP/1.1 200 ", client:receive("*l"))
    client:close()
    assert.is_true(service:requests()[3].body == "{}")
  end)

  it("still is closed if the service closes the connection of a client that does not send its body", function()
    start({OK}, "{failures = 1, pause = 100}")
    service:stop()
    local function failed(size, html)
      local server = assert(socket.bind("127.0.0.1", service.port))
      server:settimeout(20)
      local client = begin(size)
      local connection = assert(server:accept())
      connection:settimeout(20)
      repeat
        local line = assert(connection:receive("*l"))
      until line == ""
      assert(connection:receive(1))
      if html then
        connection:send("HTTP/1.1 502 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      end
      connection:close()
      server:close()
      assert.matches("^HTTP/1.1 502 ", client:receive("*l"))
      client:close()
    end
    local function is_open()
      return gateway:logs():find("is open", 1, true) ~= nil
    end
    failed(2)
    failed(2, true)
    assert.is_false(is_open())
    failed(1, true)
    assert.is_true(shell.wait_for(is_open))
  end)
end)
