-- The stores of klaviyo.oauth: a folder, and functions; encryption.
local base64 = require "klaviyo.util.base64"
local core = require "klaviyo.core"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local CODE, ACCESS, KEY, OTHER_KEY = oauth.CODE, oauth.ACCESS, oauth.KEY, ("5a"):rep(32)
local assert_no_secret, app_of = oauth.assert_no_secret, oauth.app_of
local memory, options, token_answer = oauth.memory, oauth.options, oauth.token_answer

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

describe("the store of an app", function()
  local folders = folder.here(after_each)

  local function exchanged(more, account)
    raw.with({answers = {token_answer()}}, function(server)
      local app = app_of(server, more)
      local _, state, verifier = app:authorize()
      assert(app:exchange {code = CODE, state = state, verifier = verifier, account = account})
    end)
  end

  it("is a folder with a file for each account, for its owner only", function()
    local path = folders.new() .. "/tokens"
    exchanged({store = path}, "shop")
    exchanged({store = path}, "../a b.token")
    -- a file and a lock for each account
    assert.equal("700 600 600 600 600\n", (script.shell(("echo $(stat -c %%a %s %s/*)"):format(path, path))))
    assert.is_string(read(path .. "/shop.token"))
    assert.is_string(read(path .. "/%2E%2E%2Fa%20b%2Etoken.token"))
    local app = klaviyo.oauth.new(options {store = path .. "/"})
    local names = {}
    for i, account in ipairs(assert(app:accounts())) do
      names[i] = account.account
    end
    assert.same({"../a b.token", "shop"}, names)
  end)

  it("removes what a process left behind that was killed, and nothing else", function()
    local path = folders.new() .. "/tokens"
    exchanged({store = path}, "shop")
    local function touch(name)
      assert(io.open(path .. "/" .. name, "w")):close()
    end
    local function names()
      local list = core.list_folder(path)
      table.sort(list)
      return table.concat(list, " ")
    end
    for _, use in ipairs {
      function() assert(klaviyo.oauth.new(options {store = path}):accounts()) end,
      function() exchanged({store = path}, "shop") end,
    } do
      touch "shop.token.aB0xYz"
      touch "%2E%2E%2Fa.token.aB0xYz"
      touch "shop.token.writes"
      touch "shop.connection.aB0xYz"
      touch "shop.token.backup1"
      local held = assert(core.file_lock(path .. "/shop.token.writes"))
      use()
      assert.equal("shop.connection.aB0xYz shop.lock shop.token shop.token.backup1 shop.token.writes", names())
      held:release()
    end
  end)

  it("does not use up a code if there is no room for the tokens", function()
    local function exchange(path)
      raw.with({answers = {token_answer()}}, function(server)
        local app = app_of(server, {store = path})
        local _, state, verifier = app:authorize()
        local account, err = app:exchange {code = CODE, state = state, verifier = verifier, account = "shop"}
        assert.is_nil(account)
        assert.equal("store", err.code)
        assert.matches(path, err.message, 1, true)
        assert.equal(0, #server:requests())
      end)
    end
    local dir = folders.new()
    assert(io.open(dir .. "/file", "w")):close()
    exchange(dir .. "/file")
    local _, status = script.shell(("mount -t tmpfs -o size=8k none %s"):format(dir))
    if status ~= 0 then
      return pending("a file system of its own cannot be mounted")
    end
    exchange(dir .. "/tokens")
    script.shell(("mount -o remount,ro,size=1m %s"):format(dir))
    exchange(dir)
  end)

  it("has no accounts at first", function()
    local app = klaviyo.oauth.new(options {store = folders.new() .. "/tokens"})
    assert.same({}, app:accounts())
  end)

  it("is encrypted with encryption_key, also in functions", function()
    local path = folders.new()
    exchanged({store = path, encryption_key = KEY}, "shop")
    local text = read(path .. "/shop.token")
    assert.matches("^aes%-256%-gcm [%w+/]+=*$", text)
    assert_no_secret("refresh_token", text)
    local app = klaviyo.oauth.new(options {store = path, encryption_key = KEY:upper()})
    assert.equal("shop", assert(app:accounts())[1].account)

    local store = memory()
    exchanged({store = store, encryption_key = KEY}, "shop")
    assert.matches("^aes%-256%-gcm ", store.texts.shop)
  end)

  it("cannot be read without its key, with another one, or for another account", function()
    local store = memory()
    exchanged({store = store, encryption_key = KEY}, "shop")
    local function err_of(more)
      more.store = store
      local accounts, err = klaviyo.oauth.new(options(more)):accounts()
      assert.is_nil(accounts)
      assert.equal("auth", err.kind)
      assert.equal("store", err.code)
      assert_no_secret(KEY, err)
      return err.message
    end
    assert.equal('cannot read the tokens of the account "shop": they are encrypted; '
      .. "set encryption_key", err_of {})
    assert.matches("encryption_key is not the key", err_of {encryption_key = ("0"):rep(64)})
    store.texts.other, store.texts.shop = store.texts.shop, nil
    assert.matches('account "other": encryption_key is not', err_of {encryption_key = KEY})
  end)

  it("does not trust tokens that are not encrypted, unless an option says so", function()
    local store = memory()
    exchanged({store = store}, "shop")
    local accounts, err = klaviyo.oauth.new(options {store = store, encryption_key = KEY}):accounts()
    assert.is_nil(accounts)
    assert.equal("store", err.code)
    assert.matches("they are not encrypted; set read_unencrypted = true", err.message)
    local app = klaviyo.oauth.new(options {store = store, encryption_key = KEY, read_unencrypted = true})
    assert.equal("shop", assert(app:accounts())[1].account)
  end)

  it("is encrypted with the first of several keys, and read with each", function()
    local store = memory()
    exchanged({store = store, encryption_key = KEY}, "old")
    exchanged({store = store, encryption_key = {OTHER_KEY, KEY}}, "new")
    local app = klaviyo.oauth.new(options {store = store, encryption_key = {OTHER_KEY, KEY}})
    assert.equal(2, #assert(app:accounts()))
    store.texts.new = nil
    assert(klaviyo.oauth.new(options {store = store, encryption_key = {KEY}}):accounts())
    exchanged({store = store, encryption_key = {OTHER_KEY, KEY}}, "new")
    store.texts.old = nil
    assert(klaviyo.oauth.new(options {store = store, encryption_key = OTHER_KEY}):accounts())
    assert.is_nil((klaviyo.oauth.new(options {store = store, encryption_key = KEY}):accounts()))
  end)

  it("reports damaged tokens, without them", function()
    local store = memory()
    for _, text in ipairs {"", "null", "{", '{"access_token":"' .. ACCESS .. '"}', "aes-256-gcm !"} do
      store.texts.shop = text
      local accounts, err = klaviyo.oauth.new(options {store = store, encryption_key = KEY}):accounts()
      assert.is_nil(accounts)
      assert.equal("store", err.code)
      assert_no_secret(ACCESS, err)
    end
  end)

  it("takes nothing from a damaged text but tokens and times", function()
    local good = {access_token = ACCESS, refresh_token = oauth.REFRESH, expires_at = 2e9}
    local store = memory()
    local app = klaviyo.oauth.new(options {store = store})
    store.texts.shop = klaviyo.json.encode(good)
    assert(app:accounts())
    local wrong = {
      {access_token = ACCESS .. "\r\nX: y"}, {access_token = ""}, {access_token = 5}, {refresh_token = ACCESS .. " x"},
      {expires_at = "2"}, {expires_at = -1}, {expires_at = 1e300}, {refreshed_at = "x"}, {refreshed_at = {}},
      {authorized_at = true}, {scope = 5},
      {access_token = ACCESS .. "é"},
    }
    for _, more in ipairs(wrong) do
      local pair = {}
      for _, part in ipairs {good, more} do
        for name, value in pairs(part) do
          pair[name] = value
        end
      end
      store.texts.shop = klaviyo.json.encode(pair)
      local accounts, err = app:accounts()
      assert.is_nil(accounts)
      assert.equal('cannot read the tokens of the account "shop": they are damaged; authorize again', err.message)
    end
    good.scope = "a"
    store.texts.shop = klaviyo.json.encode(good):gsub('"a"', '"\255"')
    assert.is_nil((app:accounts()))
  end)

  it("opens no text that was changed or shortened, and never raises", function()
    local store = memory()
    exchanged({store = store, encryption_key = KEY}, "shop")
    local text = store.texts.shop
    -- the last digits of base64 have bits without a meaning
    local function bytes_of(stored)
      return stored:sub(1, 12) == "aes-256-gcm " and base64.decode(stored:sub(13)) or stored
    end
    local app = klaviyo.oauth.new(options {store = store, encryption_key = KEY})
    local plain = klaviyo.oauth.new(options {store = store, encryption_key = KEY, read_unencrypted = true})
    assert(app:accounts())
    for _ = 1, 500 do
      local at, byte = math.random(#text), math.random(0, 255)
      local changed = text:sub(1, at - 1) .. string.char(byte) .. text:sub(math.random(2) == 1 and at + 1 or at + 40)
      store.texts.shop = changed
      for _, one in ipairs {app, plain} do
        local accounts, err = one:accounts()
        if bytes_of(changed) ~= bytes_of(text) then
          assert.is_nil(accounts)
          assert.equal("store", err.code)
          assert_no_secret(KEY, err)
        end
      end
    end
  end)

  it("reports why a function failed", function()
    local function fails() return nil, "no connection" end
    local store = {load = fails, save = fails, list = function() return {"shop"} end}
    local app = klaviyo.oauth.new(options {store = store})
    local _, err = app:accounts()
    assert.equal('cannot read the tokens of the account "shop": no connection', err.message)
    assert.equal("no connection", err.cause)
    raw.with({answers = {token_answer()}}, function(server)
      app = app_of(server, {store = store})
      local _, state, verifier = app:authorize()
      local account
      account, err = app:exchange {code = CODE, state = state, verifier = verifier, account = "shop"}
      assert.is_nil(account)
      assert.equal('cannot store the tokens of the account "shop": no connection', err.message)
      assert_no_secret(verifier, err)
    end)
    app = klaviyo.oauth.new(options {store = {load = fails, save = fails}})
    raises("app:accounts needs the function store.list", function()
      app:accounts()
    end)
  end)
end)
