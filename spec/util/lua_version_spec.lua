local script = require "spec.support.script"

local PUBLIC = { "klaviyo", "klaviyo.gateway", "klaviyo.outbox", "klaviyo.sandbox", "klaviyo.webhook" }

local function is_installed(lua)
  local _, status = script.shell("command -v " .. lua)
  return status == 0
end

local function message(lua, name)
  return (script.shell(("%s -e 'print(select(2, pcall(require, \"%s\")))'"):format(lua, name)))
end

describe("an unsupported Lua", function()
  for lua, version in pairs { ["lua5.1"] = "Lua 5.1", ["lua5.2"] = "Lua 5.2" } do
    for _, name in ipairs(PUBLIC) do
      it(("is refused by require: %s, %s"):format(version, name), function()
        if not is_installed(lua) then
          return pending("skipped: " .. lua .. " is not installed")
        end
        assert.equal("klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1; this is " .. version .. "\n", message(lua, name))
      end)
    end
  end

  it("is named by its own version: LuaJIT 2.0", function()
    local output = script.run [[
      jit = {version = "LuaJIT 2.0.5", version_num = 20005}
      print(select(2, pcall(require, "klaviyo")))
    ]]
    assert.equal("klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1; this is LuaJIT 2.0.5\n", output)
  end)

  it("is refused by the shared objects too", function()
    local output = script.run [[
      coroutine.isyieldable = nil
      jit = nil
      print(select(2, pcall(require, "klaviyo.core")))
    ]]
    assert.matches("^klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1; this is Lua 5.%d\n$", output)
  end)
end)

describe("the headers of Lua 5.2", function()
  it("are refused by the compiler", function()
    local dir = os.tmpname()
    os.remove(dir)
    local output, status = script.shell(("mkdir %s && cd %s && : >lauxlib.h"
      .. " && echo '#define LUA_VERSION_NUM 502' >lua.h"
      .. ' && gcc -I. -fsyntax-only -x c "$OLDPWD/csrc/lua/build.h"'):format(dir, dir))
    script.shell("rm -r " .. dir)
    assert.not_equal(0, status)
    assert.matches("klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1, not Lua 5.2", output, 1, true)
  end)
end)
