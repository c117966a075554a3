-- Tokens that several processes or machines use, when another one was first or the
-- account ends its access.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

describe("tokens in use by several", function()
  local folders = folder.here(after_each)
  local server, ended

  local function start(options)
    options.approve, options.client_secret, ended = true, oauth.SECRET, {}
    server = assert(klaviyo.sandbox.start(options))
  end

  after_each(function()
    server:stop()
  end)

  local function new_app(more)
    local options = {client_id = server.client_id, client_secret = server.client_secret,
      redirect_uri = "https://app.example/callback", scopes = {"accounts:read", "lists:read"},
      lock_folder = folders.new(), encryption_key = oauth.KEY,
      on_reauthorize = function(account) ended[#ended + 1] = account end,
      settings = {base_url = server.base_url, proxy = "", retries = 6, revision = "2026-10-15"}}
    for name, value in pairs(more) do
      options[name] = value
    end
    return klaviyo.oauth.new(options)
  end

  describe("machines with one store", function()
    local texts

    -- Returns the app of a machine, whose store shows an old pair `times` times.
    local function app_on(old, times)
      return new_app {store = {
        load = function(account)
          if old and times > 0 then
            times = times - 1
            return old[account]
          end
          return texts[account]
        end,
        save = function(account, text)
          texts[account] = text
          return true
        end,
      }}
    end

    before_each(function()
      start {rotate_refresh_tokens = "strict"}
      texts = {}
    end)

    -- Returns the account, and the pair that was stored before another machine
    -- refreshed it.
    local function refreshed_by_another()
      local app = app_on()
      local account = oauth.authorize(app)
      local old = {[account] = texts[account]}
      assert(app:refresh(account))
      return account, old
    end

    it("use the pair that another one stored first", function()
      local account, old = refreshed_by_another()
      assert.is_true(assert(app_on(old, 3):refresh(account)))
      assert(app_on():client(account).lists:list())
      assert.equal(1, server:stats().oauth.refreshed)
      assert.equal(1, server:stats().oauth.refused)
      assert.same({}, ended)
    end)

    it("wait for the pair that another one is about to store", function()
      local account, old = refreshed_by_another()
      assert.is_true(assert(app_on(old, 5):refresh(account)))
      assert.same({}, ended)
    end)

    it("authorize again if there is none", function()
      local account, old = refreshed_by_another()
      local ok, err = app_on(old, 100):refresh(account)
      assert.is_nil(ok)
      assert.equal("invalid_grant", err.code)
      assert.same({account}, ended)
    end)
  end)

  it("end for all processes, and on_reauthorize is called once", function()
    start {}
    local path = folders.new()
    local account = oauth.authorize(new_app {store = path})
    local text = [[
      local klaviyo = require "klaviyo"
      local oauth = require "spec.support.oauth"
      local base_url, id, path, account, number = ...
      local app = klaviyo.oauth.new {client_id = id, client_secret = oauth.SECRET,
        redirect_uri = "https://app.example/callback", scopes = {"accounts:read"},
        store = path, encryption_key = oauth.KEY,
        on_reauthorize = function(name) print("authorize again: " .. name) end,
        settings = {base_url = base_url, proxy = "", pacing = false, revision = "2026-10-15"}}
      local client = app:client(account)
      klaviyo.run(function()
        for _ = 1, 5 do
          klaviyo.spawn(function()
            local ok, err
            repeat
              ok, err = client.lists:list()
              io.open(path .. "/ready-" .. number, "w"):close()
              klaviyo.sleep(0.02)
            until not ok
            assert(err.kind == "auth" and err.code == "invalid_grant", err)
            assert(tostring(err):find("authorize again", 1, true), err)
          end)
        end
      end)
      print "ended"
    ]]
    local waits = {}
    for i = 1, 3 do
      waits[i] = script.start(text, {timeout = 60, args = {server.base_url, server.client_id, path, account, i}})
    end
    assert.is_true(shell.wait_for(function()
      return shell.read(path .. "/ready-1") and shell.read(path .. "/ready-2") and shell.read(path .. "/ready-3")
        and true
    end, 30))
    server:uninstall()
    local calls = 0
    for _, wait in ipairs(waits) do
      local output, status = wait()
      assert.equal(0, status, output)
      calls = calls + select(2, output:gsub("authorize again: " .. account .. "\n", ""))
      assert.matches("ended\n$", output)
    end
    assert.equal(1, calls)
    assert.equal(1, server:stats().oauth.refused)
  end)
end)
