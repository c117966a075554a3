local datetime = require "klaviyo.values.datetime"
local json = require "klaviyo.values.json"

describe("datetime", function()
  it("writes seconds since 1970 as RFC 3339 in UTC", function()
    local expected = {
      [0] = "1970-01-01T00:00:00Z",
      [1728950400] = "2024-10-15T00:00:00Z",
      [951782400] = "2000-02-29T00:00:00Z",
      [4107542400] = "2100-03-01T00:00:00Z",
      [-1] = "1969-12-31T23:59:59Z",
      [-62167219200] = "0000-01-01T00:00:00Z",
      [253402300799] = "9999-12-31T23:59:59Z",
      [1.5] = "1970-01-01T00:00:01.500Z",
      [1728950400.25] = "2024-10-15T00:00:00.250Z",
      [1.0004] = "1970-01-01T00:00:01Z",
      [1.9996] = "1970-01-01T00:00:02Z",
      [-0.5] = "1969-12-31T23:59:59.500Z",
    }
    for epoch, text in pairs(expected) do
      assert.equal(text, tostring(datetime(epoch)))
    end
    assert.equal(1728950400, datetime(1728950400).epoch)
    assert.equal(1728950400.25, datetime(1728950400.25).epoch)
  end)

  it("agrees with os.date", function()
    -- 1900 to 2100, or the whole range of a time_t of 32 bits
    local known, time = pcall(os.time, {year = 2100, month = 1, day = 1})
    local is_wide = known and time ~= nil
    local epoch = is_wide and -2208988800 or -2147483648
    while epoch < (is_wide and 4102444800 or 2147483647) do
      local text = tostring(datetime(epoch))
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", epoch), text)
      assert.equal(epoch, datetime(text).epoch)
      epoch = epoch + 1234567
    end
  end)

  it("keeps text as it is", function()
    for _, text in ipairs {
      "2024-10-15T00:00:00Z", "2024-10-15T09:00:00.123456+02:00",
      "2024-02-29T23:59:59-11:30", "2000-02-29T00:00:00Z",
      "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00",
      "2024-01-01T00:00:00-00:00", "0000-01-01T00:00:00Z",
    } do
      assert.equal(text, tostring(datetime(text)))
    end
    assert.equal("2024-10-15T00:00:00Z", tostring(datetime("2024-10-15t00:00:00z")))
  end)

  it("computes the epoch of a text", function()
    assert.equal(1728950400, datetime("2024-10-15T02:00:00+02:00").epoch)
    assert.equal(1728950400, datetime("2024-10-14T19:30:00-04:30").epoch)
    assert.equal(1728950400.5, datetime("2024-10-15T00:00:00.5Z").epoch)
    assert.equal(662688000, datetime("1990-12-31T23:59:60Z").epoch)
  end)

  it("raises for text that is not an RFC 3339 date-time", function()
    local wrong = {
      "", "now", "2024-10-15", "2024-10-15 00:00:00Z", "2024-10-15T00:00Z",
      "2024-10-15T00:00:00", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
      "2024-01-00T00:00:00Z", "2024-04-31T00:00:00Z", "2023-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "2024-10-15T24:00:00Z", "2024-10-15T00:60:00Z",
      "2024-10-15T00:00:61Z", "2024-10-15T12:00:60Z", "2024-10-15T00:00:00.Z",
      "2024-10-15T00:00:00+2:00", "2024-10-15T00:00:00+0200",
      "2024-10-15T00:00:00+24:00", "2024-10-15T00:00:00+02:60",
      "2024-10-15T00:00:00Z)", "2024-10-15T00:00:00Z\n", " 2024-10-15T00:00:00Z",
      "2024-10-15T00:00:00Z,x", "24-10-15T00:00:00Z", "2024-10-15T00:00:00,5Z",
    }
    for _, text in ipairs(wrong) do
      local ok, message = pcall(datetime, text)
      assert.is_false(ok, text)
      assert.matches("is not RFC 3339", message)
      assert.is_nil((datetime.parse(text)))
    end
  end)

  it("raises for other values at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline + 2
    local ok, message = pcall(function()
      local datetime_value = datetime("yesterday")
      return datetime_value
    end)
    assert.is_false(ok)
    assert.matches("datetime_spec%.lua:" .. line .. ': datetime: "yesterday"', message)
    for _, value in ipairs { 0 / 0, math.huge, -math.huge, 253402300800, -62167219201, 1e300 } do
      assert.error_matches(function() datetime(value) end, "outside the years")
    end
    assert.error_matches(function() datetime({}) end, "expected RFC 3339 text or seconds, got a table")
    assert.error_matches(function() datetime(nil) end, "got nil")
    assert.error_matches(function() datetime(true) end, "got a boolean")
  end)

  it("compares by the point in time", function()
    local a, b = datetime("2024-10-15T02:00:00+02:00"), datetime(1728950400)
    assert.is_true(a == b)
    assert.is_true(a <= b)
    assert.is_false(a < b)
    assert.is_true(b < datetime(1728950401))
    assert.is_false(a == datetime(1728950400.001))
  end)

  it("is distinguished from other tables", function()
    local datetime_value = datetime(0)
    assert.is_true(datetime.is(datetime_value))
    assert.equal(datetime_value, datetime(datetime_value))
    assert.is_false(datetime.is({ epoch = 0 }))
    assert.is_false(datetime.is("2024-10-15T00:00:00Z"))
    assert.is_false(datetime.is(nil))
  end)

  it("is a string in JSON and in text", function()
    assert.equal('{"time":"2024-10-15T00:00:00Z"}', json.encode { time = datetime(1728950400) })
    assert.equal('["1970-01-01T00:00:00Z"]', json.encode { datetime(0) })
    assert.equal("at 1970-01-01T00:00:00Z", "at " .. datetime(0))
  end)
end)
