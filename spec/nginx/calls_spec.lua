-- Calls, iterators, tasks and imports in an nginx worker, which is never blocked.
local cjson = require "cjson"
local core = require "klaviyo.core"
local key = require "spec.support.key"
local sandbox = require "klaviyo.sandbox"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of calls in nginx") then
  return
end

local LOCATIONS = {
  ["/call"] = [[
    local doc, err = client:call("get_lists")
    ngx.status = doc and 200 or 502
    ngx.say(doc and #doc.data or err)
  ]],
  ["/waits"] = [[
    local waits = {}
    local paced = client:with {
      pacing = {per_second = 1}, rate_limit_key = "waits " .. ngx.now(),
      on_wait = function(operation, seconds, why) waits[#waits + 1] = operation .. " " .. why end,
    }
    for _ = 1, 3 do
      assert(paced:call("get_lists"))
      ngx.sleep(0.3)
    end
    ngx.say(table.concat(waits, ", "))
  ]],
  ["/traced"] = [[
    assert(client:with {debug = true}:call("get_lists", {sort = "name"}))
    ngx.say("done")
  ]],
  ["/ids"] = [[
    local ids = {}
    for profile in client.profiles:each {page = {size = 20}, fields = {profile = {"email"}}} do
      ids[#ids + 1] = profile.id
    end
    ngx.say(table.concat(ids, " "))
  ]],
  ["/map"] = [[
    local ids, seen = client.profiles:all {max = 60}, {}
    for doc, err, profile in client:map(ids, function(profile)
      return client.profiles:get(profile.id)
    end, {concurrency = 20}) do
      assert(doc.data.id == profile.id)
      seen[#seen + 1] = profile.id
    end
    ngx.say(#seen)
  ]],
  ["/left_map"] = [[
    local it = client:map({1, 2, 3, 4}, function(n)
      return n == 1 or client:call("get_segments")
    end, {concurrency = 4})
    for n in it do break end
    it:close()
    ngx.say("left")
  ]],
  ["/long_map"] = [[
    local count = 0
    local function source()
      count = count + 1
      return count <= 2000 and count or nil
    end
    local sum, light = 0, 0
    local spawn = ngx.thread.spawn
    ngx.thread.spawn = function(...) light = light + 1 return spawn(...) end
    for n in client:map(source, function(n) klaviyo.sleep(0.001) return n end, {concurrency = 30}) do
      sum = sum + n
    end
    ngx.thread.spawn = spawn
    ngx.say(sum, " ", light < 300 or light)
  ]],
  ["/import"] = [[
    local records = {}
    for i = 1, 25 do
      records[i] = {email = i == 7 and "not an address" or ("in%d@example.com"):format(i)}
    end
    local result, err = client.profiles:import(records, {batch_size = 10, sleep = function()
      klaviyo.sleep(0.01)
    end})
    ngx.say(result and result.completed .. " " .. result.failed or tostring(err))
  ]],
  ["/run"] = [[
    ngx.say(klaviyo.run(function(...)
      local tasks, order = {}, {...}
      for i = 1, 5 do
        tasks[i] = klaviyo.spawn(function()
          klaviyo.sleep((6 - i) * 0.02)
          order[#order + 1] = i
          return i * i
        end)
      end
      local sum = 0
      for _, task in ipairs(tasks) do sum = sum + task:wait() end
      return sum .. " " .. table.concat(order, ",")
    end, "began"))
  ]],
  ["/run_fails"] = [[
    local order = {}
    local ok, err = pcall(klaviyo.run, function()
      klaviyo.spawn(function() klaviyo.sleep(5) order[#order + 1] = "never" end)
      klaviyo.spawn(function()
        local ok, err = pcall(klaviyo.sleep, 5)
        order[#order + 1] = tostring(ok) .. " " .. tostring(err.kind)
      end)
      klaviyo.sleep(0.01)
      error("main", 0)
    end)
    ngx.sleep(0.05)
    ngx.say(tostring(ok), " ", tostring(err), " ", table.concat(order, ","))
  ]],
  ["/cancel"] = [[
    local got
    local task = klaviyo.spawn(function() return client:call("get_segments") end)
    local other = klaviyo.spawn(function() got = {pcall(task.wait, task)} end)
    klaviyo.sleep(0.05)
    local began = ngx.now()
    task:cancel()
    other:wait()
    ngx.update_time()
    ngx.say(tostring(got[1]), " ", got[2].kind, " ", ngx.now() - began < 0.3)
  ]],
  ["/loose"] = [[
    klaviyo.spawn(function() error(setmetatable({}, {__tostring = function() return "the loose one" end})) end)
    ngx.say("done")
  ]],
  ["/misuse"] = [[

    klaviyo.run(function()
      for _ in client:map({1}, function()
        return client.profiles:get()
      end) do end
    end)
  ]],
  ["/in_run"] = [[
    klaviyo.run(function()
      klaviyo.run(function() assert(client.profiles:get("nobody")) end)
    end)
  ]],
  ["/in_loop"] = [[
    for _ in client.profiles:each {page = {cursor = "bad"}} do end
  ]],
  ["/light"] = [[
    local threads = {}
    for i = 1, 10 do
      threads[i] = ngx.thread.spawn(function() return #assert(client:call("get_lists")).data end)
    end
    local sum = 0
    for _, thread in ipairs(threads) do
      local ok, n = ngx.thread.wait(thread)
      sum = sum + n
    end
    ngx.say(sum)
  ]],
  ["/generator"] = [[
    local get = coroutine.wrap(function()
      for profile in client.profiles:each {page = {size = 3}} do
        coroutine.yield(profile.id)
      end
    end)
    local count = 0
    while count < 10 and get() do count = count + 1 end
    ngx.say(count)
  ]],
  ["/shared_iterator"] = [[
    local it, seen, count = client.profiles:each {page = {size = 5}, limit = 40}, {}, 0
    klaviyo.run(function()
      for _ = 1, 4 do
        klaviyo.spawn(function()
          for profile in it do
            assert(not seen[profile.id])
            seen[profile.id], count = true, count + 1
          end
        end)
      end
    end)
    ngx.say(count)
  ]],
  ["/key"] = [[
    local n, turns = 0, 0
    local own = client:with {api_key = function()
      n = n + 1
      if n > 1 then turns = turns + 1 end
      ngx.sleep(0.01)
      n = n - 1
      return "]] .. key .. [["
    end}
    klaviyo.run(function()
      for _ = 1, 5 do klaviyo.spawn(function() assert(own:call("get_lists")) end) end
    end)
    ngx.say(turns)
  ]],
  ["/deadlock"] = [[
    local ok, err = pcall(klaviyo.run, function()
      local a, b
      a = klaviyo.spawn(function() return b:wait() end)
      b = klaviyo.spawn(function() return a:wait() end)
      a:wait()
    end)
    ngx.say(tostring(err))
  ]],
  ["/slow"] = [[
    local doc, err = client:call("get_tags")
    note("slow", doc and "answered" or err.kind)
    ngx.say(doc and "answered" or tostring(err))
  ]],
  ["/killed"] = [[
    local thread = ngx.thread.spawn(function() client:call("get_tags") note("killed", "no") end)
    ngx.sleep(0.05)
    ngx.thread.kill(thread)
    thread = nil
    collectgarbage() collectgarbage()
    ngx.sleep(0.05)
    local queued, running = require("klaviyo.core").stats()
    ngx.say(queued + running, " ", #assert(client:call("get_lists")).data)
  ]],
  -- Twenty calls are finished before nginx reads of any of them, and each handler works for 2 ms. A handler is woken
  -- before the one before it works: at most two run in a turn of the event loop. ngx.now() does not change in a turn.
  ["/turns"] = [[
    local core = require "klaviyo.core"
    local listener = require "klaviyo.nginx.completion_listener"
    local poll, polls = listener.poll, 0
    listener.poll = function() polls = polls + 1 return poll() end
    local light, turns, most, ended = {}, 0, 0, 0
    local now, in_turn
    local submitted = core.clock()
    for i = 1, 20 do
      light[i] = ngx.thread.spawn(function()
        assert(client:call("get_lists"))
        if now ~= ngx.now() then
          now, in_turn, turns = ngx.now(), 0, turns + 1
        end
        in_turn, ended = in_turn + 1, ended + 1
        most = math.max(most, in_turn)
        local began = core.clock()
        while core.clock() < began + 0.002 do end
      end)
    end
    local queued, running
    repeat queued, running = core.stats() until queued + running == 0
    local is_slow = core.clock() - submitted > 0.9  -- a call polls after a second
    if ngx.var.arg_kill then
      ngx.thread.kill(table.remove(light, 1))
    end
    for _, thread in ipairs(light) do ngx.thread.wait(thread) end
    listener.poll = poll
    ngx.say(ended, turns >= ended / 2 and most <= 2 and " in several turns" or " in " .. turns .. ", " .. most,
      ", ", is_slow and 0 or polls, " polls")
  ]],
  ["/key_hangs"] = [[
    shared.hanging = shared.hanging or client:with {api_key = function()
      if not shared.asked then
        shared.asked = true
        ngx.sleep(60)
      end
      return "]] .. key .. [["
    end}
    ngx.say(#assert(shared.hanging:call("get_lists")).data)
  ]],
  ["/subrequests"] = [[
    local one, two = ngx.location.capture_multi {{"/call"}, {"/map"}}
    ngx.print(one.body, two.body, #assert(client:call("get_lists")).data)
  ]],
  ["/tls"] = [[
    local own = client:with {base_url = ngx.var.arg_url, ca_file = ngx.var.arg_ca}
    local doc = assert(own:call("get_lists"))
    ngx.say(doc.response.http_version, " ", #doc.data)
  ]],
  ["/import_in_log"] = [[
    content_by_lua_block { ngx.say("done") }
    log_by_lua_block {
      note("import", pcall(client.profiles.import, client.profiles, {{email = "a@example.com"}},
        {journal = ngx.config.prefix() .. "journal"}))
    }
  ]],
  ["/garbage"] = [[ collectgarbage() collectgarbage() ngx.say("collected") ]],
}

describe("in nginx", function()
  local server, instance

  setup(function()
    server = assert(sandbox.start { key = key, profiles = 250, connections = 4096 })
    instance = worker.start(server, { locations = LOCATIONS, init = "shared = {}", http = "lua_check_client_abort on;",
      main = "worker_rlimit_nofile 16384;" })
  end)

  before_each(function()
    server:clear_faults()
  end)

  teardown(function()
    if instance then
      instance:stop()
    end
    if server then
      server:stop()
    end
  end)

  local function body_of(path)
    local body, status = instance:get(path)
    return (body:gsub("\n$", "")), status
  end

  it("a handler calls", function()
    assert.same({ "2", 200 }, { body_of("/call") })
  end)

  -- A regression: a call that waited did not report it; later one that waited for less than a second.
  it("on_wait reports to a handler what its calls wait for", function()
    local waits, status = body_of("/waits")
    assert.equal(200, status)
    assert.matches("^get_lists rate_limit", waits)
  end)

  it("debug logs every attempt of a handler, without the key", function()
    assert.same({ "done", 200 }, { body_of("/traced") })
    local log = shell.read(instance.server.dir .. "/error.log")
    assert.matches("%[warn%][^\n]*klaviyo debug: get_lists attempt 1: GET http://[%d.:]+/api/lists%?sort=name, "
      .. "body none: 200 in ", log)
    assert.is_nil(log:find(key, 1, true))
  end)

  it("a handler iterates over all pages", function()
    local ids, count = {}, 0
    for id in body_of("/ids"):gmatch("%S+") do
      assert.is_nil(ids[id])
      ids[id], count = true, count + 1
    end
    assert.equal(250, count)
  end)

  it("map runs several calls at a time, and returns them in order", function()
    assert.equal("60", body_of("/map"))
  end)

  it("a closed map does not keep its handler waiting", function()
    server:fault { operation = "get_segments", delay = 5, times = 3 }
    local began = core.clock()
    assert.equal("left", body_of("/left_map"))
    assert.is_true(core.clock() - began < 4)
  end)

  it("a long map does not start a light thread for each item", function()
    assert.equal("2001000 true", body_of("/long_map"))
  end)

  it("a bulk import runs to its end", function()
    assert.equal("24 1", body_of("/import"))
  end)

  it("tasks run concurrently", function()
    assert.equal("55 began,5,4,3,2,1", body_of("/run"))
  end)

  it("tasks are cancelled when their run fails", function()
    assert.equal("false main false cancelled", body_of("/run_fails"))
  end)

  it("a task can be cancelled, and its waiters get the error", function()
    server:fault { operation = "get_segments", delay = 2 }
    assert.equal("false cancelled true", body_of("/cancel"))
  end)

  it("the error of a task that nobody waits for is logged", function()
    assert.equal("done", body_of("/loose"))
    assert.matches("%[error%][^\n]*the loose one", instance:logs())
  end)

  it("the error of an iterator is logged as text", function()
    local _, status = body_of("/in_loop")
    assert.equal(500, status)
    assert.matches("%[error%][^\n]*klaviyo: get_profiles: 400 ", instance:logs())
  end)

  it("the error of a run is logged once, as text", function()
    local _, status = body_of("/in_run")
    assert.equal(500, status)
    local _, count = instance:logs():gsub("%[error%][^\n]*klaviyo: get_profile: 404 ", "")
    assert.equal(1, count)
  end)

  it("a usage error names the handler's own line, in every phase", function()
    local _, status = body_of("/misuse")
    assert.equal(500, status)
    assert.matches("runtime error: content_by_lua%b():4: get_profile needs id", instance:logs())
    local _, count = instance:logs():gsub("get_profile needs id", "")
    assert.equal(1, count)
  end)

  it("the user's light threads can call", function()
    assert.equal("20", body_of("/light"))
  end)

  it("the user's coroutines can call", function()
    assert.equal("10", body_of("/generator"))
  end)

  it("several tasks can share an iterator", function()
    assert.equal("40", body_of("/shared_iterator"))
  end)

  it("the key function is called by one light thread at a time", function()
    assert.equal("0", body_of("/key"))
  end)

  it("a killed light thread in the key function does not block the others for long", function()
    local _, status = instance:get("/key_hangs", "-m 0.3")
    assert.equal(0, status)
    assert.equal("2", body_of("/key_hangs"))
  end)

  it("each subrequest can call", function()
    assert.equal("2\n60\n2", body_of("/subrequests"))
  end)

  it("calls use HTTP/2", function()
    assert.equal("2 2", body_of(("/tls?url=%s&ca=%s"):format(server.tls_url, server.ca_file)))
  end)

  it("an import in a phase that cannot wait is rejected before its journal is created", function()
    body_of("/import_in_log")
    assert.matches("^false .*calls? cannot wait.*phase log", instance:noted("import")[1])
    assert.is_nil(shell.read(instance.server.dir .. "/journal"))
  end)

  it("tasks that wait for each other in a circle raise an error", function()
    assert.matches("would wait forever", (body_of("/deadlock")))
  end)

  it("killing a light thread cancels its call", function()
    server:fault { operation = "get_tags", delay = 3 }
    assert.equal("0 2", body_of("/killed"))
    assert.same({}, instance:noted("killed", 0))
  end)

  it("clients that disconnect leave nothing behind", function()
    server:clear_faults()
    server:fault { operation = "get_tags", delay = 4, times = 50 }
    local pid = instance:workers()[1]
    assert.equal("2", body_of("/call"))
    local before = worker.descriptors(pid)
    local answers = instance:many("/slow", 50, { seconds = 0.3 })
    assert.same({ 50, 0 }, { #answers, answers[1].status })
    local completed = shell.wait_for(function()
      body_of("/garbage")
      return body_of("/stats"):match("^0 ")
    end, 3)
    assert.truthy(completed, body_of("/stats"))
    assert.equal("2", body_of("/call"))
    assert.is_true(worker.descriptors(pid) <= before + 20, worker.descriptors(pid) .. " after " .. before)
  end)

  it("calls that finish together are worked off in several turns of the event loop", function()
    body_of("/call")  -- starts the listener
    server:fault { operation = "get_lists", delay = 0.2, times = 20 }
    assert.equal("20 in several turns, 0 polls", body_of("/turns"))
  end)

  it("a killed light thread does not delay the calls that finished after its own", function()
    body_of("/call")
    server:fault { operation = "get_lists", delay = 0.2, times = 20 }
    assert.equal("19 in several turns, 0 polls", body_of("/turns?kill=1"))
  end)

  it("256 handlers wait for a slow service without blocking others", function()
    server:fault { operation = "get_lists", delay = 0.5, times = 256 }
    local ping
    local answers = instance:many("/call", 256, { meanwhile = function()
      shell.sleep(0.15)
      ping = instance:many("/ping", 200, { one_by_one = true })
    end })
    assert.equal(256, #answers)
    local slowest = 0
    for _, answer in ipairs(answers) do
      assert.equal(200, answer.status)
      slowest = math.max(slowest, answer.seconds)
    end
    assert.is_true(slowest < 5, "the slowest: " .. slowest)
    table.sort(ping, function(a, b) return a.seconds < b.seconds end)
    assert.equal(200, #ping)
    assert.is_true(ping[190].seconds < 0.2, cjson.encode(ping[190]))
  end)

  it("two thousand handlers wait at a time, and each is answered", function()
    server:fault { operation = "get_lists", delay = 0.3, times = 2000 }
    local answers = instance:many("/call", 2000)
    assert.equal(2000, #answers)
    local good = 0
    for _, answer in ipairs(answers) do
      good = good + (answer.status == 200 and 1 or 0)
    end
    assert.equal(2000, good)
    assert.truthy(shell.wait_for(function() return body_of("/stats"):match("^0 ") end))
  end)

  it("the log has the expected problems only", function()
    local expected = { "the loose one", "get_profiles: 400", "unknown reason", "get_profile: 404",
      "get_profile needs id", "klaviyo debug: get_lists" }
    for _, line in ipairs(instance:problems()) do
      local found = false
      for _, text in ipairs(expected) do
        found = found or line:find(text, 1, true)
      end
      assert.truthy(found, line)
    end
  end)
end)
