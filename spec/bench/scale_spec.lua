package.path = "bench/?.lua;" .. package.path
local scale = require "scale"

-- Returns the figures of a hundred parts.
local function parts_of(us_of, kb_of, other_of)
  local parts = {}
  for i = 1, 100 do
    parts[i] = {us = us_of(i), kb = kb_of(i), other_us = other_of and other_of(i) or 100}
  end
  return parts
end

local function always(value)
  return function() return value end
end

local function problems(...)
  return scale.problems(scale.tenths(parts_of(...)))
end

describe("make bench-scale", function()
  it("finds nothing if memory and time stay constant", function()
    assert.same({}, problems(always(200), always(14000)))
  end)

  it("finds memory that grows by more than 2 MB after the first tenth", function()
    assert.same({}, problems(always(200), function(i) return i > 50 and 16048 or 14000 end))
    assert.same({"memory grew by 2.5 MB"}, problems(always(200), function(i) return i == 50 and 16560 or 14000 end))
    assert.same({}, problems(always(200), function(i) return i < 5 and 12000 or i == 7 and 15000 or 16000 end))
  end)

  it("finds records of the last tenth that take 5 % more time", function()
    assert.same({}, problems(function(i) return 200 + i / 12 end, always(14000)))
    assert.same({"a record of the last tenth takes 10.0 % more time"},
      problems(function(i) return i > 90 and 220 or 200 end, always(14000)))
  end)

  it("allows a machine to become slower", function()
    local function slower(us)
      return function(i) return us * (i > 50 and 3 or 1) end
    end
    assert.same({}, problems(slower(200), always(14000), slower(100)))
  end)

  it("sums the parts of a tenth, and takes its largest memory", function()
    local tenths = scale.tenths(parts_of(function(i) return i end, function(i) return i == 15 and 20 or 10 end))
    assert.same({10, 55, 155, 10, 20}, {#tenths, tenths[1].us, tenths[2].us, tenths[1].kb, tenths[2].kb})
    assert.near(0.055, tenths[1].ratio, 1e-9)
  end)
end)
