-- The end of an output names what failed: tools/failures.sh, and tools/test.sh,
-- which calls it.
local folder = require "spec.support.folder"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local SPECS = [[
    1.0 s  spec/a_spec.lua: 3 passed, 1 pending
Pending -> spec/a_spec.lua @ 3
a waits
not here
    2.0 s  spec/b_spec.lua: 16 passed, 2 failed
klaviyo: a warning
Failure -> ./spec/support/together.lua @ 27
b is small
spec/b_spec.lua:9: too large
Passed in:
(number) 4

Error -> spec/b_spec.lua @ 12
b is there
nil
    0.3 s  spec/c_spec.lua: 1 passed
19 successes / 1 failures / 1 errors / 1 pending : 2.0 seconds
make[1]: *** [mk/dev.mk:159: spec] Error 1
]]

describe("the end of an output", function()
  local folders = folder.here(after_each)
  local dir

  before_each(function()
    dir = folders.new()
  end)

  local function failures(step, output, more)
    shell.write(dir .. "/log", output)
    return (script.shell(("tools/failures.sh %s %s/log %s"):format(step, dir, more or "")))
  end

  it("has the name and the message of each spec that failed", function()
    assert.equal([[
! failed: spec-lua5.4
! spec/b_spec.lua: b is small
!   spec/b_spec.lua:9: too large | Passed in: | (number) 4
! spec/b_spec.lua: b is there
!   nil
]], failures("spec-lua5.4", SPECS))
  end)

  it("has the sanitizers' summaries", function()
    assert.equal("! failed: asan\n! SUMMARY: AddressSanitizer: 4 bytes leaked\n",
      failures("asan", "==1==ERROR\nSUMMARY: AddressSanitizer: 4 bytes leaked\n"))
  end)

  it("has the last lines of another output", function()
    assert.equal("! failed: lint\n!   a.lua:3: wrong\n!   1 warning\n",
      failures("lint", "a.lua:3: wrong\n\n1 warning\n"))
    assert.equal("! failed: lint\n", failures("lint", ""))
  end)

  it("has what a program in the step has reported", function()
    local inner = failures("spec-lua5.4", SPECS)
    assert.equal("! failed: test\n" .. inner, failures("test", SPECS .. inner .. "19 passed, 2 failed\n"))
  end)

  it("is not long", function()
    assert.equal("! failed: spec-lua5.4\n! spec/b_spec.lua: b is small\n! and 3 more lines\n",
      failures("spec-lua5.4", SPECS, "1"))
  end)

  it("repeats the failures before the last line of make test", function()
    local output, status = script.shell(("TEST_LOG=%s/logs tools/test.sh no-such-step canary"):format(dir))
    assert.equal(1, status)
    assert.matches("\n! failed: no%-such%-step\n!   make[^\n]+\n! failed: canary\n!   canary: the logs are empty\n"
      .. "0 passed, 2 failed\n$", output)
  end)
end)
