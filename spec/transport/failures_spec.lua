-- A failed request returns `nil, err`: each way in which it can fail, checked
-- by the error's documented members.
local connect = require "spec.support.connect"
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local function client_of(url, more)
  local settings = { timeout = 5, connect_timeout = 5 }
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  return connect(url, settings)
end

local EVENT = { data = { type = "event", attributes = {
  metric = { data = { type = "metric", attributes = { name = "Viewed" } } },
  profile = { data = { type = "profile", attributes = { email = "a@example.com" } } },
  properties = { n = 1 },
} } }

-- Checks what holds for every kind of error.
local function check_error(document, err, kind)
  assert.is_nil(document)
  assert.is_table(err)
  assert.equal(kind, err.kind)
  local text = tostring(err)
  assert.equal("string", type(err.message))
  assert.is_nil(text:find("[%c]"), "not one line: " .. text)
  assert.equal("x " .. text, "x " .. err)
  assert.equal("boolean", type(err.maybe_sent))
  assert.equal("table", type(err.attempts))
  assert.is_true(#err.attempts >= 1)
  assert.is_nil(text:find(key, 1, true))
  for _, member in pairs(err) do
    assert.is_nil(tostring(member):find(key, 1, true))
  end
  return err
end

-- Returns the error of a call (`get_profiles`) to a server with this plan.
local function failing(plan, kind, check, more, call)
  raw.with(plan, function(server)
    local client = client_of(server.url, more)
    local document, err
    if call then
      document, err = call(client)
    else
      document, err = client:call("get_profiles")
    end
    check_error(document, err, kind)
    check(err, server)
  end)
end

local function post(client)
  return client:call("create_event", { body = EVENT })
end

-- Seconds of elapsed time; os.clock returns processor time.
local function now()
  local pipe = io.popen("date +%s.%N")
  local seconds = tonumber((pipe:read("*l")))
  pipe:close()
  return seconds
end

local function gzipped(command)
  local pipe = io.popen(command .. " | gzip -9 -n", "r")
  local bytes = pipe:read("*a")
  pipe:close()
  return bytes
end

describe("a connection that cannot be made", function()
  it("is refused", function()
    local server = raw.start { answers = {} }
    local url = server.url
    server:stop()
    local err = check_error(nil, select(2, client_of(url):call("get_profiles")), "transport")
    assert.is_false(err.maybe_sent)
    assert.is_nil(err.status)
    assert.is_nil(err.response)
    assert.equal("get_profiles", err.operation)
    assert.matches("connect", err.message)
    err = check_error(nil, select(2, post(client_of(url))), "transport")
    assert.is_false(err.maybe_sent)
  end)

  it("has an unknown host", function()
    local err = check_error(nil, select(2,
      client_of("http://no-such-host.invalid"):call("get_profiles")), "transport")
    assert.is_false(err.maybe_sent)
    assert.matches("resolve", err.message)
    assert.matches("no%-such%-host%.invalid", err.message)
  end)

  it("takes too long to connect", function()
    raw.with({ answers = {}, accept = false }, function(server)
      local began = now()
      local document, err = post(client_of(server.url, { connect_timeout = 0.4 }))
      local elapsed = now() - began
      check_error(document, err, "timeout")
      assert.is_false(err.maybe_sent)
      assert.is_nil(err.status)
      assert.is_true(elapsed >= 0.4 and elapsed < 1.4, "took " .. elapsed)
    end)
  end)

  it("does not speak TLS", function()
    raw.with({ answers = {}, greeting = "220 ready\r\n" }, function(server)
      local url = server.url:gsub("^http:", "https:")
      local err = check_error(nil, select(2, post(client_of(url, { timeout = 2 }))), "transport")
      assert.is_false(err.maybe_sent)
      assert.equal(0, #server:requests())
    end)
  end)
end)

describe("an incomplete response", function()
  it("never begins", function()
    local began
    failing({ answers = { { never = true } } }, "timeout", function(err, server)
      local elapsed = now() - began
      assert.is_true(elapsed >= 0.4 and elapsed < 1.4, "took " .. elapsed)
      assert.is_true(err.maybe_sent)
      assert.is_nil(err.status)
      assert.equal(1, #server:requests())
    end, { timeout = 0.4 }, function(client)
      began = now()
      return post(client)
    end)
  end)

  it("is slower than the timeout", function()
    local began
    failing({ answers = { { body = ("x"):rep(100), slice = 30, between = 0.15 } } }, "timeout",
      function(err)
        local elapsed = now() - began
        assert.is_true(elapsed >= 0.4 and elapsed < 1.4, "took " .. elapsed)
        assert.is_true(err.maybe_sent)
      end, { timeout = 0.4 }, function(client)
        began = now()
        return client:call("get_profiles")
      end)
  end)

  it("is slow, but arrives within the timeout", function()
    raw.with({ answers = { { body = '{"data":[]}', slice = 20, between = 0.05 } } }, function(server)
      local document = assert(client_of(server.url):call("get_profiles"))
      assert.same({}, document.data)
    end)
  end)

  it("is reset before it begins", function()
    failing({ answers = { { send = 0, after = "reset" } } }, "transport", function(err, server)
      assert.is_true(err.maybe_sent)
      assert.is_nil(err.status)
      assert.equal(1, #server:requests())
    end, nil, post)
  end)

  it("is closed before it begins", function()
    failing({ answers = { { send = 0, after = "close" } } }, "transport", function(err, server)
      assert.is_true(err.maybe_sent)
      assert.equal(1, #server:requests())
    end, nil, post)
  end)

  it("is reset before anything was sent", function()
    failing({ answers = {}, on_accept = "reset" }, "transport", function(_, server)
      assert.equal(0, #server:requests())
    end, nil, post)
  end)

  it("is reset in the middle of its header", function()
    failing({ answers = { { body = "{}", send = 25, after = "reset" } } }, "transport", function(err)
      assert.is_true(err.maybe_sent)
    end)
  end)

  it("is reset in the middle of its body", function()
    failing({ answers = { { body = ("x"):rep(5000), send = 3000, after = "reset" } } }, "transport",
      function(err, server)
        assert.is_true(err.maybe_sent)
        assert.equal(1, #server:requests())
      end, nil, post)
  end)

  it("is closed in the middle of its body", function()
    failing({ answers = { { body = '{"data":[]}', length = 900, after = "close" } } }, "transport",
      function(err)
        assert.is_true(err.maybe_sent)
      end)
  end)

  it("ends in the middle of a chunk", function()
    failing({ answers = { { raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
      after = "close" } } }, "transport", function(err)
      assert.is_true(err.maybe_sent)
    end)
  end)

  it("has malformed chunks", function()
    failing({ answers = { { raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
      after = "close" } } }, "transport", function(err)
      assert.is_true(err.maybe_sent)
    end)
  end)

  it("is not gzip although its header says so", function()
    failing({ answers = { { headers = { ["Content-Encoding"] = "gzip" }, body = '{"data":[]}' } } },
      "transport", function(err)
        assert.is_true(err.maybe_sent)
      end)
  end)

  it("is truncated gzip", function()
    local bytes = gzipped("head -c 100000 /dev/urandom | base64")
    failing({ answers = { { headers = { ["Content-Encoding"] = "gzip" }, body = bytes:sub(1, 5000),
      length = #bytes, after = "close" } } }, "transport", function(err)
      assert.is_true(err.maybe_sent)
    end)
  end)
end)

describe("a response that is too large", function()
  it("fails beyond max_response_bytes", function()
    failing({ answers = { { body = '{"data":"' .. ("x"):rep(100000) .. '"}' } } }, "transport",
      function(err)
        assert.matches("max_response_bytes", err.message)
        assert.is_true(err.maybe_sent)
      end, { max_response_bytes = 99999 })
  end)

  -- of which 32 bits would keep 0
  it("succeeds if max_response_bytes is more than the memory can hold", function()
    raw.with({ answers = { { body = '{"data":null}' } } }, function(server)
      assert(client_of(server.url, { max_response_bytes = 2 ^ 32 }):call("get_profiles"))
      assert(client_of(server.url, { max_response_bytes = 2 ^ 53 }):call("get_profiles"))
    end)
  end)

  it("succeeds at exactly max_response_bytes", function()
    local body = '{"data":"' .. ("x"):rep(989) .. '"}'
    raw.with({ answers = { { body = body } } }, function(server)
      assert.equal(1000, #body)
      local document = assert(client_of(server.url, { max_response_bytes = 1000 }):call("get_profiles"))
      assert.equal(989, #document.data)
      local _, err = client_of(server.url, { max_response_bytes = 999 }):call("get_profiles")
      check_error(nil, err, "transport")
    end)
  end)

  it("is a gzip bomb", function()
    local bomb = gzipped("head -c 50000000 /dev/zero")
    assert.is_true(#bomb < 100000)
    failing({ answers = { { headers = { ["Content-Encoding"] = "gzip" }, body = bomb } } }, "transport",
      function(err)
        assert.matches("max_response_bytes", err.message)
      end, { max_response_bytes = 1000000 })
  end)

  it("has an endless header", function()
    local fields = {}
    for i = 1, 3000 do
      fields["X-Field-" .. i] = ("v"):rep(200)
    end
    failing({ answers = { { headers = fields, body = "{}" } } }, "transport", function(err)
      assert.is_true(err.maybe_sent)
    end)
  end)

  it("has an endless header field", function()
    failing({ answers = { { headers = { ["X-Field"] = ("v"):rep(400000) }, body = "{}" } } }, "transport",
      function(err)
        assert.is_true(err.maybe_sent)
      end)
  end)
end)

describe("a response that is not the API's", function()
  it("is a 200 with truncated JSON", function()
    failing({ answers = { { body = '{"data":[{"type":"profile","id":"1' } } }, "decode", function(err)
      assert.equal(200, err.status)
      assert.equal('{"data":[{"type":"profile","id":"1', err.response.body)
      assert.is_true(err.maybe_sent)
    end)
  end)

  it("is a 200 whose JSON is not an object", function()
    for _, body in ipairs { "null", "12", '"text"', "[]", ' [{"data":1}]', "<html>fine</html>", "true", "{} {}",
      "\0" } do
      failing({ answers = { { body = body } } }, "decode", function(err)
        assert.equal(200, err.status)
        assert.equal(body, err.response.body)
      end)
    end
  end)

  it("is empty, which is an error except for 202 and 204", function()
    for _, status in ipairs { 202, 204 } do
      raw.with({ answers = { { status = status, length = status == 204 and false or 0 } } }, function(server)
        local document = assert(post(client_of(server.url)))
        assert.is_nil(next(document))
        assert.equal(status, document.response.status)
      end)
    end
  end)

  it("is a 403 in HTML", function()
    local html = "<!DOCTYPE html>\n<html>\r\n<title>Attention Required! | Cloudflare</title>\27[31m"
      .. ("<p>blocked</p>\n"):rep(500)
    failing({ answers = { { status = 403, headers = { ["Content-Type"] = "text/html" }, body = html } } },
      "http", function(err)
        assert.equal(403, err.status)
        assert.is_nil(err.errors)
        assert.is_nil(err.code)
        assert.is_false(err.maybe_sent)
        assert.matches("403", err.message)
        assert.matches("Cloudflare", err.message)
        assert.is_true(#err.message < 600)
        assert.equal(html, err.response.body)
        assert.equal("text/html", err.response.headers["content-type"])
      end, nil, post)
  end)

  it("is an empty 500", function()
    failing({ answers = { { status = 500 } } }, "http", function(err)
      assert.equal(500, err.status)
      assert.is_true(err.maybe_sent)
      assert.equal("", err.response.body)
    end, nil, post)
  end)

  it("is an error in JSON of another shape", function()
    for _, body in ipairs { '{"message":"no"}', '{"errors":{}}', '{"errors":[]}', '{"errors":"x"}',
      '{"errors":null}', "[]", "[1]", "null", '"x"' } do
      failing({ answers = { { status = 400, body = body } } }, "http", function(err)
        assert.equal(400, err.status)
        assert.is_nil(err.errors)
      end)
    end
  end)

  it("is a redirect to another host, which is not followed", function()
    raw.with({ answers = { { body = "{}" } } }, function(other)
      failing({ answers = { { status = 302, headers = { Location = other.url .. "/api/profiles" } } } },
        "http", function(err, server)
          assert.equal(302, err.status)
          assert.matches("redirect", err.message)
          assert.matches(other.port, err.message)
          assert.is_false(err.maybe_sent)
          assert.equal(1, #server:requests())
          assert.equal(0, #other:requests())
          assert.equal(0, other:connections())
        end)
    end)
  end)

  it("is not HTTP", function()
    for _, bytes in ipairs { "garbage", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 xyz\r\n\r\n", "\0\0\0\0",
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", "HTTP/9.9 200 OK\r\n\r\n{}" } do
      failing({ answers = { { raw = bytes, after = "close" } } }, "transport", function(err)
        assert.is_true(err.maybe_sent)
        if not bytes:find("^HTTP/") then
          assert.equal("the server does not speak HTTP", err.message)
        end
      end)
    end
  end)

  it("has a header without an end", function()
    failing({ answers = { { raw = "HTTP/1.1 200 OK\r\n" .. ("X: " .. ("v"):rep(1000) .. "\r\n"):rep(2000) } } },
      "transport", function(err)
        assert.equal("the response header is too large", err.message)
      end)
  end)

  it("has malformed header fields, and is still read", function()
    local strange = "HTTP/1.1 200 OK\r\nno colon here\r\n: no name\r\nX: a\r\nX: b\r\nEmpty:\r\n"
      .. "RateLimit-Limit: nonsense, ;w=, 99999999999999999999;w=-1\r\nRateLimit-Remaining: \r\n"
      .. "RateLimit-Reset: -1\r\nRetry-After: soon\r\nX-Latin: caf\233\r\nContent-Length: 11\r\n\r\n"
    raw.with({ answers = { { raw = strange .. '{"data":[]}' } } }, function(server)
      local document, err = client_of(server.url):call("get_profiles")
      if document then -- a libcurl may refuse a line without a colon
        assert.equal(200, document.response.status)
        assert.equal("table", type(document.response.headers))
        assert.is_nil(document.response.retry_after)
        local _ = document.response.rate_limit
      else
        check_error(document, err, "transport")
      end
    end)
  end)

  it("comes after interim responses", function()
    raw.with({ answers = { { raw = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
      .. 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-Mine: yes\r\n\r\n{"data":[]}' } } }, function(server)
      local document = assert(client_of(server.url):call("get_profiles"))
      assert.equal(200, document.response.status)
      assert.equal("yes", document.response.headers["x-mine"])
      assert.is_nil(document.response.headers.link)
    end)
  end)
end)

describe("an error response of the API", function()
  local body = [[{"errors":[
    {"id":"e1","status":400,"code":"invalid","title":"Invalid input.",
     "detail":"'frist_name' is not a valid field.","source":{"pointer":"/data/attributes/frist_name"},
     "links":{},"meta":{"more":true}},
    {"id":"e2","status":400,"code":"required","title":"Missing","detail":"x","source":{"parameter":"filter"}}
  ]}]]

  it("is returned whole", function()
    failing({ answers = { { status = 400, body = body } } }, "api", function(err)
      assert.equal(400, err.status)
      assert.equal("invalid", err.code)
      assert.equal(2, #err.errors)
      assert.equal("/data/attributes/frist_name", err.errors[1].source.pointer)
      assert.is_true(err.errors[1].meta.more)
      assert.equal("required", err.errors[2].code)
      assert.matches("frist_name' is not a valid field", err.message)
      assert.equal("get_profiles", err.operation)
      assert.matches("get_profiles", tostring(err))
      assert.is_false(err.maybe_sent)
      assert.equal(body, err.response.body)
    end)
  end)

  it("reports a wrong key", function()
    failing({ answers = { { status = 401, body = [[{"errors":[{"id":"x","status":401,
      "code":"not_authenticated","title":"Authentication credentials were not provided.",
      "detail":"Missing or invalid authorization scheme."}]}]] } } }, "api", function(err)
      assert.equal(401, err.status)
      assert.equal("not_authenticated", err.code)
    end)
  end)

  it("may have members of unexpected types", function()
    for _, text in ipairs { '{"errors":[null]}', '{"errors":["text"]}', '{"errors":[[]]}', '{"errors":[7]}',
      '{"errors":[{"detail":{},"code":12,"source":"x","title":null}]}', '{"errors":[{}]}' } do
      raw.with({ answers = { { status = 400, body = text } } }, function(server)
        local document, err = client_of(server.url):call("get_profiles")
        assert.is_nil(document)
        assert.equal(400, err.status)
        assert.equal("string", type(tostring(err)))
      end)
    end
  end)

  it("is a 429 with the time of the next retry", function()
    failing({ answers = { { status = 429, headers = { ["Retry-After"] = "7" },
      body = '{"errors":[{"status":429,"code":"throttled","detail":"Request was throttled."}]}' } } },
      "rate_limited", function(err)
        assert.equal(429, err.status)
        assert.equal(7, err.retry_after)
        assert.equal("throttled", err.code)
        assert.is_false(err.maybe_sent)
      end)
  end)
end)

describe("pages with wrong links", function()
  local function page(link)
    return { body = ('{"data":[{"type":"profile","id":"1"}],"links":{"next":%s}}')
      :format(link and '"' .. link .. '"' or "null") }
  end

  -- Returns the ids before the loop raised an error, and the error.
  local function collect(client)
    local ids = {}
    local ok, err = pcall(function()
      for profile in client.profiles:each() do
        ids[#ids + 1] = profile.id
      end
    end)
    return ids, not ok and err or nil
  end

  it("name another host, which is never contacted", function()
    raw.with({ answers = { page() } }, function(other)
      raw.with({ answers = { page(other.url .. "/api/profiles?page%5Bcursor%5D=x") } }, function(server)
        local ids, err = collect(client_of(server.url))
        assert.equal(1, #ids)
        check_error(nil, err, "decode")
        assert.matches("another host", err.message)
        assert.equal(1, #server:requests())
        assert.equal(0, other:connections())
      end)
    end)
  end)

  it("name the service's host, and are requested from the base URL", function()
    raw.with({ answers = { page("https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=x%2Fy"), page() } },
      function(server)
        local ids, err = collect(client_of(server.url .. "/klaviyo"))
        assert.is_nil(err)
        assert.equal(2, #ids)
        assert.equal("/klaviyo/api/profiles?page%5Bcursor%5D=x%2Fy", server:requests()[2].target)
      end)
  end)

  it("repeat themselves", function()
    raw.with({ answers = { page("https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=x") } },
      function(server)
        local ids, err = collect(client_of(server.url))
        check_error(nil, err, "decode")
        assert.equal(2, #ids)
        assert.equal(2, #server:requests())
      end)
  end)

  it("fail, and the iterator can continue", function()
    raw.with({ answers = { page("https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=x"),
      { status = 500 }, page() } }, function(server)
      local it = client_of(server.url).profiles:each()
      assert.equal("1", it:next().id)
      local value, err = it:next()
      check_error(value, err, "http")
      assert.equal("1", it:next().id)
      value, err = it:next()
      assert.is_nil(value)
      assert.is_nil(err)
      assert.equal(3, #server:requests())
    end)
  end)
end)

describe("a key", function()
  it("is not shown when the service returns it", function()
    for _, body in ipairs {
      "<p>bad key " .. key .. "</p>", key,
      '{"errors":[{"code":"bad","detail":"the key ' .. key .. ' is wrong, ' .. key .. '"}]}',
    } do
      raw.with({ answers = { { status = 401, body = body } } }, function(server)
        local _, err = client_of(server.url):call("get_profiles")
        assert.equal(401, err.status)
        for size = 8, #key do
          assert.is_nil(tostring(err):find(key:sub(1, size), 1, true))
        end
      end)
    end
  end)

  it("is not shown in part where a long response is truncated", function()
    for size = 160, 200 do
      raw.with({ answers = { { status = 401, body = ("x"):rep(size) .. key } } }, function(server)
        local _, err = client_of(server.url):call("get_profiles")
        assert.is_nil(tostring(err):find(key:sub(1, 8), 1, true))
      end)
    end
  end)

  it("is not shown in the message of a redirect that contains it", function()
    raw.with({ answers = { { status = 302, headers = { Location = "https://x.example/?k=" .. key } } } },
      function(server)
        check_error(nil, select(2, client_of(server.url):call("get_profiles")), "http")
      end)
  end)

  it("with a control character is rejected before anything is sent", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      for _, bad in ipairs { "pk_a\r\nX: y", "pk_a\n", "pk_\0a", "pk_\127" } do
        local ok, message = pcall(function()
          return client_of(server.url, { api_key = bad }):call("get_profiles")
        end)
        assert.is_false(ok)
        assert.is_nil(tostring(message):find(bad, 1, true))
        assert.is_nil(tostring(message):find("pk_", 1, true))
      end
      local ok = pcall(function()
        return client_of(server.url, { headers = { ["X-A"] = "b\r\nX-C: d" } }):call("get_profiles")
      end)
      assert.is_false(ok)
      assert.equal(0, server:connections())
    end)
  end)
end)

describe("a TLS server", function()
  local dir, pid, pipe, url

  setup(function()
    dir = script.shell("mktemp -d"):gsub("%s+$", "")
    assert.equal(0, select(2, script.shell("cd " .. dir .. " && openssl req -x509 -newkey ec "
      .. "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 "
      .. "-subj /CN=localhost -addext subjectAltName=DNS:localhost")))
    pipe = io.popen("cd " .. dir .. " && exec timeout 120 openssl s_server -accept 127.0.0.1:0 "
      .. "-cert cert.pem -key key.pem -www 2>&1 </dev/null & echo $!; wait")
    pid = pipe:read("*l")
    local port
    repeat
      local line = pipe:read("*l")
      port = line and line:match("^ACCEPT .*:(%d+)$")
    until port or not line
    url = "https://localhost:" .. assert(port)
  end)

  teardown(function()
    os.execute("kill " .. pid)
    pipe:close()
    script.shell("rm -r " .. dir)
  end)

  it("with an unknown authority gets no request", function()
    local document, err = post(client_of(url))
    check_error(document, err, "transport")
    assert.is_false(err.maybe_sent)
    assert.matches("certificate", err.message:lower())
  end)

  it("with the authority of ca_file gets the request", function()
    -- it answers in HTML, which shows that the TLS handshake succeeded
    local document, err = client_of(url, { ca_file = dir .. "/cert.pem" }):call("get_profiles")
    assert.equal(200, check_error(document, err, "decode").status)
  end)

  it("with another name gets no request", function()
    local document, err = post(client_of(url:gsub("localhost", "127.0.0.1"),
      { ca_file = dir .. "/cert.pem" }))
    check_error(document, err, "transport")
    assert.is_false(err.maybe_sent)
  end)

  it("with a missing ca_file returns an error", function()
    local document, err = post(client_of(url, { ca_file = dir .. "/none.pem" }))
    check_error(document, err, "transport")
    assert.is_false(err.maybe_sent)
  end)
end)
