-- What a gateway counts for klaviyo.metrics.
local ask = require "spec.support.ask"
local circuit_gateway = require "spec.support.circuit_gateway"
local core = require "klaviyo.core"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

describe("the metrics of a gateway", function()
  local service, gateway, clock

  after_each(function()
    local logs = gateway and gateway:stop() or ""
    if clock then
      clock:remove()
    end
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
    local circuit
    circuit, clock = circuit_gateway.virtual "{failures = 1, pause = 1000, max_pause = 1000}"
    local reply = { body = "{}", headers = { ["RateLimit-Limit"] = "2, 2;w=1, 1000;w=60" } }
    service = raw.start { answers = { reply, reply, reply, reply, reply, reply, reply, reply,
      { status = 502, body = "" }, reply } }
    gateway = assert(nginx.gateway({ port = service.port, key = key }, { workers = 2, settings = [[
      callers = function() return true end, dict = "klaviyo_gateway", max_wait = 30, circuit = ]] .. circuit .. "," }))
    -- at the same time: only two are sent in each second
    local text = script.shell(("curl -s -Z --parallel-max 8 -m 60 --noproxy '*' -o /dev/null "
      .. "-w '%%{http_code} %%{time_total}\\n' '%s/klaviyo/api/lists#[1-8]'"):format(gateway.base_url))
    local total = 0
    for time in text:gmatch "200 ([%d.]+)\n" do
      total = total + tonumber(time)
    end
    local began = core.clock()
    assert.equal(404, ask(gateway, { path = "/api/nothing" }).status)
    assert.equal(0, value('klaviyo_gateway_circuit_open{connection="default"}'))
    assert.equal(502, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(503, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(1, value('klaviyo_gateway_circuit_open{connection="default"}'))
    clock:advance(1000)
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    assert.equal(0, value('klaviyo_gateway_circuit_open{connection="default"}'))
    assert.equal(9, value('klaviyo_gateway_requests_total{connection="default",status="200"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="default",status="502"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="default",status="503"}'))
    assert.equal(1, value('klaviyo_gateway_requests_total{connection="-",status="404"}'))
    local waited = value('klaviyo_gateway_wait_seconds_total{connection="default"}')
    assert.is_true(waited > 0.5 and waited <= total + core.clock() - began, ("%g of %g"):format(waited, total))
  end)

  it("ask a function only for the connections whose circuits are open", function()
    service = raw.start { answers = { { body = "{}" }, { body = "{}" }, { status = 502, body = "" } } }
    gateway = assert(nginx.gateway({ port = service.port, key = key }, { workers = 1, settings = [[
      connections = function(name)
        asked = (asked or "") .. name
        ngx.sleep(0.001)
        return name ~= gone and "key-of-" .. name or nil
      end, dict = "klaviyo_gateway", pacing = false,
      callers = function() return {name = "a", connections = "*"} end, circuit = {failures = 1, pause = 600},
    ]], replace = { { "location = /health {", [[location = /asked {
      content_by_lua_block { local list = asked; asked, gone = "", ngx.var.arg_gone; ngx.print(list or "") }
    }
    location = /health {]] } } }))
    local function asked(gone)
      return ask(gateway, { target = "/asked?gone=" .. (gone or "") }).body
    end
    for i, name in ipairs { "a", "b", "c" } do
      assert.equal(i < 3 and 200 or 502,
        ask(gateway, { path = "/api/lists", headers = { ["Klaviyo-Connection"] = name } }).status)
    end
    asked()
    assert.equal(1, value('klaviyo_gateway_circuit_open{connection="c"}'))
    assert.matches("^c+$", asked())  -- the status page takes samples, too
    -- a new worker does not know that it is open
    local children = ("/proc/%d/task/%d/children"):format(gateway.process.pid, gateway.process.pid)
    script.shell(("kill -9 $(cat %s); until curl -s -o /dev/null --noproxy '*' %s/health; do sleep 0.05; done"):format(
      children, gateway.base_url))
    assert.matches("^c*$", asked "c")
    assert.equal(0, value('klaviyo_gateway_circuit_open{connection="c"}'))
  end)

  for name, dict in pairs {["in all workers"] = 'dict = "klaviyo_gateway",', ["of one worker"] = ""} do
    it("show how many circuits are open, though there is no room for all, " .. name, function()
      gateway = assert(nginx.gateway({ port = 9, key = key }, { workers = dict == "" and 1 or 2,
        settings = dict .. [[
        connections = function(name) return "key-of-" .. name end, pacing = false,
        callers = function() return {name = "a", connections = "*"} end, circuit = {failures = 1, pause = 600},
      ]] }))
      local config = os.tmpname()
      local lines = {'silent\nnoproxy = "*"\nmax-time = 20\n'}
      for n = 0, 699 do
        lines[#lines + 1] = ('next\nurl = "%s/klaviyo/api/lists"\nheader = "Klaviyo-Connection: %s"\n'
          .. 'output = /dev/null\n'):format(gateway.base_url, n == 699 and "other" or "c" .. n)
      end
      local file = assert(io.open(config, "w"))
      file:write((table.concat(lines):gsub("next\n", "", 1)))
      file:close()
      script.shell("curl -K " .. config)
      os.remove(config)
      for _ = 1, 3 do
        local text, sum, rows = script.shell("curl -s -m 20 --noproxy '*' " .. gateway.base_url .. "/metrics"), 0, 0
        for found in text:gmatch('\nklaviyo_gateway_circuit_open{connection="[%w-]+"} (%d+)') do
          sum, rows = sum + tonumber(found), rows + 1
        end
        assert.equal(700, sum)
        assert.is_true(rows < 600)
      end
    end)
  end
end)
