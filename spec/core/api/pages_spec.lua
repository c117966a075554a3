local core = require "klaviyo.core"

local function page(link)
  return ('{"data":[],"links":{"next":%s}}'):format(
    link and '"' .. link .. '"' or "null")
end

describe("pages.c: the links from page to page", function()
  local base = "http://127.0.0.1:1/klaviyo"
  local first = base .. "/api/profiles?page%5Bsize%5D=100"

  it("follows the links, below the base URL", function()
    local pages = core.pages(base, first)
    assert.equal(first, pages:url())
    assert.is_nil(pages:cursor())
    assert.is_true(pages:follow(page
      "https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=a%2Bb"))
    assert.equal(base .. "/api/profiles?page%5Bcursor%5D=a%2Bb", pages:url())
    assert.equal("a+b", pages:cursor())
    assert.is_false(pages:follow(page()))
  end)

  it("stops with a reason at a link that cannot be followed", function()
    local pages = core.pages(base, first)
    local more, why, link = pages:follow(page "https://evil.example/api/x")
    assert.is_nil(more)
    assert.equal("foreign", why)
    assert.equal("https://evil.example/api/x", link)
    more, why = pages:follow(page "nonsense")
    assert.is_nil(more)
    assert.equal("broken", why)
    more, why = pages:follow '{"links":'
    assert.is_nil(more)
    assert.equal("broken", why)
  end)

  it("stops at a visited cursor, even if the URL is written differently", function()
    local pages = core.pages(base, first .. "&page%5Bcursor%5D=c0")
    local link = "https://a.klaviyo.com/api/profiles?page[cursor]=c%d"
    for i = 1, 500 do
      assert.is_true(pages:follow(page(link:format(i))))
    end
    for _, visited in ipairs {0, 1, 250, 500} do
      local more, why = pages:follow(page(link:format(visited) .. "&x=1"))
      assert.is_nil(more)
      assert.equal("repeated", why)
    end
  end)

  it("identifies pages without a cursor by their URL", function()
    local pages = core.pages(base, base .. "/api/x?page%5Bnumber%5D=1")
    assert.is_true(pages:follow(page "/api/x?page%5Bnumber%5D=2"))
    local more, why = pages:follow(page "/api/x?page%5Bnumber%5D=1")
    assert.is_nil(more)
    assert.equal("repeated", why)
  end)

  it("can be closed twice and raises when used afterwards", function()
    local pages = core.pages(base, first)
    pages:close()
    pages:close()
    assert.has_error(function() pages:url() end, "the pages object is closed")
  end)
end)
