-- The map of docs/architecture.md is that of the tree.

local shell = require "klaviyo.sandbox.shell"

local PAGE = assert(shell.read("docs/architecture.md"))

-- Returns the folders that git knows, up to a depth, below a folder.
local function folders(below, depth)
  local list, known = {}, {}
  local _, output = shell.run("git ls-files " .. below)
  for file in output:gmatch("[^\n]+") do
    local folder = file:match("^" .. ("[^/]+/"):rep(depth))
    if folder and not known[folder] then
      known[folder] = true
      list[#list + 1] = folder:sub(1, -2)
    end
  end
  return list
end

local function is_there(path)
  return (shell.run("test -e " .. shell.quote(path)))
end

describe("docs/architecture.md", function()
  if not is_there(".git") then
    pending("the folders of the tree: this is not a git repository")
    return
  end

  it("names only paths that exist", function()
    local count = 0
    for path in PAGE:gmatch("`([%w_./-]+)`") do
      local top = path:match("^([%w_]+)/")
      if top and is_there(top) then
        assert.is_true(is_there(path), path)
        count = count + 1
      end
    end
    assert.is_true(count > 50, count)
  end)

  it("names each folder", function()
    local rows = PAGE:match("\n## Folders\n(.-)\n## ")
    for _, folder in ipairs(folders(".", 1)) do
      if folder:sub(1, 1) ~= "." then
        assert.truthy(rows:find("`" .. folder .. "[`/]"), folder)
      end
    end
    local layers = PAGE:match("\n## Layers\n(.-)\n## ")
    for _, folder in ipairs(folders("csrc", 2)) do
      assert.truthy(layers:find(folder, 1, true), folder)
    end
    for _, folder in ipairs(folders("lua/klaviyo", 3)) do
      local name = folder:match("[^/]+$")
      assert.truthy(layers:find("%f[%w_]" .. name .. "%f[^%w_]"), name)
    end
    for _, folder in ipairs(folders("spec", 2)) do
      local name = folder:match("[^/]+$")
      assert.is_true(name == "bench" or name == "core" or name == "docs" or name == "tools"
        or is_there("lua/klaviyo/" .. name) or rows:find("`spec/" .. name .. "`", 1, true) ~= nil, name)
    end
  end)
end)
