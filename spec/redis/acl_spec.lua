-- The users of Redis that SECURITY.md recommends can do what the client needs, and
-- nothing else.
if not require("spec.support.redis_server").is_available(pending, "users of Redis") then
  return
end
local folder = require "spec.support.folder"
local connection = require "klaviyo.redis.connection"
local redis_hosts = require "spec.support.redis_hosts"
local relay_boxes = require "spec.support.relay_boxes"
local sandbox = require "spec.support.sandbox"
local shared_count = require "klaviyo.redis.shared_count"
local shell = require "klaviyo.sandbox.shell"
local socket = require "socket"
local stream_stats = require "klaviyo.redis.stream_stats"

local PASSWORD = "only-for-this-spec"

-- The commands of the page, as lists of words.
local function documented()
  local list = {}
  for line in shell.read("SECURITY.md"):gmatch "\n *ACL (SETUSER [^\n]+)" do
    local words = {"ACL"}
    for word in line:gsub(">PASSWORD", ">" .. PASSWORD):gmatch "%S+" do
      words[#words + 1] = word
    end
    list[#list + 1] = words
  end
  return list
end

local unpack = table.unpack or unpack -- luacheck: ignore 113

describe("the users of Redis in SECURITY.md", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)
  local boxes = relay_boxes.here({setup = setup, teardown = teardown, before_each = before_each,
    after_each = after_each}, fixture, folders)
  local limits, events, adds, reads = unpack(documented())

  -- A user of each spec: without one, its connections would be closed.
  local user, number = nil, 0
  before_each(function()
    number = number + 1
    user = "user" .. number
    boxes.redis:call("ACL", "LOG", "RESET")
  end)

  teardown(redis_hosts.remove_files)

  local function allow(words)
    words[3] = user
    assert.equal("OK", (boxes.redis:call(unpack(words))))
  end

  local function url()
    return ("redis://%s:%s@127.0.0.1:%d"):format(user, PASSWORD, boxes.redis.port)
  end

  -- What was refused since the start of a spec.
  local function refused()
    local list = {}
    for _, entry in ipairs(boxes.redis:call("ACL", "LOG")) do
      list[#list + 1] = table.concat({entry[4], entry[6], entry[8]}, " ")
    end
    return list
  end

  local function share_limits()
    local clients, warnings = redis_hosts.clients(fixture.server.base_url, {url(), url() .. "/0"})
    for _ = 1, 2 do
      for _, client in ipairs(clients) do
        assert.is_true(redis_hosts.call_until_shared(client, boxes.redis))
      end
      socket.sleep(1.1) -- counts leave the window of a second
    end
    assert.is_nil(table.concat(warnings):find("NOPERM", 1, true))
  end

  it("are four commands", function()
    assert.equal(4, #documented())
  end)

  local function share_limits_as_default()
    local clients = redis_hosts.clients(fixture.server.base_url, {boxes.redis.url})
    assert.is_true(redis_hosts.call_until_shared(clients[1], boxes.redis))
  end

  it("share limits", function()
    allow(limits)
    share_limits()
    assert.same({}, refused())
  end)

  it("also send events, and reject some", function()
    allow(limits)
    allow(events)
    share_limits()
    local one = boxes.new {relay = url(), send = false}
    boxes.fill(one, 1, 40)
    assert.is_true(one:drain(10))
    -- one that ended had taken some, and one of them is not of an outbox
    boxes.redis:call("XADD", "klaviyo:events", "*", "name", "value")
    boxes.redis:call("XREADGROUP", "GROUP", "klaviyo", "ended", "COUNT", "50", "STREAMS", "klaviyo:events", ">")
    local two = boxes.new {relay = url()}
    boxes.fill(two, 41, 50)
    local last = socket.gettime() + 15
    repeat
      assert.is_true(two:drain(10))
      socket.sleep(0.15)
    until #boxes.redis:call("XINFO", "CONSUMERS", "klaviyo:events", "klaviyo") == 1 or socket.gettime() > last
    assert.same({}, refused())
    assert.same({0, 50}, {boxes.length(), boxes.counts().distinct})
    assert.equal("the entry is not of an outbox", one:rejected()().message)
    assert.is_true(two:stats().stream.claimed >= 40)
    assert.equal(1, #boxes.redis:call("XINFO", "CONSUMERS", "klaviyo:events", "klaviyo"))
    one:close()
    two:close()
    -- this one still has the turn when it ends
    local three = boxes.new {relay = url(), claim_after = 5}
    boxes.fill(three, 51, 51)
    assert.is_true(three:drain(10))
    three:close()
    assert.same({}, refused())
  end)

  it("only add events", function()
    allow(adds)
    local box = boxes.new {relay = url(), send = false}
    boxes.fill(box, 1, 20)
    assert.is_true(box:drain(10))
    box:close()
    assert.same({}, boxes.warnings)
    assert.same({}, refused())
    assert.equal(20, boxes.length())
    boxes.redis:call("AUTH", user, PASSWORD)
    local _, why = boxes.redis:call("XRANGE", "klaviyo:events", "-", "+")
    assert.matches("NOPERM", why)
    boxes.redis:call("AUTH", "default", "")
  end)

  it("only read, for the command klaviyo", function()
    share_limits_as_default()
    local box = boxes.new {send = false}
    boxes.fill(box, 1, 3)
    assert.is_true(box:drain(10))
    allow(reads)
    local c = connection.new(url())
    local key = boxes.redis:call("KEYS", "*:seen")[1]:match "{(%x+)}"
    local shared = assert(shared_count.read(c, {{operation = "get_metrics", key = key, wait = 0,
      windows = {{seconds = 1, limit = 10}}}}))
    assert.equal(1, shared[1].hosts)
    assert.equal(3, assert(stream_stats.read(c, "klaviyo:events", 60)).length)
    assert.same({}, refused())
    assert.is_nil(c:call("EVAL", "return 1", "0"))
    assert.is_nil(c:call("DEL", "klaviyo:events"))
    c:close()
  end)

  it("see and change nothing else", function()
    allow(limits)
    allow(events)
    boxes.redis:call("SET", "session", "secret")
    boxes.redis:call("AUTH", user, PASSWORD)
    for _, command in ipairs {{"GET", "session"}, {"SET", "session", "mine"}, {"KEYS", "*"}, {"CONFIG", "GET", "*"},
      {"FLUSHALL"}, {"ACL", "LIST"}, {"SCRIPT", "FLUSH"}, {"MONITOR"}, {"SHUTDOWN"},
      {"EVAL", "return redis.call('GET', 'session')", "0"}} do
      local reply, why = boxes.redis:call(unpack(command))
      assert.is_nil(reply)
      assert.is_true((why:find("NOPERM", 1, true) or why:find(" access ", 1, true)) ~= nil, why)
    end
    boxes.redis:call("AUTH", "default", "")
    assert.equal("secret", (boxes.redis:call("GET", "session")))
  end)
end)
