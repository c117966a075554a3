-- Commands to Redis in the light threads of an nginx worker, whose loop thread does
-- the input and output.
local redis_server = require "spec.support.redis_server"
local worker = require "spec.support.worker"

local WHAT = "connections to Redis in nginx"
if not (worker.is_available(pending, WHAT) and redis_server.is_available(pending, WHAT)) then
  return
end

local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local LOCATIONS = {
  ["/incr"] = [[
    local reply, err = shared:call("INCR", "n")
    ngx.say(reply or tostring(err))
  ]],
  -- tasks of one request, with a connection in common
  ["/tasks"] = [[
    local done, ticks = 0, 0
    klaviyo.run(function()
      for i = 1, 40 do
        klaviyo.spawn(function()
          local name = "key " .. i
          assert(shared:call("SET", name, i) == "OK")
          assert(shared:call("GET", name) == tostring(i))
          done = done + 1
        end)
      end
    end)
    ngx.say(done)
  ]],
  ["/pipeline"] = [[
    local list = {}
    for i = 1, 20000 do list[i] = {"INCR", "counted"} end
    local replies, err = shared:pipeline(list)
    ngx.say(replies and #replies .. " " .. replies[20000] or tostring(err))
  ]],
  ["/block"] = [[
    local own = connection.new("$REDIS")
    local reply, err = own:call("BLPOP", "none", 0.5)
    ngx.say(tostring(reply), " ", tostring(err))
  ]],
  ["/slow"] = [[
    local own = connection.new("$REDIS", {timeout = 0.3})
    local reply, err = own:call("PING")
    ngx.say(reply or err.kind)
  ]],
  ["/unclosed"] = [[
    for _ = 1, 20 do
      assert(connection.new("$REDIS"):call("PING") == "PONG")
    end
    collectgarbage()
    collectgarbage()
    ngx.say("ok")
  ]],
  ["/timer"] = [[
    ngx.timer.at(0, function()
      note("timer", (shared:call("INCR", "timed")))
    end)
    ngx.say("ok")
  ]],
  ["/log"] = [[
    log_by_lua_block {
      local ok, message = pcall(shared.call, shared, "PING")
      note("log", ok, message)
    }
    content_by_lua_block { ngx.say("ok") }
  ]],
  -- the request ends while its light thread waits
  ["/killed"] = [[
    ngx.thread.spawn(function() shared:call("BLPOP", "none", 0.3) end)
    ngx.sleep(0.05)
    ngx.say("ok")
    ngx.exit(200)
  ]],
}

LOCATIONS["/killed_pipeline"] = [[
  ngx.thread.spawn(function()
    local list = {{"BLPOP", "none", 0.2}}
    for i = 2, 3000 do list[i] = {"PING"} end
    hurried:pipeline(list)
  end)
  ngx.sleep(0.05)
  ngx.say("ok")
  ngx.exit(200)
]]
LOCATIONS["/hurried"] = [[
  local reply, err = hurried:call("PING")
  ngx.say(reply or tostring(err))
]]

describe("a connection to Redis, in nginx", function()
  local fixture = sandbox.here(setup, teardown)
  local server, redis

  setup(function()
    redis = redis_server.start()
    local locations = {}
    for path, text in pairs(LOCATIONS) do
      locations[path] = text:gsub("%$REDIS", redis.url)
    end
    server = worker.start(fixture.server, {locations = locations, init = ([[
      connection = require "klaviyo.redis.connection"
      shared = connection.new(%q)
      hurried = connection.new(%q, {timeout = 1})
    ]]):format(redis.url, redis.url)})
  end)

  teardown(function()
    if server then
      server:stop()
    end
    redis:close()
  end)

  it("is used by the requests of a worker", function()
    assert.equal("1\n", server:get("/incr"))
    assert.equal("2\n", server:get("/incr"))
    assert.equal("40\n", server:get("/tasks"))
    assert.equal("20000 20000\n", server:get("/pipeline"))
  end)

  it("lets the worker serve others while a command waits", function()
    local wait = script.start(([[
      local pipe = io.popen("curl -sS -m 20 --noproxy '*' %s/block")
      io.write(pipe:read("*a"))
    ]]):format(server.base_url))
    for _ = 1, 5 do
      assert.equal("pong\n", server:get("/ping"))
    end
    assert.equal("false nil\n", (wait()))
  end)

  it("does not block the worker when Redis hangs", function()
    redis:signal("STOP")
    local text, ping = server:get("/slow"), server:get("/ping")
    redis:signal("CONT")
    assert.equal("timeout\n", text)
    assert.equal("pong\n", ping)
    assert.equal("PONG\n", server:get("/slow"))
  end)

  it("is closed when it is collected", function()
    assert.equal("ok\n", server:get("/unclosed"))
    local count
    for _ = 1, 50 do
      assert.equal("pong\n", server:get("/ping"))
      count = tonumber(redis:call("INFO", "clients"):match("connected_clients:(%d+)"))
      if count <= 5 then
        break
      end
      script.shell("sleep 0.05")
    end
    assert.is_true(count <= 5, count)
  end)

  it("waits in timers, and nowhere where nginx cannot wait", function()
    assert.equal("ok\n", server:get("/timer"))
    assert.equal("1", server:noted("timer")[1])
    assert.equal("ok\n", server:get("/log"))
    assert.matches("^false .*cannot wait for its response in the phase log", server:noted("log")[1])
  end)

  it("works on after a light thread was killed that waited for it", function()
    assert.equal("ok\n", server:get("/killed"))
    local before = tonumber((server:get("/incr")))
    assert.is_true(before ~= nil)
    assert.equal(before + 1, tonumber((server:get("/incr"))))
  end)

  it("is free again after a light thread was killed within a pipeline", function()
    assert.equal("ok\n", server:get("/killed_pipeline"))
    assert.equal("PONG\n", server:get("/hurried"))
  end)

  it("is opened again by the workers after a reload", function()
    local before = tonumber((server:get("/incr")))
    local old = server:reload()
    assert.equal(before + 1, tonumber((server:get("/incr"))))
    for _, pid in ipairs(old) do
      assert.is_true(worker.has_ended(pid, 10))
    end
  end)
end)
