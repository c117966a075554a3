-- app:client and app:revoke, against the sandbox.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

describe("app:client", function()
  local folders = folder.here(after_each)
  local server, path, ended

  local function start(options)
    options.approve, options.client_secret = true, oauth.SECRET
    server = assert(klaviyo.sandbox.start(options))
    path, ended = folders.new(), {}
  end

  after_each(function()
    server:stop()
  end)

  local function new_app(more)
    local options = {client_id = server.client_id, client_secret = server.client_secret,
      redirect_uri = "https://app.example/callback", scopes = {"accounts:read", "lists:read"},
      store = path, encryption_key = oauth.KEY,
      on_reauthorize = function(account) ended[#ended + 1] = account end,
      settings = {base_url = server.base_url, proxy = "", retries = 6, revision = "2026-10-15"}}
    for name, value in pairs(more or {}) do
      options[name] = value or nil
    end
    return klaviyo.oauth.new(options)
  end

  local function counts()
    return server:stats().oauth
  end

  it("makes calls with the token, without a refresh while it is fresh", function()
    start {}
    local app = new_app()
    local client = app:client(oauth.authorize(app))
    for _ = 1, 3 do
      assert(client.lists:list())
    end
    assert.equal(0, counts().refreshed)
    local _, err = client.profiles:list()
    assert.equal(403, err.status)
  end)

  it("shares its token with app:token, which gets another after a 401", function()
    start {rotate_refresh_tokens = true}
    local app = new_app()
    local account = oauth.authorize(app)
    local token = assert(app:token(account))
    assert.equal(token, app:token(account))
    local other = assert(app:token(account, token))
    assert.is_true(other ~= token)
    assert.equal(other, app:token(account, token))  -- another one is known already
    assert(app:client(account).lists:list())
    assert.equal(1, counts().refreshed)
    assert.is_nil(server:stats().statuses["401"])
    local none, err = app:token("unknown")
    assert.is_nil(none)
    assert.equal("unknown_account", err.code)
    raises("app:token takes the name of an account", function() app:token() end)
  end)

  it("refreshes ahead of the end, so that no call fails", function()
    start {token_seconds = 2, rotate_refresh_tokens = true}
    local app = new_app()
    local client = app:client(oauth.authorize(app))
    local deadline = klaviyo.clock() + 5
    repeat
      assert(client.lists:list())
      klaviyo.sleep(0.1)
    until counts().refreshed >= 2 or klaviyo.clock() > deadline
    assert(client.lists:list())
    assert.is_true(counts().refreshed >= 2)
    assert.is_nil(server:stats().statuses["401"])
    assert.same({}, ended)
  end)

  it("refreshes once after a 401, for many tasks", function()
    start {rotate_refresh_tokens = true}
    local app = new_app()
    local account = oauth.authorize(app)
    local client = app:client(account)
    assert(client.lists:list())
    server:fault {path = "/oauth/token", delay = 0.3, times = 100}
    server:fault {operation = "get_lists", error = "authentication_failed", status = 401, times = 30}
    klaviyo.run(function()
      local list = {}
      for i = 1, 30 do
        list[i] = klaviyo.spawn(function() assert(client.lists:list()) end)
      end
      for _, task in ipairs(list) do
        task:wait()
      end
    end)
    assert.equal(1, counts().refreshed)
  end)

  it("refreshes once for many processes, though the endpoint is slow and fails", function()
    start {rotate_refresh_tokens = true}
    local app = new_app()
    local account = oauth.authorize(app)
    oauth.expire(oauth.store(path), account)
    server:fault {path = "/oauth/token", status = 500, times = 2}
    server:fault {path = "/oauth/token", delay = 0.5, times = 100}
    local text = [[
      local klaviyo = require "klaviyo"
      local oauth = require "spec.support.oauth"
      local base_url, id, path, account = ...
      local app = klaviyo.oauth.new {client_id = id, client_secret = oauth.SECRET,
        redirect_uri = "https://app.example/callback", scopes = {"accounts:read"},
        store = path, encryption_key = oauth.KEY,
        settings = {base_url = base_url, proxy = "", retries = 6, revision = "2026-10-15"}}
      klaviyo.run(function()
        local list = {}
        for i = 1, 10 do
          list[i] = klaviyo.spawn(function() assert(app:client(account).lists:list()) end)
        end
        for _, task in ipairs(list) do task:wait() end
      end)
      print "all done"
    ]]
    local waits = {}
    for i = 1, 4 do
      waits[i] = script.start(text, {timeout = 60,
        args = {server.base_url, server.client_id, path, account}})
    end
    for _, wait in ipairs(waits) do
      local output, status = wait()
      assert.equal(0, status, output)
      assert.equal("all done\n", output)
    end
    assert.equal(1, counts().refreshed)
    assert.equal(2, server:stats().faults["500"])
    assert.is_nil(server:stats().statuses["401"])
  end)

  it("uses the old token while a refresh ahead fails", function()
    start {}
    local texts = {}
    -- Returns the error of a call, made by an app for which the token expires in some seconds.
    local function error_of_call(seconds)
      local app = new_app {lock_folder = path, encryption_key = false, store = {
        load = function(account) return texts[account] end,
        save = function(account, text)
          texts[account] = text
          return true
        end,
      }, settings = {base_url = server.base_url, proxy = "", retries = 0, revision = "2026-10-15"}}
      local account = oauth.authorize(app)
      local pair = klaviyo.json.decode(texts[account])
      pair.expires_at, pair.refreshed_at = os.time() + seconds, os.time() - 3600
      texts[account] = klaviyo.json.encode(pair)
      local client = app:client(account)
      server:fault {path = "/oauth/token", status = 500, times = 1000}
      local _, err = client.lists:list()
      if not err then
        assert(client.lists:list())  -- it is not tried again at once
      end
      server:clear_faults()
      return err
    end
    assert.is_nil(error_of_call(40))
    assert.equal(1, server:stats().faults["500"])
    local err = error_of_call(-1)
    assert.equal("http", err.kind)
    assert.equal("the token could not be refreshed: 500", err.message)
  end)

  it("says once that an account must authorize again, and works after that", function()
    start {}
    local app = new_app()
    local account = oauth.authorize(app)
    local client = app:client(account)
    assert(client.lists:list())
    server:uninstall()
    for _ = 1, 3 do
      local document, err = client.lists:list()
      assert.is_nil(document)
      assert.equal("auth", err.kind)
      assert.equal("invalid_grant", err.code)
      assert.matches("authorize again", err.message)
    end
    local _, err = new_app():client(account).lists:list()  -- as another process
    assert.equal("invalid_grant", err.code)
    assert.same({account}, ended)
    assert.equal(1, counts().refused)
    oauth.authorize(app)
    assert(client.lists:list())
  end)

  it("stores a pair before it is used: no pair is lost if it cannot be stored", function()
    for _, rotate in ipairs {true, "strict"} do
      start {rotate_refresh_tokens = rotate}
      local texts, fails = {}, false
      local app = new_app {lock_folder = path, store = {
        load = function(account) return texts[account] end,
        save = function(account, text)
          if fails then
            return nil, "the disk is full"
          end
          texts[account] = text
          return true
        end,
      }}
      local account = oauth.authorize(app)
      fails = true
      for _ = 1, 2 do
        local ok, err = app:refresh(account)
        assert.is_nil(ok)
        assert.equal("store", err.code)
        assert.matches("the disk is full", err.message)
      end
      assert.equal(1, counts().refreshed)  -- what was received is kept, to be stored
      fails = false
      assert.is_true(assert(app:refresh(account)))
      assert.equal(1, counts().refreshed)
      assert.is_true(assert(app:refresh(account)))
      assert(app:client(account).lists:list())
      assert.same({}, ended)
      if rotate == true then
        server:stop()
      end
    end
  end)

  it("needs an account, no key, and a folder for its locks", function()
    start {}
    local app = new_app()
    raises("takes the name of an account", function() app:client() end)
    raises("leave out api_key", function()
      app:client("shop", {api_key = "pk_x"})  -- the line
    end)
    local _, err = app:client("nobody").lists:list()
    assert.equal("unknown_account", err.code)
    app = new_app {store = {load = print, save = print}}
    raises("app:client: set lock_folder", function()
      app:client("shop")  -- the line
    end)
  end)

  it("is over after app:revoke", function()
    start {}
    local app = new_app()
    local account = oauth.authorize(app)
    local client = app:client(account)
    assert(client.lists:list())
    assert.is_true(app:revoke(account))
    assert.same({}, app:accounts())
    assert.equal(1, counts().revoked)
    local _, err = client.lists:list()
    assert.equal("unknown_account", err.code)
    _, err = app:revoke(account)
    assert.equal("unknown_account", err.code)
  end)
end)
