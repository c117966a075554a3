-- The rock of limits on Redis beside klaviyo's own, as a user has both: run by
-- tools/rock.sh from an empty directory.

local installed = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "installed.lua")

describe("the installed rock of limits on Redis", function()
  it("has a small library: one symbol, two needs", function()
    local libraries = installed.find "*/lib/lua/*/redis/*.so"
    assert.equal(1, #libraries)
    local symbols, needs = installed.inspect(libraries[1])
    assert.same({"luaopen_klaviyo_redis_hiredis"}, symbols)
    assert.same({"libcurl", "libhiredis"}, needs)
  end)

  it("is the only one that needs hiredis", function()
    for _, object in ipairs {"core", "digest"} do
      local libraries = installed.find("*/lib/lua/*/klaviyo/" .. object .. ".so")
      assert.equal(1, #libraries)
      local _, needs = installed.inspect(libraries[1])
      for _, name in ipairs(needs) do
        assert.are_not.equal("libhiredis", name)
      end
    end
  end)

  it("has every module of the tree it came from, and is what is loaded", function()
    local here, there = installed.modules "-path 'klaviyo/redis*'"
    assert.is_true(#here > 3)
    assert.same(here, there)
    local file = debug.getinfo(require("klaviyo.redis").source, "S").source
    assert.equal("@" .. installed.tree, file:sub(1, #installed.tree + 1))
  end)

  it("sends commands", function()
    local c = require("klaviyo.redis.connection").new("redis://127.0.0.1:1")
    local reply, err = c:call("PING")
    assert.is_nil(reply)
    assert.equal("transport", err.kind)
  end)

  -- In its local file, a process that starts just after another sees that Redis is
  -- away, and does not ask yet.
  local function remove_file(url)
    os.remove(("/tmp/klaviyo-rate-limits-%d-%s"):format(require("klaviyo.core").user(),
      require("klaviyo.digest").sha256(url):sub(1, 16)))
  end

  it("goes on without a Redis", function()
    local server = assert(require("klaviyo.sandbox").start {key = installed.key})
    local warnings, url = {}, "redis://127.0.0.1:1"
    remove_file(url)
    local client = require("klaviyo").new {api_key = installed.key, base_url = server.base_url,
      rate_limit_file = url, revision = "2026-07-15",
      on_warning = function(text) warnings[#warnings + 1] = text end}
    assert(client:call("get_lists"))
    assert(client:call("get_lists"))
    assert.equal(1, #warnings)
    assert.matches("through Redis at 127.0.0.1:1 ", warnings[1], 1, true)
    server:stop()
    remove_file(url)
  end)
end)
