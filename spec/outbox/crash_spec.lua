-- Events of processes that are killed or fork. OUTBOX_EVENTS is the number of
-- events of each process.

local core = require "klaviyo.core"
local folder = require "spec.support.folder"
local outbox = require "klaviyo.outbox"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local EVENTS = tonumber(os.getenv("OUTBOX_EVENTS") or 2000)
local KILLS = 5

describe("klaviyo.outbox", function()
  local fixture = sandbox.here(setup, teardown, {record = 0})
  local folders = folder.here(after_each)

  before_each(function()
    fixture.server:reset()
  end)

  -- Starts a process that enqueues events.
  local function start(path, name)
    local command = "cd .; %s spec/support/outbox_writer.lua %s %s %s %s %d >%s/%s.txt 2>&1 & echo $!"
    local ok, output = shell.run(command:format(script.interpreter, path .. "/box", fixture.server.base_url,
      path .. "/acknowledged", name, EVENTS, path, name))
    assert(ok, output)
    return shell.process(output:match("%d+"))
  end

  -- A process has its slot until it has ended.
  local function kill(process)
    shell.run("kill -9 " .. process.pid)
    assert.is_true(shell.wait_for(function()
      return not shell.alive(process)
    end))
  end

  local function acknowledged(path)
    local ids, count = {}, 0
    local file = io.open(path .. "/acknowledged")
    for id in file and file:lines() or function() end do
      ids[id], count = true, count + 1
    end
    if file then
      file:close()
    end
    return ids, count
  end

  local function received()
    local ids = {}
    for one in fixture.client.events:each {fields = {event = {"event_properties"}}} do
      local id = one.attributes.event_properties["$event_id"]
      ids[id] = (ids[id] or 0) + 1
    end
    return ids
  end

  -- Checks that the service has every acknowledged event, and none twice.
  local function check(path)
    local ids, count = acknowledged(path)
    local stored, missing = received(), 0
    for id in pairs(ids) do
      if not stored[id] then
        missing = missing + 1
      end
    end
    local events = fixture.server:stats().events
    assert.message(("%d acknowledged, %d received, %d distinct"):format(count, events.received, events.distinct))
      .equal(0, missing)
    for id, times in pairs(stored) do
      assert.equal(1, times, id)
    end
    return count, stored
  end

  it("loses no acknowledged event when processes are killed, and counts none twice", function()
    local path = folders.new()
    for number = 1, KILLS do
      local _, before = acknowledged(path)
      local processes = {start(path, number .. "a"), start(path, number .. "b")}
      -- at a random point between 20 % and 80 % of their events
      local goal = before + EVENTS * 2 * (0.2 + 0.6 * shell.random(1000) / 1000)
      assert.is_true(shell.wait_for(function()
        return select(2, acknowledged(path)) >= goal
      end, 60))
      for _, process in ipairs(processes) do
        kill(process)
      end
    end
    assert(shell.wait_for(function()
      return select(2, shell.run("ls " .. path .. "/box")):find("slot-2", 1, true)
    end))
    local box = assert(outbox.new {path = path .. "/box"})
    assert.is_true(box:drain(60, fixture.client))
    box:close()
    local count = check(path)
    assert.is_true(count >= EVENTS * 2)
    local events = fixture.server:stats().events
    if os.getenv("OUTBOX_EVENTS") then
      print(("\n%d acknowledged, %d received, %d distinct"):format(count, events.received, events.distinct))
    end
    -- every other event was in progress in a process that was killed
    assert.is_true(events.distinct - count <= KILLS * 2)
    local _, output = shell.run("cat " .. path .. "/*.txt")
    assert.equal("", output)
  end)

  it("is drained by any process that opens its folder", function()
    local path = folders.new()
    local process = start(path, "a")
    assert.is_true(shell.wait_for(function()
      return select(2, acknowledged(path)) > EVENTS / 4
    end, 60))
    kill(process)
    local _, count = acknowledged(path)
    local output, status = script.run([[
      local path, base_url = ...
      local client = require("spec.support.connect")(base_url)
      local box = assert(require("klaviyo.outbox").new { path = path })
      assert(box:drain(30, client))
    ]], {args = {path .. "/box", fixture.server.base_url}})
    assert.same({"", 0}, {output, status})
    assert.is_true(count <= fixture.server:stats().events.distinct)
    check(path)
  end)

  describe("in a forked process", function()
    local function forked(text)
      local path = folders.new()
      local output, status = script.run([[
        local path, base_url = ...
        local process = require "spec_fork"
        local client = require("spec.support.connect")(base_url)
        local box = assert(require("klaviyo.outbox").new { path = path })
        local function put(name, count)
          for i = 1, count do
            assert(box:enqueue({ metric = "Kept", profile = { email = "a@example.com" },
              properties = { n = i }, unique_id = name .. i }, client))
          end
        end
        local function fork(child)
          local pid = process.fork()
          if pid == 0 then
            local ok, err = xpcall(child, debug.traceback)
            if not ok then
              io.stderr:write(err, "\n")
            end
            process.leave(ok and 0 or 1)
          end
          return pid
        end
      ]] .. text, {args = {path, fixture.server.base_url}})
      assert.same({"", 0}, {output, status})
      return path
    end

    it("has a file of its own and leaves the parent's alone", function()
      forked [[
        put("before", 100)
        local child = fork(function()
          put("child", 100)
          assert(box:stats().waiting == 100)
          assert(box:drain(20, client))
          assert(box:stats().sent == 100)
        end)
        put("parent", 100)
        assert(process.wait(child) == 0)
        assert(box:stats().waiting == 200)
        assert(box:drain(20))
        assert(box:stats().sent == 200)
      ]]
      assert.equal(300, fixture.server:stats().events.distinct)
    end)

    it("neither locks nor takes the parent's file", function()
      local path = forked [[
        put("before", 10)
        local first = fork(function()
          local second = fork(function()
            os.execute("sleep 0.3")  -- the first process has ended
            put("second", 10)
            assert(box:drain(20, client))
            assert(box:stats().sent == 10)
          end)
          assert(second > 0)
        end)
        assert(process.wait(first) == 0)
        process.leave(0)
      ]]
      assert.is_true(shell.wait_for(function()
        return fixture.server:stats().events.distinct == 10
      end, 5))
      local box = assert(outbox.new {path = path})
      assert.equal(10, box:stats().waiting)
      assert.is_true(box:drain(20, fixture.client))
      box:close()
      assert.equal(20, fixture.server:stats().events.distinct)
    end)
  end)

  it("keeps an event in microseconds #time #alone", function()
    local path = folders.new()
    local box = assert(outbox.new {path = path})
    local event = {metric = "Kept", profile = {email = "a@example.com"}, properties = {text = ("x"):rep(300)}}
    local times = {}
    for i = 1, 2000 do
      local began = core.clock()
      box:enqueue(event, fixture.client)
      times[i] = core.clock() - began
    end
    box:close(0)
    table.sort(times)
    assert.is_true(times[1000] < 500e-6, times[1000])
  end)
end)
