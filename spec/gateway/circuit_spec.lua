-- The circuit breaker of a gateway, with a clock that the spec controls.
local circuit = require "klaviyo.gateway.circuit"
local local_store = require "klaviyo.gateway.local_store"

describe("klaviyo.gateway.circuit", function()
  local now, changes, store, random

  local function new()
    return circuit.new {
      store = store, key = "a key", name = "default", failures = 3, pause = 10, max_pause = 60,
      clock = function() return now end, random = function() return random end,
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
