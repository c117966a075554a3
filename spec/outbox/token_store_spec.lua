-- The tokens of klaviyo.oauth in a file of SQLite.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local outbox = require "klaviyo.outbox"
local raises = require "spec.support.raises"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local store = require "klaviyo.outbox.store"

describe("outbox.token_store", function()
  local folders = folder.here(after_each)

  local function new()
    local path = folders.new() .. "/tokens.db"
    return outbox.token_store(path), path
  end

  local function names(path)
    local _, text = shell.run("cd " .. path:match("^(.*)/") .. " && ls -A | tr '\\n' ' '")
    return text
  end

  it("keeps, replaces and removes the text of an account", function()
    local tokens, path = new()
    assert.same({nil, nil}, {tokens.load("shop")})
    assert.same({}, tokens.list())
    assert.equal("", names(path))
    local text = ("text\n\0\255'"):rep(1000)
    assert.is_true(assert(tokens.save("shop", "old")))
    assert.is_true(assert(tokens.save("shop", text)))
    assert.is_true(assert(tokens.save("../é' b", "other")))
    assert.equal(text, tokens.load("shop"))
    assert.equal("other", tokens.load("../é' b"))
    assert.same({"../é' b", "shop"}, tokens.list())
    assert.is_true(assert(tokens.save("shop", nil)))
    assert.is_true(assert(tokens.save("shop", nil)))
    assert.is_nil(tokens.load("shop"))
    assert.same({"../é' b"}, outbox.token_store(path).list())
    assert.equal("tokens.db ", names(path))
  end)

  it("is for its owner only", function()
    local tokens, path = new()
    assert(tokens.save("shop", "text"))
    assert.equal("600\n", (script.shell("stat -c %a " .. path)))
    script.shell("chmod 644 " .. path)
    assert.equal("text", tokens.load("shop"))
    assert.equal("600\n", (script.shell("stat -c %a " .. path)))
    script.shell("chmod 666 " .. path)
    local text, why = tokens.load("shop")
    assert.is_nil(text)
    assert.matches("tokens%.db: others may write to it", why)
  end)

  it("overwrites old texts", function()
    local tokens, path = new()
    assert(tokens.save("shop", oauth.ACCESS .. ("x"):rep(300)))
    assert(tokens.save("shop", "short"))
    assert(tokens.save("other", oauth.ACCESS))
    assert(tokens.save("other", nil))
    assert.is_nil(shell.read(path):find(oauth.CANARY, 1, true))
  end)

  it("waits while another process writes, and returns an error in the end", function()
    local tokens, path = new()
    assert(tokens.save("shop", "old"))
    local wait = script.start([[
      local tokens = require("klaviyo.outbox.store").tokens
      local path = ...
      for i = 1, 60 do
        while not tokens.save(path, "shop", "text " .. i) do end
      end
    ]], {args = {path}, timeout = 60})
    for i = 1, 30 do
      assert.is_true(assert(tokens.save("own", "text " .. i)))
      assert.is_string(assert(tokens.load("shop")))
    end
    local output, status = wait()
    assert.same({"", 0}, {output, status})
    assert.equal("text 60", tokens.load("shop"))
  end)

  it("does not wait for a locked file for ever", function()
    local tokens, path = new()
    assert(tokens.save("shop", "old"))
    local locked = folders.new() .. "/locked"
    local _, pid = shell.run(([[python3 -c '
import sqlite3, time, os
d = sqlite3.connect("%s"); d.execute("BEGIN EXCLUSIVE"); open("%s", "w").close(); time.sleep(60)' >/dev/null 2>&1 &
      echo $!]]):format(path, locked))
    pid = pid:match("%d+")
    local is_locked = shell.wait_for(function() return shell.read(locked) end, 5)
    if not is_locked then
      pending("there is no python3 with SQLite")
      return
    end
    local began, ticks = klaviyo.clock(), 0
    klaviyo.run(function()
      local ticker = klaviyo.spawn(function()
        while true do
          klaviyo.sleep(0.1)
          ticks = ticks + 1
        end
      end)
      local text, why = tokens.load("shop")
      assert.is_nil(text)
      assert.matches("another process uses it: database is locked", why)
      ticker:cancel()
    end)
    assert.is_true(klaviyo.clock() - began >= 5)
    assert.is_true(ticks > 10)  -- other tasks ran meanwhile
    shell.run("kill " .. pid)
    shell.wait_for(function() return tokens.load("shop") end)
    assert.equal("old", tokens.load("shop"))
  end)

  it("survives processes that are killed while they write", function()
    local tokens, path = new()
    for _ = 1, 3 do
      local _, text = shell.run(([[cd .; %s -e '
        local tokens = require("klaviyo.outbox.store").tokens
        for i = 1, 1e9 do tokens.save("%s", "shop", ("a"):rep(i %% 5000 + 1)) end' >/dev/null 2>&1 & echo $!]]):format(
        script.interpreter, path))
      shell.sleep((50 + shell.random(200)) / 1000)
      shell.run("kill -9 " .. text:match("%d+"))
      local found = tokens.load("shop")
      assert.is_true(found == nil or found:find("^a+$") ~= nil)
    end
    assert.is_true(assert(tokens.save("shop", "done")))
    assert.equal("done", tokens.load("shop"))
  end)

  it("keeps what it has on a full disk", function()
    local dir = folders.new()
    if not shell.run("mount -t tmpfs -o mode=700,size=100k none " .. dir) then
      return  -- only root may do this
    end
    local tokens = outbox.token_store(dir .. "/tokens.db")
    assert(tokens.save("shop", "old"))
    os.execute("cat /dev/zero >" .. dir .. "/ballast 2>/dev/null")
    local ok, why = tokens.save("shop", "new")
    assert.is_nil(ok)
    assert.matches("full", why)
    assert.equal("old", tokens.load("shop"))
    shell.run("rm " .. dir .. "/ballast")
    assert.is_true(assert(tokens.save("shop", "new")))
    assert.equal("new", tokens.load("shop"))
  end)

  it("refuses what is not its file", function()
    local tokens, path = new()
    shell.write(path, ("not a database "):rep(100))
    shell.run("chmod 600 " .. path)
    local ok, why = tokens.save("shop", "text")
    assert.is_nil(ok)
    assert.matches("file is not a database", why)
    local box = assert(outbox.new {path = folders.new()})
    box:close()
    local other = outbox.token_store(box.path .. "/slot-1.db")
    ok, why = other.load("shop")
    assert.is_nil(ok)
    assert.matches("it is the database of another program", why)
    local absent = outbox.token_store(path .. "/absent/tokens.db")
    ok, why = absent.save("shop", "text")
    assert.is_nil(ok)
    assert.matches("unable to open database file", why)
    raises('must be a file\'s path, not ""', function() outbox.token_store("") end)
  end)

  it("is a store of klaviyo.oauth, whose locks are beside it", function()
    local server = assert(klaviyo.sandbox.start {approve = true, client_secret = oauth.SECRET,
      rotate_refresh_tokens = "strict"})
    local tokens, path = new()
    local app = klaviyo.oauth.new {client_id = server.client_id, client_secret = oauth.SECRET,
      redirect_uri = "https://app.example/callback", scopes = {"accounts:read", "lists:read"},
      store = tokens, encryption_key = oauth.KEY,
      settings = {base_url = server.base_url, proxy = "", revision = "2026-10-15"}}
    local account = oauth.authorize(app)
    assert.matches("^aes%-256%-gcm ", tokens.load(account))
    assert.is_true(assert(app:refresh(account)))
    assert(app:client(account).lists:list())
    assert.equal(account, assert(app:accounts())[1].account)
    assert.equal("tokens.db tokens.db.locks ", names(path))
    assert.is_true(assert(app:revoke(account)))
    assert.same({}, app:accounts())
    server:stop()
  end)

  it("takes milliseconds #time #alone", function()
    local tokens, path = new()
    assert(tokens.save("shop", ("x"):rep(600)))
    local began = klaviyo.clock()
    for _ = 1, 100 do
      assert(store.tokens.load(path, "shop"))
    end
    assert.is_true(klaviyo.clock() - began < 1)
    assert(tokens.load("shop"))
  end)
end)
