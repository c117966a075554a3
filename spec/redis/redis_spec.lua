-- Limits that hosts share through a Redis of the spec's own, by real calls.
local patient = require "spec.support.patient_redis"
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local klaviyo = require "klaviyo"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local socket = require "socket"

local call, count, exchanges = redis_hosts.call, redis_hosts.count, redis_hosts.exchanges
local shell, start = script.shell, redis_hosts.start

describe("limits on Redis", function()
  local fixture = sandbox.here(setup, teardown)
  local limited = sandbox.here(setup, teardown, {limits = true, window_phase = 0})

  after_each(redis_hosts.close_all)
  teardown(redis_hosts.remove_files)

  local function hosts(server, urls, more)
    return redis_hosts.clients(server.server.base_url, urls, more)
  end

  it("are shared by hosts", function()
    local own = start()
    local clients, warnings, statuses = hosts(limited, {own.url, own.url .. "?db=0"})
    local began = socket.gettime()
    klaviyo.run(function()
      local tasks = {}
      for _, client in ipairs(clients) do
        for _ = 1, 15 do
          tasks[#tasks + 1] = klaviyo.spawn(call, client)
        end
      end
      for _, task in ipairs(tasks) do
        assert(task:wait())
      end
    end)
    local seconds = socket.gettime() - began
    assert.same({}, warnings)
    assert.equal(30, count(statuses, 200))
    assert.equal(0, count(statuses, 429))
    assert.is_true(seconds >= 2 and seconds < 8, seconds)
  end)

  it("take little time and few exchanges", function()
    local own = start()
    local clients = hosts(fixture, {own.url})
    call(clients[1])
    local before, seconds = exchanges(own), 0
    for _ = 1, 5 do
      seconds = seconds + call(clients[1])
    end
    assert.is_true(seconds < 0.5, seconds)
    assert.is_true(exchanges(own) - before <= 15)
  end)

  it("count in Redis, without a name that tells the account", function()
    local own = start()
    local clients = hosts(fixture, {own.url}, {rate_limit_key = "private"})
    call(clients[1])
    local keys = own:call("KEYS", "*")
    assert.is_true(#keys >= 2)
    for _, key in ipairs(keys) do
      assert.matches("^klaviyo:{%x+}", key)
      assert.is_nil(key:find("private", 1, true))
    end
  end)

  it("need the right password, which no message shows", function()
    local own = start {password = "Correct-1"}
    local clients, warnings = hosts(fixture, {own.url})
    call(clients[1])
    call(clients[1])
    assert.same({}, warnings)
    assert.is_true(exchanges(own) >= 1)
    clients, warnings = hosts(fixture, {(own.url:gsub("Correct", "Wrong"))})
    call(clients[1])
    call(clients[1])
    assert.equal(1, #warnings)
    assert.matches("WRONGPASS", warnings[1])
    assert.is_nil(warnings[1]:find("Wrong%-1"))
    clients, warnings = hosts(fixture, {("redis://127.0.0.1:%d"):format(own.port)})
    call(clients[1])
    call(clients[1])
    assert.matches("NOAUTH", warnings[1])
  end)

  it("are reached by a unix socket, as a user, in a database", function()
    local own = start()
    own:call("ACL", "SETUSER", "shop", "on", ">p:w", "~klaviyo:*", "+@all")
    local clients, warnings = hosts(fixture, {"redis+unix://shop:p%3Aw@" .. own.dir .. "/socket?db=3"})
    call(clients[1])
    call(clients[1])
    assert.same({}, warnings)
    assert.matches("db3:keys=", own:call("INFO", "keyspace"))
  end)

  it("are reached by TLS, and only if the certificate is valid #native", function()
    local dir = os.tmpname()
    os.remove(dir)
    shell(("mkdir -m 700 %s; cd %s; openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
      .. "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem "
      .. "-out cert.pem 2>/dev/null"):format(dir, dir))
    local probe = assert(socket.bind("127.0.0.1", 0))
    local _, port = probe:getsockname()
    probe:close()
    local own = start {arguments = ("--tls-port %d --tls-cert-file %s/cert.pem --tls-key-file "
      .. "%s/key.pem --tls-ca-cert-file %s/cert.pem --tls-auth-clients no"):format(port, dir,
      dir, dir)}
    local url = ("rediss://localhost:%d"):format(port)
    local clients, warnings = hosts(fixture, {url})
    call(clients[1])
    call(clients[1])
    assert.equal(1, #warnings)
    assert.matches("certificate", warnings[1])
    assert.equal(0, exchanges(own))
    clients = hosts(fixture, {url .. "?ca_file=" .. dir .. "/cert.pem"})
    assert(redis_hosts.call_until_shared(clients[1], own))
    shell("rm -rf " .. dir)
  end)

  local function script_of(url, calls)
    return ([[
      local klaviyo = require "klaviyo"
      local client = klaviyo.new {api_key = %q, base_url = %q, proxy = "", retries = 0,
        rate_limit_file = %q, rate_limit_key = "many", revision = "2026-07-15",
        on_warning = print}
      for _ = 1, %d do
        local doc, err = client:call("get_metrics")
        if not doc then print(err) end
      end
      print("done")
    ]]):format(fixture.key, fixture.server.base_url, url, calls)
  end

  it("are asked for by one of the processes of a host", function()
    local own = start()
    local waits = {}
    for i = 1, 4 do
      waits[i] = script.start(script_of(own.url, 10), {env = patient})
    end
    for i = 1, 4 do
      assert.equal("done\n", (waits[i]()))
    end
    assert.equal("1", tostring(#own:call("ZRANGE",
      own:call("KEYS", "*:seen")[1], "0", "-1")))
  end)

  -- While a host is upgraded, programs of two versions use the same local file.
  it("are those of two hosts for programs whose leases have another layout", function()
    local other = patient.LUA_CPATH:gsub("/patient/", "/layout/", 1)
    local own = start()
    assert.equal("done\n", (script.run(script_of(own.url, 20), {env = patient})))
    local key = own:call("KEYS", "*:seen")[1]
    local first = own:call("ZRANGE", key, "0", "-1")[1]
    assert.equal("done\n", (script.run(script_of(own.url, 1), {env = {LUA_CPATH = other}})))
    local both = own:call("ZRANGE", key, "0", "-1")
    assert.equal(2, #both)
    -- each numbers its own reports
    local second = both[1] == first and both[2] or both[1]
    local state = key:gsub(":seen$", "")
    local before = tonumber(own:call("HGET", state, "q:" .. first))
    local reports = tonumber(own:call("HGET", state, "q:" .. second))
    assert.is_true(reports >= 1 and reports < before, reports .. " < " .. before)
  end)

  it("go on in a forked child #native", function()
    local has_fork, fork = pcall(require, "spec_fork")
    if not has_fork then
      return pending("the probe of fork was not built")
    end
    local own = start()
    local clients = hosts(fixture, {own.url})
    call(clients[1])
    local before = exchanges(own)
    local child = fork.fork()
    if child == 0 then
      local ok = pcall(function()
        for _ = 1, 3 do
          assert(call(clients[1]) < 1)
        end
      end)
      fork.leave(ok and 7 or 8)
    end
    assert.equal(7, fork.wait(child))
    assert.is_true(exchanges(own) > before)
    assert.is_true(call(clients[1]) < 1)
  end)
end)

describe("the URL of a Redis", function()
  local address = require "klaviyo.redis.address"

  it("names hosts, users, databases and certificates", function()
    assert.same({servers = {"127.0.0.1:6379"}, database = 0, name = "127.0.0.1:6379"},
      address.parse "redis://127.0.0.1")
    assert.same({servers = {"cache.example:7000"}, database = 2, name = "cache.example:7000",
      user = "shop", password = "a@b:c", tls = true, ca_file = "/etc/ca.pem"},
      address.parse "rediss://shop:a%40b%3Ac@cache.example:7000/2?ca_file=/etc/ca.pem")
    assert.same({servers = {"[::1]:6379"}, database = 0, name = "[::1]:6379", password = "p"},
      address.parse "redis://:p@[::1]/0")
    assert.same({path = "/run/redis.sock", database = 1, name = "/run/redis.sock"},
      address.parse "redis+unix:///run/redis.sock?db=1")
    assert.same({servers = {"a:26379", "b:1"}, sentinel = "shop", database = 4,
      name = "a:26379,b:1"}, address.parse "redis+sentinel://a,b:1/shop/4")
    assert.same({servers = {"a:26379"}, sentinel = "shop", database = 0, name = "a:26379",
      user = "u", password = "p", sentinel_user = "s", sentinel_password = "a&b=c"},
      address.parse "redis+sentinel://u:p@a/shop?sentinel_username=s&sentinel_password=a%26b=c")
  end)

  it("is refused if it is not valid, without showing it", function()
    assert.same(address.parse "redis://h/3", address.parse "REDIS://h/3")
    assert.error_matches(function()
      require("klaviyo").new {api_key = "pk_x", revision = "2026-07-15",
        rate_limit_file = "unix:///run/redis.sock"}
        :call("get_metrics")
    end, 'the scheme "unix" is not known')
    for _, url in ipairs {"redis://", "redis://u:secret@", "redis://u:secret@h:0",
        "redis://u:secret@h:1/x", "redis://secret@h", "rediss+unix://u:secret@/x",
        "redis+sentinel://u:secret@h", "redis://u:secret@a,b", "redis+unix://u:secret@x",
        "redis://u:secret@h?secret=1x", "redis://u:secret@h:99999",
        "redis://h?sentinel_password=hidden", "redis+sentinel://h/s?sentinel_username=hidden",
        "redis+sentinel://h/s/x?sentinel_password=hidden"} do
      local ok, message = pcall(address.parse, url)
      assert.is_false(ok, url)
      assert.matches("rate_limit_file: ", message)
      assert.is_nil(message:find("hidden", 1, true), message)
      if not url:find("secret=") then
        assert.is_nil(message:find("secret", 1, true), message)
      end
    end
  end)
end)
