-- The life cycle of a worker: it is shut down, killed, replaced, has no timers
-- left, or runs with lua_code_cache off.
local core = require "klaviyo.core"
local sandbox = require "spec.support.sandbox"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of the life of a worker") then
  return
end

local LOCATIONS = {
  ["/call"] = [[
    local doc, err = client:call("get_lists")
    ngx.status = doc and 200 or 502
    ngx.say(doc and #doc.data or err)
  ]],
  ["/twice"] = [[
    local one, err = client:call("get_tags")
    ngx.sleep(0.3)
    local two, other = client:call("get_lists")
    ngx.status = one and two and 200 or 502
    ngx.say(one and two and "both" or err or other)
  ]],
  ["/slow"] = [[
    local doc, err = client:call("get_segments")
    ngx.say(doc and "answered" or err)
  ]],
  ["/track"] = [[
    for i = 1, tonumber(ngx.var.arg_n or 1) do
      assert(client.events:track {metric = "M", profile = {email = "a@example.com"}, properties = {n = i}})
    end
    ngx.say("tracked")
  ]],
  ["/both"] = [[
    local one, err = client:call("get_tags")
    local two, other = client:call("get_lists")
    ngx.status = one and two and 200 or 502
    ngx.say(one and two and "both" or err or other)
  ]],
  ["/block"] = [[
    local core = require "klaviyo.core"
    local stop = core.clock() + 1.2
    while core.clock() < stop do end
    ngx.update_time()
    ngx.say("blocked")
  ]],
  ["/listening"] = [[ ngx.say(tostring(require("klaviyo.nginx.completion_listener").is_running())) ]],
  ["/hold"] = [[ ngx.timer.at(0, function() ngx.sleep(4) end) ngx.say("held") ]],
}

describe("a worker of nginx", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 10, connections = 4096})
  local instance

  before_each(function()
    fixture.server:reset()
  end)

  after_each(function()
    if instance then
      instance:stop()
      instance = nil
    end
  end)

  local function start(options)
    options = options or {}
    options.locations = LOCATIONS
    instance = worker.start(fixture.server, options)
    return instance
  end

  local function body_of(path)
    return (instance:get(path):gsub("\n$", ""))
  end

  -- The listener may start after the first response.
  local function has_listener()
    assert.truthy(shell.wait_for(function() return body_of("/listening") == "true" end))
  end

  local function all_good(answers, count)
    assert.equal(count, #answers)
    for _, answer in ipairs(answers) do
      assert.equal(200, answer.status)
    end
  end

  local function no_problems()
    assert.same({}, instance:problems())
  end

  it("exits at once when no request is in progress, although its listener is idle", function()
    start()
    assert.equal("2", body_of("/call"))
    has_listener()
    local old = instance:workers()[1]
    instance:signal("HUP")
    assert.truthy(worker.has_ended(old, 3))
    assert.equal("2", body_of("/call"))
    no_problems()
  end)

  it("stops its idle listener after a while, and starts it again", function()
    start()
    assert.equal("2", body_of("/call"))
    has_listener()
    shell.sleep(1)
    assert.equal("2", body_of("/call"))
    local began = core.clock()
    assert.truthy(shell.wait_for(function() return body_of("/listening") == "false" end, 20))
    assert.is_true(core.clock() - began > 4.5, "it left " .. core.clock() - began .. " s after the last call")
    local descriptors = worker.descriptors(instance:workers()[1])
    assert.equal("2", body_of("/call"))
    has_listener()
    assert.is_true(worker.descriptors(instance:workers()[1]) <= descriptors + 4)
    no_problems()
  end)

  -- A regression: if a task found its response before the listener had read its byte, it started
  -- another listener. That closed the socket of the first one, which logged "closed" and then closed
  -- the socket of the second one.
  it("keeps its listener when it was blocked while a response arrived", function()
    start()
    assert.equal("2", body_of("/call"))
    has_listener()
    fixture.server:fault {operation = "get_tags", delay = 1, times = 10}
    local answers = instance:many("/both", 10, {meanwhile = function()
      shell.sleep(0.5)
      assert.equal("blocked", body_of("/block"))
    end})
    all_good(answers, 10)
    has_listener()
    assert.equal("2", body_of("/call"))
    no_problems()
  end)

  it("answers every request across reloads", function()
    start { workers = 2 }
    local old = {}
    fixture.server:fault { operation = "get_lists", delay = 0.1, times = 3000 }
    local answers = instance:many("/call", 2000, { meanwhile = function()
      for _ = 1, 4 do
        for _, pid in ipairs(instance:reload()) do
          old[#old + 1] = pid
        end
        shell.sleep(0.1)
      end
    end })
    all_good(answers, 2000)
    assert.equal(8, #old)
    for _, pid in ipairs(old) do
      assert.truthy(worker.has_ended(pid, 4)) -- before its listener would stop
    end
    no_problems()
  end)

  it("finishes requests in progress when it shuts down, then exits", function()
    start()
    assert.equal("2", body_of("/call"))
    local old = instance:workers()[1]
    fixture.server:fault { operation = "get_tags", delay = 0.5, times = 20 }
    local answers = instance:many("/twice", 20, { meanwhile = function()
      shell.sleep(0.2)
      instance:signal("HUP")
    end })
    all_good(answers, 20)
    assert.truthy(worker.has_ended(old, 4)) -- before its listener would stop
    no_problems()
  end)

  it("sends tracked events before it exits", function()
    start()
    fixture.server:fault { operation = "create_event", delay = 0.3, times = 30 }
    assert.equal("tracked", body_of("/track?n=300"))
    local old = instance:workers()[1]
    instance:signal("QUIT")
    assert.truthy(worker.has_ended(old, 20))
    assert.equal(300, fixture.server:stats().events.distinct)
    assert.truthy(worker.has_ended(instance.pid, 20))
    instance.server.process = nil
    no_problems()
  end)

  it("waits at most worker_shutdown_timeout", function()
    start { main = "worker_shutdown_timeout 1s;" }
    fixture.server:fault { operation = "create_event", delay = 15, times = 10 }
    fixture.server:fault { operation = "get_segments", delay = 15 }
    assert.equal("tracked", body_of("/track?n=5"))
    local old, gone = instance:workers()[1], nil
    instance:many("/slow", 1, { seconds = 12, meanwhile = function()
      shell.sleep(0.2)
      instance:reload()
      gone = worker.has_ended(old, 13)  -- the engine gives tracked events five more seconds
    end })
    assert.truthy(gone, "the worker stays")
    assert.equal("2", body_of("/call"))
  end)

  it("that is killed is replaced by one that can call", function()
    start()
    for _ = 1, 3 do
      assert.equal("2", body_of("/call"))
      local old = instance:workers()[1]
      instance:signal("KILL", old)
      assert.truthy(shell.wait_for(function()
        local now = instance:workers()[1]
        return now and now ~= old
      end))
    end
    assert.equal("2", body_of("/call"))
  end)

  it("survives an upgrade of nginx's binary", function()
    start()
    assert.equal("2", body_of("/call"))
    local old, file = instance.server.process, instance.server.dir .. "/nginx.pid"
    fixture.server:fault { operation = "get_tags", delay = 0.5, times = 20 }
    local answers = instance:many("/twice", 20, { meanwhile = function()
      shell.sleep(0.2)
      instance:signal("USR2")
      instance.server.process = shell.wait_for(function()
        local pid = (shell.read(file) or ""):match("%d+")
        return pid and pid ~= old.pid and shell.process(pid)
      end)
      instance.pid = assert(instance.server.process, instance:logs()).pid
      instance:signal("QUIT", old.pid)
    end })
    all_good(answers, 20)
    assert.truthy(worker.has_ended(old.pid, 20))
    assert.equal("2", body_of("/call"))
  end)

  it("can call when no timer is available", function()
    start { http = "lua_max_running_timers 1;" }
    assert.equal("held", body_of("/hold"))
    local answers = instance:many("/call", 50)
    all_good(answers, 50)
    for _, answer in ipairs(answers) do
      assert.is_true(answer.seconds < 5)
    end
    assert.equal("false", body_of("/listening"))
    assert.matches("lua_max_running_timers", instance:logs())
  end)

  it("can call with lua_code_cache off, and frees the Lua states", function()
    start { http = "lua_code_cache off;" }
    for _ = 1, 5 do
      assert.equal("2", body_of("/call"))
    end
    local pid = instance:workers()[1]
    local before = worker.descriptors(pid)
    for _ = 1, 3 do
      all_good(instance:many("/call", 20), 20)
    end
    assert.truthy(shell.wait_for(function()
      return tonumber(body_of("/stats"):match("^0 (%d+) ")) <= 3
    end, 5), body_of("/stats"))
    assert.is_true(worker.descriptors(pid) <= before + 20)
    for _, line in ipairs(instance:problems()) do
      assert.matches("lua_code_cache is off", line)
    end
  end)

  it("keeps its descriptors and memory constant over many calls", function()
    start()
    local pid = instance:workers()[1]
    local function size()
      return tonumber(shell.read("/proc/" .. pid .. "/statm"):match("^%d+ (%d+)")) * 4
    end
    all_good(instance:many("/call", 1000), 1000)
    local descriptors, kilobytes = worker.descriptors(pid), size()
    for _ = 1, 3 do
      all_good(instance:many("/call", 1000), 1000)
    end
    assert.is_true(worker.descriptors(pid) <= descriptors + 10)
    assert.is_true(size() < kilobytes + 16 * 1024, size() .. " kB after " .. kilobytes)
    no_problems()
  end)
end)
