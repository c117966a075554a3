-- The rock as a user has it: run by tools/rock.sh from an empty directory,
-- with nothing in the paths but what LuaRocks installed.

local tree = assert(os.getenv("KLAVIYO_ROCK"), "KLAVIYO_ROCK: see tools/rock.sh")

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo exit status $?"))
  local text = pipe:read("*a")
  pipe:close()
  return text:match("^(.*)exit status (%d+)\n$")
end

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

describe("the installed rock", function()
  local libraries = lines((output("find " .. quote(tree) .. "/lib/lua -name '*.so' | sort")))

  it("is what is loaded", function()
    local klaviyo = require "klaviyo"
    local core = require "klaviyo.core"
    assert.is_string(klaviyo._VERSION)
    assert.is_table(core)
    for name in pairs(package.loaded) do
      if type(name) == "string" and name:find("^klaviyo") and package.searchpath then
        local file = package.searchpath(name, package.path) or package.searchpath(name, package.cpath)
        assert.equal(tree, file:sub(1, #tree))
      end
    end
  end)

  it("has the types for editors", function()
    local found = lines((output("find " .. quote(tree) .. " -path '*/types/klaviyo/library/klaviyo.lua'")))
    assert.equal(1, #found)
    assert(loadfile(found[1]))
  end)

  it("has small libraries: one symbol, one need", function()
    local needs = { core = "libcurl", digest = "libcrypto" }
    assert.equal(2, #libraries)
    for _, library in ipairs(libraries) do
      local name = library:match("/klaviyo/([^/]*)%.so$")
      local symbols = lines((output("nm -D --defined-only " .. quote(library))))
      assert.equal(1, #symbols)
      assert.truthy(symbols[1]:find(" T luaopen_klaviyo_" .. name .. "$"))
      local dynamic = output("readelf -d " .. quote(library))
      local needed = {}
      for other in dynamic:gmatch("%(NEEDED%)[^%[]*%[([^%].]+)") do
        -- glibc's loader gives threads variables of their own
        if other ~= "libc" and not other:find("^ld%-linux") then needed[#needed + 1] = other end
      end
      assert.same({ needs[name] }, needed)
    end
  end)

  it("has every module of the tree it came from", function()
    local source = debug.getinfo(1, "S").source:match("^@(.*)/spec/rock/[^/]*$")
    local function modules(dir)
      return lines((output("cd " .. quote(dir) .. " && find klaviyo -name '*.lua'"
        .. " ! -path 'klaviyo/outbox*' ! -path 'klaviyo/redis*' ! -path 'klaviyo/cli/*' | sort")))  -- other rocks
    end
    local here = modules(source .. "/lua")
    assert.is_true(#here > 5)
    assert.same(here, modules(output("echo " .. quote(tree) .. "/share/lua/*"):gsub("%s+$", "")))
  end)
end)

describe("calls of the installed rock", function()
  local klaviyo = require "klaviyo"
  local server, client
  local key = os.getenv("KLAVIYO_TEST_KEY") or "pk_canary_0123456789abcdef"

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
  it("loads it and says its version", function()
    local text, status = output(os.getenv("LUA") .. " -e " .. quote('print(require("klaviyo")._VERSION)'))
    assert.equal("0", status)
    assert.equal(require("klaviyo")._VERSION .. "\n", text)
  end)
end)
