-- What goes wrong between a connection for Lua code and a Redis.
local redis_server = require "spec.support.redis_server"
if not redis_server.is_available(pending, "connections to Redis") then
  return
end
local connection = require "klaviyo.redis.connection"
local fake_redis = require "spec.support.fake_redis"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"
local socket = require "socket"

-- Returns the error of a call to a server that replies with these bytes.
local function error_of(bytes, options, ...)
  local words = {...}
  return fake_redis.run(function(url)
    local c = connection.new(url, options)
    local reply, err = c:call((table.unpack or unpack)(#words > 0 and words or {"PING"}))
    assert.is_nil(reply)
    c:close()
    return err
  end, function(peer)
    peer:read()
    peer:send(bytes)
    peer:wait_for_end()
  end)
end

describe("a connection to what is not a working Redis", function()
  it("returns an error for garbage", function()
    for _, bytes in ipairs {"HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0\r\n", "?\r\n", "$x\r\n",
        "*99999999999999999999\r\n", "$-7\r\n", "\r\n"} do
      local err = error_of(bytes)
      assert.equal("transport", err.kind, bytes)
      assert.is_true(err.maybe_sent)
    end
  end)

  it("returns an error for replies beyond the limits, before they are there", function()
    local options = {max_reply_bytes = 100000, max_elements = 50}
    for bytes, message in pairs {
      ["$99999999\r\n" .. ("x"):rep(200000)] = "more than 100000 bytes",
      ["+" .. ("x"):rep(200000)] = "more than 100000 bytes",
      ["*51\r\n"] = "more than 50 elements",
      ["*10\r\n" .. ("*9\r\n" .. (":1\r\n"):rep(9)):rep(9)] = "more than 50 elements",
      [("*1\r\n"):rep(60)] = "protocol", -- the depth that hiredis allows depends on its version
    } do
      local err = error_of(bytes, options)
      assert.equal("transport", err.kind)
      assert.is_true(err.message:find(message, 1, true) ~= nil
        or message == "protocol" and err.message:find("more than 50 elements", 1, true) ~= nil, err.message)
    end
  end)

  it("returns an error for half a reply", function()
    local err = error_of("$10\r\nhalf", {timeout = 0.2})
    assert.same({"timeout", true, 0, 1}, {err.kind, err.maybe_sent, err.ran, err.maybe_run})
  end)

  it("returns an error for a reply to no command", function()
    fake_redis.run(function(url)
      local c = connection.new(url)
      assert.equal("PONG", c:call("PING"))
      klaviyo.sleep(0.05)
      assert.equal("new", c:call("PING"))
      c:close()
    end, function(peer)
      peer:read()
      peer:send("+PONG\r\n+MORE\r\n")
      peer:wait_for_end()
    end, function(peer)
      peer:read()
      peer:send("+new\r\n")
      peer:wait_for_end()
    end)
  end)

  it("says which commands of a pipeline may have run", function()
    local list = {}
    for i = 1, 5 do
      list[i] = {"INCR", "n"}
    end
    local replies, err = fake_redis.run(function(url)
      return connection.new(url):pipeline(list)
    end, function(peer)
      peer:read(5 * 21)
      peer:send(":1\r\n:2\r\n")
    end)
    assert.is_nil(replies)
    assert.same({"transport", 2, 5, true}, {err.kind, err.ran, err.maybe_run, err.maybe_sent})
    assert.same({1, 2}, err.replies)
  end)

  it("sends no later part of a pipeline to another connection", function()
    local list, accepted = {}, 0
    for i = 1, 3000 do
      list[i] = {"INCR", "n"}
    end
    local replies, err = fake_redis.run(function(url)
      return connection.new(url):pipeline(list)
    end, function(peer)
      accepted = accepted + 1
      peer:read(1024 * 21)
      peer:send((":1\r\n"):rep(1024))
    end)
    assert.is_nil(replies)
    assert.equal(1, accepted)
    assert.equal(1024, err.ran)
    assert.is_true(err.maybe_run >= 1024 and err.maybe_run <= 2048)
    assert.equal(1024, #err.replies)
  end)

  it("returns what Redis wrote when it closed the connection", function()
    local err = fake_redis.run(function(url)
      local c = connection.new((url:gsub("//", "//:secret-1@")))
      local _, why = c:call("PING")
      return why
    end, function(peer)
      peer:send("-ERR max number of clients reached\r\n")
    end)
    assert.same({"redis", "ERR", false}, {err.kind, err.code, err.maybe_sent})
    assert.matches("max number of clients reached", err.message)
  end)

  it("shows the password in no message", function()
    local err = fake_redis.run(function(url)
      local c = connection.new((url:gsub("//", "//user:secret-1@")))
      local _, why = c:call("PING")
      assert.is_nil(tostring(c):find("secret"))
      return why
    end, function(peer)
      local text = peer:read()
      peer:send("-ERR no: " .. text:gsub("[\r\n]+", " ") .. "\r\n")
      peer:wait_for_end()
    end)
    assert.matches("^Redis at 127%.0%.0%.1:%d+: ERR no: ", err.message)
    assert.is_nil(err.message:find("secret-1", 1, true))
  end)

  it("connects again after READONLY, and asks the sentinels again", function()
    local calls = {}
    local function sentinel(peer, port)
      peer:read()
      peer:send(("*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n"):format(#port, port))
      peer:wait_for_end()
    end
    local function primary(first_reply)
      return function(peer)
        assert.matches("ROLE", peer:read())
        peer:send("*1\r\n$6\r\nmaster\r\n")
        peer:read()
        calls[#calls + 1] = first_reply
        peer:send(first_reply)
        peer:wait_for_end()
      end
    end
    fake_redis.run(function(url)
      local port = url:match("%d+$")
      local c = connection.new("redis+sentinel://127.0.0.1:" .. port .. "/shop")
      fake_redis.port = port
      local _, err = c:call("SET", "a", 1)
      assert.same({"redis", "READONLY"}, {err.kind, err.code})
      assert.equal("OK", c:call("SET", "a", 1))
      c:close()
    end, function(peer) sentinel(peer, fake_redis.port) end,
    primary "-READONLY You can't write against a read only replica.\r\n",
    function(peer) sentinel(peer, fake_redis.port) end, primary "+OK\r\n")
    assert.equal(2, #calls)
  end)

  it("explains MOVED", function()
    local err = error_of("-MOVED 866 127.0.0.1:7001\r\n")
    assert.same({"redis", "MOVED"}, {err.kind, err.code})
    assert.matches("use a server without cluster mode", err.message)
  end)

  it("is not waited for while its name is resolved #time", function()
    local path = assert(package.searchpath("klaviyo.core", package.cpath))
      :gsub("klaviyo/core%.so$", "spec_slow_names.so")
    local file = io.open(path)
    if not file then
      return pending("slow_names was not built")
    end
    file:close()
    local output, status = script.run([[
      local connection = require "klaviyo.redis.connection"
      local klaviyo = require "klaviyo"
      local began = klaviyo.clock()
      for _, options in ipairs {{timeout = 0.3}, {connect_timeout = 0.3}} do
        local c = connection.new("redis://one.slow", options)
        local reply, err = c:call("PING")
        assert(not reply and (err.kind == "timeout" or err.kind == "transport"), tostring(err))
        assert(not err.maybe_sent)
      end
      print(klaviyo.clock() - began < 2)
    ]], {env = {LD_PRELOAD = path, SLOW_NAMES = "5"}})
    assert.equal("true\n", output)
    assert.equal(0, status)
  end)

  it("ignores the proxies of the environment", function()
    local own = redis_server.start()
    local output = script.run([[
      local c = require "klaviyo.redis.connection".new((...))
      print(c:call("PING"))
    ]], {args = {own.url}, env = {ALL_PROXY = "http://127.0.0.1:1", http_proxy = "http://127.0.0.1:1"}})
    own:close()
    assert.equal("PONG\n", output)
  end)

  it("does not wait longer than its timeouts", function()
    local full = assert(socket.bind("127.0.0.1", 0, 0)) -- nothing accepts
    local _, port = full:getsockname()
    local c = connection.new(("redis://:p@127.0.0.1:%d"):format(port), {timeout = 0.3})
    local began = socket.gettime()
    local _, err = c:call("PING")
    assert.same({"timeout", false}, {err.kind, err.maybe_sent})
    _, err = c:call("PING")
    assert.same({"timeout", false}, {err.kind, err.maybe_sent})
    assert.is_true(socket.gettime() - began < 3)
    full:close()
  end)

  it("does not count the time in which the program computes", function()
    local c
    fake_redis.run(function(url)
      c = connection.new(url, {timeout = 0.3})
      klaviyo.spawn(function()
        klaviyo.sleep(0.02)
        socket.sleep(0.6) -- blocks this thread
      end)
      assert.equal("PONG", c:call("PING"))
      c:close()
    end, function(peer)
      peer:read()
      klaviyo.sleep(0.1)
      peer:send("+PONG\r\n")
      peer:wait_for_end()
    end)
  end)
end)
