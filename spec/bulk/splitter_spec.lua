local splitter = require "klaviyo.bulk.splitter"

describe("bulk.splitter", function()
  local function rejection(...)
    return { kind = "api", status = 400, errors = { ... } }
  end

  -- An object with an index points to that record, one with `elsewhere` to
  -- something else.
  local function pointed(object)
    return object.index, object.elsewhere or false
  end

  describe("is_rejection", function()
    it("is true for an error document with a status that a record may cause", function()
      for _, status in ipairs { 400, 409, 413, 422 } do
        assert.is_true(splitter.is_rejection { kind = "api", status = status, errors = { {} } })
      end
    end)

    it("is false for every other error", function()
      for _, err in ipairs {
        { kind = "http", status = 400 },
        { kind = "api", status = 401, errors = { {} } },
        { kind = "api", status = 500, errors = { {} } },
        { kind = "api", status = 400, errors = {} },
        { kind = "api", status = 400, errors = { "text" } },
        { kind = "api", status = 400 },
        { kind = "api", status = 409, errors = { {} }, maybe_sent = true },
        { kind = "timeout", maybe_sent = true },
      } do
        assert.is_false(splitter.is_rejection(err))
      end
    end)
  end)

  it("rejects the records that the errors point to", function()
    local first, second, third = { index = 2 }, { index = 5 }, { index = 2 }
    local what, at_fault = splitter.new():rejected(
      rejection(first, { elsewhere = true }, second, third), 5, pointed)
    assert.equal("reject", what)
    assert.same({ [2] = { first, third }, [5] = { second } }, at_fault)
  end)

  it("splits a request if an error points to no record of it", function()
    assert.equal("split", (splitter.new():rejected(rejection({}), 2, pointed)))
    assert.equal("split", (splitter.new():rejected(rejection({ index = 3 }), 2, pointed)))
  end)

  it("splits into two requests that are not empty", function()
    assert.equal(1, splitter.half(2))
    assert.equal(1, splitter.half(3))
    assert.equal(500, splitter.half(1000))
  end)

  it("finds no cause in the records if the errors point elsewhere", function()
    assert.is_nil((splitter.new():rejected(rejection({ elsewhere = true }), 9, pointed)))
  end)

  it("suspects single records, until too many are rejected in a row", function()
    local one = splitter.new()
    for _ = 1, 2 do
      for _ = 1, 16 do
        assert.equal("suspect", (one:rejected(rejection({}), 1, pointed)))
      end
      assert.is_nil((one:rejected(rejection({}), 1, pointed)))
      one:accepted()
    end
  end)
end)
