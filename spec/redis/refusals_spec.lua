-- Limits on servers of Redis that refuse something, or that are not reached.
require "spec.support.patient_redis"
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local fake_redis = require "spec.support.fake_redis"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local socket = require "socket"

local call, start = redis_hosts.call, redis_hosts.start

describe("limits on Redis", function()
  local fixture = sandbox.here(setup, teardown)

  after_each(redis_hosts.close_all)
  teardown(redis_hosts.remove_files)

  local function hosts(urls, more)
    return redis_hosts.clients(fixture.server.base_url, urls, more)
  end

  local function scripts(own, name)
    return tonumber(own:call("INFO", "commandstats"):match(
      "cmdstat_" .. name .. ":calls=(%d+)")) or 0
  end

  it("are shared by a server without EVALSHA", function()
    for _, refuse in ipairs {"--rename-command EVALSHA ''", "acl"} do
      local own = start {arguments = refuse ~= "acl" and refuse or nil}
      if refuse == "acl" then
        own:call("ACL", "SETUSER", "default", "-evalsha")
      end
      local clients, warnings = hosts {own.url}
      for _ = 1, 4 do
        assert.is_true(call(clients[1]) < 1)
      end
      assert.same({}, warnings)
      assert.is_true(scripts(own, "eval") >= 1)
    end
  end)

  it("name a server that allows no scripts at all", function()
    local own = start {arguments = "--rename-command EVALSHA '' --rename-command EVAL ''"}
    local clients, warnings = hosts {own.url}
    for _ = 1, 3 do
      assert.is_true(call(clients[1]) < 1)
    end
    assert.equal(1, #warnings, table.concat(warnings, "\n"))
    assert.matches("unknown command .?EVAL", warnings[1])
  end)

  it("name a server that has too many clients", function()
    local own = start()
    own:call("CONFIG", "SET", "maxclients", "1")
    local clients, warnings = hosts {own.url}
    for _ = 1, 3 do
      assert.is_true(call(clients[1]) < 1)
    end
    assert.equal(1, #warnings, table.concat(warnings, "\n"))
    assert.matches("max number of clients reached", warnings[1])
    own:call("CONFIG", "SET", "maxclients", "100")
    assert(redis_hosts.call_until_shared(clients[1], own))
  end)

  it("name a database that does not exist", function()
    local own = start()
    local clients, warnings = hosts {(own.url:gsub("/0$", "/99"))}
    call(clients[1])
    assert.is_true(call(clients[1]) < 1)
    assert.equal(1, #warnings)
    assert.matches("DB index is out of range", warnings[1])
  end)

  it("survive that Redis forgets the script", function()
    local own = start()
    local clients, warnings = hosts {own.url}
    call(clients[1])
    own:call("SCRIPT", "FLUSH")
    socket.sleep(0.3)
    call(clients[1])
    call(clients[1])
    assert.same({}, warnings)
    assert.is_true(redis_hosts.exchanges(own) >= 2)
  end)

  it("name what Redis refuses, and go on", function()
    local cases = {
      ["OOM"] = function(own)
        own:call("CONFIG", "SET", "maxmemory", "1")
      end,
      ["READONLY"] = function(own)
        own:call("REPLICAOF", "127.0.0.1", "1")
        socket.sleep(0.2)
      end,
    }
    for code, change in pairs(cases) do
      local own = start()
      change(own)
      local clients, warnings, statuses = hosts {own.url}
      for _ = 1, 3 do
        assert.is_true(call(clients[1]) < 1)
      end
      call(clients[1])
      assert.equal(4, redis_hosts.count(statuses, 200))
      assert.equal(1, #warnings, table.concat(warnings, "\n"))
      assert.matches(code, warnings[1])
    end
  end)

  it("explain a node of a cluster", function()
    local warnings = fake_redis.run(function(url)
      local clients, list = hosts {url}
      call(clients[1])
      call(clients[1])
      return list
    end, function(peer)
      peer:read()
      peer:send("+" .. ("0"):rep(40) .. "\r\n")
      peer:read()
      peer:send("-MOVED 866 127.0.0.1:7001\r\n")
      peer:wait_for_end()
    end)
    assert.equal(1, #warnings, table.concat(warnings, "\n"))
    assert.matches("MOVED 866 127%.0%.0%.1:7001 .*use a server without cluster mode", warnings[1])
  end)

  it("go on when the clients of Redis are killed", function()
    local own = start()
    local clients = hosts {own.url}
    for _ = 1, 5 do
      own:call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      assert.is_true(call(clients[1]) < 1)
    end
    assert(redis_hosts.call_until_shared(clients[1], own))
  end)

  it("are not waited for while the name of Redis is resolved #time", function()
    local path = assert(package.searchpath("klaviyo.core", package.cpath))
      :gsub("klaviyo/core%.so$", "spec_slow_names.so")
    local file = io.open(path)
    if not file then
      return pending("slow_names was not built")
    end
    file:close()
    local url = ("redis://r%d.slow"):format(os.time())
    local output, status = script.run(([[
      local klaviyo = require "klaviyo"
      local client = klaviyo.new {api_key = %q, base_url = %q, proxy = "", retries = 0,
        rate_limit_file = %q, rate_limit_key = "slow", revision = "2026-07-15", on_warning = print}
      package.path = "./?.lua;" .. package.path
      local waited, began = require("spec.support.cpu_wait").of(), klaviyo.clock()
      for _ = 1, 3 do
        assert(client:call("get_metrics"))
        klaviyo.sleep(0.8)
      end
      print(klaviyo.clock() - began < 4 + waited())
    ]]):format(fixture.key, fixture.server.base_url, url),
      {env = {LD_PRELOAD = path, SLOW_NAMES = "6"}})
    redis_hosts.remove_file(url)
    assert.equal(0, status, output)
    -- on a busy machine, libcurl's own time is over as well
    local reason = output:match("%(([^)]*)%): until it can be used.*true\n$")
    assert.is_true(reason == "no connection in 300 ms" or reason == "Timeout was reached", output)
  end)
end)
