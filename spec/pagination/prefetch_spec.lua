-- Iterators request the next page while the program processes this one.
local cjson = require "cjson"
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local cpu_wait = require "spec.support.cpu_wait"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local function timed(fn, ...)
  local began = core.clock()
  fn(...)
  return core.clock() - began
end

local function collect_garbage()
  collectgarbage()
  collectgarbage()
end

-- Blocks for some seconds, without running the event loop.
local function work(seconds)
  script.shell("sleep " .. seconds)
end

describe("an iterator", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 250 })
  local client

  setup(function()
    client = fixture.client
    assert(client:call("get_lists"))
  end)

  before_each(function()
    collect_garbage()
    fixture.server:clear_faults()
  end)

  local function requests()
    return fixture.server:stats().operations.get_profiles or 0
  end

  -- Returns the number of pages that were requested during a function and
  -- shortly afterwards.
  local function requested_during(fn)
    local before = requests()
    fn()
    work(0.05)
    return requests() - before
  end

  describe("that returned a page", function()
    it("has requested the next one only", function()
      for _, name in ipairs { "pages", "each", "ids" } do
        local iterator = client[name](client, "get_profiles", { page = { size = 20 } })
        assert.equal(0, requested_during(function() end))
        assert.equal(2, requested_during(function()
          iterator:next()
        end))
        assert.equal(name == "pages" and 1 or 0, requested_during(function()
          iterator:next()
          work(0.05)
        end))
        iterator:close()
      end
    end)

    it("has requested the next one before it decodes the page", function()
      fixture.server:fault { delay = 0.1, operation = "get_profiles", rate = 1 }
      local decode, running = json.decode, {}
      json.decode = function(...) -- luacheck: ignore 122
        local queued, sent = core.stats()
        running[#running + 1] = queued .. "+" .. sent
        return decode(...)
      end
      local ok, err = pcall(function()
        for _ in client:pages("get_profiles", { page = { size = 100 } }) do end
        for _ in client:each("get_profiles", { page = { size = 100 } }) do end
      end)
      json.decode = decode -- luacheck: ignore 122
      assert.is_true(ok, err)
      assert.same({ "0+1", "0+1", "0+0", "0+1", "0+1", "0+0" }, running)
    end)

    it("requests nothing after the last one", function()
      assert.equal(3, requested_during(function()
        local count = 0
        for _ in client:pages("get_profiles", { page = { size = 100 } }) do
          count = count + 1
        end
        assert.equal(3, count)
      end))
      assert.same({ 0, 0 }, { core.stats() })
    end)

    it("has not requested the next one with prefetch = false, of the client or the call", function()
      for _, way in ipairs {
        function() return client:with { prefetch = false }:pages("get_profiles", { page = { size = 20 } }) end,
        function() return client:pages("get_profiles", { page = { size = 20 } }, { prefetch = false }) end,
        function() return client:with { prefetch = false }:each("get_profiles", { page = { size = 20 } }) end,
      } do
        local iterator = way()
        assert.equal(1, requested_during(function()
          iterator:next()
        end))
        assert.same({ 0, 0 }, { core.stats() })
      end
    end)
  end)

  describe("with a limit", function()
    it("requests only the pages that it needs", function()
      for limit, pages in pairs { [0] = 0, [1] = 1, [19] = 1, [20] = 1, [21] = 2, [40] = 2, [59] = 3, [250] = 13,
        [1000] = 13 } do
        assert.equal(pages, requested_during(function()
          local count = 0
          for _ in client:each("get_profiles", { page = { size = 20 }, limit = limit }) do
            count = count + 1
          end
          assert.equal(math.min(limit, 250), count)
        end), limit)
      end
      for limit = 0, 3 do
        assert.equal(limit, requested_during(function()
          for _ in client:pages("get_profiles", { page = { size = 20 }, limit = limit }) do end
        end))
      end
      assert.equal(1, requested_during(function()
        assert(client.profiles:first { page = { size = 20 } })
      end))
    end)
  end)

  describe("takes the time of the slower of two", function()
    -- Returns the elapsed seconds besides those of the work, and for how many seconds a processor was waited for.
    local function iterate(options, seconds)
      fixture.server:clear_faults()
      fixture.server:fault { delay = 0.04, operation = "get_profiles", times = 13 }
      local worked = 0
      local waited = cpu_wait.of(fixture.server.process.pid)
      local elapsed = timed(function()
        local count = 0
        for _ in client:pages("get_profiles", { page = { size = 20 } }, options) do
          count = count + 1
          worked = worked + timed(work, seconds)
        end
        assert.equal(13, count)
      end)
      return elapsed - worked, waited()
    end

    it("the requests and the program's work #time #alone", function()
      assert.is_true(iterate({ prefetch = false }, 0.04) >= 13 * 0.04)
      local seconds, waited = iterate({}, 0.04)
      assert.is_true(seconds < 13 * 0.02 + waited, seconds)
    end)
  end)

  describe("that is left", function()
    -- a server of its own: it processes the requests that are cancelled some seconds later, and counts them
    local fixture = sandbox.here(setup, teardown, { profiles = 250 }) -- luacheck: ignore 431
    local client -- luacheck: ignore 431

    setup(function()
      client = fixture.client
    end)

    before_each(function()
      fixture.server:clear_faults()
    end)

    it("cancels the request for the next page", function()
      fixture.server:fault { delay = 5, operation = "get_profiles", skip = 1 }
      local elapsed = timed(function()
        for _ in client:each("get_profiles", { page = { size = 20 } }) do -- luacheck: ignore 512
          assert.equal(1, select(2, core.stats()))
          break
        end
        if not coroutine.close then
          collect_garbage() -- this Lua has no to-be-closed variables
        end
        assert.same({ 0, 0 }, { core.stats() })
      end)
      assert.is_true(elapsed < 2, elapsed)
    end)

    it("by an error cancels it, too", function()
      fixture.server:fault { delay = 5, operation = "get_profiles", skip = 1 }
      pcall(function()
        for _ in client:pages("get_profiles", { page = { size = 20 } }) do
          error("enough")
        end
      end)
      if not coroutine.close then
        collect_garbage()
      end
      assert.same({ 0, 0 }, { core.stats() })
    end)

    it("by close, or with its task, cancels it, too", function()
      fixture.server:fault { delay = 5, path = "cursor", times = 2 }
      klaviyo.run(function()
        local iterator = client:pages("get_profiles", { page = { size = 20 } })
        local task = klaviyo.spawn(function()
          for _ in client:pages("get_profiles", { page = { size = 20 } }) do end
        end)
        assert(iterator:next())
        for _ = 1, 100 do
          klaviyo.sleep(0.02)
          if select(2, core.stats()) == 2 then
            break
          end
        end
        assert.equal(2, select(2, core.stats()))
        iterator:close()
        assert.equal(1, select(2, core.stats()))
        task:cancel()
      end)
      collect_garbage()
      assert.same({ 0, 0 }, { core.stats() })
    end)

    it("while another task waits for its page ends for that task, too", function()
      fixture.server:fault { delay = 5, operation = "get_profiles", skip = 1 }
      local iterator = client:pages("get_profiles", { page = { size = 20 } })
      assert(iterator:next())
      local elapsed = timed(klaviyo.run, function()
        local task = klaviyo.spawn(function()
          return { iterator:next() }
        end)
        klaviyo.sleep(0.02)
        iterator:close()
        assert.same({}, task:wait())
      end)
      assert.is_true(elapsed < 2, elapsed)
    end)

    it("by a cancelled task continues for another one", function()
      local iterator = client:each("get_profiles", { page = { size = 100 } })
      for _ = 1, 100 do
        assert(iterator:next())
      end
      klaviyo.run(function()
        local task = klaviyo.spawn(iterator.next, iterator)
        klaviyo.sleep(0)
        task:cancel()
        local count = 0
        for _ in iterator do
          count = count + 1
        end
        assert.is_true(count >= 149)
      end)
    end)
  end)

  describe("whose next page fails", function()
    it("returns all of this one first, and repeats the failed page at the next call", function()
      fixture.server:fault { status = 500, body = "no", operation = "get_profiles", skip = 1 }
      local iterator = client:each("get_profiles", { page = { size = 100 } })
      for _ = 1, 100 do
        assert(iterator:next())
      end
      local profile, err = iterator:next()
      assert.is_nil(profile)
      assert.equal(500, err.status)
      assert.equal(100, iterator.count)
      local count = 0
      for _ in iterator do
        count = count + 1
      end
      assert.equal(150, count)
    end)

    it("raises its error in a loop, after this page was processed", function()
      fixture.server:fault { status = 403, html = true, operation = "get_profiles", skip = 2 }
      local count = 0
      local ok, err = pcall(function()
        for _ in client:each("get_profiles", { page = { size = 100 } }) do
          count = count + 1
        end
      end)
      assert.is_false(ok)
      assert.equal(403, err.status)
      assert.equal(200, count)
    end)

    it("because of the connection does so, too", function()
      -- twice: a dead kept-alive connection is not counted as a failure
      fixture.server:fault { reset = "after", operation = "get_profiles", skip = 1, times = 2 }
      local pages = client:pages("get_profiles", { page = { size = 100 } })
      assert(pages:next())
      local _, err = pages:next()
      assert.equal("transport", err.kind)
      assert(pages:next())
      assert(pages:next())
      assert.is_nil((pages:next()))
    end)

    it("because of its JSON returns it again, and skips none", function()
      local function page(data, next_one)
        return { body = ('{"data":[%s],"links":{"next":%s}}'):format(data, next_one) }
      end
      local function link(number)
        return '"https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=' .. number .. '"'
      end
      local one, two = '{"type":"profile","id":"1"}', '{"type":"profile","id":"2"}'
      raw.with({ answers = { page(one, link(2)), page('{"id":1}00x"}', link(3)), page('{"id":"\\x"}', link(3)),
        page(two, "null") } }, function(server)
        local iterator = connect(server.url, { timeout = 2 }):each("get_profiles")
        assert.equal("1", iterator:next().id)
        for _ = 1, 2 do
          local profile, err = iterator:next()
          assert.is_nil(profile)
          assert.equal("decode", err.kind)
        end
        assert.equal("2", iterator:next().id)
        local profile, err = iterator:next()
        assert.is_nil(profile)
        assert.is_nil(err)
        local times = 0
        for _, request in ipairs(server:requests()) do
          times = times + (request.target:find("cursor%5D=2", 1, true) and 1 or 0)
        end
        assert.equal(3, times)
      end)
    end)

    it("because its response was dropped in the meantime requests it again", function()
      local iterator = client:each("get_profiles", { page = { size = 100 } }, { timeout = 0.2, deadline = 0.3 })
      assert(iterator:next())
      work(0.4)
      local count = 1
      for _ in iterator do
        count = count + 1
      end
      assert.equal(250, count)
    end)

    it("because the token function fails raises an error when the page is needed", function()
      local asked_for = 0
      local own = fixture:new_client {
        access_token = function()
          asked_for = asked_for + 1
          if asked_for == 2 or asked_for == 3 then
            error("no token")
          end
          return fixture.key
        end,
        auth_scheme = "Klaviyo-API-Key",
      }
      local pages = own:pages("get_profiles", { page = { size = 100 } })
      assert(pages:next())
      assert.matches("no token", select(2, pcall(pages.next, pages)))
      assert(pages:next())
      assert(pages:next())
      assert.is_nil((pages:next()))
    end)
  end)

  it("fetches another token after a 401 for the next page", function()
    fixture.server:fault { status = 401, error = "not_authenticated", operation = "get_profiles", skip = 1 }
    local refused = {}
    local own = fixture:new_client {
      access_token = function(old)
        refused[#refused + 1] = old
        return fixture.key
      end,
      auth_scheme = "Klaviyo-API-Key",
    }
    local count = 0
    for _ in own:each("get_profiles", { page = { size = 100 } }) do
      count = count + 1
    end
    assert.equal(250, count)
    assert.same({ fixture.key }, refused)
  end)

  it("prefetches inside tasks as well, each iterator for itself", function()
    -- the second page of each: all five are in progress, however slow this process is
    fixture.server:fault { delay = 2, operation = "get_profiles", skip = 5, times = 5 }
    local counts, most = {}, 0
    assert.equal(5 * 5, requested_during(function()
      klaviyo.run(function()
        for i = 1, 5 do
          klaviyo.spawn(function()
            counts[i] = 0
            for _ in client:pages("get_profiles", { page = { size = 50 } }) do
              counts[i] = counts[i] + 1
              klaviyo.sleep(0.001)
              most = math.max(most, select(2, core.stats()))
            end
          end)
        end
      end)
    end))
    assert.same({ 5, 5, 5, 5, 5 }, counts)
    assert.equal(5, most)
  end)

  it("prefetches the pages of a POST as well", function()
    local function page(cursor)
      return { body = cjson.encode { data = { { type = "x", id = cursor } }, links = { next = cursor
        and "https://a.klaviyo.com/api/metric-aggregates/?page_cursor=" .. cursor or cjson.null } } }
    end
    raw.with({ answers = { page "b", page "c", page() } }, function(server)
      local pages = connect(server.url):pages("query_metric_aggregates", { body = { data = { type = "metric-aggregate",
        attributes = { metric_id = "M" } } } })
      assert(pages:next())
      work(0.1)
      assert.equal(2, #server:requests())
      assert(pages:next())
      assert(pages:next())
      assert.is_nil((pages:next()))
      assert.equal(3, #server:requests())
    end)
  end)
end)
