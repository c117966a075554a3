local chart = require "klaviyo.cli.chart"

local UTF8, ASCII = {ascii = false}, {ascii = true}

describe("klaviyo.cli.chart", function()
  describe("bar", function()
    it("is as long as its value, in eighths of a column", function()
      for _, case in ipairs {
        {10, 10, 4, "████"}, {5, 10, 4, "██"}, {5, 8, 2, "█▎"},
        {1, 8, 1, "▏"}, {7, 8, 1, "▉"}, {20, 10, 4, "████"},
      } do
        assert.equal(case[4], chart.bar(case[1], case[2], case[3], UTF8))
      end
      assert.equal("##", chart.bar(5, 10, 4, ASCII))
    end)

    it("shows the smallest value, and is whole only at the maximum", function()
      assert.equal("▏", chart.bar(1, 1000000, 10, UTF8))
      assert.equal("███▉", chart.bar(999999, 1000000, 4, UTF8))
      assert.equal("#", chart.bar(1, 1000000, 10, ASCII))
    end)

    it("is empty without a value", function()
      for _, value in ipairs {0, -1, 0 / 0, math.huge, "5"} do
        assert.equal("", chart.bar(value, 10, 4, UTF8))
      end
      assert.equal("", chart.bar(nil, 10, 4, UTF8))
      assert.equal("", chart.bar(1, 0, 4, UTF8))
    end)
  end)

  describe("series", function()
    it("draws a column for each value, with the bounds and the names", function()
      assert.same({
        "4 │            ███",
        "  │        ▄▄▄ ███",
        "  │    ███ ███ ███",
        "0 │▁▁▁ ███ ███ ███",
        "   Mon         Thu",
      }, chart.series({0.1, 2, 2.5, 4}, 19, 4, {ascii = false,
        names = {"Mon", "Tue", "Wed", "Thu"}}))
    end)

    it("draws with ASCII", function()
      assert.same({"2 |  #", "0 | ##"},
        chart.series({0, 1, 2}, 6, 2, ASCII))
    end)

    it("never exceeds the width, however many values there are", function()
      for _, count in ipairs {1, 5, 59, 60, 61, 365, 5000} do
        local values, names = {}, {}
        for i = 1, count do
          values[i], names[i] = i, "2026-01-01"
        end
        for _, width in ipairs {20, 80} do
          local lines = chart.series(values, width, 5, {ascii = false,
            names = names})
          assert.equal(6, #lines)
          for _, line in ipairs(lines) do
            assert.is_true(chart.width_of(line) <= width, line)
          end
        end
      end
    end)

    it("has values below zero, and values that are missing", function()
      assert.same({" 1 |#", "-1 |# #"}, chart.series({1, -1, 0}, 7, 2, ASCII))
      assert.same({"2 |  #", "0 |# #"}, chart.series({1, false, 2}, 6, 2, ASCII))
      assert.same({}, chart.series({}, 10, 3))
    end)

    it("formats the bounds", function()
      assert.equal("50.0 % |###", chart.series({0.5}, 12, 1, {ascii = true,
        format = function(value)
          return ("%.1f %%"):format(value * 100)
        end})[1])
    end)
  end)

  it("knows whether the locale has UTF-8", function()
    local function with(environment)
      return chart.has_utf8(function(name)
        return environment[name]
      end)
    end
    assert.is_true(with {LANG = "en_US.UTF-8"})
    assert.is_true(with {LC_ALL = "C.utf8", LANG = "C"})
    assert.is_false(with {LC_ALL = "C", LANG = "en_US.UTF-8"})
    assert.is_false(with {})
  end)

  it("pads by columns, not bytes", function()
    assert.equal("é  |", chart.pad("é", 3) .. "|")
    assert.equal("  é|", chart.pad("é", 3, true) .. "|")
  end)
end)
