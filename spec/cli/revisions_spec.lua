-- klaviyo revisions
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"

local function records(...)
  local result, list = cli.call({"revisions", ...}), {}
  assert.equal("", result.err)
  assert.equal(0, result.status)
  for line in result.out:gmatch("[^\n]+") do
    list[#list + 1] = assert(klaviyo.json.decode(line))
  end
  return list
end

describe("klaviyo revisions", function()
  it("lists those that the library knows, and marks the one in use", function()
    local list, used = records("--revision", "2025-04-15"), {}
    assert.equal(#klaviyo.revisions(), #list)
    assert.equal("2024-10-15", list[1].date)
    assert.equal("2025-01-15", list[1].served_as)
    for _, one in ipairs(list) do
      used[#used + 1] = one.used and one.date or nil
    end
    assert.same({"2025-04-15"}, used)
  end)

  it("shows what changed between two", function()
    local diff = klaviyo.operations.diff("2024-10-15", "2025-01-15")
    local expected = #diff.added + #diff.removed
    for _, operation in ipairs(diff.changed) do
      expected = expected + #operation.changes
    end
    local list, kinds = records("2024-10-15", "2025-01-15"), {}
    for _, one in ipairs(list) do
      kinds[one.change] = kinds[one.change] or one
    end
    assert.equal(expected, #list)
    assert.equal(diff.added[1], kinds.added.operation)
    assert.is_truthy(kinds.changed.detail)
  end)

  it("shows only changes that can break a program", function()
    local list = records("2024-10-15", "2025-01-15", "--breaking")
    assert.is_true(#list > 0)
    for _, one in ipairs(list) do
      assert.is_true(one.breaks)
    end
  end)

  it("refuses a revision that does not exist, and suggests one", function()
    local result = cli.call {"revisions", "2024-10-16x", "2025-01-15"}
    assert.equal(2, result.status)
    assert.matches("2024%-10%-16x", result.err)
    assert.equal("", result.out)
  end)
end)
