-- What klaviyo.redis reads of limits and of streams, and that it only reads.
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local redis = require "klaviyo.redis"
local raises = require "spec.support.raises"
local redis_exchange = require "spec.support.redis_exchange"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local KEY = "00000000000000ab"
local LIMIT = {operation = "get_lists", key = KEY, wait = 0, windows = {
  {seconds = 1, limit = 10}, {seconds = 60, limit = 150},
}}

local own, before

-- Returns what Redis has, and how often it changed something.
local function state()
  local list = own:call("KEYS", "*")
  table.sort(list)
  for i, key in ipairs(list) do
    list[i] = key .. " " .. own:call("DEBUG", "DIGEST-VALUE", key)[1] .. " "
      .. tostring(own:call("PEXPIRETIME", key))
  end
  return table.concat(list, "\n"), own:call("INFO", "persistence"):match("changes_since_last_save:(%d+)")
end

local function exchange(host, o)
  return redis_exchange(own, ("klaviyo:{%s}"):format(KEY), host, o)
end

local function start()
  own = redis_hosts.start {arguments = "--enable-debug-command local"}
end

local function read_only(fn)
  local text, changes = state()
  local value, err = fn()
  local now, changes_now = state()
  assert.equal(text, now)
  assert.equal(changes, changes_now)
  return value, err
end

local function limits()
  return assert(read_only(function()
    return redis.limits(own.url, {LIMIT})
  end))[1]
end

local function used(limit)
  return {limit.windows[1].used, limit.windows[2].used}
end

describe("the limits that hosts share", function()
  before_each(start)
  after_each(redis_hosts.close_all)

  it("are those that the script counts", function()
    assert.same({operation = "get_lists", held = 0, hosts = 0, waiting = 0, blocked = 0, windows = {
      {seconds = 1, limit = 10, used = 0, left = 10}, {seconds = 60, limit = 150, used = 0, left = 150},
    }}, limits())
    exchange("a", {used = 3})
    local reply = exchange("b", {used = 2, want = 2})
    local one = limits()
    assert.equal(2, one.hosts)
    assert.equal(reply[3], one.held)
    assert.same({5, 5}, used(one))
    assert.equal(10 - 5 - one.held, one.windows[1].left)
    assert.same({reply[8], reply[9]}, {5 + one.held, 5 + one.held})
  end)

  it("leave their windows, with nobody to count them", function()
    exchange("a", {used = 4})
    exchange("a", {report = 2, used = 2, age = 700})
    assert.same({6, 6}, used(limits()))
    socket.sleep(0.5)
    assert.same({4, 6}, used(limits()))
    socket.sleep(0.7)
    assert.same({0, 6}, used(limits()))
    assert.equal(144, limits().windows[2].left)
  end)

  it("are used by a host that did not give them back", function()
    local granted = exchange("a", {want = 5})[3]
    assert.is_true(granted > 0)
    assert.same({granted, 0}, {limits().held, used(limits())[2]})
    socket.sleep(0.6)
    assert.same({0, granted}, {limits().held, used(limits())[2]})
  end)

  it("are blocked by the service, and used by programs that it counted", function()
    exchange("a", {block = 5000, used = 1, counted = 20})
    local one = limits()
    assert.is_true(one.blocked > 3 and one.blocked <= 5, one.blocked)
    assert.same({1, 20}, used(one))
  end)

  it("have the limit that the service reported to another host", function()
    exchange("a", {used = 2, limits = {10, 120, 0}, reported = 2})
    local one = limits()
    assert.same({10, 120, 118}, {one.windows[1].limit, one.windows[2].limit, one.windows[2].left})
  end)

  it("are waited for", function()
    exchange("a", {used = 10})
    exchange("b", {want = 1})
    exchange("c", {want = 1})
    local one = limits()
    assert.same({2, 3, 0}, {one.waiting, one.hosts, one.windows[1].left})
  end)

  it("are an error of Redis, which shows no password", function()
    own:call("SET", ("klaviyo:{%s}"):format(KEY), "a text")
    local list, err = redis.limits(own.url, {LIMIT})
    assert.is_nil(list)
    assert.same({"redis", "WRONGTYPE"}, {err.kind, err.code})
    list, err = redis.limits("redis://:secret@127.0.0.1:1", {LIMIT})
    assert.is_nil(list)
    assert.equal("transport", err.kind)
    assert.is_nil(tostring(err):find("secret", 1, true))
  end)
end)

describe("client:shared_limits", function()
  local fixture = sandbox.here(setup, teardown)

  before_each(start)
  after_each(redis_hosts.close_all)
  teardown(redis_hosts.remove_files)

  it("returns what the calls of all hosts have used", function()
    local clients = redis_hosts.clients(fixture.server.base_url, {own.url, own.url .. "?db=0"})
    for _ = 1, 3 do
      redis_hosts.call(clients[1])
    end
    redis_hosts.call(clients[2])
    local one
    local deadline = socket.gettime() + 10
    repeat -- until the calls were reported
      redis_hosts.call(clients[2])
      for _, limit in ipairs(assert(clients[1]:shared_limits())) do
        if limit.operation == "get_metrics" then
          one = limit
        end
      end
    until one.windows[2].used >= 4 or socket.gettime() > deadline
    assert.is_true(one.windows[2].used >= 4)
    assert.same({2, 10, 150}, {one.hosts, one.windows[1].limit, one.windows[2].limit})
    assert.equal(#clients[1]:rate_limits(), #clients[1]:shared_limits())
  end)

  it("needs a Redis", function()
    local client = fixture.client:with {rate_limit_file = false}
    raises({"client:shared_limits needs the URL of a Redis in rate_limit_file"}, function()
      client:shared_limits()
    end)
    raises({"client:shared_limits needs the URL"}, function()
      client:with({rate_limit_file = own.url, pacing = false}):shared_limits()
    end)
  end)
end)

describe("the figures of a stream", function()
  before_each(start)
  after_each(redis_hosts.close_all)

  local function stats(options)
    return assert(read_only(function()
      return redis.stream_stats(own.url, nil, options)
    end))
  end

  it("are zeros before there is one", function()
    assert.same({name = "klaviyo:events", length = 0, pending = 0, claimable = 0, rejected = 0,
      consumers = {}}, stats())
    own:call("XADD", "klaviyo:events", "*", "event", "{}")
    local one = stats()
    assert.same({1, 0, nil}, {one.length, one.pending, one.group})
    assert.is_true(one.oldest_age >= 0 and one.oldest_age < 5)
  end)

  it("count what consumers have taken, and since when", function()
    own:call("XGROUP", "CREATE", "klaviyo:events", "klaviyo", "0", "MKSTREAM")
    for _ = 1, 5 do
      own:call("XADD", "klaviyo:events", "*", "event", "{}")
    end
    own:call("XREADGROUP", "GROUP", "klaviyo", "a:1", "COUNT", 1, "STREAMS", "klaviyo:events", ">")
    own:call("XREADGROUP", "GROUP", "klaviyo", "b:2", "COUNT", 3, "STREAMS", "klaviyo:events", ">")
    own:call("XADD", "klaviyo:events:rejected", "*", "event", "{}")
    own:call("SET", "klaviyo:events:sender", "b:2")
    before = socket.gettime()
    socket.sleep(0.2)
    local one = stats()
    assert.same({5, 4, 0, 1, "klaviyo", "b:2"},
      {one.length, one.pending, one.claimable, one.rejected, one.group, one.sender})
    assert.same({"b:2", 3}, {one.consumers[1].name, one.consumers[1].pending})
    assert.same({"a:1", 1}, {one.consumers[2].name, one.consumers[2].pending})
    local idle, most = one.consumers[1].idle, socket.gettime() - before + 0.1
    assert.is_true(idle >= 0.15 and idle <= most, idle)
    assert.is_true(one.oldest_age >= 0.15 and one.oldest_age <= most + 1)
    assert.equal(4, stats({claim_after = 0.1}).claimable)
  end)

  it("are an error if the key is something else", function()
    own:call("SET", "klaviyo:events", "a text")
    local list, err = redis.stream_stats(own.url)
    assert.is_nil(list)
    assert.equal("WRONGTYPE", err.code)
    raises({"claim_after"}, function()
      redis.stream_stats(own.url, nil, {claim_after = 0})
    end)
  end)
end)
