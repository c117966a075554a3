-- Fair shares between the callers of a gateway whose account is at its limit.
local fair = require "spec.support.fair"
local load = require "spec.support.load"
local nginx = require "spec.support.nginx"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local GREEDY = { { name = "greedy", parallel = 200 }, { name = "polite", every = 1 } }
local WEIGHTED = { { name = "three", parallel = 40, weight = 3 }, { name = "one", parallel = 40 } }

describe("a gateway at the limit of an account", function()
  local runs = fair.here(after_each)

  -- make once has the same for a minute
  it("serves a polite caller besides a greedy one, and weighs callers", function()
    runs[1] = fair.start(GREEDY, { max_wait = 3 })
    runs[2] = fair.start(GREEDY, { max_wait = 3, before = fair.UNFAIR, workers = 1 })
    runs[3] = fair.start(WEIGHTED)
    local results = load.run(5, runs)
    local text = fair.described(results[1])
    assert.is_true(fair.is_served(results[1].polite), text)
    assert.is_true(results[1].greedy.status[200] >= 30, text) -- the rest of the limit
    assert.same({}, runs[1].server:stats().throttled)
    -- this spec finds a gateway that is not fair
    assert.is_false(fair.is_served(results[2].polite), fair.described(results[2]))
    local ratio = results[3].three.status[200] / results[3].one.status[200]
    -- the first requests may not wait, and so are not weighed
    assert.is_true(ratio > 1.5 and ratio < 6, fair.described(results[3]))
  end)
end)
