-- What klaviyo.metrics shows of an outbox. Scripts of their own: one that has begun to
-- count does not end.
local exposition = require "spec.support.exposition"
local folder = require "spec.support.folder"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local HEAD = [[
  local base_url, key, path = ...
  local klaviyo = require "klaviyo"
  local metrics = klaviyo.metrics
  assert(metrics.start())
  local function open(options)
    options = options or {}
    options.path = path
    return assert(require("klaviyo.outbox").new(options))
  end
  local box = open()
  local client = klaviyo.new {api_key = key, base_url = base_url, proxy = "", revision = "2026-07-15",
    rate_limit_file = false, outbox = box, on_warning = function() end}
  local function track(number, more)
    local event = {metric = "Kept", profile = {email = "a@example.com"}, properties = {number = number}}
    for name, value in pairs(more or {}) do event[name] = value end
    return client.events:track(event)
  end
]]

describe("the metrics of an outbox", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)

  local function run(text, path)
    local output, status = script.run(HEAD .. text, {
      args = {fixture.server.base_url, fixture.key, path or folders.new()},
    })
    assert.equal(0, status, output)
    return output
  end

  local function of(found, name)
    return found:sum("klaviyo_outbox_" .. name)
  end

  it("are its events, their age and the size of its files", function()
    local path = folders.new()
    local text = run([[
      for i = 1, 3 do assert(track(i)) end
      os.execute("sleep 1.1")
      local waiting = metrics.text()
      assert(box:drain(20))
      io.write(waiting, "--\n", metrics.text())
      box:close()
    ]], path)
    local before, after = text:match("^(.*\n)%-%-\n(.*)$")
    local found = exposition.read(before)
    assert.equal(3, found.values[('klaviyo_outbox_rows{path="%s"}'):format(path)])
    assert.is_true(of(found, "bytes") >= 4096)
    local age = of(found, "oldest_age_seconds")
    assert.is_true(age >= 1 and age < 30, age)
    assert.equal(3, found:sum("klaviyo_events_total", {result = "tracked"}))
    assert.equal(0, found:sum("klaviyo_events_total", {result = "sent"}))
    found = exposition.read(after)
    assert.equal(0, of(found, "rows"))
    assert.equal(0, of(found, "oldest_age_seconds"))
    assert.equal(3, found:sum("klaviyo_events_total", {result = "sent"}))
    assert.equal(0, found:sum("klaviyo_events_total", {result = "rejected"}))
  end)

  it("count rejected and refused events", function()
    local found = exposition.read(run [[
      for i = 1, 4 do assert(track(i)) end
      assert(track(5, {profile = {email = "this is not an address"}}))
      assert(not track(2, {properties = {text = ("x"):rep(6e6)}}))
      assert(box:drain(20))
      io.write(metrics.text())
      box:close()
    ]])
    for result, count in pairs {tracked = 5, refused = 1, rejected = 1, sent = 4} do
      assert.equal(count, found:sum("klaviyo_events_total", {result = result}), result)
    end
  end)

  it("know the oldest event that is left, also in a file that a process left", function()
    local path = folders.new()
    run([[
      for i = 1, 2 do assert(track(i)) end
      os.execute("sleep 1.1")
      assert(track(3))
      local store = require "klaviyo.outbox.store"
      local _, first = store.waiting(path .. "/slot-1")
      assert(box.store:drop(1, 2))
      local waiting, second = store.waiting(path .. "/slot-1")
      assert(waiting == 1 and second - first >= 1000 and second - first < 30000)
      box:close(0)
    ]], path)
    local found = exposition.read(run([[
      assert(box.store:waiting() == 1)
      box:close(0)
      local other = open()
      io.write(metrics.text())
      other:close(0)
    ]], path))
    assert.equal(1, of(found, "rows"))
    assert.is_true(of(found, "oldest_age_seconds") < 30)
  end)
end)
