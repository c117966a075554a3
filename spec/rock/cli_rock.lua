-- The command's rock beside klaviyo's own, as a user has both: run by
-- tools/rock.sh from an empty directory.

local klaviyo = require "klaviyo"
local shell = require "klaviyo.sandbox.shell"

local installed = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "installed.lua")

-- Runs the executable without the paths of this process.
local function klaviyo_command(arguments, env)
  return shell.run(("env -u LUA_PATH -u LUA_CPATH -u KLAVIYO_API_KEY -u KLAVIYO_ACCOUNT XDG_CONFIG_HOME=/nonexistent "
    .. "%s %s/bin/klaviyo %s"):format(env or "", shell.quote(installed.tree), arguments))
end

describe("the installed rock of the command", function()
  it("has every module of the tree it came from", function()
    local here, there = installed.modules "-path 'klaviyo/cli*'"
    assert.is_true(#here > 20)
    assert.same(here, there)
  end)

  it("has an executable that finds its modules, and a manual", function()
    local ok, output = klaviyo_command "--version"
    assert.is_true(ok, output)
    assert.equal("klaviyo " .. klaviyo._VERSION .. "\n", output)
    ok, output = klaviyo_command "doctor --offline"
    assert.is_false(ok) -- there is no key
    assert.matches('"check":"libcurl"', output)
    assert.equal(1, #installed.find "*/klaviyo.1")
  end)

  it("calls a sandbox", function()
    local server = assert(klaviyo.sandbox.start {profiles = 3})
    finally(function() server:stop() end)
    local ok, output = klaviyo_command("profiles list --all", ("KLAVIYO_API_KEY=%s KLAVIYO_BASE_URL=%s"):format(
      server.key, server.base_url))
    assert.is_true(ok, output)
    local _, count = output:gsub("\n", "")
    assert.equal(3, count)
  end)
end)
