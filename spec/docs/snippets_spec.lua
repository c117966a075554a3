-- Runs every Lua snippet of the README and of the pages in docs/, in their order,
-- against a sandbox in place of the service and the gateway.

local snippets = require "spec.support.snippets"
local script = require "spec.support.script"

-- These pages have specs of their own.
local ELSEWHERE = {["docs/reference.md"] = true, ["docs/resources.md"] = true}

local function pages()
  local list = {}
  for path in script.shell("ls README.md docs/*.md"):gmatch("[^\n]+") do
    if not ELSEWHERE[path] then
      list[#list + 1] = path
    end
  end
  return list
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

for _, path in ipairs(pages()) do
  local list = snippets.of(path)

  describe(path, function()
    local server, env

    setup(function()
      if #list > 0 then
        server = assert(require("klaviyo.sandbox").start {profiles = 250})
        env = snippets.environment(server)
      end
    end)

    teardown(function()
      if server then
        server:stop()
      end
    end)

    it("has no other Lua snippets", function()
      local _, fences = ("\n" .. read(path)):gsub("\n```lua", "")
      assert.equal(fences, #list)
    end)

    for _, snippet in ipairs(list) do
      it("runs the snippet at line " .. snippet.line, function()
        snippets.compile(snippet, env)()
      end)
    end
  end)
end

it("finds the snippets of the README, the guide and the page on nginx", function()
  for path, minimum in pairs {
    ["README.md"] = 2, ["docs/guide.md"] = 25, ["docs/nginx.md"] = 3,
  } do
    assert.is_true(#snippets.of(path) >= minimum, path)
  end
end)

it("finds at most 220 lines in the README", function()
  local _, lines = read("README.md"):gsub("\n", "")
  assert.is_true(lines <= 220)
end)

-- For "[…](guide.md#errors)" the page exists, and has that heading.
it("finds the target of each link", function()
  local cache = {}
  local function anchors(path)
    if not cache[path] then
      cache[path] = {}
      local text = ("\n" .. read(path)):gsub("\n```.-\n```", "")
      for heading in text:gmatch("\n#+ ([^\n]+)") do
        local name = heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")
        cache[path][name] = true
      end
    end
    return cache[path]
  end

  local checked = 0
  for path in script.shell("ls *.md docs/*.md"):gmatch("[^\n]+") do
    local folder = path:match("^.*/") or ""
    for link in read(path):gmatch("%]%(([^%s()]+)%)") do
      local name, anchor = link:match("^([^#]*)#?(.*)$")
      if not link:find("^%a+:") then
        local target = name == "" and path or folder .. name
        target = target:gsub("^docs/%.%./", "")
        local file = io.open(target)
        assert.truthy(file, ("%s links to %s"):format(path, link))
        file:close()
        assert.is_true(anchor == "" or anchors(target)[anchor] == true,
          ("%s links to %s"):format(path, link))
        checked = checked + 1
      end
    end
  end
  assert.is_true(checked > 40)
end)
