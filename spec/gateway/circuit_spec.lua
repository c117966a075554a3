-- The circuit breaker of a gateway, with a clock that the spec controls.
local circuit = require "klaviyo.gateway.circuit"
local local_store = require "klaviyo.gateway.local_store"

describe("klaviyo.gateway.circuit", function()
  local now, changes, store, random

  local function new(key)
    return circuit.new {
      store = store, key = key or "a key", name = "default", failures = 3, pause = 10, max_pause = 60,
      clock = function() return now end, random = random and function() return random end,
      on_change = function(name, is_open, failures)
        changes[#changes + 1] = ("%s %s %d"):format(name, is_open and "open" or "closed", failures)
      end,
    }
  end

  local function fail(one, count)
    for _ = 1, count do
      local ok, probe = one:begin("w")
      assert.is_true(ok)
      one:finish(probe, true)
    end
  end

  before_each(function()
    now, changes, random = 100, {}, 0
    store = local_store.new(function() return now end)
  end)

  -- Lets another worker act just before this one adds a value to the store.
  local function before_add(act)
    local add = store.add
    function store.add(...)
      store.add = add
      act()
      return add(...)
    end
  end

  it("opens after failures in a row, for all that share its store", function()
    local one, other = new(), new()
    fail(one, 2)
    one:finish(nil, false)
    fail(one, 1)
    one:finish(nil, nil) -- unknown: the client has gone
    fail(other, 1)
    assert.is_false(one:is_open())
    assert.same({}, changes)
    fail(one, 1)
    assert.is_true(other:is_open())
    assert.equal(10, one:seconds())
    assert.same({ nil, 10 }, { other:begin("w") })
    -- requests in progress that fail now change nothing
    other:finish(nil, true)
    other:finish(nil, false)
    assert.same({ "default open 3" }, changes)
    assert.equal(10, one:seconds())
  end)

  it("sends one probe at a time, and closes when it succeeds", function()
    local one, other = new(), new()
    fail(one, 3)
    now = 109.9
    assert.is_nil((one:begin("w")))
    now = 110
    assert.is_nil(one:seconds())
    local ok, probe = one:begin("w1")
    assert.is_true(ok)
    assert.is_string(probe)
    assert.same({ nil, circuit.RENEWAL }, { other:begin("w2") })
    assert.equal(circuit.RENEWAL, other:seconds())
    one:finish(probe, false)
    assert.is_false(other:is_open())
    assert.same({ true }, { other:begin("w2") })
    assert.same({ "default open 3", "default closed 0" }, changes)
    -- counts from 0 again
    fail(other, 2)
    assert.is_false(other:is_open())
    fail(other, 1)
    assert.equal(10, one:seconds())
  end)

  it("pauses briefly again after it was closed", function()
    local one = new()
    fail(one, 3)
    for _, failed in ipairs { true, true, false } do
      now = now + one:seconds()
      local _, probe = one:begin("w")
      one:finish(probe, failed)
    end
    fail(one, 3)
    assert.equal(10, one:seconds())
    now = now + 10
    fail(one, 1)
    assert.equal(20, one:seconds())
  end)

  it("counts from 0 again even if a failure was counted while it opened", function()
    local one = new()
    fail(one, 3)
    store:incr("failures a key", 1, 0)
    now = 110
    local _, probe = one:begin("w")
    one:finish(probe, false)
    fail(one, 2)
    assert.is_false(one:is_open())
  end)

  it("does not count requests that fail while it is open", function()
    local one = new()
    fail(one, 3)
    local count = store:get("failures a key")
    one:finish(nil, true)
    assert.equal(count, store:get("failures a key"))
  end)

  it("only reads the store while the service works", function()
    local one = new()
    for _, method in ipairs { "set", "add", "incr", "delete" } do
      store[method] = function() error("it called " .. method) end
    end
    assert.is_true(one:begin("w"))
    one:finish(nil, false)
    one:finish(nil, nil)
    assert.is_false(one:is_open())
    assert.is_nil(one:seconds())
  end)

  it("has a state of its own for each connection", function()
    local one, other = new(), new "another key"
    fail(one, 2)
    fail(other, 1)
    assert.is_false(one:is_open() or other:is_open())
    fail(one, 1)
    assert.is_true(one:is_open())
    assert.is_false(other:is_open())
    fail(other, 2)
    now = 110
    local _, probe = one:begin("w")
    local ok, second = other:begin("w")
    assert.is_true(ok)
    one:finish(probe, true)
    assert.is_true(other:renew(second))
    other:finish(second, true)
    assert.same({ 20, 20 }, { one:seconds(), other:seconds() })
  end)

  it("is opened by one of the workers that count the last failure at the same time", function()
    local one = new()
    fail(one, 2)
    before_add(function() store:set("open a key", 111) end)
    fail(one, 1)
    assert.same({}, changes)
    assert.equal(11, one:seconds())
  end)

  it("sends no probe if another worker was faster", function()
    local one = new()
    fail(one, 3)
    now = 110
    before_add(function() store:set("probe a key", "w2 1", circuit.LEASE) end)
    assert.same({ nil, circuit.RENEWAL }, { one:begin("w1") })
    assert.equal("w2 1", store:get("probe a key"))
  end)

  it("sends a request as usual if another worker has just closed it", function()
    local one = new()
    fail(one, 3)
    now = 110
    before_add(function() store:delete("open a key") end)
    assert.same({ true }, { one:begin("w1") })
    assert.is_nil(store:get("probe a key"))
  end)

  it("pauses longer after each failed probe, with jitter", function()
    local one = new()
    fail(one, 3)
    local pauses = {}
    for i = 1, 6 do
      now = now + one:seconds()
      local _, probe = one:begin("w")
      one:finish(probe, true)
      pauses[i] = one:seconds()
    end
    assert.same({ 20, 40, 60, 60, 60, 60 }, pauses)
    random = 0.999
    now = now + 60
    local _, probe = one:begin("w")
    one:finish(probe, true)
    assert.is_true(one:seconds() >= 45 and one:seconds() < 45.1)
    assert.equal(1, #changes)
    random = nil -- that of the program
    now = now + 60
    one = new()
    _, probe = one:begin("w")
    one:finish(probe, true)
    assert.is_true(one:seconds() >= 45 and one:seconds() <= 60)
  end)

  it("sends another probe if the worker of the first one was killed", function()
    local one, other = new(), new()
    fail(one, 3)
    now = 110
    local _, probe = one:begin("w1")
    now = now + circuit.LEASE - 0.1
    assert.is_true(one:renew(probe)) -- it lives
    now = now + circuit.LEASE - 0.1
    assert.is_nil((other:begin("w2")))
    now = now + 0.2
    local ok, second = other:begin("w2")
    assert.is_true(ok)
    assert.is_string(second)
    assert.is_false(one:renew(probe))
    one:finish(probe, false) -- late: the second one decides
    assert.is_true(other:is_open())
    other:finish(second, false)
    assert.is_false(one:is_open())
    -- it may be killed before it renews the lease
    fail(one, 3)
    now = now + 10
    assert.is_true(one:begin("w1"))
    now = now + circuit.LEASE
    assert.is_true(other:begin("w2"))
  end)

  it("sends another probe if the client of the first one has gone", function()
    local one = new()
    fail(one, 3)
    now = 110
    local _, probe = one:begin("w1")
    one:finish(probe, nil)
    assert.is_true(one:is_open())
    local ok, second = one:begin("w1")
    assert.is_true(ok)
    assert.is_true(second ~= probe)
  end)
end)
