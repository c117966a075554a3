local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local version = require "klaviyo.version"
local yaml = require "lyaml"

local function read(path)
  return assert(shell.read(path), path)
end

describe("packaging", function()
  it("is of the version of the Lua files", function()
    assert.equal(version, read("packaging/debian/changelog"):match("^lua%-klaviyo %(([%d.]+)%-%d+%) "))
    assert.equal(version, read("packaging/alpine/APKBUILD"):match("\npkgver=([%d.]+)\n"))
  end)

  it("for Alpine is a shell script", function()
    local output, status = script.shell("sh -n packaging/alpine/APKBUILD")
    assert.equal(0, status, output)
  end)

  it("for Alpine has a package of each kind for each Lua", function()
    local output = script.shell [[cd packaging/alpine && srcdir=/src && . ./APKBUILD && echo "$subpackages $builddir"]]
    local expected = {}
    for _, lua in ipairs { "5.1", "5.3", "5.4" } do
      expected[#expected + 1] = (" lua%s-klaviyo:_module lua%s-klaviyo-outbox:_outbox lua%s-klaviyo-redis:_redis")
        :format(lua, lua, lua)
    end
    expected[#expected + 1] = " klaviyo-cli:_cli:noarch klaviyo-cli-doc:_cli_doc:noarch"
    assert.equal(table.concat(expected) .. " /src/klaviyo-" .. version .. "\n", output)
  end)

  it("for Debian has the files of all packages", function()
    local others = ""
    for _, package in ipairs { "lua-klaviyo", "lua-klaviyo-outbox", "lua-klaviyo-redis", "klaviyo-cli" } do
      assert.matches("\nPackage: " .. package .. "\n", read("packaging/debian/control"), 1, true)
      others = others .. read("packaging/debian/" .. package .. ".install")
    end
    -- a rock's folder is in its package alone
    local rules = read("packaging/debian/rules")
    for _, rock in ipairs { "outbox", "redis", "cli" } do
      assert.matches("/klaviyo/" .. rock .. "\n", others, 1, true)
      assert.matches(" -Xklaviyo/" .. rock .. " ", rules, 1, true)
    end
  end)

  it("makes a package of every rock", function()
    for rock in script.shell("ls rockspec"):gmatch "klaviyo%-(%a+)%-scm" do
      if rock ~= "cli" then -- it has no version of Lua in its name
        assert.matches("-klaviyo-" .. rock .. ":_" .. rock, read("packaging/alpine/APKBUILD"), 1, true)
        assert.matches("\nPackage: lua-klaviyo-" .. rock .. "\n", read("packaging/debian/control"), 1, true)
      end
      assert.matches("[ -]install%-" .. rock .. "[ \\\n]", read("packaging/alpine/APKBUILD"))
      assert.matches("[ -]install%-" .. rock .. "[ \\\n]", read("packaging/debian/rules"))
    end
  end)

  it("has a script that works with what is built", function()
    local smoke = read("packaging/smoke.lua")
    local output, status = script.run(smoke, { args = { "outbox.store" } })
    assert.equal(0, status, output)
    assert.equal(_VERSION .. "\t" .. version .. "\n", output)
    output, status = script.run(smoke, { args = { "no_such_module" } })
    assert.is_true(status ~= 0)
    assert.matches("module 'klaviyo.no_such_module' not found", output, 1, true)
  end)
end)

describe("the workflow", function()
  local jobs = yaml.load(read(".github/workflows/ci.yml")).jobs

  -- Calls fn with every job, and with all its commands as one text.
  local function each_job(fn)
    local count = 0
    for name, job in pairs(jobs) do
      local commands = {}
      for _, step in ipairs(job.steps) do
        assert.is_true((step.run == nil) ~= (step.uses == nil), name)
        commands[#commands + 1] = step.run
      end
      fn(name, job, table.concat(commands, "\n"))
      count = count + 1
    end
    return count
  end

  it("runs commands of the README in every job", function()
    -- the code of the README: blocks of the shell, and calls of make
    local known = {}
    for block in read("README.md"):gmatch "\n```sh\n(.-)\n```" do
      for command in block:gmatch "[^\n]+" do
        known[#known + 1] = command:gsub("%s+#.*", "")
      end
    end
    for command in read("README.md"):gmatch "`(make [^`\n]+)`" do
      known[#known + 1] = command
    end
    assert.equal(3, each_job(function(name, job, commands)
      assert.truthy(job["runs-on"], name)
      local found = 0
      for _, command in ipairs(known) do
        found = found + (commands:find(command, 1, true) and 1 or 0)
      end
      assert.is_true(found > 0, name)
    end))
  end)

  it("names every system that the README says it proves", function()
    local text = read(".github/workflows/ci.yml")
    for _, system in ipairs { "debian:12", "debian:13", "ubuntu:", "alpine:", "macos-", "-arm" } do
      assert.matches(system, text, 1, true)
    end
  end)
end)
