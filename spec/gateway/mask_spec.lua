local mask = require "klaviyo.gateway.mask"

-- Returns the output for chunks of this size.
local function masked(text, size)
  local one, parts = mask.new "aab", {}
  for at = 1, math.max(#text, 1), size do
    parts[#parts + 1] = one:feed(text:sub(at, at + size - 1), at + size > #text)
  end
  return table.concat(parts)
end

describe("klaviyo.gateway.mask", function()
  it("finds a secret in chunks of any size", function()
    for text, wanted in pairs {
      [""] = "", a = "a", aa = "aa", aab = "[redacted]", aaab = "a[redacted]", aabaab = "[redacted][redacted]",
      xaabaaxaab = "x[redacted]aax[redacted]", baa = "baa", aabaa = "[redacted]aa",
    } do
      for size = 1, 8 do
        assert.equal(wanted, masked(text, size), text .. " in chunks of " .. size)
      end
    end
  end)

  it("buffers only a possible start of a secret", function()
    local one = mask.new "aab"
    assert.equal("x", one:feed "xya")
    assert.equal("yaz", one:feed("z", true))
  end)
end)
