-- The metrics of an nginx, in one scrape: what all workers counted is what the service
-- counted, also after reloads, and after a worker was killed.
local exposition = require "spec.support.exposition"
local load = require "spec.support.metrics_load"
local nginx = require "spec.support.nginx"
local shell = require "klaviyo.sandbox.shell"

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT in any case: once is enough
elseif nginx.missing() then
  pending("the metrics of an nginx: " .. nginx.missing())
  return
end

describe("the metrics of a busy nginx", function()
  local busy

  setup(function()
    busy = load.start()
  end)

  teardown(function()
    if busy then
      busy:stop()
    end
  end)

  it("are what the service counted, over reloads and a killed worker", function()
    local received, compared = busy:run(3000)
    assert.is_true(received >= 3000, received)
    for _, one in ipairs(compared) do
      assert.equal(one.service, one.own, one.name)
    end
    -- the held requests of the killed worker are attempts, and never requests
    assert.equal(5, busy.latest:sum("klaviyo_attempts_total", {operation = "get_segments"}))
    assert.equal(0, busy.latest:sum("klaviyo_requests_total", {operation = "get_segments"}))
    local why = exposition.check(busy.text)
    if why then
      pending(why)
    end
  end)

  it("miss at most what a worker had in flight that was killed at any time", function()
    local finish, is_done = busy:begin(2000)
    busy:wait_for(function()
      return is_done() or busy.latest:sum "klaviyo_requests_in_flight" > 0
    end)
    busy:kill_any()
    finish()
    busy:wait_for(function()
      return busy:scrape():sum "klaviyo_requests_in_flight" == 0
    end)
    shell.sleep(0.1)
    for _, one in ipairs(busy:compare()) do
      if one.name:find("^attempts") then
        assert.is_true(one.own >= one.service and one.own - one.service <= 100, one.name)
      elseif one.name:find("requests") then
        assert.is_true(one.own <= one.service and one.service - one.own <= 100, one.name)
      end
    end
  end)

  it("are those of the processes that run", function()
    shell.wait_for(function()
      return busy:scrape():sum "klaviyo_processes" <= 4
    end)
    assert.is_true(busy.latest:sum "klaviyo_processes" >= 1)
    assert.equal(0, busy.latest:sum "klaviyo_metrics_overflows_total")
    local logs = busy:stop()
    assert.is_nil(logs:find("[error]", 1, true), logs)
    assert.is_nil(logs:find("[emerg]", 1, true), logs)
  end)
end)
