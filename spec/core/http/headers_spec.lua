local core = require "klaviyo.core"

local function block(...)
  return table.concat({"HTTP/1.1 200 OK", ..., }, "\r\n")
end

local function lines(list)
  table.insert(list, 1, "HTTP/2 200")
  return table.concat(list, "\r\n") .. "\r\n\r\n"
end

describe("headers.c: header fields of a response", function()
  it("are read by lower-case name, values trimmed, repeats joined", function()
    assert.same({
      ["content-type"] = "text/html", ["x-a"] = "1, 2", ["empty"] = "",
      ["x-colon"] = "a:b",
    }, core.header_fields(lines {
      "Content-Type:   text/html \t", "X-A: 1", "x-a:2", "Empty:",
      "X-Colon: a:b", "no colon here",
    }))
    assert.same({}, core.header_fields(""))
    assert.same({a = "b"}, core.header_fields(block("A: b")))
  end)

  it("contain the rate limits, also as a list", function()
    assert.same({
      limit = 75, remaining = 74, reset = 12,
      windows = {{limit = 75, seconds = 1}, {limit = 750, seconds = 60}},
    }, core.rate_limit(lines {
      "ratelimit-limit: 75, 75;w=1, 750;w=60", "RateLimit-Remaining: 74",
      "RATELIMIT-RESET: 12",
    }))
    assert.same({
      limit = 1, windows = {
        {limit = 1, seconds = 1}, {limit = 2, seconds = 60},
        {limit = 225, seconds = 86400},
      },
    }, core.rate_limit(lines {
      "RateLimit-Limit: 1, 1;w=1, 2; x=y ;w=60, 225;w=86400",
    }))
  end)

  it("contain at most RATE_WINDOWS windows", function()
    local found = core.rate_limit(lines {
      "RateLimit-Limit: 1;w=1, 2;w=2, 3;w=3, 4;w=4, 5;w=5",
    })
    assert.equal(4, #found.windows)
    assert.is_nil(found.limit)  -- the fifth is not a limit without a window
  end)

  it("are ignored if they are malformed", function()
    assert.is_nil(core.rate_limit(lines {"X: 1"}))
    assert.is_nil(core.rate_limit(lines {"RateLimit-Limit: many"}))
    assert.is_nil(core.rate_limit(lines {"RateLimit-Reset: -1"}))
    assert.same({limit = 1000000000, windows = {}}, core.rate_limit(lines {
      "RateLimit-Limit: 99999999999999999999999999",
    }))
    for text, limit in pairs {
      ["999999999"] = 999999999, ["1000000000"] = 1000000000, ["1000000001"] = 1000000000,
      ["9999999990"] = 1000000000,
    } do
      assert.equal(limit, core.rate_limit(lines {"RateLimit-Limit: " .. text}).limit)
    end
  end)

  it("contain Retry-After, in seconds or as a date", function()
    local function after(value)
      return core.retry_after(lines {"Retry-After: " .. value})
    end
    assert.equal(17, after "17")
    assert.equal(0, after "0")
    assert.equal(0, after "Thu, 01 Jan 1970 00:00:10 GMT")
    local soon = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 60)
    assert.is_true(math.abs(after(soon) - 60) <= 2)
    assert.is_nil(after "soon")
    assert.is_nil(after "")
    assert.is_nil(after(("9"):rep(100)))
    assert.is_nil(core.retry_after(lines {}))
  end)
end)

describe("headers.c: header fields of a request", function()
  local function settings(headers)
    return core.settings {
      headers = headers, content_type = "x/y", timeout = 1,
      connect_timeout = 1, deadline = 1, retries = 0, max_response_bytes = 1,
    }
  end

  it("must be valid names and values of one line", function()
    assert.truthy(settings {"A-b", "value", "C", ""})
    for _, value in ipairs {"a\r\nb: c", "a\nb", "a\rb", "a\0b", "a\127"} do
      local made, name, why = settings {"A", value}
      assert.is_nil(made)
      assert.equal("A", name)
      assert.equal("contains a control character", why)
    end
    for _, name in ipairs {"", "a b", "a:b", "a\r\n", "\195\164", "a\0"} do
      local made, _, why = settings {name, "x"}
      assert.is_nil(made, name)
      assert.equal("is not a header field name", why)
    end
  end)

  it("are not shown by tostring", function()
    local made = settings {"Authorization", "secret"}
    assert.equal("klaviyo.settings", tostring(made))
  end)
end)
