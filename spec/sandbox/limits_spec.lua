local limits = require "klaviyo.sandbox.limits"
local raises = require "spec.support.raises"
local sandbox_handler = require "spec.support.sandbox_handler"

describe("the sandbox's limits", function()
  local now, s

  -- Starts a sandbox with a clock that the spec sets; its windows have the phase 0.
  local function start(settings)
    now = 1200000 -- the beginning of a minute, but not of a day
    settings.clock = function() return now end
    settings.window_phase = settings.window_phase or 0
    s = sandbox_handler.new(settings)
  end

  local function ask(target, ...)
    local status, document, response = s:get(target or "/api/lists", ...)
    return status, response.headers, document
  end

  -- Returns how many requests succeed before the first 429, and the headers and document of that one.
  local function requests_until_throttled(target)
    for count = 0, 5000 do
      local status, headers, document = ask(target)
      if status == 429 then
        return count, headers, document
      end
    end
  end

  it("are off by default", function()
    start {}
    for _ = 1, 100 do
      local status, headers = ask()
      assert.equal(200, status)
      assert.is_nil(headers["RateLimit-Limit"])
    end
  end)

  it("are those of the service: a second, then a minute", function()
    start {limits = true}
    local total = 0
    while total < 700 do
      local count = requests_until_throttled()
      total = total + count
      assert.equal(total < 700 and 75 or 25, count)
      now = now + 1
    end
    assert.equal(1200010, now)
    assert.equal(0, (requests_until_throttled()))
    now = 1200059.999
    assert.equal(0, (requests_until_throttled()))
    now = 1200060
    assert.equal(75, (requests_until_throttled()))
  end)

  it("are in the headers of every response but a 429, as in the service", function()
    start {limits = true}
    now = now + 0.25
    local function rate_limit_headers(target)
      local headers = select(2, ask(target))
      return {headers["RateLimit-Limit"], headers["RateLimit-Remaining"], headers["RateLimit-Reset"]}
    end
    assert.same({"75, 75;w=1, 700;w=60", "74", "0"}, rate_limit_headers())
    assert.same({"75, 75;w=1, 700;w=60", "73", "0"}, rate_limit_headers "/api/lists?sort=nonsense")
    now = now + 1
    assert.same({"75, 75;w=1, 700;w=60", "74", "0"}, rate_limit_headers())
    assert.same({"10, 10;w=1, 150;w=60", "9", "0"}, rate_limit_headers "/api/metrics")
  end)

  it("are in the headers as documented with rate_limit_headers = documented", function()
    start {limits = true, rate_limit_headers = "documented"}
    now = now + 0.25
    local _, headers = ask()
    assert.same({"75, 75;w=1, 700;w=60", "699", "60"},
      {headers["RateLimit-Limit"], headers["RateLimit-Remaining"],
        headers["RateLimit-Reset"]})
    now = now + 10
    local status
    status, headers = ask("/api/lists?sort=nonsense")
    assert.equal(400, status)
    assert.equal("698", headers["RateLimit-Remaining"])
    assert.equal("50", headers["RateLimit-Reset"])
    _, headers = ask("/api/lists/NOBODY")
    assert.equal("60", headers["RateLimit-Limit"]:match(";w=(%d+)$"))
  end)

  it("accept no other value of rate_limit_headers", function()
    local options = require "klaviyo.sandbox.options"
    assert.equal("service", options.check(nil).rate_limit_headers)
    assert.has_error(function() options.check {rate_limit_headers = "docs"} end)
    assert.has_error(function() options.check {rate_limit_headers = true} end)
  end)

  it("are reported by Retry-After alone in a 429", function()
    start {limits = {get_lists = {second = 1, minute = 2}}}
    ask()
    now = now + 0.4
    local count, headers, document = requests_until_throttled()
    assert.equal(0, count)
    assert.equal("1", headers["Retry-After"])
    for name in pairs(headers) do
      assert.falsy(name:find("^RateLimit"))
    end
    assert.equal("throttled", document.errors[1].code)
    assert.truthy(document.errors[1].detail
      :find("Expected available in 1 second.", 1, true))
    now = now + 1.2
    ask()
    headers, document = select(2, requests_until_throttled())
    assert.equal("59", headers["Retry-After"])
    assert.truthy(document.errors[1].detail
      :find("Expected available in 59 seconds.", 1, true))
    assert.same({get_lists = 2}, s.state:counters().throttled)
  end)

  it("count each operation separately, and all its revisions together", function()
    start {limits = {get_lists = {second = 3, minute = 9}}}
    assert.equal(3, (requests_until_throttled()))
    assert.equal(429, (ask("/api/lists", nil, {revision = "2026-07-15"})))
    assert.equal(200, (ask("/api/metrics")))
  end)

  it("do not count unauthorized requests", function()
    start {limits = {get_lists = {second = 1, minute = 1}}}
    for _ = 1, 3 do
      assert.equal(401, (ask("/api/lists", nil, {authorization = false})))
    end
    assert.equal(200, (ask()))
  end)

  it("have a window of a day for some operations", function()
    start {limits = true}
    local body = {data = {type = "list", attributes = {name = "n"}}}
    local status, _, response = s:post("/api/lists", body)
    assert.equal(201, status)
    assert.equal("10, 10;w=1, 150;w=60, 150;w=86400",
      response.headers["RateLimit-Limit"])
    for made = 2, 151 do
      now = now + 0.5
      status, _, response = s:post("/api/lists", body)
      assert.equal(made > 150 and 429 or 201, status)
    end
    local left = math.ceil(86400 - now % 86400)
    assert.equal(("%d"):format(left), response.headers["Retry-After"])
  end)

  it("are lower for some parameters, which have their own buckets", function()
    start {limits = true, profiles = 3}
    local _, page = s:get("/api/profiles")
    local target = "/api/profiles/" .. page.data[1].id
    local count, headers = requests_until_throttled(target .. "?include=lists")
    assert.equal(1, count)
    assert.equal("1", headers["Retry-After"])
    headers = select(2, ask(target .. "?include=segments"))
    assert.equal("1, 1;w=1, 15;w=60", headers["RateLimit-Limit"])
    assert.equal("0", headers["RateLimit-Remaining"])
    headers = select(2, ask(target))
    assert.equal("72", headers["RateLimit-Remaining"])
  end)

  it("can be used up by server:consume", function()
    start {limits = true}
    assert.same({second = 5, minute = 630},
      limits.consume(s.state, {operation = "get_lists", requests = 70}))
    assert.equal(5, (requests_until_throttled()))
    assert.same({second = 0, minute = 0},
      limits.consume(s.state, {operation = "get_lists", requests = 1e6}))
    assert.has_error(function()
      limits.consume(s.state, {operation = "get_lits"})
    end)
    raises('unknown option of server:consume "request"; did you mean "requests"?', function()
      limits.consume(s.state, {operation = "get_lists", request = 1})
    end)
    raises("server:consume: operation is missing", function()
      limits.consume(s.state, {})
    end)
  end)

  it("have windows that begin at window_phase", function()
    start {limits = {get_lists = {second = 1, minute = 2}},
      window_phase = 0.5}
    now = 1200029
    ask()
    now = 1200030.6 -- both windows have ended
    assert.equal(200, (ask()))
    local status, headers = ask()
    assert.same({429, "1"}, {status, headers["Retry-After"]})
    now = 1200031.6
    assert.equal(200, (ask()))
    now = 1200032.6
    status, headers = ask()
    assert.same({429, "58"}, {status, headers["Retry-After"]})

    start {limits = {get_lists = {second = 5, minute = 5}},
      window_phase = "first", rate_limit_headers = "documented"}
    now = now + 17.3
    headers = select(2, ask())
    assert.equal("60", headers["RateLimit-Reset"])
  end)

  it("have random windows of the full length", function()
    local resets, count = {}, 0
    for seed = 1, 20 do
      start {limits = {get_lists = {second = 50, minute = 5}},
        window_phase = "random", phase_seed = seed * 7919, rate_limit_headers = "documented"}
      local _, headers = ask()
      local reset = headers["RateLimit-Reset"]
      count = count + (resets[reset] and 0 or 1)
      resets[reset] = true
      assert.equal(4, (requests_until_throttled()))
      now = now + tonumber(reset) - 1
      assert.equal(0, (requests_until_throttled()))
      now = now + 1
      assert.equal(5, (requests_until_throttled()))
      now = now + 59
      assert.equal(0, (requests_until_throttled()))
      now = now + 1
      assert.equal(5, (requests_until_throttled()))
    end
    assert.is_true(count > 5)
  end)

  it("can have windows shorter than a minute", function()
    start {limits = true, time_scale = 0.1, rate_limit_headers = "documented"}
    local _, headers = ask()
    assert.equal("75, 75;w=1, 700;w=6", headers["RateLimit-Limit"])
    assert.equal("6", headers["RateLimit-Reset"])
    limits.consume(s.state, {operation = "get_lists", requests = 700})
    _, headers = ask()
    assert.equal("6", headers["Retry-After"])
    now = now + 6
    assert.equal(200, (ask()))
  end)
end)
