-- A stream of events, in a Redis that the spec starts.
local redis_server = require "spec.support.redis_server"
if not redis_server.is_available(pending, "a stream of events") then
  return
end
local socket = require "socket"
local stream = require "klaviyo.redis.stream"

local KEY = "klaviyo:events"

describe("klaviyo.redis.stream", function()
  local redis, opened

  setup(function()
    redis = redis_server.start()
  end)

  teardown(function()
    redis:close()
  end)

  before_each(function()
    redis:call("FLUSHALL")
    opened = {}
  end)

  after_each(function()
    for _, one in ipairs(opened) do
      one:close()
    end
  end)

  local function open(consumer, more)
    local options = {url = redis.url, name = KEY, consumer = consumer, max = 1e6,
      max_rejected = 10, claim_after = 600, turn = 60}
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local one = stream.new(options)
    one.account = "account"
    opened[#opened + 1] = one
    return one
  end

  local function add(one, first, last, payload)
    local words = {}
    for number = first, last do
      for _, word in ipairs {"id" .. number, "2026-07-15", tostring(number), payload or "<" .. number .. ">"} do
        words[#words + 1] = word
      end
    end
    return assert(one:add(words))
  end

  local held = {}
  local function is_mine(key)
    return held[key] ~= nil
  end

  before_each(function()
    held = {}
  end)

  -- Takes the turn and some entries. Returns them, the first one's number of
  -- deliveries, and their number.
  local function take(one)
    assert.is_true(one:turn())
    local entries = assert(one:take(is_mine))
    return entries, entries[1] and entries[1].deliveries, #entries
  end

  -- What happens after a process dies: its turn ends, and some time passes, in units of
  -- claim_after.
  local function die(times)
    redis:call("DEL", KEY .. ":sender")
    for _, one in ipairs(redis:call("XPENDING", KEY, "klaviyo", "-", "+", "1000")) do
      redis:call("XCLAIM", KEY, "klaviyo", one[2], "0", one[1], "IDLE",
        ("%d"):format((times or 1) * 600000 + 1000), "JUSTID")
    end
  end

  it("returns what was added, in order, once", function()
    local one = open "a"
    assert.equal(3, add(one, 1, 3))
    assert.equal(3, one.length)
    local entries = take(one)
    assert.same({"id1", "2026-07-15", 1, "<1>", 1}, {entries[1].unique_id, entries[1].revision,
      entries[1].time, entries[1].payload, entries[1].deliveries})
    assert.same({"<2>", "<3>"}, {entries[2].payload, entries[3].payload})
    assert.same({}, (take(one)))
    assert.is_true(one:acknowledge {entries[1].key, entries[2].key, entries[3].key})
    assert.equal(0, one.length)
    assert.equal(0, redis:call("XPENDING", KEY, "klaviyo")[1])
  end)

  it("takes no more events than its maximum", function()
    local one = open("a", {max = 5})
    assert.equal(3, add(one, 1, 3))
    assert.is_true(one:has_room())
    assert.equal(2, add(one, 4, 6))
    assert.is_false(one:has_room())
    assert.equal(0, add(one, 6, 6))
    assert.equal(5, redis:call("XLEN", KEY))
  end)

  -- Fault: it took entries that came later, and these only after `claim_after`.
  it("takes first what Redis gave it, but whose reply was lost", function()
    local one = open "a"
    add(one, 1, 2)
    local entries = take(one)
    held[entries[1].key], held[entries[2].key] = true, true
    add(one, 3, 250)
    local call = one.connection.call
    one.connection.call = function(...)
      local reply = call(...)
      if select(2, ...) == "XREADGROUP" then
        return nil, {kind = "timeout", message = "no reply in time"}
      end
      return reply
    end
    assert.is_true(one:turn())
    assert.is_nil((one:take(is_mine)))
    one.connection.call = nil
    add(one, 251, 251)
    local ids = {}
    repeat
      local some = take(one)
      for _, entry in ipairs(some) do
        ids[#ids + 1], held[entry.key] = entry.unique_id, true
        assert.equal(1, entry.deliveries)
      end
    until #some == 0
    for i, id in ipairs(ids) do
      assert.equal("id" .. i + 2, id)
    end
    assert.equal(249, #ids)
    assert.is_false(one.is_unsure)
  end)

  it("gives the turn to one at a time", function()
    local one, two = open "a", open "b"
    assert.is_true(one:turn())
    assert.is_true(one:turn())
    assert.is_false(two:turn())
    assert.is_true(two:release {})
    assert.is_false(two:turn())
    assert.is_true(one:release {})
    assert.is_true(two:turn())
    die()
    assert.is_true(one:turn())
  end)

  it("has a turn that ends by itself, and that is kept by taking it again", function()
    local one, two = open "a", open "b"
    assert.is_true(one:turn())
    assert.is_true(redis:call("PTTL", KEY .. ":sender") > 30000)
    redis:call("PEXPIRE", KEY .. ":sender", "5000")
    assert.is_false(two:turn())
    assert.is_true(redis:call("PTTL", KEY .. ":sender") <= 5000)
    assert.is_true(one:turn())
    assert.is_true(redis:call("PTTL", KEY .. ":sender") > 30000)
    redis:call("PEXPIRE", KEY .. ":sender", "1")
    socket.sleep(0.01)
    assert.is_true(two:turn())
  end)

  it("lets others claim entries that are not removed, fewer at once each time", function()
    local one = open "a"
    add(one, 1, 200)
    local first = take(one)
    local rest = take(one)
    assert.same({100, 100}, {#first, #rest})
    for i, expected in ipairs {{2, 100, "<1>"}, {2, 100, "<101>"}, {3, 10, "<1>"}, {3, 10, "<11>"}} do
      die()
      local other = open("b" .. i)
      local entries, deliveries, count = take(other)
      assert.same(expected, {deliveries, count, entries[1].payload})
      assert.equal(count, other.claimed)
    end
    local keys = {}
    for i = 2, 100 do
      keys[#keys + 1] = first[i].key
      keys[#keys + 1] = rest[i].key
    end
    assert.is_true(one:acknowledge(keys))
    assert.is_true(one:acknowledge {rest[1].key})
    die()
    assert.same({4, 1}, {select(2, take(open "c"))})
  end)

  it("returns an entry alone, after new ones and after ever longer times, that was claimed often", function()
    local one = open "a"
    add(one, 1, 1)
    take(one)
    for _ = 1, 2 do
      die()
      take(one)
    end
    die()
    add(one, 2, 3)
    local entries, deliveries, count = take(one)
    assert.same({1, 2, "<2>"}, {deliveries, count, entries[1].payload}) -- the new ones
    assert.same({4, 1}, {select(2, take(one))})
    redis:call("XACK", KEY, "klaviyo", entries[1].key, entries[2].key)
    die(1.9)
    assert.same({}, (take(one)))
    die(2)
    entries, deliveries = take(one)
    assert.same({"<1>", 5}, {entries[1].payload, deliveries})
    die(3.9)
    assert.same({}, (take(one)))
    die(4)
    assert.equal(6, select(2, take(one)))
    for number = 1, 20 do -- an hour is the longest time
      die(6)
      assert.equal(6 + number, select(2, take(one)))
    end
  end)

  it("does not return what this process has", function()
    local one = open "a"
    add(one, 1, 3)
    local entries = take(one)
    for i = 1, 2 do
      held[entries[i].key] = true
    end
    die()
    local again = take(one)
    assert.same({1, "<3>"}, {#again, again[1].payload})
  end)

  it("takes back entries as if they had not been taken", function()
    local one, two = open "a", open "b"
    add(one, 1, 30)
    for _ = 1, 5 do
      local entries, deliveries, count = take(one)
      assert.same({1, 30}, {deliveries, count})
      assert.is_true(one:release(entries))
      entries, deliveries, count = take(two)
      assert.same({1, 30}, {deliveries, count})
      assert.is_true(two:release(entries))
    end
    -- but not those of another
    local entries = take(one)
    assert.is_true(two:release(entries))
    redis:call("DEL", KEY .. ":sender")
    assert.same({}, (take(two)))
  end)

  it("loses no entry of a consumer that it removes", function()
    local one, two = open("a", {claim_after = 0.05}), open("b", {claim_after = 0.05})
    add(one, 1, 2)
    local entries = take(one)
    assert.is_true(one:acknowledge {entries[1].key})
    die()
    socket.sleep(0.06)
    assert.is_true(two:turn())
    local function names()
      local list = {}
      for i, consumer in ipairs(redis:call("XINFO", "CONSUMERS", KEY, "klaviyo")) do
        list[i] = consumer[2]
      end
      return list
    end
    assert.same({"a"}, names())
    assert.equal("<2>", take(two)[1].payload)
    assert.same({"a", "b"}, names())
    die()
    socket.sleep(0.06)
    assert.is_true(two:turn())
    assert.same({"b"}, names())
  end)

  it("takes fewer at once if they are large", function()
    local one = open "a"
    add(one, 1, 40, ("x"):rep(500000))
    local _, _, count = take(one)
    assert.equal(40, count) -- not known yet
    add(one, 41, 80, ("x"):rep(500000))
    _, _, count = take(one)
    assert.equal(16, count)
    take(one)
    take(one)
    add(one, 81, 81)
    take(one)
    add(one, 82, 1081)
    _, _, count = take(one)
    assert.is_true(count >= 100, count)
  end)

  it("keeps rejected entries, which are read in pages", function()
    local one = open("a", {max_rejected = 25})
    add(one, 1, 30)
    for _, entry in ipairs(take(one)) do
      assert.is_true(one:reject(entry, '{"status":400}'))
    end
    assert.same({0, 25}, {one.length, redis:call("XLEN", KEY .. ":rejected")})
    local list, last = {}, nil
    repeat
      local page = assert(one:rejected(last))
      for _, entry in ipairs(page) do
        list[#list + 1], last = entry, entry.key
      end
    until #page == 0
    assert.equal(25, #list)
    assert.same({"id6", "<6>", '{"status":400}', 0.006}, {list[1].unique_id, list[1].payload,
      list[1].reason, list[1].time})
  end)

  it("belongs to one account", function()
    local one, two = open "a", open "b"
    two.account = "other"
    add(one, 1, 1)
    for _, name in ipairs {"add", "turn"} do
      local ok, err = two[name](two, {"id", "2026-07-15", "1", "<1>"})
      assert.is_nil(ok)
      assert.same({"redis", "FOREIGN"}, {err.kind, err.code})
    end
    assert.equal(1, redis:call("XLEN", KEY))
  end)

  it("returns the errors of Redis", function()
    local one = open "a"
    redis:call("SET", KEY, "text")
    for _, name in ipairs {"add", "turn", "has_room"} do
      local ok, err = one[name](one, {"id", "2026-07-15", "1", "<1>"})
      assert.is_nil(ok)
      assert.equal("WRONGTYPE", err.code)
    end
  end)
end)
