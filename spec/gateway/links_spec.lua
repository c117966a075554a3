local json = require "klaviyo.values.json"
local links = require "klaviyo.gateway.links"

local BASE = "https://gw.example/klaviyo"
local API = "https://a.klaviyo.com"

local function all(text, size)
  local scanner, out = links.new(BASE), {}
  for at = 1, #text, size or #text do
    out[#out + 1] = scanner:feed(text:sub(at, at + (size or #text) - 1))
  end
  out[#out + 1] = scanner:feed("", true)
  return table.concat(out)
end

describe("links behind a gateway", function()
  local DOCUMENT = ([[{"data": [{"type":"event","id":"1","attributes":{"links":{"self":"API/api/x"},
    "url":"API/api/y","text":"a \"links\":{\"a\":\"API/api/z\"} \\","n":[1,{"links":["API/api/w"]}]},
    "relationships":{"profile":{"links":{"self":"API/api/events/1/relationships/profile/",
    "related":{"href":"API\/api\/events\/1\/profile?a=b&c=%2F","meta":{"links":"API/api/m"}}},
    "data":{"type":"profile","id":"API/api/id"}}},"links":{"self":"API/api/events/1/"}}],
    "included":[],"meta":{"links":{"self":"API/api/q"}},
    "links":{"self":"API/api/events?é=\u00e9",
    "next":"API/api/events?page%5Bcursor%5D=x","prev":null,"first":"API/client/e",
    "about":"https://developers.klaviyo.com/api/",
    "other":"API.evil.example/api/","odd":"API/oauth/token","list":["API/api/l"]}}]])
    :gsub("API", API)

  local function expected()
    local text = DOCUMENT
    local function replace(path)
      local count
      text, count = text:gsub((API .. path):gsub("%p", "%%%0"), ((BASE .. path):gsub("%%", "%%%%")))
      assert.is_true(count > 0, path)
    end
    replace('/api/events/1/relationships/profile/"')
    replace('/api/events/1/"')
    replace('/api/events?page%5Bcursor%5D=x"')
    replace('/client/e"')
    replace('/api/l"')
    text = text:gsub((API .. "\\/api\\/events\\/1\\/profile"):gsub("%p", "%%%0"), BASE .. "/api/events/1/profile")
    return text
  end

  it("point to the gateway; the rest of the document does not change", function()
    assert.equal(expected(), all(DOCUMENT))
    assert.is_table(json.decode(all(DOCUMENT)))
  end)

  it("are found in chunks of any size", function()
    local right = expected()
    for size = 1, 70 do
      assert.equal(right, all(DOCUMENT, size), "chunks of " .. size)
    end
    for length = 1, #DOCUMENT do
      local scanner = links.new(BASE)
      assert.equal(right, scanner:feed(DOCUMENT:sub(1, length)) .. scanner:feed(DOCUMENT:sub(length + 1), true))
    end
  end)

  it("are not changed in a body that is not JSON, or is incomplete", function()
    for _, text in ipairs { "", "<html>\"links\":{", '{"links":{"self":"https://a.klavi', "]]]}}}", '"', '"\\',
      '{"links":{"self":"' .. ("x"):rep(100000) .. '"}}', "{\"a\":\"\0\"}" } do
      for _, size in ipairs { 1, 7, 100001 } do
        assert.equal(text, all(text, size))
      end
    end
  end)

  it("are changed only if they point to the API", function()
    assert.equal(BASE .. "/api/x?y", links.rebased(API .. "/api/x?y", BASE))
    assert.equal(BASE .. "/client/x", links.rebased(API .. "/client/x", BASE))
    for _, url in ipairs { "", "/api/x", API, API .. "/apix", API .. ":443/api/x", "http://a.klaviyo.com/api/x",
      "https://a.klaviyo.com.evil.example/api/x", API .. "/oauth/token" } do
      assert.is_nil(links.rebased(url, BASE), url)
    end
  end)
end)
