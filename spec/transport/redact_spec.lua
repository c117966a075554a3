-- Texts without secrets, URLs without the values of their queries.
local redact = require "klaviyo.transport.redact"

describe("redact.url", function()
  it("keeps the path and the names of the query", function()
    for url, expected in pairs {
      ["http://h/api/lists"] = true, ["http://h/api/lists?"] = "http://h/api/lists",
      ["http://h/a?b=1&c=2"] = "http://h/a?b=REDACTED&c=REDACTED",
      ["http://h/a?b=1=2&c="] = "http://h/a?b=REDACTED&c=REDACTED",
      ["http://h/a?flag&=1&&b=?"] = "http://h/a?REDACTED&=REDACTED&b=REDACTED", ["http://h/a#x?b=1"] = "http://h/a",
      ["http://h/a?b=1#c"] = "http://h/a?b=REDACTED", ["http://u:p@h/a"] = "http://[redacted]@h/a",
      ["http://h/s3cret/pk_x1?s3cret=1"] = "http://h/[redacted]/[redacted]?[redacted]=REDACTED",
    } do
      assert.equal(expected == true and url or expected, redact.url(url, "s3cret"))
    end
  end)
end)
