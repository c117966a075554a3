-- core.perform: submit, wait and take in one; else a ticket.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local leave = require "spec.support.finalizer"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local function perform(url, seconds, more)
  return core.perform(engine.settings(more), engine.request_queue(url), "GET", url .. "/", nil, true, seconds)
end

-- Sets pause and speed of the collector; returns what they were. Lua 5.5 has
-- other words for it.
local function set_collector(pause, speed)
  if _VERSION == "Lua 5.5" then
    return collectgarbage("param", "pause", pause), collectgarbage("param", "stepmul", speed)
  end
  return collectgarbage("setpause", pause), collectgarbage("setstepmul", speed) -- not for Lua 5.5
end

describe("core.perform", function()
  after_each(function()
    collectgarbage()
    collectgarbage()
    engine.pump_until(engine.is_idle)
  end)

  it("returns a response that came in time", function()
    raw.with({ answers = { { status = 201, body = "made" } } }, function(server)
      for _ = 1, 3 do
        local ticket, answer, raw_error = perform(server.url, 5)
        assert.is_false(ticket)
        assert.is_nil(raw_error)
        assert.same({ 201, "made", "1.1", false },
          { answer.status, answer.body, answer.http_version, answer.maybe_sent })
        assert.is_true(answer.elapsed > 0 and answer.elapsed < 5)
      end
    end)
  end)

  it("returns a ticket if the response has not come yet, and another to the next call", function()
    raw.with({ answers = { { pause = 0.3, body = "late" } } }, function(server)
      local first, answer = perform(server.url, 0.02)
      assert.is_nil(answer)
      local second = perform(server.url, 0.02)
      assert.not_equal(first, second)
      assert.equal("klaviyo.ticket (in progress)", tostring(first))
      assert.equal("late", engine.finish(first).body)
      assert.equal("late", engine.finish(second).body)
    end)
  end)

  it("returns the raw error", function()
    raw.with({ on_accept = "reset" }, function(server)
      local ticket, answer, raw_error = perform(server.url, 5)
      assert.is_false(ticket)
      assert.is_nil(answer)
      assert.equal("transport", raw_error.kind)
    end)
  end)

  it("can be called in a finalizer", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local meddled, over = 0, false
      local function meddle()
        local _, answer
        if not over then
          _, answer = perform(server.url, 5)
        end
        meddled = meddled + (answer and answer.body == "{}" and 1 or 0)
      end
      -- collections that come to an end, however much else there is
      local pause, speed = set_collector(10, 1000)
      for i = 1, 50000 do
        if i > 300 and meddled > 20 then
          break
        end
        leave(meddle)
        local _, answer = perform(server.url, 5)
        assert.equal("{}", answer.body)
      end
      over = true
      set_collector(pause, speed)
      assert.is_true(meddled > 20)
    end)
  end)

  it("rejects invalid arguments, and works afterwards", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local settings, request_queue = engine.settings(), engine.request_queue(server.url)
      for _ = 1, 3 do
        assert.has_error(function()
          core.perform(settings, request_queue, "POST", server.url .. "/", { "name", {} }, true, 5)
        end)
        assert.has_error(function() core.perform(settings, request_queue, "GET", server.url .. "/", nil, true) end)
        assert.is_false((core.perform(settings, request_queue, "GET", server.url .. "/", nil, true, 5)))
      end
    end)
  end)

  -- a leak, to a sanitizer
  it("frees everything when the state closes", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local text = [[
        local core, engine = require "klaviyo.core", require "spec.support.engine"
        local settings, request_queue = engine.settings(), engine.request_queue(URL)
        local function perform()
          assert(not core.perform(settings, request_queue, "GET", URL .. "/", nil, true, 5))
        end
        kept = require "spec.support.finalizer"(perform)
        perform()
      ]]
      local output, status = script.run((text:gsub("URL", ("%q"):format(server.url))))
      assert.equal(0, status, output)
    end)
  end)
end)
