-- lua/klaviyo/util/base64.lua
local base64 = require "klaviyo.util.base64"

describe("base64", function()
  -- RFC 4648, section 10
  local PAIRS = {[""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
    fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\255\254\253"] = "//79"}

  it("encodes and decodes", function()
    for text, encoded in pairs(PAIRS) do
      assert.equal(encoded, base64.encode(text))
      assert.equal(text, base64.decode(encoded))
    end
  end)

  it("encodes for URLs, without padding", function()
    assert.equal("__79", base64.encode_url("\255\254\253"))
    assert.equal("Zg", base64.encode_url("f"))
    assert.equal("-A", base64.encode_url("\248"))
  end)

  it("returns nil for what is not base64", function()
    for _, text in ipairs {"Z", "Zg=", "Zg!=", "====", "Zg==Zg=="} do
      assert.is_nil(base64.decode(text))
    end
  end)
end)
