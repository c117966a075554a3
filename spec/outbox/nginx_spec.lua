-- The outbox in nginx workers that are reloaded and killed while they run.
-- OUTBOX_EVENTS is the number of requests that track an event.
local ask = require "spec.support.ask"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
elseif worker.missing() then
  pending("the specs of the outbox in nginx: " .. worker.missing())
  return
end

local EVENTS = tonumber(os.getenv("OUTBOX_EVENTS") or 3000)
local KILLS = 5

local INIT = [[
  outbox = require("klaviyo.outbox").new {path = "%s", interval = 0.1}
  client = client:with {
    outbox = outbox, timeout = 5, on_warning = function(message)
      if not message:find("revision", 1, true) then note("warning", message) end
    end,
  }
  function track(id)
    return client.events:track {
      metric = "Kept", profile = {email = "a@example.com"}, properties = {n = 1}, unique_id = id,
    }
  end
]]

local LOCATIONS = {
  ["/track"] = [[
    if ngx.var.arg_slow then ngx.sleep(0.02) end
    local ok, err = track(ngx.var.arg_id)
    ngx.status = ok and 200 or 503
    ngx.say(ok and "kept" or tostring(err))
  ]],
  ["/log"] = [[
    content_by_lua_block { ngx.say("ok") }
    log_by_lua_block {
      local ok, err = track(ngx.var.arg_id)
      note("logged", ok, err)
    }
  ]],
  ["/waiting"] = [[ ngx.say(client:stats().outbox.waiting, " ", ngx.worker.pid()) ]],
  ["/folder"] = [[
    local folder = client:stats().outbox.folder
    ngx.say(folder.waiting, " ", folder.files)
  ]],
  ["/drain"] = [[ ngx.say(tostring(client:drain(10))) ]],
  ["/hold"] = [[
    for _ = 1, 20 do ngx.timer.at(0, function() ngx.sleep(2) end) end
    ngx.sleep(0.1)
  ]],
}

describe("an outbox in nginx", function()
  local server, instance, path

  setup(function()
    server = assert(sandbox.start { key = key, record = 0 })
  end)

  teardown(function()
    if server then
      server:stop()
    end
  end)

  before_each(function()
    server:reset()
    local _, made = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-outbox.XXXXXX"')
    path = made:gsub("%s+$", "")
  end)

  after_each(function()
    if instance then
      instance:stop()
      instance = nil
    end
    shell.run("rm -rf " .. path)
  end)

  local function start(options)
    options = options or {}
    options.init = INIT:format(path .. "/box") .. (options.init or "")
    options.locations = LOCATIONS
    instance = worker.start(server, options)
  end

  local function wait_for_events(count, seconds)
    return shell.wait_for(function()
      return server:stats().events.distinct >= count
    end, seconds or 10)
  end

  it("sends by a timer what handlers and the log phase track", function()
    start()
    assert.equal("kept\n", (instance:get("/track?id=one")))
    assert.equal("ok\n", (instance:get("/log?id=two")))
    assert.same({"true nil"}, instance:noted("logged"))
    assert.is_true(wait_for_events(2))
    assert.is_true(shell.wait_for(function()
      return instance:get("/waiting"):match("^%d+") == "0"
    end))
    assert.equal("true\n", (instance:get("/drain")))
    assert.same({}, instance:problems())
    assert.same({}, instance:noted("warning", 0))
  end)

  it("continues when the service recovers", function()
    start()
    server:fault {operation = "bulk_create_events", status = 503, times = 2}
    assert.equal("kept\n", (instance:get("/track?id=one")))
    assert.is_true(wait_for_events(1))
    assert.equal(2, #instance:noted("warning", 2))
  end)

  -- Fault 16
  it("continues after nginx dropped its timer", function()
    start { http = "lua_max_running_timers 3;" }
    instance:get("/hold")
    assert.equal("kept\n", (instance:get("/track?id=one")))
    assert.is_true(wait_for_events(1))
    assert.matches("lua_max_running_timers are not enough", instance:logs())
  end)

  it("works as in examples/nginx/outbox.conf", function()
    local example = assert(nginx.start {
      example = "outbox.conf", env = { KLAVIYO_API_KEY = server.key },
      replace = { { "/var/lib/klaviyo-outbox\"", path .. "/box\"" },
        { "{ outbox = outbox", ("{ base_url = %q, outbox = outbox"):format(server.base_url) } },
    })
    local function post(body)
      return ask(example, { target = "/viewed", body = body, token = false }).status
    end
    for i = 1, 20 do
      assert.equal(202, post(('{"sku": "SKU%d", "email": "a@example.com"}'):format(i)))
    end
    assert.equal(400, post("nonsense"))
    assert.is_true(wait_for_events(20))
    assert.equal("number", type(ask(example, { target = "/status", token = false }).document.waiting))
    local logs = example:stop()
    assert.is_nil(logs:find("[error]", 1, true), logs)
    assert.is_nil(logs:find(server.key, 1, true))
  end)

  it("opens nothing while nginx starts", function()
    start {init = [[
      note("init", pcall(track, "early"))
    ]]}
    assert.truthy(instance:noted("init")[1]:find("an outbox takes no events while nginx starts", 1, true))
    assert.is_false((shell.run("ls " .. path .. "/box")))
  end)

  it("reports that its folder cannot be used", function()
    assert(shell.run("touch " .. path .. "/box"))
    start()
    local body, status = instance:get("/track?id=one")
    assert.equal(503, status)
    assert.truthy(body:find("^klaviyo: outbox: .*/box: Not a directory\n$"), body)
  end)

  it("logs when it is started that its folder cannot be used", function()
    assert(shell.run("touch " .. path .. "/box"))
    start {init_worker = "outbox:start(client)"}
    assert.truthy(shell.wait_for(function()
      return instance:logs():find("[error]", 1, true)
    end, 5))
    assert.truthy(instance:logs():find("/box: Not a directory (no event can be added to the outbox)", 1, true))
    -- once the folder is usable, the outbox works without a restart
    assert(shell.run("rm " .. path .. "/box"))
    assert.equal("kept\n", (instance:get("/track?id=one")))
    assert.is_true(wait_for_events(1))
  end)

  it("has its file as soon as it is started", function()
    start {init_worker = "outbox:start(client)", workers = 2}
    assert.truthy(shell.wait_for(function()
      return shell.read(path .. "/box/slot-2.db")
    end, 5))
    assert.equal("0 2\n", (instance:get("/folder")))
  end)

  it("sends events of former workers when started, without a new event", function()
    start()
    server:fault {operation = "bulk_create_events", status = 503, times = 1000}
    for i = 1, 10 do
      assert.equal("kept\n", (instance:get("/track?id=" .. i)))
    end
    instance:signal("QUIT")
    assert.truthy(worker.has_ended(instance.pid, 10))
    local logs = instance:logs()
    instance:stop()
    assert.truthy(logs:find("klaviyo: outbox: 10 events still wait in " .. path .. "/box/slot-1.db\n", 1, true), logs)
    assert.equal(0, server:stats().events.distinct)
    server:reset()
    start {init_worker = "outbox:start(client)"}
    assert.is_true(wait_for_events(10))
  end)

  it("hands over to the next workers when nginx is reloaded", function()
    start()
    server:fault {operation = "bulk_create_events", delay = 0.2, times = 1000}
    for i = 1, 20 do
      assert.equal("kept\n", (instance:get("/track?id=" .. i)))
      if i % 10 == 0 then
        instance:reload()
      end
    end
    assert.equal("kept\n", (instance:get("/track?id=last")))
    assert.is_true(wait_for_events(21, 20))
    assert.equal(21, server:stats().events.distinct)
  end)

  describe("with lua_code_cache off", function()
    -- Returns the number of descriptors, slots and kilobytes of the worker.
    local function usage()
      local pid = instance:workers()[1]
      local memory = (shell.read("/proc/" .. pid .. "/status") or ""):match("VmRSS:%s*(%d+)")
      local _, slots = shell.run("ls " .. path .. "/box/*.lock 2>/dev/null | wc -l")
      return worker.descriptors(pid), tonumber(slots), tonumber(memory)
    end

    local function track_many(first, last)
      for i = first, last do
        assert.equal("kept\n", (instance:get("/track?id=" .. i)))
      end
    end

    it("sends the events that it keeps", function()
      start {http = "lua_code_cache off;"}
      track_many(1, 5)
      assert.is_true(wait_for_events(5, 20))
      assert.equal("true\n", (instance:get("/drain")))
    end)

    it("does not leak with more requests", function()
      start {http = "lua_code_cache off;", init_worker = "outbox:start(client)"}
      track_many(1, 20)
      assert.is_true(wait_for_events(20, 20))
      shell.sleep(1)
      local descriptors, slots, memory = usage()
      track_many(21, 120)
      assert.is_true(wait_for_events(120, 20))
      shell.sleep(1)
      local descriptors_now, slots_now, memory_now = usage()
      assert.is_true(descriptors_now <= descriptors + 3, descriptors .. " to " .. descriptors_now)
      assert.is_true(slots_now <= 4, slots .. " to " .. slots_now)
      assert.is_true(memory_now < memory + 20000, memory .. " to " .. memory_now)
      assert.same({}, instance:noted("warning", 0))
    end)

    it("does not leak while the service is down", function()
      start {http = "lua_code_cache off;"}
      server:fault {operation = "bulk_create_events", status = 503, times = 100000}
      track_many(1, 20)
      shell.sleep(1)
      local descriptors, slots, memory = usage()
      track_many(21, 120)
      shell.sleep(1)
      local descriptors_now, slots_now, memory_now = usage()
      assert.is_true(descriptors_now <= descriptors + 3, descriptors .. " to " .. descriptors_now)
      assert.is_true(slots_now <= 4, slots .. " to " .. slots_now)
      assert.is_true(memory_now < memory + 20000, memory .. " to " .. memory_now)
      -- a later request sends the events
      server:reset()
      track_many(121, 121)
      assert.is_true(wait_for_events(121, 20), server:stats().events.distinct)
    end)
  end)

  -- Sends a request for each id, 50 at a time, in the background.
  local function send_requests(first, last)
    local lines = {}
    for i = first, last do
      lines[#lines + 1] = ('url = "%s/track?slow=1&id=%d"\noutput = "/dev/null"\n'):format(instance.base_url, i)
    end
    shell.write(path .. "/requests", table.concat(lines))
    os.execute(("curl -sS --no-progress-meter -Z --parallel-max 50 -m 20 --noproxy '*' -w '%%{http_code} %%{url}\\n' "
      .. "-K %s/requests >%s/answers 2>/dev/null; touch %s/over"):format(path, path, path) .. " &")
  end

  local function answers()
    local ids, count = {}, 0
    for status, id in (shell.read(path .. "/answers") or ""):gmatch("(%d%d%d) %S-id=(%d+)\n") do
      if status == "200" then
        ids[id], count = true, count + 1
      end
    end
    return ids, count
  end

  it("delivers each acknowledged event once, whichever process is killed", function()
    start {workers = 2, init_worker = "outbox:start(client)"}
    send_requests(1, EVENTS)
    for number = 1, KILLS do
      assert.is_true(shell.wait_for(function()
        return select(2, answers()) >= EVENTS * number / (KILLS + 1)
      end, 60), "no more answers")
      local pids
      assert.is_true(shell.wait_for(function()
        pids = instance:workers()
        return #pids == 2
      end))
      for _, pid in ipairs(pids) do
        shell.run("kill -9 " .. pid)
      end
    end
    assert.truthy(shell.wait_for(function()
      return shell.read(path .. "/over")
    end, 60))
    local ids, count = answers()
    assert.is_true(count > EVENTS * 0.7, count)
    -- live workers send the events of killed ones
    assert.is_true(wait_for_events(count, 30), server:stats().events.distinct .. " of " .. count)
    local client = require("spec.support.connect")(server.base_url)
    local there = {}
    for one in client.events:each() do
      local id = one.attributes.event_properties["$event_id"]
      assert.is_nil(there[id])
      there[id] = true
    end
    local missing = 0
    for id in pairs(ids) do
      missing = missing + (there[id] and 0 or 1)
    end
    assert.equal(0, missing)
    local events = server:stats().events
    if os.getenv("OUTBOX_EVENTS") then
      print(("\n%d acknowledged, %d received, %d distinct"):format(count, events.received, events.distinct))
    end
    assert.same({}, instance:noted("warning", 0))
    local output = script.shell("ls " .. path .. "/box")
    assert.is_nil(output:find("damaged", 1, true))
  end)
end)
