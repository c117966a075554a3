-- klaviyo.oauth: authorizing, and exchanging a code.
local base64 = require "klaviyo.util.base64"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local proof = require "klaviyo.oauth.proof"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local SECRET, CODE, ACCESS, REFRESH, KEY = oauth.SECRET, oauth.CODE, oauth.ACCESS, oauth.REFRESH, oauth.KEY
local ACCOUNTS, assert_no_secret, app_of = oauth.ACCOUNTS, oauth.assert_no_secret, oauth.app_of
local memory, options, token_answer = oauth.memory, oauth.options, oauth.token_answer

local function parameters(url)
  local found = {}
  for name, value in url:match("%?(.*)$"):gmatch("([^&=]+)=([^&]*)") do
    found[name] = value:gsub("%%(%x%x)", function(digits)
      return string.char(tonumber(digits, 16))
    end)
  end
  return found
end

describe("klaviyo.oauth.new", function()
  it("checks its options", function()
    raises("oauth.new: client_secret is missing", function()
      klaviyo.oauth.new {client_id = "a", redirect_uri = "https://a.example/", scopes = {"a:read"}, store = "x"}
    end)
    local wrong = {
      {{redirect_uri = "http://app.example/callback"}, "must be https://host/path"},
      {{redirect_uri = "http://localhost:80@app.example/callback"}, "must be https://host/path"},
      {{redirect_uri = "http://[::1]@app.example/callback"}, "must be https://host/path"},
      {{redirect_uri = "http://[::1].app.example/callback"}, "must be https://host/path"},
      {{redirect_uri = "https://user@app.example/callback"}, "must be https://host/path"},
      {{redirect_uri = "https://app.example/#x"}, "without a fragment"},
      {{scopes = {"profiles"}}, 'such as "profiles:read", not "profiles"'},
      {{scopes = {}}, "a list of scopes"},
      {{client_id = "a:b"}, "must not contain a colon"},
      {{encryption_key = "short"}, "64 hexadecimal digits"},
      {{encryption_key = {KEY, "short"}}, "encryption_key[2] must be 64 hexadecimal digits"},
      {{encryption_key = {}}, "or a list of such keys"},
      {{client_secret = SECRET .. "\n"}, "control character"},
      {{settings = {api_key = "pk_x"}}, "must not have api_key"},
      {{settings = {time_out = 5}}, 'unknown setting "time_out"'},
      {{store = 5}, "the path of a folder, or functions"},
      {{store = {load = print}}, "save is missing"},
      {{authorize_url = "https://x.example/?a=b"}, "without a query"},
      {{scope = "x"}, 'unknown option of oauth.new "scope"'},
    }
    for _, case in ipairs(wrong) do
      local message = raises(case[2], function()
        klaviyo.oauth.new(options(case[1]))  -- the line
      end)
      assert.is_nil(message:find(SECRET, 1, true))
      assert.is_nil(message:find("short", 1, true))
    end
  end)

  it("takes http on loopback as the place to return to", function()
    for _, host in ipairs {"localhost", "127.0.0.1:8080", "[::1]:80"} do
      assert(klaviyo.oauth.new(options {redirect_uri = "http://" .. host .. "/callback"}))
    end
  end)

  it("shows no secret when it is printed", function()
    local app = klaviyo.oauth.new(options {encryption_key = KEY})
    assert.equal("klaviyo.oauth.App (app-1)", tostring(app))
    assert_no_secret(KEY, app)
    assert.is_nil(next(app))
  end)
end)

describe("app:authorize", function()
  it("returns a URL with the challenge of the verifier, and the state", function()
    local app = klaviyo.oauth.new(options())
    local url, state, verifier = app:authorize()
    assert.equal("https://www.klaviyo.com/oauth/authorize", url:match("^[^?]*"))
    assert.equal(43, #verifier)
    assert.matches("^[%w_-]+$", verifier)
    assert.same({
      response_type = "code", client_id = "app-1",
      redirect_uri = "https://app.example/callback",
      scope = "accounts:read profiles:read", state = state,
      code_challenge_method = "S256", code_challenge = proof.challenge(verifier),
    }, parameters(url))
    assert.is_nil(url:find(verifier, 1, true))
    assert.is_nil(url:find(SECRET, 1, true))
  end)

  it("returns others each time", function()
    local app = klaviyo.oauth.new(options())
    local _, state, verifier = app:authorize()
    local _, other_state, other_verifier = app:authorize()
    assert.are_not.equal(state, other_state)
    assert.are_not.equal(verifier, other_verifier)
  end)

  it("makes the challenge of RFC 7636, appendix B", function()
    assert.equal("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      proof.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
  end)

  it("leads to a sandbox if base_url does", function()
    local app = klaviyo.oauth.new(options {settings = {base_url = "http://127.0.0.1:9/"}})
    assert.equal("http://127.0.0.1:9/oauth/authorize", (app:authorize():match("^[^?]*")))
    app = klaviyo.oauth.new(options {authorize_url = "https://login.example/authorize"})
    assert.equal("https://login.example/authorize", (app:authorize():match("^[^?]*")))
  end)

  it("and its clients lead to the base_url of the environment, also where they do not see it", function()
    local output = script.run([[
      local klaviyo = require "klaviyo"
      local app = klaviyo.oauth.new {client_id = "a", client_secret = "b", scopes = {"accounts:read"},
        redirect_uri = "https://app.example/callback", lock_folder = "/nowhere", store = {save = print,
          load = function() return '{"access_token": "t", "refresh_token": "t", "expires_at": 9000000000}' end}}
      os.getenv = function() end  -- as in a worker of nginx
      print((app:authorize():match("^[^?]*")))
      print(app:client("shop", {on_warning = function() end}):build("get_lists").url)
    ]], {env = {KLAVIYO_BASE_URL = "http://127.0.0.1:1"}})
    assert.equal("http://127.0.0.1:1/oauth/authorize\nhttp://127.0.0.1:1/api/lists\n", output)
  end)
end)

describe("app:exchange", function()
  local folders = folder.here(after_each)

  it("sends the code and the verifier, and stores the tokens of the account", function()
    local store = memory()
    raw.with({answers = {token_answer(), ACCOUNTS}}, function(server)
      local app = app_of(server, {store = store})
      local _, state, verifier = app:authorize()
      local before = os.time()
      assert.equal("AbC123", assert(app:exchange {code = CODE, state = state, verifier = verifier}))
      local requests = server:requests()
      assert.equal(2, #requests)
      local token = requests[1]
      assert.equal("POST", token.method)
      assert.equal("/oauth/token", token.target)
      assert.is_true(token.headers.authorization == "Basic " .. base64.encode("app-1:" .. SECRET))
      assert.equal("application/x-www-form-urlencoded", token.headers["content-type"])
      assert.is_nil(token.headers.revision)
      assert.same({grant_type = "authorization_code", code = CODE, code_verifier = verifier,
        redirect_uri = "https://app.example/callback"}, parameters("?" .. token.body))
      assert.equal("Bearer " .. ACCESS, requests[2].headers.authorization)

      local pair = klaviyo.json.decode(store.texts.AbC123)
      assert.equal(ACCESS, pair.access_token)
      assert.equal(REFRESH, pair.refresh_token)
      assert.is_true(pair.expires_at >= before + 3600 - 20 and pair.expires_at <= os.time() + 3600)

      local accounts = assert(app:accounts())
      assert.equal(1, #accounts)
      assert.equal("AbC123", accounts[1].account)
      assert.same({"accounts:read", "profiles:read"}, accounts[1].scopes)
      assert.equal(pair.expires_at, accounts[1].expires_at)
      assert_no_secret(verifier, accounts, app)
    end)
  end)

  it("takes the name of the account, and then makes no other request", function()
    local store = memory()
    raw.with({answers = {token_answer()}}, function(server)
      local app = app_of(server, {store = store, scopes = {"profiles:read"}})
      local _, state, verifier = app:authorize()
      raises("pass account, or add the scope accounts:read", function()
        app:exchange {code = CODE, state = state, verifier = verifier}
      end)
      assert.equal("shop/7", assert(app:exchange {code = CODE, state = state,
        verifier = verifier, account = "shop/7"}))
      assert.equal(1, #server:requests())
      assert.is_string(store.texts["shop/7"])
    end)
  end)

  it("rejects a callback that is forged, refused or incomplete, and sends nothing", function()
    raw.with({answers = {token_answer()}}, function(server)
      local app = app_of(server, {store = memory()})
      local _, state, verifier = app:authorize()
      local _, other_state, other_verifier = app:authorize()
      local another = app_of(server, {store = memory(), client_secret = "another"})
      local _, foreign_state = another:authorize()
      local cases = {
        {{code = CODE, state = other_state, verifier = verifier}, "state"},
        {{code = CODE, state = state, verifier = other_verifier}, "state"},
        {{code = CODE, state = foreign_state, verifier = verifier}, "state"},
        {{code = CODE, state = "", verifier = verifier}, "state"},
        {{code = CODE, verifier = verifier}, "state"},
        {{code = CODE, state = state}, "state"},
        {{code = CODE, state = {state, state}, verifier = verifier}, "state"},
        {{state = state, verifier = verifier}, "invalid_request"},
        {{code = true, state = state, verifier = verifier}, "invalid_request"},
        {{error = "access_denied", state = state, verifier = verifier}, "access_denied"},
        {{error = "<b>", state = state, verifier = verifier}, "error"},
      }
      for i, case in ipairs(cases) do
        local account, err = app:exchange(case[1])
        assert.is_nil(account)
        assert.equal("auth", err.kind)
        assert.equal(case[2], err.code, tostring(i))
        assert_no_secret(verifier, err)
      end
      assert.equal(0, #server:requests())
    end)
  end)

  it("returns an error without secrets for each answer that has no tokens", function()
    local echo = ('{"error":"%s","error_description":"' .. CODE .. REFRESH .. SECRET .. '"}')
    local json = {["Content-Type"] = "application/json"}
    local cases = {
      {{status = 400, headers = json, body = echo:format("invalid_grant")}, "auth", "invalid_grant",
        "the code could not be exchanged: 400 invalid_grant: authorize again"},
      {{status = 401, headers = json, body = echo:format("invalid_client")}, "auth", "invalid_client",
        "the code could not be exchanged: 401 invalid_client: check client_id and client_secret"},
      {{status = 400, headers = json, body = echo:format("<" .. CODE)}, "http", nil,
        "the code could not be exchanged: 400"},
      {{status = 500, headers = json, body = echo:format("server_error")}, "http", nil,
        "the code could not be exchanged: 500"},
      {{status = 429, headers = json, body = CODE}, "rate_limited", nil, "the code could not be exchanged: 429"},
      {{status = 429, headers = json, body = echo:format("slow_down")}, "rate_limited", "slow_down",
        "the code could not be exchanged: 429 slow_down"},
      {{status = 302, headers = {Location = "/" .. CODE}, body = CODE}, "http", nil,
        "the code could not be exchanged: 302"},
      {{headers = json, body = "not JSON " .. ACCESS}, "decode", nil,
        "the code could not be exchanged: the answer has no access_token and refresh_token"},
      {{headers = json, body = '["' .. ACCESS .. '"]'}, "decode", nil, "the answer has no access_token"},
      {token_answer {refresh_token = 5}, "decode", nil, "the answer has no access_token"},
      {token_answer {access_token = "a\nb"}, "decode", nil, "the answer has no access_token"},
      {{body = "x", send = 10, after = "reset"}, "transport", nil, "the code could not be exchanged: "},
    }
    for _, case in ipairs(cases) do
      raw.with({answers = {case[1]}}, function(server)
        local store = memory()
        local app = app_of(server, {store = store})
        local _, state, verifier = app:authorize()
        local account, err = app:exchange {code = CODE, state = state, verifier = verifier}
        assert.is_nil(account)
        assert.equal(case[2], err.kind, err.message)
        assert.equal(case[3], err.code)
        assert.is_truthy(err.message:find(case[4], 1, true), err.message)
        assert_no_secret(verifier, err)
        assert.is_nil(next(store.texts))
        assert.equal(1, #server:requests())
      end)
    end
  end)

  it("logs no secret with KLAVIYO_DEBUG, and has none in its arguments", function()
    raw.with({answers = {token_answer()}}, function(server)
      local output, status = script.run([[
        local klaviyo = require "klaviyo"
        local oauth = require "spec.support.oauth"
        local url = ...
        local app = klaviyo.oauth.new {client_id = "app-1", client_secret = oauth.SECRET,
          redirect_uri = "https://app.example/", scopes = {"profiles:read"},
          store = {load = print, save = function() return true end},
          settings = {base_url = url, proxy = ""}}
        local _, state, verifier = app:authorize()
        print(app:exchange {code = oauth.CODE, state = state, verifier = verifier, account = "shop"})
      ]], {args = {server.url}, env = {KLAVIYO_DEBUG = "1"}})
      assert.equal(0, status, output)
      assert.equal("shop\n", output)
    end)
  end)

  it("continues with the same callback if the service could not tell the account", function()
    local failed = {status = 503, body = ""}
    raw.with({answers = {token_answer(), failed, failed, ACCOUNTS}}, function(server)
      local store = memory()
      local app = app_of(server, {store = store, encryption_key = KEY})
      local _, state, verifier = app:authorize()
      local callback = {code = CODE, state = state, verifier = verifier}
      for _ = 1, 2 do
        local account, err = app:exchange(callback)
        assert.is_nil(account)
        assert.equal("get_accounts", err.operation)
        assert_no_secret(verifier, err, store.texts)
        assert.same({}, app:accounts())
      end
      local _, other_state, other_verifier = app:authorize()
      local _, err = app:exchange {code = CODE, state = other_state, verifier = verifier}
      assert.equal("state", err.code)
      assert.equal("AbC123", assert(app:exchange(callback)))
      assert.equal(4, #server:requests())
      assert.equal("AbC123", next(store.texts))
      assert.is_nil(next(store.texts, "AbC123"))
      app:exchange {code = CODE, state = other_state, verifier = other_verifier}
      assert.equal("/oauth/token", server:requests()[5].target)
    end)
  end)

  it("continues with the same callback if the store failed after the code was used", function()
    for _, name in ipairs {"shop", false} do
      raw.with({answers = {token_answer(), ACCOUNTS}}, function(server)
        local fails, store = true, memory()
        local app = app_of(server, {store = {load = store.load, list = store.list, save = function(...)
          if fails then
            return nil, "no connection"
          end
          return store.save(...)
        end}})
        local _, state, verifier = app:authorize()
        local callback = {code = CODE, state = state, verifier = verifier, account = name or nil}
        local account, err = app:exchange(callback)
        assert.is_nil(account)
        assert.equal("store", err.code)
        fails = false
        account, err = app:exchange(callback)
        assert.equal(name or "AbC123", account, tostring(err))
        local count = 0
        for _, request in ipairs(server:requests()) do
          count = count + (request.target == "/oauth/token" and 1 or 0)
        end
        assert.equal(1, count)
        app:exchange(callback)  -- it is forgotten
        assert.equal("/oauth/token", server:requests()[#server:requests()].target)
      end)
    end
  end)

  it("revokes the tokens if they may not ask for the account", function()
    raw.with({answers = {token_answer(), {status = 403, body = "{}"}, {body = "{}"}}}, function(server)
      local store = memory()
      local app = app_of(server, {store = store})
      local _, state, verifier = app:authorize()
      local account, err = app:exchange {code = CODE, state = state, verifier = verifier}
      assert.is_nil(account)
      assert.equal("get_accounts", err.operation)
      assert.equal(403, err.status)
      assert_no_secret(verifier, err)
      assert.is_nil(next(store.texts))
      local revoke = server:requests()[3]
      assert.equal("/oauth/revoke", revoke.target)
      assert.is_true(revoke.body == "token=" .. REFRESH .. "&token_type_hint=refresh_token")
    end)
  end)

  it("keeps no tokens of an account without a name, and none for longer than an hour", function()
    local store = memory()
    local function exchange(answers)
      raw.with({answers = answers}, function(server)
        local app = app_of(server, {store = store})
        local _, state, verifier = app:authorize()
        assert.is_nil((app:exchange {code = CODE, state = state, verifier = verifier}))
        answers.requests = server:requests()
      end)
    end
    for _, id in ipairs {"", "a\\u0000", "pending.x", ("x"):rep(65), "\255"} do
      local answers = {token_answer(), {headers = ACCOUNTS.headers, body = '{"data":[{"id":"' .. id .. '"}]}'},
        {body = "{}"}}
      exchange(answers)
      assert.is_nil(next(store.texts))
      assert.equal("/oauth/revoke", answers.requests[3].target)
    end
    local failed = {status = 503, body = ""}
    exchange {token_answer(), failed}
    local name, text = next(store.texts)
    exchange {token_answer(), failed}
    assert.is_string(store.texts[name])
    store.texts[name] = text:gsub('"refreshed_at":%d+', '"refreshed_at":' .. os.time() - 3700)
    exchange {token_answer(), failed}
    assert.is_nil(store.texts[name])
    assert.is_string(next(store.texts))
  end)

  it("does not take a name that it uses itself", function()
    raises('and not begin with "pending."', function()
      klaviyo.oauth.new(options()):exchange {code = CODE, account = "pending.x"}  -- the line
    end)
  end)

  it("does not use up the code if the folder cannot be made", function()
    raw.with({answers = {token_answer()}}, function(server)
      local app = app_of(server, {store = folders.new() .. "/absent/tokens"})
      local _, state, verifier = app:authorize()
      local account, err = app:exchange {code = CODE, state = state, verifier = verifier}
      assert.is_nil(account)
      assert.equal("auth", err.kind)
      assert.equal("store", err.code)
      assert.matches("absent/tokens: No such file", err.message)
      assert.equal(0, #server:requests())
    end)
  end)
end)
