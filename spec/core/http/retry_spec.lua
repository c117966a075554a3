-- Which requests are retried, and when, by the engine alone.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local measured = require "spec.support.measured"
local raw = require "spec.support.raw"

local finish, submit = engine.finish, engine.submit

local OK = { body = '"at last"' }

local function start(list)
  local tries = {}
  for i, case in ipairs(list) do
    tries[i] = { server = raw.start { answers = case[1] }, settings = case[2] }
  end
  return tries
end

local function send(tries)
  for _, one in ipairs(tries) do
    one.ticket = submit(one.server.url, one.settings)
  end
end

local function outcomes(tries)
  local results = {}
  for i, one in ipairs(tries) do
    local answer, raw_error = finish(one.ticket)
    results[i] = { answer = answer, raw_error = raw_error, requests = one.server:requests() }
    one.server:stop()
  end
  return results
end

-- Returns the outcomes of requests, {answers, settings} each, all sent at once,
-- and the requests that the servers received.
local function try_all(list)
  local tries = start(list)
  send(tries)
  return outcomes(tries)
end

local function try(answers, more)
  return try_all({ { answers, more } })[1]
end

-- The same for requests that wait long: all of them, in the whole file, are
-- sent at once, before the first spec. A function returns a list that depends
-- on the time at which they are sent.
local long = {}

local function try_long(list)
  local own = { list = list }
  long[#long + 1] = own
  return function()
    return outcomes(own.tries)
  end
end

-- The same for requests whose times are checked: the loop must run all the
-- time.
local function later(list)
  return function()
    return try_all(list)
  end
end

setup(function()
  for _, own in ipairs(long) do
    own.tries = type(own.list) == "table" and start(own.list)
  end
  for _, own in ipairs(long) do
    own.tries = own.tries or start(own.list())
  end
  for _, own in ipairs(long) do
    send(own.tries)
  end
end)

local function all(more, over)
  local settings = { retries = 4, timeout = 60, connect_timeout = 60, deadline = 120 }
  for name, value in pairs(more) do
    settings[name] = value
  end
  for name, value in pairs(over or {}) do
    settings[name] = value
  end
  return settings
end

local GET, PATCH, DELETE = { method = "GET" }, { method = "PATCH", body = "{}" }, { method = "DELETE" }
local POST, UPSERT = { method = "POST", body = "{}" }, { method = "POST", body = "{}", repeatable = true }
local REPEATABLE = { GET = GET, PATCH = PATCH, DELETE = DELETE, ["a POST that upserts"] = UPSERT }

local ONE_SECOND = { { status = 429, headers = { ["Retry-After"] = "1" } }, OK }
local OFTEN = { ONE_SECOND[1], ONE_SECOND[1], { status = 503 }, ONE_SECOND[1], OK }
local ZERO = { status = 429, headers = { ["Retry-After"] = "0" } }
local PAST = { status = 429, headers = { ["Retry-After"] = "Thu, 01 Jan 2026 00:00:00 GMT" } }

local in_seconds = later { { ONE_SECOND, all(GET) }, { ONE_SECOND, all(POST) } }
local dated = try_long(function()
  local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 4)
  return { { { { status = 429, headers = { ["Retry-After"] = date } }, OK }, all(GET) } }
end)
local often = try_long { { OFTEN, all(GET, { retries = 1 }) } }
local zero, exhausted = {}, {}
for i = 1, 5 do
  zero[i] = { { ZERO }, all(i % 2 == 1 and GET or POST, { retries = 2 }) }
end
exhausted[1] = { { ZERO, PAST, { status = 429 }, ZERO, OK }, all(POST, { retries = 4 }) }
exhausted[2] = { { ZERO, { status = 503 }, OK }, all(GET, { retries = 1 }) }
zero, exhausted = later(zero), later(exhausted)
local ALWAYS = { { status = 429 } }
local always = later { { ALWAYS, all(GET, { deadline = 5 }) }, { ALWAYS, all(GET, { deadline = 5 }) },
  { ALWAYS, all(POST, { deadline = 5 }) }, { ALWAYS, all(POST, { deadline = 5 }) } }
local without_retry_after = later { { { { status = 429 }, { status = 429 }, { status = 429 }, { status = 429 },
  { status = 429 }, { status = 429 } }, all(GET, { deadline = 2 }) } }

describe("a 429", function()
  it("waits exactly for Retry-After, with any method", measured(function()
    for _, result in ipairs(in_seconds()) do
      assert.equal(200, result.answer.status)
      assert.equal(2, #result.requests)
      local waited = result.answer.attempts[2].waited
      assert.is_true(waited >= 1 and waited < 1.8, tostring(waited)) -- not two seconds
      assert.equal(429, result.answer.attempts[1].status)
    end
  end))

  it("may have a date as Retry-After", function()
    local result = dated()[1]
    local waited = result.answer.attempts[2].waited
    -- less than four seconds, by as much as the first response came late
    assert.is_true(waited >= 0.9 and waited < 4.8, tostring(waited))
  end)

  it("with a Retry-After beyond the deadline fails the request at once", function()
    local began = core.clock()
    local result = try({ { status = 429, headers = { ["Retry-After"] = "300" } }, OK }, all(POST))
    assert.is_true(core.clock() - began < 60)
    assert.equal(429, result.answer.status)
    assert.equal(1, #result.requests)
    assert.is_false(result.answer.maybe_sent)
  end)

  it("without Retry-After is not retried more often towards the deadline", function()
    for _, result in ipairs(always()) do
      if result.answer then
        assert.equal(429, result.answer.status)
      else -- the deadline came while an attempt was being made
        assert.equal("timeout", result.raw_error.kind)
      end
      assert.is_true(#result.requests > 1 and #result.requests < 10, tostring(#result.requests))
    end
  end)

  it("with Retry-After is not counted as a retry", function()
    local result = often()[1]
    assert.equal(200, result.answer.status)
    assert.equal(5, #result.answer.attempts)
  end)

  it("with a Retry-After of 0 is counted as a retry: five calls with two retries are 15 requests", function()
    local requests = 0
    for _, result in ipairs(zero()) do
      requests = requests + #result.requests
      assert.equal(429, result.answer.status)
      assert.is_false(result.answer.maybe_sent)
      local attempts = result.answer.attempts
      assert.is_true(attempts[2].waited >= 0.25 and attempts[3].waited >= 0.5)
    end
    assert.equal(15, requests)
  end)

  it("with a Retry-After of 0 or in the past waits with exponential backoff", measured(function()
    local results = exhausted()
    local attempts = results[1].answer.attempts
    assert.equal(200, results[1].answer.status)
    assert.equal(5, #attempts)
    for i, least in ipairs { 0.25, 0.5, 1, 2 } do
      local waited = attempts[i + 1].waited
      assert.is_true(waited >= least and waited < 2 * least + 1, tostring(waited))
    end
    assert.equal(503, results[2].answer.status)
    assert.equal(2, #results[2].requests)
  end))

  it("without Retry-After waits with exponential backoff", function()
    local result = without_retry_after()[1]
    local outcome = result.answer or result.raw_error
    assert.is_true(#outcome.attempts >= 2 and #outcome.attempts < 30)
  end)

  it("is not retried if retries is 0", function()
    local result = try({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, all(GET, { retries = 0 }))
    assert.equal(429, result.answer.status)
    assert.equal(1, #result.requests)
  end)
end)

local TWICE = { { status = 503 }, { status = 503 }, OK }
local unavailable = try_long { { TWICE, all(GET) }, { TWICE, all(POST) } }
local unavailable_for = try_long { { { { status = 503, headers = { ["Retry-After"] = "1" } }, OK }, all(POST) } }
local thrice = try_long { { { { status = 503 } }, all(POST, { retries = 2 }) } }

describe("a 503", function()
  it("is retried with any method: the request was not processed", function()
    for i, result in ipairs(unavailable()) do
      assert.equal(200, result.answer.status)
      assert.equal(3, #result.requests)
      assert.equal(i == 2 and "{}" or "", result.requests[3].body)
      assert.is_false(result.answer.maybe_sent)
    end
  end)

  it("waits for Retry-After", function()
    local result = unavailable_for()[1]
    assert.is_true(result.answer.attempts[2].waited >= 1)
  end)

  it("at most 'retries' times", function()
    local result = thrice()[1]
    assert.equal(503, result.answer.status)
    assert.equal(3, #result.answer.attempts)
    assert.equal(3, #result.requests)
    result = try({ { status = 503 } }, all(POST, { retries = 0 }))
    assert.equal(1, #result.requests)
  end)
end)

local VAGUE = { 408, 500, 502, 504, 520, 521, 522, 523, 524, 525, 529, 530 }
local vague = {}
for i, status in ipairs(VAGUE) do
  vague[i] = { { { status = status }, OK }, all(UPSERT) }
  vague[#VAGUE + i] = { { { status = status }, OK }, all(POST) }
end
vague = try_long(vague)

local MISDIRECTED = { { status = 421 }, OK }
local misdirected = try_long { { MISDIRECTED, all(UPSERT) }, { MISDIRECTED, all(POST) },
  { { { status = 408 }, OK }, all(GET) } }

local broken = {}
for name, more in pairs(REPEATABLE) do
  local cases = {}
  for i, answer in ipairs { { send = 0, after = "reset" }, { send = 0, after = "close" },
    { body = "{}", length = 99, after = "close" }, { body = "{}", send = 20, after = "reset" },
    { never = true } } do
    cases[i] = { { answer, OK }, all(more, { timeout = answer.never and 0.5 or 5 }) }
  end
  broken[name] = try_long(cases)
end

describe("a request that may have been processed", function()
  it("is retried after an ambiguous status if it is repeatable", function()
    local results = vague()
    for i, status in ipairs(VAGUE) do
      assert.equal(200, results[i].answer.status)
      local result = results[#VAGUE + i]
      assert.equal(status, result.answer.status)
      assert.equal(1, #result.requests)
      assert.is_true(result.answer.maybe_sent)
    end
  end)

  it("is retried on a new connection after a 421 or a 408", function()
    local results = misdirected()
    for _, i in ipairs { 1, 3 } do
      assert.equal(200, results[i].answer.status)
      assert.equal(2, #results[i].requests)
      assert.not_equal(results[i].requests[1].connection, results[i].requests[2].connection)
    end
    assert.equal(421, results[2].answer.status)
    assert.equal(1, #results[2].requests)
    assert.is_false(results[2].answer.maybe_sent)
  end)

  for name, more in pairs(REPEATABLE) do
    it("is retried after a connection error: " .. name, function()
      for _, result in ipairs(broken[name]()) do
        assert.equal('"at last"', result.answer.body)
        assert.equal(2, #result.requests)
        assert.equal(more.body or "", result.requests[2].body)
        assert.equal(more.method, result.requests[2].method)
      end
    end)
  end

  it("is sent once if it is any other POST", function()
    for _, answer in ipairs { { send = 0, after = "reset" }, { send = 0, after = "close" }, { never = true },
      { body = "{}", length = 99, after = "close" }, { body = "{}", send = 20, after = "reset" } } do
      local result = try({ answer, OK }, all(POST, { timeout = 0.2 }))
      assert.is_nil(result.answer)
      assert.equal(1, #result.requests)
      assert.is_true(result.raw_error.maybe_sent)
      assert.equal(answer.never and "timeout" or "transport", result.raw_error.kind)
    end
  end)

  it("keeps maybe_sent if a later attempt is rejected", function()
    local result = try({ { status = 500 }, { status = 400, body = "{}" } }, all(UPSERT))
    assert.equal(400, result.answer.status)
    assert.is_true(result.answer.maybe_sent)
  end)

  it("is sent once if a kept-alive connection had died", function()
    for _, how in ipairs { "close", "reset" } do
      for _, more in ipairs { UPSERT, POST } do
        raw.with({ answers = { OK, { send = 0, after = how }, OK } }, function(server)
          finish(submit(server.url))
          local answer, raw_error = finish(submit(server.url, all(more)))
          assert.equal(more.repeatable and 3 or 2, #server:requests())
          if more.repeatable then
            assert.equal(200, answer.status)
            assert.equal(2, #answer.attempts)
          else
            assert.is_true(raw_error.maybe_sent)
          end
        end)
      end
    end
  end)
end)

describe("a request that was never sent", function()
  local function nowhere()
    local server = raw.start { answers = {} }
    local url = server.url
    server:stop()
    local socket = require "socket"
    local stop_time = core.clock() + 2
    repeat
      local client = socket.connect("127.0.0.1", url:match(":(%d+)$"))
      if client then client:close() end
    until not client or core.clock() > stop_time
    return url
  end

  it("is retried with any method, and maybe_sent is false", function()
    local url = nowhere()
    local one, two = submit(url, all(GET, { retries = 2 })), submit(url, all(POST, { retries = 2 }))
    for _, ticket in ipairs { one, two } do
      local _, raw_error = finish(ticket)
      assert.equal("transport", raw_error.kind)
      assert.is_false(raw_error.maybe_sent)
      assert.equal(3, #raw_error.attempts)
      assert.matches("connect", raw_error.attempts[3].error)
    end
  end)

  it("fails by the deadline at the latest", measured(function()
    local url = nowhere()
    local settings = all(GET, { retries = 1000, deadline = 0.7 })
    local one, two = submit(url, settings), submit(url, settings)
    for _, ticket in ipairs { one, two } do
      local _, raw_error = finish(ticket)
      assert.equal("transport", raw_error.kind == "timeout" and "transport" or raw_error.kind)
      -- a last gap of a few milliseconds may have been too long
      assert.is_true(raw_error.elapsed >= 0.68 and raw_error.elapsed < 1.2, tostring(raw_error.elapsed))
    end
  end))

  it("is not retried after a permanent error", function()
    raw.with({ answers = { OK }, greeting = "220 ready\r\n" }, function(server)
      local url = server.url:gsub("^http:", "https:")
      local _, raw_error = finish(submit(url, all(GET, { ca_file = "/nonexistent" })))
      assert.equal("transport", raw_error.kind)
      assert.is_nil(raw_error.attempts and raw_error.attempts[2])
    end)
  end)
end)

describe("a final status of the service", function()
  for _, status in ipairs { 200, 204, 301, 400, 401, 403, 404, 409, 410, 413, 415, 501 } do
    it(("is not retried: %d"):format(status), function()
      local result = try({ { status = status }, OK }, all(GET))
      assert.equal(status, result.answer.status)
      assert.equal(1, #result.requests)
      assert.is_nil(result.answer.attempts)
    end)
  end

  it("a response larger than max_response_bytes is not retried", function()
    local result = try({ { body = ("x"):rep(1000) }, OK }, all(GET, { max_response_bytes = 100 }))
    assert.equal("transport", result.raw_error.kind)
    assert.equal(1, #result.requests)
  end)
end)

local growing = {}
for i = 1, 5 do
  growing[i] = { { { status = 503 } }, all(GET, { retries = 3, deadline = 30 }) }
end
growing = later(growing)

it("the waits grow, with jitter", measured(function()
  local sums = {}
  for i, result in ipairs(growing()) do
    local attempts = result.answer.attempts
    assert.equal(4, #attempts)
    for k, most in ipairs { 0.5, 1, 2 } do
      assert.is_true(attempts[k + 1].waited <= most + 0.3, attempts[k + 1].waited)
    end
    sums[i] = attempts[2].waited + attempts[3].waited + attempts[4].waited
  end
  assert.is_true(sums[1] ~= sums[2] or sums[2] ~= sums[3])
end))
