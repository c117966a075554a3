local percent_encoding = require "klaviyo.util.percent_encoding"

describe("klaviyo.util.percent_encoding", function()
  it("decodes in upper and lower case, once", function()
    assert.equal("a/b c", percent_encoding.decode("a%2Fb%20c"))
    assert.equal("/", percent_encoding.decode("%2f"))
    assert.equal("%2F", percent_encoding.decode("%252F"))
    assert.equal("\0", percent_encoding.decode("%00"))
  end)

  it("keeps an incomplete escape", function()
    assert.equal("%", percent_encoding.decode("%"))
    assert.equal("%2", percent_encoding.decode("%2"))
    assert.equal("%zz a", percent_encoding.decode("%zz%20a"))
  end)

  it("decodes + as a space in a form only", function()
    assert.equal("a+b", percent_encoding.decode("a+b"))
    assert.equal("a b+", percent_encoding.decode_form("a+b%2B"))
  end)

  it("encodes all but the unreserved characters, or what a pattern matches", function()
    assert.equal("a-._~%2F%20%C3%A9", percent_encoding.encode("a-._~/ \195\169"))
    assert.equal("a/%20b", percent_encoding.encode("a/ b", "[^%w/]"))
  end)
end)
