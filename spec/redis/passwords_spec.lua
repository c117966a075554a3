-- Sentinels that require a password, for limits and for connections.
local missing = require("spec.support.redis_server").missing_with_client()
if missing then
  pending("limits on Redis: " .. missing)
  return
end
local connection = require "klaviyo.redis.connection"
local fake_redis = require "spec.support.fake_redis"
local redis_hosts = require "spec.support.redis_hosts"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"

local HINT = "sentinel_password in the URL"
-- what SECURITY.md names
local USER = "user asks on >hidden-2 -@all +sentinel|get-master-addr-by-name\n"

describe("sentinels that require a password", function()
  local fixture = sandbox.here(setup, teardown)
  local primary, sentinel

  setup(function()
    primary = redis_server.start {password = "hidden-0"}
    sentinel = redis_server.start {password = "hidden-1", sentinel = ("requirepass hidden-1\n%s"
      .. "sentinel monitor shop 127.0.0.1 %d 1\nsentinel auth-pass shop hidden-0\n"):format(USER,
      primary.port)}
  end)

  teardown(function()
    sentinel:close()
    primary:close()
    redis_hosts.close_all()
    redis_hosts.remove_files()
  end)

  local function url(parameters, others)
    return ("redis+sentinel://:hidden-0@%s127.0.0.1:%d/shop/1%s"):format(others or "",
      sentinel.port, parameters)
  end

  local ACCEPTED = {"?sentinel_password=hidden-1",
    "?sentinel_username=default&sentinel_password=hidden-1",
    "?sentinel_username=asks&sentinel_password=hidden-2"}
  local REFUSED = {NOAUTH = "", WRONGPASS = "?sentinel_password=hidden-0"}

  it("name the primary, which shares limits", function()
    for _, parameters in ipairs(ACCEPTED) do
      local clients, warnings = redis_hosts.clients(fixture.server.base_url, {url(parameters)})
      assert(redis_hosts.call_until_shared(clients[1], primary), warnings[1])
      assert.is_nil(table.concat(warnings):find(HINT, 1, true), warnings[1])
    end
  end)

  it("are named in one warning if they refuse, while calls go on", function()
    for code, parameters in pairs(REFUSED) do
      local clients, warnings = redis_hosts.clients(fixture.server.base_url, {url(parameters)})
      for _ = 1, 3 do
        assert.is_true(redis_hosts.call(clients[1]) < 1)
      end
      assert.equal(1, #warnings, table.concat(warnings, "\n"))
      assert.is_truthy(warnings[1]:find(code, 1, true), warnings[1])
      assert.is_truthy(warnings[1]:find(HINT, 1, true), warnings[1])
      assert.is_nil(warnings[1]:find("hidden", 1, true), warnings[1])
    end
  end)

  it("name the primary of a connection", function()
    for _, parameters in ipairs(ACCEPTED) do
      local c = connection.new(url(parameters, "127.0.0.1:1,"))
      assert.equal("PONG", c:call("PING"))
      c:close()
    end
    for code, parameters in pairs(REFUSED) do
      local c = connection.new(url(parameters))
      local _, err = c:call("PING")
      assert.same({"redis", code}, {err.kind, err.code})
      assert.is_truthy(err.message:find(HINT, 1, true), err.message)
      assert.is_nil(err.message:find("hidden", 1, true), err.message)
      c:close()
    end
  end)

  it("may repeat the password, which no message shows", function()
    local reply = "-ERR unknown command `AUTH`, with args beginning with: `hidden-1`, \r\n"
    for _, text in ipairs {reply, "-ERR no: hidden-1\r\n"} do
      fake_redis.run(function(where)
        local c = connection.new(where:gsub("redis:", "redis+sentinel:")
          .. "/shop?sentinel_password=hidden-1")
        local _, err = c:call("PING")
        c:close()
        assert.is_truthy(err.message:find(HINT, 1, true), err.message)
        assert.is_nil(err.message:find("hidden", 1, true), err.message)
      end, function(peer)
        assert.matches("AUTH.*hidden%-1.*SENTINEL", peer:read())
        peer:send(text)
        peer:wait_for_end()
      end)
    end
    -- the warning of limits: without the words that the server repeats
    fake_redis.run(function(where)
      local clients, warnings = redis_hosts.clients(fixture.server.base_url,
        {where:gsub("redis:", "redis+sentinel:") .. "/shop?sentinel_password=hidden-1"})
      redis_hosts.call(clients[1])
      assert.equal(1, #warnings)
      assert.matches("unknown command", warnings[1])
      assert.is_nil(warnings[1]:find("hidden", 1, true), warnings[1])
    end, function(peer)
      peer:read()
      peer:send(reply)
      peer:wait_for_end()
    end)
  end)
end)
