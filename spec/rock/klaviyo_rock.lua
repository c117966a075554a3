-- The rock as a user has it: run by tools/rock.sh from an empty directory,
-- with nothing in the paths but what LuaRocks installed.

local shell = require "klaviyo.sandbox.shell"

local installed = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "installed.lua")

describe("the installed rock", function()
  it("is what is loaded", function()
    local klaviyo = require "klaviyo"
    local core = require "klaviyo.core"
    assert.is_string(klaviyo._VERSION)
    assert.is_table(core)
    for name in pairs(package.loaded) do
      if type(name) == "string" and name:find("^klaviyo") and package.searchpath then
        local file = package.searchpath(name, package.path) or package.searchpath(name, package.cpath)
        assert.equal(installed.tree, file:sub(1, #installed.tree))
      end
    end
  end)

  it("has the types for editors", function()
    local found = installed.find "*/types/klaviyo/library/klaviyo.lua"
    assert.equal(1, #found)
    assert(loadfile(found[1]))
  end)

  it("has small libraries: one symbol, one need", function()
    local libraries = installed.find "*/lib/lua/*.so"
    local needs = {core = "libcurl", digest = "libcrypto"}
    assert.equal(2, #libraries)
    for _, library in ipairs(libraries) do
      local name = library:match("/klaviyo/([^/]*)%.so$")
      local symbols, needed = installed.inspect(library)
      assert.same({"luaopen_klaviyo_" .. name}, symbols)
      assert.same({needs[name]}, needed)
    end
  end)

  it("has every module of the tree it came from", function()
    local here, there = installed.modules(
      "! -path 'klaviyo/outbox*' ! -path 'klaviyo/redis*' ! -path 'klaviyo/cli/*'")  -- other rocks
    assert.is_true(#here > 5)
    assert.same(here, there)
  end)
end)

describe("calls of the installed rock", function()
  local klaviyo = require "klaviyo"
  local server, client
  local key = installed.key

  setup(function()
    server = assert(require("klaviyo.sandbox").start { key = key, profiles = 250 })
    client = klaviyo.new { api_key = key, base_url = server.base_url }
  end)

  teardown(function()
    if server then server:stop() end
  end)

  it("create, read, update and list", function()
    local made = assert(client.profiles:create { email = "rock@example.com", first_name = "Jane" })
    local id = made.data.id
    assert.is_string(id)
    assert.equal("rock@example.com", assert(client.profiles:get(id)).data.attributes.email)
    assert(client.profiles:update(id, { first_name = "Joan" }))
    local found = assert(client.profiles:list { filter = klaviyo.filter.equals("email", "rock@example.com") })
    assert.equal(1, #found.data)
    assert.equal("Joan", found.data[1].attributes.first_name)
  end)

  it("iterate over pages", function()
    local count, ids = 0, {}
    for profile in client:each("get_profiles") do
      assert.is_nil(ids[profile.id])
      ids[profile.id] = true
      count = count + 1
    end
    assert.is_true(count >= 250)
  end)

  it("go over TLS as well", function()
    local tls = klaviyo.new { api_key = key, base_url = server.tls_url, ca_file = server.ca_file }
    local lists = assert(tls.lists:list())
    assert.equal(200, lists.response.status)
  end)

  it("return the API's own error", function()
    local document, err = client.profiles:get("01NOBODY")
    assert.is_nil(document)
    assert.equal("api", err.kind)
    assert.equal(404, err.status)
    assert.is_table(err.errors)
  end)
end)

-- The interpreter that runs the specs has loaded much besides; a script of a
-- user's has not.
describe("a script with the installed rock", function()
  it("loads it and prints its version", function()
    local ok, text = shell.run(os.getenv("LUA") .. " -e "
      .. shell.quote('print(require("klaviyo")._VERSION)'))
    assert.is_true(ok, text)
    assert.equal(require("klaviyo")._VERSION .. "\n", text)
  end)
end)
