-- What is sent again, and when: DESIGN's rules, by the engine alone.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local raw = require "spec.support.raw"

local finish, submit = engine.finish, engine.submit

local OK = { body = '"at last"' }

-- The outcomes of requests, {answers, settings} each, all under way at once;
-- and what the servers saw of them.
local function try_all(list)
  local tries, results = {}, {}
  for i, case in ipairs(list) do
    local server = raw.start { answers = case[1] }
    tries[i] = { server = server, ticket = submit(server.url, case[2]) }
  end
  for i, one in ipairs(tries) do
    local answer, trouble = finish(one.ticket)
    results[i] = { answer = answer, trouble = trouble, requests = one.server:requests() }
    one.server:stop()
  end
  return results
end

local function try(answers, more)
  return try_all({ { answers, more } })[1]
end

local function all(more, over)
  local settings = { retries = 4, deadline = 20 }
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

describe("a 429", function()
  it("waits exactly as long as it says, any verb", function()
    for _, more in ipairs { GET, POST } do
      local result = try({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, all(more))
      assert.equal(200, result.answer.status)
      assert.equal(2, #result.requests)
      local waited = result.answer.attempts[2].waited
      assert.is_true(waited >= 1 and waited < 1.2, tostring(waited))
      assert.equal(429, result.answer.attempts[1].status)
    end
  end)

  it("may say so by a date", function()
    local result = try({ { status = 429, headers = { ["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT",
      os.time() + 2) } }, OK }, all(GET))
    local waited = result.answer.attempts[2].waited
    assert.is_true(waited >= 0.9 and waited < 2.2, tostring(waited))
  end)

  it("beyond the deadline ends it at once", function()
    local began = core.clock()
    local result = try({ { status = 429, headers = { ["Retry-After"] = "30" } }, OK }, all(POST))
    assert.is_true(core.clock() - began < 2)
    assert.equal(429, result.answer.status)
    assert.equal(1, #result.requests)
    assert.is_false(result.answer.maybe_sent)
  end)

  it("that says nothing is not asked more and more often towards the deadline", function()
    local answers = {}
    for i = 1, 40 do
      answers[i] = { status = 429 }
    end
    for _, result in ipairs(try_all { { answers, all(GET, { deadline = 3 }) }, { answers, all(GET, { deadline = 3 }) },
      { answers, all(POST, { deadline = 3 }) }, { answers, all(POST, { deadline = 3 }) } }) do
      assert.equal(429, result.answer.status)
      assert.is_true(#result.requests > 1 and #result.requests < 10, tostring(#result.requests))
    end
  end)

  it("is no failed retry: it may come as often as it likes", function()
    local answers = {}
    for i = 1, 12 do
      answers[i] = { status = 429, headers = { ["Retry-After"] = "0" } }
    end
    answers[13], answers[14] = { status = 503 }, OK
    local result = try(answers, all(GET, { retries = 1 }))
    assert.equal(200, result.answer.status)
    assert.equal(14, #result.answer.attempts)
  end)

  it("without a word of when waits with growing gaps", function()
    local answers = {}
    for i = 1, 6 do
      answers[i] = { status = 429 }
    end
    local result = try(answers, all(GET, { deadline = 2 }))
    local outcome = result.answer or result.trouble
    assert.is_true(#outcome.attempts >= 2 and #outcome.attempts < 30)
  end)

  it("is not waited for by who wants no retries", function()
    local result = try({ { status = 429, headers = { ["Retry-After"] = "1" } }, OK }, all(GET, { retries = 0 }))
    assert.equal(429, result.answer.status)
    assert.equal(1, #result.requests)
  end)
end)

describe("a 503", function()
  it("is tried again, any verb: nothing was done", function()
    local answers = { { status = 503 }, { status = 503 }, OK }
    for i, result in ipairs(try_all { { answers, all(GET) }, { answers, all(POST) } }) do
      assert.equal(200, result.answer.status)
      assert.equal(3, #result.requests)
      assert.equal(i == 2 and "{}" or "", result.requests[3].body)
      assert.is_false(result.answer.maybe_sent)
    end
  end)

  it("waits as long as it says", function()
    local result = try({ { status = 503, headers = { ["Retry-After"] = "1" } }, OK }, all(POST))
    assert.is_true(result.answer.attempts[2].waited >= 1)
  end)

  it("no more often than was asked for", function()
    local result = try({ { status = 503 } }, all(POST, { retries = 2 }))
    assert.equal(503, result.answer.status)
    assert.equal(3, #result.answer.attempts)
    assert.equal(3, #result.requests)
    result = try({ { status = 503 } }, all(POST, { retries = 0 }))
    assert.equal(1, #result.requests)
  end)
end)

describe("what may have been done", function()
  local VAGUE = { 500, 502, 504, 520, 521, 522, 523, 524, 525, 529 }

  it("is sent again after a vague status where that does no harm", function()
    local cases = {}
    for i, status in ipairs(VAGUE) do
      cases[i] = { { { status = status }, OK }, all(UPSERT) }
      cases[#VAGUE + i] = { { { status = status }, OK }, all(POST) }
    end
    local results = try_all(cases)
    for i, status in ipairs(VAGUE) do
      assert.equal(200, results[i].answer.status)
      local result = results[#VAGUE + i]
      assert.equal(status, result.answer.status)
      assert.equal(1, #result.requests)
      assert.is_true(result.answer.maybe_sent)
    end
  end)

  for name, more in pairs(REPEATABLE) do
    it("is sent again after whatever befalls the connection: " .. name, function()
      local cases = {}
      for i, answer in ipairs { { send = 0, after = "reset" }, { send = 0, after = "close" },
        { body = "{}", length = 99, after = "close" }, { body = "{}", send = 20, after = "reset" },
        { never = true } } do
        cases[i] = { { answer, OK }, all(more, { timeout = answer.never and 0.1 or 5 }) }
      end
      for _, result in ipairs(try_all(cases)) do
        assert.equal('"at last"', result.answer.body)
        assert.equal(2, #result.requests)
        assert.equal(more.body or "", result.requests[2].body)
        assert.equal(more.method, result.requests[2].method)
      end
    end)
  end

  it("is sent once when it is any other POST", function()
    for _, answer in ipairs { { send = 0, after = "reset" }, { send = 0, after = "close" }, { never = true },
      { body = "{}", length = 99, after = "close" }, { body = "{}", send = 20, after = "reset" } } do
      local result = try({ answer, OK }, all(POST, { timeout = 0.2 }))
      assert.is_nil(result.answer)
      assert.equal(1, #result.requests)
      assert.is_true(result.trouble.maybe_sent)
      assert.equal(answer.never and "timeout" or "transport", result.trouble.kind)
    end
  end)

  it("stays in doubt when a later attempt is refused", function()
    local result = try({ { status = 500 }, { status = 400, body = "{}" } }, all(UPSERT))
    assert.equal(400, result.answer.status)
    assert.is_true(result.answer.maybe_sent)
  end)

  it("is sent once when the connection it was kept alive on had died", function()
    for _, how in ipairs { "close", "reset" } do
      for _, more in ipairs { UPSERT, POST } do
        raw.with({ answers = { OK, { send = 0, after = how }, OK } }, function(server)
          finish(submit(server.url))
          local answer, trouble = finish(submit(server.url, all(more)))
          assert.equal(more.repeatable and 3 or 2, #server:requests())
          if more.repeatable then
            assert.equal(200, answer.status)
            assert.equal(2, #answer.attempts)
          else
            assert.is_true(trouble.maybe_sent)
          end
        end)
      end
    end
  end)
end)

describe("what was never sent", function()
  local function nowhere()
    local server = raw.start { answers = {} }
    local url = server.url
    server:stop()
    local socket = require "socket"
    local till = core.clock() + 2
    repeat
      local client = socket.connect("127.0.0.1", url:match(":(%d+)$"))
      if client then client:close() end
    until not client or core.clock() > till
    return url
  end

  it("is tried again, any verb, and never said to be in doubt", function()
    local url = nowhere()
    for _, more in ipairs { GET, POST } do
      local _, trouble = finish(submit(url, all(more, { retries = 2 })))
      assert.equal("transport", trouble.kind)
      assert.is_false(trouble.maybe_sent)
      assert.equal(3, #trouble.attempts)
      assert.matches("connect", trouble.attempts[3].error)
    end
  end)

  it("ends by the deadline at the latest", function()
    local url = nowhere()
    for _ = 1, 2 do
      local _, trouble = finish(submit(url, all(GET, { retries = 1000, deadline = 0.7 })))
      assert.equal("transport", trouble.kind == "timeout" and "transport" or trouble.kind)
      -- a last gap of a few milliseconds may have been too long
      assert.is_true(trouble.elapsed >= 0.68 and trouble.elapsed < 1.2, tostring(trouble.elapsed))
    end
  end)

  it("is not where another try mends nothing", function()
    raw.with({ answers = { OK }, greeting = "220 ready\r\n" }, function(server)
      local url = server.url:gsub("^http:", "https:")
      local _, trouble = finish(submit(url, all(GET, { ca_file = "/nonexistent" })))
      assert.equal("transport", trouble.kind)
      assert.is_nil(trouble.attempts and trouble.attempts[2])
    end)
  end)
end)

describe("what the service has decided", function()
  for _, status in ipairs { 200, 204, 301, 400, 401, 403, 404, 409, 410, 413, 415, 501 } do
    it(("is not asked for again: %d"):format(status), function()
      local result = try({ { status = status }, OK }, all(GET))
      assert.equal(status, result.answer.status)
      assert.equal(1, #result.requests)
      assert.is_nil(result.answer.attempts)
    end)
  end

  it("nor what is larger than wanted", function()
    local result = try({ { body = ("x"):rep(1000) }, OK }, all(GET, { max_response_bytes = 100 }))
    assert.equal("transport", result.trouble.kind)
    assert.equal(1, #result.requests)
  end)
end)

it("gaps grow, at random", function()
  local cases, sums = {}, {}
  for i = 1, 5 do
    cases[i] = { { { status = 503 } }, all(GET, { retries = 3, deadline = 30 }) }
  end
  for i, result in ipairs(try_all(cases)) do
    local attempts = result.answer.attempts
    assert.equal(4, #attempts)
    for k, most in ipairs { 0.5, 1, 2 } do
      assert.is_true(attempts[k + 1].waited <= most + 0.1)
    end
    sums[i] = attempts[2].waited + attempts[3].waited + attempts[4].waited
  end
  assert.is_true(sums[1] ~= sums[2] or sums[2] ~= sums[3])
end)
