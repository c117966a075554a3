-- Requests that wait for the limit of an account in a gateway.
local ask = require "spec.support.ask"
local fair = require "spec.support.fair"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

describe("a gateway whose requests wait", function()
  local runs = fair.here(after_each)

  it("does not wait for a worker that was killed", function()
    runs[1] = fair.start { { name = "greedy" }, { name = "polite" } }
    local gateway = runs[1].gateway
    local children = ("/proc/%d/task/%d/children"):format(gateway.process.pid, gateway.process.pid)
    local greedy = "timeout 4 curl -s -Z --parallel-max 60 --noproxy '*' -o /dev/null "
      .. "-H 'Authorization: Bearer greedy' '%s/klaviyo/api/lists#[1-1000]' >/dev/null 2>&1 & "
    local polite = "curl -s -m 20 --noproxy '*' -o /dev/null -H 'Authorization: Bearer polite' "
      .. "-w '%%{http_code} %%{time_total}\n' %s/klaviyo/api/lists; "
    local text = script.shell((greedy .. "sleep 0.7; for i in 1 2; do kill -9 $(cut -d' ' -f1 %s); "):format(
      gateway.base_url, children) .. polite:format(gateway.base_url) .. "done; wait")
    local count = 0
    for status, time in text:gmatch("(%d+) ([%d.]+)\n") do
      count = count + 1
      assert.equal("200", status)
      assert.is_true(tonumber(time) <= 2, text)
    end
    assert.equal(2, count, text)
  end)

  local COUNT = { "location = /health {", [[location = /waiting {
    content_by_lua_block { ngx.print(require("klaviyo.gateway.waiting").count()) }
  }
  location = /health {]] }

  local function start_one(settings)
    local server = assert(require("klaviyo.sandbox").start { key = require "spec.support.key",
      limits = { get_lists = { second = 1, minute = 1000 } } })
    local gateway = assert(nginx.gateway(server, { workers = 1, replace = { COUNT },
      settings = "callers = function(request) return { name = request.token } end, " .. settings }))
    runs[1] = { server = server, gateway = gateway }
    return gateway
  end

  local function waiting(gateway)
    local text = script.shell("curl -s --noproxy '*' " .. gateway.base_url .. "/waiting")
    return tonumber(text)
  end

  local function await(expected, gateway)
    assert.is_true(shell.wait_for(function()
      return waiting(gateway) == expected
    end) and true, "waiting: " .. tostring(waiting(gateway)))
  end

  -- Sends `count` requests at the same time; returns a function that hangs up.
  local function send(gateway, count, token, options)
    local pid = script.shell(("curl -s -m 60 -Z --parallel-max %d --noproxy '*' -o /dev/null "
      .. "-H 'Authorization: Bearer %s' %s '%s/klaviyo/api/lists#[1-%d]' >/dev/null 2>&1 & echo $!"):format(count,
      token, options or "", gateway.base_url, count)):match("%d+")
    return function()
      script.shell("kill " .. pid)
    end
  end

  local function statuses(gateway, token)
    local count = {}
    for status in gateway:logs():gmatch(" " .. token .. " %u+ %S+ (%d+) ") do
      count[tonumber(status)] = (count[tonumber(status)] or 0) + 1
    end
    return count
  end

  it("forgets requests whose client has gone", function()
    local gateway = start_one("max_wait = 30,")
    local body = "-H 'Content-Type: application/json' "
      .. "-d '{\"data\":{\"type\":\"list\",\"attributes\":{\"name\":\"x\"}}}' "
    local hang_up = send(gateway, 20, "a")
    assert.is_true(shell.wait_for(function()
      return waiting(gateway) + (statuses(gateway, "a")[200] or 0) == 20
    end, 20) and true)
    local hang_up_too = send(gateway, 200, "b", body)
    assert.is_true(shell.wait_for(function()
      return waiting(gateway) > 19
    end, 20) and true)
    hang_up()
    hang_up_too()
    await(0, gateway)
    local a = statuses(gateway, "a")
    -- each was sent, one in each second, or its client has gone
    assert.equal(20, a[200] + (a[499] or 0))
    -- the next caller does not wait for them
    assert.equal(200, ask(gateway, { path = "/api/lists", token = "c" }).status)
  end)

  it("lets only a number of requests wait", function()
    local gateway = start_one("max_wait = 3, max_waiting = 6, max_waiting_per_caller = 5,")
    local hang_up = send(gateway, 20, "a")
    local a, most = nil, 0
    assert.is_true(shell.wait_for(function()
      local now = waiting(gateway)
      most = math.max(most, now)
      a = statuses(gateway, "a")
      return (a[200] or 0) + (a[429] or 0) + now == 20
    end, 20) and true)
    hang_up()
    await(0, gateway)
    a = statuses(gateway, "a")
    assert.is_true(most <= 5, most)
    -- of the first six, one was sent and five waited; each second, one of these was sent
    assert.equal(20, a[200] + a[429] + (a[499] or 0))
    assert.is_true(a[429] <= 14 and (a[499] or 0) <= 5, a[429])
    local answer = ask(gateway, { path = "/api/lists", token = "b" })
    assert.equal(200, answer.status)
    await(0, gateway)
  end)
end)
