local keys = require "klaviyo.util.tables"

describe("klaviyo.util.tables", function()
  it("sorts the keys of a table", function()
    assert.same({ "a", "b", "c" }, keys.sorted { c = 1, a = false, b = {} })
    assert.same({ 1, 2, 10 }, keys.sorted { [10] = true, [2] = true, [1] = true })
    assert.same({}, keys.sorted {})
    assert.same({}, keys.sorted(nil))
  end)

  it("makes a list's items keys", function()
    assert.same({ a = true, b = true }, keys.set { "b", "a", "b" })
    assert.same({}, keys.set {})
    assert.same({}, keys.set(nil))
  end)
end)
