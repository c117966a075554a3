local period = require "klaviyo.cli.report.period"

-- 2026-03-31T13:30:15Z, a Tuesday
local NOW = 1774963815

describe("klaviyo.cli.report.period", function()
  it("reads times before now, dates and RFC 3339", function()
    for text, expected in pairs {
      ["12h"] = "2026-03-31T01:30:15Z", ["30d"] = "2026-03-01T13:30:15Z",
      ["2w"] = "2026-03-17T13:30:15Z", ["1m"] = "2026-02-28T13:30:15Z",
      ["13m"] = "2025-02-28T13:30:15Z", ["1y"] = "2025-03-31T13:30:15Z",
      ["25m"] = "2024-02-29T13:30:15Z", ["3m"] = "2025-12-31T13:30:15Z",
      ["2026-01-05"] = "2026-01-05T00:00:00Z",
      ["2026-01-05T10:00:00+02:00"] = "2026-01-05T08:00:00Z",
    } do
      assert.equal(expected, (period.text(period.parse(text, NOW))), text)
    end
    for _, text in ipairs {"", "x", "30", "30 d", "2026", "2026-13-01", "d", "-3d"} do
      assert.is_nil(period.parse(text, NOW), text)
    end
  end)

  it("finds the beginning of an interval", function()
    for interval, expected in pairs {hour = "2026-03-31T13:00:00",
      day = "2026-03-31T00:00:00", week = "2026-03-30T00:00:00",
      month = "2026-03-01T00:00:00"} do
      local _, text = period.text(period.beginning(NOW, interval))
      assert.equal(expected, text)
    end
  end)
end)
