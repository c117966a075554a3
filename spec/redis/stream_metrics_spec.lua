-- What klaviyo.metrics shows of a stream of events. Scripts of their own: one that has
-- begun to count does not end.
if not require("spec.support.redis_server").is_available(pending, "a stream of events") then
  return
end
local exposition = require "spec.support.exposition"
local folder = require "spec.support.folder"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local HEAD = [[
  local base_url, key, path, url, pid = ...
  local klaviyo = require "klaviyo"
  local metrics, outbox, socket = klaviyo.metrics, require "klaviyo.outbox", require "socket"
  assert(metrics.start())
  local client = klaviyo.new {api_key = key, base_url = base_url, proxy = "",
    revision = "2026-07-15", rate_limit_file = false, on_warning = function() end}
  local function open(name, options)
    options = options or {}
    options.path, options.on_warning = path .. "/" .. name, function() end
    return assert(outbox.new(options))
  end
  local function fill(box, count, address)
    for i = 1, count do
      assert(box:enqueue({metric = "Kept", profile = {email = address or "a@example.com"},
        properties = {n = i}}, client))
    end
  end
  local function show()
    io.write(metrics.text(), "--\n")
  end
]]

describe("the metrics of a stream", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)

  after_each(redis_hosts.close_all)

  local function run(text)
    local own = redis_hosts.start()
    local output, status = script.run(HEAD .. text, {args = {fixture.server.base_url, fixture.key,
      folders.new(), own.url, own.pid}})
    assert.equal(0, status, output)
    local list = {}
    for part in output:gmatch("(.-)%-%-\n") do
      list[#list + 1] = exposition.read(part)
    end
    return list, output
  end

  local function events(metrics, result)
    return metrics:sum("klaviyo_stream_events_total", {result = result})
  end

  local function gauge(metrics, name)
    return metrics.values[('klaviyo_stream_%s{stream="klaviyo:events"}'):format(name)]
  end

  it("are not there without a relay", function()
    local _, output = run [[
      local box = open "a"
      fill(box, 1)
      assert(box:drain(10, client))
      show()
    ]]
    assert.is_nil(output:find("klaviyo_stream", 1, true))
    assert.truthy(output:find("klaviyo_outbox_rows", 1, true))
  end)

  it("count what is moved, taken over, sent and rejected", function()
    local metrics, output = run [[
      local relay = open("a", {relay = url, send = false})
      fill(relay, 3)
      fill(relay, 1, "this is not an address")
      assert(relay:drain(10, client))
      local redis = require("klaviyo.redis.connection").new(url)
      assert(redis:call("XREADGROUP", "GROUP", "klaviyo", "dead", "COUNT", "2", "STREAMS",
        "klaviyo:events", ">"))
      socket.sleep(0.2)
      show()
      local sender = open("b", {relay = url, claim_after = 0.1})
      assert(sender:drain(20, client))
      show()
    ]]
    local before, after = metrics[1], metrics[2]
    assert.same({4, 0, 0, 0, 0}, {events(before, "relayed"), events(before, "read"), events(before, "claimed"),
      events(before, "acknowledged"), events(before, "rejected")})
    assert.same({4, 2}, {gauge(before, "length"), gauge(before, "pending")})
    assert.is_true(gauge(before, "oldest_age_seconds") >= 0.2)
    assert.same({4, 2, 2, 3, 1}, {events(after, "relayed"), events(after, "read"), events(after, "claimed"),
      events(after, "acknowledged"), events(after, "rejected")})
    assert.same({0, 0, 0}, {gauge(after, "length"), gauge(after, "pending"), gauge(after, "oldest_age_seconds")})
    assert.is_nil(output:find("redis://", 1, true))
    local why = exposition.check((output:gsub("^.-%-%-\n", ""):gsub("%-%-\n", "")))
    if why then
      pending(why)
    end
  end)

  it("have no figures of Redis while it hangs, and hold up no scrape", function()
    local metrics = run [[
      local relay = open("a", {relay = url, send = false})
      fill(relay, 2)
      assert(relay:drain(10, client))
      os.execute("kill -STOP " .. pid)
      local began = socket.gettime()
      show()
      assert(socket.gettime() - began < 5)
      os.execute("kill -CONT " .. pid)
      show()
    ]]
    assert.same({2, nil}, {events(metrics[1], "relayed"), gauge(metrics[1], "length")})
    assert.same({2, 2}, {events(metrics[2], "relayed"), gauge(metrics[2], "length")})
  end)
end)
