-- The engine with a background thread. Each spec runs in a process of its own:
-- one that has started the thread keeps it.
local raw = require "spec.support.raw"
local script = require "spec.support.script"

-- Functions for the scripts: `go` submits a request, `finish` waits for some.
local TOOLS = [[
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local url = (...)
local queue = core.completion_queue()
local request_queue = engine.request_queue(url)
local function go(more)
  more = more or {}
  return core.submit(more.with or engine.settings(more.settings), more.request_queue or request_queue,
    more.method or "GET",
    url .. (more.path or "/"), more.body, more.method ~= "POST", queue, more.trace)
end
local function finish(tickets)
  local of, left, stop_time = {}, 0, core.clock() + 10
  for _, ticket in ipairs(tickets) do
    of[ticket:announce()], left = ticket, left + 1
  end
  while left > 0 do
    for _, serial in ipairs(engine.drain(queue, 0.2)) do
      if of[serial] then
        assert(of[serial]:done())
        of[serial], left = nil, left - 1
      end
    end
    assert(core.clock() < stop_time, "no end")
  end
end
local function many(n, more)
  local list = {}
  for i = 1, n do list[i] = go(more) end
  return list
end
local function until_true(condition, seconds)
  local stop_time = core.clock() + (seconds or 5)
  while not condition() do
    assert(core.clock() < stop_time, "it does not come about")
    engine.drain(queue, 0.01)
  end
end
]]

local function run(text, plan, options)
  local output, status, requests
  local function body(server)
    options = options or {}
    options.args = { server.url }
    output, status = script.run(TOOLS .. text, options)
    requests = server:requests()
  end
  raw.with(plan or { answers = { { body = "{}" } } }, body)
  assert(status == 0, output)
  return output, requests
end

describe("an engine with a background thread", function()
  it("reports the end of each request once, in its completion queue", function()
    local _, requests = run [[
      local tickets = many(200)
      finish(tickets)
      for _, ticket in ipairs(tickets) do
        assert(ticket:result().status == 200)
      end
      assert(queue:size() == 0)
      assert(#engine.drain(queue, 0.05) == 0)
    ]]
    assert.equal(200, #requests)
  end)

  it("gives each attempt of a trace its own id", function()
    local output, requests = run([[
      local tickets = {}
      for i = 1, 60 do
        tickets[i] = go {
          path = "/" .. i, settings = {retries = 3},
          trace = i % 3 > 0 and {
            traceparent = ("00-%032x-b7ad6b7169203331-01"):format(i), seed = ("%08d"):format(i),
          } or nil,
        }
      end
      for i = 1, 60, 10 do tickets[i]:cancel() end
      finish(tickets)
      for i, ticket in ipairs(tickets) do
        local response, raw_error = ticket:result()
        for _, attempt in ipairs(i % 3 > 0 and (response or raw_error).attempts or {}) do
          print(i, attempt.span_id)
        end
      end
    ]], { answers = { { status = 503 }, { status = 503 }, { body = "{}" } } })
    local ids = {}
    for number, id in output:gmatch("(%d+)\t(%x+)") do
      assert.is_nil(ids[id])
      ids[id] = tonumber(number)
    end
    local count = 0
    for _, request in ipairs(requests) do
      local number = tonumber(request.target:sub(2))
      local trace_id, id = (request.headers.traceparent or ""):match("^00%-(%x+)%-(%x+)%-01$")
      assert.equal(number % 3 > 0 and ("%032x"):format(number) or nil, trace_id)
      if id then
        assert.equal(number, ids[id])
        count = count + 1
      end
    end
    assert.is_true(count >= 35, count)
  end)

  it("cancels", function()
    run([[
      local tickets = many(40)
      until_true(function() return select(2, core.stats()) > 0 end)
      for _, ticket in ipairs(tickets) do ticket:cancel() end
      finish(tickets)
      for _, ticket in ipairs(tickets) do
        local answer, raw_error = ticket:result()
        assert(answer == nil and raw_error.kind == "cancelled", raw_error.kind)
      end
      local queued, running = core.stats()
      assert(queued == 0 and running == 0)
    ]], { answers = { { never = true } } })
  end)

  it("cancels a request whose ticket was garbage collected", function()
    run([[
      coroutine.wrap(function() many(30) end)()
      collectgarbage() collectgarbage()
      until_true(function()
        local queued, running = core.stats()
        return queued + running == 0 and queue:size() == 0
      end)
    ]], { answers = { { never = true } } })
  end)

  it("applies deadlines, and retries", function()
    run([[
      local late = go {settings = {deadline = 0.2}, path = "/late"}
      finish {late}
      local _, raw_error = late:result()
      assert(raw_error.kind == "timeout" and raw_error.elapsed >= 0.2)
      local again = go {settings = {retries = 2, deadline = 5}}
      finish {again}
      local answer = again:result()
      assert(answer.status == 200 and #answer.attempts == 2)
    ]], { answers = { { never = true }, { status = 503 }, { body = "{}" } } })
  end)

  it("rejects calls that would wait in the calling thread", function()
    run [[
      local ticket = go()
      assert(not pcall(ticket.wait, ticket, 0))
      assert(not pcall(core.wait_any, 0))
      assert(not pcall(core.pump, 0))
      assert(not pcall(engine.submit, url))
      assert(core.pollfd() == nil)
      finish {ticket}
    ]]
  end)

  it("ends with the process, even with requests in progress", function()
    run([[
      many(20)
      until_true(function() return select(2, core.stats()) > 0 end)
    ]], { answers = { { never = true } } })
  end)

  it("has a new engine in a child #native", function()
    local _, requests = run([[
      package.cpath = package.cpath .. ";" .. os.getenv "SPEC_CPATH"
      finish {go()}
      local fork = require "spec_fork"
      local child = fork.fork()
      if child == 0 then
        queue = core.completion_queue()
        local ticket = go()
        finish {ticket}
        fork.leave(ticket:result().status == 200 and 7 or 1)
      end
      assert(fork.wait(child) == 7)
      finish {go()}
    ]], nil, { env = { SPEC_CPATH = package.cpath:gsub("klaviyo/", "") } })
    assert.equal(3, #requests)
  end)

  it("has several completion queues, each with its own completions", function()
    run [[
      local other = core.completion_queue()
      assert(core.completion_queues() == 2)
      local mine = go()
      local its = core.submit(engine.settings(), request_queue, "GET", url .. "/", nil, true, other)
      local serial = its:announce()
      assert(engine.drain(other, 5)[1] == serial)
      finish {mine}
      other, its = nil, nil
      collectgarbage() collectgarbage()
      assert(core.completion_queues() == 1)
    ]]
  end)
end)

describe("a background request", function()
  local TRACK = [[
    local function track(n, most, more)
      local settings, background = engine.settings(more), core.request_queue(url:match "^%a+://[^/]+", nil, nil, true)
      local taken = 0
      for i = 1, n do
        local ok, why = core.track(settings, background, "POST", url .. "/" .. i, "{}", true, most or 1000)
        assert(ok or why == "full")
        taken = taken + (ok and 1 or 0)
      end
      return taken
    end
    local function counts_are(queued, running, sent, failed, refused)
      local now = core.background_stats()
      return now.queued == queued and now.running == running and now.sent == sent and now.failed == failed
        and now.refused == refused
    end
  ]]

  it("is sent and counted", function()
    local _, requests = run(TRACK .. [[
      assert(track(100) == 100)
      until_true(function() return counts_are(0, 0, 100, 0, 0) end)
    ]])
    assert.equal(100, #requests)
  end)

  it("leaves capacity for foreground requests", function()
    run(TRACK .. [[
      track(70, 1000, {deadline = 2}) -- until which the process stays
      until_true(function() return core.background_stats().running == 64 end)
      local ticket = go {path = "/waited"}
      until_true(function() return select(2, core.stats()) == 65 end)
    ]], { answers = { { never = true } } })
  end)

  it("is refused if there are too many", function()
    run(TRACK .. [[
      assert(track(50, 20, {deadline = 0.2}) == 20)
      assert(core.background_stats().refused == 30)
    ]], { answers = { { never = true } } })
  end)

  it("reports why it failed", function()
    run(TRACK .. [[
      track(1)
      until_true(function() return core.background_stats().failed == 1 end)
      local failures = core.failures()
      assert(#failures == 1 and failures[1].status == 400 and failures[1].detail:find "no such thing")
      assert(#core.failures() == 0)
      track(40, 1000, {retries = 0})
      until_true(function() return core.background_stats().failed == 41 end)
      assert(#core.failures() == 16)
    ]], { answers = { { status = 400, body = '{"errors":[{"detail":"no such thing"}]}' },
      { send = 0, after = "reset" } } })
  end)

  it("is still sent when the process ends", function()
    local _, requests = run(TRACK .. "track(60)")
    assert.equal(60, #requests)
  end)

  it("is also sent if the process runs the loop itself", function()
    local text = TRACK:gsub("^", [[
      local core = require "klaviyo.core"
      local engine = require "spec.support.engine"
      local url = (...)
    ]]) .. [[
      assert(track(30) == 30)
      if select(2, ...) == "pump" then
        engine.pump_until(function() return counts_are(0, 0, 30, 0, 0) end)
      end
    ]]
    for _, how in ipairs { "pump", "leave" } do
      raw.with({ answers = { { body = "{}" } } }, function(server)
        local output, status = script.run(text, { args = { server.url, how } })
        assert.equal(0, status, output)
        assert.equal(30, #server:requests())
      end)
    end
  end)
end)
