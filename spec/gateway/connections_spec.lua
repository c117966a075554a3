-- klaviyo.gateway with connections of two accounts: keys, and OAuth.
local ask = require "spec.support.ask"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local HEADER = "Klaviyo-Connection"

-- Each account is a sandbox: which of them gets a request depends on the connection
-- that the gateway chose, and each accepts only its own key and tokens.
local UPSTREAMS = [[
  map $klaviyo_connection $account { ~^two two; default one; }
  upstream one { server 127.0.0.1:%d; }
  upstream two { server 127.0.0.1:%d; }
  upstream klaviyo {]]

describe("a gateway with connections", function()
  local folders = folder.here(teardown)
  local servers, gateway, store, secrets = {}, nil, nil, {}

  local function app_options(server)
    return ([[{
      client_id = %q, client_secret = %q, redirect_uri = "https://app.example/callback",
      scopes = {"accounts:read", "lists:read"}, store = %q, encryption_key = ("5a"):rep(32),
      settings = {base_url = %q, proxy = "", revision = "2026-10-15"},
    }]]):format(server.client_id, server.client_secret, store, server.base_url)
  end

  local function app_of(server)
    return klaviyo.oauth.new(assert(loadstring("return " .. app_options(server)))())
  end

  -- Authorizes an app as the browser of an account.
  local function authorize(server, account)
    local app = app_of(server)
    local url, state, verifier = app:authorize()
    local location = script.shell(("curl -s -o /dev/null -w '%%{redirect_url}' --noproxy '*' %s")
      :format(script.quote(url)))
    assert(app:exchange {code = location:match("code=(%w+)"), state = state, verifier = verifier, account = account})
    return app
  end

  local function callers(...)
    local lines = {}
    for i = 1, select("#", ...), 2 do
      local token, more = select(i, ...)
      lines[#lines + 1] = ("{name = %q, token_sha256 = %q, %s},"):format(token,
        (require("klaviyo.digest").sha256(token)), more)
    end
    return "callers = {" .. table.concat(lines) .. "},"
  end

  local function start(settings, options)
    options = options or {}
    options.settings = settings
    options.env = options.env or {}
    options.replace = {
      {"upstream klaviyo {", UPSTREAMS:format(servers.one.port, servers.two.port)},
      {"proxy_pass http://klaviyo$klaviyo_uri", "proxy_pass http://$account$klaviyo_uri"},
      {'set $klaviyo_caller "-";', 'set $klaviyo_caller "-"; set $klaviyo_connection "-";'},
      {"$klaviyo_caller '", "$klaviyo_caller $klaviyo_connection '"},
    }
    gateway = assert(nginx.gateway({port = servers.one.port, key = "unused"}, options))
    return gateway
  end

  local function fresh_account(options)
    options.approve, options.record = true, 50
    local server = assert(sandbox.start(options))
    secrets[#secrets + 1] = server.key
    secrets[#secrets + 1] = server.client_secret
    return server
  end

  setup(function()
    store = folders.new()
    servers.one = fresh_account {seed = 1}
    servers.two = fresh_account {seed = 2, rotate_refresh_tokens = "strict", token_seconds = 2}
  end)

  teardown(function()
    for _, server in pairs(servers) do
      server:stop()
    end
  end)

  after_each(function()
    local logs = gateway and gateway:stop() or ""
    gateway = nil
    for _, secret in ipairs(secrets) do
      assert.is_nil(logs:find(secret, 1, true), "a secret is in a log")
    end
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
    assert.is_nil(logs:match("[^\n]*Bearer[^\n]*"))
  end)

  local function passed(token, connection, path)
    local answer = ask(gateway, {path = path or "/api/lists", token = token,
      headers = connection and {[HEADER] = connection}})
    assert.equal(200, answer.status, answer.body)
    assert.is_nil(answer.headers["x-klaviyo-gateway"])
    return answer
  end

  local function total()
    return servers.one:stats().requests + servers.two:stats().requests
  end

  local function refused(status, code, options)
    local before = total()
    options.path = options.path or "/api/lists"
    local answer = ask(gateway, options)
    assert.equal(status, answer.status, answer.body)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    local object = answer.document.errors[1]
    assert.equal(code, object.code)
    assert.is_true(object.meta.gateway)
    for _, secret in ipairs(secrets) do
      assert.is_nil(answer.body:find(secret, 1, true))
    end
    assert.equal(before, total())
    return answer
  end

  local function keys(more)
    return ("connections = {one = %q, two = {api_key = %q}, third = %q, %s},"):format(
      servers.one.key, servers.two.key, servers.one.key, more or "")
  end

  describe("of keys", function()
    before_each(function()
      start(keys() .. "pacing = false, public = true," .. callers("all", [[connections = "*"]],
        "both", [[connections = {"one", "two"}, scopes = {"lists:read"}]], "own", [[connection = "two"]],
        "only", [[connections = {"two"}]], "start", [[connections = {"one", "absent"}, connection = "one"]],
        "none", ""))
    end)

    it("sends each request to the account of its connection", function()
      for _, case in ipairs {{"all", "one"}, {"all", "two"}, {"both", "one"}, {"both", "two"}, {"own", "two"},
        {"own", nil, "two"}, {"only", nil, "two"}, {"only", "two"}, {"start", nil, "one"}, {"start", "one"}} do
        local token, name, account = case[1], case[2], case[3] or case[2]
        local before = servers[account]:stats().requests
        passed(token, name)
        assert.equal(before + 1, servers[account]:stats().requests)
        local requests = servers[account]:requests()
        local received = requests[#requests]
        assert.equal("Klaviyo-API-Key", received.headers.authorization)
        assert.is_nil(received.headers["klaviyo-connection"])
      end
      assert.truthy(shell.wait_for(function()
        return gateway:logs():find(" start one GET get_lists 200 ", 1, true)
      end))
    end)

    it("tells a caller from a connection", function()
      local one = {[HEADER] = "one"}
      refused(401, "not_authenticated", {token = false, headers = one})
      refused(401, "not_authenticated", {token = "unknown", headers = one})
      refused(403, "permission_denied", {token = "both", headers = one, path = "/api/profiles"})
      refused(404, "not_found", {token = "all", headers = one, path = "/api/nothing"})
      refused(421, "connection_required", {token = "all"})
      refused(421, "connection_required", {token = "both"})
      refused(421, "connection_required", {token = "none"})
      refused(421, "connection_unknown", {token = "none", headers = one})
      refused(421, "connection_unknown", {token = "all", headers = {[HEADER] = "ONE"}})
      refused(421, "connection_unknown", {token = "start", headers = {[HEADER] = "absent"}})
      refused(421, "connection_unknown", {token = "all", headers = {[HEADER] = "default"}})
    end)

    it("does not tell whether a connection of others exists", function()
      for _, token in ipairs {"own", "only", "start", "none"} do
        local first
        for _, name in ipairs {"third", "missing"} do
          local answer = refused(421, "connection_unknown", {token = token, headers = {[HEADER] = name}})
          answer.headers.date, answer.headers["x-request-id"] = nil, nil
          answer = klaviyo.json.encode {answer.headers, (answer.body:gsub('"id":"%x+"', ""))}
          assert.equal(first or answer, answer)
          first = answer
        end
      end
    end)

    it("refuses a header that is not one name", function()
      for _, name in ipairs {"", "one, two", "one two", "../one", "one;", ("o"):rep(65), ("one"):rep(3400),
        "\195\182ne", "one%00", "-", ".one"} do
        local answer = refused(400, "invalid", {token = "all", headers = {[HEADER] = name}})
        assert.equal(HEADER, answer.document.errors[1].source.header)
        assert.is_true(#answer.body < 500)
      end
      for _, names in ipairs {{"one", "two"}, {"one", "one"}, {"two", ""}} do
        refused(400, "invalid", {token = "all", headers = {[HEADER] = names[1], ["klaviyo-connection"] = names[2]}})
      end
      -- newer versions of nginx refuse this one themselves
      local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = "one\1"}})
      assert.equal(400, answer.status)
      -- nginx drops fields with other names
      refused(421, "connection_required", {token = "all", headers = {["Klaviyo_Connection"] = "one"}})
    end)

    it("needs no connection under /client", function()
      local answer = ask(gateway, {path = "/client/subscriptions?company_id=x", token = false, method = "POST",
        headers = {[HEADER] = "two"}, body = "{}"})
      assert.is_nil(answer.headers["x-klaviyo-gateway"])
      assert.equal(400, answer.status)
    end)

    it("names the connection whose key the service rejects", function()
      gateway:stop()
      start(("connections = {one = %q},"):format(servers.two.key) .. callers("all", [[connections = "*"]]))
      local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = "one"}})
      assert.equal(502, answer.status)
      assert.equal("key_refused", answer.document.errors[1].code)
      assert.matches("the connection's key", answer.document.errors[1].detail)
      assert.truthy(shell.wait_for(function()
        return gateway:logs():find("the service rejected the connection one's API key (401", 1, true)
      end))
    end)
  end)

  it("has a key of its own, for callers that name no connection", function()
    start(("api_key = %q, pacing = false,"):format(servers.one.key) .. ("connections = {two = %q},"):format(
      servers.two.key) .. callers("old", "", "all", [[connections = "*"]], "two", [[connections = {"two"}]]))
    local before = servers.one:stats().requests
    passed("old")
    passed("old", "default")
    passed("all")
    assert.equal(before + 3, servers.one:stats().requests)
    passed("all", "two")
    passed("two")
    assert.equal(before + 3, servers.one:stats().requests)
    refused(421, "connection_unknown", {token = "old", headers = {[HEADER] = "two"}})
    refused(421, "connection_unknown", {token = "two", headers = {[HEADER] = "default"}})
  end)

  it("takes no notice of the header if there are no connections", function()
    start(("api_key = %q, pacing = false,"):format(servers.one.key) .. callers("old", ""))
    for _, name in ipairs {"two", "", "a, b"} do
      passed("old", name)
    end
    local requests = servers.one:requests()
    assert.is_nil(requests[#requests].headers["klaviyo-connection"])
  end)

  it("counts the limits of an account for all of its connections", function()
    start([[pacing = {per_day = 1}, max_wait = 0, connection_header = "X-Klaviyo-Account",]] .. keys(
      ("shared = {api_key = %q, rate_limit_key = 'other'}, two_shared = {api_key = %q, rate_limit_key = 'other'},")
        :format(servers.one.key, servers.two.key)) .. callers("all", [[connections = "*"]]))
    local function get(name)
      local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {["X-Klaviyo-Account"] = name}})
      return answer.status
    end
    assert.equal(200, get("one"))
    assert.equal(429, get("third"))  -- has the same key
    assert.equal(429, get("one"))
    assert.equal(200, get("two"))
    assert.equal(200, get("two_shared"))
    assert.equal(429, get("shared"))
    local requests = servers.one:requests()
    assert.is_nil(requests[#requests].headers["x-klaviyo-account"])
  end)

  it("finds connections by a function", function()
    start(([[pacing = false, connections = function(name)
      if name == "raises" then error("canary-of-the-function") end
      return ({one = %q, two = {api_key = function() return %q end}, wrong = {key = "x"}})[name]
    end,]]):format(servers.one.key, servers.two.key) .. callers("all", [[connections = "*"]]))
    passed("all", "one")
    passed("all", "two")
    refused(421, "connection_unknown", {token = "all", headers = {[HEADER] = "absent"}})
    for _, name in ipairs {"raises", "wrong"} do
      refused(503, "connection_unavailable", {token = "all", headers = {[HEADER] = name}})
    end
    assert.truthy(shell.wait_for(function()
      local logs = gateway:logs()
      return logs:find("the connection raises: the function connections raised an error", 1, true)
        and logs:find('unknown option of connections: wrong "key"', 1, true)
    end), gateway:logs())
    assert.is_nil(gateway:logs():find("canary-of-the-function", 1, true))
  end)

  describe("of OAuth", function()
    local function oauth(more)
      return ("pacing = false, oauth = require('klaviyo.oauth').new %s, connections = {two = {account = 'B'}, %s},")
        :format(app_options(servers.two), more or "") .. callers("all", [[connections = "*"]])
    end

    it("refreshes the tokens before they expire, under load, without one 401", function()
      authorize(servers.two, "B")
      start(oauth(), {workers = 2})
      local before = servers.two:stats()
      local text = script.shell(("for i in $(seq 16); do sleep 0.25; curl -s -m 20 --noproxy '*' -Z "
        .. "--parallel-immediate -o /dev/null -w '%%{http_code}\n' -H 'Authorization: Bearer all' -H '%s: two' "
        .. "'%s/klaviyo/api/lists#[1-20]'; done 2>/dev/null"):format(HEADER, gateway.base_url))
      local _, count = text:gsub("200", "")
      assert.equal(320, count, text)
      local stats = servers.two:stats()
      assert.equal(before.statuses["401"], stats.statuses["401"])
      assert.is_true(stats.oauth.refreshed - before.oauth.refreshed >= 2)
    end)

    it("gets another token after a 401", function()
      local others = servers.two
      servers.two = fresh_account {seed = 3}  -- its tokens do not expire meanwhile
      finally(function()
        servers.two:stop()
        servers.two = others
      end)
      authorize(servers.two, "B")
      start(oauth(), {workers = 1})
      passed("all", "two")
      servers.two:fault {operation = "get_lists", error = "authentication_failed", status = 401, times = 1}
      local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = "two"}})
      assert.equal(503, answer.status)
      assert.equal("key_refused", answer.document.errors[1].code)
      assert.equal("1", answer.headers["retry-after"])
      local before = servers.two:stats().oauth.refreshed
      passed("all", "two")
      assert.equal(before + 1, servers.two:stats().oauth.refreshed)
    end)

    it("says that an account must authorize again", function()
      local app = authorize(servers.two, "B")
      start(oauth("two_absent = {account = 'C'}"), {workers = 1})
      passed("all", "two")
      servers.two:uninstall()
      assert(shell.wait_for(function()
        return ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = "two"}}).status == 421
      end))
      for _, name in ipairs {"two", "two_absent"} do
        local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = name}})
        assert.equal(421, answer.status)
        assert.equal("connection_unauthorized", answer.document.errors[1].code)
      end
      assert.truthy(shell.wait_for(function()
        return gateway:logs():find("the connection two: the account must authorize the app again", 1, true)
      end))
      authorize(servers.two, "B")  -- without a reload
      passed("all", "two")
      assert(app:revoke("B"))
    end)

    it("has no token while the token endpoint fails", function()
      authorize(servers.two, "B")
      start(oauth():gsub("proxy = \"\"", 'proxy = "", retries = 0'), {workers = 1})
      klaviyo.sleep(2.1)
      servers.two:fault {path = "/oauth/token", status = 500, times = 1}
      local answer = ask(gateway, {path = "/api/lists", token = "all", headers = {[HEADER] = "two"}})
      assert.equal(503, answer.status)
      assert.equal("no_key", answer.document.errors[1].code)
      passed("all", "two")
    end)
  end)

  it("checks its options", function()
    for settings, message in pairs {
      ['connections = {["a b"] = "x"}'] = "connections: a name must have letters, digits",
      ['connections = {a = 5}'] = "connections: a must be a key, a function or a table, not a number",
      ['connections = {a = {}}'] = "connections: a: set one of api_key, access_token and account",
      ['connections = {a = {api_key = "x", account = "y"}}'] = "set one of api_key, access_token and account",
      ['connections = {a = {account = "y"}}'] = "connections: a: account needs its app: set the option oauth",
      ['connections = {a = {account = "y", oauth = {}}}'] = "oauth must be an app of klaviyo.oauth.new",
      ['connections = {a = {access_token = "y"}}'] = "connections: a: access_token needs rate_limit_key",
      ['connections = {a = "canary of a key"}'] = "connections: a: api_key must be a string of one word",
      ['api_key = "x", connections = {default = "y"}'] = "connections: default is the name of the connection of",
      ['connections = 5'] = "connections must be a table, a function or the path of a JSON file",
      ['connections = "/absent"'] = "gateway.new: connections: /absent: No such file",
      ['connections = {a = "x"}, connection_header = "a b"'] = "connection_header must be the name of a header field",
      ['connections = {a = "x"}, connection_header = "Host"'] = "connection_header must be the name of a header field",
    } do
      local ok, output = nginx.gateway({port = 1, key = "x"}, {settings = settings .. "," .. callers("x", "")})
      assert.is_nil(ok)
      assert.is_truthy(output:find(message, 1, true), output)
      assert.is_nil(output:find("canary", 1, true))
    end
    for caller, message in pairs {
      ['connections = "a"'] = 'callers[1]: connections must be a list of names, or "*", not "a"',
      ['connections = {"a b"}'] = "callers[1]: connections[1] must be the name of a connection",
      ['connection = "*"'] = "callers[1]: connection must be the name of a connection",
    } do
      local ok, output = nginx.gateway({port = 1, key = "x"}, {settings = callers("x", caller)})
      assert.is_nil(ok)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)
