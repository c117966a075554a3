-- tools/reference.lua generates docs/resources.md from the operations, and each
-- sample becomes the document below it.

local cjson = require "cjson"
local facts = require "klaviyo.openapi.facts"
local difference = require "spec.support.difference"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local transport = require "klaviyo.transport.transport"

package.path = "tools/?.lua;" .. package.path
local reference = require "reference"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The client adds a unique_id to events; the documents on the page have none.
local function without_unique_ids(sent, shown)
  for name, value in pairs(type(sent) == "table" and sent or {}) do
    local other = type(shown) == "table" and shown[name] or nil
    if name == "unique_id" and other == nil then
      sent[name] = nil
    else
      without_unique_ids(value, other)
    end
  end
  return sent
end

describe("docs/resources.md", function()
  local text = read "docs/resources.md"

  it("matches the output of `make reference`", function()
    assert.is_nil(difference(reference.resources(), text))
  end)

  it("shows the documents of its samples", function()
    local call = transport.call
    local sent
    function transport.call(_, request)
      sent = request
      return {}
    end
    local client = klaviyo.new {
      api_key = key, company_id = "ABC123", fall_forward = false,
      on_warning = function() end,
    }
    local ok, message = pcall(function()
      local count = 0
      for code, shown in text:gmatch("```lua\n(.-)\n```\n\n```json\n(.-)\n```") do
        sent = nil
        local chunk = assert((loadstring or load)("local client = ...\n" ..
          "return " .. code, "=" .. code))
        assert(chunk(client))
        local document = cjson.decode(shown)
        assert.same(document,
          without_unique_ids(cjson.decode(tostring(sent.body)), document))
        count = count + 1
      end
      local _, samples = text:gsub("```lua\n", "")
      assert.equal(samples, count)
      assert.truthy(count > 80)
    end)
    transport.call = call
    assert.is_true(ok, message)
  end)

  it("begins with a short table of all resources", function()
    local rows = reference.table()
    local _, lines = rows:gsub("\n", "")
    assert.truthy(lines < 100)
    assert.matches(rows, text, 1, true)
    assert.matches("`coupon_codes` | list get create update delete; .coupon | "
      .. "**unique_code**, expires_at, → coupon", rows, 1, true)
  end)

  it("tells what can be asked of every operation", function()
    local revision = require("klaviyo.operations").revision "2024-10-15"
    local blocks = {}
    for id, block in text:gmatch(">([%w_]+)</a></summary>\n(.-)</details>") do
      assert.is_nil(blocks[id], id)
      blocks[id] = block
    end
    local filters = 0
    for _, id in ipairs(revision:names()) do
      local op, block = revision:operation(id), blocks[id]
      assert.is_string(block, id)
      blocks[id] = nil
      for name, operators in pairs(op.filter and op.filter.fields or {}) do
        assert.matches(("`%s` (%s): %s"):format(name,
          facts.filter_type(op, name), table.concat(operators, ", ")), block, 1, true)
        filters = filters + 1
      end
      for _, name in ipairs {"sort", "include"} do
        for _, value in ipairs(op.query[name] and op.query[name].values or {}) do
          assert.matches("`" .. value:gsub("^%-", "") .. "`", block, 1, true)
        end
      end
      for name, rule in pairs(op.query) do
        local kind = name:match("^fields%[(.+)%]$")
        if kind then
          assert.matches("[" .. kind:gsub("%-", "_") .. "](#attributes)", block, 1, true)
          assert.is_true(#facts.attributes(revision, kind) >= #rule.values)
        end
      end
      for _, scope in ipairs(op.scopes) do
        assert.matches("`" .. scope .. "`", block, 1, true)
      end
      assert.is_true(op.limit.second == nil
        or block:find(("| limits | %d a second, "):format(op.limit.second), 1, true) ~= nil)
      assert.is_true(not (op.page and op.page.size)
        or block:find((" to %d, %d by default"):format(op.page.size.max,
          op.page.size.default), 1, true) ~= nil)
    end
    assert.same({}, blocks)
    assert.is_true(filters > 150)
  end)

  it("names the keys of nested tables, and the attributes of responses", function()
    assert.matches("| `timeframe.key` | `last_12_months`, ", text, 1, true)
    assert.matches("| `timeframe.start` | date-time |", text, 1, true)
    assert.matches("| `list` | `created`, `name`, `opt_in_process`, `profile_count`, "
      .. "`updated` |", text, 1, true)
  end)
end)
