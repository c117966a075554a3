-- klaviyo.metrics in a script. Each spec has a process of its own: one that has begun
-- to count does not end.
local exposition = require "spec.support.exposition"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local HEAD = [[
  local base_url, key, dir = ...
  local klaviyo = require "klaviyo"
  local metrics = klaviyo.metrics
  local client = klaviyo.new {api_key = key, base_url = base_url, proxy = "",
    revision = "2026-07-15", rate_limit_file = dir .. "/limits"}
]]

describe("klaviyo.metrics", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 30})

  local function run(text)
    local output, status = script.run(HEAD .. text, {
      args = {fixture.server.base_url, fixture.key, fixture.server.dir},
    })
    assert.equal(0, status, output)
    return output
  end

  it("counts nothing before it is started, and says so", function()
    assert.equal("ok", run [[
      assert(client.profiles:list())
      assert(not metrics.is_started())
      local ok, message = pcall(metrics.text)
      assert(not ok and message:find("nothing is counted yet: call metrics.start() first", 1, true))
      local core = require "klaviyo.core"
      assert(next(require("klaviyo.util.counters").operations) == nil)
      assert(metrics.start())
      assert(metrics.start())
      assert(metrics.is_started())
      assert(not metrics.text():find("get_profiles", 1, true))
      io.write "ok"
    ]])
  end)

  it("writes what was counted in the text format", function()
    local mark = #fixture:log()
    local text = run [[
      assert(metrics.start())
      for _ = 1, 3 do assert(client.profiles:list()) end
      assert(not client.profiles:get("unknown"))
      assert(client:request {method = "GET", path = "/api/profiles"})
      client:request {method = "GET", path = "/api/not-in-the-table"}
      local done = 0
      for _ in client.profiles:each {page = {size = 10}} do done = done + 1 end
      assert(done >= 30)
      for i = 1, 4 do
        assert(client.events:track {metric = {name = "Viewed"}, profile = {email = i .. "@x.org"}, properties = {}})
      end
      assert(client:drain(10))
      io.write(metrics.text())
    ]]
    local found, received = exposition.read(text), {}
    for _, request in ipairs(fixture:log(mark)) do
      if request.operation ~= "-" and request.target:find("^/api/[ep]") then
        received[request.operation] = (received[request.operation] or 0) + 1
      end
    end
    assert.equal(1, found:sum("klaviyo_requests_total", {operation = "raw", status = "200"}))
    received.get_profiles = received.get_profiles - 1 -- by client:request
    assert.is_true(received.get_profiles >= 5 and received.create_event == 4)
    for operation, counted in pairs(received) do
      assert.equal(counted, found:sum("klaviyo_attempts_total", {operation = operation}), operation)
    end
    assert.equal(received.get_profiles,
      found:sum("klaviyo_requests_total", {operation = "get_profiles", status = "200"}))
    assert.equal(1, found:sum("klaviyo_requests_total", {operation = "get_profile", status = "404"}))
    assert.equal(1, found:sum("klaviyo_requests_total", {operation = "raw", status = "404"}))
    assert.equal(4, found:sum("klaviyo_requests_total", {operation = "create_event", status = "202"}))
    local all = found:sum "klaviyo_requests_total"
    assert.equal(all, found:sum "klaviyo_attempts_total")
    assert.equal(all, found:sum "klaviyo_request_duration_seconds_count")
    for _, result in ipairs {"tracked", "sent"} do
      assert.equal(4, found:sum("klaviyo_events_total", {result = result}), result)
    end
    for _, result in ipairs {"rejected", "failed", "refused"} do
      assert.equal(0, found.values[('klaviyo_events_total{result="%s"}'):format(result)])
    end
    assert.equal(0, found:sum "klaviyo_requests_in_flight")
    assert.is_true(found.values.klaviyo_connections >= 1)
    assert.is_true(found.values.klaviyo_sent_bytes_total > 500)
    assert.equal(1, found.values.klaviyo_processes)
    assert.equal(0, found:sum "klaviyo_metrics_overflows_total")
    assert.is_nil(text:find(fixture.key, 1, true))
  end)

  it("agrees with promtool, also with values of every kind", function()
    local text = run [[
      os.setlocale("de_DE.UTF-8")
      assert(metrics.start())
      assert(client.profiles:list())
      local counters = require "klaviyo.util.counters"
      counters.add("klaviyo_gateway_requests_total", 'a "shop" \\ of\n mine', 1, 200)
      counters.add("klaviyo_gateway_wait_seconds_total", "höker", 0.125)
      counters.add("klaviyo_gateway_wait_seconds_total", "\255\195 mine", 0.5)
      counters.set("klaviyo_gateway_circuit_open", "shop", 1)
      io.write(metrics.text())
    ]]
    local found = exposition.read(text)
    assert.equal(1, found:sum("klaviyo_gateway_requests_total", {connection = 'a "shop" \\ of\n mine'}))
    assert.equal(0.5, found:sum("klaviyo_gateway_wait_seconds_total", {connection = "?? mine"}))
    assert.equal(0.125, found:sum("klaviyo_gateway_wait_seconds_total", {connection = "höker"}))
    assert.equal(1, found:sum("klaviyo_gateway_circuit_open", {connection = "shop"}))
    local why = exposition.check(text)
    if why then
      pending(why)
    end
  end)

  it("shows the used share of the limits", function()
    local found = exposition.read(run [[
      assert(metrics.start())
      for _ = 1, 7 do assert(client.events:list()) end
      io.write(metrics.text())
    ]])
    local windows = {}
    for _, limit in ipairs(fixture.client:rate_limits()) do
      for _, window in ipairs(limit.operation == "get_events" and limit.windows or {}) do
        windows[window.seconds] = window.limit
      end
    end
    local used = found:sum("klaviyo_rate_limit_used_ratio", {operation = "get_events", window = "minute"})
    assert.near(7 / windows[60], used, 1e-9)
  end)

  it("counts in the children that are forked from then on", function()
    local text = run [[
      local found, process = pcall(require, "spec_fork")
      if not found then io.write("pending") return end
      assert(metrics.start())
      local children = {}
      assert(client.profiles:list())
      for n = 1, 3 do
        local child = process.fork()
        if child == 0 then
          for _ = 1, n do assert(client.profiles:list()) end
          require("klaviyo.util.counters").add("klaviyo_webhook_deliveries_total", "accepted", n)
          process.leave(7)
        end
        children[n] = child
      end
      for n = 1, 3 do assert(process.wait(children[n]) == 7) end
      local text = metrics.text()
      -- a child that lives has a row of its own; one that was killed has none, even
      -- before its parent asks for its end
      local child = process.fork()
      if child == 0 then
        assert(client.profiles:list())
        klaviyo.sleep(30)
      end
      local function scraped(processes, connections)
        local stop = klaviyo.clock() + 20
        repeat
          local now = metrics.text()
          if now:find("klaviyo_processes " .. processes, 1, true)
            and now:find("klaviyo_connections " .. connections, 1, true) then
            return true
          end
          klaviyo.sleep(0.01)
        until klaviyo.clock() > stop
      end
      assert(scraped(2, 2), metrics.text())
      os.execute("kill -9 " .. child)
      assert(scraped(1, 1), metrics.text())
      process.wait(child)
      io.write(text)
    ]]
    if text == "pending" then
      pending("fork was not built")
      return
    end
    local found = exposition.read(text)
    assert.equal(7, found:sum("klaviyo_requests_total", {operation = "get_profiles"}))
    assert.equal(6, found:sum("klaviyo_webhook_deliveries_total", {result = "accepted"}))
    assert.equal(1, found.values.klaviyo_processes) -- the children have ended
  end)

  it("has room for 256 processes at a time, and counts those of others, too", function()
    local text = run [[
      local found, process = pcall(require, "spec_fork")
      if not found then io.write("pending") return end
      local counters = require "klaviyo.util.counters"
      assert(metrics.start())
      local function fork(lasting)
        local child = process.fork()
        if child == 0 then
          counters.add("klaviyo_webhook_deliveries_total", "accepted")
          if lasting then klaviyo.sleep(60) end
          process.leave(0)
        end
        return child
      end
      local function wait_for(pattern)
        local stop = klaviyo.clock() + 60
        while not metrics.text():find(pattern) do
          assert(klaviyo.clock() < stop, metrics.text())
          klaviyo.sleep(0.01)
        end
      end
      counters.add("klaviyo_webhook_deliveries_total", "accepted")
      for _ = 1, 300 do process.wait(fork()) end -- whose rows are taken again
      io.write(metrics.text(), "--\n")
      local children = {}
      for i = 1, 260 do children[i] = fork(true) end
      wait_for('result="accepted"} 561\n')
      io.write(metrics.text(), "--\n")
      os.execute("kill -9 " .. table.concat(children, " "))
      for _, child in ipairs(children) do process.wait(child) end
      io.write(metrics.text())
    ]]
    if text == "pending" then
      pending("fork was not built")
      return
    end
    local parts = {}
    for part in (text .. "--\n"):gmatch("(.-)%-%-\n") do
      parts[#parts + 1] = exposition.read(part)
    end
    for i, expected in ipairs {{301, 1, 0}, {561, 256, 5}, {561, 1, 5}} do
      assert.equal(expected[1], parts[i]:sum("klaviyo_webhook_deliveries_total", {result = "accepted"}))
      assert.equal(expected[2], parts[i]:sum "klaviyo_processes")
      assert.equal(expected[3], parts[i]:sum("klaviyo_metrics_overflows_total", {table = "processes"}))
    end
  end)

  it("returns an error if there is no memory for them", function()
    assert.equal("ok", run [[
      local core = require "klaviyo.core"
      core.metrics_start = function() return nil, "Cannot allocate memory" end
      local ok, err = metrics.start()
      assert(ok == nil and err.kind == "transport")
      assert(tostring(err):find("the metrics have no shared memory: Cannot allocate memory", 1, true))
      assert(not metrics.is_started())
      assert(client.profiles:list())
      io.write "ok"
    ]])
  end)

  it("warns of a source or a hook that fails, and goes on", function()
    local output = run [[
      assert(metrics.start())
      local counters = require "klaviyo.util.counters"
      counters.on_scrape(function() error("a hook that fails", 0) end)
      counters.source("klaviyo.no_such_module", "argument")
      assert(metrics.text():find("klaviyo_build_info", 1, true))
    ]]
    assert.truthy(output:find("klaviyo: metrics: a hook that fails", 1, true))
    assert.truthy(output:find("klaviyo.no_such_module", 1, true))
  end)
end)
