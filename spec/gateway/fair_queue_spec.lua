-- The fair queue of a gateway, with a clock and a limit that the spec controls.
local fair_queue = require "klaviyo.gateway.fair_queue"
local local_store = require "klaviyo.gateway.local_store"
local shares = require "klaviyo.gateway.shares"

describe("klaviyo.gateway.fair_queue", function()
  local now, ended, store

  local function clock()
    return now
  end

  -- A limit that has `capacity` each second.
  local function source(capacity)
    local limit = { left = capacity, window = 0, takes = 0 }
    function limit:take()
      self.takes = self.takes + 1
      if math.floor(now) ~= self.window then
        self.window, self.left = math.floor(now), capacity
      end
      if self.left > 0 then
        self.left = self.left - 1
        return now
      end
      return nil, self.window + 1 - now
    end
    return limit
  end

  local function queue(options)
    options = options or {}
    return fair_queue.new {
      clock = clock, shares = options.shares or shares.new(store, "limit", options.worker, options.workers),
      on_end = function(waiter)
        ended[#ended + 1] = waiter
        if waiter.status == "granted" then
          ended[waiter.caller.name] = (ended[waiter.caller.name] or 0) + 1
        end
      end,
    }
  end

  local function join(to, name, from, options)
    options = options or {}
    return to:join {
      name = name, weight = options.weight or 1, source = from, deadline = options.deadline or now + 1000,
      max_waiting = options.max_waiting or 1000, max_waiting_per_caller = options.per_caller or 500,
      blocked_until = options.blocked_until,
    }
  end

  local function join_many(count, ...)
    for _ = 1, count do
      join(...)
    end
  end

  local function names()
    local list = {}
    for i, waiter in ipairs(ended) do
      list[i] = waiter.caller.name .. (waiter.status == "granted" and "" or "!")
    end
    return table.concat(list, " ")
  end

  before_each(function()
    now, ended = 0, {}
    store = local_store.new(clock)
  end)

  it("serves a caller with one request before the others of a greedy one", function()
    local limit, waiting = source(2), queue()
    join_many(200, waiting, "greedy", limit)
    assert.equal(1, waiting:dispatch())
    join(waiting, "polite", limit)
    now = 1
    assert.equal(2, waiting:dispatch())
    assert.equal("greedy greedy polite greedy", names())
    -- each second it asks for one, and gets it in the next
    for second = 2, 20 do
      join(waiting, "polite", limit)
      now = second
      waiting:dispatch()
      assert.equal(second, ended.polite)
    end
  end)

  it("shares the limit by weight", function()
    local limit, waiting = source(8), queue()
    join_many(200, waiting, "three", limit, { weight = 3 })
    join_many(200, waiting, "one", limit)
    for second = 1, 10 do
      now = second
      waiting:dispatch()
    end
    assert.equal(60, ended.three)
    assert.equal(20, ended.one)
  end)

  it("uses the weight that a caller has now", function()
    local limit, waiting = source(8), queue()
    join_many(50, waiting, "a", limit)
    join_many(50, waiting, "b", limit)
    join(waiting, "a", limit, { weight = 3 })
    waiting:dispatch()
    assert.equal(6, ended.a)
    assert.equal(2, ended.b)
  end)

  it("remembers what a caller has used when it comes back", function()
    local limit, waiting = source(4), queue()
    join(waiting, "light", limit, { weight = 0.1 })
    waiting:dispatch()
    now = 1
    join_many(8, waiting, "b", limit)
    join(waiting, "light", limit, { weight = 0.1 })
    waiting:dispatch()
    assert.equal("light b b b b", names())
  end)

  it("gives no credit for idle time, and charges nothing for requests that were not served", function()
    local limit, waiting = source(4), queue()
    join_many(100, waiting, "a", limit)
    for second = 0, 9 do
      now = second
      waiting:dispatch()
    end
    join_many(100, waiting, "b", limit) -- does not get what it did not use before
    local before = ended.a
    for second = 10, 19 do
      now = second
      waiting:dispatch()
    end
    assert.is_true(math.abs(ended.b - (ended.a - before)) <= 2)
    -- hang-ups and rejected requests
    for _ = 1, 100 do
      local one = join(waiting, "a", limit)
      waiting:leave(one)
      assert.equal("left", one.status)
    end
    join_many(50, waiting, "a", limit, { deadline = now + 0.5 })
    local a, b = ended.a, ended.b
    join_many(100, waiting, "a", limit)
    for second = 20, 29 do
      now = second
      waiting:dispatch()
    end
    assert.equal(40, ended.a - a + ended.b - b)
    assert.is_true(math.abs(ended.a - a - 20) <= 1)
  end)

  it("serves the requests of a caller in their order", function()
    local limit, waiting = source(1), queue()
    local first, second, third = join(waiting, "a", limit), join(waiting, "a", limit), join(waiting, "a", limit)
    waiting:leave(second)
    waiting:dispatch()
    now = 1
    waiting:dispatch()
    assert.same({ first, third }, { ended[1], ended[2] })
    assert.equal(0, waiting.count)
    assert.is_nil(waiting:dispatch())
    assert.is_nil(waiting:any())
    assert.same({}, waiting.callers)
    assert.same({}, waiting.lines)
  end)

  it("keeps no request that was served", function()
    local limit, waiting = source(2), queue()
    local first = join(waiting, "a", limit)
    local served = setmetatable({ join(waiting, "a", limit) }, { __mode = "v" })
    waiting:dispatch()
    assert.equal(served[1], ended[2])
    ended = {}
    collectgarbage()
    assert.is_nil(served[1])
    assert.equal("granted", first.status)
  end)

  it("rejects a request as soon as it cannot be served in time", function()
    local limit, waiting = source(1), queue()
    join(waiting, "a", limit)
    local late = join(waiting, "a", limit, { deadline = 0.9 })
    local early = join(waiting, "a", limit, { deadline = 1.5 })
    assert.equal(1, waiting:dispatch())
    assert.equal("rejected", late.status)
    assert.equal(1, late.seconds)
    assert.is_nil(early.status)
    now = 1
    waiting:dispatch()
    assert.equal("granted", early.status)
    -- also if the limit was not tried
    now = 2
    limit.left, limit.window = 0, 2
    local one = join(waiting, "a", limit, { deadline = 3.2 })
    waiting:dispatch()
    now = 3.3
    waiting:dispatch()
    assert.equal("rejected", one.status)
    assert.equal(0, one.seconds) -- the limit has capacity by now
  end)

  it("rejects all that are late, and serves a request whose deadline is now", function()
    local limit, waiting = source(1), queue()
    limit.left = 0
    join(waiting, "a", limit, { deadline = 0.5 })
    join(waiting, "a", limit, { deadline = 0.9 })
    local last = join(waiting, "a", limit, { deadline = 1 })
    waiting:dispatch()
    assert.equal("a! a!", names())
    now = 1
    waiting:dispatch()
    assert.equal("granted", last.status)
    assert.equal(1, last.taken) -- what the limit returned
    join(waiting, "b", limit)
    waiting:leave(last) -- too late: this changes nothing
    assert.equal("granted", last.status)
    assert.equal(1, waiting.count)
  end)

  it("tries a limit only when it may have capacity", function()
    local limit, waiting = source(1), queue()
    join_many(10, waiting, "a", limit)
    waiting:dispatch()
    assert.equal(2, limit.takes)
    for i = 1, 9 do
      now = i / 10
      assert.equal(1, waiting:dispatch())
      join(waiting, "b", limit)
    end
    assert.equal(2, limit.takes)
  end)

  it("does not try a limit before the time that a request names", function()
    local limit, waiting = source(1), queue()
    join(waiting, "a", limit, { blocked_until = 3 })
    join(waiting, "a", limit, { blocked_until = 2 })
    assert.equal(3, waiting:dispatch())
    assert.equal(0, limit.takes)
    now = 3
    waiting:dispatch()
    assert.equal(1, ended.a)
  end)

  it("does not let one source block another", function()
    local slow, fast, waiting = source(0), source(5), queue()
    join_many(3, waiting, "a", slow)
    join_many(3, waiting, "b", fast)
    join(waiting, "a", fast)
    waiting:dispatch()
    assert.equal(3, ended.b)
    assert.equal(1, ended.a)
    assert.equal(3, waiting.count)
  end)

  -- such as the operations of an account whose gateway has a limit of its own
  it("shares a limit that several sources have in common", function()
    local limit, waiting = source(4), queue()
    local sources = {}
    for i = 1, 8 do
      sources[i] = { take = function() return limit:take() end }
      join_many(50, waiting, "greedy", sources[i])
    end
    waiting:dispatch()
    for second = 1, 10 do
      join(waiting, "polite", sources[8])
      now = second
      waiting:dispatch()
      assert.equal(second, ended.polite)
    end
    assert.equal(34, ended.greedy)
  end)

  it("has a maximum for each caller, and for all", function()
    local limit, waiting = source(0), queue()
    local options = { max_waiting = 6, per_caller = 5 }
    for i = 1, 8 do
      assert.equal(i <= 5, join(waiting, "greedy", limit, options) ~= nil)
    end
    assert.is_truthy(join(waiting, "b", limit, options))
    -- a full queue rejects the newest request of the caller with the most
    assert.is_truthy(join(waiting, "c", limit, options))
    assert.equal("greedy!", names())
    assert.equal(5, ended[1].number)
    assert.is_truthy(join(waiting, "d", limit, options))
    assert.is_truthy(join(waiting, "e", limit, options))
    assert.equal("greedy! greedy! greedy!", names())
    assert.is_nil(join(waiting, "greedy", limit, options))
    assert.is_truthy(join(waiting, "f", limit, options))
    assert.is_nil(join(waiting, "g", limit, options)) -- all have one
    assert.equal(6, waiting.count)
  end)

  it("rejects the newest request, whichever limit it waits for", function()
    for _, order in ipairs { { 1, 1, 2, 1 }, { 1, 2, 1, 2 } } do
      local limits, waiting, joined = { source(0), source(0) }, queue(), {}
      for i, which in ipairs(order) do
        joined[i] = join(waiting, "greedy", limits[which])
      end
      assert.is_truthy(join(waiting, "b", limits[1], { max_waiting = 4 }))
      assert.equal("rejected", joined[4].status)
    end
  end)

  describe("with another worker", function()
    local is_later, published, waiting

    before_each(function()
      local own = shares.new(store, "limit")
      is_later, published = false, nil
      waiting = queue { shares = setmetatable({
        is_later = function() return is_later end,
        publish = function(_, first, due)
          published = { due = due }
          for i, caller in ipairs(first) do
            published[i] = caller.name
          end
        end,
      }, { __index = function(_, name)
        return function(_, ...) return own[name](own, ...) end
      end }) }
    end)

    it("looks again after 2 ms, and then less often, until it serves a request", function()
      local limit = source(1)
      join_many(2, waiting, "a", limit)
      is_later = true
      for _, pause in ipairs { 0.002, 0.004, 0.008, 0.016, 0.016 } do
        assert.equal(pause, waiting:dispatch())
      end
      is_later = false
      assert.equal(1, waiting:dispatch())
      now, is_later = 1, true
      assert.equal(1.002, waiting:dispatch())
    end)

    it("publishes each caller once that it serves first, in their order", function()
      local soon, also, later = source(1), source(1), source(1)
      for name, tag in pairs { a = 2, b = 1, c = 0, d = 3, e = 0.5 } do
        store:set("tag " .. name .. " limit", tag)
      end
      for _, name in ipairs { "a", "b", "d", "e" } do
        join(waiting, name, soon, { blocked_until = 1 })
      end
      join(waiting, "a", also, { blocked_until = 1 })
      join(waiting, "c", later, { blocked_until = 2 })
      assert.equal(1, waiting:dispatch())
      assert.same({ "e", "b", "a", "d", due = 1 }, published)
    end)

    it("publishes the present time if it could serve now", function()
      local ready, since = source(1), source(1)
      join(waiting, "a", ready)
      join(waiting, "b", since, { blocked_until = 4 })
      now, is_later = 5, true
      waiting:dispatch()
      table.sort(published)
      assert.same({ "a", "b", due = 5 }, published)
    end)
  end)

  describe("of several workers", function()
    local limit, workers

    before_each(function()
      limit, workers = source(4), {}
      for i = 1, 3 do
        workers[i] = queue { worker = i - 1, workers = 3 }
      end
    end)

    -- Lets the workers act in turn, as after timers of the same time.
    local function run(seconds)
      for _ = 1, seconds do
        now = math.floor(now) + 1
        for step = 1, 10 do
          now = math.floor(now) + step / 1000
          for _, worker in ipairs(workers) do
            worker:dispatch()
          end
        end
      end
    end

    it("serves the caller that goes first, wherever it waits", function()
      for _, worker in ipairs(workers) do
        join_many(100, worker, "greedy", limit)
        worker:dispatch()
      end
      run(3)
      for second = 1, 10 do
        join(workers[3], "polite", limit)
        workers[3]:dispatch()
        run(1)
        assert.equal(second, ended.polite)
      end
      assert.equal(4 * 14 - 10, ended.greedy) -- nothing was left unused
    end)

    it("shares by weight, whatever the distribution over the workers", function()
      for i, worker in ipairs(workers) do
        join_many(200, worker, "greedy", limit)
        if i == 2 then
          join_many(200, worker, "three", limit, { weight = 3 })
        end
      end
      run(20)
      assert.equal(80, ended.greedy + ended.three)
      assert.is_true(math.abs(ended.three - 60) <= 3, tostring(ended.three))
    end)

    it("does not wait for a worker that was killed", function()
      join(workers[1], "first", limit)
      limit.left = 0
      workers[1]:dispatch()
      store:set("tag second limit", 5)
      join(workers[2], "second", limit)
      workers[2]:dispatch()
      now = 1
      local due = workers[2]:dispatch()
      assert.is_nil(ended.second)
      assert.is_true(due > 1 and due < 1.02)
      now = 1.11
      workers[2]:dispatch()
      assert.equal(1, ended.second)
      now = 3
      assert.is_nil(store:get("worker 0 limit"))
      assert.is_nil(store:get(shares.flag("limit")))
    end)

    it("keeps no trace of requests that have left", function()
      limit.left = 0
      local one = join(workers[1], "first", limit)
      workers[1]:dispatch()
      assert.is_truthy(store:get("worker 0 limit"))
      workers[1]:leave(one)
      workers[1]:dispatch()
      assert.is_nil(store:get("worker 0 limit"))
    end)
  end)
end)

describe("klaviyo.gateway.local_store", function()
  it("forgets values that have expired", function()
    local now = 0
    local store = local_store.new(function() return now end)
    store:set("kept", 1)
    store:set("short", 2, 1)
    assert.equal(false, (store:add("short", 3, 1)))
    assert.equal(2, store:get("short"))
    assert.equal(6, store:incr("sum", 1, 5))
    assert.equal(7, store:incr("sum", 1, 5))
    now = 1
    assert.is_nil(store:get("short"))
    assert.equal(true, store:add("short", 3, 1))
    store:delete("short")
    assert.is_nil(store:get("short"))
    for i = 1, 5000 do
      now = now + 1
      store:set("key " .. i, i, 10)
    end
    assert.is_true(store.count <= 1024, tostring(store.count))
    assert.equal(1, store:get("kept"))
  end)
end)
