-- klaviyo.libcurl
local klaviyo = require "klaviyo"

describe("klaviyo.libcurl", function()
  it("names the version, the TLS library, and whether there is HTTP/2", function()
    local about = klaviyo.libcurl()
    assert.matches("^%d+%.%d+%.%d+", about.version)
    assert.is_true(about.tls == nil or about.tls:find("^%a[%w%-_ ]*/%d") ~= nil, about.tls)
    assert.equal("boolean", type(about.http2))
    assert.are_not.equal(about, klaviyo.libcurl())
  end)
end)
