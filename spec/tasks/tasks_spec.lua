-- Concurrent calls in direct style: what lets others run, what blocks, and
-- where errors are raised.
local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local run, spawn, sleep = klaviyo.run, klaviyo.spawn, klaviyo.sleep

-- Calls a function; returns the elapsed seconds and its results.
local function timed(fn, ...)
  local began = core.clock()
  local result = fn(...)
  return core.clock() - began, result
end

local function fails(message)
  return function()
    error(message, 0)
  end
end

-- Returns the error that a function raises.
local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- A failed run leaves no task and no error to the next run.
local function is_clean()
  local elapsed, result = timed(run, function()
    return "fine"
  end)
  assert.equal("fine", result)
  assert.is_true(elapsed < 1)
end

-- Runs if the language has to-be-closed variables.
local function it_closes(...)
  if coroutine.close then
    it(...)
  end
end

describe("a task", function()
  after_each(is_clean)

  it("returns what its function returns, including nils", function()
    assert.same({ n = 3, 1, nil, 3 }, { n = select("#", run(function(...)
      return ...
    end, 1, nil, 3)), run(function(...)
      return ...
    end, 1, nil, 3) })
    assert.equal(0, select("#", run(function() end)))
  end)

  it("starts when its spawner waits, in the order of the spawns", function()
    local order = {}
    run(function()
      for i = 1, 3 do
        spawn(function(name)
          order[#order + 1] = name
        end, "task " .. i)
      end
      order[#order + 1] = "main"
    end)
    assert.same({ "main", "task 1", "task 2", "task 3" }, order)
  end)

  it("is done when run returns", function()
    local done = 0
    local elapsed = timed(run, function()
      for _ = 1, 10 do
        spawn(function()
          sleep(0.1)
          spawn(function()
            sleep(0.1)
            done = done + 1
          end)
        end)
      end
    end)
    assert.equal(10, done)
    assert.is_true(elapsed >= 0.2 and elapsed < 1, elapsed)
  end)

  it("can be waited for by several tasks, and after its end", function()
    run(function()
      local task = spawn(function()
        sleep(0.02)
        return "a", nil, "c"
      end)
      local finished = 0
      for _ = 1, 3 do
        spawn(function()
          assert.same({ "a", nil, "c" }, { task:wait() })
          finished = finished + 1
        end)
      end
      assert.is_false(task.done)
      assert.same({ "a", nil, "c" }, { task:wait() })
      assert.is_true(task.done)
      assert.same({ "a", nil, "c" }, { task:wait() })
      sleep(0)
      assert.equal(3, finished)
    end)
  end)

  it("runs outside of run while it is waited for", function()
    local count = 0
    local other = spawn(function()
      sleep(0.02)
      count = count + 1
    end)
    local task = spawn(function()
      sleep(0.05)
      return "there"
    end)
    sleep(0.03)
    assert.equal(0, count)
    assert.equal("there", task:wait())
    assert.equal(1, count)
    other:wait()
  end)

  it("that was spawned outside continues in the next run", function()
    local done = false
    spawn(function()
      sleep(0.02)
      done = true
    end)
    run(function() end)
    assert.is_true(done)
  end)

  it("lets the others run when it calls coroutine.yield", function()
    local order = {}
    run(function()
      for name = 1, 2 do
        spawn(function()
          for step = 1, 2 do
            order[#order + 1] = name .. "." .. step
            coroutine.yield("whatever")
          end
        end)
      end
    end)
    assert.same({ "1.1", "2.1", "1.2", "2.2" }, order)
  end)

  it("needs a function", function()
    raises("a task needs a function to run, not a table", function()
      spawn({})
    end)
    raises("a task needs a function to run, not nil", function()
      run()
    end)
  end)
end)

describe("sleep", function()
  it("takes the time that was passed, inside and outside of run", function()
    for _, how in ipairs { run, function(fn) fn() end } do
      local elapsed = timed(how, function()
        sleep(0.11)
      end)
      assert.is_true(elapsed >= 0.11 and elapsed < 0.5, elapsed)
    end
  end)

  it("lets others run, which wake in the order of their times", function()
    local order = {}
    run(function()
      for _, time in ipairs { 0.05, 0.01, 0.04, 0.02, 0.03 } do
        spawn(function()
          sleep(time)
          order[#order + 1] = time
        end)
      end
    end)
    assert.same({ 0.01, 0.02, 0.03, 0.04, 0.05 }, order)
  end)

  it("of zero seconds lets others run, too", function()
    local order = {}
    run(function()
      spawn(function()
        order[#order + 1] = "other"
      end)
      sleep(0)
      order[#order + 1] = "main"
    end)
    assert.same({ "other", "main" }, order)
    sleep(0)
    sleep(-1)
  end)

  it("needs a number", function()
    raises("sleep takes a number of seconds, not a string", function()
      sleep("1")
    end)
  end)
end)

describe("an error in a task", function()
  after_each(is_clean)

  it("is raised by run if nobody waits for the task", function()
    local went_on = false
    assert.equal("lost", raised(run, function()
      spawn(fails "lost")
      sleep(0.01)
      went_on = true
    end))
    assert.is_true(went_on)
  end)

  it("is raised to those who wait, and then not by run", function()
    local message = run(function()
      local task = spawn(fails "mine")
      local first = raised(task.wait, task)
      assert.equal(first, raised(task.wait, task))
      return first
    end)
    assert.equal("mine", message)
  end)

  it("is raised to a task that waits later", function()
    run(function()
      local task = spawn(fails "early")
      sleep(0.01)
      assert.is_true(task.done)
      assert.equal("early", raised(task.wait, task))
    end)
  end)

  it("keeps its value", function()
    local object = setmetatable({}, { __tostring = function() return "text" end })
    for _, value in ipairs { object, 42, false } do
      assert.equal(value, raised(run, fails(value)))
      assert.equal(value, raised(run, function()
        spawn(fails(value))
      end))
      assert.equal(value, raised(run, function()
        spawn(fails(value)):wait()
      end))
    end
    -- Lua 5.5 replaces a nil error by a text
    assert.equal(select(2, pcall(error, nil)), raised(run, function()
      spawn(fails(nil))
    end))
  end)

  it("of a call is the error object", function()
    local client = require "spec.support.connect" ("http://127.0.0.1:1")
    local err = raised(run, function()
      spawn(function()
        for _ in client.profiles:each() do end -- luacheck: ignore 542
      end)
    end)
    assert.is_true(errors.is(err))
    assert.equal("transport", err.kind)
  end)

  it("passes through a chain of waiting tasks", function()
    local depth = 0
    assert.equal("deep", raised(run, function()
      local function nest(level)
        if level == 0 then
          error("deep", 0)
        end
        depth = depth + 1
        return spawn(nest, level - 1):wait()
      end
      nest(50)
    end))
    assert.equal(50, depth)
  end)

  it("is caught by a pcall around the wait", function()
    local got = run(function()
      local list = {}
      for i = 1, 3 do
        local ok, err = pcall(function()
          sleep(0.01)
          if i == 2 then
            error("second", 0)
          end
        end)
        list[i] = ok or err
      end
      return list
    end)
    assert.same({ true, "second", true }, got)
  end)

  it("does not stop the other tasks", function()
    local done = 0
    assert.equal("one of them", raised(run, function()
      spawn(fails "one of them")
      for _ = 1, 3 do
        spawn(function()
          sleep(0.02)
          done = done + 1
        end)
      end
    end))
    assert.equal(3, done)
  end)

  it("is raised with the others that nobody waited for, the first one first", function()
    local first = { kind = "api", status = 400 }
    local err = raised(run, function()
      for i, value in ipairs { first, "second", "third" } do
        spawn(function()
          sleep(i / 100)
          error(value, 0)
        end)
      end
    end)
    assert.same({ first, "second", "third" }, err.failures)
    assert.equal(3, err.count)
    assert.equal("api", err.kind)
    assert.equal(400, err.status)
    assert.is_nil(err.message)
    assert.matches("^3 tasks failed:\n  table: .*\n  second\n  third$", tostring(err))
    assert.matches("^x: 3 tasks", "x: " .. err)
    assert.is_nil(raised(run, function()
      spawn(fails "a")
      spawn(fails "b")
    end).kind)
  end)

  it("of the main function cancels the tasks, and contains their errors", function()
    local went_on = false
    local elapsed, err = timed(raised, run, function()
      spawn(function()
        sleep(5)
        went_on = true
      end)
      error("main", 0)
    end)
    assert.equal("main", err)
    assert.is_true(elapsed < 1)
    assert.is_false(went_on)
    err = raised(run, function()
      spawn(fails "other")
      sleep(0.01)
      error("main", 0)
    end)
    assert.same({ "main", "other" }, err.failures)
  end)

  it("that nobody waited for outside is raised by the next run", function()
    spawn(fails "left behind")
    assert.equal("left behind", raised(run, function() end))
  end)

  it_closes("in a __close of a cancelled task is not lost", function()
    local body = assert(load [[
      local sleep, object = ...
      local closing <close> = object
      sleep(5)
    ]])
    assert.equal("cannot close", raised(run, function()
      local task = spawn(body, sleep, setmetatable({}, { __close = fails "cannot close" }))
      sleep(0)
      task:cancel()
    end))
  end)
end)

describe("a wait that would deadlock", function()
  after_each(is_clean)

  local NEVER = "this task would wait forever"

  it("for the task itself raises an error", function()
    run(function()
      local me
      me = spawn(function()
        raises("a task cannot wait for itself", function()
          me:wait()
        end)
      end)
      me:wait()
    end)
  end)

  it("in a circle raises an error", function()
    run(function()
      local tasks, refused = {}, 0
      for i = 1, 4 do
        tasks[i] = spawn(function()
          local ok, message = pcall(tasks[i % 4 + 1].wait, tasks[i % 4 + 1])
          if not ok then
            assert.matches(NEVER, message)
            refused = refused + 1
          end
        end)
      end
      for i = 1, 4 do
        tasks[i]:wait()
      end
      assert.equal(1, refused)
    end)
  end)

  it("for the run that waits for the task raises an error", function()
    run(function()
      local outer
      outer = spawn(function()
        run(function()
          assert.matches(NEVER, raised(function()
            outer:wait()
          end))
          spawn(function()
            assert.matches(NEVER, raised(function()
              outer:wait()
            end))
          end)
        end)
        return "well"
      end)
      assert.equal("well", outer:wait())
    end)
  end)

  it("for the task that runs this coroutine raises an error", function()
    run(function()
      local task
      task = spawn(function()
        local other = spawn(function()
          return task:wait()
        end)
        local message
        coroutine.wrap(function()
          message = raised(other.wait, other)
        end)()
        assert.matches(NEVER, message)
        return "well"
      end)
      assert.equal("well", task:wait())
    end)
  end)

  it("for a task that is blocked below the current one raises an error", function()
    run(function()
      local long = spawn(sleep, 0.05)
      local beneath
      beneath = spawn(function()
        coroutine.wrap(function()
          long:wait()
        end)()
        return "well"
      end)
      spawn(function()
        local waiter = spawn(function()
          return beneath:wait()
        end)
        coroutine.wrap(function()
          assert.matches(NEVER, raised(waiter.wait, waiter))
        end)()
        assert.equal("well", waiter:wait())
      end)
    end)
  end)

  it("is not reported for chains and diamonds", function()
    assert.equal(1000, run(function()
      local last = spawn(function()
        sleep(0.01)
        return 0
      end)
      for _ = 1, 1000 do
        local before = last
        last = spawn(function()
          return before:wait() + 1
        end)
      end
      return last:wait()
    end))
  end)
end)

describe("a task that is cancelled", function()
  after_each(is_clean)

  it("stops, and takes no more time", function()
    local went_on = false
    local elapsed = timed(run, function()
      local task = spawn(function()
        sleep(5)
        went_on = true
      end)
      sleep(0.01)
      task:cancel()
      assert.is_true(task.done)
      task:cancel()
    end)
    assert.is_false(went_on)
    assert.is_true(elapsed < 1, elapsed)
  end)

  it("never starts if it has not started yet", function()
    local begun = false
    run(function()
      spawn(function()
        begun = true
      end):cancel()
    end)
    assert.is_false(begun)
  end)

  it("raises an error of kind cancelled to those who wait for it", function()
    run(function()
      local task = spawn(sleep, 5)
      local waiter = spawn(function()
        return raised(task.wait, task)
      end)
      sleep(0.01)
      task:cancel()
      local err = waiter:wait()
      assert.is_true(errors.is(err))
      assert.equal("cancelled", err.kind)
      assert.equal("klaviyo: the task was cancelled", tostring(err))
      assert.equal(err, raised(task.wait, task))
    end)
  end)

  it("keeps its results if it is done", function()
    run(function()
      local task = spawn(function() return 7 end)
      task:wait()
      task:cancel()
      assert.equal(7, task:wait())
    end)
  end)

  it("by itself stops at once", function()
    local before, after = false, false
    run(function()
      local me
      me = spawn(function()
        before = true
        me:cancel()
        after = true
      end)
      assert.equal("cancelled", raised(me.wait, me).kind)
    end)
    assert.is_true(before)
    assert.is_false(after)
  end)

  it("while it runs ends at its next wait", function()
    local after = false
    run(function()
      local me
      me = spawn(function()
        coroutine.wrap(function()
          me:cancel()
        end)()
        sleep(0)
        after = true
      end)
      sleep(0.01)
      assert.is_true(me.done)
    end)
    assert.is_false(after)
  end)

  it("cancels what runs inside of it", function()
    local went_on = false
    run(function()
      local task = spawn(function()
        run(function()
          spawn(function()
            sleep(0.03)
            went_on = true
          end)
        end)
      end)
      sleep(0.01)
      task:cancel()
    end)
    run(sleep, 0.05)
    assert.is_false(went_on)
  end)

  it_closes("closes its to-be-closed variables", function()
    local closed = false
    run(function()
      local task = spawn(assert(load [[
        local sleep, object = ...
        local closing <close> = object
        sleep(5)
      ]]), sleep, setmetatable({}, { __close = function() closed = true end }))
      sleep(0)
      task:cancel()
      assert.is_true(closed)
    end)
  end)
end)

describe("a run within a run", function()
  after_each(is_clean)

  it("returns what its function returns, and waits for its own tasks only", function()
    local order = {}
    local elapsed = timed(run, function()
      spawn(function()
        sleep(0.3)
        order[#order + 1] = "outer"
      end)
      assert.equal("value", run(function()
        spawn(function()
          sleep(0.05)
          order[#order + 1] = "inner"
        end)
        return "value"
      end))
      order[#order + 1] = "between"
    end)
    assert.same({ "inner", "between", "outer" }, order)
    assert.is_true(elapsed < 1)
  end)

  it("raises its own errors to its caller", function()
    local went_on = false
    run(function()
      assert.equal("inner", raised(run, function()
        spawn(function()
          sleep(5)
          went_on = true
        end)
        error("inner", 0)
      end))
      assert.equal("unseen", raised(run, function()
        spawn(fails "unseen")
      end))
    end)
    assert.is_false(went_on)
  end)

  it("can run beside others, each to its end", function()
    local elapsed = timed(run, function()
      for i = 1, 20 do
        spawn(function()
          assert.equal(i, run(function()
            spawn(sleep, 0.1)
            return i
          end))
        end)
      end
    end)
    assert.is_true(elapsed < 1, elapsed) -- one after the other: 2 s
  end)

  it("blocks in a coroutine that is not a task, and ends", function()
    local others = 0
    run(function()
      spawn(function()
        sleep(0.01)
        others = others + 1
      end)
      local got = coroutine.wrap(function()
        return run(function()
          sleep(0.05)
          return "got"
        end)
      end)()
      assert.equal("got", got)
      assert.equal(1, others)
    end)
  end)
end)

describe("coroutines that are not tasks", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 60 })

  after_each(is_clean)

  local function generator(count)
    return coroutine.wrap(function()
      for i = 1, count do
        assert(fixture.client:call("get_lists"))
        coroutine.yield(i)
      end
    end)
  end

  it("can make calls, which block", function()
    local sum = 0
    for i in generator(3) do
      sum = sum + i
    end
    assert.equal(6, sum)
  end)

  it("can make calls within any number of tasks", function()
    local sums = {}
    run(function()
      for task = 1, 5 do
        spawn(function()
          sums[task] = 0
          for i in generator(4) do
            sums[task] = sums[task] + i
            assert(fixture.client:call("get_lists"))
          end
        end)
      end
    end)
    assert.same({ 10, 10, 10, 10, 10 }, sums)
  end)

  it("can wait for tasks and sleep while the other tasks run", function()
    local others = 0
    run(function()
      for _ = 1, 10 do
        spawn(function()
          sleep(0.01)
          assert(fixture.client:call("get_lists"))
          others = others + 1
        end)
      end
      local task = spawn(function()
        sleep(0.1)
        return assert(fixture.client:call("get_lists")).data
      end)
      local data = coroutine.wrap(function()
        sleep(0.01)
        return task:wait()
      end)()
      assert.equal(2, #data)
      assert.equal(10, others)
    end)
  end)

  it("can contain tasks that contain coroutines that contain tasks", function()
    local result = coroutine.wrap(function()
      return run(function()
        return coroutine.wrap(function()
          return spawn(function()
            return coroutine.wrap(function()
              return #assert(fixture.client:call("get_lists")).data
            end)()
          end):wait()
        end)()
      end)
    end)()
    assert.equal(2, result)
  end)

  it("block where Lua cannot yield: in a replacement function of gsub", function()
    local text = run(function()
      local other = spawn(function()
        return (fixture.client:call("get_lists"))
      end)
      local replaced = ("a b"):gsub("%a", function(letter)
        local doc = assert(fixture.client:call("get_lists"))
        assert(other:wait())
        return letter .. #doc.data
      end)
      return replaced
    end)
    assert.equal("a2 b2", text)
  end)

  it("that are abandoned leave nothing behind", function()
    run(function()
      for _ = 1, 50 do
        local one = generator(3)
        one()
      end
      collectgarbage()
    end)
  end)
end)

describe("calls", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 250 })
  local client

  setup(function()
    client = fixture.client
    assert(client:call("get_lists"))
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  after_each(is_clean)

  it("run concurrently inside tasks; the same code outside blocks", function()
    fixture.server:fault { delay = 0.1, times = 10 }
    local function work()
      return #assert(client:call("get_lists")).data
    end
    local elapsed = timed(run, function()
      for _ = 1, 5 do
        spawn(function()
          assert.equal(2, work())
        end)
      end
    end)
    assert.is_true(elapsed >= 0.1 and elapsed < 0.4, elapsed)
    elapsed = timed(function()
      for _ = 1, 5 do
        assert.equal(2, work())
      end
    end)
    assert.is_true(elapsed >= 0.5, elapsed)
  end)

  it("return their errors, each to its own task", function()
    fixture.server:fault { status = 500, body = "no", times = 3 }
    local good, bad = 0, 0
    run(function()
      for _ = 1, 10 do
        spawn(function()
          local doc, err = client:call("get_lists")
          if doc then
            good = good + 1
          else
            assert.equal(500, err.status)
            bad = bad + 1
          end
        end)
      end
    end)
    assert.equal(7, good)
    assert.equal(3, bad)
  end)

  it("iterate inside tasks: each, pages, ids", function()
    local counts = {}
    run(function()
      for _, name in ipairs { "each", "pages", "ids" } do
        for i = 1, 3 do
          spawn(function()
            local count = 0
            for _ in client[name](client, "get_profiles", { page = { size = 20 } }) do
              count = count + 1
            end
            counts[name .. i] = count
          end)
        end
      end
    end)
    assert.same({ each1 = 250, each2 = 250, each3 = 250, pages1 = 13, pages2 = 13,
      pages3 = 13, ids1 = 250, ids2 = 250, ids3 = 250 }, counts)
  end)

  it("of several tasks can share an iterator: each resource is returned once", function()
    for _, prefetch in ipairs { true, false } do
      local ids, count = {}, 0
      fixture.server:fault { delay = 0.005, operation = "get_profiles", times = 13 }
      local iterator = client:with { prefetch = prefetch }:each("get_profiles",
        { page = { size = 20 }, limit = 245 })
      run(function()
        for _ = 1, 7 do
          spawn(function()
            for profile in iterator do
              assert.is_nil(ids[profile.id])
              ids[profile.id] = true
              count = count + 1
              sleep(0.001)
            end
          end)
        end
      end)
      assert.equal(245, count)
      assert.equal(245, iterator.count)
    end
  end)

  it("of several tasks that share an iterator wait for its pages only", function()
    fixture.server:fault { delay = 0.01, operation = "get_profiles" }
    local iterator = client:each("get_profiles", { page = { size = 20 } })
    local order = {}
    run(function()
      for name = 1, 3 do
        spawn(function()
          assert(iterator:next())
          order[#order + 1] = "had " .. name
          sleep(0.2)
          order[#order + 1] = "slept"
        end)
      end
    end)
    assert.equal("had", order[3]:sub(1, 3))
    assert.equal("slept", order[4])
  end)

  it("of several tasks can share an iterator of pages, one of which fails", function()
    fixture.server:fault { status = 500, body = "no", operation = "get_profiles", skip = 3 }
    local pages = client:pages("get_profiles", { page = { size = 20 } })
    local ids, failed = {}, 0
    run(function()
      for _ = 1, 4 do
        spawn(function()
          while true do
            local page, err = pages:next()
            if page then
              local id = page.data[1].id
              assert.is_nil(ids[id])
              ids[id] = true
              ids.count = (ids.count or 0) + 1
            elseif err then
              failed = failed + 1
            else
              return
            end
          end
        end)
      end
    end)
    assert.equal(13, ids.count)
    assert.equal(1, failed)
  end)

  it("started outside can be continued inside, and the reverse", function()
    local iterator = client:each("get_profiles", { page = { size = 20 } })
    local ids = {}
    local function take(count)
      for _ = 1, count do
        ids[#ids + 1] = assert(iterator:next()).id
      end
    end
    take(1) -- requests the second page
    run(take, 40) -- requests the fourth page, too
    take(30)
    coroutine.wrap(take)(20)
    run(take, 159)
    assert.is_nil((iterator:next()))
    table.sort(ids)
    for i = 2, #ids do
      assert.not_equal(ids[i - 1], ids[i])
    end
    assert.equal(250, #ids)
  end)

  it("of a cancelled task are cancelled", function()
    fixture.server:fault { delay = 5 }
    local elapsed = timed(run, function()
      local task = spawn(function()
        client:call("get_lists")
      end)
      sleep(0.02)
      assert.same({ 0, 1 }, { core.stats() })
      task:cancel()
      assert.same({ 0, 0 }, { core.stats() })
    end)
    assert.is_true(elapsed < 2, elapsed)
  end)

  it("are cancelled if the main function fails", function()
    fixture.server:fault { delay = 5, times = 20 }
    local elapsed = timed(raised, run, function()
      for _ = 1, 20 do
        spawn(function()
          client:call("get_lists")
        end)
      end
      sleep(0.05)
      error("enough", 0)
    end)
    assert.is_true(elapsed < 2, elapsed)
    assert.same({ 0, 0 }, { core.stats() })
  end)

  it("proceed while a task is always busy", function()
    fixture.server:fault { delay = 0.05, times = 2 }
    local turns, done = 0, 0
    run(function()
      for _ = 1, 2 do
        spawn(function()
          assert(client:call("get_lists"))
          done = done + 1
        end)
      end
      while done < 2 do
        turns = turns + 1
        assert.is_true(turns < 1e7)
        sleep(0)
      end
    end)
  end)

  it("of a task that was garbage collected are cancelled", function()
    fixture.server:fault { delay = 5, times = 10 }
    do
      local tasks = require "klaviyo.tasks"
      local held = {} -- luacheck: ignore 241
      for i = 1, 10 do
        held[i] = tasks.start(function()
          client:call("get_lists")
        end)
      end
      run(sleep, 0.02)
      assert.equal(10, select(2, core.stats()))
      held = nil -- luacheck: ignore 311
    end
    collectgarbage()
    collectgarbage()
    assert.same({ 0, 0 }, { core.stats() })
  end)
end)

describe("a function that returns the token", function()
  local fixture = sandbox.here(setup, teardown)

  -- The server accepts the key only.
  local function client_of(give)
    return fixture:new_client {
      access_token = give, auth_scheme = "Klaviyo-API-Key", rate_limit_key = "a",
    }
  end

  it("is called once if many calls were rejected with one token", function()
    local askings, at_once, most, refused = 0, 0, 0, {}
    local token = "stale"
    local client = client_of(function(old)
      at_once = at_once + 1
      most = math.max(most, at_once)
      if old then
        askings = askings + 1
        refused[#refused + 1] = old
        assert(fixture.client:call("get_lists")) -- refreshing the token takes a call
        token = fixture.key
      end
      at_once = at_once - 1
      return token
    end)
    run(function()
      for _ = 1, 50 do
        spawn(function()
          assert(client:call("get_lists"))
        end)
      end
    end)
    assert.equal(1, askings)
    assert.equal(1, most)
    assert.same({ "stale" }, refused)
  end)

  it("is called by one task at a time, for the first token, too", function()
    local token, refreshes = nil, 0
    local client = client_of(function()
      if not token then
        refreshes = refreshes + 1
        sleep(0.02)
        token = fixture.key
      end
      return token
    end)
    run(function()
      for _ = 1, 20 do
        spawn(function()
          assert(client:call("get_lists"))
        end)
      end
    end)
    assert.equal(1, refreshes)
  end)

  it("is called again by the next task if it raises or is cancelled", function()
    local calls = 0
    local client = client_of(function()
      calls = calls + 1
      if calls == 1 then
        sleep(5)
      elseif calls == 2 then
        sleep(0.01)
        error("not now", 0)
      end
      return fixture.key
    end)
    run(function()
      local function call()
        return client:call("get_lists")
      end
      local tasks = {}
      for i = 1, 4 do
        tasks[i] = spawn(call)
      end
      sleep(0.02)
      tasks[1]:cancel()
      local failed = 0
      for i = 2, 4 do
        local ok, doc = pcall(tasks[i].wait, tasks[i])
        failed = failed + (ok and 0 or 1)
        assert(not ok or doc)
      end
      assert.equal(1, failed)
    end)
    assert.equal(4, calls)
  end)

  it("cannot make calls that need the token", function()
    local client
    client = client_of(function()
      local _, err = client:call("get_lists")
      return err
    end)
    local refused = "tasks_spec.lua:%d+: the function access_token would wait for itself"
    assert.matches(refused, raised(client.call, client, "get_lists"))
    run(function()
      assert.matches(refused, raised(client.call, client, "get_lists"))
    end)
  end)
end)

describe("tens of thousands of tasks #memory #alone", function()
  local fixture = sandbox.here(setup, teardown)

  -- Kilobytes that a run keeps, not counting tables that have grown.
  local function kept(fn)
    for _ = 1, 3 do
      fn()
    end
    collectgarbage()
    collectgarbage()
    local before = collectgarbage("count")
    fn()
    collectgarbage()
    collectgarbage()
    return collectgarbage("count") - before
  end

  it("cost their own work only, and leave nothing behind", function()
    local count = 0
    local elapsed
    assert.is_true(kept(function()
      count = 0
      elapsed = timed(run, function()
        for i = 1, 20000 do
          spawn(function()
            sleep((i * 7919 % 1000) / 10000)
            count = count + 1
          end)
        end
      end)
    end) < 64)
    assert.equal(20000, count)
    assert.is_true(elapsed < 10, elapsed)
  end)

  it("can each make a call", function()
    local count = 0
    run(function()
      for _ = 1, 10000 do
        spawn(function()
          local found = #assert(fixture.client:call("get_lists")).data
          count = count + found
        end)
      end
    end)
    assert.equal(20000, count)
  end)

  it("one after the other need the memory of one task", function()
    local most = 0
    run(function()
      for i = 1, 50000 do
        local task = spawn(i % 3 == 0 and fails "x" or function() end)
        pcall(task.wait, task)
        if i % 1000 == 0 then
          collectgarbage()
          collectgarbage()
          local used = collectgarbage("count")
          if i == 1000 then
            most = used
          end
          assert.is_true(used < most + 64, used - most)
        end
      end
    end)
  end)
end)

describe("Ctrl-C #time", function()
  local fixture = sandbox.here(setup, teardown)

  -- Returns the milliseconds from the signal to the end of a script that has printed
  -- "ready", besides those for which it and the shell waited for a processor; and the
  -- rest of its output.
  local function interrupted(text)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(([[
      package.path = "./?.lua;" .. package.path
      local klaviyo = require "klaviyo"
      local client = require "spec.support.connect" (%q)
      local run, spawn, sleep = klaviyo.run, klaviyo.spawn, klaviyo.sleep
      local cpu_wait, waited = require "spec.support.cpu_wait", nil
      at_end = require "spec.support.finalizer" (function() print("waited " .. waited()) end)
      local function ready() waited = cpu_wait.of() print "ready" io.stdout:flush() end
    ]]):format(fixture.server.base_url) .. text)
    file:close()
    -- without processes between the signal and the end
    local output, status = script.shell(([[(
      timeout -k 1 20 %s %s >%s.out 2>&1 & pid=$!
      for i in $(seq 200); do grep -q ready %s.out && break; sleep 0.05; done
      sleep 0.1
      child=$(cat /proc/$pid/task/$pid/children)
      read -r began rest </proc/uptime; read -r used before rest </proc/self/schedstat
      kill -INT $child; wait $pid; code=$?
      read -r ended rest </proc/uptime; read -r used after rest </proc/self/schedstat
      echo "took $began to $ended, shell $before to $after"
      cat %s.out; rm %s.out; exit $code)]]):format(script.interpreter, name, name,
      name, name, name))
    os.remove(name)
    local began, ended, before, after = output:match("took (%S+) to (%S+), shell (%d*) to (%d*)")
    local waited = ((tonumber(after) or 0) - (tonumber(before) or 0)) / 1e6
      + 1000 * assert(tonumber(output:match("waited (%S+)")), output)
    return (ended - began) * 1000 - waited, output, status
  end

  local function ends_promptly(text)
    fixture.server:fault { delay = 10, times = 1000 }
    local elapsed, output, status = interrupted(text)
    fixture.server:clear_faults()
    assert.matches("interrupted!", output)
    assert.is_nil(output:find("went on", 1, true))
    assert.equal(1, status)
    assert.is_true(elapsed <= 300, "took " .. elapsed .. " ms")
  end

  it("ends a run whose tasks wait for calls", function()
    ends_promptly [[
      run(function()
        for i = 1, 10 do
          spawn(function()
            pcall(client.call, client, "get_lists")
            print "went on"
          end)
        end
        ready()
      end)
    ]]
  end)

  it("ends a run whose tasks sleep and catch errors", function()
    ends_promptly [[
      run(function()
        for i = 1, 10 do
          spawn(function()
            while true do pcall(sleep, 10) end
          end)
        end
        ready()
      end)
      print "went on"
    ]]
  end)

  it("ends a run whose tasks are always ready", function()
    ends_promptly [[
      run(function()
        for i = 1, 10 do
          spawn(function()
            while true do sleep(0) end
          end)
        end
        ready()
      end)
      print "went on"
    ]]
  end)

  it("ends a run whose tasks compute", function()
    ends_promptly [[
      if jit then jit.off() end -- compiled code cannot be interrupted
      local function compute()
        local text = ""
        for i = 1, 2000 do text = tostring(#text + i) end
      end
      run(function()
        for i = 1, 10 do
          spawn(function()
            while true do
              compute()
              sleep(0)
            end
          end)
        end
        ready()
      end)
      print "went on"
    ]]
  end)

  it("ends a map, and what waits for a task", function()
    ends_promptly [[
      ready()
      for _ in client:map({1, 2, 3}, function()
        return client:call("get_lists")
      end) do end
      print "went on"
    ]]
    ends_promptly [[
      local task = spawn(sleep, 10)
      ready()
      task:wait()
      print "went on"
    ]]
  end)

  it("ends a run in a coroutine", function()
    ends_promptly [[
      coroutine.wrap(function()
        run(function()
          spawn(sleep, 10)
          ready()
        end)
      end)()
      print "went on"
    ]]
  end)

  it("leaves a run that can continue if it is caught", function()
    local _, output, status = interrupted [[
      print(pcall(run, function()
        spawn(sleep, 10)
        ready()
        sleep(10)
      end))
      print(run(function()
        spawn(sleep, 0.01)
        return "once more"
      end))
    ]]
    assert.equal(0, status, output)
    assert.matches("false%s+.*interrupted!", output)
    assert.matches("once more", output)
  end)
end)
