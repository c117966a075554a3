-- gateway:control and gateway:callback, with examples/nginx/gateway_accounts.conf.
local ask = require "spec.support.ask"
local connection_folder = require "klaviyo.gateway.connection_folder"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local oauth = require "spec.support.oauth"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local PATH = "/klaviyo-connections"
local DATA = '{"data": {"type": "connection", "id": "%s"}}'

describe("the control of a gateway's connections", function()
  local folders = folder.here(after_each)
  local server, gateway, dir, secrets

  local function app_text()
    return ([[require("klaviyo.oauth").new {
      client_id = %q, client_secret = %q, redirect_uri = "https://app.example/klaviyo-connected",
      scopes = {"accounts:read", "lists:read"}, store = %q, encryption_key = %q,
      settings = {base_url = %q, proxy = "", revision = "2026-10-15", retries = 0},
    }]]):format(server.client_id, server.client_secret, dir .. "/tokens", oauth.KEY, server.base_url)
  end

  local function app_here()
    return assert(loadstring("return " .. app_text()))()
  end

  -- With one worker, what it did itself is known at once.
  local function start(more, control, workers)
    gateway = assert(nginx.gateway({port = server.port, key = key}, {workers = workers or 1,
      example = "gateway_accounts.conf", settings = ([[
        oauth = %s,
        connections = {main = %q, fixed = {account = "Fixed"}},
        connection_folder = %q, pacing = false,
        control = %s,
        callers = {
          {name = "all", token_sha256 = %q, connections = "*"},
          {name = "main", token_sha256 = %q, connections = {"main"}},
        }, %s
      ]]):format(app_text(), key, dir .. "/connections", control or ("{token_sha256 = {%q, %q}}"):format(
        (require("klaviyo.digest").sha256("operator")), ("0"):rep(64)),
        (require("klaviyo.digest").sha256("all")), (require("klaviyo.digest").sha256("main")), more or "")}))
  end

  before_each(function()
    server = assert(sandbox.start {key = key, approve = true, client_secret = oauth.SECRET})
    dir = folders.new()
    secrets = {key, oauth.CANARY, "operator", oauth.KEY}
  end)

  after_each(function()
    local logs = gateway and gateway:stop() or ""
    gateway = nil
    server:stop()
    for _, secret in ipairs(secrets) do
      assert.is_nil(logs:find(secret, 1, true), "a secret is in a log")
    end
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
  end)

  local function control(method, name, options)
    options = options or {}
    options.method, options.target = method, PATH .. (name and "/" .. name or "")
    if options.token == nil then
      options.token = "operator"
    end
    local answer = ask(gateway, options)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    for _, secret in ipairs(secrets) do
      assert.is_nil(answer.body:find(secret, 1, true), "a secret is in an answer")
    end
    return answer
  end

  local function refused(status, code, method, name, options)
    local answer = control(method, name, options)
    assert.equal(status, answer.status, answer.body)
    assert.equal(code, answer.document.errors[1].code)
    return answer
  end

  local function callback(query)
    return ask(gateway, {target = "/klaviyo-connected" .. query, token = false})
  end

  -- Begins to add a connection. Returns the query of the callback.
  local function begin(name, body)
    local answer = control("POST", nil, {body = body or DATA:format(name)})
    assert.equal(202, answer.status, answer.body)
    local attributes = answer.document.data.attributes
    assert.equal("pending", attributes.state)
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", attributes.expires_at)
    local location = script.shell(("curl -s -o /dev/null -w '%%{redirect_url}' --noproxy '*' %s")
      :format(script.quote(attributes.authorize_url)))
    local query = assert(location:match("^https://app%.example/klaviyo%-connected(%?.*)$"), location)
    secrets[#secrets + 1] = query:match("code=([^&]+)")
    return query
  end

  local function add(name, body)
    local answer = callback(begin(name, body))
    assert.equal(200, answer.status, answer.body)
    assert.equal("no-referrer", answer.headers["referrer-policy"])
    assert.equal("no-store", answer.headers["cache-control"])
  end

  local function call(name, token)
    return ask(gateway, {path = "/api/lists", token = token or "all", headers = {["Klaviyo-Connection"] = name}}).status
  end

  -- After a second each worker looks at the folder again.
  local function assert_call(status, name)
    klaviyo.sleep(1.2)
    for _ = 1, 5 do
      assert.equal(status, call(name))
    end
  end

  it("needs a token of its own", function()
    start()
    for _, token in ipairs {false, "all", "operator2", key} do
      for _, case in ipairs {{"GET"}, {"POST"}, {"GET", "main"}, {"DELETE", "main"}, {"GET", "absent"}} do
        local answer = refused(401, "not_authenticated", case[1], case[2], {token = token,
          body = case[1] == "POST" and DATA:format "x" or nil})
        assert.matches("^Bearer", answer.headers["www-authenticate"])
      end
    end
    assert.equal(401, call("main", "operator"))
    assert.equal(200, control("GET").status)
  end)

  it("shows the connections, without secrets", function()
    start()
    local app = app_here()
    local account = oauth.authorize(app)
    secrets[#secrets + 1] = app:token(account)
    add("shop", ('{"data": {"type": "connection", "id": "shop", "attributes": {"rate_limit_key": "shared"}}}'))
    local answer = control("GET")
    assert.equal(200, answer.status)
    assert.equal("application/vnd.api+json", answer.headers["content-type"])
    local data = answer.document.data
    local time = data[3].attributes.authorized_at
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", time)
    assert.same({
      {type = "connection", id = "fixed",
        attributes = {kind = "oauth", added = false, account = "Fixed", state = "unauthorized", scopes = {}}},
      {type = "connection", id = "main", attributes = {kind = "key", added = false, state = "ready"}},
      {type = "connection", id = "shop", attributes = {kind = "oauth", added = true, account = account, state = "ready",
        scopes = {"accounts:read", "lists:read"}, rate_limit_key = "shared", authorized_at = time,
        refreshed_at = data[3].attributes.refreshed_at}},
    }, data)
    assert.same(data[3], control("GET", "shop").document.data)
    refused(404, "not_found", "GET", "absent")
    refused(404, "not_found", "GET", "a%20b")
    refused(404, "not_found", "GET", "shop/x")
    assert.equal("GET, POST", refused(405, "method_not_allowed", "DELETE").headers.allow)
    assert.equal("GET, DELETE", refused(405, "method_not_allowed", "PUT", "shop").headers.allow)
    server:uninstall()
    assert(shell.wait_for(function()
      call "shop"
      return control("GET", "shop").document.data.attributes.state == "unauthorized"
    end))
    add "shop"  -- the account authorizes again
    assert.equal("ready", control("GET", "shop").document.data.attributes.state)
    assert.equal(200, call "shop")
  end)

  it("adds a connection by OAuth, for all workers, for good", function()
    start("", nil, 4)
    assert.equal(421, call "shop")
    local query = begin "shop"
    assert.equal(421, call "shop")
    assert.equal(200, callback(query).status)
    assert_call(200, "shop")
    assert.equal(421, call("shop", "main"))
    assert.equal(400, callback(query).status)  -- once
    -- the files are encrypted, and for their owner only
    local text = script.shell(("cat %s/connections/*"):format(dir))
    assert.matches("^aes%-256%-gcm ", text)
    local modes = script.shell(("stat -c '%%a %%n' %s/connections %s/connections/*"):format(dir, dir))
    assert.matches("^700 [^\n]*\n600 [^\n]*shop%.connection\n$", modes)
    gateway:stop()
    start("", nil, 4)
    assert.equal(200, call "shop")
    assert.equal(204, control("DELETE", "shop").status)
    assert_call(421, "shop")
  end)

  it("refuses a callback that does not belong to an authorization", function()
    start()
    local query = begin "shop"
    local state = query:match("state=([^&]+)")
    local other = app_here()
    local _, foreign = other:authorize()
    for _, wrong in ipairs {"", "?state=&code=x", "?code=x", "?state=" .. foreign .. "&code=x",
      "?state=" .. state:sub(1, -2) .. "&code=x", "?state=" .. state .. "&state=" .. state .. "&code=x",
      "?state=../../tokens/x&code=x", "?state=" .. ("x"):rep(5000)} do
      local answer = callback(wrong)
      assert.equal(400, answer.status, answer.body)
      assert.equal("text/plain; charset=utf-8", answer.headers["content-type"])
      assert.equal("nosniff", answer.headers["x-content-type-options"])
    end
    assert.equal(405, ask(gateway, {target = "/klaviyo-connected" .. query, token = false, method = "POST",
      body = ""}).status)
    assert.equal(200, callback(query).status)
    -- the account refuses: the link is used up
    query = begin "second"
    state = query:match("state=([^&]+)")
    assert.equal(403, callback("?error=access_denied&state=" .. state).status)
    assert.equal(400, callback(query).status)
    -- a code that the service does not know
    query = begin "third"
    assert.equal(403, callback((query:gsub("code=%w+", "code=wrong"))).status)
    assert.equal(404, control("GET", "third").status)
    -- a link is valid for a while
    local later = connection_folder.new(dir .. "/connections", other)
    local time = os.time
    os.time = function() return time() - 901 end  -- luacheck: ignore 122
    local _, old, verifier = other:authorize()
    later:begin(old, {name = "late", verifier = verifier})
    os.time = time  -- luacheck: ignore 122
    assert.equal(400, callback("?code=x&state=" .. old).status)
  end)

  it("finishes when the page is loaded again, if the service failed", function()
    start()
    local query = begin "shop"
    server:fault {path = "/oauth/token", status = 503, times = 1}
    assert.equal(502, callback(query).status)
    assert.equal(200, callback(query).status)
    assert.equal(200, control("GET", "shop").status)
    -- the code is used, but the account could not be found
    query = begin "second"
    server:fault {operation = "get_accounts", status = 503, times = 1}
    assert.equal(502, callback(query).status)
    assert.equal(200, callback(query).status)
    assert.equal(200, call "second")
  end)

  it("does not let another account take the place of one", function()
    local added = connection_folder.new(dir .. "/connections", app_here())
    assert(added:save("shop", {account = "Other"}))
    start()
    local query = begin "shop"
    assert.equal(409, callback(query).status)
    assert.equal("Other", control("GET", "shop").document.data.attributes.account)
  end)

  it("refuses what cannot be added", function()
    start()
    for body, pointer in pairs {
      ["{"] = "/data/type", ["[]"] = "/data/type", ['{"data": {"id": "a"}}'] = "/data/type", ["null"] = "/data/type",
      ['{"data": {"type": "connection"}}'] = "/data/id",
      [DATA:format "a b"] = "/data/id", [DATA:format "../a"] = "/data/id", [DATA:format(("a"):rep(65))] = "/data/id",
      ['{"data": {"type": "connection", "id": "a", "attributes": {"api_key": "x"}}}'] = "/data/attributes",
      ['{"data": {"type": "connection", "id": "a", "attributes": {"rate_limit_key": 5}}}'] = "/data/attributes",
      ['{"data": {"type": "connection", "id": "a", "attributes": {"rate_limit_key": "\255"}}}'] = "/data/attributes",
      ['{"data": {"type": "connection", "id": "a", "attributes": []}}'] = false,
    } do
      if pointer then
        local answer = refused(400, "invalid", "POST", nil, {body = body})
        assert.equal(pointer, answer.document.errors[1].source.pointer)
      else
        assert.equal(202, control("POST", nil, {body = body}).status)
      end
    end
    refused(409, "conflict", "POST", nil, {body = DATA:format "main"})
    refused(415, "unsupported_media_type", "POST", nil,
      {body = DATA:format "a", headers = {["Content-Type"] = "text/plain"}})
    refused(413, "content_too_large", "POST", nil, {body = DATA:format "a" .. (" "):rep(20000)})
    local added = connection_folder.new(dir .. "/connections", app_here())
    for i = 1, 100 do
      added:begin("state" .. i, {name = "a", verifier = "x"})
    end
    local answer = refused(429, "throttled", "POST", nil, {body = DATA:format "a"})
    assert.equal("60", answer.headers["retry-after"])
  end)

  it("removes a connection, and revokes its tokens on request", function()
    start()
    add "shop"
    add "twin"
    add "last"
    refused(404, "not_found", "DELETE", "absent")
    refused(409, "conflict", "DELETE", "main")
    refused(409, "conflict", "DELETE", "shop?revoke=true")  -- twin has the same account
    refused(400, "invalid", "DELETE", "shop?revoke=yes")
    assert.equal(200, call "shop")
    assert.equal(204, control("DELETE", "shop").status)
    assert.equal(204, control("DELETE", "twin").status)
    assert.equal(421, call "shop")
    assert.equal(0, server:stats().oauth.revoked)
    server:fault {path = "/oauth/revoke", status = 500, times = 1}
    refused(502, "bad_gateway", "DELETE", "last?revoke=true")
    assert.equal(200, call "last")
    assert.equal(204, control("DELETE", "last?revoke=true").status)
    assert.equal(1, server:stats().oauth.revoked)
    assert.equal(421, call "last")
    assert.equal("", (script.shell(("ls %s/connections"):format(dir))))
    assert.truthy(shell.wait_for(function()
      return gateway:logs():find("klaviyo gateway: the connection last was removed", 1, true)
    end))
  end)

  it("keeps a connection whose file is damaged, and logs that", function()
    start()
    add "shop"
    assert.equal(200, call "shop")
    shell.write(dir .. "/connections/shop.connection", '{"account": "Forged"}')
    assert_call(200, "shop")
    assert.truthy(shell.wait_for(function()
      return gateway:logs():find("the added connections: shop: they are not encrypted", 1, true)
    end), gateway:logs())
    add "other"
    assert.equal(200, call "other")
    gateway:stop()
    start()  -- it does not know the connection any more
    assert.equal(503, call "shop")
    assert.equal(200, call "other")
    assert.equal(421, call("shop", "main"))
    refused(503, "unavailable", "GET", "shop")
    refused(503, "unavailable", "DELETE", "shop?revoke=true")
    assert.equal(204, control("DELETE", "shop").status)
    assert.equal(404, control("GET", "shop").status)
    gateway:stop()
    script.shell(("rm -r %s/connections; printf x >%s/connections"):format(dir, dir))
    start()
    local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {["Klaviyo-Connection"] = "other"}})
    assert.equal(503, answer.status)
    assert.equal("connection_unavailable", answer.document.errors[1].code)
    assert.equal(200, call "main")
    refused(503, "unavailable", "POST", nil, {body = DATA:format "new"})
  end)

  it("may do without a token where nginx checks the address", function()
    start("", "{without_token = true}")
    assert.equal(200, control("GET", nil, {token = false}).status)
    refused(415, "unsupported_media_type", "POST", nil, {token = false, body = DATA:format "a",
      headers = {["Content-Type"] = "application/x-www-form-urlencoded"}})
  end)

  it("is off without the option", function()
    start("", "nil")
    refused(404, "not_found", "GET")
    gateway:stop()
    gateway = assert(nginx.gateway({port = server.port, key = key}, {example = "gateway_accounts.conf",
      settings = ([[api_key = %q, callers = function() return true end, control = {without_token = true},]])
        :format(key)}))
    refused(405, "method_not_allowed", "POST", nil, {body = DATA:format "a"})
    assert.equal(400, callback("?state=x&code=x").status)
    assert.equal("default", control("GET").document.data[1].id)
  end)

  it("checks its options", function()
    for settings, message in pairs {
      ["control = {}"] = "gateway.new: control: set token_sha256, or without_token = true",
      ['control = {token_sha256 = ("a"):rep(64), without_token = true}'] = "set token_sha256, or without_token = true",
      ['control = {token_sha256 = "canary"}'] = "gateway.new: control: token_sha256 must be the 64 hexadecimal digits",
      ['control = {without_token = true, path = "x"}'] = "path must be a path such as",
      ['connection_folder = "/x"'] = "gateway.new: connection_folder needs oauth",
    } do
      local ok, output = nginx.gateway({port = 1, key = "x"},
        {settings = settings .. ", callers = function() return true end,"})
      assert.is_nil(ok)
      assert.is_truthy(output:find(message, 1, true), output)
      assert.is_nil(output:find("canary", 1, true))
    end
  end)
end)
