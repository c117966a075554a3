-- tools/lua55.lua accepts the tree as it is, and finds what Lua 5.5 does not accept.

local script = require "spec.support.script"

describe("tools/lua55.lua", function()
  local name

  before_each(function()
    name = os.tmpname()
  end)

  after_each(function()
    os.remove(name)
  end)

  -- Returns what the tool says of a file: its lines, without the file's name.
  local function check(text)
    local file = assert(io.open(name, "w"))
    file:write(text)
    file:close()
    local output, status = script.shell("lua5.4 tools/lua55.lua " .. script.quote(name))
    assert.equal(output == "" and 0 or 1, status, output)
    return (output:gsub("[^\n]*:(%d+): ", "%1: "))
  end

  it("accepts the tree as it is", function()
    local output, status = script.shell("lua5.4 tools/lua55.lua")
    assert.same({ "", 0 }, { output, status })
  end)

  it("finds an assignment to the control variable of a loop", function()
    local message = ": i is the control variable of a loop: Lua 5.5 cannot assign to it\n"
    assert.equal("2" .. message, check "for i = 1, 2 do\n  i = 3\nend\n")
    assert.equal("2" .. message, check "for i, j in pairs {} do\n  j, i = 3, 4\nend\n")
    assert.equal("3" .. message, check "for i in pairs {} do\n  if i then\n  function i() end\n  end\nend\n")
    assert.equal("1" .. message, check "for i = 1, 2 do f(function() while true do i = 3 end end) end\n")
  end)

  it("accepts assignments to other variables of that name", function()
    assert.equal("", check [[
      for i, j in pairs {} do
        j = i
        local i = j
        i = 4
        f(function(i) i = 5 end)
      end
      for i = 1, 2 do
        do
          local function i() end
          i = 2
        end
        t.i = i
      end
      i = 1
    ]])
    assert.matches("^3: i is the control", check "for i = 1, 2 do\n  do local i = 1; i = 2 end\n  i = 2\nend\n")
  end)

  it("finds the keyword global", function()
    local message = ": the name global is a keyword of Lua 5.5\n"
    assert.equal("1" .. message, check "local global = 1\n")
    assert.equal("1" .. message, check "return global\n")
    assert.equal("1" .. message, check "return function(global) end\n")
    assert.equal("", check "return {['global'] = 1}\n")
  end)

  it("finds options that collectgarbage no longer has", function()
    assert.equal("1: collectgarbage has no option setpause in Lua 5.5\n", check "collectgarbage('setpause', 1)\n")
    assert.equal("", check "collectgarbage('count')\n")
  end)

  it("excepts a line that says so", function()
    assert.equal("", check "collectgarbage('setpause', 1) -- not for Lua 5.5\n")
  end)
end)
