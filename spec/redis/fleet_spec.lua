-- Hosts that share limits, in virtual time: bench/fleet.lua. The service counts in
-- fixed windows that no host knows, so that a 429 is a mistake of the algorithm.
local found, probe = pcall(require, "spec_lease")
if not found then
  pending("the probe of the lease was not built")
  return
end
local fleet = require "bench.fleet"
local memory_redis = require "spec.support.memory_redis"

local HOSTS = 5

local function simulate(limits, hosts, seconds, options)
  local o = {limits = limits, hosts = hosts, seconds = seconds, probe = probe,
    memory_redis = memory_redis, latency = {2, 10}, seed = 3}
  for name, value in pairs(options or {}) do
    o[name] = value
  end
  return fleet.run(o)
end

-- The counts of each window of a second that began after a time.
local function seconds_of(result, first, last)
  for _, w in ipairs(result.service.windows) do
    if w.length == 1000 then
      local list = {}
      for number = math.ceil((result.start + first * 1000 + w.phase) / 1000),
          math.floor((result.start + last * 1000 + w.phase) / 1000) - 1 do
        list[#list + 1] = w.counts[number] or 0
      end
      return list
    end
  end
end

local function sum(list)
  local total = 0
  for _, n in ipairs(list) do
    total = total + n
  end
  return total
end

describe("hosts that share limits", function()
  for _, limits in ipairs {{1, 0, 0}, {10, 0, 0}, {75, 0, 0}, {10, 60, 0}} do
    for _, hosts in ipairs {1, HOSTS, 20} do
      local name = table.concat(limits, "/")
      it(("use 95 %% of %s by %d hosts, and get no 429"):format(name, hosts), function()
        local seconds = limits[2] > 0 and 240 or 20
        local result = simulate(limits, hosts, seconds)
        assert.equal(0, result.rejected)
        assert.is_true(result.service.margin >= 0)
        assert.is_true(fleet.used(result, seconds, 1) >= 0.95)
      end)
    end
  end

  it("use 99 % if Redis is near, although their clocks run at different speeds", function()
    for _, limits in ipairs {{1, 0, 0}, {10, 0, 0}, {75, 0, 0}} do
      for seed = 1, 2 do
        local result = simulate(limits, HOSTS, 20, {seed = seed, round_trip = 0.1, jitter = 0.2})
        assert.equal(0, result.rejected)
        assert.is_true(result.service.margin >= 0)
        assert.is_true(fleet.used(result, 20, 1) >= 0.99)
      end
    end
  end)

  it("use a limit by the day to its end, and not more", function()
    local result = simulate({0, 0, 3000}, HOSTS, 60)
    assert.equal(0, result.rejected)
    assert.equal(3000, result.accepted)
  end)

  it("use the limit of the next day, and nothing before it", function()
    local result = simulate({0, 0, 600}, 3, 1.05 * 86400)
    assert.equal(0, result.rejected)
    assert.equal(1200, result.accepted)
    assert.is_true(result.service.margin >= 0)
  end)

  it("get equal parts", function()
    local taken = {}
    local result = simulate({10, 0, 0}, HOSTS, 30, {events = {{at = 25, run = function(f)
      for i, host in ipairs(f.hosts) do
        taken[i] = host.lease:state(host.clock()).used[2] -- of the minute
      end
    end}}})
    assert.equal(0, result.rejected)
    for _, n in ipairs(taken) do
      assert.is_true(n > 250 / HOSTS * 0.7 and n < 250 / HOSTS * 1.3)
    end
  end)

  it("lose little when one joins", function()
    for _, limits in ipairs {{1, 0, 0}, {10, 0, 0}, {75, 0, 0}} do
      local result = simulate(limits, HOSTS, 20, {events = {{at = 10,
        run = function(f) f.add("new") end}}})
      assert.equal(0, result.rejected)
      assert.is_true(sum(seconds_of(result, 9, 19)) >= limits[1] * 8)
    end
  end)

  it("lose one window at most when one dies", function()
    for _, limits in ipairs {{1, 0, 0}, {10, 0, 0}, {75, 0, 0}} do
      for seed = 1, 5 do
        local result = simulate(limits, HOSTS, 20, {seed = seed, events = {{at = 10,
          run = function(f) f.hosts[1].alive = false end}}})
        assert.equal(0, result.rejected)
        local windows = seconds_of(result, 8, 19)
        assert.is_true(sum(windows) >= limits[1] * (#windows - 1) - 1)
      end
    end
  end)

  local function outage(from, to, empty)
    return {
      {at = from, run = function(f) f.away = true end},
      {at = to, run = function(f)
        f.away = false
        if empty then
          f.redis:flush()
        end
      end},
    }
  end

  for _, empty in ipairs {false, true} do
    it("go on without Redis" .. (empty and ", which returns without its data" or ""),
      function()
        for _, limits in ipairs {{1, 0, 0}, {10, 0, 0}, {75, 0, 0}} do
          local result = simulate(limits, HOSTS, 40, {events = outage(10, 30, empty)})
          local windows = seconds_of(result, 9, 39)
          assert.is_true(result.rejected <= limits[1] * 0.1 + 1)
          assert.is_true(sum(windows) >= #windows * limits[1] * 0.85)
        end
      end)
  end

  it("go on when Redis loses its data", function()
    for _, limits in ipairs {{10, 0, 0}, {75, 0, 0}, {10, 60, 0}} do
      local result = simulate(limits, HOSTS, 100, {events = {{at = 50,
        run = function(f) f.redis:flush() end}}})
      assert.is_true(result.rejected <= limits[1] * 0.1)
      assert.is_true(fleet.used(result, 100, 1) >= 0.95)
    end
  end)

  it("do not forget a day's requests with Redis", function()
    local result = simulate({0, 0, 3000}, HOSTS, 60, {demand = 100, events = {{at = 20,
      run = function(f) f.redis:flush() end}}})
    assert.equal(0, result.rejected)
    assert.equal(3000, result.accepted)
  end)

  it("ask Redis less often than once for each request, if they use little", function()
    local result = simulate({75, 700, 0}, HOSTS, 60, {demand = 5})
    assert.equal(0, result.rejected)
    assert.is_true(result.accepted > 250)
    assert.is_true(result.exchanges < 3 * result.accepted)
    local busy = simulate({1000, 0, 0}, 2, 10, {demand = 400})
    assert.equal(0, busy.rejected)
    assert.is_true(busy.exchanges < 0.25 * busy.accepted)
  end)
end)
