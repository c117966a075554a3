-- What finds differences is shown to find each kind of them.

local json = require "klaviyo.sandbox.json"
local shapes = require "spec.support.shapes"

local function answer(body, status, media)
  return {status = status or 200, headers = {["content-type"] = media},
    body = body and assert(json.decode(body)) or json.null}
end

local function found(a, b)
  local list = {}
  for i, difference in ipairs(shapes.revision_diff(a, b)) do
    list[i] = difference.path
  end
  return table.concat(list, " ")
end

local function differ(a, b)
  return found(answer(a), answer(b))
end

describe("the shapes of two responses", function()
  it("differ by status, content-type and body", function()
    assert.equal("", found(answer(), answer()))
    assert.equal("content-type status",
      found(answer(nil, 200, "a"), answer(nil, 201)))
    assert.equal("", found(answer("{}", 200), answer("{}")))
    assert.equal(1, #shapes.revision_diff(answer(), answer("{}")))
  end)

  it("differ by members, types and null", function()
    assert.equal("", differ('{"a":1}', '{"a":2.5}'))
    assert.equal("/a", differ('{"a":1}', '{"a":"1"}'))
    assert.equal("/a", differ('{"a":null}', '{"a":1}'))
    assert.equal("/a", differ('{"a":null}', '{}'))
    assert.equal("/a", differ('{}', '{"a":null}'))
    assert.equal("/a/1/b", differ('{"a":[{"b":1}]}', '{"a":[{"b":true}]}'))
    assert.equal("/a", differ('{"a":[]}', '{"a":[1]}'))
    assert.equal("", differ('{"a":[]}', '{"a":{}}'))
  end)

  it("differ by fractions of seconds, forms of ids and pointers", function()
    assert.equal("/a", differ('{"a":"2026-09-04T13:39:28+00:00"}',
      '{"a":"2026-09-04T13:39:28.250000+00:00"}'))
    assert.equal("", differ('{"a":"2026-09-04T13:39:28+00:00"}',
      '{"a":"2020-01-01T00:00:00+00:00"}'))
    assert.equal("/id", differ('{"id":"01M1PAAR5HBCRHA3NN9NG5WRTA"}',
      '{"id":"YafG4m"}'))
    assert.equal("/id", differ('{"id":"V0Jo"}', '{"id":"V0Jo="}'))
    assert.equal("/pointer", differ('{"pointer":"/data"}',
      '{"pointer":"/data/"}'))
  end)

  it("are those of the first resource of a list, and of each type included",
    function()
      assert.equal("/data/1/a", differ('{"data":[{"a":1},{"a":"x"}]}',
        '{"data":[{"a":"x"}]}'))
      assert.equal("/included/b", differ(
        '{"included":[{"type":"a"},{"type":"b"}]}',
        '{"included":[{"type":"a"}]}'))
    end)
end)
