-- The rock of limits on Redis beside klaviyo's own, as a user has both: run by
-- tools/rock.sh from an empty directory.

local shell = require "klaviyo.sandbox.shell"

local tree = assert(os.getenv("KLAVIYO_ROCK"), "KLAVIYO_ROCK: see tools/rock.sh")

local function lines(command)
  local list = {}
  for line in select(2, shell.run(command)):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function needs_of(pattern)
  local libraries = lines("find " .. shell.quote(tree) .. "/lib/lua -path " .. shell.quote(pattern))
  assert.equal(1, #libraries)
  local _, dynamic = shell.run("readelf -d " .. shell.quote(libraries[1]))
  local needed = {}
  for other in dynamic:gmatch("%(NEEDED%)[^%[]*%[([^%].]+)") do
    if other:find("^lib") and other ~= "libc" then
      needed[#needed + 1] = other
    end
  end
  table.sort(needed)
  return needed, libraries[1]
end

describe("the installed rock of limits on Redis", function()
  it("has a small library: one symbol, two needs", function()
    local needed, library = needs_of("*/redis/*.so")
    assert.same({"libcurl", "libhiredis"}, needed)
    local symbols = lines("nm -D --defined-only " .. shell.quote(library))
    assert.equal(1, #symbols)
    assert.truthy(symbols[1]:find(" T luaopen_klaviyo_redis_hiredis$"))
  end)

  it("is the only one that needs hiredis", function()
    for _, object in ipairs {"core", "digest"} do
      for _, name in ipairs((needs_of("*/klaviyo/" .. object .. ".so"))) do
        assert.are_not.equal("libhiredis", name)
      end
    end
  end)

  it("has every module of the tree it came from, and is what is loaded", function()
    local source = debug.getinfo(1, "S").source:match("^@(.*)/spec/rock_redis/[^/]*$")
    local function modules(dir)
      return lines("cd " .. dir .. " && find klaviyo -path 'klaviyo/redis*' -name '*.lua' | sort")
    end
    local here = modules(shell.quote(source) .. "/lua")
    assert.is_true(#here > 3)
    assert.same(here, modules(shell.quote(tree) .. "/share/lua/*"))
    local file = debug.getinfo(require("klaviyo.redis").source, "S").source
    assert.equal("@" .. tree, file:sub(1, #tree + 1))
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
    local key = os.getenv("KLAVIYO_TEST_KEY") or "pk_canary_0123456789abcdef"
    local server = assert(require("klaviyo.sandbox").start {key = key})
    local warnings, url = {}, "redis://127.0.0.1:1"
    remove_file(url)
    local client = require("klaviyo").new {api_key = key, base_url = server.base_url,
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
