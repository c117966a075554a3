-- The gateway's workers and the scripts on its machine share the rate limits.
local ask = require "spec.support.ask"
local connect = require "spec.support.connect"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"

local missing = nginx.missing()
if missing then
  pending("the gateway's specs: " .. missing)
  return
end

describe("the rate limits of a gateway", function()
  local folders = folder.here(after_each)
  local server, gateway, dir

  before_each(function()
    dir = folders.new()
  end)

  after_each(function()
    local logs = gateway and gateway:stop() or ""
    if server then
      server:stop()
    end
    server, gateway = nil, nil
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
    assert.is_nil(logs:match("[^\n]*cannot be shared[^\n]*"))
  end)

  local function start(limits, max_wait)
    server = assert(sandbox.start { key = key, limits = limits })
    gateway = assert(nginx.gateway(server, { workers = 2, settings = ([[
      callers = function() return true end, rate_limit_file = %q, max_wait = %g,
    ]]):format(dir .. "/budget", max_wait) }))
  end

  local function throttled(path)
    local before = server:stats().requests
    local answer = ask(gateway, { path = path })
    assert.equal(429, answer.status, answer.body)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    assert.equal("throttled", answer.document.errors[1].code)
    assert.equal(before, server:stats().requests)
    return tonumber(answer.headers["retry-after"])
  end

  -- nginx runs LuaJIT under either interpreter: one run is enough
  local once = rawget(_G, "jit") and it or function() end

  once("are kept by all workers: the service never answers 429", function()
    start({ get_lists = { second = 5, minute = 60 } }, 10)
    -- the first response contains the limits; each request has its own connection
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    local text = script.shell(("for i in $(seq 11); do curl -s -m 20 --noproxy '*' -o /dev/null -w '%%{http_code}\\n' "
      .. "-H 'Authorization: Bearer x' %s/klaviyo/api/lists & done; wait"):format(gateway.base_url))
    assert.equal(("200\n"):rep(11), text)
    local stats = server:stats()
    assert.same({}, stats.throttled)
    assert.equal(12, stats.requests)
  end)

  once("answer 429 if the wait would be too long", function()
    start({ get_lists = { second = 1, minute = 2 } }, 0)
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    local seconds = throttled("/api/lists")
    assert.is_true(seconds >= 1 and seconds <= 60, tostring(seconds))
    -- another operation has another limit
    assert.equal(200, ask(gateway, { path = "/api/segments" }).status)
    -- public operations have no limit here
    assert.is_nil(ask(gateway, { path = "/client/events?company_id=x", method = "POST", body = "{}" })
      .headers["x-klaviyo-gateway"])
  end)

  it("are shared with scripts", function()
    start({ get_lists = { second = 100, minute = 4 } }, 0)
    local client = connect(server.base_url, { pacing = true, rate_limit_file = dir .. "/budget", deadline = 2 })
    assert.truthy(client.lists:list())
    for _ = 1, 3 do
      assert.truthy(client.lists:list())
    end
    local seconds = throttled("/api/lists")
    assert.is_true(seconds > 30 and seconds <= 61, tostring(seconds))
  end)

  once("follow a 429 of the service", function()
    start({ get_lists = { second = 10, minute = 150 } }, 0)
    server:fault { operation = "get_lists", throttled = 7 }
    local answer = ask(gateway, { path = "/api/lists" })
    assert.equal(429, answer.status)
    assert.is_nil(answer.headers["x-klaviyo-gateway"])
    assert.equal("7", answer.headers["retry-after"])
    local seconds = throttled("/api/lists")
    assert.is_true(seconds >= 5 and seconds <= 7, tostring(seconds))
  end)
end)
