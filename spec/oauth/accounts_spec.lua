-- app:accounts and app:refresh: tokens that nothing uses.
local klaviyo = require "klaviyo"
local folder = require "spec.support.folder"
local oauth = require "spec.support.oauth"
local raw = require "spec.support.raw"

local DAY = 86400

describe("tokens that are not used", function()
  local folders = folder.here(after_each)
  local store, warnings

  before_each(function()
    store, warnings = oauth.memory(), {}
  end)

  -- Stores tokens that were refreshed some days ago.
  local function age(account, days, more)
    local time = os.time() - days * DAY
    local pair = {access_token = oauth.ACCESS, refresh_token = oauth.REFRESH, scope = "accounts:read",
      expires_at = time + 3600, refreshed_at = time, authorized_at = time}
    for name, value in pairs(more or {}) do
      pair[name] = value
    end
    store.texts[account] = klaviyo.json.encode(pair)
  end

  local function new_app(base_url)
    local all = oauth.options {store = store, lock_folder = folders.new()}
    all.settings = {base_url = base_url or "http://127.0.0.1:9", proxy = "", retries = 0, revision = "2026-10-15",
      on_warning = function(message) warnings[#warnings + 1] = message end}
    return klaviyo.oauth.new(all)
  end

  it("are listed by app:accounts, which warns once of those that end soon", function()
    age("a", 0)
    age("b", 74.9)
    age("c", 75)
    age("d", 200, {must_authorize = true})
    local app = new_app()
    local list = assert(app:accounts())
    for i, days in ipairs {0, 74, 75, 200} do
      assert.equal(days, list[i].unused_days)
    end
    assert.is_false(list[1].must_authorize)
    assert.is_true(list[4].must_authorize)
    local message = 'klaviyo: oauth: the tokens of the account "c" were not used for 75 days; '
      .. "Klaviyo drops them after 90 (call app:refresh)"
    assert.same({message}, warnings)
    age("c", 76)
    assert(app:accounts())
    assert.same({message}, warnings)
    age("c", 0)
    assert(app:accounts())
    age("c", 80)
    assert(app:accounts())
    assert.equal(2, #warnings)
  end)

  it("are listed though those of one account are damaged", function()
    age("a", 1)
    age("b", 2)
    age("c", 80)
    store.texts.b = store.texts.b:sub(1, 20)
    local list = assert(new_app():accounts())
    assert.equal(3, #list)
    for i, account in ipairs {"a", "b", "c"} do
      assert.equal(account, list[i].account)
    end
    assert.is_nil(list[1].error)
    assert.is_nil(list[3].error)
    assert.equal(1, #warnings)
    local one = list[2]
    assert.equal("store", one.error.code)
    assert.equal('cannot read the tokens of the account "b": they are damaged; authorize again', one.error.message)
    one.error = nil
    assert.same({account = "b", scopes = {}, authorized_at = 0, refreshed_at = 0, expires_at = 0, unused_days = 0,
      must_authorize = false}, one)
  end)

  it("are kept alive by app:refresh, though the access token is valid", function()
    local answer = oauth.token_answer {access_token = oauth.ACCESS .. "-2", refresh_token = oauth.REFRESH .. "-2"}
    raw.with({answers = {answer}}, function(server)
      age("shop", 80, {expires_at = os.time() + 3600})
      local app = new_app(server.url)
      assert.is_true(assert(app:refresh("shop")))
      local list = assert(app:accounts())
      assert.equal(0, list[1].unused_days)
      assert.is_true(list[1].authorized_at < os.time() - 79 * DAY)
      assert.same({}, warnings)
      local requests = server:requests()
      assert.equal(1, #requests)
      assert.equal("/oauth/token", requests[1].target)
      assert.is_true(requests[1].body == "grant_type=refresh_token&refresh_token=" .. oauth.REFRESH)
      assert.is_true(klaviyo.json.decode(store.texts.shop).refresh_token == oauth.REFRESH .. "-2")
      assert.is_true(assert(app:refresh("shop")))
      assert.is_true(server:requests()[2].body == "grant_type=refresh_token&refresh_token=" .. oauth.REFRESH .. "-2")
    end)
  end)

  it("live from before the answer, however late it came", function()
    local answer = oauth.token_answer {access_token = oauth.ACCESS .. "-2"}
    answer.pause = 1.2
    raw.with({answers = {answer}}, function(server)
      age("shop", 1)
      local app = new_app(server.url)
      local before = os.time()
      assert.is_true(assert(app:refresh("shop")))
      assert.is_true(assert(app:accounts())[1].expires_at <= before + 3600)
    end)
  end)

  it("are used by one task for many, and the error is that of the service", function()
    local answer = oauth.token_answer {access_token = oauth.ACCESS .. "-2"}
    answer.pause = 0.2
    raw.with({answers = {answer, {status = 503, body = ""}}}, function(server)
      age("shop", 1)
      local app = new_app(server.url)
      klaviyo.run(function()
        for _ = 1, 20 do
          klaviyo.spawn(function() assert(app:refresh("shop")) end)
        end
      end)
      assert.equal(1, #server:requests())
      local ok, err = app:refresh("shop")
      assert.is_nil(ok)
      assert.equal(503, err.status)
      assert.equal(0, assert(app:accounts())[1].unused_days)
    end)
  end)

  it("cannot be refreshed if the account is unknown or must authorize again", function()
    local app = new_app()
    local _, err = app:refresh("shop")
    assert.equal("unknown_account", err.code)
    age("shop", 1, {must_authorize = true})
    _, err = app:refresh("shop")
    assert.equal("invalid_grant", err.code)
  end)
end)
