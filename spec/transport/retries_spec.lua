-- Which failures a call retries, and how it reports them.
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local once = require "spec.soak.once"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local together = require "spec.support.together"

local OK = { body = '{"data":[]}' }
local THROTTLED = { status = 429, headers = { ["Retry-After"] = "1" },
  body = '{"errors":[{"code":"throttled","detail":"Expected available in 1 second."}]}' }
local EVENT = { profile = { email = "a@example.com" }, metric = "Tried", properties = { n = 1 } }
local CAMPAIGN = { name = "Tried", audiences = { included = { "Y6nRLr" } },
  campaign_messages = { { channel = "email", label = "x" } } }

local function with(answers, more, body)
  raw.with({ answers = answers }, function(server)
    -- the specs wait at the same time, and each holds the others up
    local settings = { retries = 4, deadline = 60, timeout = 30 }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    body(connect(server.url, settings), server)
  end)
end

describe("a call that is retried", function()
  local spec = together(it, setup)

  spec("lists each attempt in its response", function()
    with({ { status = 503 }, { send = 0, after = "reset" }, OK }, nil, function(client)
      local document = assert(client:call("get_lists"))
      local attempts = document.response.attempts
      assert.equal(3, #attempts)
      assert.equal(503, attempts[1].status)
      assert.equal("string", type(attempts[2].error))
      assert.equal(200, attempts[3].status)
      for _, attempt in ipairs(attempts) do
        assert.is_true(attempt.elapsed >= 0 and attempt.waited >= 0)
      end
    end)
  end)

  spec("lists each attempt in its error", function()
    with({ { status = 502, body = "<html>" } }, { retries = 1 }, function(client)
      local _, err = client:call("get_lists")
      assert.equal("http", err.kind)
      assert.equal(502, err.status)
      assert.equal(2, #err.attempts)
      assert.equal(502, err.attempts[1].status)
    end)
  end)

  spec("lists a single attempt, too", function()
    with({ OK, { status = 400, body = "{}" } }, nil, function(client)
      assert.equal(1, #client:call("get_lists").response.attempts)
      assert.equal(1, #select(2, client:call("get_lists")).attempts)
    end)
  end)

  spec("reports each attempt to on_attempt, without secrets", function()
    local logged = {}
    with({ { status = 503, body = key }, THROTTLED, { send = 0, after = "reset" }, OK }, {
      on_attempt = function(attempt) logged[#logged + 1] = attempt end,
    }, function(client)
      assert(client:call("get_list", { id = "Y6nRLr" }))
    end)
    assert.equal(4, #logged)
    for i, attempt in ipairs(logged) do
      assert.equal(i, attempt.number)
      assert.equal("get_list", attempt.operation)
      assert.equal("GET", attempt.method)
      for _, value in pairs(attempt) do
        assert.is_nil(tostring(value):find(key, 1, true))
      end
    end
    assert.same({ 503, 429, 200 }, { logged[1].status, logged[2].status, logged[4].status })
    assert.equal("string", type(logged[3].error))
    assert.is_true(logged[3].waited >= 1)
  end)

  spec("is sent once with retries = 0", function()
    for _, answer in ipairs { { status = 503 }, THROTTLED, { status = 500 }, { send = 0, after = "reset" } } do
      with({ answer, OK }, { retries = 0 }, function(client, server)
        local _, err = client:call("get_lists")
        local lines = {}
        for i, request in ipairs(server:requests()) do
          lines[i] = ("%s %s on connection %d"):format(request.method, request.target, request.connection)
        end
        assert.is_truthy(err, tostring(answer.status or answer.after) .. ": " .. table.concat(lines, ", "))
        assert.equal(1, #server:requests())
      end)
    end
  end)

  spec("that would wait too long fails at once, and its error has the time", function()
    with({ { status = 429, headers = { ["Retry-After"] = "40" }, body = "" } }, { deadline = 30 }, function(client)
      local began = core.clock()
      local _, err = client.lists:create { name = "x" }
      assert.is_true(core.clock() - began < 30) -- before its deadline
      assert.equal("rate_limited", err.kind)
      assert.equal(40, err.retry_after)
      assert.is_false(err.maybe_sent)
    end)
  end)

  spec("waits between retries of a 429 with a Retry-After of 0", function()
    with({ { status = 429, headers = { ["Retry-After"] = "0" } } }, { retries = 2 }, function(client, server)
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = klaviyo.spawn(function() return client:call("get_lists") end)
      end
      for _, task in ipairs(tasks) do
        assert.equal("rate_limited", select(2, task:wait()).kind)
      end
      assert.equal(15, #server:requests())
    end)
  end)

  spec("succeeds after a long series of 429s", function()
    with({ THROTTLED, THROTTLED, OK }, { retries = 1 }, function(client)
      -- how long the event loop did not run, because other specs block it
      local held_up, running = 0, true
      klaviyo.spawn(function()
        while running do
          local began = core.clock()
          klaviyo.sleep(0.01)
          held_up = held_up + math.max(0, core.clock() - began - 0.02)
        end
      end)
      local began = core.clock()
      local document = assert(client.campaigns:create(CAMPAIGN))
      local elapsed = core.clock() - began
      running = false
      assert.is_true(elapsed >= 2, elapsed)
      for _, attempt in ipairs(document.response.attempts) do
        elapsed = elapsed - attempt.elapsed -- the server's time
      end
      assert.is_true(elapsed - held_up < 2.6, ("%.3f - %.3f"):format(elapsed, held_up))
    end)
  end)
end)

describe("a request", function()
  local spec = together(it, setup)

  local function requests(answer, fn)
    local count, document, err
    with({ answer, { status = 202 } }, nil, function(client, server)
      document, err = fn(client)
      count = #server:requests()
    end)
    return count, document, err
  end

  local FAULTS = { { status = 500 }, { send = 0, after = "reset" } } -- more in core/http/retry_spec.lua

  local REPEATABLE = {
    ["an event, with a unique_id of the library"] = function(client) return client.events:create(EVENT) end,
    ["an event document with a unique_id"] = function(client)
      return client:call("create_event", { body = klaviyo.document("create_event",
        { profile = { email = "a@example.com" }, metric = "x", unique_id = "mine", properties = {} }) })
    end,
    ["an upsert of a profile"] = function(client)
      return client.profiles:upsert { email = "a@example.com" }
    end,
    ["a PATCH"] = function(client) return client.lists:update("Y6nRLr", { name = "x" }) end,
    ["a DELETE"] = function(client) return client.lists:delete("Y6nRLr") end,
  }

  for what, fn in pairs(REPEATABLE) do
    spec("is retried if it is " .. what, function()
      for _, fault in ipairs(FAULTS) do
        local count, document = requests(fault, fn)
        assert.equal(2, count)
        assert.is_truthy(document)
      end
    end)
  end

  spec("is retried with the same bytes if it is an event", function()
    with({ { status = 500 }, { status = 202 } }, nil, function(client, server)
      assert(client.events:create(EVENT))
      local received = server:requests()
      assert.equal(received[1].body, received[2].body)
      assert.matches('"unique_id":"[%w-]+"', received[1].body)
    end)
  end)

  local UNREPEATABLE = {
    campaign = function(client) return client.campaigns:create(CAMPAIGN) end,
    list = function(client) return client.lists:create { name = "x" } end,
    profile = function(client) return client.profiles:create { email = "a@example.com" } end,
    ["raw request"] = function(client)
      return client:request { method = "POST", path = "/api/new", body = {} }
    end,
    ["raw event without a unique_id"] = function(client)
      return client:request { method = "POST", path = "/api/events", body = { data = { type = "event" } } }
    end,
  }

  for what, fn in pairs(UNREPEATABLE) do
    spec("is not retried if it is a " .. what .. ": it may have been processed", function()
      for _, fault in ipairs(FAULTS) do
        local count, _, err = requests(fault, fn)
        assert.equal(1, count)
        assert.is_true(err.maybe_sent)
      end
      assert.equal(2, (requests({ status = 503 }, fn)))
    end)
  end
end)

-- `make once` runs more of them, over HTTP and TLS.
describe("under faults", function()
  local plain = sandbox.here(setup, teardown, { record = 0 })
  local secure = sandbox.here(setup, teardown, { record = 0 })
  local spec = together(it, setup)

  spec("each event arrives once, and no call fails", function()
    assert.same({}, once.events(secure.server, "tls", 300))
  end)

  spec("no campaign is created twice, and each error has maybe_sent", function()
    assert.same({}, once.campaigns(plain.server, "http", 200))
  end)
end)
