-- The sandbox's OAuth: its page, its tokens, and the scopes of calls.
local folder = require "spec.support.folder"
local handler = require "klaviyo.sandbox.handler"
local klaviyo = require "klaviyo"
local proof = require "klaviyo.oauth.proof"
local sandbox = require "spec.support.sandbox"
local sandbox_handler = require "spec.support.sandbox_handler"
local script = require "spec.support.script"
local sha256 = require "klaviyo.sandbox.sha256"

local CALLBACK = "https://app.example/callback"
local VERIFIER = ("v"):rep(43)
local BASIC = "Basic c2FuZGJveC1hcHA6c2VjcmV0"  -- sandbox-app:secret

local function encode(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = name .. "=" .. tostring(value):gsub("[^%w_.~-]", function(char)
      return ("%%%02X"):format(char:byte())
    end)
  end
  return table.concat(parts, "&")
end

-- A sandbox without nginx, whose clock the spec sets.
local function new(settings)
  local all = {client_id = "sandbox-app", client_secret = "secret"}
  for name, value in pairs(settings or {}) do
    all[name] = value
  end
  local self = {time = 1760000000}
  all.clock = function() return self.time end
  self.state = sandbox_handler.new(all).state

  function self.ask(method, target, body, authorization)
    local headers = {authorization = authorization, revision = "2026-10-15"}
    local response = handler.handle(self.state, {method = method, target = target,
      body = body, header = function(name) return headers[name] end})
    assert.is_nil(response.raw_error)
    return response
  end

  function self.authorize(more, method)
    local fields = {client_id = "sandbox-app", redirect_uri = CALLBACK, response_type = "code",
      scope = "accounts:read lists:read", state = "s t", code_challenge_method = "S256",
      code_challenge = proof.challenge(VERIFIER)}
    for name, value in pairs(more or {}) do
      fields[name] = value or nil
    end
    if method == "POST" then
      return self.ask("POST", "/oauth/authorize", encode(fields))
    end
    return self.ask("GET", "/oauth/authorize?" .. encode(fields))
  end

  function self.code()
    return self.authorize({decision = "allow"}, "POST").headers.Location:match("code=(%w+)")
  end

  function self.token(fields, authorization)
    local response = self.ask("POST", "/oauth/token", encode(fields), authorization or BASIC)
    return klaviyo.json.decode(response.body), response
  end

  function self.exchange(more)
    local fields = {grant_type = "authorization_code", code = self.code(), redirect_uri = CALLBACK,
      code_verifier = VERIFIER}
    for name, value in pairs(more or {}) do
      fields[name] = value
    end
    return self.token(fields)
  end

  function self.refresh(token)
    return self.token {grant_type = "refresh_token", refresh_token = token}
  end

  function self.status(access_token, target)
    return self.ask("GET", target or "/api/lists", nil, "Bearer " .. access_token).status
  end

  return self
end

describe("sandbox/sha256.lua", function()
  it("returns the digests of FIPS 180-4, of each length around a block", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", sha256("abc"))
    for size = 0, 200 do
      local text = ("\0a\255"):rep(size):sub(1, size)
      assert.equal(require("klaviyo.digest").sha256(text), sha256(text))
    end
  end)
end)

describe("the sandbox's authorize page", function()
  it("is a form with the scopes, whose text is escaped", function()
    local response = new {client_id = "<app>"}.authorize {client_id = "<app>"}
    assert.equal(200, response.status)
    assert.matches("^text/html", response.headers["Content-Type"])
    assert.matches("<li>accounts:read</li>\n<li>lists:read</li>", response.body)
    assert.matches("&lt;app&gt;", response.body)
    assert.is_nil(response.body:find("<app>", 1, true))
  end)

  it("sends the browser back with a code, or with access_denied", function()
    local one = new()
    local response = one.authorize({decision = "allow"}, "POST")
    assert.equal(302, response.status)
    assert.matches("^https://app%.example/callback%?code=%w+&state=s%%20t$", response.headers.Location)
    response = one.authorize({decision = "deny"}, "POST")
    assert.equal(CALLBACK .. "?error=access_denied&state=s%20t", response.headers.Location)
    response = one.authorize({decision = "allow", redirect_uri = CALLBACK .. "?a=b"}, "POST")
    assert.matches("callback%?a=b&code=", response.headers.Location)
  end)

  it("allows at once with approve", function()
    local response = new {approve = true}.authorize()
    assert.equal(302, response.status)
    assert.matches("code=", response.headers.Location)
  end)

  it("sends the browser nowhere if the app or the place is wrong", function()
    local one = new {redirect_uri = CALLBACK}
    for _, more in ipairs {{client_id = "x"}, {redirect_uri = "https://other.example/"},
      {redirect_uri = false}, {redirect_uri = "javascript:x"}} do
      for _, method in ipairs {"GET", "POST"} do
        local response = one.authorize(more, method)
        assert.equal(400, response.status)
        assert.is_nil(response.headers.Location)
      end
    end
  end)

  it("requires PKCE with S256, a state and scopes", function()
    local one = new {approve = true}
    local cases = {
      {{code_challenge_method = "plain"}, "invalid_request"},
      {{code_challenge_method = false}, "invalid_request"},
      {{code_challenge = false}, "invalid_request"},
      {{code_challenge = "short"}, "invalid_request"},
      {{state = false}, "invalid_request"},
      {{scope = false}, "invalid_scope"},
      {{scope = "lists"}, "invalid_scope"},
      {{response_type = "token"}, "unsupported_response_type"},
    }
    for _, case in ipairs(cases) do
      assert.matches("%?error=" .. case[2], one.authorize(case[1]).headers.Location)
    end
  end)
end)

describe("the sandbox's token endpoint", function()
  it("exchanges a code once, with its verifier, within five minutes", function()
    local one = new()
    local code = one.code()
    local fields = {grant_type = "authorization_code", code = code, redirect_uri = CALLBACK,
      code_verifier = VERIFIER}
    local document, response = one.token(fields)
    assert.equal(200, response.status)
    assert.equal("application/json", response.headers["Content-Type"])
    assert.equal("Bearer", document.token_type)
    assert.equal("accounts:read lists:read", document.scope)
    assert.equal(3600, document.expires_in)
    document, response = one.token(fields)
    assert.equal(400, response.status)
    assert.equal("invalid_grant", document.error)

    assert.equal("invalid_grant", one.exchange({code_verifier = ("w"):rep(43)}).error)
    assert.equal("invalid_grant", one.exchange({code_verifier = "v"}).error)
    assert.equal("invalid_grant", one.exchange({redirect_uri = CALLBACK .. "/"}).error)
    fields.code = one.code()
    one.time = one.time + 300
    assert.equal("invalid_grant", one.token(fields).error)
    fields.code = one.code()
    one.time = one.time + 299
    assert.is_string(one.token(fields).access_token)
  end)

  it("refuses another app, method and grant_type", function()
    local one = new()
    for _, authorization in ipairs {"Basic c2FuZGJveC1hcHA6d3Jvbmc=", "Bearer secret", "Basic !"} do
      local document, response = one.token({grant_type = "refresh_token"}, authorization)
      assert.equal(401, response.status)
      assert.equal("invalid_client", document.error)
    end
    assert.equal("unsupported_grant_type", one.token({grant_type = "password"}).error)
    assert.equal(405, one.ask("GET", "/oauth/token").status)
    assert.equal("POST", one.ask("GET", "/oauth/token").headers.Allow)
    assert.equal(404, one.ask("POST", "/oauth/tokens").status)
  end)

  it("gives access tokens that expire, and that have scopes", function()
    local one = new {token_seconds = 10}
    local token = one.exchange().access_token
    assert.equal(200, one.status(token))
    assert.equal(200, one.status(token, "/api/accounts"))
    assert.equal(403, one.status(token, "/api/profiles"))
    assert.equal(401, one.status("unknown"))
    assert.equal(401, one.status(token, "/klaviyo/api/lists"))
    one.time = one.time + 9
    assert.equal(200, one.status(token))
    one.time = one.time + 1
    assert.equal(401, one.status(token))
  end)

  it("names the scope that a token lacks", function()
    local one = new()
    local response = one.ask("GET", "/api/profiles", nil, "Bearer " .. one.exchange().access_token)
    local object = klaviyo.json.decode(response.body).errors[1]
    assert.equal("permission_denied", object.code)
    assert.matches("profiles:read", object.detail)
  end)

  it("gives the same refresh token by default, and old access tokens live on", function()
    local one = new()
    local first = one.exchange()
    local second = one.refresh(first.refresh_token)
    assert.equal(first.refresh_token, second.refresh_token)
    assert.are_not.equal(first.access_token, second.access_token)
    assert.equal(200, one.status(first.access_token))
    assert.equal(200, one.status(second.access_token))
  end)

  it("ends an old refresh token with the first use of a new one, if they rotate", function()
    local one = new {rotate_refresh_tokens = true}
    local first = one.exchange()
    local lost = one.refresh(first.refresh_token)
    local second = one.refresh(first.refresh_token)  -- the answer `lost` was lost
    assert.are_not.equal(first.refresh_token, second.refresh_token)
    assert.equal(200, one.status(second.access_token))
    assert.equal("invalid_grant", one.refresh(first.refresh_token).error)
    assert.equal("invalid_grant", one.refresh(lost.refresh_token).error)
    assert.equal(401, one.status(lost.access_token))
    local third = one.refresh(second.refresh_token)
    assert.is_string(one.refresh(third.refresh_token).access_token)
    assert.equal("invalid_grant", one.refresh(second.refresh_token).error)
  end)

  it("ends it at once if they rotate strictly", function()
    local one = new {rotate_refresh_tokens = "strict"}
    local first = one.exchange()
    local second = one.refresh(first.refresh_token)
    assert.equal("invalid_grant", one.refresh(first.refresh_token).error)
    assert.is_string(one.refresh(second.refresh_token).access_token)
  end)

  it("drops a refresh token that was not used for 90 days", function()
    local one = new()
    local first = one.exchange()
    one.time = one.time + 90 * 86400
    assert.is_string(one.refresh(first.refresh_token).access_token)
    one.time = one.time + 90 * 86400 + 1
    assert.equal("invalid_grant", one.refresh(first.refresh_token).error)
  end)

  it("revokes all tokens of a grant, and accepts unknown tokens", function()
    local one = new()
    local first, other = one.exchange(), one.exchange()
    local function revoke(token, authorization)
      return one.ask("POST", "/oauth/revoke", encode {token = token}, authorization or BASIC).status
    end
    assert.equal(401, revoke(first.refresh_token, "Basic eA=="))
    assert.equal(200, one.status(first.access_token))
    assert.equal(200, revoke(first.refresh_token))
    assert.equal(200, revoke("unknown"))
    assert.equal(401, one.status(first.access_token))
    assert.equal("invalid_grant", one.refresh(first.refresh_token).error)
    assert.equal(200, one.status(other.access_token))
    assert.same({authorized = 2, exchanged = 2, refreshed = 0, refused = 2, revoked = 1},
      one.state:counters().oauth)
  end)
end)

describe("a sandbox in nginx", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)

  local function new_app(server)
    return klaviyo.oauth.new {client_id = server.client_id, client_secret = server.client_secret,
      redirect_uri = server.base_url .. "/callback", scopes = {"accounts:read", "lists:read"},
      store = folders.new() .. "/tokens",
      settings = {base_url = server.base_url, proxy = "", retries = 0}}
  end

  -- Returns the parameters of the latest callback that a browser made.
  local function callback(server)
    local found
    for _, request in ipairs(server:requests()) do
      found = request.uri:match("^/callback%?(.*)$") or found
    end
    local values = {}
    for name, value in (found or ""):gmatch("([^&=]+)=([^&]*)") do
      values[name] = value
    end
    return values
  end

  local function shell_ok(command)
    local output, status = script.shell(command)
    assert.equal(0, status, output)
    return output
  end

  it("authorizes an app in a browser, whose tokens make calls", function()
    local server = fixture.server
    local app = new_app(server)
    local url, state, verifier = app:authorize()
    if select(2, script.shell("command -v chromium")) ~= 0 then
      pending("there is no chromium")
      return
    end
    -- the page as the sandbox sent it, and a click on one of its buttons
    local dir = folders.new()
    local text = shell_ok("curl -s " .. script.quote(url))
    for _, decision in ipairs {"deny", "allow"} do
      local path = dir .. "/" .. decision .. ".html"
      local file = assert(io.open(path, "w"))
      file:write((text:gsub("<head>", '<head><base href="' .. server.base_url .. '/">')),
        "<script>document.querySelector('button[value=", decision, "]').click()</script>")
      file:close()
      script.shell(("timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir=%s/profile "
        .. "--no-first-run --disable-background-networking --virtual-time-budget=5000 --dump-dom file://%s"):format(dir,
        path))
      local received = callback(server)
      assert.equal(state, received.state)
      received.verifier = verifier
      local account, err = app:exchange(received)
      if decision == "deny" then
        assert.equal("access_denied", err.code)
      else
        assert.equal(server.company_id, assert(account, err))
      end
    end
  end)

  it("records no code, verifier, token or secret", function()
    local server = fixture.server
    local app = new_app(server)
    local url, state, verifier = app:authorize()
    local location = shell_ok(("curl -s -o /dev/null -w '%%{redirect_url}' --data decision=allow --data %s %s")
      :format(script.quote(url:match("%?(.*)$")), server.base_url .. "/oauth/authorize"))
    local code = location:match("code=(%w+)")
    assert(app:exchange {code = code, state = state, verifier = verifier, account = "shop"})
    local recorded = klaviyo.json.encode(server:requests())
    assert.matches("grant_type=authorization_code", recorded)
    for _, secret in ipairs {code, verifier, server.client_secret} do
      assert.is_nil(recorded:find(secret, 1, true))
      assert.are_not.equal(0, (select(2, script.shell(("grep -rF %s %s/access.log %s/error.log"):format(secret,
        server.dir, server.dir)))))
    end
  end)

  it("fails on demand", function()
    local server = fixture.server
    server:fault {path = "/oauth/token", oauth_error = "invalid_grant"}
    server:fault {path = "/oauth/token", status = 500}
    local app = new_app(server)
    local _, state, verifier = app:authorize()
    local fields = {code = "x", state = state, verifier = verifier, account = "shop"}
    local _, err = app:exchange(fields)
    assert.equal("invalid_grant", err.code)
    _, err = app:exchange(fields)
    assert.equal("the code could not be exchanged: 500", err.message)
    server:clear_faults()
  end)

  it("ends the access of apps on uninstall", function()
    local before = fixture.server:stats().oauth.revoked
    fixture.server:uninstall()
    assert.is_true(fixture.server:stats().oauth.revoked > before)
  end)
end)
