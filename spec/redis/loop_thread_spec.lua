-- Exchanges by a loop thread while another thread takes tokens: each spec runs in a
-- process of its own.
if not require("spec.support.redis_server").is_available(pending, "limits on Redis by a loop thread") then
  return
end
local patient = require "spec.support.patient_redis"
local raw = require "spec.support.raw"
local redis_hosts = require "spec.support.redis_hosts"
local script = require "spec.support.script"

local TOOLS = [[
  local core = require "klaviyo.core"
  local engine = require "spec.support.engine"
  local redis = require "klaviyo.redis"
  local url, redis_url = ...
  local completions = core.completion_queue()
  local source = redis.source(redis_url, "/tmp/klaviyo-thread-" .. redis_url:match("%d+/"))
  local budget = core.budget(nil, false, source:pointer())
  local function queue(name, limit)
    return core.request_queue(url, budget, {{name = name, second = limit}})
  end
  local function submit(by)
    return core.submit(engine.settings(), by, "GET", url .. "/", nil, true, completions)
  end
  local function finish(tickets)
    local stop = core.clock() + 15
    for _, ticket in ipairs(tickets) do
      while not ticket:done() do
        engine.drain(completions, 0.02)
        assert(core.clock() < stop, "no end")
      end
      assert(ticket:result().status == 200)
    end
  end
]]

local function run(text)
  local redis = redis_hosts.start()
  local output, status
  raw.with({answers = {{body = "{}"}}}, function(server)
    output, status = script.run(TOOLS .. text, {args = {server.url, redis.url}, timeout = 40,
      env = patient})
  end)
  assert.equal(0, status, output)
  return output, redis
end

describe("limits on Redis, by a loop thread", function()
  after_each(redis_hosts.close_all)

  it("are kept by requests of both threads", function()
    local output, redis = run [[
      local limited, tickets = queue("both", 20), {}
      local began = core.clock()
      for i = 1, 40 do tickets[i] = submit(limited) end
      local taken = 0
      while taken < 5 and core.clock() - began < 10 do
        taken = taken + (limited:take() and 1 or 0)
        engine.drain(completions, 0.001)
      end
      finish(tickets)
      local seconds = core.clock() - began
      local stats = source:stats()
      print(taken, seconds >= 1.9, stats.exchanges > 2, stats.tokens >= 45, stats.waits > 0)
    ]]
    assert.equal("5 true true true true", (output:gsub("%s+", " "):gsub(" $", "")))
    assert.is_true(redis_hosts.exchanges(redis) > 2)
  end)

  it("report problems from the other thread", function()
    local output = run [[
      local away = redis.source("redis://127.0.0.1:1", "/tmp/klaviyo-thread-away")
      local own = core.budget(nil, false, away:pointer())
      local before = core.budget_problems()
      local limited = core.request_queue(url, own, {{name = "away", second = 50}})
      local tickets = {}
      for i = 1, 20 do tickets[i] = submit(limited) end
      while not away:problem() do engine.drain(completions, 0.01) end
      finish(tickets)
      print(core.budget_problems() > before, away:stats().failures > 0, away:problem())
    ]]
    assert.matches("^true%s+true%s+%S", output)
  end)
end)
