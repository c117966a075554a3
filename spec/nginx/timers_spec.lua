-- Timers that nginx drops because lua_max_running_timers others are running:
-- they run later, and once.
local core = require "klaviyo.core"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

describe("core.states", function()
  it("counts the Lua states that have the core loaded", function()
    local before = core.states()
    assert.is_true(before >= 1)
    assert.equal("1\n", (script.run [[ print(require("klaviyo.core").states()) ]]))
    assert.equal(before, core.states())
  end)
end)

if not worker.is_available(pending, "the specs of timers in nginx") then
  return
end

-- Occupies all running timers for some seconds.
local HOLD = [[
  local running = 0
  for _ = 1, 20 do
    ngx.timer.at(0, function()
      running = running + 1
      ngx.sleep(2.5)
    end)
  end
  ngx.sleep(0.1)
  ngx.say(running)
]]

local INIT = [[
  timer = require("klaviyo.nginx.timers").new(function(premature, name)
    note("ran", premature, name, timer:is_pending())
  end, "argument")
  warned = client:with {on_warning = function(message)
    if message:find("tracked", 1, true) then note("lost", message) end
  end}
]]

local LOCATIONS = {
  ["/hold"] = HOLD,
  ["/start"] = [[
    timer:start(0.05)
    timer:start(0.05)
    ngx.say(tostring(timer:is_pending()))
  ]],
  ["/states"] = [[ ngx.say(require("klaviyo.core").states()) ]],
  ["/lost"] = [[
    assert(warned.events:track {
      metric = "M", profile = {email = "a@example.com"}, properties = {n = 1},
    })
    ngx.say("tracked")
  ]],
}

describe("a timer of nginx", function()
  local fixture = sandbox.here(setup, teardown)
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

  local function start(http)
    instance = worker.start(fixture.server, {
      locations = LOCATIONS, init = INIT, http = http or "lua_max_running_timers 3;",
    })
  end

  local function body_of(path)
    return (instance:get(path):gsub("\n$", ""))
  end

  local function fill_timers()
    assert.is_true(tonumber(body_of("/hold")) >= 2)
  end

  it("runs once, even if it is started several times", function()
    start()
    assert.equal("true", body_of("/start"))
    assert.equal(1, #instance:noted("ran"))
    shell.sleep(0.3)
    assert.same({ "false argument false" }, instance:noted("ran"))
    assert.equal("true", body_of("/start"))
    assert.equal(2, #instance:noted("ran", 2))
  end)

  it("that nginx dropped runs by itself when timers are available", function()
    start()
    fill_timers()
    assert.equal("true", body_of("/start"))
    assert.same({ "false argument false" }, instance:noted("ran"))
    assert.matches("lua_max_running_timers are not enough", instance:logs())
    shell.sleep(1.5)
    assert.equal(1, #instance:noted("ran"))
  end)

  it("runs with premature set when the worker exits", function()
    start()
    assert.equal("true", body_of("/start"))
    assert.equal(1, #instance:noted("ran"))
    local old = instance:workers()[1]
    instance:get("/start")
    instance:signal("HUP")
    assert.truthy(worker.has_ended(old, 3))
    assert.equal(2, #instance:noted("ran", 2))
  end)

  it("does not keep the Lua states of requests where Lua's code is not cached", function()
    start("lua_code_cache off;")
    for _ = 1, 10 do
      assert.equal("true", body_of("/start"))
    end
    assert.truthy(shell.wait_for(function()
      return tonumber(body_of("/states")) <= 3
    end, 5), body_of("/states"))
  end)

  it("that reports lost events continues after nginx dropped it", function()
    start()
    fixture.server:fault { operation = "create_event", status = 400, times = 2 }
    fill_timers()
    assert.equal("tracked", body_of("/lost"))
    assert.equal(1, #instance:noted("lost"))
    fill_timers()
    assert.equal("tracked", body_of("/lost"))
    assert.equal(2, #instance:noted("lost", 2))
    assert.matches("lua_max_running_timers are not enough", instance:logs())
  end)
end)
