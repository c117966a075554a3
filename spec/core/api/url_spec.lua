local core = require "klaviyo.core"

describe("url.c: writing URLs", function()
  it("encodes all but unreserved characters", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    all = table.concat(all)
    local text = core.escape(all)
    assert.is_nil(text:find("[^%w%-._~%%]"))
    assert.equal(all, (text:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)))
    assert.equal("AZaz09-._~", core.escape("AZaz09-._~"))
  end)

  it("fills a template", function()
    assert.equal("http://h/klaviyo/api/lists/a%2Fb%2Bc%3D%3D/profiles",
      core.url("http://h/klaviyo", "/api/lists/{id}/profiles",
        {id = "a/b+c=="}))
    assert.equal("http://h/api/catalog-items/%24custom%3A%3A%3A%24default"
      .. "%3A%3A%3AX", core.url("http://h", "/api/catalog-items/{id}",
        {id = "$custom:::$default:::X"}))
  end)

  it("rejects a value that would address another resource", function()
    for _, id in ipairs {"", ".", ".."} do
      local url, name = core.url("http://h", "/api/lists/{id}", {id = id})
      assert.is_nil(url)
      assert.equal("id", name)
    end
    local url, name = core.url("http://h", "/api/x/{job_id}", {})
    assert.is_nil(url)
    assert.equal("job_id", name)
    assert.equal("http://h/api/lists/...",
      core.url("http://h", "/api/lists/{id}", {id = "..."}))
  end)

  it("writes a query: brackets encoded, commas literal between items",
    function()
      assert.equal("http://h/p?page%5Bsize%5D=100&fields%5Bprofile%5D="
        .. "email,first_name,a%2Cb&filter=equals%28email%2C%22a%2Bb%40c%22%29",
        core.url("http://h", "/p", nil, {
          "page[size]", "100", "fields[profile]",
          {"email", "first_name", "a,b"}, "filter", 'equals(email,"a+b@c")',
        }))
    end)

  it("recognizes a valid base URL", function()
    for _, base in ipairs {
      "https://a.klaviyo.com", "http://127.0.0.1:8080", "http://[::1]:80",
      "https://gw.example/klaviyo", "HTTPS://GW.example/a/b",
    } do
      assert.is_true(core.is_base(base), base)
    end
    for _, base in ipairs {
      "", "a.klaviyo.com", "/klaviyo", "ftp://h", "file:///etc", "https://",
      "https://h/", "https://h/a/", "https://h?x", "https://h#x",
      "https://user@h", "https://user:word@h", "https://h:port",
      "https://h/a/../b", "https://h/..", "https://h/a/%2E/b",
    } do
      assert.is_false(core.is_base(base), base)
    end
  end)
end)

describe("url.c: links below the base URL", function()
  local base = "https://gw.example/klaviyo"

  it("accepts links of the service and of the base URL", function()
    for link, url in pairs {
      ["https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=abc"] =
        base .. "/api/profiles?page%5Bcursor%5D=abc",
      ["https://A.Klaviyo.com:443/api/x"] = base .. "/api/x",
      ["https://gw.example/klaviyo/api/x?a=1#part"] = base .. "/api/x?a=1",
      ["https://gw.example/api/x"] = base .. "/api/x",
      ["https://gw.example/klaviyo/client/x"] = base .. "/client/x",
      ["/api/x?y"] = base .. "/api/x?y",
    } do
      assert.equal(url, core.rebase(base, link))
    end
  end)

  it("never repeats a prefix that looks like the API's own", function()
    assert.equal("https://gw/api/api/lists",
      core.rebase("https://gw/api", "https://gw/api/api/lists"))
    assert.equal("https://gw/api/api/lists",
      core.rebase("https://gw/api", "https://a.klaviyo.com/api/lists"))
    assert.equal("http://h:81/api/lists",
      core.rebase("http://h:81", "http://h:81/api/lists"))
  end)

  it("escapes characters that a URL may not contain", function()
    assert.equal(base .. "/api/x?page%5Bcursor%5D=a%22b", core.rebase(base,
      'https://a.klaviyo.com/api/x?page[cursor]=a"b'))
  end)

  -- Fault 34: such a link ended the loop with an error.
  it("escapes blanks, quotes and UTF-8 that were not escaped", function()
    for written, escaped in pairs {
      ["a b"] = "a%20b", ["  a  b"] = "%20%20a%20%20b", ['"a"'] = "%22a%22",
      ["M\195\188ller"] = "M%C3%BCller", ["\240\159\152\128 x"] =
        "%F0%9F%98%80%20x", ["<a|b^`{}>"] = "%3Ca%7Cb%5E%60%7B%7D%3E",
      ["a%20b c"] = "a%20b%20c", ["a\\b"] = "a%5Cb",
    } do
      for _, origin in ipairs {"", "https://a.klaviyo.com",
        "https://gw.example/klaviyo"} do
        assert.equal(base .. "/api/x?filter=" .. escaped,
          core.rebase(base, origin .. "/api/x?filter=" .. written))
        assert.equal(base .. "/api/lists/x" .. escaped .. "y/profiles",
          core.rebase(base, origin .. "/api/lists/x" .. written
            .. "y/profiles"))
      end
    end
    assert.equal(base .. "/api/x?a=1",
      core.rebase(base, "  https://a.klaviyo.com/api/x?a=1 "))
    assert.equal(base .. "/api/x?a=b%20c://d",
      core.rebase(base, "/api/x?a=b c://d"))
  end)

  it("rejects every other origin", function()
    for _, link in ipairs {
      "https://evil.example/api/x", "http://a.klaviyo.com/api/x",
      "https://a.klaviyo.com:444/api/x", "https://a.klaviyo.com.evil/api/x",
      "https://evila.klaviyo.com/api/x", "http://gw.example/klaviyo/api/x",
    } do
      local url, why = core.rebase(base, link)
      assert.is_nil(url, link)
      assert.equal("foreign", why)
    end
  end)

  it("rejects a link that is not one of the API", function()
    for _, link in ipairs {
      "", "x", "?a=1", "//evil.example/api/x", "\\\\evil/api/x",
      "https://a.klaviyo.com@evil.example/api/x",
      "https://user:pw@a.klaviyo.com/api/x", "https://a.klaviyo.com/",
      "https://a.klaviyo.com/oauth/token", "/other",
      "https://a.klaviyo.com/api/../admin", "/api/%2e%2E/admin",
      "/api/x/.%2e", "https://a.klaviyo.com /api/x",
      "https://a.klaviyo .com/api/x", "https://evil a.klaviyo.com/api/x",
      "https ://a.klaviyo.com/api/x", " ", "/api/. ./x\127", "/api/x\9y",
      "https://a.klaviyo.com/api/x\r\nHost: evil", "javascript:alert(1)",
    } do
      local url, why = core.rebase(base, link)
      assert.is_nil(url, link)
      assert.is_true(why == "bad" or why == "foreign", link)
    end
  end)
end)
