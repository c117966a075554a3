-- tools/words.lua accepts this tree, and finds planted words and phrases.

local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local source_tree = require "spec.support.source_tree"

describe("tools/words.lua", function()
  local tree = source_tree.here(before_each, after_each)

  before_each(function()
    -- the tool is copied without its exceptions: the tree of a spec needs none
    local text = shell.read("tools/words.lua"):gsub("local EXCEPTIONS = {\n.-\n}\n", "local EXCEPTIONS = {}\n")
    tree:write {["words.lua"] = text, [".gitignore"] = "words.lua\n"}
  end)

  -- Runs the tool on a tree with these files.
  local function check(files)
    tree:write(files)
    return script.shell(("cd %s && LUA_PATH='%s/tools/?.lua' lua5.4 words.lua"):format(tree.dir, tree.root))
  end

  it("accepts this tree", function()
    local output, status = script.shell("lua5.4 tools/words.lua")
    assert.equal(0, status, output)
  end)

  it("has a reason for each exception", function()
    local list = shell.read("tools/words.lua"):match("local EXCEPTIONS = {\n(.-)\n}\n")
    local count = 0
    for line in list:gmatch("[^\n]+") do
      assert.matches('^  {"[^"]+", "[^"]+", [^,}]+},$', line)
      count = count + 1
    end
    assert.is_true(count > 0)
  end)

  it("accepts the words of the documentation", function()
    local output, status = check {
      ["lua/klaviyo/a.lua"] = 'local pending = "a flight"  -- there is no world, and it is no longer\n',
      ["csrc/http/a.c"] = "/* are no more */\nint machinery; // sub_world\nchar *text = \"door\";\n",
      ["spec/contract/a.js"] = "const response = `a world`; // judge\n",
      ["README.md"] = "There are no dependencies.\n",
    }
    assert.equal("", output)
    assert.equal(0, status)
  end)

  it("finds an identifier, also as a part of a longer one", function()
    local output, status = check {
      ["lua/klaviyo/a.lua"] = "-- a comment\nlocal flight = 1\nlocal new_world = flight\n",
      ["csrc/http/a.c"] = "static int machine_turn (void);\n#define MOST_SLOTS 3\n",
    }
    assert.equal(1, status)
    assert.matches('lua/klaviyo/a.lua:2: the identifier "flight": use pending', output, 1, true)
    assert.matches('lua/klaviyo/a.lua:3: the identifier "new_world": use state, fixture', output, 1, true)
    assert.matches('csrc/http/a.c:1: the identifier "machine_turn": use loop', output, 1, true)
    assert.matches('csrc/http/a.c:2: the identifier "MOST_SLOTS": use MAX_', output, 1, true)
  end)

  it("finds the name of a file", function()
    local output, status = check {["lua/klaviyo/catalogue.lua"] = "return {}\n"}
    assert.equal(1, status)
    assert.matches('lua/klaviyo/catalogue.lua:1: the file name "catalogue": use operations', output, 1, true)
  end)

  it("finds a phrase in code, comments, strings and pages", function()
    local output, status = check {
      ["lua/klaviyo/a.lua"] = "-- A request under way.\nerror(\"the id is said twice\")\n",
      ["csrc/http/a.c"] = "/* This is no error. */\n",
      ["tools/a.sh"] = "# for who says none\n",
      ["docs/guide.md"] = "One line.\nWhoever calls it.\n",
    }
    assert.equal(1, status)
    assert.matches('lua/klaviyo/a.lua:1: "under way": write in progress', output, 1, true)
    assert.matches('lua/klaviyo/a.lua:2: "said": write', output, 1, true)
    assert.matches('csrc/http/a.c:1: "is no error": write is not a', output, 1, true)
    assert.matches('tools/a.sh:1: "for who": write if the caller', output, 1, true)
    assert.matches('docs/guide.md:2: "whoever": write', output, 1, true)
  end)

  it("finds an exception that is not needed", function()
    local text = shell.read(tree.dir .. "/words.lua")
    shell.write(tree.dir .. "/words.lua", (text:gsub("local EXCEPTIONS = {}",
      'local EXCEPTIONS = {{"a.lua", "flight", "a name"}, {"b.lua", "x", "none"}}')))
    local output, status = check {["a.lua"] = "local flight = 1\n"}
    assert.equal(1, status)
    assert.equal('tools/words.lua:1: the exception "x" of b.lua is not needed\n', output)
  end)
end)
