local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local version = require "klaviyo.version"
local worker = require "spec.support.worker"

local jit = rawget(_G, "jit")
local MODULES = { "klaviyo.core", "klaviyo.digest", "klaviyo.outbox.store" }

describe("a shared object", function()
  for _, name in ipairs(MODULES) do
    it("of this version and this Lua is loaded: " .. name, function()
      local module = require(name)
      assert.equal(version, module.version)
      assert.equal("klaviyo: built for " .. _VERSION, module.built_for)
    end)

    it("for another Lua is an error that names it: " .. name, function()
      local other = jit and "lua5.4" or "luajit"
      local path = ("build/%s/%s.so"):format(other, (name:gsub("%.", "/")))
      if not shell.read(path) then
        return pending("make build LUA=" .. other .. " has not been run")
      end
      local output = script.run(([[
        package.cpath = "build/%s/?.so"
        print(select(2, pcall(require, "%s")))
      ]]):format(other, name))
      assert.equal(("%s is built for %s, this is %s: build and install klaviyo for this Lua\n"):format(path,
        jit and "Lua 5.4" or "Lua 5.1", jit and "LuaJIT (Lua 5.1)" or _VERSION), output)
    end)

    it("of another version is an error: " .. name, function()
      local output = script.run(([[
        package.loaded["klaviyo.version"] = "9.9.9"
        print(select(2, pcall(require, "%s")))
      ]]):format(name))
      assert.equal(("the version of %s is %s, that of the Lua files is 9.9.9: "):format(name, version)
        .. "install both from the same version\n", output)
    end)
  end

  it("stays loaded when Lua unloads it", function()
    local output = script.run [[
      local names = {"klaviyo.core", "klaviyo.digest", "klaviyo.outbox.store"}
      for _, name in ipairs(names) do require(name) end
      local clock = require("klaviyo.core").clock
      -- what lua_close does: Lua 5.4 has one list, LuaJIT an object for each,
      -- Lua 5.5 a list of strings that unload when they are collected
      local registry = debug.getregistry()
      local meta = registry._CLIBS and getmetatable(registry._CLIBS)
      if meta then
        meta.__gc(registry._CLIBS)
      end
      registry._CLIBS = nil
      collectgarbage()
      collectgarbage()
      for name, library in pairs(registry) do
        if type(name) == "string" and name:find("^LOADLIB: ") then
          getmetatable(library).__gc(library)
        end
      end
      local maps = io.open("/proc/self/maps"):read("*a")
      for _, name in ipairs(names) do
        print(maps:find(name:gsub("%.", "/") .. ".so", 1, true) ~= nil)
      end
      print(clock() > 0)
      os.exit(0, false)
    ]]
    assert.equal("true\ntrue\ntrue\ntrue\n", output)
  end)

  it("that is missing is an error that lists the searched paths", function()
    local output = script.run [[
      package.cpath = "/nowhere/?.so;/else%where/?.so"
      print(select(2, pcall(require, "klaviyo")))
    ]]
    assert.equal("klaviyo.core is not installed: no shared object in package.cpath\n"
      .. "\tno file '/nowhere/klaviyo/core.so'\n\tno file '/else%where/klaviyo/core.so'\n", output)
  end)

  it("that is damaged is an error with the loader's message", function()
    local output = script.run [[
      local dir = os.tmpname()
      os.remove(dir)
      os.execute("mkdir -p " .. dir .. "/klaviyo && echo no >" .. dir .. "/klaviyo/core.so")
      package.cpath = dir .. "/?.so"
      print(select(2, pcall(require, "klaviyo.core")))
      os.execute("rm -r " .. dir)
    ]]
    assert.matches("^cannot load klaviyo.core: ", output)
  end)
end)

if not jit or worker.missing() then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
end

describe("nginx, reloaded after an upgrade of the rock", function()
  it("keeps the old version, and logs what to do", function()
    local _, dir = shell.run("mktemp -d")
    dir = dir:gsub("%s+$", "")
    shell.run("mkdir " .. dir .. "/klaviyo")
    local file = dir .. "/klaviyo/version.lua"
    shell.write(file, ("return %q\n"):format(version))
    local instance = worker.start({ base_url = "http://127.0.0.1:1", key = "pk_none" }, {
      locations = { ["/version"] = [[ ngx.print(require("klaviyo")._VERSION) ]] },
      replace = { { 'lua_package_path "', 'lua_package_path "' .. dir .. "/?.lua;" } },
    })
    assert.equal(version, (instance:get("/version")))
    shell.write(file, 'return "9.9.9"\n')
    instance:signal("HUP")
    local message = shell.wait_for(function()
      return instance:logs():match("the version of klaviyo.core is [^\n]*")
    end)
    assert.equal(version, (instance:get("/version")))
    instance:stop()
    shell.run("rm -r " .. dir)
    assert.equal(("the version of klaviyo.core is %s, that of the Lua files is 9.9.9: "):format(version)
      .. "a reload keeps the old object in memory; restart nginx, or upgrade its binary", message)
  end)
end)
