local next_link = require "spec_links"

describe("links.c: the next link of a page", function()
  it("is the top-level links.next, at any position", function()
    assert.equal("https://a/1",
      next_link '{"links":{"next":"https://a/1"},"data":[]}')
    assert.equal("https://a/1",
      next_link '{"data":[],"links":{"self":"s","next":"https://a/1"}}')
    assert.equal("https://a/1", next_link
      ' { "data" : [ ] ,\n "links" : { "next" : "https://a/1" , "x":1} } \n')
  end)

  it("is not taken from resources, included, meta or strings", function()
    local evil = '{"links":{"next":"https://evil/"}}'
    local page = '{"data":[{"attributes":{"properties":' .. evil .. '},'
      .. '"links":{"next":"https://evil/"},"relationships":{"x":' .. evil
      .. '}}],"included":[' .. evil .. '],"meta":' .. evil
      .. ',"text":"\\"links\\":{\\"next\\":\\"https://evil/\\"}"%s}'
    assert.is_false(next_link(page:format("")))
    assert.equal("https://good/",
      next_link(page:format(',"links":{"next":"https://good/"}')))
  end)

  it("is unescaped as JSON", function()
    assert.equal("https://a/?x=1&y=2", next_link
      '{"links":{"next":"https:\\/\\/a\\/?x=1\\u0026y=2"}}')
    assert.equal("\195\164\226\130\172\240\159\152\128\"\\", next_link
      '{"links":{"next":"\\u00e4\\u20AC\\ud83d\\ude00\\"\\\\"}}')
    assert.equal("https://a/", next_link
      '{"l\\u0069nks":{"n\\u0065xt":"https://a/"}}')
  end)

  it("is read from an object with href", function()
    assert.equal("https://a/", next_link
      '{"links":{"next":{"meta":{"href":"x"},"href":"https://a/"}}}')
  end)

  it("is broken if it is neither a string nor null: the page may not be the last", function()
    for _, value in ipairs {"7", "false", "true", '{"href":7}', "nul", "-", '{"href":{}}'} do
      local link, why = next_link(('{"links":{"next":%s}}'):format(value))
      assert.is_nil(link, value)
      assert.equal("broken", why)
    end
  end)

  it("is missing if it is null, absent or empty", function()
    for _, page in ipairs {
      '{}', '{"data":[]}', '{"links":null}', '{"links":{}}', '{"links":[]}',
      '{"links":{"next":null}}', '{"links":{"next":""}}',
      '{"links":{"self":"https://a/"}}', '{"links":{"next":[]}}', '{"links":{"next":{"href":null}}}',
      '{"links":{"next":{}}}', '{"links":"next"}',
    } do
      assert.is_false(next_link(page), page)
    end
  end)

  it("is the last one if there are two, as in a JSON decoder", function()
    assert.equal("b", next_link
      '{"links":{"next":"a"},"links":{"next":"b"}}')
    assert.is_false(next_link '{"links":{"next":"a"},"links":{}}')
  end)

  it("is broken if a page is truncated at any byte", function()
    local page = '{"data":[{"a":"x\\"y","b":[1,{"c":null}]}],'
      .. '"links":{"self":"s","next":"https://a/\\u0026"},"meta":{"n":1.5}}'
    assert.equal("https://a/&", next_link(page))
    for size = 0, #page - 1 do
      local link, why = next_link(page:sub(1, size))
      assert.is_nil(link, page:sub(1, size))
      assert.equal("broken", why)
    end
  end)

  it("is broken if the page is not a JSON object", function()
    for _, text in ipairs {
      "", " ", "[]", "null", "<html>", '{"a"}', '{"a":}', "{,}",
      '{"a":1 "b":2}', '{"links":{"next":"\\x"}}', '{} trailing',
      '{"links":{"next":"\\u12"}}', '{"a":1,}',
    } do
      local link, why = next_link(text)
      assert.is_nil(link, text)
      assert.equal("broken", why)
    end
  end)

  it("accepts NUL bytes and deep nesting", function()
    assert.is_false(next_link('{"a":"\0"}'))
    assert.is_nil(next_link('{"a":\0}'))
    local deep = ("["):rep(100000) .. ("]"):rep(100000)
    assert.equal("x", next_link('{"a":' .. deep
      .. ',"links":{"next":"x"}}'))
  end)
end)
