-- make revision: what tools/revisions.sh writes for an OpenAPI document.

local cjson = require "cjson"
local folder = require "spec.support.folder"
local openapi_document = require "spec.support.openapi_document"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

package.path = "tools/?.lua;" .. package.path
local entry = require "revision_entry"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local INDEX = "lua/klaviyo/operations/revisions/index.lua"

-- Returns the value of the text of an index.
local function value_of(text)
  return assert((loadstring or load)(text))()
end

describe("the index of revisions", function()
  local index = value_of(read(INDEX))

  it("is what the tool writes", function()
    assert.equal(read(INDEX), entry.index(index))
  end)

  it("gets a stable revision, in order", function()
    local added = value_of(entry.index(entry.added(index, "2031-01-15")))
    assert.equal("2031-01-15", added[#index + 1])
    assert.equal("2031-01-15", added.documented)
    assert.same(index.betas, added.betas)
    assert.same(index.provisional, added.provisional)
    local between = entry.added(index, "2025-02-15")
    assert.same({"2025-01-15", "2025-02-15", "2025-04-15"}, {between[2], between[3], between[4]})
    assert.equal(index.documented, between.documented)
  end)

  it("keeps a revision that it has", function()
    assert.equal(entry.index(index), entry.index(entry.added(index, "2025-01-15")))
    assert.equal(entry.index(index), entry.index(entry.added(index, index.betas[1])))
  end)

  it("has a provisional revision until there is a document of it", function()
    local own = {"2030-01-15", "2030-04-15", betas = {}, documented = "2030-01-15",
      provisional = {["2030-04-15"] = true}}
    local added = entry.added(own, "2030-04-15")
    assert.same({"2030-01-15", "2030-04-15", betas = {}, documented = "2030-04-15", provisional = {}},
      value_of(entry.index(added)))
    assert.same({["2030-04-15"] = true}, own.provisional)
  end)

  it("gets a beta revision", function()
    local added = value_of(entry.index(entry.added(index, "2031-01-15.pre")))
    assert.equal("2031-01-15.pre", added.betas[#index.betas + 1])
    assert.equal(#index, #added)
    assert.equal(index.documented, added.documented)
  end)
end)

describe("the changelog", function()
  local DIFF = {from = "2026-07-15", added = {"a", "b"}, removed = {}, changed = {{}}}
  local ENTRY = "- Revision 2031-01-15: 2 new operations, 0 removed, 1 changed since 2026-07-15 (docs/revisions.md)."
  local OLD = "\n## [0.1.0]\n\n### Added\n\n- Old.\n"

  it("gets an entry with the number of changes", function()
    assert.equal(ENTRY, entry.entry("2031-01-15", DIFF))
    assert.equal("- Beta revision 2031-01-15.pre: 2 new operations, 0 removed, 1 changed since 2026-07-15.",
      entry.entry("2031-01-15.pre", DIFF))
  end)

  it("has it below Unreleased, Added, Revisions", function()
    local before = "# Changelog\n\n## [Unreleased]\n\n### Added\n\nCalls\n\n- One.\n" .. OLD
    local once = "# Changelog\n\n## [Unreleased]\n\n### Added\n\nRevisions\n\n" .. ENTRY
      .. "\n\nCalls\n\n- One.\n" .. OLD
    assert.equal(once, entry.changelog(before, ENTRY))
    assert.equal(once:gsub("Revisions\n\n", "%0- Revision 2032-01-15: x.\n"),
      (entry.changelog(once, "- Revision 2032-01-15: x.")))
  end)

  it("creates these headings after a release", function()
    local before = "# Changelog\n\n## [Unreleased]\n" .. OLD
    assert.equal("# Changelog\n\n## [Unreleased]\n\n### Added\n\nRevisions\n\n" .. ENTRY .. "\n" .. OLD,
      entry.changelog(before, ENTRY))
  end)

  it("has one entry for each revision", function()
    local before = "## \n## [Unreleased]\n\n### Added\n\nRevisions\n\n- Revision 2031-01-15: x.\n- Two.\n" .. OLD
    local after = entry.changelog(before, ENTRY)
    assert.equal("## \n## [Unreleased]\n\n### Added\n\nRevisions\n\n" .. ENTRY .. "\n- Two.\n" .. OLD, after)
    assert.equal(after, entry.changelog(after, ENTRY))
  end)
end)

describe("tools/revisions.sh", function()
  local folders = folder.here(teardown)
  local dir

  setup(function()
    dir = folders.new()
    assert(shell.run(("cp -R lua tools docs types CHANGELOG.md %s"):format(script.quote(dir))))
  end)

  -- Runs the script in the copy, whose modules are used.
  local function run(arguments)
    return script.shell(("cd %s && LUA_PATH=';' LUA=%s tools/revisions.sh %s"):format(script.quote(dir),
      script.quote(script.interpreter), arguments))
  end

  it("adds a revision: its data, the documentation, the types and a changelog entry", function()
    local document = openapi_document.new "2031-01-15"
    shell.write(dir .. "/document.json", cjson.encode(document))
    local output, status = run "document.json"
    assert.equal(0, status, output)
    local index = value_of(read(dir .. "/" .. INDEX))
    assert.equal("2031-01-15", index[#index])
    assert.equal("2031-01-15", index.documented)
    assert.matches('date = "2031%-01%-15"', read(dir .. "/lua/klaviyo/operations/revisions/2031-01-15.lua"))
    assert.matches("create_gadget POST /api/gadgets",
      read(dir .. "/lua/klaviyo/operations/revisions/2031-01-15.lua"), 1, true)
    local section = read(dir .. "/docs/revisions.md"):match "\n## 2031%-01%-15\n(.*)$"
    assert.matches("| `create_gadget`, `get_gadget` |  | new |", section, 1, true)
    assert.matches("\n%- Revision 2031%-01%-15: 2 new operations", read(dir .. "/CHANGELOG.md"))
    assert.equal(read "docs/resources.md", read(dir .. "/docs/resources.md"))
    -- the newest revision has types
    assert.matches("gadgets", read(dir .. "/types/klaviyo-2031-01-15/library/klaviyo/resources.lua"), 1, true)
    assert.is_nil(io.open(dir .. "/types/klaviyo-" .. value_of(read(INDEX)).documented .. "/config.json"))
    assert.matches("types/klaviyo-2031-01-15", read(dir .. "/docs/guide.md"), 1, true)
  end)

  it("finds data files that do not match their documents", function()
    shell.run(("mkdir -p %s/api && cp %s/document.json %s/api/2031-01-15.json"):format(dir, dir, dir))
    local output, status = run "--check api"
    assert.equal(0, status, output)
    assert.matches("revisions: 2031-01-15 matches its document\n", output, 1, true)
    assert.matches("revisions: schemas/2031-01-15 matches its document\n", output, 1, true)
    assert.matches("revisions: 2024-10-15 is not checked, no api/2024-10-15.json\n", output, 1, true)
    local path = dir .. "/lua/klaviyo/operations/revisions/2031-01-15.lua"
    shell.write(path, (read(path):gsub("/api/gadgets ", "/api/gizmos ")))
    output, status = run "--check api"
    assert.equal(1, status)
    assert.matches("revisions: 2031-01-15 does not match its document:\n", output, 1, true)
  end)

  it("changes nothing if the document cannot be used", function()
    shell.write(dir .. "/page.html", "<html>")
    local before = read(dir .. "/" .. INDEX)
    local output, status = run "page.html"
    assert.is_true(status ~= 0)
    assert.matches("page.html: it is not JSON", output, 1, true)
    assert.equal(before, read(dir .. "/" .. INDEX))
    output, status = run '""'
    assert.equal(2, status)
    assert.matches("make revision SPEC=openapi.json", output, 1, true)
  end)

  it("checks the revisions of the library, betas and provisional ones too", function()
    local path = "../shared/openapi"
    if not io.open(path .. "/2026-07-15.pre.json") then
      pending "there is no ../shared/openapi"
      return
    end
    local output, status = script.shell(("LUA=%s tools/revisions.sh --check %s"):format(
      script.quote(script.interpreter), path))
    assert.equal(0, status, output)
    for _, name in ipairs {"2024-10-15", "2026-07-15-pre", "schemas/2026-07-15-pre", "2026-10-15",
        "schemas/2026-10-15"} do
      assert.matches("revisions: " .. name .. " matches its document\n", output, 1, true)
    end
    assert.is_nil(output:find("not checked", 1, true))
  end)
end)
