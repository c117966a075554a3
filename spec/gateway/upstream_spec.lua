-- The gateway in front of a service with any behaviour.
local ask = require "spec.support.ask"
local json = require "klaviyo.values.json"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local raw_gateway = require "spec.support.raw_gateway"
local script = require "spec.support.script"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local JSON = "application/vnd.api+json"
local BODY = '{"data":{"type":"list","attributes":{"name":"x"}}}'

describe("a gateway", function()
  local service, gateway

  local start_both = raw_gateway.here(after_each)

  local function start(...)
    service, gateway = start_both(...)
  end

  it("replaces links in responses of any chunk size", function()
    local text = [[{"data":{"type":"list","id":"1","attributes":{"name":"https://a.klaviyo.com/api/x"}},]]
      .. [["links":{"self":"https://a.klaviyo.com/api/lists/1/","next":null}}]]
    start { answers = {
      { headers = { ["Content-Type"] = JSON }, body = text },
      { headers = { ["Content-Type"] = "application/json; charset=utf-8" }, body = text, slice = 7, between = 0.002 },
      { raw = "HTTP/1.1 200 OK\r\nContent-Type: " .. JSON .. "\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. text:gsub(".", "1\r\n%0\r\n") .. "0\r\n\r\n" },
    } }
    for _ = 1, 3 do
      local answer = ask(gateway, { path = "/api/lists/1" })
      assert.equal(200, answer.status)
      assert.equal(gateway.base_url .. "/klaviyo/api/lists/1/", answer.document.links.self)
      assert.equal("https://a.klaviyo.com/api/x", answer.document.data.attributes.name)
    end
  end)

  it("uses public_url in links", function()
    start({ answers = { { body = '{"links":{"self":"https://a.klaviyo.com/api/lists"}}' } } },
      'callers = function() return true end, public_url = "https://gw.example/klaviyo/",')
    assert.equal("https://gw.example/klaviyo/api/lists", ask(gateway, { path = "/api/lists" }).document.links.self)
  end)

  it("does not change responses without JSON", function()
    local html = '<html>"links":{"a":"https://a.klaviyo.com/api/x"}</html>'
    start { answers = {
      { status = 403, headers = { ["Content-Type"] = "text/html" }, body = html },
      { status = 502, headers = { ["Content-Type"] = "text/html" }, body = html },
      { headers = { ["Content-Type"] = JSON, ["Content-Encoding"] = "gzip" }, body = "\31\139 no gzip" },
      { status = 204 },
    } }
    for _, status in ipairs { 403, 502 } do
      local answer = ask(gateway, { path = "/api/lists" })
      assert.equal(status, answer.status)
      assert.equal(html, answer.body)
      assert.is_nil(answer.headers["x-klaviyo-gateway"])
    end
    assert.equal("\31\139 no gzip", ask(gateway, { path = "/api/lists" }).body)
    local answer = ask(gateway, { path = "/api/lists/1", method = "DELETE" })
    assert.equal(204, answer.status)
    assert.equal("", answer.body)
  end)

  it("masks the key in error responses of any chunk size", function()
    local echo = ('{"errors":[{"detail":"no %s, %s","links":{"about":"https://a.klaviyo.com/api/x"}}]}'):format(key,
      key .. key:sub(1, -2))
    local wanted = '{"errors":[{"detail":"no [redacted], [redacted]' .. key:sub(1, -2) .. '","links":{"about":"'
    start { answers = {
      { status = 400, headers = { ["Content-Type"] = "text/html" }, body = echo },
      { status = 403, headers = { ["Content-Type"] = JSON }, body = echo, slice = 3, between = 0.001 },
      { status = 500, body = key:sub(1, -2) },
    } }
    local answer = ask(gateway, { path = "/api/lists" })
    assert.equal(wanted .. 'https://a.klaviyo.com/api/x"}}]}', answer.body)
    answer = ask(gateway, { path = "/api/lists" })
    assert.equal(wanted .. gateway.base_url .. '/klaviyo/api/x"}}]}', answer.body)
    assert.equal(key:sub(1, -2), ask(gateway, { path = "/api/lists" }).body)
  end)

  it("passes Content-Encoding of a request", function()
    start { answers = { { status = 415, body = "{}" } } }
    ask(gateway, { path = "/api/lists", body = "\31\139 gzip", headers = { ["Content-Encoding"] = "gzip",
      ["Content-Type"] = JSON } })
    local request = service:requests()[1]
    assert.equal("gzip", request.headers["content-encoding"])
    assert.equal("\31\139 gzip", request.body)
  end)

  it("drops header fields that concern only the gateway and the service", function()
    start { answers = { { status = 202, body = "{}", headers = {
      ["Set-Cookie"] = "__cf_bm=x", ["Alt-Svc"] = 'h3=":443"', ["X-Klaviyo-Gateway"] = "1",
      ["Strict-Transport-Security"] = "max-age=1", ["RateLimit-Limit"] = "3, 3;w=1, 60;w=60", ["CF-RAY"] = "ray",
      Location = "https://a.klaviyo.com/api/lists/1",
    } } } }
    local headers = ask(gateway, { path = "/api/lists" }).headers
    for _, name in ipairs { "set-cookie", "alt-svc", "x-klaviyo-gateway", "strict-transport-security" } do
      assert.is_nil(headers[name], name)
    end
    assert.equal("3, 3;w=1, 60;w=60", headers["ratelimit-limit"])
    assert.equal("ray", headers["cf-ray"])
    assert.equal(gateway.base_url .. "/klaviyo/api/lists/1", headers.location)
  end)

  local function assert_error(status, code, options)
    local answer = ask(gateway, options or { path = "/api/lists" })
    assert.equal(status, answer.status, answer.body)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    assert.equal(JSON, answer.headers["content-type"])
    assert.equal(code, answer.document.errors[1].code)
    return answer
  end

  it("answers with an error document if the service cannot be reached or is late", function()
    start({ answers = { { after = "reset", raw = "" }, { raw = "HTTP/1.1 200 OK\r\nX:", after = "close" },
      { never = true } } }, nil, { replace = { { "proxy_read_timeout 60s", "proxy_read_timeout 500ms" } } })
    assert_error(502, "bad_gateway")
    assert_error(502, "bad_gateway")
    assert_error(504, "gateway_timeout")
    service:stop()
    assert_error(502, "bad_gateway")
  end)

  it("reuses connections, and retries only safe requests", function()
    start({ requests_per_connection = 3, answers = { { body = "{}" }, { body = "{}" }, { body = "{}" },
      { after = "reset", raw = "" }, { body = "{}" } } }, nil, { workers = 1 })
    for _ = 1, 3 do
      assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    end
    assert.equal(1, service:connections())
    assert_error(502, "bad_gateway", { path = "/api/lists", body = BODY })
    assert.equal(4, #service:requests())
    assert.equal("POST", service:requests()[4].method)
    assert.equal(BODY, service:requests()[4].body)
  end)

  it("calls a function for its key, and hides the function's errors", function()
    start({ answers = { { body = "{}" } } }, [[
      callers = function() return true end,
      api_key = function()
        local turn = ngx.var.arg_sort
        if turn == "1" then error("pk_secret_message") end
        if turn == "2" then return nil end
        if turn == "3" then return "pk_a\r\nX-Evil: 1" end
        ngx.sleep(0.01)
        return "pk_of_a_function"
      end,]])
    for turn = 1, 3 do
      assert_error(503, "no_key", { path = "/api/lists?sort=" .. turn })
    end
    assert.equal(0, #service:requests())
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    assert.equal("Klaviyo-API-Key pk_of_a_function", service:requests()[1].headers.authorization)
    assert.is_nil(gateway:logs():find("pk_", 1, true))
  end)

  it("accepts an access token instead of a key", function()
    start({ answers = { { body = "{}" } } },
      'callers = function() return true end, access_token = "oauth-token", rate_limit_key = "a",')
    assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
    assert.equal("Bearer oauth-token", service:requests()[1].headers.authorization)
  end)

  it("calls the operator's function", function()
    start({ answers = { { body = "{}" } } }, [[
      callers = function(request)
        local who = request.headers["x-who"]
        if who == "nobody" then return nil end
        if who == "banned" then return false end
        if who == "broken" then error("in the rule") end
        if who == "object" then error(setmetatable({}, { __tostring = function() return "an object" end })) end
        if who == "name" then return "reader" end
        if who == "number" then return 1 end
        if who == "reader" then return { name = "reader", scopes = {"lists:read"} } end
        return request.method == "GET" and request.operation == "get_lists" and request.token == "demo"
          and request.remote_addr == "127.0.0.1" and request.scopes[1] == "lists:read"
          and request.target == "/klaviyo/api/lists?a=b"
      end,]])
    assert_error(401, "not_authenticated", { path = "/api/lists", headers = { ["X-Who"] = "nobody" } })
    assert_error(403, "permission_denied", { path = "/api/lists", headers = { ["X-Who"] = "banned" } })
    assert_error(403, "permission_denied", { path = "/api/metrics", headers = { ["X-Who"] = "reader" } })
    assert_error(403, "permission_denied", { path = "/api/lists?a=c" })
    for _, who in ipairs { "broken", "object", "name", "number" } do
      assert_error(500, "error", { path = "/api/lists", headers = { ["X-Who"] = who } })
    end
    for _, why in ipairs { "in the rule", "an object", "not a string", "not a number" } do
      assert.matches("klaviyo gateway: request %x+ failed: [^\n]*" .. why, gateway:logs())
    end
    assert.equal(0, #service:requests())
    assert.equal(200, ask(gateway, { path = "/api/lists?a=b" }).status)
    assert.equal(200, ask(gateway, { path = "/api/lists", headers = { ["X-Who"] = "reader" } }).status)
    assert.matches("reader GET get_lists 200", gateway:logs())
    assert.is_nil(service:requests()[2].headers["x-who"])
  end)

  it("rejects a service without a valid certificate", function()
    local server = assert(require("klaviyo.sandbox").start { key = key })
    for _, pair in ipairs {
      { server.ca_file, nil }, -- signed by an untrusted authority
      { "proxy_ssl_name localhost;", "proxy_ssl_name a.klaviyo.com;" }, -- for another name
    } do
      gateway = assert(nginx.gateway(server, { settings = "callers = function() return true end, pacing = false,",
        replace = { { pair[1], pair[2] or "/etc/ssl/certs/ca-certificates.crt" } } }))
      assert_error(502, "bad_gateway")
      gateway:stop()
      gateway = nil
    end
    local requests = server:stats().requests
    server:stop()
    assert.equal(0, requests)
  end)

  it("reports wrong options when nginx starts", function()
    local rule = "callers = function() end, "
    for settings, message in pairs {
      [""] = "gateway.new: callers is missing: set a list",
      ["callers = {}"] = "the list is empty",
      ['callers = {{token_sha256 = "the token itself"}}'] = "64 hexadecimal digits",
      ['callers = {{token_sha256 = ("a"):rep(64), operations = {"get_profile_s"}}}'] = 'did you mean "get_profiles"?',
      ['callers = {{token_sha256 = ("a"):rep(64), scope = {}}}'] = 'did you mean "scopes"?',
      ["callers = {5}"] = "callers[1] must be a table, not a number",
      ['callers = {{token_sha256 = ("a"):rep(64), scopes = {5}}}'] = "callers[1]: scopes[1] must be a string",
      ['callers = {{token_sha256 = ("a"):rep(64), scopes = "a:read"}}'] = "callers[1]: scopes must be a list of names",
      ['callers = {{token_sha256 = ("a"):rep(64), name = "a b"}}'] = "name must be one word",
      [rule .. 'revision = "2020-01-01"'] = "unknown revision",
      [rule .. 'prefix = "/klaviyo/"'] = "without a slash at its end",
      [rule .. 'public_url = "gw.example"'] = "public_url must be an http(s) URL",
      [rule .. 'api_key = "two words"'] = "api_key must be a string of one word",
      [rule .. 'api_key = "a", access_token = "b"'] = "not both",
      [rule .. 'access_token = "b"'] = "access_token needs rate_limit_key",
      [rule .. "max_weight = 1"] = 'did you mean "max_wait"?',
    } do
      local started, output = nginx.gateway({ port = 9, key = key }, { settings = settings })
      assert.is_nil(started, settings)
      assert.is_truthy(output:find(message, 1, true), settings .. ": " .. output)
      assert.is_truthy(output:find("init_by_lua", 1, true), output)
      assert.is_nil(output:find("the token itself", 1, true))
      assert.is_nil(output:find("two words", 1, true))
    end
    local started, output = nginx.gateway({ port = 9, key = key }, { env = { KLAVIYO_API_KEY = "" } })
    assert.is_nil(started)
    assert.matches("gateway%.new: api_key is missing", output)
  end)

  describe("checked against OpenAPI", function()
    local validator, document = "../shared/contract/validate.js", "../shared/openapi/2024-10-15.json"
    local found = io.open(validator)
    if not found then
      pending("there is no validator here")
      return
    end
    found:close()

    it("sends the calls of the reference without an error", function()
      local name = os.tmpname()
      local out = script.shell(("node %s %s --strict --log %s >%s.out 2>&1 & echo $!; for i in 1 2 3 4 5 6 7 8 9 10; "
        .. "do test -s %s.out && break; sleep 0.3; done; cat %s.out"):format(validator, document, name, name, name,
        name))
      local pid = out:match("^(%d+)")
      local port = tonumber(out:match('"listening":%s*"?[^"]-:?(%d+)"?[,}]'))
      assert.is_number(port, out)
      gateway = assert(nginx.gateway({ port = port, key = key },
        { settings = "callers = function() return true end, pacing = false," }))
      local ids = { PROFILE_ID = "P1", LIST_ID = "L1", FLOW_ID = "F1", WEBHOOK_ID = "W1" }
      for _, call in ipairs(require "spec.support.reference_calls") do
        local answer = ask(gateway, { method = call.method, path = (call.path:gsub("%u+_ID", ids)),
          body = call.body and call.body:gsub("%u+_ID", ids), headers = call.body and
          { ["Content-Type"] = "application/json" } })
        assert.is_nil(answer.headers["x-klaviyo-gateway"], call.name)
      end
      script.shell(("kill %s; rm -f %s.out"):format(pid, name))
      local rejected = {}
      for line in io.lines(name) do
        rejected[json.decode(line).operation_id:lower()] = line
      end
      os.remove(name)
      -- the documentation's two invalid bodies
      assert.is_string(rejected.create_campaign)
      assert.is_string(rejected.create_webhook)
      rejected.create_campaign, rejected.create_webhook = nil, nil
      assert.same({}, rejected)
    end)
  end)
end)
