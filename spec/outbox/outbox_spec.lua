local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local folder = require "spec.support.folder"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local outbox = require "klaviyo.outbox"
local payload = require "klaviyo.outbox.payload"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"
local shell = require "klaviyo.sandbox.shell"
local script = require "spec.support.script"
local transport = require "klaviyo.transport.transport"

local function event(number, more)
  local made = {
    metric = "Kept", profile = {email = ("p%d@example.com"):format(number % 7)},
    properties = {number = number},
  }
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

describe("klaviyo.outbox", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)
  local opened, warnings, client

  local function new(path, more)
    local options = {path = path or folders.new()}
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local made, err = outbox.new(options)
    opened[#opened + 1] = made
    return made, err
  end

  before_each(function()
    opened, warnings = {}, {}
    fixture.server:reset()
    client = fixture:new_client {on_warning = function(message)
      if not message:find("revision", 1, true) then  -- a process warns of that once
        warnings[#warnings + 1] = message
      end
    end, pacing = false, retries = 0}
  end)

  after_each(function()
    for _, one in ipairs(opened) do
      one:close(0)
    end
  end)

  local function fill(box, from, to, more)
    for i = from, to do
      assert(box:enqueue(event(i, more), client))
    end
  end

  -- Returns how many events there are for each unique_id.
  local function received()
    local ids = {}
    for one in client.events:each() do
      local id = one.attributes.event_properties["$event_id"]
      ids[id] = (ids[id] or 0) + 1
    end
    return ids
  end

  it("keeps events and sends them, in batches, once", function()
    local box = new()
    fill(box, 1, 2100)
    local stats = box:stats()
    assert.same({2100, 0, 0}, {stats.waiting, stats.sent, stats.rejected})
    assert.is_true(stats.bytes > 2100 * 200)
    assert.equal(0, fixture.server:stats().events.received)
    assert.is_true(box:drain(20))
    stats = box:stats()
    assert.same({0, 2100, 0}, {stats.waiting, stats.sent, stats.rejected})
    assert.equal(2100, fixture.server:stats().events.distinct)
    assert.equal(3, fixture.server:stats().processed.bulk_create_events)
    assert.is_true(box:drain(20))
    assert.equal(3, fixture.server:stats().processed.bulk_create_events)
    assert.same({}, warnings)
  end)

  it("accepts an event as a flat table, as a document or as JSON", function()
    local box = new()
    local document = klaviyo.document("create_event", event(2))
    assert(box:enqueue(event(1, {unique_id = "one", time = "2024-01-02T03:04:05Z", value = 9.5}), client))
    assert(box:enqueue(document, client))
    assert(box:enqueue(json.encode(document), client))
    assert.same(klaviyo.document("create_event", event(2)), document)
    assert.is_true(box:drain(20))
    local ids = received()
    assert.equal(1, ids.one)
    assert.equal(3, fixture.server:stats().events.distinct)
    assert.equal(0, fixture.server:stats().events.unnamed)
    for one in client.events:each() do
      if one.attributes.event_properties["$event_id"] == "one" then
        assert.equal("2024-01-02T03:04:05+00:00", one.attributes.datetime)
        assert.equal(9.5, one.attributes.event_properties["$value"])
      end
    end
  end)

  -- Fault 11: all such events had one id, "userdata: (nil)".
  it("generates a unique_id if it is null or an empty string", function()
    local box = new()
    local document = klaviyo.document("create_event", event(3, {unique_id = klaviyo.null}))
    assert(box:enqueue(event(1, {unique_id = klaviyo.null, time = klaviyo.null}), client))
    assert(box:enqueue(event(2, {unique_id = ""}), client))
    assert(box:enqueue(document, client))
    assert(box:enqueue(json.encode(document), client))
    assert.is_true(box:drain(20))
    assert.equal(4, fixture.server:stats().events.distinct)
    assert.equal(0, fixture.server:stats().events.unnamed)
    for id in pairs(received()) do
      assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", id)
    end
    document.data.attributes.unique_id = 17
    raises("unique_id must be a string, not a number", function() box:enqueue(document, client) end)
  end)

  it("sets the time of an event when it is enqueued, not when it is sent", function()
    local box = new()
    local before = os.time()
    assert(box:enqueue(event(1), client))
    local after = os.time()
    shell.sleep(1.1)
    assert.is_true(box:drain(20))
    local timestamp = client.events:first().attributes.timestamp
    assert.is_true(timestamp >= before and timestamp <= after)
  end)

  it("sends each event with the revision of its client", function()
    local box = new()
    assert(box:enqueue(event(1), client))
    assert(box:enqueue(event(2), client:with {revision = "2026-07-15"}))
    assert.is_true(box:drain(20))
    assert.equal("2026-07-15", fixture:latest().headers.revision)
    assert.equal(2, fixture.server:stats().processed.bulk_create_events)
  end)

  it("sends the same unique_id twice in two requests: in one request it would be rejected", function()
    local box = new()
    fill(box, 1, 3, {unique_id = "same"})
    assert.is_true(box:drain(20))
    assert.equal(3, fixture.server:stats().processed.bulk_create_events)
    assert.equal(3, box:stats().sent)
  end)

  describe("when something goes wrong", function()
    it("keeps events that cannot be sent, and returns the reason", function()
      local box = new()
      fill(box, 1, 3)
      fixture.server:fault {operation = "bulk_create_events", status = 503, times = 100}
      local done, err = box:drain(0.3)
      assert.is_nil(done)
      assert.equal(503, err.status)
      assert.equal(3, box:stats().waiting)
    end)

    it("retries until the time is over", function()
      local box = new()
      fill(box, 1, 3)
      fixture.server:fault {operation = "bulk_create_events", status = 503}
      assert.is_true(box:drain(10))
      assert.equal(3, fixture.server:stats().events.distinct)
    end)

    it("does not retry an error that a retry cannot change", function()
      local box = new()
      local other = fixture:new_client {api_key = "pk_wrong", retries = 0}
      assert(box:enqueue(event(1), other))
      local done, err = box:drain(20)
      assert.is_nil(done)
      assert.equal(401, err.status)
      assert.equal(1, box:stats().waiting)
    end)

    it("sends an event again that may have been lost; it counts once", function()
      local box = new()
      fill(box, 1, 100)
      fixture.server:fault {operation = "bulk_create_events", reset = "after"}
      assert.is_true(box:drain(10))
      local counts = fixture.server:stats().events
      assert.same({200, 100}, {counts.received, counts.distinct})
    end)

    it("returns how many events still wait when the time is over", function()
      local box = new()
      fill(box, 1, 1500)
      fixture.server:fault {operation = "bulk_create_events", delay = 0.3}
      local done, err = box:drain(0.2)
      assert.is_nil(done)
      assert.is_true(err.kind == "timeout" or err.kind == "outbox", tostring(err))
      assert.is_true(box:drain(10))
      assert.equal(1500, fixture.server:stats().events.distinct)
    end)
  end)

  describe("a rejected event", function()
    it("is found by the pointer, kept in a file of its own, and reported", function()
      local box = new()
      fill(box, 1, 10)
      local bad = klaviyo.document("create_event", event(11, {unique_id = "bad"}))
      bad.data.attributes.profile.data.attributes.email = "not an address"
      assert(box:enqueue(bad, client))
      fill(box, 12, 20)
      assert.is_true(box:drain(20))
      local stats = box:stats()
      assert.same({0, 19, 1}, {stats.waiting, stats.sent, stats.rejected})
      assert.equal(19, fixture.server:stats().events.distinct)
      assert.equal(1, #warnings)
      assert.truthy(warnings[1]:find("the service rejected 1 events", 1, true))
      local list = {}
      for row in box:rejected() do
        list[#list + 1] = row
      end
      assert.equal(1, #list)
      assert.same({"bad", 400}, {list[1].unique_id, list[1].status})
      assert.equal("400", tostring(list[1].status))
      assert.truthy(list[1].errors[1].source.pointer:find("/data/10/", 1, true))
      assert.equal("not an address", list[1].document.data.attributes.profile.data.attributes.email)
      -- corrected, the event can be enqueued again
      list[1].document.data.attributes.profile.data.attributes.email = "an@example.com"
      assert(box:enqueue(list[1].document, client))
      assert.is_true(box:drain(20))
      assert.equal(20, fixture.server:stats().events.distinct)
      assert.equal(1, received().bad)
    end)

    -- Fault 33: each event had the message of the first, "(and 1 more)".
    it("has a message made from its own errors", function()
      local box = new()
      local wrong = {email = "not an address", phone_number = "not a number"}
      for member, value in pairs(wrong) do
        local bad = klaviyo.document("create_event", event(1, {unique_id = member}))
        bad.data.attributes.profile.data.attributes = {[member] = value}
        assert(box:enqueue(bad, client))
      end
      assert.is_true(box:drain(20))
      local count = 0
      for row in box:rejected() do
        count = count + 1
        assert.equal(1, #row.errors)
        assert.equal("400 " .. errors.describe(row.errors[1]), row.message)
        assert.truthy(row.message:find("/" .. row.unique_id, 1, true), row.message)
      end
      assert.equal(2, count)
    end)

    describe("without a pointer", function()
      local call = transport.call
      local sizes

      local REJECTED = {kind = "api", status = 400, message = "400 no", errors = {{detail = "no"}}}

      -- Replaces the transport by a service that rejects requests with bad events.
      local function service(is_bad, answer)
        sizes = {}
        transport.call = function(_, request)
          local list = json.decode(request.body).data.attributes["events-bulk-create"].data
          sizes[#sizes + 1] = #list
          for _, group in ipairs(list) do
            local number = group.attributes.events.data[1].attributes.properties.number
            if is_bad(number) then
              local copy = {}
              for name, value in pairs(answer or REJECTED) do
                copy[name] = value
              end
              return nil, errors.new(copy)
            end
          end
          return {}
        end
      end

      after_each(function()
        transport.call = call
      end)

      local function numbers(box)
        local list = {}
        for row in box:rejected() do
          list[#list + 1] = row.document.data.attributes.properties.number
        end
        return list
      end

      it("is found by splitting the batch", function()
        local box = new()
        fill(box, 1, 1000)
        service(function(number) return number == 377 or number == 1000 end)
        assert.is_true(box:drain(20))
        assert.same({377, 1000}, numbers(box))
        assert.same({998, 2}, {box:stats().sent, box:stats().rejected})
        assert.is_true(#sizes <= 42)
      end)

      it("is not assumed if all are rejected, also after others were accepted", function()
        local box = new()
        fill(box, 200, 300)
        service(function() return false end)
        assert.is_true(box:drain(20))
        fill(box, 1, 100)
        service(function() return true end)
        local done, err = box:drain(20)
        assert.is_nil(done)
        assert.equal(400, err.status)
        assert.same({100, 0}, {box:stats().waiting, box:stats().rejected})
        service(function() return false end)
        assert.is_true(box:drain(20))
        assert.equal(201, box:stats().sent)
      end)

      it("is not assumed if the errors point to something else", function()
        local box = new()
        fill(box, 1, 3)
        service(function() return true end, {kind = "api", status = 400, message = "400",
          errors = {{detail = "no such revision", source = {parameter = "revision"}}}})
        local done, err = box:drain(20)
        assert.is_nil(done)
        assert.equal(400, err.status)
        assert.same({3, 0}, {box:stats().waiting, box:stats().rejected})
        assert.equal(1, #sizes)
      end)

      it("is not assumed if the service may have acted or fails", function()
        for _, answer in ipairs {{kind = "api", status = 400, message = "x", maybe_sent = true, errors = {{}}},
          {kind = "http", status = 403, message = "x"}, {kind = "transport", message = "x"}} do
          local box = new()
          fill(box, 1, 3)
          service(function() return true end, answer)
          assert.is_nil(box:drain(0.1))
          assert.same({3, 0}, {box:stats().waiting, box:stats().rejected})
        end
      end)

      it("is found if it makes a request too large", function()
        local box = new()
        fill(box, 1, 64)
        service(function(number) return number == 5 end,
          {kind = "api", status = 413, message = "413 too large", errors = {{detail = "too large"}}})
        assert.is_true(box:drain(20))
        assert.same({5}, numbers(box))
      end)

      -- A proxy may answer for the service.
      for _, status in ipairs {400, 409, 413, 422} do
        it(("is not assumed if %d comes without an error document"):format(status), function()
          for _, answer in ipairs {{kind = "http", status = status, message = "<html>"},
            {kind = "api", status = status, message = "x", errors = {"Bad Request"}}} do
            local box = new()
            fill(box, 1, 300)
            service(function() return true end, answer)
            for _ = 1, 9 do
              assert.is_nil((box:flush()))
            end
            assert.same({300, 0}, {box:stats().waiting, box:stats().rejected})
            service(function() return false end)
            shell.sleep(0.01)
            assert(box:flush())
            assert.is_true(box:stats().sent > 240, box:stats().sent)
          end
        end)
      end

      it("shares requests up to the maximum size", function()
        local box = new()
        local most = 0
        fill(box, 1, 12, {properties = {number = 1, text = ("x"):rep(1000000)}})
        service(function() return false end)
        local real = transport.call
        transport.call = function(values, request)
          most = math.max(most, #request.body)
          return real(values, request)
        end
        assert.is_true(box:drain(20))
        assert.same({4, 4, 4}, sizes)
        assert.is_true(most <= payload.bytes)
      end)
    end)
  end)

  describe("an event that always fails", function()
    local call = transport.call
    local posts, is_bad, answer

    before_each(function()
      posts, answer = {}, {kind = "http", status = 500, message = "500 oops"}
      transport.call = function(values, request, op)
        posts[#posts + 1] = select(2, request.body:gsub('"event"', ""))
        if is_bad(request.body) then
          local copy = {}
          for name, value in pairs(answer) do
            copy[name] = value
          end
          return nil, errors.new(copy)
        end
        return call(values, request, op)
      end
    end)

    after_each(function()
      transport.call = call
    end)

    local function contains(...)
      local ids = {...}
      is_bad = function(body)
        for _, id in ipairs(ids) do
          if body:find('"poison' .. id .. '"', 1, true) then
            return true
          end
        end
        return false
      end
    end

    local function fill_around(box, ...)
      for i = 1, 60 do
        fill(box, i, i)
        for _, number in ipairs {...} do
          if number == i then
            fill(box, i, i, {unique_id = "poison" .. i})
          end
        end
      end
    end

    for _, one in ipairs {{"500", {kind = "http", status = 500, message = "x"}},
      {"a 503 with an error document", {kind = "api", status = 503, message = "x", errors = {{}}}},
      {"a 403 of a proxy", {kind = "http", status = 403, message = "<html>"}},
      {"a reset", {kind = "transport", message = "reset", maybe_sent = true}}} do
      it("with " .. one[1] .. " does not block the others", function()
        local box = new()
        answer = one[2]
        contains(30)
        fill_around(box, 30)
        assert.is_nil((box:flush()))
        assert.is_nil((box:flush()))
        assert.same({61, 61}, posts)
        assert.is_true(box:flush())
        assert.same({1, 60, 0}, {box:stats().waiting, box:stats().sent, box:stats().rejected})
        assert.is_true(#posts < 20, #posts)
        assert.equal(60, fixture.server:stats().events.distinct)
        -- nor later events
        fill(box, 70, 79)
        assert.is_true(box:flush())
        assert.same({1, 70}, {box:stats().waiting, box:stats().sent})
        local count = #posts
        assert.is_true(box:flush())
        assert.equal(count, #posts)  -- the event is not due
      end)
    end

    it("may be one of several, at both ends and side by side", function()
      local box = new()
      contains(1, 2, 3, 40, 60)
      fill_around(box, 1, 2, 3, 40, 60)
      for _ = 1, 6 do
        box:flush()
      end
      assert.same({5, 60}, {box:stats().waiting, box:stats().sent})
      assert.equal(60, fixture.server:stats().events.distinct)
    end)

    it("is sent once it no longer fails", function()
      local box = new()
      contains(30)
      fill_around(box, 30)
      local done, err = box:drain(4)
      assert.is_nil(done)
      assert.equal(500, err.status)
      assert.equal(1, box:waiting())
      contains()
      assert.is_true(box:drain(20))
      assert.same({0, 61}, {box:stats().waiting, box:stats().sent})
    end)

    it("may be the only event", function()
      local box = new()
      contains(1)
      fill(box, 1, 1, {unique_id = "poison1"})
      for _ = 1, 5 do
        box:flush()
      end
      assert.equal(1, box:waiting())
      fill(box, 2, 10)
      assert.is_true(box:flush())
      assert.same({1, 9}, {box:stats().waiting, box:stats().sent})
    end)

    it("does not block the files of other processes", function()
      local path = folders.new()
      local one, two = new(path), new(path)
      local box = new(path)
      contains(1, 5)
      fill(box, 1, 1, {unique_id = "poison1"})
      fill_around(one, 5)
      fill(two, 100, 109)
      one:close(0)
      two:close(0)
      for _ = 1, 8 do
        box.look = true
        box:flush()
      end
      assert.same({2, 70}, {box:waiting(), box:stats().sent})
      assert.equal(70, fixture.server:stats().events.distinct)
      box:close(0)
      -- another process can send the events now
      contains()
      assert.is_true(new(path):drain(20, client))
      assert.equal(72, fixture.server:stats().events.distinct)
    end)

    it("is not assumed if every request fails", function()
      local box = new()
      is_bad = function() return true end
      fill_around(box)
      for _ = 1, 12 do
        assert.is_nil((box:flush()))
      end
      assert.is_true(#posts < 80, #posts)
      is_bad = function() return false end
      assert.is_true(box:drain(30))
      assert.equal(60, fixture.server:stats().events.distinct)
    end)
  end)

  describe("a full disk", function()
    -- Mounts a disk of `size` kilobytes; returns false if the user may not mount.
    local function mount(path, size)
      return (shell.run(("mount -t tmpfs -o mode=700,size=%dk none %s"):format(size, path)))
    end

    -- Fills the outbox, then the last byte of its disk.
    local function stuff(box, path)
      local count, ok = 0
      repeat
        ok = box:enqueue(event(count, {unique_id = "e" .. count}), client)
        count = count + (ok and 1 or 0)
      until not ok
      os.execute("cat /dev/zero >" .. path .. "/ballast 2>/dev/null")
      return count
    end

    it("does not cause events to be sent twice", function()
      local path = folders.new()
      if not mount(path, 400) then
        return  -- only root may do this
      end
      local box = new(path, {on_warning = function(message) warnings[#warnings + 1] = message end})
      local count = stuff(box, path)
      assert.is_true(count > 10)
      for _ = 1, 5 do
        assert.is_true((box:flush()))
      end
      assert.same({0, count}, {box:stats().waiting, box:stats().sent})
      assert.equal(count, fixture.server:stats().events.received)
      assert.equal(1, #warnings)
      assert.truthy(warnings[1]:find("events that were sent cannot be deleted yet", 1, true))
      assert.is_true(box:drain(5))
      -- once there is space, sent events are deleted and new ones are sent
      assert(shell.run("mount -o remount,size=4m " .. path))
      assert.is_true((box:flush()))
      for i = 1, 20 do
        assert(box:enqueue(event(i, {unique_id = "later" .. i}), client))
      end
      assert.is_true(box:drain(5))
      box:close(0)
      assert.is_true(new(path):drain(5, client))
      assert.equal(count + 20, fixture.server:stats().events.received)
      assert.equal(1, #warnings)
    end)

    it("does not cause events of another process to be sent twice", function()
      local path = folders.new()
      if not mount(path, 400) then
        return
      end
      local box, other = new(path), new(path)
      fill(box, 1000, 1000)
      assert.is_true((box:flush()))
      local count = stuff(other, path)
      other:close(0)
      os.execute("cat /dev/zero >>" .. path .. "/ballast 2>/dev/null")
      for _ = 1, 5 do
        box.look = true
        assert.is_true((box:flush()))
      end
      assert.same({0, count + 1}, {box:stats().waiting, box:stats().sent})
      assert.equal(count + 1, fixture.server:stats().events.received)
    end)

    it("does not cause rejected events to be sent again", function()
      local path = folders.new()
      if not mount(path, 400) then
        return
      end
      local box = new(path)
      local bad = klaviyo.document("create_event", event(1, {unique_id = "bad"}))
      bad.data.attributes.profile.data.attributes.email = "not an address"
      assert(box:enqueue(bad, client))
      local count = stuff(box, path)
      for _ = 1, 4 do
        box:flush()
      end
      assert.same({1, count, 0}, {box:stats().waiting, box:stats().sent, box:stats().rejected})
      local before = fixture.server:stats().events.received
      box:flush()
      assert.equal(before, fixture.server:stats().events.received)
      assert(shell.run("mount -o remount,size=4m " .. path))
      assert.is_true((box:flush()))
      assert.same({0, count, 1}, {box:stats().waiting, box:stats().sent, box:stats().rejected})
      assert.equal("bad", box:rejected()().unique_id)
    end)
  end)

  describe("enqueue", function()
    it("returns an error at max_rows", function()
      local box = new(nil, {max_rows = 3})
      fill(box, 1, 3)
      local ok, err = box:enqueue(event(4), client)
      assert.is_nil(ok)
      assert.same({"outbox", "full"}, {err.kind, err.code})
      assert.equal("klaviyo: outbox: 3 events wait already (max_rows)", tostring(err))
      assert.is_true(box:drain(20))
      assert(box:enqueue(event(4), client))
    end)

    it("returns an error at max_bytes, and loses nothing", function()
      local box = new(nil, {max_bytes = 100000})
      local count = 0
      local ok, err
      repeat
        ok, err = box:enqueue(event(count), client)
        count = count + (ok and 1 or 0)
      until not ok
      assert.same({"outbox", "full"}, {err.kind, err.code})
      assert.is_true(box:drain(20))
      assert.equal(count, fixture.server:stats().events.distinct)
      assert(box:enqueue(event(4), client))
    end)

    it("returns an error for an event that is too large", function()
      local box = new()
      local ok, err = box:enqueue(event(1, {properties = {text = ("x"):rep(5000000)}}), client)
      assert.is_nil(ok)
      assert.same({"outbox", "too_large"}, {err.kind, err.code})
      assert.equal(0, box:stats().waiting)
    end)

    it("returns an error on a full disk, and loses nothing", function()
      local path = folders.new()
      if not shell.run("mount -t tmpfs -o mode=700,size=400k none " .. path) then
        return  -- only root may do this
      end
      local box = new(path)
      local count = 0
      local ok, err
      repeat
        ok, err = box:enqueue(event(count, {unique_id = "e" .. count}), client)
        count = count + (ok and 1 or 0)
      until not ok
      assert.is_true(count > 10)
      assert.same({"outbox", "full"}, {err.kind, err.code})
      assert.is_nil((box:enqueue(event(count), client)))
      box:close(0)
      -- reopened as after a crash, with free space
      assert(shell.run("mount -o remount,size=4m " .. path))
      box = new(path)
      assert.equal(count, box:stats().waiting)
      assert.is_true(box:drain(20, client))
      local ids = received()
      for i = 0, count - 1 do
        assert.equal(1, ids["e" .. i])
      end
    end)
  end)

  describe("a folder", function()
    it("that cannot be created is an error of new", function()
      local box, err = outbox.new {path = "/proc/none"}
      assert.is_nil(box)
      assert.same({"outbox", "failed"}, {err.kind, err.code})
      assert.truthy(tostring(err):find("^klaviyo: outbox: /proc/none: %u%l"))
      local path = folders.new()
      local file = assert(io.open(path .. "/file", "w"))
      file:close()
      box, err = outbox.new {path = path .. "/file"}
      assert.is_nil(box)
      assert.truthy(tostring(err):find("Not a directory", 1, true))
    end)

    it("that cannot be written is an error of new", function()
      local path = folders.new()
      if not shell.run("mount -t tmpfs -o mode=700,ro,size=100k none " .. path) then
        return
      end
      local box, err = outbox.new {path = path}
      assert.is_nil(box)
      assert.equal("outbox", err.kind)
      assert.truthy(tostring(err):find("Read-only file system", 1, true), tostring(err))
    end)

    it("that other users may write to is an error of new", function()
      for _, mode in ipairs {"0770", "0707", "1777"} do
        local path = folders.new()
        assert(shell.run("chmod " .. mode .. " " .. path))
        local box, err = outbox.new {path = path}
        assert.is_nil(box)
        assert.same({"outbox", "unsafe"}, {err.kind, err.code})
        assert.equal(("klaviyo: outbox: %s: others may write to it (its mode is %s; chmod go-w forbids that)")
          :format(path, mode), tostring(err))
      end
      local path = folders.new()
      assert(shell.run("chmod 0755 " .. path))
      assert(new(path))
    end)

    it("that belongs to another user is an error of new", function()
      local path = folders.new()
      if not shell.run("chown 12345 " .. path) then
        return  -- only root may do this
      end
      local box, err = outbox.new {path = path}
      assert.is_nil(box)
      assert.truthy(tostring(err):find(path .. ": it belongs to another user (uid 12345)", 1, true))
    end)

    it("with a database that other users may write to is an error of new", function()
      local path = folders.new()
      new(path):close(0)
      assert(shell.run("chmod 0622 " .. path .. "/slot-1.db"))
      local box, err = outbox.new {path = path}
      assert.is_nil(box)
      assert.same({"outbox", "unsafe"}, {err.kind, err.code})
      assert.truthy(tostring(err):find("slot-1.db: others may write to it", 1, true))
    end)

    it("with an unsafe file of rejected events does not return them", function()
      local path = folders.new()
      local box = new(path)
      local bad = klaviyo.document("create_event", event(1))
      bad.data.attributes.profile.data.attributes.email = "no"
      assert(box:enqueue(bad, client))
      assert.is_true(box:drain(20))
      assert(shell.run("chmod 0622 " .. path .. "/slot-1.rejected.db"))
      assert.is_nil(box:rejected()())
      assert.truthy(warnings[#warnings]:find("others may write to it", 1, true))
    end)

    it("belongs to one account", function()
      local box = new()
      assert(box:enqueue(event(1), client))
      raises("an outbox belongs to one account", function()
        box:enqueue(event(1), client:with {api_key = "pk_other"})
      end)
      raises("an outbox belongs to one account", function()
        box:enqueue(event(1), client:with {base_url = "http://localhost:1"})
      end)
      assert(box:enqueue(event(1), client:with {timeout = 3}))
      assert.equal(2, box:stats().waiting)
    end)

    it("belongs to rate_limit_key, if set, whatever the token", function()
      local box = new()
      local first = fixture:new_client {access_token = "first", rate_limit_key = "shop"}
      assert(box:enqueue(event(1), first))
      assert(box:enqueue(event(2), first:with {access_token = fixture.server.key}))
      raises("an outbox belongs to one account", function()
        box:enqueue(event(3), first:with {rate_limit_key = "other"})
      end)
      assert.is_true(box:drain(20))
      assert.equal(2, fixture.server:stats().events.distinct)
    end)

    it("contains no key", function()
      local path = folders.new()
      local box = new(path)
      fill(box, 1, 10)
      assert.is_false((shell.run(("grep -r %s %s"):format(fixture.server.key, path))))
      assert.is_true((shell.run(("grep -r example.com %s"):format(path))))
    end)

    it("quarantines a damaged file, and warns", function()
      local path = folders.new()
      local box = new(path)
      fill(box, 1, 100)
      box:close(0)
      local file = assert(io.open(path .. "/slot-1.db", "r+b"))
      file:write(("\0"):rep(100))
      file:close()
      local messages = {}
      box = new(path, {on_warning = function(message)
        messages[#messages + 1] = message
      end})
      assert.equal(1, #messages)
      assert.truthy(messages[1]:find("it is kept as " .. path .. "/slot-1.damaged-", 1, true))
      assert(box:enqueue(event(1), client))
      assert.is_true(box:drain(20))
    end)

    it("whose damage is found late still sends its readable events", function()
      local path = folders.new()
      local box = new(path)
      fill(box, 1, 6000, {properties = {text = ("x"):rep(700)}})
      box:close(0)
      box = new(path)
      local file = assert(io.open(path .. "/slot-1.db", "r+b"))
      file:seek("set", 2000000)
      file:write(("\170"):rep(20000))
      file:close()
      assert.is_true(box:drain(30, client))
      assert.equal(0, box:stats().waiting)
      local distinct = fixture.server:stats().events.distinct
      assert.is_true(distinct > 5900 and distinct < 6000, distinct)
      assert.equal(1, #warnings)
      assert.truthy(warnings[1]:find("it is kept as " .. path .. "/slot-1.damaged-", 1, true))
      fill(box, 1, 10)
      assert.is_true(box:drain(30, client))
    end)

    it("with a foreign file in it is an error of new", function()
      local path = folders.new()
      new(path):close()
      local file = assert(io.open(path .. "/slot-1.db", "r+b"))
      file:seek("set", 68)
      file:write("\1\2\3\4")
      file:close()
      local box, err = outbox.new {path = path}
      assert.is_nil(box)
      assert.same({"outbox", "foreign"}, {err.kind, err.code})
      assert.truthy(tostring(err):find("slot-1.db: it is the database of another program", 1, true))
    end)
  end)

  describe("other processes", function()
    it("have a file of their own, and send the events that another left", function()
      local path = folders.new()
      local one, two = new(path), new(path)
      fill(one, 1, 10)
      fill(two, 11, 30)
      assert.is_true(two:drain(20))
      assert.same({10, 20}, {one:stats().waiting, two:stats().sent})
      one:close(0)
      assert.is_true(two:drain(20))
      assert.equal(30, two:stats().sent)
      assert.equal(30, fixture.server:stats().events.distinct)
    end)

    -- Fault: a script that only flushes did not look a second time.
    it("send what another left, if they flush again and again", function()
      local path = folders.new()
      local one, two = new(path), new(path)
      fill(one, 1, 10)
      fill(two, 11, 11)
      assert.is_true(two:flush())
      one:close(0)
      assert.is_true(two:flush())
      assert.equal(1, two:stats().sent)
      local clock = core.clock
      core.clock = function() return clock() + 11 end
      finally(function() core.clock = clock end)
      assert.is_true(two:flush())
      assert.equal(11, two:stats().sent)
    end)

    -- Fault: drain raised an error, "attempt to compare number with nil".
    it("may have left an empty file, which takes no time", function()
      local path = folders.new()
      local one, two = new(path), new(path)
      fill(one, 1, 1)
      assert.is_true(one:drain(20))
      two:close()
      local done, err = one:drain(0)
      assert.is_nil(done)
      assert.equal("time", err.code)
      assert.is_true(one:drain(20))
    end)

    it("are counted with the events left in their files", function()
      local path = folders.new()
      local one, two, three = new(path), new(path), new(path)
      fill(one, 1, 10)
      fill(two, 1, 4)
      assert.same({waiting = 14, files = 3}, three:stats().folder)
      one:close(0)
      assert.same({0, 14}, {three:stats().waiting, three:stats().folder.waiting})
      assert.is_true(three:drain(20, client))
      assert.same({waiting = 4, files = 3}, three:stats().folder)
      assert.is_true(two:drain(20))
      assert.same({waiting = 0, files = 3}, three:stats().folder)
    end)

    it("are counted when they were killed", function()
      local path = folders.new()
      script.run(([[
        local client = require("klaviyo").new {api_key = "pk_x", base_url = %q}
        local box = assert(require("klaviyo.outbox").new {path = %q})
        for i = 1, 5 do
          assert(box:enqueue({metric = "M", profile = {email = "a@example.com"}, properties = {}}, client))
        end
        os.execute("kill -9 $PPID")
      ]]):format(fixture.server.base_url, path))
      assert.equal(5, new(path .. "/"):stats().folder.waiting)
    end)

    it("read the rejected events of all files", function()
      local path = folders.new()
      local one, two = new(path), new(path)
      for i, box in ipairs {one, two} do
        local bad = klaviyo.document("create_event", event(i, {unique_id = "bad" .. i}))
        bad.data.attributes.profile.data.attributes.email = "no"
        assert(box:enqueue(bad, client))
        assert.is_true(box:drain(20))
      end
      local ids = {}
      for row in one:rejected() do
        ids[#ids + 1] = row.unique_id
      end
      assert.same({"bad1", "bad2"}, ids)
    end)
  end)

  describe("a flush in progress", function()
    it("is waited for", function()
      local box = new()
      fill(box, 1, 10)
      fixture.server:fault {operation = "bulk_create_events", delay = 0.3}
      klaviyo.run(function()
        local other = klaviyo.spawn(function() return box:drain(20) end)
        klaviyo.sleep(0.05)
        assert.is_true(box:drain(20))
        assert.is_true(other:wait())
      end)
      assert.equal(1, fixture.server:stats().processed.bulk_create_events)
    end)

    it("does not block others once its task has ended", function()
      local box = new()
      fill(box, 1, 10)
      fixture.server:fault {operation = "bulk_create_events", delay = 0.3}
      klaviyo.run(function()
        local other = klaviyo.spawn(function() return box:drain(20) end)
        klaviyo.sleep(0.05)
        other:cancel()
        pcall(other.wait, other)
      end)
      assert.is_true(box:drain(20))
      shell.sleep(0.4)  -- the cancelled request must not reach the next spec
      assert.equal(10, fixture.server:stats().events.distinct)
    end)
  end)

  describe("closing", function()
    it("first sends the waiting events", function()
      local box = new()
      fill(box, 1, 10)
      box:close()
      assert.equal(10, fixture.server:stats().events.distinct)
      local ok, err = box:enqueue(event(1), client)
      assert.is_nil(ok)
      assert.equal("klaviyo: outbox: it is closed", tostring(err))
      box:close()
    end)

    it("leaves events that cannot be sent in time for the next process", function()
      local path = folders.new()
      local box = new(path)
      fill(box, 1, 10)
      box:close(0)
      assert.equal(0, fixture.server:stats().events.received)
      assert.is_true(new(path):drain(20, client))
      assert.equal(10, fixture.server:stats().events.distinct)
    end)

    it("returns how many events still wait", function()
      local path = folders.new()
      local box = new(path)
      fill(box, 1, 10)
      fixture.server:fault {operation = "bulk_create_events", status = 503, times = 100}
      local all, err = box:close(0.1)
      assert.is_nil(all)
      assert.equal(("klaviyo: outbox: 10 events still wait in %s"):format(path), tostring(err))
      assert.same({"klaviyo: " .. err.message}, warnings)
      assert.is_true(box:close())
      assert.is_true(new(path .. "/empty"):close())
    end)
  end)

  it("reports on stderr how many events wait when a program ends", function()
    for _, last in ipairs {"", "os.exit(0)", "box = nil; collectgarbage()", "box:close(0)"} do
      local path = folders.new()
      local output = script.run(([[
        local client = require("klaviyo").new {api_key = "pk_x", base_url = %q, revision = "2026-07-15"}
        local box = assert(require("klaviyo.outbox").new {path = %q})
        for i = 1, 5 do
          assert(box:enqueue({metric = "M", profile = {email = "a@example.com"}, properties = {}}, client))
        end
        %s
      ]]):format(fixture.server.base_url, path, last))
      assert.equal(last == "box:close(0)" and ""
        or ("klaviyo: outbox: 5 events still wait in %s/slot-1.db\n"):format(path), output)
    end
  end)

  describe("wrong usage", function()
    it("raises", function()
      raises("outbox.new takes a table of options, not a string", function() outbox.new "/x" end)
      raises("path is missing", function() outbox.new() end)
      raises("path is missing", function() outbox.new {} end)
      raises('unknown option of outbox.new "paht"; did you mean "path"?', function() outbox.new {paht = "/x"} end)
      raises('sync must be "normal" or "full", not "off"', function() outbox.new {path = "/x", sync = "off"} end)
      raises("max_rows must be a number of events above 0, not 0",
        function() outbox.new {path = "/x", max_rows = 0} end)
      local box = new()
      raises("the outbox has no client yet", function() box:drain() end)
      raises("expected a client", function() box:enqueue(event(1), {}) end)
      raises("an event must be a table or the JSON of a document, not nil", function() box:enqueue(nil, client) end)
      raises("the event is not a document of create_event", function() box:enqueue("{}", client) end)
      raises("the event is not a document of create_event", function() box:enqueue("nonsense", client) end)
      raises('did you mean "metric"', function() box:enqueue({metrik = "x"}, client) end)
      assert.equal(0, box:stats().waiting)
      raises('outbox must be an outbox', function() klaviyo.new {api_key = "pk_x", outbox = "/x"} end)
      assert.truthy(klaviyo.new {api_key = "pk_x", outbox = box})
    end)
  end)

  describe("client.events:track", function()
    it("keeps an event if its client has an outbox", function()
      local box = new()
      local own = client:with {outbox = box}
      assert.is_true(own.events:track(event(1)))
      assert.is_true(own.events:track({body = klaviyo.document("create_event", event(2))}))
      assert.equal(2, own:stats().outbox.waiting)
      assert.equal(0, own:stats().tracked.queued)
      assert.is_true(own:drain(20))
      assert.same({0, 2}, {own:stats().outbox.waiting, own:stats().outbox.sent})
      assert.is_nil(client:stats().outbox)
      assert.equal(1, fixture.server:stats().processed.bulk_create_events)
    end)

    it("sends it at once if the caller sets outbox = false", function()
      local box = new()
      local own = client:with {outbox = box}
      assert.is_true(own.events:track(event(1), {outbox = false}))
      assert.equal(0, box:stats().waiting)
      assert.is_true(own:drain(20))
      assert.equal(1, fixture.server:stats().processed.create_event)
    end)

    it("returns an error if an event cannot be kept, or still waits when the time is over", function()
      local box = new(nil, {max_rows = 1})
      local own = client:with {outbox = box}
      assert.is_true(own.events:track(event(1)))
      local ok, err = own.events:track(event(2))
      assert.is_nil(ok)
      assert.same({"outbox", "full"}, {err.kind, err.code})
      fixture.server:fault {operation = "bulk_create_events", status = 503, times = 100}
      local all
      all, err = own:drain(0.1)
      assert.is_nil(all)
      assert.same({"not_delivered", 0, 1, 503}, {err.kind, err.lost, err.waiting, err.cause.status})
      assert.matches("^klaviyo: 1 event is to be sent %(klaviyo: bulk_create_events: 503 .*%)$", tostring(err))
    end)

    it("raises for a misspelt event, and does not keep it", function()
      local box = new()
      raises('did you mean "metric"', function()
        client:with {outbox = box}.events:track {metrik = "x"}
      end)
      assert.equal(0, box:stats().waiting)
    end)
  end)

  it("syncs each event with sync = \"full\"", function()
    local box = new(nil, {sync = "full"})
    fill(box, 1, 3)
    assert.is_true(box:drain(20))
    assert.equal(3, fixture.server:stats().events.distinct)
  end)
end)
