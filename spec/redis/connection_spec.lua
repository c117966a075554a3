-- Commands to a Redis of the spec's own, by the connection for Lua code.
local redis_server = require "spec.support.redis_server"
if not redis_server.is_available(pending, "connections to Redis") then
  return
end
local connection = require "klaviyo.redis.connection"
local errors = require "klaviyo.response.errors"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"
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
    assert.equal(4, c:call("RPUSH", "numbers", -7, 0.1, 1e300, 1 / 3))
    local numbers = c:call("LRANGE", "numbers", 0, -1)
    assert.equal("-7", numbers[1])
    for i, number in ipairs {-7, 0.1, 1e300, 1 / 3} do
      assert.equal(number, tonumber(numbers[i]))
    end
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

  it("logs in, as a user, in a database, by a unix socket", function()
    local one = redis_server.start {password = "Correct-1"}
    assert.equal("PONG", connection.new(one.url):call("PING"))
    one:call("ACL", "SETUSER", "shop", "on", ">p:w", "~klaviyo:*", "+@all")
    local c = connection.new("redis+unix://shop:p%3Aw@" .. one.dir .. "/socket?db=3")
    assert.equal("OK", c:call("SET", "klaviyo:a", 1))
    assert.matches("db3:keys=1", c:call("INFO", "keyspace"))
    local _, err = c:call("GET", "other")
    assert.same({"redis", "NOPERM"}, {err.kind, err.code})
    one:close()
  end)

  it("returns what Redis refuses when it connects", function()
    local one = redis_server.start {password = "Correct-1"}
    local cases = {
      WRONGPASS = one.url:gsub("Correct", "Wrong"), NOAUTH = one.url:gsub("//.*@", "//"),
      ERR = one.url:gsub("/0$", "/99"),
    }
    for code, url in pairs(cases) do
      local _, err = connection.new(url):call("PING")
      assert.same({"redis", code, false}, {err.kind, err.code, err.maybe_sent})
      assert.is_nil(err.message:find("%-1"))
    end
    one:call("CONFIG", "SET", "requirepass", "")
    assert.equal("PONG", connection.new(cases.NOAUTH):call("PING"))
    one:close()
  end)

  it("logs in again after NOAUTH", function()
    local one = redis_server.start {password = "Correct-1"}
    local c = connection.new(one.url)
    assert.equal("PONG", c:call("PING"))
    c:call("RESET") -- forgets the login
    local _, err = c:call("PING")
    assert.equal("NOAUTH", err.code)
    assert.equal("PONG", c:call("PING"))
    one:close()
  end)

  it("speaks TLS, if the certificate is valid #native", function()
    local dir = os.tmpname()
    os.remove(dir)
    script.shell(("mkdir -m 700 %s; cd %s; openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
      .. "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem "
      .. "-out cert.pem 2>/dev/null"):format(dir, dir))
    local probe = assert(socket.bind("127.0.0.1", 0))
    local _, port = probe:getsockname()
    probe:close()
    local one = redis_server.start {arguments = ("--tls-port %d --tls-cert-file %s/cert.pem "
      .. "--tls-key-file %s/key.pem --tls-ca-cert-file %s/cert.pem --tls-auth-clients no")
      :format(port, dir, dir, dir)}
    local url = ("rediss://localhost:%d"):format(port)
    local reply, err = connection.new(url):call("PING")
    assert.is_nil(reply)
    assert.equal("transport", err.kind)
    assert.matches("certificate", err.message)
    local c = connection.new(url .. "?ca_file=" .. dir .. "/cert.pem")
    local big = ("x"):rep(3000000)
    assert.equal("OK", c:call("SET", "big", big))
    assert.equal(big, c:call("GET", "big"))
    assert.is_nil((connection.new(url:gsub("localhost", "127.0.0.1") .. "?ca_file=" .. dir
      .. "/cert.pem"):call("PING")))
    one:close()
    script.shell("rm -rf " .. dir)
  end)

  it("reaches a server by IPv6", function()
    if not socket.bind("::1", 0) then
      return pending("this machine has no IPv6")
    end
    local one = redis_server.start {arguments = "--bind 127.0.0.1 ::1"}
    assert.equal("PONG", connection.new(("redis://[::1]:%d"):format(one.port)):call("PING"))
    one:close()
  end)

  it("sends a list of 100,000 commands in little memory #memory", function()
    local c = connection.new(own.url)
    c:call("PING")
    local value, list = ("x"):rep(1000), {}
    for i = 1, 100000 do
      list[i] = {"SETRANGE", "long", 0, value}
    end
    local function resident()
      return tonumber(io.open("/proc/self/statm"):read("*a"):match("%d+ (%d+)")) * 4096
    end
    collectgarbage()
    local before = resident()
    local replies = assert(c:pipeline(list))
    assert.equal(100000, #replies)
    assert.is_true(resident() - before < 20e6, resident() - before)
  end)

  it("is closed when it is collected", function()
    local function count()
      return tonumber(own:call("INFO", "clients"):match("connected_clients:(%d+)"))
    end
    local before = count()
    for _ = 1, 20 do
      connection.new(own.url):call("PING")
    end
    collectgarbage()
    collectgarbage()
    klaviyo.sleep(0.05)
    assert.is_true(count() <= before + 1, count() - before)
  end)

  it("fails the calls of other tasks when it is closed", function()
    local c = connection.new(own.url)
    local kinds = {}
    klaviyo.run(function()
      for i = 1, 3 do
        klaviyo.spawn(function()
          local _, err = c:call("BLPOP", "none", 5)
          kinds[i] = err.kind
        end)
      end
      klaviyo.sleep(0.05)
      c:close()
    end)
    assert.same({"closed", "closed", "closed"}, kinds)
  end)

  it("goes on when a task that waits is cancelled", function()
    local c = connection.new(own.url)
    klaviyo.run(function()
      local one = klaviyo.spawn(function() c:call("BLPOP", "none", 0.2) end)
      local two = klaviyo.spawn(function() c:call("INCR", "never") end)
      klaviyo.sleep(0.05)
      one:cancel()
      two:cancel()
      pcall(one.wait, one)
      pcall(two.wait, two)
      assert.is_false(c:call("GET", "never"))
    end)
  end)

  it("is opened again by a forked child #native", function()
    local has_fork, fork = pcall(require, "spec_fork")
    if not has_fork then
      return pending("the probe of fork was not built")
    end
    local c = connection.new(own.url)
    local id = assert(c:call("CLIENT", "ID"))
    local child = fork.fork()
    if child == 0 then
      local other, err = c:call("CLIENT", "ID")
      fork.leave(err == nil and other ~= id and c:call("PING") == "PONG" and 7 or 8)
    end
    assert.equal(id, c:call("CLIENT", "ID"))
    assert.equal(7, fork.wait(child))
    assert.equal(id, c:call("CLIENT", "ID"))
  end)

  it("fails a call in a child that was forked meanwhile #native", function()
    local has_fork, fork = pcall(require, "spec_fork")
    if not has_fork then
      return pending("the probe of fork was not built")
    end
    local c = connection.new(own.url)
    local kind, child
    klaviyo.run(function()
      klaviyo.spawn(function()
        local reply, err = c:call("BLPOP", "none", 0.2)
        kind = err and err.kind or reply
      end)
      klaviyo.sleep(0.05)
      child = fork.fork()
    end)
    if child == 0 then
      fork.leave(kind == "closed" and c:call("PING") == "PONG" and 7 or 8)
    end
    assert.equal(7, fork.wait(child))
    assert.is_false(kind)
    assert.equal("PONG", c:call("PING"))
  end)
end)
