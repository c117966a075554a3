-- Calls inside another event loop: `wait = function(fd, seconds)`. The specs run
-- in two loops: one of socket.select in a few lines, and that of cqueues.
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local cpu_wait = require "spec.support.cpu_wait"
local engine = require "spec.support.engine"
local measured = require "spec.support.measured"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local socket = require "socket"

local has_cqueues, cqueues = pcall(require, "cqueues")

-- A loop: go(fn, ...) adds a coroutine, run() runs all of them to their ends,
-- sleep(seconds) and wait(fd, seconds) are called in them.
local loops = {}

loops["of socket.select"] = function()
  local threads = {} -- thread → {fd =, wake_at =}
  local loop = { waits = 0 }

  local function resume(thread, ...)
    local ok, fd, seconds = coroutine.resume(thread, ...)
    assert(ok, fd)
    threads[thread] = nil
    if coroutine.status(thread) ~= "dead" then
      threads[thread] = { fd = fd or nil, wake_at = core.clock() + seconds }
    end
  end

  function loop.go(fn, ...)
    resume(coroutine.create(fn), ...)
  end

  function loop.wait(fd, seconds)
    loop.waits = loop.waits + 1
    coroutine.yield(fd or false, seconds)
  end

  function loop.sleep(seconds)
    coroutine.yield(false, seconds)
  end

  -- The number of turns: a loop that spins needs very many.
  function loop.run()
    local turns = 0
    while next(threads) do
      turns = turns + 1
      local next_time, watched = math.huge, {}
      for _, state in pairs(threads) do
        next_time = math.min(next_time, state.wake_at)
        watched[1] = watched[1] or state.fd and { getfd = function() return state.fd end,
          dirty = function() return false end }
      end
      local readable = socket.select(watched, nil, math.max(0, next_time - core.clock()))
      local due = {}
      for thread, state in pairs(threads) do
        if state.wake_at <= core.clock() or readable[1] and state.fd then
          due[#due + 1] = thread
        end
      end
      for _, thread in ipairs(due) do
        resume(thread)
      end
    end
    return turns
  end

  return loop
end

loops["of cqueues"] = has_cqueues and function()
  local controller = cqueues.new()
  local loop = { sleep = cqueues.sleep, waits = 0 }

  function loop.go(...)
    controller:wrap(...)
  end

  function loop.wait(fd, seconds)
    loop.waits = loop.waits + 1
    if fd then
      cqueues.poll({ pollfd = fd, events = "r" }, seconds)
    else
      cqueues.sleep(seconds)
    end
  end

  function loop.run()
    local turns = 0
    while not controller:empty() do
      turns = turns + 1
      assert(controller:step())
    end
    return turns
  end

  return loop
end

describe("the example of cqueues", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 250 })

  it("iterates while its timer runs", function()
    if not has_cqueues then
      pending("lua-cqueues is not installed: make setup")
      return
    end
    local output, status = script.shell(("env KLAVIYO_BASE_URL=%s KLAVIYO_API_KEY=%s KLAVIYO_RATE_LIMIT_FILE=%s/x %s "
      .. "examples/cqueues.lua"):format(fixture.server.base_url, fixture.key, fixture.server.dir, script.interpreter))
    assert.equal(0, status, output)
    assert.matches("profiles: 250\n", output, 1, true)
    assert.matches("lists: 2\n", output, 1, true)
    assert.matches("and ticking meanwhile\n", output, 1, true)
  end)
end)

for _, name in ipairs { "of socket.select", "of cqueues" } do
  describe("in a loop " .. name, function()
    local fixture = sandbox.here(setup, teardown, { profiles = 250 })
    local loop, client

    -- A spec that runs if this loop is installed.
    local function shows(what, fn)
      it(what, function()
        if not loops[name] then
          pending("lua-cqueues is not installed: make setup")
          return
        end
        measured(function()
          loop = loops[name]()
          client = connect(fixture.server.base_url, { wait = loop.wait })
          fixture.server:clear_faults()
          assert(fixture.client:call("get_lists")) -- opens a connection
          fn()
          collectgarbage()
          collectgarbage()
          assert.same({ 0, 0 }, { core.stats() })
        end)()
      end)
    end

    -- Runs the loop. Returns the elapsed seconds, those of them in which this process and the server waited for a
    -- processor, and the turns.
    local function run()
      local waited = cpu_wait.of(fixture.server.process.pid)
      local began = core.clock()
      local turns = loop.run()
      return core.clock() - began, waited(), turns
    end

    -- Counts how often a coroutine resumes until `is_over`, and its largest delay, besides that by other processes.
    local function tick(is_over)
      local ticker = { count = 0, late = 0 }
      loop.go(function()
        while not is_over() do
          local waited, began = cpu_wait.of(), core.clock()
          loop.sleep(0.005)
          ticker.count = ticker.count + 1
          ticker.late = math.max(ticker.late, core.clock() - began - 0.005 - waited())
        end
      end)
      return ticker
    end

    shows("a call does not block other coroutines", function()
      fixture.server:fault { delay = 0.3 }
      local doc
      loop.go(function()
        doc = assert(client:call("get_lists"))
      end)
      local ticker = tick(function() return doc end)
      local elapsed, waited, turns = run()
      assert.equal(2, #doc.data)
      assert.is_true(elapsed >= 0.29 and elapsed < 1 + waited, elapsed) -- nginx counts whole milliseconds
      assert.is_true(ticker.count >= 5, ticker.count)
      assert.is_true(ticker.late < 0.19, ticker.late)
      assert.is_true(loop.waits >= 1 and turns < 500, turns)
    end)

    shows("calls of many coroutines run concurrently, and none returns late", function()
      fixture.server:fault { delay = 0.05, rate = 1 }
      local done, slowest = 0, 0
      for _ = 1, 12 do
        loop.go(function()
          for _ = 1, 5 do
            local began = core.clock()
            assert(client:call("get_lists"))
            slowest = math.max(slowest, core.clock() - began)
          end
          done = done + 1
        end)
      end
      local ticker = tick(function() return done == 12 end)
      local elapsed, waited = run()
      assert.is_true(elapsed < 1.5 + waited, elapsed) -- one after the other: 3 s
      assert.is_true(slowest < 0.24 + waited, slowest)
      assert.is_true(ticker.late < 0.19, ticker.late)
    end)

    shows("a response that came while another coroutine worked is noticed at once", function()
      fixture.server:fault { delay = 0.05, times = 1 }
      fixture.server:fault { delay = 1, times = 1, skip = 1 }
      local first, second
      loop.go(function()
        local began = core.clock()
        assert(client:call("get_lists"))
        first = core.clock() - began
      end)
      loop.go(function()
        loop.sleep(0.01)
        script.shell("sleep 0.1") -- the response has arrived by now, and is unread
        assert(client:call("get_lists"))
        second = true
      end)
      local _, waited = run()
      assert.is_true(second)
      assert.is_true(first < 0.25 + waited, first)
    end)

    shows("an abandoned call disturbs no other coroutine", function()
      fixture.server:fault { delay = 0.05, times = 2 }
      local left, done
      loop.go(function()
        -- as a loop that is then stopped would do
        local waiting = connect(fixture.server.base_url, { wait = function() coroutine.yield() end })
        left = coroutine.create(function()
          return waiting:call("get_lists")
        end)
        assert(coroutine.resume(left))
        assert(client:call("get_lists"))
        loop.sleep(0.1)
        left = nil
        collectgarbage()
        collectgarbage()
        for _ = 1, 5 do
          assert(client:call("get_lists"))
        end
        done = true
      end)
      run()
      assert.is_true(done)
    end)

    shows("iterators prefetch, and can be shared", function()
      fixture.server:fault { delay = 0.01, operation = "get_profiles", rate = 1 }
      local iterator = client:each("get_profiles", { page = { size = 20 } })
      local ids, count, own = {}, 0, 0
      for _ = 1, 5 do
        loop.go(function()
          for profile in iterator do
            assert.is_nil(ids[profile.id])
            ids[profile.id] = true
            count = count + 1
            if count % 7 == 0 then
              loop.sleep(0.001)
            end
          end
        end)
      end
      loop.go(function()
        for _ in client.profiles:each() do
          own = own + 1
        end
      end)
      local ticker = tick(function() return count == 250 and own == 250 end)
      run()
      assert.equal(250, count)
      assert.equal(250, own)
      assert.is_true(ticker.late < 0.19, ticker.late)
    end)

    shows("maps run concurrently", function()
      fixture.server:fault { delay = 0.05, operation = "get_lists", rate = 1 }
      local finished = 0
      for _ = 1, 2 do
        loop.go(function()
          local last = 0
          local source = 0
          for doc, _, item in client:map(function()
            source = source + 1
            return source <= 24 and source or nil
          end, function()
            return client:call("get_lists")
          end, { concurrency = 8 }) do
            assert.equal(2, #doc.data)
            assert.equal(last + 1, item)
            last = item
          end
          assert.equal(24, last)
          finished = finished + 1
        end)
      end
      local ticker = tick(function() return finished == 2 end)
      local elapsed, waited = run()
      assert.equal(2, finished)
      assert.is_true(elapsed < 1.2 + waited, elapsed) -- one call after the other: 2.4 s
      assert.is_true(ticker.count >= 3, ticker.count)
      assert.is_true(ticker.late < 0.19, ticker.late)
    end)

    shows("the token function is called by one coroutine at a time", function()
      local token, calls, done = nil, 0, 0
      local own = connect(fixture.server.base_url, {
        wait = loop.wait, auth_scheme = "Klaviyo-API-Key",
        access_token = function()
          if not token then
            calls = calls + 1
            loop.sleep(0.05)
            token = fixture.key
          end
          return token
        end,
      })
      for _ = 1, 10 do
        loop.go(function()
          assert(own:call("get_lists"))
          done = done + 1
        end)
      end
      run()
      assert.equal(10, done)
      assert.equal(1, calls)
    end)

    shows("each coroutine gets its own errors, without delay", function()
      fixture.server:fault { delay = 2, operation = "get_lists" }
      fixture.server:fault { status = 503, body = "no", operation = "get_metrics" }
      local results = {}
      for i, operation in ipairs { "get_lists", "get_metrics" } do
        loop.go(function()
          local began = core.clock()
          local doc, err = client:call(operation, nil, { deadline = 0.2 })
          assert.is_nil(doc)
          results[i] = { err, core.clock() - began }
        end)
      end
      local dead = connect("http://127.0.0.1:1", { wait = loop.wait })
      loop.go(function()
        results[3] = { select(2, dead:call("get_lists")) }
      end)
      local _, waited = run()
      assert.equal("timeout", results[1][1].kind)
      assert.is_true(results[1][2] >= 0.2 and results[1][2] < 0.4 + waited, results[1][2])
      assert.equal(503, results[2][1].status)
      assert.equal("transport", results[3][1].kind)
    end)
  end)
end

describe("core.pollfd", function()
  it("returns a descriptor with epoll, and nil elsewhere", function()
    local fd, seconds = core.pollfd()
    local portable = package.searchpath and package.searchpath("klaviyo.core", package.cpath):find("portable")
    assert.equal(portable and "nil" or "number", type(fd))
    assert.is_nil(seconds)
  end)

  -- Whether the descriptor is readable, or becomes so within some seconds.
  local function is_readable(seconds)
    local watched = { getfd = core.pollfd, dirty = function() return false end }
    return socket.select({ watched }, nil, seconds or 0)[1] ~= nil
  end

  -- Whether the descriptor stays not readable. The server of an earlier spec may close its idle connection at any
  -- time, which makes it readable until the next pump; a signal that is left stays for good.
  local function becomes_quiet()
    for _ = 1, 10 do
      if not is_readable() then
        return true
      end
      core.pump(0)
    end
    return false
  end

  local function with_descriptor(name, fn)
    it(name, function()
      if core.pollfd() then
        fn()
      else
        pending("without epoll there is no descriptor")
      end
    end)
  end

  with_descriptor("is readable until a ticket is closed, even if it was watched twice", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local ticket = engine.submit(server.url)
      ticket:watch()
      engine.pump_until(function() return ticket:wait(0) end)
      assert.is_true(is_readable())
      ticket:watch()
      assert.is_true(is_readable())
      engine.finish(ticket)
      ticket:close()
      assert.is_true(becomes_quiet())
    end)
  end)

  with_descriptor("is not readable all the time after the server closed an idle connection", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      assert(engine.finish(engine.submit(server.url)))
      assert.is_true(becomes_quiet())
    end)
    assert.is_true(is_readable(10))
    core.pump(0)
    assert.is_true(becomes_quiet())
  end)
end)
