-- When a thread yields the processor: spec/support/time_slice_probe.c.
local script = require "spec.support.script"

if not package.searchpath then return end -- Lua 5.1 proper

local probe = assert(package.searchpath("klaviyo.core", package.cpath)):gsub("klaviyo/core%.so$", "time_slice_probe")
local file = io.open(probe)
if not file then
  -- an installed rock has none
  pending("the probe of time slices was not built")
  return
end
file:close()

describe("a time slice", function()
  local yields

  setup(function()
    yields = {}
    local output, status = script.shell(script.quote(probe))
    assert.equal(0, status)
    for name, count in output:gmatch("(%a+) (%d+)") do
      yields[name] = tonumber(count)
    end
  end)

  it("yields after each piece of work that takes longer", function()
    assert.equal(100, yields.long)
  end)

  it("yields after 0.25 ms of short pieces", function()
    -- 100 pieces of 0.03 ms; nine of them are a slice
    assert.equal(11, yields.short)
  end)

  it("does not count the time in which the thread waits", function()
    assert.equal(11, yields.waiting)
    assert.equal(0, yields.idle)
  end)

  it("never yields in a thread that keeps the processor", function()
    assert.equal(0, yields.disabled)
  end)
end)
