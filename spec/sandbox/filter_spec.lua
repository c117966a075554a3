local json = require "klaviyo.sandbox.json"
local filter = require "klaviyo.sandbox.filter"

local RESOURCE = {
  email = "a,b(\"c\")@example.com", name = "Summer Sale", size = 10,
  created = "2024-10-15T12:00:00+00:00", tags = json.array {"x", "y"},
  archived = false, gone = json.null, quoted = "it's \\ é",
}

local function holds(text)
  local terms, message = filter.parse(text)
  assert(terms, message)
  return filter.matches(terms, function(field) return RESOURCE[field] end)
end

describe("the sandbox's filter", function()
  it("knows every operator", function()
    for text, expected in pairs {
      ['equals(size,10)'] = true,
      ['equals(size,"10")'] = false,
      ['equals(archived,false)'] = true,
      ['equals(gone,null)'] = true,
      ['equals(created,2024-10-15T08:00:00-04:00)'] = true,
      ['any(name,["a","Summer Sale"])'] = true,
      ['any(name,["a","b"])'] = false,
      ['any(size,[9,10])'] = true,
      ['contains(name,"mmer s")'] = true,
      ['contains(name,"winter")'] = false,
      ['contains-any(tags,["y","z"])'] = true,
      ['contains-all(tags,["y","z"])'] = false,
      ['contains-all(tags,["y","x"])'] = true,
      ['starts-with(name,"Summer")'] = true,
      ['starts-with(name,"ummer")'] = false,
      ['ends-with(name,"Sale")'] = true,
      ['ends-with(name,"Sal")'] = false,
      ['has(email)'] = true,
      ['has(gone)'] = false,
      ['less-than(size,10)'] = false,
      ['less-or-equal(size,10)'] = true,
      ['greater-than(size,9.5)'] = true,
      ['greater-or-equal(size,1.1e1)'] = false,
      ['greater-than(created,2024-10-15T11:59:59Z)'] = true,
      ['less-than(created,2024-10-15)'] = false,
      ['greater-than(gone,2024-10-15)'] = false,
    } do
      assert.equal(expected, holds(text), text)
    end
  end)

  it("joins terms by commas and by and()", function()
    assert.is_true(holds 'and(has(email),equals(size,10)),has(name)')
    assert.is_false(holds 'and(has(email),and(has(gone),has(name)))')
    assert.is_true(holds 'has(email), equals(size, 10)')
  end)

  it("reads strings of both kinds with their escapes", function()
    assert.is_true(holds [[equals(email,"a,b(\"c\")@example.com")]])
    assert.is_true(holds [[equals(email,'a,b("c")@example.com')]])
    assert.is_true(holds [[equals(quoted,'it\'s \\ é')]])
    assert.is_true(holds [[equals(quoted,"it's \\ \u00e9")]])
  end)

  it("rejects everything else", function()
    for _, text in ipairs {"", "equals", "equals()", "equals(a)", "equals(a,)",
      'equals(a,"b"', 'equals(a,"b)', 'equals(a,"b"))', 'equals(a,b)',
      'equals(a,["b"])', 'like(a,"b")', 'or(has(a),has(b))', 'any(a,"b")',
      'any(a,[])', 'any(a,["b",])', 'contains(a,1)', 'has(a,1)', 'has("a")',
      'less-than(a,"2024-10-15T00:00:00Z")', 'less-than(a,true)', 'has(a)has(b)',
      'has(a),', ',has(a)', 'and()', 'and(has(a)', 'equals(a,2024-13-01)',
      'equals(a,1 2)'} do
      local terms, message = filter.parse(text)
      assert.is_nil(terms, text)
      assert.is_string(message)
    end
  end)
end)
