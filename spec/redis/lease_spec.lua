-- The lease of a host, with a clock that the spec sets: spec/support/lease_probe.c.
-- Some replies are those of the script, in memory: spec/support/memory_redis.lua.
local found, probe = pcall(require, "spec_lease")
if not found then
  pending("the probe of the lease was not built")
  return
end
local memory_redis = require "spec.support.memory_redis"

local T = 1700000000000

-- A reply of the script. The fields: docs/scale.md, csrc/redis/lease.c.
local function reply(fields)
  local r = {0, 77, 0, 0, 1, 0, 0, 0, 0, 0, 0, T, 0, 0, 0}
  local index = {status = 1, epoch = 2, granted = 3, wait = 4, hosts = 5, contended = 6,
    blocked = 7, used = 8, index = 11, time = 12, second = 13, minute = 14}
  for name, value in pairs(fields) do
    r[index[name]] = value
  end
  return r
end

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do
    list[#list + 1] = tonumber(word)
  end
  return list
end

local NAMES = {"epoch", "report", "keep", "want", "hosts", "away", "block", "base", "reported"}

-- What a host asks for, by name, with its events {age, count, …} and history.
local function ask(host, now)
  local list, asked = words(host:ask(now)), {}
  for i, name in ipairs(NAMES) do
    asked[name] = list[i]
  end
  asked.counted = list[13]
  local count = list[25]
  asked.limit = list[11]
  asked.events = {table.unpack(list, 26, 25 + count * 2)}
  asked.history = {table.unpack(list, 27 + count * 2, #list)}
  assert.equal(#asked.history, list[26 + count * 2] * 3)
  return asked
end

table.unpack = table.unpack or unpack -- luacheck: ignore

-- A host with tokens, that asked at T.
local function leased(granted, fields)
  local host = probe.new(10)
  host:wait(T)
  host:ask(T)
  fields = fields or {}
  fields.granted = granted
  host:answer(T, T + 1, reply(fields))
  return host
end

describe("a lease", function()
  it("is asked for when a request waits, once at a time", function()
    local host = probe.new(10)
    assert.is_nil(host:due(T))
    assert.equal(1, host:wait(T))
    assert.equal(0, host:due(T))
    assert.same({epoch = 0, report = 1, keep = 0, want = 1, hosts = 0, away = 0,
      block = 0, base = 0, reported = 0, limit = 10, counted = -1, events = {}, history = {}}, ask(host, T))
    assert.equal(50, host:due(T + 10)) -- the process that asked may be dead
    assert.equal(1, host:wait(T + 10))
    assert.equal(0, host:due(T + 60))
  end)

  it("allows as many requests as there are tokens", function()
    local host = leased(2)
    for i = 1, 2 do
      assert.equal(0, host:wait(T + i))
      host:take(T + i)
    end
    assert.equal(1, host:wait(T + 3))
    assert.equal(0, host:due(T + 3))
    local asked = ask(host, T + 3)
    assert.equal(0, asked.keep)
    assert.equal(4, asked.want) -- it used them up at once
    assert.same({1, 2}, asked.events) -- both started within 4 ms
  end)

  it("waits for as long as Redis says", function()
    local host = leased(0, {wait = 400})
    assert.equal(50, host:wait(T + 1)) -- another process may get a token
    assert.equal(10, host:wait(T + 331))
    assert.equal(5, host:wait(T + 396))
    assert.equal(399, host:due(T + 2))
    assert.equal(0, host:due(T + 401))
  end)

  it("waits for two days at most, whatever number Redis replies", function()
    local most = 2 * 86400 * 1000
    for _, wait in ipairs {2 ^ 48, 2 ^ 62, 2 ^ 63 - 1024} do
      assert.equal(most - 1, leased(0, {wait = wait}):due(T + 2))
    end
    assert.equal(0, leased(0, {wait = -2 ^ 63}):due(T + 2))
    for _, time in ipairs {-2 ^ 63, 2 ^ 63 - 1024} do
      local host = leased(1, {time = time, blocked = 2 ^ 63 - 1024})
      assert.equal(86400 * 1000 - 1, host:wait(T + 2)) -- as the service may say
    end
  end)

  it("has as many tokens and hosts as are possible", function()
    local state = leased(2 ^ 63 - 1024, {hosts = 2 ^ 63 - 1024}):state(T + 2)
    assert.equal(10000, state.tokens)
    assert.equal(1000000, state.hosts)
    state = leased(-2 ^ 63, {hosts = -2 ^ 63}):state(T + 2)
    assert.equal(0, state.tokens)
    assert.equal(0, state.hosts)
  end)

  it("does not exceed the limits of its own usage", function()
    local host = leased(50)
    for _ = 1, 10 do
      host:take(T + 10)
    end
    assert.is_true(host:wait(T + 20) > 900)
  end)

  it("ends by itself, before Redis counts it as used", function()
    local host = leased(3)
    assert.equal(0, host:wait(T + 399))
    assert.equal(1, host:wait(T + 400))
  end)

  it("is renewed while it is in use, and granted back when it is not", function()
    local host = leased(3)
    host:take(T + 300)
    assert.equal(0, host:due(T + 350))
    assert.equal(2, ask(host, T + 350).keep)
    host:answer(T + 350, T + 351, reply {})
    assert.equal(2, host:state(T + 352).tokens)
    assert.equal(0, host:wait(T + 700))
    assert.equal(0, host:due(T + 801))
    assert.equal(0, ask(host, T + 801).keep)
    assert.equal(0, host:state(T + 801).tokens)
  end)

  it("is granted back soon if others use the limit", function()
    local host = leased(3, {contended = 1})
    assert.equal(1, host:due(T + 50))
    assert.equal(0, ask(host, T + 51).keep)
    host:answer(T + 51, T + 52, reply {contended = 1})
    assert.is_nil(host:due(T + 60))
  end)

  it("is asked for ahead when half of it is taken", function()
    local host = leased(8)
    for i = 1, 3 do
      host:take(T + i)
    end
    assert.is_true(host:due(T + 4) > 0)
    host:take(T + 4)
    assert.equal(0, host:due(T + 4))
    local asked = ask(host, T + 4)
    assert.equal(4, asked.keep)
    assert.is_true(asked.want > 1)
  end)

  it("reports a move of a request as two events, in time", function()
    local host = leased(1)
    host:take(T + 4)
    assert.equal(230, host:due(T + 24))
    assert.same({20, 1}, ask(host, T + 24).events)
    host:answer(T + 24, T + 25, reply {})
    host:move(T + 4, T + 404)
    assert.equal(250, host:due(T + 404))
    assert.same({400, -1, 0, 1}, ask(host, T + 404).events)
  end)

  it("reports only the end of a move that began after the last report", function()
    local host = leased(1)
    host:take(T + 4)
    host:move(T + 4, T + 24)
    assert.same({0, 1}, ask(host, T + 24).events)
  end)

  it("keeps its estimate of the time of Redis while it can be right", function()
    local host = probe.new(10)
    local function base_after(asked, now, clock)
      host:wait(asked)
      host:ask(asked)
      local r = reply {}
      r[12] = clock
      host:answer(asked, now, r)
      return ask(host, now).base - now
    end
    assert.equal(1005, base_after(T, T + 10, T + 1005))
    assert.equal(1005, base_after(T + 20, T + 40, T + 1035))
    assert.equal(1002, base_after(T + 50, T + 51, T + 1052)) -- it was too large
    assert.equal(1002, base_after(T + 60, T + 61, T + 1062))
    assert.equal(1002, base_after(T + 70, T + 70, T + 1071)) -- clocks are rounded
    assert.equal(3000, base_after(T + 80, T + 81, T + 3080)) -- a clock was set
    assert.equal(0, base_after(T + 90, T + 91, T + 90)) -- both are the same
    assert.equal(0, base_after(T + 100, T + 100, T + 101))
  end)

  it("sends a report again, under its number, until it arrived", function()
    local host = leased(1)
    host:take(T + 8)
    local first = ask(host, T + 100)
    host:fail(T + 100, T + 150)
    host:take(T + 160)
    local second = ask(host, T + 1150)
    assert.equal(first.report, second.report)
    assert.same({92, 1}, first.events)
    assert.same({1142, 1}, second.events)
    host:answer(T + 1150, T + 1151, reply {})
    local third = ask(host, T + 1152)
    assert.equal(first.report + 1, third.report)
    assert.same({992, 1}, third.events)
  end)

  it("does not take the reply to an older report for that to the last", function()
    local host = probe.new(10)
    host:wait(T)
    host:ask(T) -- without events
    host:wait(T + 60)
    host:take(T + 60)
    host:ask(T + 60)
    host:answer(T, T + 61, reply {}, true)
    assert.same({2, 1}, ask(host, T + 62).events)
  end)

  it("merges events when there are too many, and loses no request", function()
    local host = probe.new(10000)
    for i = 1, 100 do
      host:take(T + i * 4)
    end
    local events, sum = ask(host, T + 500).events, 0
    for i = 2, #events, 2 do
      sum = sum + events[i]
    end
    assert.equal(100, sum)
    assert.equal(100, events[#events - 1]) -- the age of the last one
  end)

  it("reports what the service reported", function()
    local host = leased(2)
    host:block(T + 5, 2000)
    assert.equal(0, host:due(T + 5))
    assert.equal(1995, ask(host, T + 10).block)
    host:answer(T + 10, T + 11, reply {blocked = 1990})
    assert.is_true(host:wait(T + 12) > 1900)
    assert.equal(0, ask(host, T + 20).block)
    host = leased(2)
    host:learn(T + 5, 10, 1, 3, 1)
    assert.equal(7, ask(host, T + 10).counted)
    assert.equal(-1, ask(host, T + 11).counted)
    assert.equal(0, host:wait(T + 12)) -- the requests of other hosts, not of others
    host:learn(T + 20, 10, 1, 3, 1)
    assert.equal(-1, ask(host, T + 280).counted) -- it is too old
  end)

  it("learns the limits that other hosts learned, until it has a response", function()
    local host = leased(2, {second = 20, minute = 200})
    local asked = ask(host, T + 5)
    assert.equal(20, asked.limit)
    assert.equal(3, asked.reported)
    host:learn(T + 6, 30, 1, 3, 1)
    host:answer(T + 5, T + 7, reply {second = 20})
    assert.equal(30, ask(host, T + 8).limit)
  end)

  it("blocks when the service blocked another host", function()
    local host = leased(3, {blocked = 700})
    assert.equal(700, host:wait(T + 1))
  end)

  it("survives whatever another program writes to its record", function()
    local random = 1
    for _ = 1, 2000 do
      local host = leased(3)
      for _ = 1, 20 do
        random = random * 48271 % 2147483647
        host:spoil(random % 2048, random % 256)
      end
      assert.is_true(host:wait(T + 10) >= 0)
      assert.is_true((host:due(T + 10) or 0) >= 0)
      local text = host:ask(T + 10)
      assert.is_truthy(text:find("^[%d%s-]+$"))
      assert.is_true(#text < 4000)
      host:answer(T + 10, T + 11, reply {granted = 1})
      host:fail(T + 10, T + 60)
    end
  end)
end)

describe("a request that waits for a token", function()
  it("goes on without Redis if no process asks", function()
    local host, now = probe.new(10), T
    while host:wait(now) > 0 do
      now = now + 1
    end
    assert.is_true(now - T > 300 and now - T < 500)
    assert.is_true(host:state(now).away)
  end)

  it("waits for as long as Redis says all the same", function()
    local host = leased(0, {wait = 5000})
    assert.equal(624, host:wait(T + 2))
    assert.equal(1, host:wait(T + 5001))
    assert.is_false(host:state(T + 5001).away)
  end)

  it("does not count the time in which nothing waited", function()
    local host = probe.new(10)
    host:wait(T)
    assert.equal(1, host:wait(T + 60000))
    assert.is_false(host:state(T + 60000).away)
  end)
end)

describe("without Redis, a host", function()
  -- A host of five, which had used `own` of `used` requests.
  local function away(limit, own, used, index, own_before)
    local host = probe.new(limit)
    host:wait(T)
    for _ = 1, own_before or 0 do
      host:take(T - 800)
    end
    host:ask(T)
    host:answer(T, T, reply {granted = own, hosts = 5, index = index or 0})
    for _ = 1, own do
      assert.equal(0, host:wait(T))
      host:take(T)
    end
    host:ask(T + 100)
    host:answer(T + 100, T + 100, reply {hosts = 5, used = used, index = index or 0})
    host:wait(T + 100)
    host:ask(T + 100)
    host:fail(T + 100, T + 150)
    return host
  end

  local function take_all(host, now)
    local n = 0
    while host:wait(now) == 0 do
      host:take(now)
      n = n + 1
    end
    return n
  end

  it("goes on with its part of what was left", function()
    local host = away(75, 10, 50)
    assert.is_true(host:state(T + 150).away)
    assert.equal(5, take_all(host, T + 150))
    assert.equal(10, take_all(host, T + 1010)) -- its own have left the window
    host = away(75, 0, 75, 0, 15)
    assert.equal(1, take_all(host, T + 150)) -- it was used by others, perhaps
    assert.equal(14, take_all(host, T + 660))
  end)

  it("uses an equal part after two windows", function()
    local host = away(75, 0, 75)
    assert.equal(1, take_all(host, T + 150)) -- a tenth of an equal part
    assert.equal(0, take_all(host, T + 1149))
    assert.equal(1, take_all(host, T + 1160))
    assert.equal(15, take_all(host, T + 2170))
  end)

  it("uses no more than an equal part, whatever it used before", function()
    local host = away(75, 60, 60)
    assert.equal(3, take_all(host, T + 150))
    assert.equal(15, take_all(host, T + 1160))
  end)

  it("takes turns with the others if a part is less than one request", function()
    local times = {}
    for index = 0, 4 do
      local host, now = away(1, 0, 1, index), T + 150
      for _ = 1, 3 do
        while host:wait(now) > 0 do
          now = now + host:wait(now)
        end
        host:take(now)
        times[#times + 1] = now
      end
    end
    table.sort(times)
    for i = 2, #times do
      assert.is_true(times[i] - times[i - 1] >= 1004)
      assert.is_true(times[i] - times[i - 1] <= 1200)
    end
  end)

  -- How long a host waits for its turn, of many that Redis names.
  local function turn_of(limit)
    local host = probe.new(limit)
    host:wait(T)
    host:ask(T)
    host:answer(T, T, reply {hosts = 2 ^ 31 - 1, index = 5})
    local now = T
    while not host:state(now).away do
      now = now + 1
      local wait = host:wait(now)
      assert.is_true(wait > 0 and wait <= 2 * 86400 * 1000)
    end
    return host:wait(now)
  end

  it("waits for two days at most, however many hosts Redis names", function()
    assert.is_true(turn_of(10) <= 2 * 86400 * 1000)
  end)

  it("takes turns even if more than one request per millisecond is allowed", function()
    assert.is_true(turn_of(2000) <= 2 * 86400 * 1000)
  end)

  it("uses the limits if it was never in contact", function()
    local host = probe.new(10)
    host:wait(T)
    host:ask(T)
    host:fail(T, T + 50)
    assert.equal(10, take_all(host, T + 50))
  end)

  it("asks again after a second, and says that it was away", function()
    local host = away(75, 0, 0)
    host:wait(T + 160)
    assert.equal(990, host:due(T + 160))
    assert.equal(0, host:due(T + 1150))
    host:take(T + 170)
    assert.equal(1, ask(host, T + 1150).away)
    host:answer(T + 1150, T + 1151, reply {granted = 2})
    assert.is_false(host:state(T + 1151).away)
    assert.equal(0, ask(host, T + 1152).away)
  end)

  it("says until when not all is reported that it used", function()
    local host = away(75, 0, 0)
    host:take(T + 170)
    host:ask(T + 1150)
    host:fail(T + 1150, T + 1200)
    host:take(T + 1210)
    local asked = ask(host, T + 2200) -- the report that was lost, again
    assert.same({2, {2030, 1}}, {asked.away, asked.events})
    host:answer(T + 2200, T + 2201, reply {})
    asked = ask(host, T + 2300)
    assert.same({1, {1090, 1}}, {asked.away, asked.events})
    host:answer(T + 2300, T + 2301, reply {})
    assert.equal(0, ask(host, T + 2350).away)
  end)

  it("does not return to Redis after a late reply", function()
    local host = away(75, 0, 0)
    host:wait(T + 1150)
    host:ask(T + 1150)
    host:fail(T + 1150, T + 1200)
    host:answer(T + 1150, T + 1650, reply {granted = 9}, true)
    assert.is_true(host:state(T + 1650).away)
    assert.equal(0, host:state(T + 1650).tokens)
  end)

  it("returns to Redis when the reply is a little late", function()
    local host = away(75, 0, 0)
    host:wait(T + 1150)
    host:ask(T + 1150)
    host:fail(T + 1150, T + 1200)
    host:take(T + 1210)
    host:answer(T + 1150, T + 1300, reply {granted = 9}, true)
    assert.is_false(host:state(T + 1300).away)
    assert.equal(0, host:wait(T + 1300))
    assert.equal(1, ask(host, T + 1400).away) -- it does not know of that request
  end)

  it("reports its usage if Redis lost its data", function()
    local redis = memory_redis.new()
    local host, other = probe.new(10), probe.new(10)
    local function exchange(h, name, now)
      redis.now = now
      local r = redis:exchange("{b}", name, h:ask(now))
      h:answer(now, now, r)
      return r
    end
    for i = 1, 3 do
      host:wait(T + i * 10)
      exchange(host, "a", T + i * 10)
      host:take(T + i * 10)
    end
    exchange(host, "a", T + 40)
    redis:flush()
    assert.equal(1, exchange(host, "a", T + 50)[1])
    assert.equal(0, host:due(T + 50))
    exchange(host, "a", T + 50)
    other:wait(T + 60)
    local granted = exchange(other, "b", T + 60)
    assert.equal(3 + host:state(T + 60).tokens + granted[3], granted[8])
  end)
end)
