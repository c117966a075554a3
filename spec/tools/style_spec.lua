-- tools/style.lua accepts the tree as it is, and finds what is planted.

local script = require "spec.support.script"
local source_tree = require "spec.support.source_tree"

describe("tools/style.lua", function()
  local tree = source_tree.here(before_each, after_each)

  -- Runs the tool on a tree of one file.
  local function check(text, name)
    tree:write {[name or "lua/klaviyo/a.lua"] = text}
    return tree:run "tools/style.lua"
  end

  it("accepts the tree as it is", function()
    local output, status = script.shell("lua5.4 tools/style.lua")
    assert.equal(0, status, output)
  end)

  it("finds blanks inside of braces", function()
    for _, code in ipairs {"f { 1}", "f {1 }", "f {{1} }", 'f {"a" }', "f { -- one\n  1 }"} do
      local output, status = check(code .. "\n")
      assert.equal(1, status, code)
      assert.matches("lua/klaviyo/a.lua:%d: blanks inside of braces", output)
    end
  end)

  it("reads no braces in texts and comments", function()
    for _, code in ipairs {"f {1}", 'f "{ 1 }"', "f '{ 1 }'", "f '\\'{ 1 }'", "f [[\n{ 1 }]]", "f [==[ ]] { 1 }]==]",
      "-- { 1 }", "--[[\n{ 1 }]] f()", "f {\n  1,\n}", "f {  -- one\n  1,\n}", 'f "--" -- { 1 }'} do
      local output, status = check(code .. "\n")
      assert.equal(0, status, code .. ": " .. output)
    end
  end)

  it("finds a doc comment with a line of two dashes", function()
    local output, status = check "--- Returns one.\n-- Always.\nreturn 1\n"
    assert.equal(1, status)
    assert.matches("lua/klaviyo/a.lua:2: a doc comment has %-%-%- on every line", output)
    output, status = check "--- Returns one.\n--- Always.\nreturn 1\n\n-- A part -----\n-- two lines\n"
    assert.equal(0, status, output)
  end)

  it("does not look at specs for these", function()
    local output, status = check("f { 1 }\n", "spec/a_spec.lua")
    assert.equal(0, status, output)
  end)

  it("finds a trailing blank, a tab and a missing line end", function()
    for text, problem in pairs {
      ["f() \n"] = "trailing blank", ["\tf()\n"] = "tab", ["f()"] = "no newline at the end",
    } do
      local output, status = check(text)
      assert.equal(1, status, problem)
      assert.matches(problem, output, 1, true)
    end
  end)
end)
