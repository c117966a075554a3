-- klaviyo.oauth when its store, its lock or a function of the program fails.
local core = require "klaviyo.core"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"

local EMPTY = {headers = {["Content-Type"] = "application/vnd.api+json"}, body = '{"data":[]}'}
local SECOND = oauth.ACCESS .. "-2"

describe("klaviyo.oauth", function()
  local folders = folder.here(after_each)
  local store, locks, warnings, deadline

  before_each(function()
    store, locks, warnings, deadline = oauth.memory(), folders.new(), {}, 20
  end)

  -- Returns an app whose account "shop" has a token that expires in some seconds.
  local function new_app(seconds, more, url)
    local now = os.time()
    store.texts.shop = klaviyo.json.encode {access_token = oauth.ACCESS, refresh_token = oauth.REFRESH,
      scope = "", expires_at = now + seconds, refreshed_at = now - 3600, authorized_at = now}
    local all = oauth.options {store = store, lock_folder = locks}
    all.settings = {base_url = url or "http://127.0.0.1:9", proxy = "", retries = 0, deadline = deadline,
      revision = "2026-10-15", on_warning = function(message) warnings[#warnings + 1] = message end}
    for name, value in pairs(more or {}) do
      all[name] = value
    end
    return klaviyo.oauth.new(all)
  end

  local function lock_account()
    return assert(core.file_lock(locks .. "/shop.lock"))
  end

  it("uses the token while another process refreshes, and waits if it has ended", function()
    local held = lock_account()
    raw.with({answers = {EMPTY}}, function(server)
      assert(new_app(30, nil, server.url):client("shop").lists:list())
      assert.is_true(server:requests()[1].headers.authorization == "Bearer " .. oauth.ACCESS)
    end)
    deadline = 0.3
    local app = new_app(-1)
    local began = klaviyo.clock()
    local document, err = app:client("shop").lists:list()
    assert.is_nil(document)
    assert.equal("timeout", err.kind)
    assert.equal('another process refreshes the tokens of the account "shop" for too long', err.message)
    assert.is_true(klaviyo.clock() - began >= 0.3)
    local ok
    ok, err = app:revoke("shop")
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    held:release()
  end)

  it("uses what another process stored meanwhile", function()
    local held = lock_account()
    raw.with({answers = {EMPTY}}, function(server)
      local client = new_app(-1, nil, server.url):client("shop")
      klaviyo.run(function()
        klaviyo.spawn(function()
          klaviyo.sleep(0.1)
          store.texts.shop = klaviyo.json.encode {access_token = SECOND, refresh_token = oauth.REFRESH,
            expires_at = os.time() + 3600, refreshed_at = os.time()}
        end)
        assert(client.lists:list())
      end)
      assert.equal(1, #server:requests())
      assert.is_true(server:requests()[1].headers.authorization == "Bearer " .. SECOND)
    end)
    held:release()
  end)

  it("says why it cannot lock", function()
    for _, path in ipairs {locks .. "/absent/locks", locks .. "/file"} do
      io.open(locks .. "/file", "w"):close()
      local _, err = new_app(-1, {lock_folder = path}):client("shop").lists:list()
      assert.equal("store", err.code)
      assert.matches("shop%.lock cannot be locked: ", err.message)
    end
  end)

  it("raises what a function of the store raises, and locks again after that", function()
    local fails
    local own = {load = function(account)
      if fails then
        error("a bug of the program", 0)
      end
      return store.load(account)
    end, save = store.save}
    raw.with({answers = {oauth.token_answer {access_token = SECOND}}}, function(server)
      local app = new_app(-1, {store = own}, server.url)
      local client = app:client("shop")
      fails = true
      for _ = 1, 2 do
        assert.same({false, "a bug of the program"}, {pcall(client.lists.list, client.lists)})
      end
      fails = false
      assert.is_true(assert(app:refresh("shop")))
    end)
    raises("store.load must return a string, or nil, not a number", function()
      new_app(-1, {store = {load = function() return 5 end, save = print}}):refresh("shop")  -- the line
    end)
  end)

  it("returns the error of a store that fails at any moment", function()
    -- a list of what each load returns; the last one for all later ones
    local function error_of(answers, list)
      local number = 0
      local own = {load = function()
        number = number + 1
        local value = list[math.min(number, #list)]
        if value == "fails" then
          return nil, "no connection"
        end
        return value and store.texts.shop or nil
      end, save = store.save}
      local err
      raw.with({answers = answers}, function(server)
        local _
        _, err = new_app(-1, {store = own}, server.url):client("shop").lists:list()
      end)
      return err
    end
    local invalid = {{status = 400, body = '{"error":"invalid_grant"}'}}
    for _, list in ipairs {{"fails"}, {true, "fails"}, {true, true, "fails"}} do
      assert.matches("no connection", error_of(invalid, list).message)
    end
    -- another machine revoked it
    for _, list in ipairs {{true, false}, {true, true, false}} do
      assert.equal("unknown_account", error_of(invalid, list).code)
    end
  end)

  it("knows that another machine ended the grant first", function()
    raw.with({answers = {{status = 400, body = '{"error":"invalid_grant"}', pause = 0.1}}}, function(server)
      local called = 0
      local app = new_app(-1, {on_reauthorize = function() called = called + 1 end}, server.url)
      klaviyo.run(function()
        klaviyo.spawn(function()
          klaviyo.sleep(0.05)
          local pair = klaviyo.json.decode(store.texts.shop)
          pair.must_authorize = true
          store.texts.shop = klaviyo.json.encode(pair)
        end)
        local _, err = app:client("shop").lists:list()
        assert.equal("invalid_grant", err.code)
      end)
      assert.equal(0, called)
    end)
  end)

  it("tries once more with a refresh token that another machine stored", function()
    local invalid = {status = 400, body = '{"error":"invalid_grant"}', pause = 0.1}
    raw.with({answers = {invalid, oauth.token_answer {access_token = SECOND}, EMPTY}}, function(server)
      local app = new_app(-1, nil, server.url)
      klaviyo.run(function()
        klaviyo.spawn(function()
          klaviyo.sleep(0.05)
          local pair = klaviyo.json.decode(store.texts.shop)
          pair.refresh_token = oauth.REFRESH .. "-2"
          store.texts.shop = klaviyo.json.encode(pair)
        end)
        assert(app:client("shop").lists:list())
      end)
      assert.is_true(server:requests()[2].body == "grant_type=refresh_token&refresh_token=" .. oauth.REFRESH .. "-2")
    end)
  end)

  it("warns if on_reauthorize fails, and returns the error of the call", function()
    raw.with({answers = {{status = 400, body = '{"error":"invalid_grant"}'}}}, function(server)
      local app = new_app(-1, {on_reauthorize = function() error("a bug of the program", 0) end,
        store = {load = store.load, save = store.save, lock_folder = locks}}, server.url)
      local _, err = app:client("shop").lists:list()
      assert.equal("invalid_grant", err.code)
      assert.same({"klaviyo: on_reauthorize failed: a bug of the program"}, warnings)
    end)
  end)

  it("takes an hour for the life of a token that names none", function()
    for _, life in ipairs {"soon", -5, 0} do
      raw.with({answers = {oauth.token_answer {access_token = SECOND, expires_in = life}}}, function(server)
        local app = new_app(-1, nil, server.url)
        assert.is_true(assert(app:refresh("shop")))
        local left = assert(app:accounts())[1].expires_at - os.time()
        assert.is_true(left > 3500 and left <= 3600)
      end)
    end
  end)

  it("keeps its refresh token if the answer has none", function()
    for _, none in ipairs {klaviyo.null, ""} do
      raw.with({answers = {oauth.token_answer {access_token = SECOND, refresh_token = none}}}, function(server)
        local token, err = new_app(-1, nil, server.url):token("shop")
        assert.is_true(token == SECOND, tostring(err))
        assert.is_true(klaviyo.json.decode(store.texts.shop).refresh_token == oauth.REFRESH)
      end)
    end
  end)

  it("returns an error for a token that cannot be sent, and takes scopes as they are", function()
    local answer = '{"access_token":"%s","refresh_token":"new","scope":"a:\255 b:\\u0001 c:\\u00e9"}'
    local answers = {}
    for i, token in ipairs {oauth.ACCESS .. "\255", oauth.ACCESS .. "\\u00e9", oauth.ACCESS .. "\127", SECOND} do
      answers[i] = {headers = {["Content-Type"] = "application/json"}, body = answer:format(token)}
    end
    raw.with({answers = answers}, function(server)
      local app = new_app(-1, nil, server.url)
      local before = store.texts.shop
      for _ = 1, 3 do
        local token, err = app:token("shop")
        assert.is_nil(token)
        assert.equal("decode", err.kind)
        assert.is_true(store.texts.shop == before)
      end
      assert.is_true(app:token("shop") == SECOND)
      assert.same({"a:?", "b:?", "c:??"}, assert(app:accounts())[1].scopes)
    end)
  end)

  it("refreshes once if the life of a token is shorter than a second", function()
    local short = oauth.token_answer {access_token = SECOND, expires_in = 0.25}
    raw.with({answers = {short}}, function(server)
      assert.is_true(assert(new_app(-1, nil, server.url):refresh("shop")))
      assert.equal(1, #server:requests())
    end)
  end)

  it("stores no field that is too large, and keeps the pair that it has", function()
    local long = ("x"):rep(65536)
    for _, name in ipairs {"access_token", "refresh_token", "scope"} do
      local answers = {oauth.token_answer {[name] = long .. "x"}, oauth.token_answer {[name] = long}}
      raw.with({answers = answers}, function(server)
        local app = new_app(-1, nil, server.url)
        local before = store.texts.shop
        local token, err = app:token("shop")
        assert.is_nil(token)
        assert.equal("decode", err.kind)
        assert.equal(("the token could not be refreshed: the answer has a %s of 65537 bytes; the maximum is 65536")
          :format(name), err.message)
        assert.is_true(store.texts.shop == before)
        assert(app:token("shop"))
        assert.is_true(klaviyo.json.decode(store.texts.shop)[name] == long)
      end)
    end
  end)

  it("does not use the tokens of another app, and keeps them", function()
    local app = new_app(-1)
    local pair = klaviyo.json.decode(store.texts.shop)
    pair.client_id = "app-2"
    store.texts.shop = klaviyo.json.encode(pair)
    local before = store.texts.shop
    local token, err = app:token("shop")
    assert.is_nil(token)
    assert.equal("store", err.code)
    assert.equal('cannot read the tokens of the account "shop": they are those of another app, "app-2"; '
      .. "each app needs a store of its own", err.message)
    assert.is_true(store.texts.shop == before)
    raw.with({answers = {oauth.token_answer()}}, function(server)
      app = oauth.app_of(server, {store = store})
      local _, state, verifier = app:authorize()
      assert(app:exchange {code = oauth.CODE, state = state, verifier = verifier, account = "shop"})
      assert.equal("app-1", klaviyo.json.decode(store.texts.shop).client_id)
      assert.equal(1, #assert(app:accounts()))
    end)
  end)

  it("stores what it exchanged after a refresh of another process", function()
    for _, seconds in ipairs {0.3, 60} do
      local held = lock_account()
      raw.with({answers = {oauth.token_answer()}}, function(server)
        deadline = 1
        local app = new_app(0, nil, server.url)
        local _, state, verifier = app:authorize()
        store.texts.shop = nil
        local early
        klaviyo.run(function()
          klaviyo.spawn(function()
            klaviyo.sleep(math.min(seconds, 0.5))
            early = store.texts.shop ~= nil
            if seconds < 1 then
              held:release()
            end
          end)
          assert(app:exchange {code = oauth.CODE, state = state, verifier = verifier, account = "shop"})
        end)
        assert.is_false(early)
        assert.equal("app-1", klaviyo.json.decode(store.texts.shop).client_id)
      end)
      held:release()
    end
  end)

  it("returns an error if get_accounts returns no account, or the list fails", function()
    raw.with({answers = {oauth.token_answer(), EMPTY, {body = "{}"}}}, function(server)
      local app = oauth.app_of(server, {store = store})
      local _, state, verifier = app:authorize()
      local account, err = app:exchange {code = oauth.CODE, state = state, verifier = verifier}
      assert.is_nil(account)
      assert.equal("the answer of get_accounts has no account; authorize again", err.message)
    end)
    local app = new_app(0, {store = {load = print, save = print, list = function() return nil, "no connection" end}})
    local list, err = app:accounts()
    assert.is_nil(list)
    assert.equal("cannot list the accounts: no connection", err.message)
    raises("call this with a colon", function()
      app.accounts()  -- the line
    end)
  end)
end)
