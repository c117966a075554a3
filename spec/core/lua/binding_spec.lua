local core = require "klaviyo.core"
local leave = require "spec.support.finalizer"
local script = require "spec.support.script"

describe("binding.c: a scratch buffer", function()
  it("is not changed by a finalizer that calls the same function", function()
    local function meddle()
      core.url("http://x", "/{evil}", { evil = ("E"):rep(500) })
      core.escape(("%"):rep(300))
      core.quote(("\n"):rep(300))
      core.header_fields(("X"):rep(100) .. ": y\r\n")
    end
    for i = 1, 40000 do
      leave(meddle)
      local url = core.url("https://a", "/p/{id" .. i .. "}", { ["id" .. i] = "v" .. i }, { "q", "w" .. i })
      assert(url == ("https://a/p/v%d?q=w%d"):format(i, i), url)
      assert(core.escape("a b" .. i) == "a%20b" .. i)
      assert(core.quote("a\n" .. i) == '"a\\n' .. i .. '"')
      local fields = core.header_fields("Ab" .. i .. ": c\r\nDe: f\r\n")
      assert(fields["ab" .. i] == "c" and fields.de == "f")
    end
  end)

  it("is a new one after an error", function()
    for _ = 1, 100 do
      assert.has_error(function() core.url("https://a", "/p", nil, { "q", {}, "r", true }) end)
      assert.equal("https://a/p?q=1", core.url("https://a", "/p", nil, { "q", "1" }))
    end
  end)

  -- a leak, to a sanitizer
  it("is freed when the state closes", function()
    local output, status = script.run [[
      local core = require "klaviyo.core"
      kept = require "spec.support.finalizer"(function()
        core.url("http://x", "/{id}", {id = ("E"):rep(500)})
        core.quote(("\n"):rep(3000))
      end)
      core.url("http://x", "/{id}", {id = "a"})
      core.quote("a")
    ]]
    assert.equal(0, status, output)
  end)
end)
