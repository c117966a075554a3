-- docs/revisions.md is what tools/reference_revisions.lua writes from the operations.

local difference = require "spec.support.difference"
local operations = require "klaviyo.operations"

package.path = "tools/?.lua;" .. package.path
local revisions = require "reference_revisions"

describe("docs/revisions.md", function()
  local file = assert(io.open("docs/revisions.md", "rb"))
  local text = file:read "*a"
  file:close()

  -- Returns the section of a revision.
  local function section(date)
    local _, start = text:find("\n## " .. date .. "\n", 1, true)
    assert.is_truthy(start, date .. " has no section")
    return text:sub(start + 1):match "^(.-)\n## " or text:sub(start + 1)
  end

  it("is what `make reference` writes", function()
    assert.is_nil(difference(revisions.text(), text))
  end)

  it("has a table for each revision after the first", function()
    local dates = operations.revisions()
    for i = 2, #dates do
      assert.matches("\n| operations | can break a program | other changes |\n", section(dates[i]), 1, true)
      assert.matches("From " .. dates[i - 1] .. ": ", section(dates[i]), 1, true)
      assert.matches(("[%s](#%s)"):format(dates[i], dates[i]), text, 1, true)
    end
    local _, count = text:gsub("\n## ", "")
    assert.equal(#dates - 1, count)
  end)

  it("says which revision has no document yet", function()
    for _, date in ipairs(operations.revisions()) do
      if date ~= operations.revisions()[1] then
        local says = section(date):find("no OpenAPI document of this revision yet", 1, true) ~= nil
        assert.equal(operations.revision(date).is_lenient, says)
      end
    end
  end)

  it("names what can break and what is new", function()
    local first = section "2025-01-15"
    for _, row in ipairs {
      "| `get_coupon_codes` | `filter`: now required |  |",
      "| `bulk_create_coupon_codes` | → `coupon_codes.coupon`: now required |  |",
      "| `get_create_variants_job` |  | id: now `get_bulk_create_variants_job` |",
      "| `create_template`, `update_template` |  | `amp`: new (string) |",
      "`update_review` |  | new |",
    } do
      assert.matches(row .. "\n", first, 1, true)
    end
    assert.matches("| `create_list` |  | `opt_in_process`: new (string, `double_opt_in`, `single_opt_in`) |",
      section "2025-10-15", 1, true)
    assert.matches("limit: minute 150 → 700<br>limit: second 10 → 75", section "2025-10-15", 1, true)
  end)

  it("names every operation that was added or changed", function()
    local dates = operations.revisions()
    for i = 2, #dates do
      local before, now = operations.revision(dates[i - 1]), operations.revision(dates[i])
      local own = section(dates[i])
      for _, id in ipairs(now:names()) do
        if not before:operation(id) then
          assert.matches("`" .. id .. "`", own, 1, true)
        end
      end
      for _, id in ipairs(before:names()) do
        if not now:operation(id) then
          assert.matches("`" .. id .. "`", own, 1, true)
        end
      end
    end
  end)
end)
