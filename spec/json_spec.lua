local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

describe("klaviyo.json.decode", function()
  it("returns every value that JSON has", function()
    assert.equal(false, (klaviyo.json.decode "false"))
    assert.equal(klaviyo.null, (klaviyo.json.decode "null"))
    assert.same({a = {1, 2}}, (klaviyo.json.decode '{"a":[1,2]}'))
    assert.is_nil((select(2, klaviyo.json.decode "false")))
  end)

  it("returns nil and an error that names the byte", function()
    for _, text in ipairs {"", "{", "[1,]", "nil"} do
      local value, err = klaviyo.json.decode(text)
      assert.is_nil(value)
      assert.is_true(errors.is(err))
      assert.equal("decode", err.kind)
      local _, message = json.decode(text)
      assert.equal(message, err.message)
    end
    local value, err = klaviyo.json.decode(5)
    assert.is_nil(value)
    assert.equal("klaviyo: expected a string, got number", tostring(err))
  end)
end)
