local nearest_names = require "klaviyo.util.nearest_names"

describe("nearest_names.nearest", function()
  local names = { "first_name", "last_name", "email", "phone_number", "webhook-topics" }

  it("finds a misspelt name", function()
    assert.equal("first_name", nearest_names.nearest("firstname", names))
    assert.equal("first_name", nearest_names.nearest("First_Name", names))
    assert.equal("first_name", nearest_names.nearest("frist_name", names))
    assert.equal("email", nearest_names.nearest("e-mail", names))
    assert.equal("webhook-topics", nearest_names.nearest("webhook_topic", names))
    assert.equal("email", nearest_names.nearest("email", names))
  end)

  it("finds a name with two letters swapped", function()
    assert.equal("email", nearest_names.nearest("emial", names))
    assert.equal("name", nearest_names.nearest("nmae", { "name" }))
  end)

  it("accepts a set too", function()
    assert.equal("email", nearest_names.nearest("emails", { email = true, phone = true }))
  end)

  it("suggests no name if none is near", function()
    assert.is_nil(nearest_names.nearest("birthday", names))
    assert.is_nil(nearest_names.nearest("x", {}))
    assert.is_nil(nearest_names.nearest("", names))
  end)

  it("accepts any value as a name", function()
    assert.equal("12", nearest_names.nearest(12, { "12" }))
    assert.is_nil(nearest_names.nearest(true, { "email" }))
  end)

  it("returns the same name every time", function()
    for _ = 1, 20 do
      assert.equal("ab", nearest_names.nearest("ax", { ac = true, ab = true, ad = true }))
    end
  end)
end)
