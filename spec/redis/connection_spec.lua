-- Commands to a Redis of the spec's own, by the connection for Lua code.
local found = pcall(require, "klaviyo.redis")
if not found then
  pending("klaviyo.redis.leases was not built: libhiredis-dev is not installed")
  return
end
local redis_server = require "spec.support.redis_server"
local missing = redis_server.missing()
if missing then
  pending("connections to Redis: " .. missing)
  return
end
local connection = require "klaviyo.redis.connection"
local errors = require "klaviyo.response.errors"
local klaviyo = require "klaviyo"
local socket = require "socket"

describe("a connection to Redis", function()
  local own

  setup(function()
    own = redis_server.start()
  end)

  teardown(function()
    own:close()
  end)

  before_each(function()
    own:call("FLUSHALL")
  end)

  it("returns the replies of commands", function()
    local c = connection.new(own.url)
    assert.equal("OK", c:call("SET", "text", "a\0b\r\nc"))
    assert.equal("a\0b\r\nc", c:call("GET", "text"))
    assert.is_false(c:call("GET", "none"))
    assert.equal(3, c:call("RPUSH", "list", 1, 2.5, 2^52))
    assert.same({"1", "2.5", "4503599627370496"}, c:call("LRANGE", "list", 0, -1))
    assert.same({}, c:call("LRANGE", "none", 0, -1))
    assert.same({{"list", {"a"}}, 7}, c:call("EVAL", "return {{'list', {'a'}}, 7}", 0))
    c:close()
  end)

  it("returns an error with the code word of an error reply", function()
    local c = connection.new(own.url)
    c:call("RPUSH", "list", 1)
    local reply, err = c:call("GET", "list")
    assert.is_nil(reply)
    assert.is_true(errors.is(err))
    assert.same({"redis", "WRONGTYPE", false}, {err.kind, err.code, err.maybe_sent})
    assert.matches("^klaviyo: Redis at 127%.0%.0%.1:%d+: WRONGTYPE Operation", tostring(err))
    assert.equal(1, c:call("LLEN", "list"))
  end)

  it("sends many commands, whose replies may be errors", function()
    local c = connection.new(own.url)
    local replies = c:pipeline {{"RPUSH", "list", 1}, {"GET", "list"}, {"LLEN", "list"}}
    assert.equal(3, #replies)
    assert.equal(1, replies[1])
    assert.matches("^WRONGTYPE ", connection.is_error(replies[2]))
    assert.matches("^WRONGTYPE ", tostring(replies[2]))
    assert.is_nil(connection.is_error(replies[1]))
    assert.equal(1, replies[3])
    assert.same({}, c:pipeline {})
  end)

  it("sends a long list in parts, between which nothing else is sent", function()
    local c = connection.new(own.url)
    local list = {}
    for i = 1, 5000 do
      list[i] = {"INCR", "n"}
    end
    local replies, other
    klaviyo.run(function()
      local task = klaviyo.spawn(function()
        replies = assert(c:pipeline(list))
      end)
      klaviyo.spawn(function()
        other = c:call("GET", "n")
      end)
      task:wait()
    end)
    assert.equal(5000, #replies)
    for i = 1, 5000 do
      assert.equal(i, replies[i])
    end
    assert.equal("5000", other)
  end)

  it("lets other tasks run while it waits", function()
    local c = connection.new(own.url)
    local turns, turns_then = 0, nil
    klaviyo.run(function()
      klaviyo.spawn(function()
        for _ = 1, 10 do
          turns = turns + 1
          klaviyo.sleep(0.005)
        end
        assert(connection.new(own.url):call("RPUSH", "list", "x"))
      end)
      local reply = assert(c:call("BLPOP", "list", 4))
      turns_then = turns
      assert.same({"list", "x"}, reply)
    end)
    assert.equal(10, turns_then)
  end)

  it("returns an error when Redis is away, and connects again", function()
    local one = redis_server.start()
    local c = connection.new(one.url)
    assert.equal("PONG", c:call("PING"))
    one:stop("KILL")
    local reply, err = c:call("PING")
    assert.is_nil(reply)
    assert.equal("transport", err.kind)
    one:start()
    assert.equal("PONG", c:call("PING"))
    one:stop("KILL")
    one:start() -- the old connection has ended
    assert.equal("PONG", c:call("PING"))
    one:close()
  end)

  it("returns an error when Redis does not reply in time, and connects again", function()
    local c = connection.new(own.url, {timeout = 0.2})
    assert.equal("PONG", c:call("PING"))
    own:signal("STOP")
    local began = socket.gettime()
    local reply, err = c:call("INCR", "n")
    local seconds = socket.gettime() - began
    own:signal("CONT")
    assert.is_nil(reply)
    assert.same({"timeout", true}, {err.kind, err.maybe_sent})
    assert.is_true(seconds >= 0.2 and seconds < 3, seconds)
    assert.equal("PONG", c:call("PING"))
  end)

  it("is closed for good by close", function()
    local c = connection.new(own.url)
    assert.equal("PONG", c:call("PING"))
    c:close()
    c:close()
    local reply, err = c:call("PING")
    assert.is_nil(reply)
    assert.equal("closed", err.kind)
  end)

  it("refuses what is not a command, at the line of the program", function()
    local c = connection.new(own.url)
    for _, commands in ipairs {{{}}, {{"GET", {}}}, {{"GET", true}}, {"GET"}} do
      local ok, message = pcall(c.pipeline, c, commands)
      assert.is_false(ok)
      assert.matches("klaviyo%.redis%.connection: command 1 ", message)
    end
    assert.has_error(function() connection.new(own.url, {timeout = 0}) end)
    assert.has_error(function() connection.new("http://x") end)
    assert.equal("PONG", c:call("PING"))
  end)
end)
