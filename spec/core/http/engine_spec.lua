-- The engine by itself: queue, deadlines, cancelling, connections, forks.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local measured = require "spec.support.measured"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local finish, submit = engine.finish, engine.submit

local OK = { body = "{}" }
local NEVER = { answers = { { never = true } } }

-- The tolerated delay, by the clock of the engine.
local LATE = 0.5

local function assert_in_time(raw_error, seconds)
  assert.is_true(raw_error.elapsed >= seconds, ("%.4f s early"):format(seconds - raw_error.elapsed))
  assert.is_true(raw_error.elapsed <= seconds + LATE, ("%.4f s late"):format(raw_error.elapsed - seconds))
end

local function most_at_a_time(server)
  -- the raw server counts connections, which are at least as many as concurrent requests
  return server:connections()
end

describe("the engine", function()
  local function wait_until_idle()
    collectgarbage()
    collectgarbage()
    engine.pump_until(engine.is_idle)
  end

  after_each(wait_until_idle)

  -- A spec that measures time.
  local function timed(name, fn)
    it(name, measured(fn, wait_until_idle))
  end

  describe("keeps a deadline, from submit on,", function()
    timed("of a running request", function()
      raw.with(NEVER, function(server)
        for _, seconds in ipairs { 0.05, 0.123, 0.4 } do
          local answer, raw_error = finish(submit(server.url, { deadline = seconds }))
          assert.is_nil(answer)
          assert.equal("timeout", raw_error.kind)
          assert_in_time(raw_error, seconds)
        end
      end)
    end)

    timed("of one that waits for a connection", function()
      raw.with(NEVER, function(server)
        local busy = {}
        for i = 1, 16 do
          busy[i] = submit(server.url)
        end
        local ticket = submit(server.url, { deadline = 0.3 })
        local queued, running = core.stats()
        assert.same({ 1, 16 }, { queued, running })
        local _, raw_error = finish(ticket)
        assert.equal("timeout", raw_error.kind)
        assert_in_time(raw_error, 0.3)
        assert.is_false(raw_error.maybe_sent)
        assert.same({}, raw_error.attempts)
        for _, one in ipairs(busy) do
          one:close()
        end
      end)
    end)

    timed("even if no caller waits for it", function()
      raw.with(NEVER, function(server)
        local ticket = submit(server.url, { deadline = 0.1 })
        local stop_time = core.clock() + 0.3
        while core.clock() < stop_time do end -- luacheck: ignore 542
        assert.is_true(ticket:wait(0))
        local _, raw_error = ticket:result()
        assert_in_time(raw_error, 0.1)
      end)
    end)

    timed("of one that is retried again and again", function()
      raw.with({ answers = { { status = 503 } } }, function(server)
        local tickets = {}
        for i = 1, 3 do
          tickets[i] = submit(server.url, { deadline = 0.4, retries = 1000 })
        end
        for _, ticket in ipairs(tickets) do
          local answer, raw_error = finish(ticket)
          -- the last attempt may have had no time for a response
          local outcome = answer or raw_error
          assert.is_true(outcome.elapsed <= 0.4 + LATE)
          assert.is_true(#outcome.attempts >= 2)
          assert.equal(503, outcome.attempts[1].status)
          assert.equal("timeout", raw_error and raw_error.kind or "timeout")
        end
      end)
    end)

    -- what is preloaded and a sanitizer do not go together
    timed("of one whose host is being resolved, even at the end of the process #time", function()
      local path = assert(package.searchpath("klaviyo.core", package.cpath))
        :gsub("klaviyo/core%.so$", "spec_slow_names.so")
      local file = io.open(path)
      if not file then
        return pending("slow_names was not built")
      end
      file:close()
      local began = core.clock()
      local output, status = script.run([[
        local core, engine = require "klaviyo.core", require "spec.support.engine"
        local tickets = {}
        for i = 1, 3 do
          tickets[i] = engine.submit("http://host" .. i .. ".slow", {deadline = 0.4, retries = 4})
        end
        for _, ticket in ipairs(tickets) do
          local answer, raw_error = engine.finish(ticket)
          assert(not answer and raw_error.kind == "timeout", raw_error.kind)
          assert(raw_error.elapsed >= 0.4 and raw_error.elapsed < 0.9, raw_error.elapsed)
          assert(not raw_error.maybe_sent)
        end
        local answer, raw_error = engine.finish(engine.submit("http://one.slow", { connect_timeout = 0.3 }))
        -- by the clock of libcurl, which counts whole milliseconds
        assert(not answer and raw_error.elapsed >= 0.29 and raw_error.elapsed < 0.8, raw_error.elapsed)
      ]], { env = { LD_PRELOAD = path, SLOW_NAMES = "6" } })
      assert.equal("", output)
      assert.equal(0, status)
      assert.is_true(core.clock() - began < 4)
    end)

    timed("and fails at once if the rate limit allows no request before it", function()
      raw.with({ answers = { OK } }, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", minute = 2 } })
        assert(finish(submit(server.url, { request_queue = request_queue })))
        assert(finish(submit(server.url, { request_queue = request_queue })))
        local began = core.clock()
        local _, raw_error = finish(submit(server.url, { request_queue = request_queue, deadline = 20 }))
        assert.is_true(core.clock() - began < 0.1)
        assert.equal("rate_limited", raw_error.kind)
        assert.is_true(raw_error.retry_after > 50 and raw_error.retry_after <= 61)
        assert.is_false(raw_error.maybe_sent)
        assert.equal(2, #server:requests())
      end)
    end)

    it("or if too many requests are queued before it", function()
      raw.with(NEVER, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 2 } })
        local tickets = {}
        for i = 1, 6 do
          tickets[i] = submit(server.url, { request_queue = request_queue })
        end
        -- two are running
        local _, raw_error = submit(server.url, { request_queue = request_queue, deadline = 1.5 }):result()
        assert.equal("rate_limited", raw_error.kind)
        assert.equal(2, raw_error.retry_after)
        for _, one in ipairs(tickets) do
          one:close()
        end
      end)
    end)

    it("but has no deadline if none is set", function()
      raw.with({ answers = { { body = "{}", pause = 0.3 } } }, function(server)
        assert.equal(200, finish(submit(server.url, { deadline = 0 })).status)
      end)
    end)

    timed("and waits for the rate limit if there is time", function()
      raw.with({ answers = { OK } }, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 2 } })
        local tickets, began = {}, core.clock()
        for i = 1, 4 do
          tickets[i] = submit(server.url, { request_queue = request_queue })
        end
        for i = 1, 4 do
          assert(finish(tickets[i]))
        end
        local elapsed = core.clock() - began
        assert.is_true(elapsed >= 1 and elapsed < 1.6, tostring(elapsed))
      end)
    end)
  end)

  timed("applies the timeout to each attempt, and reports all attempts", function()
    raw.with({ answers = { { pause = 0.4, body = "{}" }, { never = true }, { body = '"third"' } } },
      function(server)
        local answer = finish(submit(server.url, { timeout = 0.15, retries = 4 }))
        assert.equal('"third"', answer.body)
        assert.equal(3, #answer.attempts)
        for i = 1, 2 do
          assert.matches("[Tt]ime", answer.attempts[i].error)
          assert.is_true(answer.attempts[i].elapsed >= 0.15 and answer.attempts[i].elapsed < 0.15 + LATE)
        end
        assert.equal(200, answer.attempts[3].status)
        assert.is_true(answer.attempts[2].waited >= 0)
        local sum = 0
        for _, attempt in ipairs(answer.attempts) do
          sum = sum + attempt.elapsed + attempt.waited
        end
        assert.is_true(math.abs(sum - answer.elapsed) < 0.02)
      end)
  end)

  describe("cancels a request", function()
    it("that is running: it may have been sent", function()
      raw.with(NEVER, function(server)
        local ticket = submit(server.url, { method = "POST", body = "{}" })
        engine.pump_until(function() return #server:requests() == 1 end)
        ticket:cancel()
        assert.is_true(ticket:wait(0))
        local _, raw_error = ticket:result()
        assert.equal("cancelled", raw_error.kind)
        assert.is_true(raw_error.maybe_sent)
      end)
    end)

    it("that waits for a connection or a rate limit: it was not sent", function()
      raw.with(NEVER, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 1 } })
        local first = submit(server.url, { request_queue = request_queue })
        local second = submit(server.url, { request_queue = request_queue })
        second:cancel()
        local _, raw_error = second:result()
        assert.equal("cancelled", raw_error.kind)
        assert.is_false(raw_error.maybe_sent)
        first:close()
        first:close()
      end)
    end)

    it("between two attempts", function()
      raw.with({ answers = { { status = 503, headers = { ["Retry-After"] = "3" } }, OK } }, function(server)
        local ticket = submit(server.url, { retries = 4 })
        engine.pump_until(function()
          local queued, running = core.stats()
          return #server:requests() == 1 and queued == 1 and running == 0
        end)
        ticket:cancel()
        local _, raw_error = ticket:result()
        assert.equal("cancelled", raw_error.kind)
        assert.is_false(raw_error.maybe_sent)
        assert.is_true(engine.is_idle())
      end)
    end)

    it("that is done: it does not change", function()
      raw.with({ answers = { OK } }, function(server)
        local ticket = submit(server.url)
        engine.pump_until(engine.is_idle)
        ticket:cancel()
        assert.equal(200, ticket:result().status)
        assert.has_error(function() ticket:wait(0) end)
        ticket:close()
      end)
    end)

    it("a thousand times, and the connections stay usable", function()
      raw.with({ answers = { OK } }, function(server)
        for i = 1, 1000 do
          local ticket = submit(server.url, { path = "/" .. i })
          if i % 3 == 0 then core.pump(0) end
          ticket:close()
          if i % 50 == 0 then
            assert.equal(200, finish(submit(server.url)).status)
          end
        end
        assert.is_true(engine.is_idle())
      end)
    end)
  end)

  it("cancels a request whose ticket was garbage collected", function()
    raw.with({ answers = { { status = 503, headers = { ["Retry-After"] = "2" } }, { never = true } } },
      function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 1, minute = 60 } })
        local tickets = {} -- luacheck: ignore 241
        tickets[1] = submit(server.url, { retries = 4 }) -- will be delayed
        engine.pump_until(function() return select(2, core.stats()) == 0 end)
        tickets[2] = submit(server.url) -- running
        tickets[3] = submit(server.url, { request_queue = request_queue }) -- as well
        tickets[4] = submit(server.url, { request_queue = request_queue }) -- waits for its limit
        core.pump(0.05)
        assert.same({ 2, 2 }, { core.stats() })
        for i = 1, 4 do
          tickets[i] = nil
        end
        collectgarbage()
        collectgarbage()
        assert.is_true(engine.is_idle())
      end)
  end)

  it("finishes requests in the order of the responses", function()
    raw.with({ answers = { { body = '"slow"', pause = 0.4 }, { body = '"fast"' } } }, function(server)
      local slow = submit(server.url)
      core.pump(0.1)
      local fast = submit(server.url)
      local slow_serial, fast_serial = slow:announce(), fast:announce()
      local order = {}
      while #order < 2 do
        for _, serial in ipairs(core.wait_any(0.2)) do
          order[#order + 1] = serial
        end
      end
      assert.same({ fast_serial, slow_serial }, order)
      assert.equal('"slow"', slow:result().body)
      assert.equal('"fast"', fast:result().body)
    end)
  end)

  it("announces every end once, whichever call ran the loop", function()
    raw.with({ answers = { OK } }, function(server)
      local request_queue = engine.request_queue(server.url, { { name = "x", minute = 60 } })
      local missing, count = {}, 0
      local tickets, at_once = {}, 0
      for i = 1, 300 do
        -- some fail at submit, some end while another is waited for, some are cancelled
        local ticket = submit(server.url, { request_queue = request_queue, deadline = 30 })
        tickets[i] = ticket
        if ticket:done() then
          at_once = at_once + 1
        else
          missing[ticket:announce()], count = true, count + 1
        end
        if i % 7 == 0 then finish(submit(server.url)) end
        if i % 11 == 0 then ticket:cancel() end
      end
      local stop_time = core.clock() + 10
      while count > 0 and core.clock() < stop_time do
        for _, serial in ipairs(core.wait_any(0.1)) do
          assert.is_true(missing[serial])
          missing[serial], count = nil, count - 1
        end
      end
      assert.equal(0, count)
      assert.is_true(at_once > 100)
      assert.same({}, core.wait_any(0))
      assert.is_true(tickets[300]:wait(0))
    end)
  end)

  it("accepts any waiting time", function()
    raw.with({ answers = { OK } }, function(server)
      local ticket = submit(server.url)
      assert.is_true(ticket:wait(1e15))
      local settings = { timeout = 1e9, connect_timeout = 1e9, deadline = 1e12 }
      assert.equal(200, finish(submit(server.url, settings)).status)
    end)
  end)

  describe("has, over HTTP/1.1,", function()
    it("at most sixteen connections", function()
      raw.with({ answers = { { body = "{}", pause = 0.01 } } }, function(server)
        local tickets = {}
        for i = 1, 400 do
          tickets[i] = submit(server.url)
          local _, running = core.stats()
          assert.is_true(running <= 16)
        end
        for i = 1, 400 do
          assert.equal(200, finish(tickets[i]).status)
        end
        assert.equal(400, #server:requests())
        assert.is_true(most_at_a_time(server) <= 16)
      end)
    end)

    it("and loses no request if a server closes connections after a few requests", function()
      raw.with({ answers = { OK }, requests_per_connection = 3 }, function(server)
        local tickets = {}
        for i = 1, 300 do
          tickets[i] = submit(server.url, { path = "/" .. i, retries = 4 })
        end
        for i = 1, 300 do
          assert.equal(200, finish(tickets[i]).status)
        end
      end)
    end)
  end)

  it("is not busy with idle connections that the server closed, and opens others for later requests #time", function()
    -- the pause is for a busy machine: all four are sent before the first response
    raw.with({ answers = { { pause = 0.3, body = "{}", after = "close", linger = 0.05 } } }, function(server)
      for count = 1, 2 do
        local tickets = {}
        for i = 1, 4 do
          tickets[i] = submit(server.url, { path = "/" .. i })
        end
        for i = 1, 4 do
          assert.equal(200, finish(tickets[i]).status)
        end
        assert.equal(4 * count, server:connections())
        local began = os.clock()
        core.pump(0.5)
        assert.is_true(os.clock() - began < 0.1, os.clock() - began)
      end
    end)
  end)

  it("accepts thousands of requests, and completes them all", function()
    raw.with({ answers = { OK } }, function(server)
      local tickets, with = {}, engine.settings { deadline = 60 }
      local request_queue = engine.request_queue(server.url)
      for i = 1, 5000 do
        tickets[i] = submit(server.url, { path = "/" .. i, with = with, request_queue = request_queue })
      end
      for i = 5000, 1, -1 do
        assert.equal(200, finish(tickets[i]).status)
      end
      assert.equal(5000, #server:requests())
    end)
  end)

  -- Requests overtake each other on the way: sixteen connections, some slower to come
  -- about. On a busy machine one may be very slow, but not each time.
  it("sends in the order of the queue", function()
    local function is_in_order()
      local server_requests
      raw.with({ answers = { OK } }, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 1000 } })
        local tickets = {}
        for i = 1, 200 do
          tickets[i] = submit(server.url, { path = "/" .. i, request_queue = request_queue })
        end
        for i = 1, 200 do
          finish(tickets[i])
        end
        server_requests = server:requests()
      end)
      assert.equal(200, #server_requests)
      for i, request in ipairs(server_requests) do
        if math.abs(i - request.target:match("%d+")) > 100 then
          return false
        end
      end
      return true
    end
    assert.is_true(is_in_order() or is_in_order() or is_in_order())
  end)

  it("serves the request queues in turn: a long queue does not block the others #native", function()
    raw.with({ answers = { { body = "{}", pause = 0.005 } } }, function(server)
      local long, with = engine.request_queue(server.url), engine.settings { deadline = 60 }
      local short = submit(server.url, { request_queue = engine.request_queue(server.url), path = "/first" })
      finish(short)
      local tickets = {}
      local other, before = engine.request_queue(server.url), nil
      for i = 1, 1500 do
        tickets[i] = submit(server.url, { request_queue = long, with = with, path = "/long" })
        if i == 20 then
          before = submit(server.url, { request_queue = other, with = with, path = "/other" })
        end
      end
      local after = submit(server.url, {
        request_queue = engine.request_queue(server.url), with = with, path = "/after" })
      finish(before)
      finish(after)
      local queued = core.stats()
      assert.is_true(queued > 500, tostring(queued))
      for i = 1, 1500 do
        tickets[i]:close()
      end
    end)
  end)

  describe("over TLS and HTTP/2", function()
    local state = sandbox.here(setup, teardown)

    local function post(more)
      local all = { ca_file = state.server.ca_file, path = "/api/lists", method = "GET", deadline = 120,
        headers = { "Authorization", "Klaviyo-API-Key " .. state.key, "revision", "2024-10-15" } }
      for name, value in pairs(more or {}) do
        all[name] = value
      end
      return submit(state.server.tls_url, all)
    end

    it("has one connection, with at most a hundred concurrent requests #native", function()
      -- long enough to count all that are running, even on a busy machine
      state.server:fault { delay = 0.15, times = 1000 }
      local tickets, most = {}, 0
      for i = 1, 300 do
        tickets[i] = post()
      end
      repeat
        core.pump(0.005)
        local _, running = core.stats()
        most = math.max(most, running)
      until engine.is_idle()
      state.server:clear_faults()
      assert.equal(100, most)
      local connections, count = {}, 0
      for i = 1, 300 do
        local answer = finish(tickets[i])
        assert.equal(200, answer.status)
        assert.equal("2", answer.http_version)
      end
      for _, request in ipairs(state:log()) do
        if not connections[request.connection] and request.protocol == "HTTP/2.0" then
          connections[request.connection], count = true, count + 1
        end
      end
      assert.equal(1, count)
    end)

    it("cancels some requests, and completes the others", function()
      state.server:fault { delay = 0.05, times = 1000 }
      local tickets = {}
      for i = 1, 300 do
        tickets[i] = post()
      end
      for i = 1, 300, 3 do
        tickets[i]:cancel()
        core.pump(0)
      end
      for i = 1, 300 do
        local answer, raw_error = finish(tickets[i])
        if i % 3 == 1 then
          assert.equal("cancelled", (raw_error or {}).kind or "cancelled")
        else
          assert.equal(200, answer.status)
          assert.is_nil(answer.attempts)
        end
      end
      state.server:clear_faults()
    end)
  end)

  describe("over HTTP/2 with a server that closes after fifty requests", function()
    local state = sandbox.here(setup, teardown, { keepalive_requests = 50 })

    -- Of a hundred concurrent requests half are lost at a time. Newer versions of
    -- libcurl report them as failed, and few of them fail many times in a row.
    it("loses no request that may be retried", function()
      local tickets = {}
      for i = 1, 1000 do
        tickets[i] = submit(state.server.tls_url, { ca_file = state.server.ca_file, path = "/api/lists",
          deadline = 120, retries = 16,
          headers = { "Authorization", "Klaviyo-API-Key " .. state.key, "revision", "2024-10-15" } })
      end
      for i = 1, 1000 do
        local answer, raw_error = finish(tickets[i])
        assert.equal(200, answer and answer.status, raw_error and raw_error.reason)
      end
    end)

    it("does not resend a refused request if retries is 0", function()
      local servers, tickets = {}, {}
      for i = 1, 8 do -- with all the handles that are kept, at a time
        servers[i] = raw.start { answers = { { pause = 0.2, send = 0, after = "reset" } } }
        for _ = 1, 16 do
          tickets[#tickets + 1] = submit(servers[i].url)
        end
      end
      for _, ticket in ipairs(tickets) do
        assert.is_nil((finish(ticket)))
      end
      local counts = {}
      for i, server in ipairs(servers) do
        counts[i] = #server:requests()
        server:stop()
      end
      assert.same({ 16, 16, 16, 16, 16, 16, 16, 16 }, counts)
    end)
  end)

  describe("in a child", function()
    local found, process = pcall(require, "spec_fork")
    if not found then
      pending("fork was not built")
      return
    end

    -- Runs a function in a child, which says by its status how it went.
    local function in_child(fn)
      local child = process.fork()
      if child == 0 then
        local ok, err = pcall(fn)
        if not ok then
          io.stderr:write("in the child: ", tostring(err), "\n")
        end
        process.leave(ok and 0 or 1)
      end
      return process.wait(child)
    end

    it("has a new engine, and the parent's continues #native", function()
      raw.with({ answers = { { body = "{}", pause = 0.1 } } }, function(server)
        local request_queue = engine.request_queue(server.url)
        finish(submit(server.url, { request_queue = request_queue, path = "/warm" }))
        local mine = {}
        for i = 1, 40 do
          mine[i] = submit(server.url, { request_queue = request_queue, path = "/parent" })
        end
        assert.equal(0, in_child(function()
          -- those of the parent, running and waiting: closed here, and not sent by the child
          for _, i in ipairs { 1, 40 } do
            local _, raw_error = finish(mine[i])
            assert(raw_error.kind == "closed", raw_error.kind)
          end
          mine[2]:cancel()
          mine[3]:close()
          mine = nil
          collectgarbage()
          local others = {}
          for i = 1, 20 do
            others[i] = submit(server.url, { request_queue = request_queue, path = "/child" })
          end
          for i = 1, 20 do
            assert(finish(others[i]).status == 200)
          end
          assert(engine.is_idle())
        end))
        for i = 1, 40 do
          assert.equal(200, finish(mine[i]).status)
        end
        local counts = { warm = 0, parent = 0, child = 0 }
        for _, request in ipairs(server:requests()) do
          local who = request.target:sub(2)
          counts[who] = counts[who] + 1
        end
        assert.same({ warm = 1, parent = 40, child = 20 }, counts)
      end)
    end)

    it("of a fork with waiting requests in a rate-limited queue #native", function()
      raw.with({ answers = { OK } }, function(server)
        local request_queue = engine.request_queue(server.url, { { name = "x", second = 2 } })
        local tickets = {}
        for i = 1, 3 do
          tickets[i] = submit(server.url, { request_queue = request_queue })
        end
        assert.equal(0, in_child(function()
          assert(finish(submit(server.url, { request_queue = request_queue, path = "/child" })).status == 200)
        end))
        for i = 1, 3 do
          assert.equal(200, finish(tickets[i]).status)
        end
        assert.equal(4, #server:requests())
      end)
    end)
  end)
end)
