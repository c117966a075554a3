-- tools/imports.lua accepts this tree, and finds planted errors.

local script = require "spec.support.script"
local source_tree = require "spec.support.source_tree"

describe("tools/imports.lua", function()
  local tree = source_tree.here(before_each, after_each)

  -- Runs the tool on a tree with these files.
  local function check(files)
    tree:write(files)
    return tree:run "tools/imports.lua"
  end

  it("accepts this tree", function()
    local output, status = script.shell("lua5.4 tools/imports.lua")
    assert.equal(0, status, output)
    assert.matches("transport +", output)
  end)

  it("accepts imports that point down", function()
    local output, status = check {
      ["lua/klaviyo/client.lua"] = 'return require "klaviyo.util.tables"',
      ["lua/klaviyo/util/tables.lua"] = "return {}",
      ["csrc/http/a.c"] = '#include "base/b.h"\n',
      ["csrc/base/b.h"] = "",
    }
    assert.equal(0, status, output)
  end)

  it("finds an import against the order", function()
    local output, status = check {
      ["lua/klaviyo/client.lua"] = "return {}",
      ["lua/klaviyo/util/tables.lua"] = 'return require "klaviyo.client"',
    }
    assert.equal(1, status)
    assert.matches("lua/klaviyo/util/tables.lua imports lua/klaviyo/client.lua, which is above it", output, 1, true)
  end)

  it("finds a cycle, lazy requires included", function()
    local output, status = check {
      ["lua/klaviyo/util/a.lua"] = 'local b = lazy_require "klaviyo.util.b"\nreturn b',
      ["lua/klaviyo/util/b.lua"] = 'return require "klaviyo.util.a"',
    }
    assert.equal(1, status)
    assert.matches("a cycle of 2 files: lua/klaviyo/util/a.lua, lua/klaviyo/util/b.lua", output, 1, true)
  end)

  it("ignores comments", function()
    local output, status = check {
      ["lua/klaviyo/client.lua"] = "return {}",
      ["lua/klaviyo/util/tables.lua"] = '-- see "klaviyo.client"\nreturn {}',
    }
    assert.equal(0, status, output)
  end)

  it("finds an include against the order, and a cycle of headers", function()
    local output, status = check {
      ["csrc/base/a.h"] = '/* a */\n#include "http/b.h"\n',
      ["csrc/http/b.h"] = '/* b */\n#include "base/a.h"\n',
    }
    assert.equal(1, status)
    assert.matches("csrc/base/a.h imports csrc/http/b.h, which is above it", output, 1, true)
    assert.matches("a cycle of 2 files: csrc/base/a.h, csrc/http/b.h", output, 1, true)
  end)

  it("finds Lua headers in plain C", function()
    local output, status = check {
      ["csrc/http/a.c"] = "/* a */\n#include <lua.h>\n",
      ["csrc/lua/l_a.c"] = "/* a */\n#include <lua.h>\n",
    }
    assert.equal(1, status)
    assert.matches("csrc/http/a.c is plain C and includes lua.h", output, 1, true)
    assert.is_nil(output:find("l_a.c", 1, true))
  end)

  it("requires a layer for every folder", function()
    local output, status = check { ["lua/klaviyo/novel/a.lua"] = "return {}" }
    assert.equal(1, status)
    assert.matches("no layer is named for novel", output)
  end)
end)
