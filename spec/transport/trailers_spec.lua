-- Header fields and trailers that look like a status line are not one.
local connect = require "spec.support.connect"
local raw = require "spec.support.raw"

local SECOND = { body = '{"data":[{"id":"2"}]}' }

describe("trailers", function()
  local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.api+json\r\nX-Mine: yes\r\n"
    .. "Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"

  it("that look like a status line do not replace the header", function()
    for _, trailer in ipairs { "HTTP/1.1 500 Oops", "HTTP/2 429 No\r\nRetry-After: 7", "HTTP/1.1 100 Continue\r\n",
      "X-Late: 1\r\nHTTP/: 2", "HTTP/1.1: x\r\nX-Mine: no" } do
      raw.with({ answers = { { raw = HEAD .. "b\r\n{\"data\":[]}\r\n0\r\n" .. trailer .. "\r\n\r\n" }, SECOND } },
        function(server)
          local client = connect(server.url)
          local document, err = client:request { method = "GET", path = "/api/thing-1" }
          if document then -- a libcurl may refuse a trailer without a colon
            assert.equal(200, document.response.status)
            assert.equal("yes", document.response.headers["x-mine"])
            assert.is_nil(document.response.headers["x-late"])
            assert.is_nil(document.response.headers["retry-after"])
          else
            assert.equal("transport", err.kind)
          end
          assert.equal("2", client:request({ method = "GET", path = "/api/thing-2" }).data[1].id)
        end)
    end
  end)

  it("are not replaced by a header field that looks like one", function()
    raw.with({ answers = { { raw = "HTTP/1.1 200 OK\r\nX-Mine: yes\r\nHTTP/1.1: 2\r\nContent-Length: 11\r\n\r\n"
      .. '{"data":[]}' } } }, function(server)
      local document, err = connect(server.url):request { method = "GET", path = "/api/thing-1" }
      if document then
        assert.equal("yes", document.response.headers["x-mine"])
      else
        assert.equal("transport", err.kind)
      end
    end)
  end)
end)
