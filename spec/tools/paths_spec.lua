-- The three paths that docs/architecture.md describes stay short.

local script = require "spec.support.script"

-- The maximum of Lua calls and of files for each.
local PATHS = {
  {"client.profiles:get(id)", 22, 9},
  {"client.profiles:each{…}", 110, 11},
  {"client.events:track{…}", 60, 9},
}

describe("tools/paths.lua", function()
  it("counts the calls and files of a call, a loop and an event", function()
    local output, status = script.shell(script.interpreter .. " tools/paths.lua")
    assert.equal(0, status, output)
    for _, path in ipairs(PATHS) do
      local calls, files = output:match(path[1]:gsub("%p", "%%%0")
        .. " +(%d+) calls in +(%d+) files")
      assert.truthy(calls, output)
      assert.is_true(tonumber(calls) > 0 and tonumber(calls) <= path[2], output)
      assert.is_true(tonumber(files) > 0 and tonumber(files) <= path[3], output)
    end
  end)
end)
