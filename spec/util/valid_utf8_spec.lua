local valid_utf8 = require "klaviyo.util.valid_utf8"

describe("valid_utf8", function()
  it("returns valid text unchanged", function()
    for _, text in ipairs {"", "abc", "é", "日本語", "a\240\159\146\169b", "\244\143\191\191", "\237\159\191",
      "\238\128\128"} do
      assert.equal(text, valid_utf8(text))
    end
  end)

  it("replaces each byte that is not part of a character", function()
    for text, expected in pairs {
      ["\255"] = "?", ["a\128b"] = "a?b", ["\195"] = "?", ["\195("] = "?(", ["é\195"] = "é?",
      ["\192\128"] = "??", ["\224\128\128"] = "???", ["\237\160\128"] = "???", ["\244\144\128\128"] = "????",
      ["\240\159\146é"] = "???é",
    } do
      assert.equal(expected, valid_utf8(text))
    end
  end)
end)
