-- An outbox whose events go through a stream of a Redis, which the spec starts.
local core = require "klaviyo.core"
if not require("spec.support.redis_server").is_available(pending, "the relay of an outbox") then
  return
end
local folder = require "spec.support.folder"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local progress = require "klaviyo.outbox.progress"
local raises = require "spec.support.raises"
local relay_boxes = require "spec.support.relay_boxes"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local socket = require "socket"
local transport = require "klaviyo.transport.transport"

local event = relay_boxes.event
local unpack = table.unpack or unpack -- luacheck: ignore 113

-- Returns the numbers from `first` to `last`.
local function range(first, last)
  local list = {}
  for number = first, last do
    list[#list + 1] = number
  end
  return list
end

describe("an outbox with a relay", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)
  local boxes = relay_boxes.here({setup = setup, teardown = teardown, before_each = before_each,
    after_each = after_each}, fixture, folders)
  local call = transport.call
  local new, fill, length, counts = boxes.new, boxes.fill, boxes.length, boxes.counts

  after_each(function()
    transport.call = call
  end)

  -- Keeps the bodies of the requests, in their order.
  local function recorded()
    local bodies = {}
    transport.call = function(values, request, op)
      bodies[#bodies + 1] = request.body
      return call(values, request, op)
    end
    return bodies
  end

  local function entries()
    local list = {}
    for i, entry in ipairs(boxes.redis:call("XRANGE", "klaviyo:events", "-", "+")) do
      list[i] = entry[2][8]
    end
    return list
  end

  describe("that only moves events", function()
    it("has them in the stream in their order, and no longer in the file", function()
      local box = new {send = false}
      fill(box, 1, 1234)
      assert.same({1234, nil}, {box:waiting(), box:stats().stream.length})
      assert.equal(0, length())
      assert.is_true(box:drain(10))
      assert.same(range(1, 1234), boxes.numbers(unpack(entries())))
      local stats = box:stats()
      assert.same({0, 1234, 0, 0}, {stats.waiting, stats.relayed, stats.sent, stats.folder.waiting})
      assert.same({length = 1234, claimed = 0}, {length = stats.stream.length,
        claimed = stats.stream.claimed})
      assert.equal(0, counts().received)
      assert.is_true(box:close())
      assert.same({}, boxes.warnings)
    end)

    it("writes what an entry is", function()
      local box = new {send = false}
      local before = os.time() * 1000
      fill(box, 7, 7)
      assert.is_true(box:drain(10))
      local fields = boxes.redis:call("XRANGE", "klaviyo:events", "-", "+")[1][2]
      assert.same({"id", "id-7", "revision", "2026-07-15", "time"}, {unpack(fields, 1, 5)})
      assert.is_true(tonumber(fields[6]) >= before)
      assert.same({"event", 8}, {fields[7], #fields})
      assert.equal("Kept", json.decode(fields[8]).attributes.events.data[1].attributes.metric
        .data.attributes.name)
    end)

    it("moves what a process left that has ended", function()
      local path = folders.new()
      local other = new {path = path, send = false}
      fill(other, 1, 5)
      other:close(0)
      assert.equal(0, length())
      local box = new {path = path, send = false}
      assert.is_true(box:drain(10, boxes.client))
      assert.equal(5, length())
    end)

    it("stops at max_stream: the others stay in the file, whose limits hold", function()
      local box = new {send = false, max_stream = 600, max_rows = 650}
      fill(box, 1, 650)
      local _, full = box:enqueue(event(651), boxes.client)
      assert.equal("full", full.code)
      for _ = 1, 3 do
        local done, err = box:flush()
        assert.is_nil(done)
        assert.same({"transport", "full"}, {err.kind, err.code})
        -- it asks before it sends them again
        box.relay.stream.add = error
      end
      box.relay.stream.add = nil
      assert.same({600, 50}, {length(), box:waiting()})
      assert.equal(1, #boxes.warnings)
      assert.truthy(boxes.warnings[1]:find("it has 600 events, max_stream", 1, true))
      fill(box, 651, 1250)
      _, full = box:enqueue(event(1251), boxes.client)
      assert.equal("full", full.code)
      -- once another host has sent some, the others follow
      assert.is_true(new():drain(10, boxes.client))
      assert.is_nil((box:flush()))
      assert.same({600, 50}, {length(), box:waiting()})
      assert.equal(1, #boxes.warnings)
      assert.equal(600, counts().distinct)
    end)

    it("does not move them again that a full disk does not let it delete", function()
      local box = new {send = false}
      fill(box, 1, 10)
      local methods = getmetatable(box.store).__index
      local drop = methods.drop
      finally(function() methods.drop = drop end)
      methods.drop = function() return nil, "full", "no room" end
      assert.is_true(box:flush())
      fill(box, 11, 15)
      assert.is_true(box:flush())
      methods.drop = drop
      assert.is_true(box:flush())
      assert.same({15, 0, 15}, {length(), box:waiting(), box:stats().relayed})
      assert.is_nil((box.store:first(0, 100)))
      assert.equal(1, #boxes.warnings)
    end)

    it("keeps to max_bytes of the file", function()
      local box = new {send = false, max_stream = 1, max_bytes = 200000}
      local number = 0
      local ok, err
      repeat
        number = number + 1
        ok, err = box:enqueue(event(number, {properties = {number = number, text = ("x"):rep(1000)}}),
          boxes.client)
        if number % 50 == 1 then
          box:flush()
        end
      until not ok or number > 300
      assert.equal("full", err.code)
      assert.is_true(number > 100 and number < 250, number)
      assert.equal(1, length())
    end)
  end)

  describe("that also sends", function()
    it("sends the events of all hosts, once, in batches and in their order", function()
      local bodies = recorded()
      local one, two = new {send = false}, new()
      fill(one, 1, 1300)
      assert.is_true(one:drain(10))
      fill(two, 1301, 1400)
      assert.is_true(two:drain(10))
      assert.same(range(1, 1400), boxes.numbers(unpack(bodies)))
      assert.is_true(#bodies <= 4, #bodies)
      assert.same({1400, 1400}, {counts().received, counts().distinct})
      assert.same({0, 0}, {length(), two:stats().stream.pending})
      assert.equal(1400, two:stats().sent)
      assert.is_true(two:drain(10))
      assert.is_true(#bodies <= 4, #bodies)
      assert.same({}, boxes.warnings)
    end)

    it("is drained once all hosts have sent what they took", function()
      local slow, box = new(), new()
      fill(slow, 1, 3)
      local began
      transport.call = function(values, request, op)
        began = began or require("klaviyo.core").clock()
        klaviyo.sleep(0.6)
        return call(values, request, op)
      end
      klaviyo.run(function()
        klaviyo.spawn(function() assert(slow:flush()) end)
        while not began do
          klaviyo.sleep(0.01)
        end
        local done, err = box:drain(0.05, boxes.client)
        assert.is_nil(done)
        assert.matches("3 events still wait", err.message)
        assert.is_true(box:drain(10))
        assert.equal(3, counts().distinct)
      end)
    end)

    it("gives back what it has taken when its time is over", function()
      local box = new {claim_after = 600}
      fill(box, 1, 10)
      local had
      assert.is_true(box:flush(function()
        local pending = boxes.redis:call("XPENDING", "klaviyo:events", "klaviyo")
        had = had or pending and pending[1] == 10
        return had
      end))
      assert.is_true(had)
      assert.same({10, 0}, {length(), counts().received})
      assert.is_true(new {claim_after = 600}:drain(5, boxes.client))
      assert.equal(10, counts().distinct)
    end)

    it("is closed at once if another process sends", function()
      local one, two = new {claim_after = 600}, new {claim_after = 600}
      fill(one, 1, 1)
      assert.is_true(one:drain(5))
      fill(two, 2, 2)
      local began = socket.gettime()
      assert.is_true(two:close())
      assert.is_true(socket.gettime() - began < 3)
      assert.equal(1, length())
    end)

    it("sends what it can when it is closed", function()
      local box = new()
      fill(box, 1, 10)
      assert.is_true(box:close())
      assert.same({10, 0}, {counts().distinct, length()})
    end)

    it("moves events when it is closed, and returns what it has taken", function()
      local box = new()
      fixture.server:fault {operation = "bulk_create_events", status = 503, times = 100}
      fill(box, 1, 10)
      assert.is_nil((box:flush()))
      assert.equal(10, boxes.redis:call("XPENDING", "klaviyo:events", "klaviyo")[1])
      assert.is_true(box:close(0.1))
      assert.equal(10, length())
      fixture.server:reset()
      -- claim_after has no effect: they were given back, as if never delivered
      local other = new {claim_after = 600}
      assert.is_true(other:drain(5, boxes.client))
      assert.same({10, 10}, {counts().distinct, other:stats().stream.claimed})
    end)

    it("gives its turn to another host if it cannot reach the service", function()
      local box, other = new {claim_after = 600}, new {claim_after = 600}
      local failing = true
      transport.call = function(values, request, op)
        if failing then
          return nil, require("klaviyo.response.errors").new {kind = "transport", message = "no route"}
        end
        return call(values, request, op)
      end
      fill(box, 1, 10)
      for _ = 1, 3 do
        assert.is_nil((box:flush()))
      end
      failing = false
      assert.is_true(other:drain(5, boxes.client))
      assert.equal(10, counts().distinct)
      assert.is_true(box:drain(5))
      assert.same({10, 0}, {counts().received, box:stats().sent})
    end)

    it("sends alone until it ends, and then another does", function()
      local one, two = new {claim_after = 600}, new {claim_after = 600}
      fill(one, 1, 1)
      fill(two, 2, 2)
      assert.is_true(one:drain(5))
      assert.is_true(two:flush())
      assert.same({1, 1, 0}, {length(), one:stats().sent, two:stats().sent})
      -- a dead process has it for 10 s, however late entries are claimed
      local left = boxes.redis:call("PTTL", "klaviyo:events:sender")
      assert.is_true(left > 1000 and left <= 10000, left)
      one:close(0)
      assert.is_true(two:drain(5))
      assert.same({0, 1}, {length(), two:stats().sent})
    end)

    it("splits a batch that fails, and postpones the event that does", function()
      local box = new()
      fill(box, 1, 20)
      transport.call = function(values, request, op)
        if request.body:find('"number":13%D') then
          return nil, require("klaviyo.response.errors").new {kind = "http", status = 500, message = "500"}
        end
        return call(values, request, op)
      end
      for _ = 1, 5 do
        box:flush()
      end
      assert.equal(19, counts().distinct)
      assert.same({1, 1}, {length(), boxes.redis:call("XPENDING", "klaviyo:events", "klaviyo")[1]})
      transport.call = call
      box:close(0)
      assert.is_true(new():drain(5, boxes.client))
      assert.equal(20, counts().distinct)
    end)

    it("keeps different revisions apart", function()
      local box = new()
      fill(box, 1, 2)
      assert(box:enqueue(event(3), boxes.client:with {revision = "2025-10-15"}))
      local bodies = recorded()
      assert.is_true(box:drain(5))
      assert.same({2, "2025-10-15"}, {#bodies, fixture:latest().headers.revision})
    end)
  end)

  describe("and rejected events", function()
    local function bad(id)
      local document = klaviyo.document("create_event", event(99, {unique_id = id}))
      document.data.attributes.profile.data.attributes.email = "not an address"
      return document
    end

    it("keeps them where all hosts find them", function()
      local one, two = new {send = false}, new()
      fill(one, 1, 5)
      assert(one:enqueue(bad "bad", boxes.client))
      fill(one, 6, 9)
      assert.is_true(one:drain(5))
      assert.is_true(two:drain(5, boxes.client))
      assert.same({9, 0}, {counts().distinct, length()})
      assert.same({9, 1}, {two:stats().sent, two:stats().rejected})
      assert.equal(1, #boxes.warnings)
      assert.truthy(boxes.warnings[1]:find("the service rejected 1 events", 1, true))
      for _, box in ipairs {one, two, new()} do
        local list = {}
        for row in box:rejected() do
          list[#list + 1] = row
        end
        assert.equal(1, #list)
        assert.same({"bad", 400, "2026-07-15"}, {list[1].unique_id, list[1].status, list[1].revision})
        assert.is_true(math.abs(list[1].time - os.time()) < 60)
        assert.truthy(list[1].errors[1].source.pointer)
        assert.equal("not an address", list[1].document.data.attributes.profile.data.attributes.email)
      end
    end)

    it("keeps the last max_rejected of them", function()
      local box = new {max_rejected = 12}
      for i = 1, 30 do
        assert(box:enqueue(bad("bad" .. i), boxes.client))
      end
      assert.is_true(box:drain(5))
      local ids = {}
      for row in box:rejected() do
        ids[row.unique_id] = true
      end
      for i = 1, 30 do
        assert.equal(i > 18 or nil, ids["bad" .. i])
      end
      assert.equal(30, box:stats().rejected)
    end)

    it("adds entries to them that are not of an outbox", function()
      local box = new()
      boxes.redis:call("XADD", "klaviyo:events", "*", "name", "value")
      fill(box, 1, 2)
      assert.is_true(box:drain(5))
      assert.equal(2, counts().distinct)
      local row = box:rejected()()
      assert.equal("the entry is not of an outbox", row.message)
    end)
  end)

  describe("when a process dies", function()
    -- Runs a script to its end, which may be its death.
    local function run(text, path)
      return script.run([[
        local base_url, redis, path = ...
        local client = require("spec.support.connect")(base_url, {revision = "2026-07-15"})
        local event = require("spec.support.relay_boxes").event
        local box = assert(require("klaviyo.outbox").new {path = path, relay = redis,
          claim_after = 0.1})
        local function die()
          local file = io.open("/proc/self/stat")
          os.execute("kill -9 " .. file:read("*n"))
        end
        for number = 1, 50 do
          assert(box:enqueue(event(number), client))
        end
      ]] .. text, {args = {fixture.server.base_url, boxes.redis.url, path or folders.new()}})
    end

    it("after its events are in the stream, they are sent twice and count once", function()
      local path = folders.new()
      local _, status = run([[
        require("klaviyo.outbox.progress").deliver = die
        box:flush()
      ]], path)
      assert.not_equal(0, status)
      assert.equal(50, length())
      local box = new {path = path}
      assert.is_true(box:drain(5, boxes.client))
      assert.same({100, 50, 0}, {counts().received, counts().distinct, length()})
    end)

    it("while it sends, another takes over what it had taken", function()
      local _, status = run [[
        require("klaviyo.transport.transport").call = die
        box:flush()
      ]]
      assert.not_equal(0, status)
      assert.equal(50, boxes.redis:call("XPENDING", "klaviyo:events", "klaviyo")[1])
      local box = new()
      assert.is_true(box:drain(5, boxes.client))
      assert.same({50, 50, 0}, {counts().received, counts().distinct, length()})
      assert.equal(50, box:stats().stream.claimed)
      -- and nothing is left of the process that died
      shell.sleep(0.2)
      assert.is_true(box:flush())
      assert.equal(1, #boxes.redis:call("XINFO", "CONSUMERS", "klaviyo:events", "klaviyo"))
    end)

    it("after the service has them, they are sent again", function()
      local _, status = run [[
        local progress = require "klaviyo.outbox.progress"
        local deliver = progress.deliver
        progress.deliver = function(store, ...)
          if type(store) == "table" then die() end
          deliver(store, ...)
        end
        box:flush()
      ]]
      assert.not_equal(0, status)
      assert.is_true(new():drain(5, boxes.client))
      assert.same({100, 50, 0}, {counts().received, counts().distinct, length()})
    end)

    it("and an event is the cause, the others are sent, and it is tried alone", function()
      local source = new {send = false}
      fill(source, 1, 200)
      assert.is_true(source:drain(5))
      local deaths, alone = 0, 0
      transport.call = function(values, request, op)
        if request.body:find('"number":120%D') then
          alone = alone + (#boxes.numbers(request.body) == 1 and 1 or 0)
          error("the process dies")
        end
        return call(values, request, op)
      end
      -- each outbox is a process: after an error it does nothing more
      while counts().distinct < 199 and deaths < 12 do
        local box = new {claim_after = 0.02}
        local ok = pcall(box.drain, box, 1, boxes.client)
        deaths = deaths + (ok and 0 or 1)
        box.relay, box.values = nil, nil
      end
      assert.equal(199, counts().distinct)
      assert.is_true(deaths >= 3 and deaths <= 6, deaths)
      assert.is_true(alone <= 3, alone)
      assert.equal(1, length())
      transport.call = call
      shell.sleep(0.3)
      assert.is_true(new {claim_after = 0.02}:drain(5, boxes.client))
      assert.equal(200, counts().distinct)
    end)
  end)

  describe("when Redis", function()
    -- Flushes some times; returns the last error.
    local function fail(box)
      local err
      for _ = 1, 3 do
        local done
        done, err = box:flush()
        assert.is_nil(done)
      end
      return err
    end

    it("is killed, keeps the events, warns once, and continues by itself", function()
      local box = new()
      fill(box, 1, 10)
      boxes.redis:stop("KILL")
      local err = fail(box)
      assert.equal("transport", err.kind)
      fill(box, 11, 20)
      assert.same({20, 1}, {box:waiting(), #boxes.warnings})
      assert.truthy(boxes.warnings[1]:find("the stream klaviyo:events cannot be used", 1, true))
      boxes.redis:start()
      assert.is_true(box:drain(10))
      assert.same({20, 20, 1}, {counts().received, counts().distinct, #boxes.warnings})
    end)

    -- Fault: a restart was two warnings, and a stream that is full again and again many.
    it("is away again, warns once a minute at most", function()
      local box = new()
      local clock, now = core.clock, 0
      core.clock = function() return clock() + now end
      finally(function() core.clock = clock end)
      fill(box, 1, 10)
      boxes.redis:stop("KILL")
      fail(box)
      boxes.redis:start()
      assert.is_true(box:drain(10))
      local function fail_loading()
        fill(box, 11, 11)
        local connection = box.relay.stream.connection
        connection.call = function()
          return nil, {kind = "redis", code = "LOADING", message = "LOADING Redis is loading"}
        end
        local err = fail(box)
        connection.call = nil
        assert.equal("transport", err.kind)
        assert.is_true(box:drain(10))
        return #boxes.warnings
      end
      assert.equal(1, fail_loading())
      now = 61
      assert.equal(2, fail_loading())
    end)

    it("is killed before it has acknowledged them, keeps them in the file", function()
      local box = new {send = false}
      fill(box, 1, 1200)
      local deliver, times = progress.deliver, 0
      progress.deliver = function(...)
        times = times + 1
        if times == 1 then
          boxes.redis:stop("KILL")
        end
        return deliver(...)
      end
      local done = box:flush()
      progress.deliver = deliver
      assert.is_nil(done)
      assert.equal(700, box:waiting())
      boxes.redis:start()
      assert.is_true(box:drain(5))
      assert.equal(700, length())
    end)

    it("is killed while events are sent, does not send them again", function()
      local box = new()
      fill(box, 1, 10)
      transport.call = function(values, request, op)
        local doc, err = call(values, request, op)
        boxes.redis:stop("KILL")
        return doc, err
      end
      assert.is_nil((box:flush()))
      transport.call = call
      assert.equal(10, counts().received)
      boxes.redis:start()
      fill(box, 11, 12)
      assert.is_true(box:drain(5))
      assert.same({12, 12, 1}, {counts().received, counts().distinct, #boxes.warnings})
    end)

    it("has no memory left (OOM), keeps the events, and still sends those of the stream", function()
      local one, two, three = new(), new(), new {send = false}
      fill(three, 1, 10)
      assert.is_true(three:drain(5))
      fill(one, 11, 20)
      boxes.redis:call("CONFIG", "SET", "maxmemory", "1")
      finally(function() boxes.redis:call("CONFIG", "SET", "maxmemory", "0") end)
      local done, err = one:flush()
      assert.is_nil(done)
      assert.equal("OOM", err.code)
      assert.is_true(two:drain(5, boxes.client))
      assert.same({10, 0, 10}, {counts().distinct, length(), one:waiting()})
      fail(one)
      assert.equal(1, #boxes.warnings)
      assert.truthy(boxes.warnings[1]:find("OOM", 1, true))
      boxes.redis:call("CONFIG", "SET", "maxmemory", "0")
      assert.is_true(one:drain(5))
      assert.equal(20, counts().distinct)
    end)

    it("did not remove what was sent, is asked again, also by who lost the turn", function()
      local box, other = new {claim_after = 600}, new {claim_after = 600}
      fill(box, 1, 10)
      assert.is_true(box:drain(5))
      fill(box, 11, 20)
      box.relay.stream.acknowledge = function() return nil, {message = "away"} end
      box:flush()
      box.relay.stream.acknowledge = nil
      assert.same({10, 20}, {length(), counts().received})
      boxes.redis:call("SET", "klaviyo:events:sender", "another")
      assert.is_true(box:flush())
      assert.equal(0, length())
      boxes.redis:call("DEL", "klaviyo:events:sender")
      assert.is_true(other:drain(5, boxes.client))
      assert.equal(20, counts().received)
    end)

    it("is a replica (READONLY), keeps the events until it is the primary", function()
      local box = new()
      fill(box, 1, 10)
      boxes.redis:call("REPLICAOF", "127.0.0.1", "1")
      finally(function() boxes.redis:call("REPLICAOF", "NO", "ONE") end)
      local err = fail(box)
      assert.equal("READONLY", err.code)
      assert.same({10, 1}, {box:waiting(), #boxes.warnings})
      boxes.redis:call("REPLICAOF", "NO", "ONE")
      assert.is_true(box:drain(5))
      assert.equal(10, counts().distinct)
    end)

    it("lost its data, makes the stream and its group again, and sends what was taken", function()
      local box = new()
      fixture.server:fault {operation = "bulk_create_events", status = 503}
      fill(box, 1, 10)
      assert.is_nil((box:flush()))
      boxes.redis:call("FLUSHALL")
      fill(box, 11, 15)
      assert.is_true(box:drain(5))
      assert.same({15, 0}, {counts().distinct, length()})
      boxes.redis:call("FLUSHALL")
      fill(box, 16, 20)
      assert.is_true(box:drain(5))
      assert.same({20, 20}, {counts().distinct, box:stats().sent})
      assert.same({}, boxes.warnings)
    end)

    it("has another value under the name, keeps the events, and returns an error at once", function()
      local box = new()
      fill(box, 1, 10)
      boxes.redis:call("SET", "klaviyo:events", "text")
      local done, err = box:drain(20)
      assert.is_nil(done)
      assert.same({"outbox", "WRONGTYPE"}, {err.kind, err.code})
      fail(box)
      assert.same({10, 1}, {box:waiting(), #boxes.warnings})
      assert.truthy(boxes.warnings[1]:find("the key klaviyo:events is not a stream", 1, true))
      boxes.redis:call("DEL", "klaviyo:events")
      assert.is_true(box:drain(5))
      assert.equal(10, counts().distinct)
    end)
  end)

  describe("of two accounts", function()
    it("does not put events of one into the stream of the other, and sends none", function()
      local one, two = new {send = false}, new()
      fill(one, 1, 5)
      assert.is_true(one:drain(5))
      local other = boxes.new_client {api_key = "pk_other"}
      assert(two:enqueue(event(6), other))
      local done, err = two:drain(20)
      assert.is_nil(done)
      assert.same({"outbox", "FOREIGN"}, {err.kind, err.code})
      assert.same({5, 1, 0}, {length(), two:waiting(), counts().received})
      assert.equal(1, #boxes.warnings)
      assert.truthy(boxes.warnings[1]:find("it belongs to another account", 1, true))
      assert.is_nil(boxes.warnings[1]:find("pk_other", 1, true))
    end)

    it("has a stream for each", function()
      local one, two = new {send = false}, new {send = false, stream = "{other}:events"}
      fill(one, 1, 5)
      assert.is_true(one:drain(5))
      assert(two:enqueue(event(6), boxes.new_client {api_key = "pk_other"}))
      assert.is_true(two:drain(5))
      assert.same({5, 1}, {length(), boxes.redis:call("XLEN", "{other}:events")})
      for _, key in ipairs(boxes.redis:call("KEYS", "*")) do
        assert.is_nil((boxes.redis:call("TYPE", key) == "string" and boxes.redis:call("GET", key)
          or ""):find("pk_", 1, true))
      end
    end)

    it("is known by rate_limit_key, whatever its key", function()
      local one, two = new {send = false}, new()
      assert(one:enqueue(event(1), boxes.new_client {api_key = "pk_old", rate_limit_key = "shop"}))
      assert.is_true(one:drain(5))
      assert.is_true(two:drain(5, boxes.new_client {rate_limit_key = "shop"}))
      assert.equal(1, counts().distinct)
      raises("an outbox with a relay and access_token needs rate_limit_key", function()
        new():enqueue(event(1), boxes.new_client {access_token = "token"})
      end)
    end)
  end)

  it("raises for an option that is not valid, and shows no password", function()
    for _, url in ipairs {"http://127.0.0.1", "redis://user:secret@/0", "redis://:secret@a b:1"} do
      local ok, why = pcall(new, {relay = url})
      assert.is_false(ok)
      assert.truthy(why:find("outbox.new: relay", 1, true), why)
      assert.is_nil(why:find("secret", 1, true))
    end
    for _, options in ipairs {{claim_after = 0}, {max_stream = "1"}, {stream = ""}, {send = 1}, {relay = 1}} do
      local ok, why = pcall(new, options)
      assert.is_false(ok)
      assert.truthy(why:find("outbox.new: " .. next(options) .. " must be", 1, true), why)
    end
    local box = new {relay = "redis://:secret@127.0.0.1:1/0"}
    assert.is_nil(klaviyo.dump(box):find("secret", 1, true))
    fill(box, 1, 1)
    box:flush()
    assert.equal(1, #boxes.warnings)
    assert.is_nil(boxes.warnings[1]:find("secret", 1, true))
  end)

  it("needs the rock klaviyo-redis only if it has a relay", function()
    local output, status = script.run([[
      package.preload["klaviyo.redis.connection"] = function() error("loaded") end
      local path = ...
      local outbox = require "klaviyo.outbox"
      local box = assert(outbox.new {path = path})
      assert(box:close())
      for name in pairs(package.loaded) do
        assert(not name:find("^klaviyo%.redis") and name ~= "klaviyo.outbox.relay", name)
      end
      local ok, why = pcall(outbox.new, {path = path, relay = "redis://127.0.0.1"})
      assert(not ok and why:find("a relay needs the rock klaviyo-redis", 1, true), why)
    ]], {args = {folders.new()}})
    assert.same({"", 0}, {output, status})
  end)

  it("works in tasks: others track while it is drained", function()
    local box = new()
    klaviyo.run(function()
      local tracked = 0
      klaviyo.spawn(function()
        for number = 1, 50 do
          fill(box, number, number)
          tracked = number
          klaviyo.sleep(0.002)
        end
      end)
      while tracked < 50 do
        assert(box:drain(5, boxes.client))
        klaviyo.sleep(0.01)
      end
      assert(box:drain(5))
    end)
    assert.same({50, 50}, {counts().received, counts().distinct})
  end)

  it("opens a stream of its own in a forked process", function()
    local output, status = script.run([[
      local base_url, redis, path = ...
      local process = require "spec_fork"
      local client = require("spec.support.connect")(base_url, {revision = "2026-07-15"})
      local event = require("spec.support.relay_boxes").event
      local box = assert(require("klaviyo.outbox").new {path = path, relay = redis, claim_after = 0.1})
      for number = 1, 10 do assert(box:enqueue(event(number), client)) end
      assert(box:drain(10))
      local consumer = box.relay.stream.consumer
      local pid = process.fork()
      if pid == 0 then
        local ok, err = pcall(function()
          for number = 11, 20 do assert(box:enqueue(event(number), client)) end
          assert(box:drain(10))
          assert(box.relay.stream.consumer ~= consumer)
        end)
        if not ok then io.stderr:write(tostring(err), "\n") end
        process.leave(ok and 0 or 1)
      end
      assert(process.wait(pid) == 0)
      for number = 21, 30 do assert(box:enqueue(event(number), client)) end
      assert(box:drain(10))
      assert(box:close())
    ]], {args = {fixture.server.base_url, boxes.redis.url, folders.new()}})
    assert.same({"", 0}, {output, status})
    assert.same({30, 30}, {counts().received, counts().distinct})
  end)
end)
