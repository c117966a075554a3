-- The outbox's rock beside klaviyo's own, as a user has both: run by
-- tools/rock.sh from an empty directory.

local shell = require "klaviyo.sandbox.shell"

local installed = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "installed.lua")

describe("the installed rock of the outbox", function()
  it("has a small library: one symbol, one need", function()
    local libraries = installed.find "*/lib/lua/*/outbox/*.so"
    assert.equal(1, #libraries)
    local symbols, needs = installed.inspect(libraries[1])
    assert.same({"luaopen_klaviyo_outbox_store"}, symbols)
    assert.same({"libsqlite3"}, needs)
  end)

  it("has every module of the tree it came from, and is what is loaded", function()
    local here, there = installed.modules "-path 'klaviyo/outbox*'"
    assert.is_true(#here > 3)
    assert.same(here, there)
    local file = debug.getinfo(require("klaviyo.outbox").new, "S").source
    assert.equal("@" .. installed.tree, file:sub(1, #installed.tree + 1))
  end)

  it("keeps events, and sends them", function()
    local server = assert(require("klaviyo.sandbox").start {key = installed.key})
    local ok, made = shell.run("mktemp -d")
    assert(ok, made)
    local path = made:gsub("%s+$", "")
    local outbox = assert(require("klaviyo.outbox").new {path = path .. "/box"})
    local client = require("klaviyo").new {api_key = installed.key, base_url = server.base_url, outbox = outbox}
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
