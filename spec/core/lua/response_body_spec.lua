-- The body of a page, which stays in its C buffer.
local cjson = require "cjson"
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local raw = require "spec.support.raw"

local BODY = '{"data":[' .. ('{"n":"x"},'):rep(20000) .. '{}],"links":{"next":"/api/x?page%5Bcursor%5D=b"}}'

-- Passes the body of a response to a function.
local function with_body(text, check)
  raw.with({answers = {{body = text}}}, function(server)
    local ticket = core.submit(engine.settings(), engine.request_queue(server.url), "GET", server.url .. "/", nil, true)
    engine.pump_until(function() return ticket:done() end)
    check(ticket:result(true))
  end)
end

describe("the body of a page", function()
  local decode = core.decoder({})

  it("can be decoded, searched for its link, measured and read as a string", function()
    with_body(BODY, function(answer)
      local bytes = answer.bytes
      assert.is_nil(answer.body)
      assert.equal("userdata", type(bytes))
      assert.equal(#BODY, #bytes)
      assert.same(cjson.decode(BODY), decode(bytes))
      local pages = core.pages("http://h", "http://h/api/x")
      assert.is_true(pages:follow(bytes))
      assert.equal("b", pages:cursor())
      assert.equal(BODY, bytes:text())
    end)
  end)

  it("can be freed, twice, and is not read afterwards", function()
    with_body(BODY, function(answer)
      local bytes = answer.bytes
      bytes:free()
      bytes:free()
      assert.is_nil(bytes:text())
      assert.equal(#BODY, #bytes)
      local pages = core.pages("http://h", "http://h/api/x")
      for _, read in ipairs {decode, function(b) return pages:follow(b) end} do
        local ok, message = pcall(read, bytes)
        assert.is_false(ok)
        assert.matches("the response body was freed", message)
      end
    end)
  end)

  it("is not freed while it is decoded, even by a finalizer", function()
    with_body(BODY, function(answer)
      local bytes, count = answer.bytes, 0
      local function free_again()
        local mt = {__gc = function()
          count = count + 1
          bytes:free()
          free_again()
        end}
        if newproxy then
          local made = newproxy(true)
          getmetatable(made).__gc = mt.__gc
        else
          setmetatable({}, mt)
        end
      end
      collectgarbage()
      free_again()
      local ok, value = pcall(decode, bytes)
      if count == 0 then
        return pending("no finalizer ran while it was decoded")
      end
      assert.is_true(ok, value)
      assert.same(cjson.decode(BODY), value)
      assert.is_nil(bytes:text())
    end)
  end)

  it("that is not JSON is an error with the position", function()
    with_body('{"a":1,}', function(answer)
      local value, message = decode(answer.bytes)
      assert.is_nil(value)
      assert.matches("at byte 8", message)
      assert.equal('{"a":1,}', answer.bytes:text())
    end)
  end)

  it("that is empty is an empty string", function()
    with_body("", function(answer)
      assert.equal("", answer.body)
      assert.is_nil(answer.bytes)
    end)
  end)

  it("is not what another userdata is", function()
    assert.same({nil, "expected a string, got userdata"}, {decode(io.stdout)})
    assert.same({nil, "expected a string, got userdata"}, {decode(cjson.null)})
  end)
end)
