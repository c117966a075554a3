-- client:map: concurrent calls, their results in the order of the source.
local core = require "klaviyo.core"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"

local function timed(fn, ...)
  local began = core.clock()
  fn(...)
  return core.clock() - began
end

local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- An endless source; `taken` counts the items that were taken.
local function counter(last)
  local source = { taken = 0 }
  return setmetatable(source, { __call = function()
    if source.taken < (last or math.huge) then
      source.taken = source.taken + 1
      return source.taken
    end
  end })
end

-- Runs a function inside and outside of run: both must behave alike.
local function inside_and_outside(fn)
  fn()
  klaviyo.run(fn)
end

describe("client:map", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 250 })
  local client

  setup(function()
    client = fixture.client
    assert(client:call("get_lists"))
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  -- No request is in progress when an iterator has ended.
  after_each(function()
    collectgarbage()
    collectgarbage()
    assert.same({ 0, 0 }, { core.stats() })
  end)

  local function call()
    return client:call("get_lists")
  end

  describe("returns results", function()
    it("in the order of the source, whichever call ends first", function()
      inside_and_outside(function()
        local order, ended = {}, {}
        for result, err, item in client:map({ 5, 1, 4, 2, 3 }, function(item)
          klaviyo.sleep(item / 100)
          ended[#ended + 1] = item
          return "result " .. item, "second"
        end) do
          assert.equal("second", err)
          order[#order + 1] = item
          assert.equal("result " .. item, result)
        end
        assert.same({ 5, 1, 4, 2, 3 }, order)
        assert.same({ 1, 2, 3, 4, 5 }, ended)
      end)
    end)

    it("of calls, or false and the error", function()
      inside_and_outside(function()
        local ids = {}
        for profile in client:each("get_profiles", { limit = 5 }) do
          ids[#ids + 1] = profile.id
        end
        table.insert(ids, 3, "nobody")
        local mapped = {}
        local iterator = client:map(ids, function(id)
          return client.profiles:get(id)
        end)
        for doc, err, id in iterator do
          mapped[#mapped + 1] = id
          if id == "nobody" then
            assert.is_false(doc)
            assert.equal(404, err.status)
          else
            assert.equal(id, doc.data.id)
            assert.is_nil(err)
          end
        end
        assert.same(ids, mapped)
        assert.equal(6, iterator.count)
      end)
    end)

    it("as false for nil and false, and continues", function()
      local results = {}
      for result, err, item in client:map({ 1, 2, 3, 4 }, function(item)
        if item == 2 then
          return nil, "why"
        elseif item == 3 then
          return false
        elseif item == 1 then
          return
        end
        return item
      end) do
        results[item] = { result, err }
      end
      assert.same({ { false }, { false, "why" }, { false }, { 4 } }, results)
    end)

    it("none from an empty source", function()
      for _ in client:map({}, call) do
        error("there is none")
      end
      local iterator = client:map({ "x" }, call)
      assert.is_truthy((iterator:next()))
      assert.is_nil((iterator:next()))
      assert.is_nil((iterator:next()))
      assert.equal(1, iterator.count)
    end)
  end)

  describe("takes its items from", function()
    local function items_of(source)
      local items = {}
      for _, _, item in client:map(source, function() end, { concurrency = 3 }) do
        items[#items + 1] = item
      end
      return items
    end

    it("a list, up to its first nil", function()
      assert.same({ "a", false, "c" }, items_of { "a", false, "c", nil, "e" })
    end)

    it("a function, until nil", function()
      local at = 0
      assert.same({ 1, 2, 3, 4, 5 }, items_of(function()
        at = at + 1
        return at <= 5 and at or nil
      end))
      assert.same({ 1, 2, 3, 4 }, items_of(coroutine.wrap(function()
        for i = 1, 4 do
          coroutine.yield(i)
        end
      end)))
      assert.same({ "a", "b" }, items_of(("a b"):gmatch("%a")))
    end)

    it("a callable table", function()
      assert.same({ 1, 2, 3 }, items_of(counter(3)))
    end)

    it("an iterator of the client, which requests pages as they are needed", function()
      inside_and_outside(function()
        local count, before = 0, #fixture:log()
        for doc, _, profile in client:map(client.profiles:each { page = { size = 50 } }, function(profile)
          return client.profiles:get(profile.id)
        end, { concurrency = 20 }) do
          assert.equal(profile.id, doc.data.id)
          count = count + 1
        end
        assert.equal(250, count)
        assert.equal(255, #fixture:log(before))
      end)
    end)

    it("another map", function()
      local sum = 0
      for result in client:map(client:map({ 1, 2, 3, 4 }, function(item)
        klaviyo.sleep(0.001)
        return item * 10
      end), function(item)
        klaviyo.sleep(0.001)
        return item + 1
      end) do
        sum = sum + result
      end
      assert.equal(104, sum)
    end)
  end)

  describe("runs concurrently", function()
    it("at most options.concurrency calls", function()
      inside_and_outside(function()
        local now, most, total = 0, 0, 0
        for _ in client:map(counter(60), function()
          now = now + 1
          total = total + 1
          most = math.max(most, now)
          klaviyo.sleep(0.002)
          now = now - 1
        end, { concurrency = 7 }) do
          assert.is_true(now <= 7)
        end
        assert.equal(7, most)
        assert.equal(60, total)
      end)
    end)

    it("ten requests on the wire by default", function()
      for concurrency, least in pairs { [0] = 0.4, [5] = 0.8, [20] = 0.2, [1] = 0.8 } do
        local total = concurrency == 1 and 8 or 40
        local elapsed
        for _ = 1, 5 do -- the machine may be busy
          fixture.server:fault { delay = 0.1, times = total, operation = "get_lists" }
          local most = 0
          elapsed = timed(function()
            for doc in client:map(counter(total), function()
              local _, running = core.stats()
              most = math.max(most, running)
              return call()
            end, concurrency > 0 and { concurrency = concurrency } or nil) do
              assert.is_truthy(doc)
            end
          end)
          assert.is_true(most <= (concurrency > 0 and concurrency or 10))
          assert.is_true(elapsed >= least, elapsed)
          if elapsed < least * 1.5 + 0.5 then break end
        end
        -- there are at most 16 connections
        assert.is_true(elapsed < least * 1.5 + 0.5, elapsed)
      end
    end)

    it("one call at a time with concurrency = 1", function()
      local log = {}
      for _, _, item in client:map({ 1, 2, 3 }, function(item)
        log[#log + 1] = "begin " .. item
        klaviyo.sleep(0.002)
        log[#log + 1] = "end " .. item
      end, { concurrency = 1 }) do
        log[#log + 1] = "given " .. item
      end
      assert.equal("begin 1 end 1 given 1 begin 2 end 2 given 2 begin 3 end 3 given 3",
        table.concat(log, " "))
    end)

    it("and takes no more items from the source than may be in progress", function()
      inside_and_outside(function()
        local source = counter()
        local received = 0
        local iterator = client:map(source, function(item)
          klaviyo.sleep(item % 3 / 1000)
        end, { concurrency = 8 })
        assert.equal(0, source.taken)
        for _ in iterator do
          received = received + 1
          -- the results so far, and the window that was filled before
          assert.is_true(source.taken <= received - 1 + 8)
          if received == 5 then
            klaviyo.sleep(0.05) -- a slow consumer is not outrun
            assert.is_true(source.taken <= received - 1 + 8)
          elseif received == 50 then
            break
          end
        end
        iterator:close()
        assert.is_true(source.taken <= 57)
      end)
    end)
  end)

  describe("raises", function()
    it("an error of the function, in the order of the results", function()
      inside_and_outside(function()
        local object, results = { "an object" }, {}
        local iterator = client:map({ 1, 2, 3, 4, 5 }, function(item)
          klaviyo.sleep((5 - item) / 200)
          if item == 3 then
            error(object)
          end
          return item
        end)
        assert.equal(object, raised(function()
          for result in iterator do
            results[#results + 1] = result
          end
        end))
        assert.same({ 1, 2 }, results)
        assert.is_nil((iterator:next())) -- it is over
      end)
    end)

    it("an error of the source, after all results before it", function()
      inside_and_outside(function()
        local results, at = {}, 0
        local iterator = client:map(function()
          at = at + 1
          if at == 4 then
            error({ "no more" })
          end
          return at
        end, function(item)
          klaviyo.sleep(0.01)
          return item
        end)
        assert.same({ "no more" }, raised(function()
          for result in iterator do
            results[#results + 1] = result
          end
        end))
        assert.same({ 1, 2, 3 }, results)
        assert.is_nil((iterator:next()))
        assert.equal(4, at)
      end)
    end)

    it("the error object of a source whose page fails", function()
      fixture.server:fault { status = 500, body = "no", operation = "get_profiles", skip = 1 }
      local received = 0
      local err = raised(function()
        for _ in client:map(client.profiles:each { page = { size = 50 } }, function(profile)
          return client.profiles:get(profile.id)
        end) do
          received = received + 1
        end
      end)
      assert.equal(500, err.status)
      assert.equal("get_profiles", err.operation)
      assert.equal(50, received)
    end)

    it("and then cancels the other calls", function()
      fixture.server:fault { delay = 5, times = 9, skip = 1 }
      local elapsed = timed(raised, function()
        for _ in client:map(counter(), function(item)
          local doc = call()
          if item == 1 then
            error("the first")
          end
          return doc
        end) do end -- luacheck: ignore 542
      end)
      assert.is_true(elapsed < 2, elapsed)
      assert.same({ 0, 0 }, { core.stats() })
    end)

    it("for an invalid source, function or number", function()
      raises("map takes a list or an iterator, not a string", function()
        client:map("list", call)
      end)
      raises('the source of map must be a list; this table has no [1], but "a"', function()
        client:map({ a = 1 }, call)
      end)
      raises("map needs a function to apply, not nil", function()
        client:map({ 1 })
      end)
      for _, wrong in ipairs { 0, -1, 1.5, "3", 0 / 0, math.huge } do
        raises("concurrency must be a whole number from 1", function()
          client:map({ 1 }, call, { concurrency = wrong })
        end)
      end
      raises({ 'unknown option of map "concurency"', 'did you mean "concurrency"' }, function()
        client:map({ 1 }, call, { concurency = 3 })
      end)
    end)
  end)

  describe("that is abandoned", function()
    it("cancels the calls in progress", function()
      inside_and_outside(function()
        fixture.server:fault { delay = 5, times = 9, skip = 1 }
        local elapsed = timed(function()
          for _ in client:map(counter(), call) do -- luacheck: ignore 512
            break
          end
          collectgarbage() -- for a Lua without to-be-closed variables
          collectgarbage()
          assert.same({ 0, 0 }, { core.stats() })
        end)
        assert.is_true(elapsed < 2, elapsed)
        fixture.server:clear_faults()
      end)
    end)

    it("lets no task continue that sleeps or would make another call", function()
      inside_and_outside(function()
        local went_on = 0
        for _ in client:map({ 1, 2, 3, 4 }, function(item) -- luacheck: ignore 512
          if item > 1 then
            klaviyo.sleep(0.01)
            went_on = went_on + 1
          end
        end) do
          break
        end
        collectgarbage()
        collectgarbage()
        klaviyo.run(klaviyo.sleep, 0.03)
        assert.equal(0, went_on)
      end)
    end)

    it("can be closed twice, and returns nothing afterwards", function()
      local iterator = client:map(counter(), call)
      assert.is_truthy((iterator:next()))
      iterator:close()
      iterator:close()
      assert.same({ 0, 0 }, { core.stats() })
      assert.is_nil((iterator:next()))
    end)

    it("while its source runs does not take that item", function()
      klaviyo.run(function()
        local taken = {}
        local iterator = client:map(function()
          klaviyo.sleep(0.01)
          return "item"
        end, function(item)
          taken[#taken + 1] = item
        end)
        local task = klaviyo.spawn(iterator.next, iterator)
        klaviyo.sleep(0)
        iterator:close()
        assert.is_nil((task:wait()))
        klaviyo.sleep(0)
        assert.same({}, taken)
      end)
    end)

    it("with its task is cancelled with it", function()
      fixture.server:fault { delay = 5, times = 100 }
      klaviyo.run(function()
        local task = klaviyo.spawn(function()
          for _ in client:map(counter(), call) do end -- luacheck: ignore 542
        end)
        klaviyo.sleep(0.05)
        assert.equal(10, select(2, core.stats()))
        task:cancel()
      end)
      collectgarbage()
      collectgarbage()
      assert.same({ 0, 0 }, { core.stats() })
    end)
  end)

  it("runs inside several tasks at a time, each in its own order", function()
    local sums = {}
    fixture.server:fault { delay = 0.02, rate = 1 }
    local elapsed = timed(klaviyo.run, function()
      for name = 1, 4 do
        klaviyo.spawn(function()
          local before = 0
          for doc, _, item in client:map(counter(12), call, { concurrency = 3 }) do
            assert.equal(before + 1, item)
            assert.equal(2, #doc.data)
            before = item
          end
          sums[name] = before
        end)
      end
    end)
    assert.same({ 12, 12, 12, 12 }, sums)
    assert.is_true(elapsed < 0.9, elapsed) -- one after the other: 48 × 0.02 s
  end)

  it("can alternate with another map in one function", function()
    inside_and_outside(function()
      local one = client:map(counter(), function(item)
        return call() and "one " .. item
      end, { concurrency = 4 })
      local two = client:map(counter(), function(item)
        return call() and "two " .. item
      end, { concurrency = 4 })
      for i = 1, 20 do
        assert.equal("one " .. i, (one:next()))
        assert.equal("two " .. i, (two:next()))
      end
      one:close()
      assert.equal("two 21", (two:next()))
      two:close()
    end)
  end)

  it("can be shared by several tasks: each result is returned once", function()
    local items, count = {}, 0
    local iterator = client:map(counter(100), function(item)
      return call() and item
    end, { concurrency = 10 })
    klaviyo.run(function()
      for _ = 1, 5 do
        klaviyo.spawn(function()
          for item in iterator do
            assert.is_nil(items[item])
            items[item] = true
            count = count + 1
          end
        end)
      end
    end)
    assert.equal(100, count)
  end)

  it("can be used within a map, and within tasks that a map spawns", function()
    local total = 0
    for sum in client:map({ 1, 2, 3 }, function(item)
      local sum = 0
      for result in client:map(counter(4), function(inner)
        return klaviyo.spawn(function()
          call()
          return inner * item
        end):wait()
      end) do
        sum = sum + result
      end
      return sum
    end) do
      total = total + sum
    end
    assert.equal(60, total)
  end)

  it("processes ten thousand items, in the memory of its window #memory", function()
    local function iterate(count)
      local last, most = 0, 0
      for doc, _, item in client:map(counter(count), call, { concurrency = 30 }) do
        assert(doc and item == last + 1)
        last = item
        if item % 1000 == 0 then
          collectgarbage()
          collectgarbage()
          most = math.max(most, collectgarbage("count"))
        end
      end
      assert.equal(count, last)
      return most
    end
    local before = iterate(1000)
    assert.is_true(iterate(10000) < before + 256)
  end)
end)
