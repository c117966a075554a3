-- The man page and docs/cli.md are what `make reference` writes.
local script = require "spec.support.script"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The tools run under Lua 5.4, whichever Lua runs this: with the core that is built
-- for it.
local OTHER_LUA = _VERSION ~= "Lua 5.4" and 'LUA_CPATH="$PWD/build/lua5.4/?.so;$LUA_CPATH" ' or ""

-- Runs the tool in the place and the zone of the recordings.
local function written(call)
  local path = os.tmpname()
  local output, status = script.shell(("TZ=UTC LC_ALL=C.UTF-8 %slua5.4 -e %s >%s"):format(OTHER_LUA, script.quote(
    'package.path = "tools/?.lua;" .. package.path; local pages = require "cli_pages"; io.write(' .. call .. ")"),
    path))
  local text = read(path)
  os.remove(path)
  assert.equal(0, status, output)
  return text
end

local function not_built()
  local _, status = script.shell("test -e build/lua5.4/klaviyo/core.so")
  return OTHER_LUA ~= "" and status ~= 0 and "the core is not built for Lua 5.4" or nil
end

describe("the man page", function()
  it("is what `make reference` writes", function()
    if not_built() then
      return pending(not_built())
    end
    assert.equal(written "pages.man()", read "docs/klaviyo.1")
  end)

  it("has every command and every exit status", function()
    local text = read "docs/klaviyo.1"
    for _, command in ipairs(require "klaviyo.cli.commands") do
      if not command.extends and command.name ~= "client" then
        assert.matches("\n.SS \\fBklaviyo " .. command.name, text, 1, true)
      end
    end
    for name, status in pairs(require "klaviyo.cli.exit_status") do
      if name ~= "BROKEN_PIPE" then
        assert.matches("\n\\fB" .. status .. "\\fR\n", text, 1, true)
      end
    end
  end)

  it("is valid for man", function()
    local _, missing = script.shell("command -v mandoc || command -v groff")
    if missing ~= 0 then
      return pending("neither mandoc nor groff is installed")
    end
    local output, status = script.shell("if command -v groff >/dev/null; "
      .. "then groff -man -Tascii -ww -z docs/klaviyo.1; else mandoc -T lint -W error docs/klaviyo.1; fi")
    assert.same({0, ""}, {status, output})
  end)
end)

describe("docs/cli.md", function()
  it("is what `make reference` writes", function()
    if not_built() then
      return pending(not_built())
    end
    assert.equal(written 'pages.page(io.open("docs/cli.md", "rb"):read("*a"))', read "docs/cli.md")
  end)

  it("has all commands, and no key", function()
    local text = read "docs/cli.md"
    for _, command in ipairs(require "klaviyo.cli.commands") do
      assert.matches("| `klaviyo " .. command.name .. "` |", text, 1, true)
    end
    assert.not_matches("pk_%w", text)
  end)

  it("has screens that fit 80 columns", function()
    local count = 0
    for command, screen in read("docs/cli.md"):gmatch("\n```console\n%$ ([^\n]*)\n(.-)\n```") do
      count = count + 1
      assert.not_matches("defect of klaviyo", screen)
      for line in screen:gmatch("[^\n]+") do
        assert.is_true(#line:gsub("[\128-\191]", "") <= 80 or line:find("^curl ") ~= nil, command .. ": " .. line)
      end
    end
    assert.is_true(count >= 8)
  end)
end)
