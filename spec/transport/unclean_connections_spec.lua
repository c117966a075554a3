-- A connection with unread bytes is not reused: a request never gets the
-- response to another one.
local connect = require "spec.support.connect"
local klaviyo = require "klaviyo"
local misbehaviours = require "spec.support.misbehaviours"
local raw = require "spec.support.raw"
local shell = require "klaviyo.sandbox.shell"
local tables = require "klaviyo.util.tables"

local ECHO = { echo = true }

-- Waits until the server has sent its unsolicited bytes.
local function unasked(server, second)
  return function()
    if second.unasked then
      assert.is_truthy(shell.wait_for(function() return server:unasked() > 0 end, 10))
    end
  end
end

describe("a kept-alive connection, after", function()
  for _, name in ipairs(tables.sorted(misbehaviours.plans)) do
    local second = misbehaviours.plans[name]

    for _, post in ipairs { false, true } do
      it(("%s: every call has its own answer (%s)"):format(name, post and "POST" or "GET"), function()
        raw.with(misbehaviours.plan(second), function(server)
          local client = connect(server.url)
          assert.same({}, misbehaviours.check(client, unasked(server, second), second, post))
          local numbers = {}
          for i, request in ipairs(server:requests()) do
            numbers[i] = request.target:match("%d+$")
          end
          assert.equal("1 2 3 4 5 6", table.concat(numbers, " "))
          assert.is_true(server:connections() <= 2)
        end)
      end)
    end
  end

  it("a complete response, is reused", function()
    raw.with({ answers = { ECHO } }, function(server)
      local client = connect(server.url)
      assert.same({}, misbehaviours.check(client, function() end, ECHO))
      assert.equal(1, server:connections())
    end)
  end)
end)

describe("many kept-alive connections with unread bytes", function()
  it("are closed one by one, without counting attempts", function()
    local stale = misbehaviours.plans["a second answer, late"]
    local slow = { echo = true, pause = 0.2, unasked = stale.unasked }
    raw.with({ answers = { slow, slow, slow, slow, ECHO } }, function(server)
      local client = connect(server.url)
      klaviyo.run(function()
        for i = 1, 4 do
          klaviyo.spawn(function()
            assert(client:request { method = "GET", path = "/api/first-" .. i })
          end)
        end
      end)
      assert.equal(4, server:connections())
      assert.is_truthy(shell.wait_for(function() return server:unasked() == 4 end, 10))
      for i = 1, 6 do
        local document = assert(client:request { method = "POST", path = "/api/then-" .. i, body = { data = {} } })
        assert.equal("/api/then-" .. i, document.meta.target)
        assert.equal(1, #document.response.attempts)
      end
      assert.equal(10, #server:requests())
    end)
  end)
end)
