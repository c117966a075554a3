-- The outbox's rock beside klaviyo's own, as a user has both: run by
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

describe("the installed rock of the outbox", function()
  it("has a small library: one symbol, one need", function()
    local libraries = lines("find " .. shell.quote(tree) .. "/lib/lua -path '*/outbox/*.so'")
    assert.equal(1, #libraries)
    local library = shell.quote(libraries[1])
    local symbols = lines("nm -D --defined-only " .. library)
    assert.equal(1, #symbols)
    assert.truthy(symbols[1]:find(" T luaopen_klaviyo_outbox_store$"))
    local _, dynamic = shell.run("readelf -d " .. library)
    local needed = {}
    for other in dynamic:gmatch("%(NEEDED%)[^%[]*%[([^%].]+)") do
      if other ~= "libc" then
        needed[#needed + 1] = other
      end
    end
    assert.same({"libsqlite3"}, needed)
  end)

  it("has every module of the tree it came from, and is what is loaded", function()
    local source = debug.getinfo(1, "S").source:match("^@(.*)/spec/rock_outbox/[^/]*$")
    local function modules(dir)
      return lines("cd " .. dir .. " && find klaviyo -path 'klaviyo/outbox*' -name '*.lua' | sort")
    end
    local here = modules(shell.quote(source) .. "/lua")
    assert.is_true(#here > 3)
    assert.same(here, modules(shell.quote(tree) .. "/share/lua/*"))
    local file = debug.getinfo(require("klaviyo.outbox").new, "S").source
    assert.equal("@" .. tree, file:sub(1, #tree + 1))
  end)

  it("keeps events, and sends them", function()
    local key = os.getenv("KLAVIYO_TEST_KEY") or "pk_canary_0123456789abcdef"
    local server = assert(require("klaviyo.sandbox").start {key = key})
    local ok, made = shell.run("mktemp -d")
    assert(ok, made)
    local path = made:gsub("%s+$", "")
    local outbox = assert(require("klaviyo.outbox").new {path = path .. "/box"})
    local client = require("klaviyo").new {api_key = key, base_url = server.base_url, outbox = outbox}
    for i = 1, 10 do
      assert(client.events:track {metric = "Kept", profile = {email = "a@example.com"}, properties = {n = i}})
    end
    assert.is_true(client:drain(20))
    assert.equal(10, server:stats().events.distinct)
    outbox:close()
    shell.run("rm -rf " .. path)
    server:stop()
  end)
end)
