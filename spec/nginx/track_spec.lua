-- client.events:track in nginx: from log_by_lua and from every other phase,
-- without blocking a request.
local key = require "spec.support.key"
local sandbox = require "klaviyo.sandbox"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of tracking in nginx") then
  return
end

local INIT = [[
  function event(n)
    return {metric = "Tracked", profile = {email = "a@example.com"}, properties = {n = n}}
  end
  warned = client:with {on_warning = function(message) ngx.log(ngx.WARN, "warned: ", message) end}
]]

local LOCATIONS = {
  ["/log"] = [[
    content_by_lua_block { ngx.say("done") }
    log_by_lua_block {
      local ok, err = client.events:track(event(ngx.var.arg_n))
      if not ok then note("log", err) end
    }
  ]],
  ["/full"] = [[
    log_by_lua_block {
      local small = client:with {max_queued_events = 5}
      for n = 1, 300 do
        local ok, err = small.events:track(event(n))
        if not ok then note("full", err.kind, err) end
      end
    }
    return 200;
  ]],
  ["/counts"] = [[
    local stats = client:stats()
    local t = stats.tracked
    ngx.say(t.queued + t.running, " ", t.sent, " ", t.failed, " ", t.refused)
  ]],
  ["/drain"] = [[
    for n = 1, 20 do assert(client.events:track(event(n))) end
    local all, err = client:drain(0.02)
    local then_all = client:drain(10)
    ngx.say(tostring(all), " ", err.waiting > 0, " ", tostring(then_all))
  ]],
  ["/lost"] = [[
    assert(warned.events:track(event(1)))
    ngx.say("tracked")
  ]],
  ["/key"] = [[
    log_by_lua_block {
      own = own or client:with {api_key = function()
        if ngx.get_phase() ~= "log" then ngx.sleep(0.2) end
        return "]] .. key .. [["
      end}
      note("key", pcall(own.events.track, own.events, event(1)))
    }
    content_by_lua_block {
      if own then own:call("get_lists") end
      ngx.say("called")
    }
  ]],
  ["/cost"] = [[
    local core = require "klaviyo.core"
    local times = {}
    for n = 1, 2000 do
      local made = event(n)
      local began = core.clock()
      client.events:track(made)
      times[n] = core.clock() - began
    end
    table.sort(times)
    ngx.say(times[1000] * 1e6)
  ]],
}

describe("track in nginx", function()
  local server, instance

  setup(function()
    server = assert(sandbox.start { key = key, profiles = 10, connections = 4096 })
    instance = worker.start(server, { locations = LOCATIONS, init = INIT })
  end)

  teardown(function()
    local logs = instance and instance:stop() or ""
    if server then
      server:stop()
    end
    assert.is_nil(logs:find(key, 1, true), "the key is in a log")
  end)

  before_each(function()
    server:reset()
  end)

  local function body_of(path)
    return (instance:get(path):gsub("\n$", ""))
  end

  -- Waits until no request is in progress.
  local function events_at_end()
    assert.truthy(shell.wait_for(function() return body_of("/counts"):match("^0 ") end, 10), body_of("/counts"))
    return server:stats().events
  end

  it("sends from log_by_lua, after the response to the visitor", function()
    server:fault { operation = "create_event", delay = 0.3, times = 200 }
    local answers = instance:many("/log", 200)
    for _, answer in ipairs(answers) do
      assert.equal(200, answer.status)
    end
    assert.same({ 200, 200, 0 }, { events_at_end().received, events_at_end().distinct, events_at_end().unnamed })
    assert.same({}, instance:noted("log", 0))
  end)

  it("rejects an event if the queue is full, and counts it", function()
    local refused = tonumber(body_of("/counts"):match("(%d+)$"))
    server:fault { operation = "create_event", delay = 0.5, times = 300 }
    instance:get("/full")
    events_at_end()
    local list = instance:noted("full", 1)
    assert.is_true(#list >= 1)
    for _, line in ipairs(list) do
      assert.matches("^queue_full klaviyo: create_event: the queue is full: 5 tracked events, or 64 MiB", line)
    end
    assert.equal(refused + #list, tonumber(body_of("/counts"):match("(%d+)$")))
    assert.equal(300 - #list, events_at_end().distinct)
  end)

  it("can be drained in a phase that can wait", function()
    server:fault { operation = "create_event", delay = 0.2, times = 20 }
    assert.equal("nil true true", body_of("/drain"))
    assert.equal(20, events_at_end().distinct)
  end)

  it("logs lost events soon, by the client's on_warning, without the key", function()
    server:fault { operation = "create_event", status = 400, body = "refused: " .. key }
    assert.equal("tracked", body_of("/lost"))
    assert.truthy(shell.wait_for(function()
      return instance:logs():find("warned: klaviyo: 1 tracked event was not delivered: 400 refused: [redacted]",
        1, true)
    end, 3), instance:logs())
  end)

  it("calls the key function while another request waits for it", function()
    body_of("/key")  -- which makes the client
    instance:many("/key", 10)
    assert.is_true(#instance:noted("key", 11) >= 11)
    for _, line in ipairs(instance:noted("key", 11)) do
      assert.equal("true true", line)
    end
    assert.equal(11, events_at_end().distinct)
  end)

  it("costs microseconds", function()
    local median = tonumber(body_of("/cost"))
    assert.is_true(median < 500, median .. " us")
    events_at_end()
  end)

  it("loses no event to a reload under load", function()
    local answers = instance:many("/log", 1000, { meanwhile = function()
      for _ = 1, 3 do
        instance:reload()
        shell.sleep(0.1)
      end
    end })
    assert.equal(1000, #answers)
    assert.truthy(shell.wait_for(function() return server:stats().events.distinct == 1000 end, 10),
      server:stats().events.distinct .. " of 1000")
  end)
end)
