local json = require "klaviyo.sandbox.json"
local faults = require "klaviyo.sandbox.faults"
local sandbox_handler = require "spec.support.sandbox_handler"

describe("the sandbox's faults", function()
  local s, slept, processed

  before_each(function()
    s = sandbox_handler.new()
    slept, processed = 0, 0
  end)

  local function order(fault)
    faults.add(s.state, fault)
  end

  local function ask(operation)
    return faults.handle_request(s.state, {method = "GET", target = "/api/x"},
      function()
        processed = processed + 1
        return {status = 200, body = "fine", headers = {}}
      end,
      function() return operation end,
      function(seconds) slept = slept + seconds end)
  end

  -- Returns a text with an "x" for each of `count` requests that does not get 200.
  local function pattern(count, operation)
    local marks = {}
    for i = 1, count do
      local response = ask(operation)
      marks[i] = (response.status ~= 200 or response.reset) and "x" or "."
    end
    return table.concat(marks)
  end

  it("hit one request, or a number of them, after some that pass", function()
    order {status = 500}
    assert.equal("x..", pattern(3))
    order {status = 500, times = 2, skip = 1, operation = "get_lists"}
    assert.equal("...", pattern(3, "get_metrics"))
    assert.equal(".xx.", pattern(4, "get_lists"))
    order {status = 500, method = "POST"}
    order {status = 500, path = "/api/y"}
    assert.equal("....", pattern(4))
  end)

  it("hit at a rate, and the same requests with the same seed", function()
    order {status = 503, rate = 0.05, seed = 7}
    local first = pattern(2000)
    local _, hit = first:gsub("x", "")
    assert.is_true(hit > 60 and hit < 140, hit)
    assert.same({["503"] = hit}, s.state.stats.faults)
    faults.clear(s.state)
    order {status = 503, rate = 0.05, seed = 7}
    assert.equal(first, pattern(2000))
    faults.clear(s.state)
    order {status = 503, rate = 0.05, seed = 8}
    assert.not_equal(first, pattern(2000))
    faults.clear(s.state)
    order {status = 503, rate = 1}
    assert.equal(("x"):rep(100), pattern(100))
  end)

  it("hit together, each at its own rate", function()
    order {delay = 0.5, rate = 1}
    order {status = 503, rate = 0.1, seed = 1}
    order {reset = "after", rate = 0.1, seed = 2}
    pattern(2000)
    local counts = s.state.stats.faults
    assert.equal(2000, counts.delay)
    assert.equal(1000, slept)
    assert.is_true(counts["503"] > 150 and counts["503"] < 250)
    assert.is_true(counts["reset after"] > 130 and counts["reset after"] < 230)
    assert.equal(2000 - counts["503"], processed)
  end)

  it("with a number of times wait for their turn", function()
    order {status = 500}
    order {status = 501}
    assert.equal(500, ask().status)
    assert.equal(501, ask().status)
    assert.equal(200, ask().status)
  end)

  it("process the request or not", function()
    order {status = 503}
    order {reset = "before"}
    pattern(2)
    assert.equal(0, processed)
    order {status = 503, processed = true}
    order {reset = "after"}
    pattern(2)
    order {stall = 2}
    assert.equal(2, ask().stall)
    assert.equal(3, processed)
    assert.equal(0, slept)
  end)

  it("respond like the service, like a proxy, or as ordered", function()
    order {throttled = 3}
    local response = ask()
    assert.same({429, "3"},
      {response.status, response.headers["Retry-After"]})
    assert.equal("throttled", json.decode(response.body).errors[1].code)
    order {throttled = 0}
    response = ask()
    assert.same({429, "0"}, {response.status, response.headers["Retry-After"]})
    order {error = "permission_denied", status = 403}
    response = ask()
    assert.equal(403, response.status)
    assert.equal("permission_denied", json.decode(response.body).errors[1].code)
    order {html = true, status = 520}
    response = ask()
    assert.equal(520, response.status)
    assert.truthy(response.headers["Content-Type"]:find("text/html", 1, true))
    order {body = "{"}
    response = ask()
    assert.same({200, "{"}, {response.status, response.body})
    order {slow = {bytes = 1, pause = 0.1}}
    assert.same({bytes = 1, pause = 0.1}, ask().slow)
  end)

  it("are rejected if a field is unknown", function()
    assert.has_error(function() order {staus = 500} end)
    assert.has_error(function() order {status = "500"} end)
    assert.has_error(function() order {reset = "now"} end)
  end)
end)
