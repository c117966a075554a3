-- klaviyo.outbox.status, which only looks.
local klaviyo = require "klaviyo"
local folder = require "spec.support.folder"
local outbox = require "klaviyo.outbox"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

-- Tracks events in another process, which ends by itself or waits for its end.
local TRACK = [[
  local base_url, key, path, count, waits = ...
  local klaviyo = require "klaviyo"
  local box = assert(require("klaviyo.outbox").new {path = path, on_warning = function() end})
  local client = klaviyo.new {api_key = key, base_url = base_url, proxy = "", outbox = box,
    revision = "2026-07-15", rate_limit_file = false, on_warning = function() end}
  for i = 1, count do
    local address = count == "3" and i == 2 and "this is not an address" or "a@example.com"
    assert(client.events:track {metric = "Kept", profile = {email = address}, properties = {n = i}})
  end
  if count == "3" then box:drain(20) end
  if waits then
    local file = assert(io.open("/proc/self/stat"))
    local pid = file:read("*n")
    local out = assert(io.open(waits .. ".new", "w"))
    out:write(("%d"):format(pid))
    out:close()
    os.rename(waits .. ".new", waits)
    klaviyo.sleep(15)
  end
  box:close(0)
]]

local function files_of(path)
  return (script.shell(("cd %s && ls -lA --time-style=full-iso && cksum *"):format(script.quote(path))))
end

describe("the status of an outbox", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)

  local function track(path, count)
    local output, status = script.run(TRACK, {args = {fixture.server.base_url, fixture.key, path,
      tostring(count)}})
    assert.equal(0, status, output)
  end

  it("has the events that a process left, and changes nothing", function()
    local path = folders.new()
    track(path, 2)
    local before = files_of(path)
    local status = assert(outbox.status(path .. "/"))
    assert.equal(before, files_of(path))
    assert.equal(path, status.path)
    assert.same({2, 0, 1}, {status.waiting, status.rejected, #status.files})
    local file = status.files[1]
    assert.same({"slot-1.db", 2, 0, false, nil}, {file.name, file.waiting, file.rejected, file.running, file.pid})
    assert.is_true(file.oldest_age >= 0 and file.oldest_age < 60)
    assert.equal(file.oldest_age, status.oldest_age)
    assert.is_true(file.bytes >= 4096 and status.bytes == file.bytes)
  end)

  it("has those that were rejected", function()
    local path = folders.new()
    track(path, 3)
    local status = assert(outbox.status(path))
    assert.same({0, 1}, {status.waiting, status.rejected})
    assert.is_nil(status.oldest_age)
    assert.is_nil(status.files[1].oldest_age)
  end)

  it("knows the processes that use it", function()
    local path = folders.new()
    track(path, 4)
    local note = folders.new() .. "/pid"
    local wait = script.start(TRACK, {args = {fixture.server.base_url, fixture.key, path, "1", note}})
    local deadline = klaviyo.clock() + 15
    local pid
    repeat
      klaviyo.sleep(0.02)
      pid = tonumber(shell.read(note))
    until pid or klaviyo.clock() > deadline
    local status = outbox.status(path)
    script.shell(("kill %d"):format(assert(pid, "the other process did not start")))
    wait()
    assert.equal(1, #status.files) -- it has taken the file that was left
    assert.same({5, true, pid}, {status.waiting, status.files[1].running, status.files[1].pid})
  end)

  it("is an error without the folder", function()
    local status, err = outbox.status("/nonexistent/outbox")
    assert.is_nil(status)
    assert.same({"outbox", "outbox: /nonexistent/outbox: No such file or directory"},
      {err.kind, err.message})
    assert.same({}, assert(outbox.status(folders.new())).files)
  end)
end)
