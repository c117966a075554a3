-- on_wait and the warning: a call that waits long reports it.
local connect = require "spec.support.connect"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local waiting = require "klaviyo.transport.waiting"

local OK = { body = '{"data":[]}' }

-- Returns the arguments with which a call of a client called on_wait.
local function waits_of(answers, settings, call)
  local waits = {}
  raw.with({ answers = answers }, function(server)
    settings.on_wait = settings.on_wait or function(operation, seconds, why)
      waits[#waits + 1] = { operation = operation, seconds = seconds, why = why }
    end
    call(connect(server.url, settings))
  end)
  return waits
end

local function lists(client)
  return client:call("get_lists")
end

-- Each way in which a call can wait.
local WAYS = {
  ["blocking"] = function(client) return lists(client) end,
  ["in a task"] = function(client)
    return klaviyo.run(function() return lists(client) end)
  end,
  ["in another loop"] = function(client)
    return lists(client:with { wait = function(_, seconds) klaviyo.sleep(math.min(seconds, 0.02)) end })
  end,
}

describe("on_wait", function()
  for way, call in pairs(WAYS) do
    it("is called for a Retry-After, " .. way, function()
      local waits = waits_of({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, { retries = 1 },
        function(client) assert(call(client)) end)
      assert.equal(1, #waits)
      assert.equal("get_lists", waits[1].operation)
      assert.equal("retry_after", waits[1].why)
      assert.is_true(waits[1].seconds > 0.2 and waits[1].seconds <= 1.1, waits[1].seconds)
    end)
  end

  it("is called for a rate limit before the wait begins", function()
    local account = "spec " .. os.time() .. tostring({})
    local waits = waits_of({ OK }, { retries = 1, pacing = { per_second = 1 }, rate_limit_key = account },
      function(client)
        assert(lists(client))
        klaviyo.run(function()
          for _ = 1, 2 do
            klaviyo.spawn(function() assert(lists(client)) end)
          end
        end)
      end)
    assert.is_true(#waits >= 2, #waits)
    for _, one in ipairs(waits) do
      assert.equal("rate_limit", one.why)
      assert.equal("get_lists", one.operation)
    end
  end)

  it("is not called if no call waits", function()
    assert.same({}, waits_of({ OK }, {}, function(client)
      assert(lists(client))
      klaviyo.run(function() assert(lists(client)) end)
    end))
  end)

  it("receives no operation for a raw request", function()
    local received
    waits_of({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, {
      retries = 1,
      on_wait = function(operation, _, why) received = { operation == nil, why } end,
    }, function(client) assert(client:request { path = "/api/new", query = { x = 1 } }) end)
    assert.same({ true, "retry_after" }, received)
  end)

  it("may raise an error, which causes a warning only", function()
    local warnings = {}
    waits_of({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, {
      retries = 1, on_wait = function() error("no", 0) end,
      on_warning = function(message) warnings[#warnings + 1] = message end,
    }, function(client) assert(client:request { path = "/api/new" }) end)
    assert.same({ "klaviyo: on_wait raised an error: no" }, warnings)
  end)

  it("must be a function", function()
    raises("on_wait must be a function", function() klaviyo.new { api_key = "pk_x", on_wait = true } end)
  end)
end)

describe("a long wait", function()
  local function warned(settings)
    local warnings = {}
    settings.retries, settings.deadline = 1, 20
    settings.on_warning = function(message) warnings[#warnings + 1] = message end
    raw.with({ answers = { { status = 429, headers = { ["Retry-After"] = "9" } } } }, function(server)
      local client = connect(server.url, settings)
      local task
      pcall(klaviyo.run, function()
        for _ = 1, 2 do
          task = klaviyo.spawn(function() return client:request { path = "/api/new", query = { email = "a" } } end)
        end
        klaviyo.sleep(1.5)
        error("enough", 0)
      end)
      assert.is_true(task.done)
    end)
    return warnings
  end

  it("causes one warning if on_wait is not set", function()
    waiting.forget()
    local warnings = warned {}
    assert.equal(1, #warnings)
    assert.matches("^klaviyo: GET http://[%d.:]+/api/new waits %d s as the service asks %(Retry%-After%); ",
      warnings[1])
    assert.same({}, warned { on_wait = function() end })
  end)
end)
