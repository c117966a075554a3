-- make bench writes its figures between the marks in docs/benchmarks.md.

package.path = "bench/?.lua;" .. package.path
local page = require "page"

describe("docs/benchmarks.md", function()
  local file = assert(io.open("docs/benchmarks.md", "rb"))
  local text = file:read("*a")
  file:close()

  local function figure(workload, subject, what)
    if subject == "lua-curl" and workload == "tls" then
      return nil  -- the client does not support it
    end
    return what == "cpu" and (workload == "iterate" and 1210.4e-6 or 41.2e-6)
      or what == "wall" and 0.0104 or 12100
  end

  it("has a row for each workload", function()
    local rows = page.table(figure)
    assert.matches("| GET of 1 KB | 41 | 41 / 41 | **41 / 41** | 41 | 41 | 41 "
      .. "| 41 |\n", rows, 1, true)
    assert.matches("| GET of 1 KB over TLS | 41 | 41 / 41 | **41 / 41** |  | 41 "
      .. "|", rows, 1, true)
    assert.matches("pages, a page | 1,210 |", rows, 1, true)
    assert.matches("wall time | 10.4 |", rows, 1, true)
    assert.matches("100,000 profiles | 11.8 |", rows, 1, true)
  end)

  it("contains the columns and rows of the generated table", function()
    for line in page.table(figure):gmatch("[^\n]+") do
      local title = line:match("^| ([^|]+) |")
      assert.truthy(text:find("| " .. title .. " |", 1, true), title)
    end
  end)

  it("keeps its text around the generated figures", function()
    local filled = page.filled(text, "a system", "| 41 |\n")
    assert.equal(filled, page.filled(filled, "a system", "| 41 |\n"))
    assert.matches("\na system\n\n| 41 |\n\n<!-- /bench -->", filled, 1, true)
    assert.equal(text:match("^.-<!%-%- bench"), filled:match("^.-<!%-%- bench"))
    assert.equal(text:match("<!%-%- /bench.*"), filled:match("<!%-%- /bench.*"))
    assert.has_error(function() page.filled("", "", "") end)
  end)
end)
