-- klaviyo.gateway in a real nginx, configured by examples/nginx/gateway.conf.
local cjson = require "cjson"
local ask = require "spec.support.ask"
local connect = require "spec.support.connect"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local reference = require "spec.support.reference_calls"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"

local quote = script.quote

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

-- Hashes of the tokens "demo", "reader" and "eventer".
local CALLERS = [[
  callers = {
    { name = "demo", token_sha256 = "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea" },
    { name = "reader", token_sha256 = "READER", scopes = {"profiles:read", "lists:read"} },
    { name = "eventer", token_sha256 = "EVENTER", operations = {"create_event", "get_list"} },
  },
]]
CALLERS = CALLERS:gsub("READER", (require("klaviyo.digest").sha256("reader")))
  :gsub("EVENTER", (require("klaviyo.digest").sha256("eventer")))

local JSON = "application/vnd.api+json"

-- Replaces placeholders by the ids of earlier responses.
local function with_ids(text, ids)
  return (text:gsub("%u+_ID", ids))
end

describe("klaviyo.gateway", function()
  local server, gateway

  local function assert_rejected(status, code, options)
    local before = server:stats().requests
    local answer = ask(options.gateway or gateway, options)
    assert.equal(status, answer.status, answer.body)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    assert.equal(JSON, answer.headers["content-type"])
    local object = answer.document.errors[1]
    assert.equal(status, object.status)
    assert.equal(code, object.code)
    assert.is_true(object.meta.gateway)
    assert.is_string(object.id)
    assert.is_string(object.title)
    assert.is_string(object.detail)
    assert.equal(before, server:stats().requests)
    return answer, object
  end

  local function assert_passed(options)
    local answer = ask(options.gateway or gateway, options)
    assert.equal(options.status or 200, answer.status, answer.body)
    assert.is_nil(answer.headers["x-klaviyo-gateway"])
    return answer
  end

  local function latest()
    local requests = server:requests()
    return requests[#requests]
  end

  setup(function()
    server = assert(sandbox.start { key = key, profiles = 250 })
    gateway = assert(nginx.gateway(server, { settings = CALLERS .. "pacing = false, public = true," }))
  end)

  teardown(function()
    local logs = gateway and gateway:stop() or ""
    if server then
      server:stop()
    end
    assert.is_nil(logs:find(key, 1, true), "the key is in a log")
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
    assert.is_nil(logs:match("[^\n]*Bearer[^\n]*"))
  end)

  describe("makes the calls of the reference", function()
    local ids = {}

    for _, call in ipairs(reference) do
      it(call.name, function()
        local body = call.body and with_ids(call.body, ids)
        local answer = assert_passed {
          method = call.method, path = with_ids(call.path, ids), body = body, status = call.status,
        }
        local received = latest()
        assert.equal(call.method, received.method)
        assert.equal(body, received.body)
        assert.equal("Klaviyo-API-Key", received.headers.authorization)
        assert.equal("2024-10-15", received.headers.revision)
        assert.equal(body and JSON or nil, received.headers["content-type"])
        local data = (answer.document or {}).data
        if call.makes then
          ids[call.makes] = data.id or data[1].id
        end
      end)
    end
  end)

  describe("rejects a request", function()
    it("without a token or with an unknown one", function()
      for _, token in ipairs { false, "", "dem", "demo2", "DEMO", key,
        "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea" } do
        local answer = assert_rejected(401, "not_authenticated", { path = "/api/profiles", token = token })
        assert.matches("^Bearer", answer.headers["www-authenticate"])
      end
      assert_rejected(401, "not_authenticated", { path = "/api/lists", token = false,
        method = "POST", body = '{"data":{"type":"list","attributes":{"name":"x"}}}' })
      assert_rejected(401, "not_authenticated", { path = "/api/nothing", token = false })
    end)

    it("that its scopes do not allow", function()
      assert_passed { path = "/api/profiles", token = "reader" }
      assert_rejected(403, "permission_denied", { path = "/api/metrics", token = "reader" })
      assert_rejected(403, "permission_denied", { path = "/api/profiles", token = "reader", method = "POST",
        body = '{"data":{"type":"profile","attributes":{"email":"a@example.com"}}}' })
    end)

    it("that its list of operations does not contain", function()
      assert_passed { path = "/api/events", token = "eventer", method = "POST", status = 202,
        body = reference[15].body }
      assert_rejected(403, "permission_denied", { path = "/api/profiles", token = "eventer" })
    end)

    it("for another operation through an encoded slash", function()
      assert_rejected(404, "not_found", { path = "/api/lists/x%2Frelationships%2Fprofiles", token = "eventer" })
      assert_rejected(404, "not_found", { path = "/api/lists/x%2fprofiles", token = "eventer" })
      assert_rejected(404, "not_found", { path = "/api/lists/x%252Fprofiles", token = "eventer" })
    end)

    it("and keeps its connection for the next request", function()
      local url = gateway.base_url .. "/klaviyo/api/profiles"
      local text = script.shell(("curl -sS -m 20 -o /dev/null -w '%%{http_code} %%{num_connects}\\n' -d %s %s "
        .. "--next -sS -m 20 -o /dev/null -w '%%{http_code} %%{num_connects}\\n' -H 'Authorization: Bearer demo' %s")
        :format(quote(("GET /evil HTTP/1.1\r\n\r\n"):rep(1000)), url, url))
      assert.equal("401 1\n200 0\n", text)
    end)
  end)

  it("accepts a token with the scheme Klaviyo-API-Key", function()
    assert_passed { path = "/api/profiles", token = false, headers = { Authorization = "Klaviyo-API-Key demo" } }
  end)

  it("answers 405 with the methods of the path", function()
    local answer = assert_rejected(405, "method_not_allowed", { path = "/api/profiles", method = "PUT" })
    assert.equal("GET, POST", answer.headers.allow)
    assert_rejected(404, "not_found", { path = "/api/no-such-thing" })
    assert_rejected(404, "not_found", { path = "/oauth/token" })
  end)

  it("passes a supported revision, and rejects others", function()
    assert_passed { path = "/api/profiles", headers = { revision = "2025-04-15" } }
    assert.equal("2025-04-15", latest().headers.revision)
    for _, date in ipairs { "2025-05-01", "2031-01-15" } do
      assert_passed { path = "/api/profiles", headers = { revision = date } }
      assert.equal(date, latest().headers.revision)
    end
    for _, date in ipairs { "2020-01-01", "latest", "../../x" } do
      local _, object = assert_rejected(400, "invalid", { path = "/api/profiles", headers = { revision = date } })
      assert.equal("revision", object.source.header)
      assert.matches("2024%-10%-15", object.detail)
    end
    -- the operations are those of this revision, not of the default
    assert_rejected(404, "not_found", { path = "/api/web-feeds" })
    assert.is_true(ask(gateway, { path = "/api/web-feeds", headers = { revision = "2026-07-15" } }).status ~= 404
      or latest().uri == "/api/web-feeds")
  end)

  it("accepts both JSON types, and rejects others", function()
    local body = '{"data":{"type":"list","attributes":{"name":"typed"}}}'
    for _, media_type in ipairs { JSON, "application/json", "Application/JSON; charset=utf-8" } do
      assert_passed { path = "/api/lists", body = body, status = 201, headers = { ["Content-Type"] = media_type } }
      assert.equal(JSON, latest().headers["content-type"])
      assert.equal(body, latest().body)
    end
    for _, media_type in ipairs { "text/plain", "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x" } do
      local _, object = assert_rejected(415, "unsupported_media_type",
        { path = "/api/lists", body = body, headers = { ["Content-Type"] = media_type } })
      assert.equal("Content-Type", object.source.header)
    end
    assert_rejected(415, "unsupported_media_type", { path = "/api/image-upload", body = body })
    assert_rejected(400, "invalid", { path = "/api/lists", method = "GET", body = body })
  end)

  it("rejects a body that is too large, with or without Content-Length", function()
    local file = os.tmpname()
    local handle = io.open(file, "w")
    handle:write('{"data":"' .. ("x"):rep(7 * 1024 * 1024) .. '"}')
    handle:close()
    local before = server:stats()
    for _, how in ipairs { "", "-H 'Transfer-Encoding: chunked'", "-H 'Content-Length: 6900000'" } do
      local text = script.shell(("curl -sS -i -m 20 %s -H 'Expect:' -H 'Authorization: Bearer demo' "
        .. "-H 'Content-Type: %s' --data-binary @%s %s 2>&1"):format(how, JSON, file,
        gateway.base_url .. "/klaviyo/api/lists"))
      assert.matches("HTTP/1.1 413", text)
      assert.matches('"content_too_large"', text)
      assert.matches("X%-Klaviyo%-Gateway: 1", text)
    end
    os.remove(file)
    assert.same(before.created, server:stats().created)
  end)

  it("passes a body of several megabytes", function()
    local profiles = {}
    for i = 1, 9000 do
      profiles[i] = ('{"type":"profile","attributes":{"email":"big%d@example.com","first_name":"%s"}}')
        :format(i, ("n"):rep(400))
    end
    local body = ('{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[%s]}}}}')
      :format(table.concat(profiles, ","))
    local file = os.tmpname()
    local handle = io.open(file, "w")
    handle:write(body)
    handle:close()
    local text = script.shell(("curl -sS -m 30 -o /dev/null -w '%%{http_code}' -H 'Authorization: Bearer demo' "
      .. "-H 'Content-Type: %s' --data-binary @%s %s"):format(JSON, file,
      gateway.base_url .. "/klaviyo/api/profile-bulk-import-jobs"))
    os.remove(file)
    assert.equal("202", text)
    assert.is_true(#body > 4 * 1024 * 1024)
    assert.equal(#body, server:stats().largest.bulk_import_profiles.bytes)
  end)

  it("passes ids unchanged", function()
    for _, id in ipairs { "a%2Fb%2B%3D%3D", "%24custom%3A%3A%3A%24default%3A%3A%3ASKU%2F1%2B2%3D3",
      "$custom:::$default:::X", "a+b=c", "%C3%A9%20%252F%3F%23%26%3B%40", "a%2F%2Fb", "~x", ("i"):rep(5000) } do
      for _, path in ipairs { "/api/catalog-items/%s", "/api/catalog-items/%s/variants" } do
        local before = server:stats().requests
        ask(gateway, { path = (path:gsub("%%s", (id:gsub("%%", "%%%%")))) })
        assert.equal(before + 1, server:stats().requests, id)
        assert.equal((path:gsub("%%s", (id:gsub("%%", "%%%%")))), latest().uri)
      end
    end
  end)

  it("escapes only characters that a query may not contain", function()
    assert_passed {
      path = '/api/profiles?filter=equals(email,"a+b@example.com")&fields[profile]=email&page%5Bsize%5D=1#x',
    }
    assert.equal("/api/profiles?filter=equals(email,%22a+b@example.com%22)&fields%5Bprofile%5D=email&page%5Bsize%5D=1",
      latest().uri)
  end)

  it("drops all other header fields of the caller", function()
    assert_passed { path = "/api/profiles", headers = {
      Cookie = "a=b", ["X-Forwarded-For"] = "10.0.0.1", ["Accept-Encoding"] = "gzip", Range = "bytes=0-3",
      ["X-Other"] = "x", Connection = "X-Other", ["Proxy-Authorization"] = "Basic x", TE = "trailers",
      ["X-Klaviyo-Revision-Fall-Forward-Opt-Out"] = "1", ["User-Agent"] = "mine/1", Host = "evil.example",
    } }
    local headers = latest().headers
    for _, name in ipairs { "cookie", "x-forwarded-for", "accept-encoding", "range", "x-other",
      "proxy-authorization", "te", "connection" } do
      assert.is_nil(headers[name], name)
    end
    assert.equal("a.klaviyo.com", headers.host)
    assert.equal("mine/1", headers["user-agent"])
    assert.equal("1", headers["x-klaviyo-revision-fall-forward-opt-out"])
    assert.equal(JSON, headers.accept)
  end)

  it("sends no key to /client, and requires no token if it is public", function()
    local body = '{"data":{"type":"event","attributes":{"properties":{"a":1},"metric":{"data":{"type":"metric",'
      .. '"attributes":{"name":"M"}}},"profile":{"data":{"type":"profile","attributes":{"email":"c@example.com"}}}}}}'
    for _, token in ipairs { false, "demo" } do
      assert_passed { path = "/client/events?company_id=" .. server.company_id, token = token, method = "POST",
        status = 202, body = body }
      assert.is_nil(latest().headers.authorization)
    end
  end)

  describe("used by klaviyo.Client", function()
    local client

    setup(function()
      client = connect(gateway.base_url .. "/klaviyo", { api_key = "demo", auth_scheme = "Bearer" })
    end)

    it("returns page after page", function()
      local ids, count = {}, 0
      for profile in client.profiles:each { page = { size = 20 } } do
        assert.is_nil(ids[profile.id])
        ids[profile.id] = true
        count = count + 1
      end
      assert.is_true(count >= 250)
      local page = assert(client.profiles:list { page = { size = 20 } })
      assert.equal(gateway.base_url .. "/klaviyo/api/profiles?page", page.links.next:match("^[^%[%%]*"))
    end)

    it("returns errors in the API's form", function()
      local doc, err = client:request { method = "GET", path = "/api/no-such-thing" }
      assert.is_nil(doc)
      assert.equal("api", err.kind)
      assert.equal(404, err.status)
      assert.equal("not_found", err.code)
      assert.is_true(err.errors[1].meta.gateway)
    end)
  end)

  it("returns links that other clients can follow", function()
    local url, pages, ids = gateway.base_url .. "/klaviyo/api/profiles?page[size]=100", 0, 0
    while url ~= cjson.null do
      local answer = ask(gateway, { target = url:sub(#gateway.base_url + 1) })
      assert.equal(200, answer.status)
      assert.is_nil(answer.body:find("a.klaviyo.com", 1, true))
      pages, ids, url = pages + 1, ids + #answer.document.data, answer.document.links.next
    end
    assert.equal(math.ceil(ids / 100), pages)
    assert.is_true(pages >= 3)
  end)

  it("serves HTTP/2", function()
    local port = require("klaviyo.sandbox.shell").free_port { [gateway.port] = true }
    local listen = require("klaviyo.sandbox.program").find():listen_http2("127.0.0.1:" .. port)
    local second = assert(nginx.gateway(server, { settings = CALLERS .. "pacing = false,",
      replace = { { "server_tokens off;", "server_tokens off; " .. listen } } }))
    local text = script.shell((
      "curl -sS -g -m 20 --noproxy '*' --http2-prior-knowledge -w '\\n%%{http_version} %%{http_code}' "
      .. "-H 'Authorization: Bearer demo' 'http://127.0.0.1:%d/klaviyo/api/profiles?page[size]=1'"):format(port))
    second:stop()
    local body, result = text:match("^(.*)\n(.*)$")
    assert.equal("2 200", result)
    assert.equal(("http://127.0.0.1:%d/klaviyo/api/profiles?page"):format(port),
      cjson.decode(body).links.next:match("^[^%[%%]*"))
  end)

  it("rejects a thousand hostile paths", function()
    local targets = require "spec.support.hostile_paths"
    assert.is_true(#targets >= 1000, tostring(#targets))
    local name = os.tmpname()
    local file = io.open(name, "w")
    file:write("return {\n")
    for _, target in ipairs(targets) do
      local head = "GET " .. target .. " HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer demo\r\n"
        .. "Connection: close\r\n\r\n"
      file:write((("%q"):format(head):gsub("%z", "\\0")), ",\n")
    end
    file:write("}\n")
    file:close()
    local before = server:stats().requests
    local text, status = script.shell(("timeout 120 lua5.4 spec/support/send_heads.lua %d %s")
      :format(gateway.port, name))
    os.remove(name)
    assert.equal(0, status, text)
    local n = 0
    for line in text:gmatch("[^\n]+") do
      n = n + 1
      local code = tonumber(line)
      assert.is_true(line == "-" or code and code >= 400 and code < 500, targets[n]:sub(1, 100) .. ": " .. line)
    end
    assert.equal(#targets, n)
    assert.equal(before, server:stats().requests)
  end)
end)
