local json = require "klaviyo.sandbox.json"

describe("the sandbox's JSON", function()
  it("distinguishes arrays, objects and null", function()
    local value = json.decode '{"a":[],"b":{},"c":null,"d":[null,false]}'
    assert.equal("array", json.kind(value.a))
    assert.equal("object", json.kind(value.b))
    assert.equal("null", json.kind(value.c))
    assert.equal("[]", json.encode(value.a))
    assert.equal("{}", json.encode(value.b))
    assert.equal("[null,false]", json.encode(value.d))
  end)

  it("returns numbers as they were written", function()
    for _, text in ipairs {"0", "-1", "9.99", "1e+22", "12345678901234567890",
      "9007199254740993", "0.1234567890123456789", "1e400", "-0.5"} do
      local value = assert(json.decode(text))
      local again = json.encode(value)
      assert.is_true(again == text or tonumber(again) == tonumber(text), again)
      if #text > 16 then
        assert.equal(text, again)
      end
    end
    assert.equal("integer", json.kind(json.decode "12345678901234567890"))
    assert.equal("number", json.kind(json.decode "1.5"))
  end)

  it("decodes every escape", function()
    assert.equal('"\\/\b\f\n\r\t\195\169\240\159\152\128\0',
      (json.decode [["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000"]]))
    assert.equal([["\"\\/\b\n\u0001é"]], json.encode '"\\/\b\n\1é')
  end)

  it("rejects what is not JSON", function()
    for _, text in ipairs {"", "[1,]", '{"a":1,}', '{"a":1,"a":2}', "NaN",
      "Infinity", "-", "01", "1.", ".5", "+1", "1e", "'a'", '"\1"', '"\\x"',
      '"\\ud83d"', '"\\ude00"', '"a', "[1", "[1 2]", "{1:2}", "1 2", "truex",
      "nul", "\255", '"\192\128"', '"\237\160\128"', '"\244\144\128\128"',
      "\239\187\191{}", ("["):rep(501) .. ("]"):rep(501)} do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(message)
    end
  end)

  it("writes members in the order of their shape", function()
    local shape = json.shape {"type", "id", "none"}
    assert.equal('{"type":"list","id":"x"}',
      json.encode(setmetatable({id = "x", type = "list"}, shape)))
  end)
end)
