-- The relay of an outbox in nginx: several workers, each with a timer for its file and
-- one for the stream.
local redis_server = require "spec.support.redis_server"
local worker = require "spec.support.worker"

local WHAT = "the relay of an outbox in nginx"
if not (worker.is_available(pending, WHAT) and redis_server.is_available(pending, WHAT)) then
  return
end

local folder = require "spec.support.folder"
local sandbox = require "spec.support.sandbox"
local shell = require "klaviyo.sandbox.shell"

local WORKERS = 4

local LOCATIONS = {
  ["/track"] = [[
    local ok, err = client.events:track {
      metric = "Kept", profile = {email = "a@example.com"},
      properties = {n = 1}, unique_id = ngx.var.arg_id,
    }
    if not ok then
      ngx.status = 503
    end
    ngx.say(ok and "kept" or tostring(err))
  ]],
  ["/metrics"] = [[ klaviyo.metrics.content() ]],
  ["/folder"] = [[
    local stats = outbox:stats()
    ngx.say(stats.folder.waiting, " ", stats.folder.files)
  ]],
}

describe("the relay of an outbox, in nginx", function()
  local fixture = sandbox.here(setup, teardown, {record = 0})
  local folders = folder.here(after_each)
  local redis, server

  setup(function()
    redis = redis_server.start()
  end)

  teardown(function()
    redis:close()
  end)

  before_each(function()
    redis:call("FLUSHALL")
    fixture.server:reset()
  end)

  after_each(function()
    if server then
      server:stop()
      server = nil
    end
  end)

  local function start(more, http)
    local init = ([[
      klaviyo.metrics.start()
      local function warn(text) note("warning", text) end
      outbox = assert(require("klaviyo.outbox").new {path = %q, relay = %q, interval = 0.5,
        on_warning = warn%s})
      client = klaviyo.new {base_url = %q, proxy = "", pacing = false, rate_limit_file = false,
        retries = 0, outbox = outbox, revision = "2026-07-15", on_warning = warn}
    ]]):format(folders.new() .. "/box", redis.url, more or ", claim_after = 1", fixture.server.base_url)
    server = worker.start(fixture.server, {workers = WORKERS, locations = LOCATIONS, init = init,
      -- else the state of the worker would send for those of the requests
      init_worker = not http and "outbox:start(client)" or nil, http = http})
  end

  -- Each request by a connection of its own: so all workers get some.
  local function track(first, last)
    local kept = 0
    for number = first, last do
      kept = kept + (server:get("/track?id=" .. number) == "kept\n" and 1 or 0)
    end
    assert.message(server:logs()).equal(last - first + 1, kept)
  end

  local function has_events(count, seconds)
    local function distinct()
      return fixture.server:stats().events.distinct
    end
    assert.message(function() return distinct() .. " of " .. count end).truthy(shell.wait_for(function()
      return distinct() >= count
    end, seconds or 15))
    assert.equal(count, distinct())
  end

  it("sends the events of all workers through the stream", function()
    start()
    track(1, 60)
    has_events(60)
    assert.truthy(shell.wait_for(function()
      return redis:call("XLEN", "klaviyo:events") == 0
    end, 5))
    assert.equal(("0 %d\n"):format(WORKERS), (server:get("/folder")))
    assert.equal(60, fixture.server:stats().events.received)
    assert.same({}, server:noted("warning", 0))
    assert.same({}, server:problems())
  end)

  it("only moves them with send = false, within a second", function()
    start ", send = false"
    track(1, 20)
    local began = require("socket").gettime()
    assert.truthy(shell.wait_for(function()
      return redis:call("XLEN", "klaviyo:events") == 20
    end, 5))
    -- what is quick here may be slow on a busy machine
    assert.is_true(require("socket").gettime() - began < 3)
    assert.equal(0, fixture.server:stats().events.received)
  end)

  it("is in the metrics, whichever worker answers the scrape", function()
    start ", send = false"
    track(1, 20)
    assert.truthy(shell.wait_for(function()
      return server:get("/metrics"):find('klaviyo_stream_events_total{result="relayed"} 20', 1, true)
    end, 10))
    for _ = 1, 8 do
      local text = server:get "/metrics"
      assert.truthy(text:find('klaviyo_stream_length{stream="klaviyo:events"} 20', 1, true), text)
      assert.truthy(text:find('klaviyo_stream_pending{stream="klaviyo:events"} 0', 1, true), text)
    end
  end)

  it("continues after Redis was away, with one warning of a worker", function()
    start()
    track(1, 20)
    has_events(20)
    redis:stop("KILL")
    track(21, 60)
    shell.sleep(1.2)
    assert.equal(20, fixture.server:stats().events.distinct)
    redis:start()
    has_events(60, 30)
    local warnings = server:noted("warning", 1)
    assert.is_true(#warnings >= 1 and #warnings <= WORKERS, #warnings)
    assert.truthy(warnings[1]:find("cannot be used", 1, true))
  end)

  it("loses nothing when workers are killed or nginx is reloaded", function()
    start()
    fixture.server:fault {operation = "bulk_create_events", delay = 0.3, times = 1000}
    for round = 0, 1 do
      track(round * 40 + 1, round * 40 + 40)
      shell.sleep(0.6)
      if round == 1 then
        server:reload()
      else
        for _, pid in ipairs(server:workers()) do
          shell.run("kill -9 " .. pid)
        end
        assert.truthy(shell.wait_for(function() return #server:workers() == WORKERS end, 10))
      end
    end
    track(81, 90)
    has_events(90, 40)
    assert.truthy(shell.wait_for(function()
      return redis:call("XLEN", "klaviyo:events") == 0
    end, 15))
  end)

  it("moves what it has and gives back its turn when a worker exits", function()
    start ", interval = 5, claim_after = 600"
    local function holder()
      return redis:call("GET", "klaviyo:events:sender")
    end
    assert.truthy(shell.wait_for(holder, 4)) -- at once, not after the interval
    track(1, 8)
    local former = holder()
    server:reload()
    -- the turn lasts 10 s if it is not given back; the files are moved each 2.5 s
    assert.truthy(shell.wait_for(function()
      return holder() ~= former and redis:call("XLEN", "klaviyo:events") == 8
    end, 2))
  end)

  it("asks seldom for a turn that another worker has", function()
    start ", interval = 0.2, claim_after = 600"
    assert.truthy(shell.wait_for(function()
      return redis:call("GET", "klaviyo:events:sender")
    end, 15))
    local function calls()
      return tonumber(redis:call("INFO", "commandstats"):match("cmdstat_eval:calls=(%d+)"))
    end
    shell.sleep(0.3)
    local before = calls()
    shell.sleep(1.5)
    local count = calls() - before
    assert.is_true(count >= 1 and count <= 15, count) -- with each of four workers 30
  end)

  it("keeps its turn while a request takes long", function()
    start ", interval = 0.2, claim_after = 1"
    local function holder()
      return redis:call("GET", "klaviyo:events:sender")
    end
    assert.truthy(shell.wait_for(holder, 15))
    local former = holder()
    fixture.server:fault {operation = "bulk_create_events", delay = 2.5, times = 1}
    track(1, 1)
    for _ = 1, 11 do
      shell.sleep(0.2)
      assert.equal(former, holder())
    end
    has_events(1)
    assert.equal(1, fixture.server:stats().events.received)
  end)

  it("works with lua_code_cache off, and leaves no connection open", function()
    start(", claim_after = 600", "lua_code_cache off;")
    track(1, 30)
    has_events(30, 8)
    assert.truthy(shell.wait_for(function()
      return redis:call("XLEN", "klaviyo:events") == 0
    end, 5))
    assert.truthy(shell.wait_for(function()
      return tonumber(redis:call("INFO", "clients"):match("connected_clients:(%d+)")) <= 1 + WORKERS
    end, 5), redis:call("CLIENT", "LIST"))
    assert.same({}, server:noted("warning", 0))
  end)
end)
