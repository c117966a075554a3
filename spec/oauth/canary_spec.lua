-- A program that prints, logs and reports all it can while it authorizes, refreshes,
-- fails and revokes: no secret is in its output, in the list of processes, or in a
-- file, except the store if there is no key.
local folder = require "spec.support.folder"
local oauth = require "spec.support.oauth"
local raw = require "spec.support.raw"
local script = require "spec.support.script"
local secret_forms = dofile "tools/secret_forms.lua"
local shell = require "klaviyo.sandbox.shell"

local PROGRAM = [[
  local cjson = require "cjson"
  local klaviyo = require "klaviyo"
  local oauth = require "spec.support.oauth"
  local proof = require "klaviyo.oauth.proof"
  local url, dir, is_encrypted = ...

  local function show(...)
    for i = 1, select("#", ...) do
      local value = select(i, ...)
      print(type(value), tostring(value), klaviyo.dump(value))
      if type(value) == "table" then
        print(pcall(cjson.encode, value))
        for name, member in pairs(value) do
          print(name, member)
        end
        show(getmetatable(value) and rawget(getmetatable(value), "__name"))
      end
    end
  end

  -- Calls a function, and prints what it returned, or what it raised with a stack.
  local function try(fn, a, b)
    local ok, one, two = xpcall(function() return fn(a, b) end, debug.traceback)
    show(ok, one, two)
  end

  klaviyo.metrics.start()
  local function hook(name)
    return function(...)
      print(name)
      show(...)
    end
  end
  local app = klaviyo.oauth.new {
    client_id = "app-1", client_secret = oauth.SECRET, encryption_key = is_encrypted == "yes" and oauth.KEY or nil,
    redirect_uri = "https://app.example/callback", scopes = {"accounts:read", "lists:read"},
    store = dir .. "/tokens", on_reauthorize = hook "on_reauthorize",
    settings = {base_url = url, proxy = "", retries = 1, revision = "2026-10-15", log = "json",
      on_attempt = hook "on_attempt", on_warning = hook "on_warning", on_span = hook "on_span"},
  }
  show(app)
  local verifier = oauth.CANARY .. ("v"):rep(12)
  local callback = {code = oauth.CODE, state = proof.state(oauth.SECRET, verifier), verifier = verifier}
  try(app.exchange, app, {code = oauth.CODE, state = "x" .. callback.state, verifier = verifier})
  try(app.exchange, app, {code = oauth.CODE, unknown = oauth.CODE})
  try(app.exchange, app, {code = oauth.CODE, account = ("x"):rep(100)})
  for _ = 1, 3 do  -- refused, no tokens, then good
    try(app.exchange, app, callback)
  end
  local client = app:client("AbC123")
  show(client)
  local lists = client.lists
  try(lists.list, lists)     -- 401, refreshed, and good
  try(lists.list, lists)     -- 403
  try(client.with, client, {access_token = 5})
  try(app.refresh, app, "AbC123")  -- 500, then reset
  try(app.accounts, app)
  os.rename(dir .. "/tokens", dir .. "/away")
  io.open(dir .. "/tokens", "w"):close()
  try(app.refresh, app, "AbC123")  -- cannot be read
  os.remove(dir .. "/tokens")
  os.rename(dir .. "/away", dir .. "/tokens")
  os.execute("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo")
  try(app.refresh, app, "AbC123")  -- good
  try(app.refresh, app, "AbC123")  -- invalid_grant
  try(lists.list, lists)
  print(klaviyo.metrics.text())
  for _, name in ipairs {"klaviyo.oauth", "klaviyo.oauth.refresh", "klaviyo.auth.auth"} do
    show(package.loaded[name])
  end
  print "the end"
  error(select(2, app:refresh("AbC123")))
]]

describe("the secrets of OAuth", function()
  local folders = folder.here(after_each)

  local JSON = {["Content-Type"] = "application/json"}
  local API = {["Content-Type"] = "application/vnd.api+json"}
  local ECHO = '{"error":"%s","error_description":"' .. oauth.CODE .. oauth.REFRESH .. oauth.SECRET .. '"}'

  local function answers()
    local second = oauth.token_answer {access_token = oauth.ACCESS .. "-2", refresh_token = oauth.REFRESH .. "-2"}
    local third = oauth.token_answer {access_token = oauth.ACCESS .. "-3", refresh_token = oauth.REFRESH .. "-3"}
    return {
      {status = 400, headers = JSON, body = ECHO:format("invalid_grant")},
      {headers = JSON, body = "not JSON " .. oauth.ACCESS},
      oauth.token_answer(), oauth.ACCOUNTS,
      {status = 401, headers = API, body = "{}"}, second, {headers = API, body = '{"data":[]}'},
      {status = 403, headers = API, body = '{"errors":[{"code":"permission_denied"}]}'},
      {status = 500, headers = JSON, body = ECHO:format("x")}, {body = "x", send = 10, after = "reset"},
      third,
      {status = 400, headers = JSON, body = ECHO:format("invalid_grant")},
    }
  end

  local function run(is_encrypted)
    local dir = folders.new()
    assert(shell.run("mkdir " .. dir .. "/tmp"))
    local output
    raw.with({answers = answers()}, function(server)
      output = script.run(PROGRAM, {args = {server.url, dir, is_encrypted}, timeout = 60, env = {KLAVIYO_DEBUG = "1",
        TMPDIR = dir .. "/tmp", KLAVIYO_RATE_LIMIT_FILE = dir .. "/rate-limits"}})
    end)
    return output, dir
  end

  -- The names of the files below a folder that contain a secret, in any form.
  local function files_with_secrets(dir)
    local list, count = {}, 0
    local _, names = shell.run("find " .. dir .. " -type f | sort")
    for name in names:gmatch("[^\n]+") do
      count = count + 1
      if #secret_forms.found(oauth.CANARY, shell.read(name)) > 0 then
        list[#list + 1] = name:sub(#dir + 2)
      end
    end
    assert.is_true(count > 0)
    return list
  end

  it("are in no output, and in no file if the store is encrypted", function()
    local output, dir = run "yes"
    -- all of the program ran
    for _, text in ipairs {"the end", "authorize again", "on_reauthorize", "on_attempt", "on_span", "traceback",
      "the code could not be exchanged", "permission_denied", "/oauth/token", "klaviyo_oauth_refreshes_total",
      'result="reauthorize"} 1', 'result="refreshed"} 2', "cannot read the tokens"} do
      assert.is_truthy(output:find(text, 1, true), text .. " is not in:\n" .. output)
    end
    for _, secret in ipairs {oauth.CANARY, oauth.KEY} do
      assert.same({}, secret_forms.found(secret, output))
    end
    assert.same({}, files_with_secrets(dir))
  end)

  it("are in the store alone without a key, so that this spec can find them", function()
    local _, dir = run "no"
    assert.same({"tokens/AbC123.token"}, files_with_secrets(dir))
  end)
end)
