-- Calls go on when Redis is away, slow or refuses.
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local klaviyo = require "klaviyo"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local call = redis_hosts.call
local start = redis_hosts.start

describe("limits on Redis", function()
  local fixture = sandbox.here(setup, teardown)

  after_each(redis_hosts.close_all)
  teardown(redis_hosts.remove_files)

  local function hosts(server, urls, more)
    return redis_hosts.clients(server.server.base_url, urls, more)
  end

  it("are not waited for when Redis was killed, and are shared again after", function()
    local own = start()
    local clients, warnings = hosts(fixture, {own.url})
    call(clients[1])
    own:stop("KILL")
    for _ = 1, 4 do
      assert.is_true(call(clients[1]) < 1)
      socket.sleep(0.05)
    end
    assert.equal(1, #warnings)
    assert.matches("cannot be shared through Redis at 127%.0%.0%.1", warnings[1])
    own:start()
    assert(redis_hosts.call_until_shared(clients[1], own))
  end)

  it("are not shared, and the first call warns of it", function()
    for _, how in ipairs {"a plain call", "a task"} do
      local clients, warnings = hosts(fixture, {("redis://127.0.0.1:1/%d"):format(#how)})
      if how == "a task" then
        klaviyo.run(function() call(clients[1]) end)
      else
        call(clients[1])
      end
      assert.equal(1, #warnings, how)
    end
  end)

  it("are not waited for when Redis hangs", function()
    local own = start()
    local clients, warnings, _, late = hosts(fixture, {own.url})
    call(clients[1])
    own:signal("STOP")
    local seconds = call(clients[1]) + call(clients[1])
    own:signal("CONT")
    assert.is_true(seconds < 1, seconds)
    assert.same({}, warnings)
    assert.equal(1, #late)
  end)

  it("are not waited for when Redis is slow", function()
    local own = start()
    local clients, warnings, _, late = hosts(fixture, {own.url})
    call(clients[1])
    klaviyo.run(function()
      for _ = 1, 5 do
        own:signal("STOP")
        klaviyo.spawn(function()
          klaviyo.sleep(0.2)
          own:signal("CONT")
        end)
        local seconds = call(clients[1])
        assert.is_true(seconds < 1, seconds)
        klaviyo.sleep(0.3)
      end
    end)
    assert.is_true(#warnings + #late <= 2)
  end)

  it("go on when something else than Redis replies", function()
    local port = fixture.server.base_url:match(":(%d+)")
    local clients, warnings = hosts(fixture, {"redis://127.0.0.1:" .. port})
    for _ = 1, 3 do
      assert.is_true(call(clients[1]) < 1)
    end
    assert.is_true(#warnings >= 1)
  end)

  it("follow the sentinels to the primary, also after a failover", function()
    local primary, replica = start(), start()
    replica:call("REPLICAOF", "127.0.0.1", primary.port)
    local sentinel = start {sentinel = ("sentinel monitor shop 127.0.0.1 %d 1\n"
      .. "sentinel down-after-milliseconds shop 300\n"
      .. "sentinel failover-timeout shop 1000\n"):format(primary.port)}
    local clients, warnings = hosts(fixture, {
      ("redis+sentinel://127.0.0.1:1,127.0.0.1:%d/shop"):format(sentinel.port)})
    assert(redis_hosts.call_until_shared(clients[1], primary), warnings[1])
    local last = socket.gettime() + 15
    while not sentinel:call("INFO", "sentinel"):find("slaves=1") and socket.gettime() < last do
      socket.sleep(0.1)
    end
    primary:stop("KILL")
    assert(redis_hosts.call_until_shared(clients[1], replica), warnings[#warnings])
  end)
end)
