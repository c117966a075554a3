local tables = require "klaviyo.util.tables"

describe("klaviyo.util.tables", function()
  it("sorts the keys of a table", function()
    assert.same({ "a", "b", "c" }, tables.sorted { c = 1, a = false, b = {} })
    assert.same({ 1, 2, 10 }, tables.sorted { [10] = true, [2] = true, [1] = true })
    assert.same({}, tables.sorted {})
    assert.same({}, tables.sorted(nil))
  end)

  it("makes a set of a list", function()
    assert.same({ a = true, b = true }, tables.set { "b", "a", "b" })
    assert.same({}, tables.set {})
    assert.same({}, tables.set(nil))
  end)
end)
