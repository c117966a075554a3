-- The script, by Redis and by spec/support/memory_redis.lua, which must agree.
local memory_redis = require "spec.support.memory_redis"
local redis_server = require "spec.support.redis_server"
local script = require "klaviyo.redis.lease_script"

local T = 1700000000000

-- Runs the script in a Redis that is granted the time.
local function real_redis()
  local server = redis_server.start()
  local text = script:gsub('call%("TIME"%)', "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
  local redis = {now = T}
  function redis.exchange(self, bucket, host, arguments)
    local list = {host}
    for word in arguments:gmatch("%S+") do
      list[#list + 1] = word
    end
    list[#list + 1] = ("%d"):format(math.floor(self.now / 1000))
    list[#list + 1] = ("%d"):format(self.now % 1000 * 1000)
    return assert(server:call("EVAL", text, 4, bucket, bucket .. ":seen",
      bucket .. ":held", bucket .. ":waiting", (table.unpack or unpack)(list)))
  end
  function redis.encoding(_, key)
    return server:call("OBJECT", "ENCODING", key)
  end
  function redis.flush()
    server:call("FLUSHALL")
  end
  function redis.keys_left()
    local least = math.huge
    for _, key in ipairs(server:call("KEYS", "*")) do
      least = math.min(least, (server:call("PTTL", key)))
    end
    return least
  end
  function redis.close()
    server:close()
  end
  return redis
end

local function check(name, open)
  describe("the script, by " .. name, function()
    local redis

    setup(function()
      redis = open()
    end)

    teardown(function()
      if redis and redis.close then
        redis:close()
      end
    end)

    before_each(function()
      redis:flush()
      redis.now = T
    end)

    local reports = 0

    -- An exchange of a host; by default with 10 requests a second.
    local function exchange(host, o)
      o = o or {}
      reports = reports + 1
      local list = {o.epoch or 0, o.report or reports, o.keep or 0, o.want or 0,
        o.hosts or 0, o.away or 0, o.block or 0, o.base or 0, o.reported or 0}
      for i = 1, 3 do
        for _, n in ipairs {({1000, 60000, 86400000})[i], (o.limits or {10, 0, 0})[i],
            (o.own or {0, 0, 0})[i], o.counted and i == 1 and o.counted or -1,
            o.counted and i == 1 and 500 or 0} do
          list[#list + 1] = n
        end
      end
      for _, rows in ipairs {o.events or {}, o.history or {}} do
        list[#list + 1] = #rows
        for _, row in ipairs(rows) do
          for _, n in ipairs(row) do
            list[#list + 1] = n
          end
        end
      end
      for i, n in ipairs(list) do
        list[i] = ("%d"):format(n)
      end
      local r = redis:exchange("{b}", host, table.concat(list, " "))
      return {status = r[1], epoch = r[2], granted = r[3], wait = r[4], hosts = r[5],
        contended = r[6], blocked = r[7], used = r[8], index = r[11], now = r[12],
        limit = r[13]}
    end

    local function at(ms)
      redis.now = T + ms
    end

    it("gives what is left, and counts it as held", function()
      assert.same({status = 0, epoch = T, granted = 4, wait = 0, hosts = 1, contended = 0,
        blocked = 0, used = 4, index = 0, now = T, limit = 0}, exchange("a", {want = 4}))
      assert.equal(6, exchange("a", {want = 50, keep = 4}).granted)
      local none = exchange("a", {want = 1, keep = 10})
      assert.equal(0, none.granted)
      assert.equal(1000, none.wait)
    end)

    it("takes back what is not kept", function()
      exchange("a", {want = 8})
      assert.equal(3, exchange("a", {keep = 3}).used)
      assert.equal(0, exchange("a").used)
    end)

    it("counts an event until a window after it", function()
      exchange("a", {events = {{100, 3}, {0, 7}}})
      local full = exchange("b", {want = 1})
      assert.equal(0, full.granted)
      assert.is_true(full.wait >= 904 and full.wait <= 908)
      at(full.wait)
      assert.equal(8, exchange("b", {want = 1}).used)
      at(1004)
      assert.equal(1, exchange("b", {keep = 1}).used)
    end)

    it("moves a request to a later time", function()
      exchange("a", {events = {{0, 1}}})
      at(400)
      exchange("a", {events = {{400, -1}, {0, 1}}})
      at(1100)
      assert.equal(1, exchange("a").used)
      at(1404)
      assert.equal(0, exchange("a").used)
      exchange("a", {events = {{0, -5}}})
      assert.equal(0, exchange("a").used)
    end)

    it("counts by the time that the host estimates, if it is near", function()
      exchange("a", {base = T + 3, events = {{100, 1}}})
      at(10)
      exchange("a", {base = T + 7, events = {{104, -1}}}) -- it took longer
      assert.equal(0, exchange("a").used)
      exchange("a", {base = 1000, events = {{0, 1}}})
      assert.equal(1, exchange("a").used)
    end)

    it("finds the start of a request in a slot beside, if clocks drift", function()
      exchange("a", {base = T, events = {{100, 2}}})
      at(10)
      exchange("a", {base = T + 9, events = {{110, -1}, {5, 1}}})
      exchange("a", {base = T + 11, events = {{107, -1}, {5, 1}}})
      assert.equal(2, exchange("a").used)
    end)

    it("takes the older of two starts that may be meant", function()
      exchange("a", {base = T, events = {{0, 1}}})
      at(8)
      exchange("a", {base = T + 8, events = {{0, 1}}})
      exchange("a", {base = T + 8, events = {{4, -1}}})
      at(1007)
      assert.equal(1, exchange("a").used)
    end)

    it("counts in all windows", function()
      local limits = {10, 12, 0}
      exchange("a", {limits = limits, events = {{0, 10}}})
      at(1100)
      local r = exchange("a", {limits = limits, want = 5})
      assert.equal(2, r.granted)
      at(1200)
      r = exchange("a", {limits = limits, want = 5, keep = 2})
      assert.equal(0, r.granted)
      assert.equal(3000, r.wait) -- it may be less than a minute
    end)

    it("counts a report once that is sent twice", function()
      exchange("a", {report = 7, events = {{0, 4}}})
      exchange("a", {report = 7, events = {{0, 4}}})
      assert.equal(4, exchange("a").used)
    end)

    it("lets hosts have their turn in the order in which they came", function()
      exchange("a", {events = {{0, 10}}})
      at(10)
      local b = exchange("b", {want = 1})
      at(20)
      local c = exchange("c", {want = 1})
      assert.is_true(b.granted == 0 and c.granted == 0 and c.wait >= b.wait - 10)
      assert.equal(1, c.contended)
      at(980)
      exchange("a", {events = {{0, 9}}}) -- one is left when ten leave
      at(1010)
      assert.equal(0, exchange("c", {want = 1}).granted)
      assert.equal(1, exchange("b", {want = 1}).granted)
    end)

    it("forgets a host that waits and does not come again", function()
      exchange("a", {events = {{0, 10}}})
      exchange("b", {want = 1})
      at(980)
      exchange("a", {events = {{0, 9}}})
      at(1010)
      assert.equal(0, exchange("c", {want = 1}).granted)
      at(1900) -- when b should have come, and half as long again
      assert.equal(1, exchange("c", {want = 1}).granted)
    end)

    it("forgets a host that waits no longer", function()
      exchange("a", {events = {{0, 10}}})
      exchange("b", {want = 1})
      exchange("b", {want = 0})
      at(980)
      exchange("a", {events = {{0, 9}}})
      at(1010)
      assert.equal(1, exchange("c", {want = 1}).granted)
    end)

    it("leaves something to other hosts", function()
      exchange("a")
      exchange("b")
      assert.equal(2, exchange("a", {want = 10}).granted)
      assert.equal(1, exchange("b", {want = 1}).granted)
    end)

    it("counts the tokens of a host that died as used", function()
      exchange("a", {want = 10})
      at(499)
      assert.equal(10, exchange("b").used)
      at(600)
      assert.equal(10, exchange("b").used)
      at(1490)
      assert.equal(10, exchange("b").used)
      at(1510)
      assert.equal(0, exchange("b").used)
    end)

    it("believes a host that comes late what it used", function()
      exchange("a", {want = 10, limits = {10, 100, 0}})
      at(600)
      assert.equal(10, exchange("b", {limits = {10, 100, 0}}).used)
      local r = exchange("a", {limits = {10, 100, 0}, events = {{590, 3}}})
      assert.equal(3, r.used)
      at(1700)
      assert.equal(24, exchange("b", {limits = {200, 100, 0}, want = 200}).granted)
    end)

    it("blocks all hosts", function()
      exchange("a", {block = 3000})
      local b = exchange("b", {want = 1})
      assert.same({0, 3000, 3000}, {b.granted, b.wait, b.blocked})
      at(3000)
      assert.equal(1, exchange("b", {want = 1}).granted)
    end)

    it("counts what the service counted beyond it", function()
      exchange("a", {events = {{0, 2}}, counted = 7})
      assert.equal(7, exchange("a").used)
      exchange("a", {counted = 3})
      assert.equal(7, exchange("a").used)
      at(501)
      assert.equal(2, exchange("a").used)
    end)

    it("does not take what has left the window for the use of others", function()
      exchange("a", {events = {{900, 6}, {0, 2}}})
      at(110)
      assert.equal(2, exchange("a", {counted = 8}).used)
      assert.equal(3, exchange("a", {counted = 9}).used) -- of another program
      at(500)
      assert.equal(3, exchange("a").used)
      at(800)
      assert.equal(6, exchange("a", {counted = 6}).used)
    end)

    it("knows the limits that the service reported to any host", function()
      exchange("a", {limits = {30, 0, 50}, reported = 5, events = {{0, 5}}})
      local b = exchange("b", {limits = {10, 100, 0}, want = 100})
      assert.equal(30, b.limit)
      assert.equal(6, b.granted)
      exchange("a", {limits = {8, 0, 50}, reported = 5})
      assert.equal(8, exchange("b", {limits = {10, 100, 0}}).limit)
    end)

    it("gives equal parts after it was away", function()
      for _, host in ipairs {"a", "b", "c", "d", "e"} do
        exchange(host)
      end
      exchange("a", {away = 1})
      assert.equal(1, exchange("a", {want = 10, own = {1, 0, 0}}).granted)
      assert.equal(0, exchange("b", {want = 10, own = {2, 0, 0}}).granted)
      at(2000)
      assert.equal(1, exchange("b", {want = 10, own = {2, 0, 0}}).granted)
    end)

    -- what b gets when it used its equal part, after the others were seen
    local function granted_to_b()
      for _, host in ipairs {"c", "d", "e"} do
        exchange(host)
      end
      return exchange("b", {want = 10, own = {2, 0, 0}}).granted
    end

    it("gives equal parts only until all hosts have reported again", function()
      exchange("a")
      granted_to_b()
      at(600)
      exchange("a", {away = 2}) -- the next report has the rest
      at(610)
      assert.equal(0, granted_to_b())
      exchange("a", {away = 2})
      at(620)
      assert.equal(0, granted_to_b())
      exchange("a", {away = 1})
      assert.is_true(granted_to_b() > 0)
    end)

    it("gives equal parts for two seconds if it was away for one host alone", function()
      exchange("a")
      granted_to_b()
      at(100)
      exchange("a", {away = 1})
      for _, ms in ipairs {110, 500, 2000} do
        at(ms)
        exchange("a")
        assert.equal(0, granted_to_b())
      end
      exchange("a", {away = 1})
      at(3900)
      assert.equal(0, granted_to_b())
      at(4001)
      assert.is_true(granted_to_b() > 0)
    end)

    it("asks hosts for their usage after it lost it, once", function()
      local first = exchange("a").epoch
      redis:flush()
      at(50)
      local o = {epoch = first, own = {4, 0, 0}, want = 1}
      assert.equal(1, exchange("a", o).status)
      o.history = {{1, 40, 3}, {1, 20, 1}, {2, 20, 9}}
      o.hosts = 5
      local r = exchange("a", o)
      assert.same({0, 4, 0}, {r.status, r.used, r.granted})
      assert.is_true(r.epoch > first)
      assert.equal(4, exchange("a", o).used)
      assert.equal(0, exchange("new", {epoch = first}).status)
      o.history = {{1, 10, 2}}
      assert.equal(6, exchange("b", o).used)
      at(1030)
      assert.equal(3, exchange("a", {epoch = r.epoch}).used)
    end)

    it("goes on when its clock goes back", function()
      exchange("a", {events = {{0, 10}}})
      at(-3600000)
      assert.equal(0, exchange("a", {want = 1}).granted)
      at(-3600000 + 1010)
      assert.equal(1, exchange("a", {want = 1}).granted)
    end)

    it("forgets hosts after a minute", function()
      local before = exchange("a")
      exchange("b")
      at(61000)
      local b = exchange("b")
      assert.equal(1, b.hosts)
      assert.equal(1, b.index)
      assert.equal(before.epoch, b.epoch)
    end)

    if name == "Redis" then
      it("keeps its keys no longer than their content", function()
        exchange("a", {want = 20, limits = {10, 150, 0}})
        assert.is_true(redis.keys_left() > 60000 and redis.keys_left() <= 120000)
      end)

      it("keeps the counts in a table, not in a list", function()
        exchange("a", {events = {{0, 1}}})
        assert.equal("hashtable", redis:encoding("{b}"))
        redis:flush()
        exchange("a", {events = {{0, 1}}})
        assert.equal("hashtable", redis:encoding("{b}"))
      end)
    end
  end)
end

check("memory", memory_redis.new)
local missing = redis_server.missing()
if missing then
  pending("the script by Redis: " .. missing)
else
  check("Redis", real_redis)
end
