--- For the specs of klaviyo.oauth: its secrets, which must not appear in any
--- output (see tools/canary.lua), answers of a token endpoint, and a store in memory.

local callers = require "spec.support.oauth_callers"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local token_store = require "klaviyo.oauth.token_store"

local M = {}

-- `make test` makes it, and looks for it in the output of all specs.
M.CANARY = os.getenv("KLAVIYO_TEST_OAUTH") or "canary0123456789abcdef"

M.SECRET, M.CODE = M.CANARY .. "-client-secret", M.CANARY .. "-code"
M.ACCESS, M.REFRESH = M.CANARY .. "-access", M.CANARY .. "-refresh"
M.KEY = ("0123456789abcdef"):rep(4)

--- Returns the answer of a token endpoint, for spec.support.raw.
function M.token_answer(more)
  local body = {access_token = M.ACCESS, refresh_token = M.REFRESH, expires_in = 3600,
    token_type = "Bearer", scope = "accounts:read profiles:read"}
  for name, value in pairs(more or {}) do
    body[name] = value
  end
  return {headers = {["Content-Type"] = "application/json"}, body = json.encode(body)}
end

--- The answer to get_accounts.
M.ACCOUNTS = {headers = {["Content-Type"] = "application/vnd.api+json"},
  body = '{"data":[{"type":"account","id":"AbC123","attributes":{}}]}'}

--- Returns a store in memory, by functions, whose `texts` are what it keeps.
function M.memory()
  local texts = {}
  return {
    texts = texts,
    load = function(account) return texts[account] end,
    save = function(account, text)
      texts[account] = text
      return true
    end,
    list = function()
      local list = {}
      for name in pairs(texts) do
        list[#list + 1] = name
      end
      table.sort(list)
      return list
    end,
  }
end

--- Returns the options of an app, with others in place of them; a store of `memory`
--- without its texts.
function M.options(more)
  local all = {client_id = "app-1", client_secret = M.SECRET,
    redirect_uri = "https://app.example/callback",
    scopes = {"accounts:read", "profiles:read"}, store = "/nowhere"}
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  if type(all.store) == "table" then
    all.store = {load = all.store.load, save = all.store.save, list = all.store.list}
  end
  return all
end

--- Returns an app of a server of spec.support.raw.
function M.app_of(server, more)
  local all = M.options(more)
  all.settings = {base_url = server.url, proxy = "", retries = 0, revision = "2026-10-15"}
  return klaviyo.oauth.new(all)
end

--- Authorizes an app at a sandbox with `approve`; returns the account.
function M.authorize(app)
  local url, state, verifier = app:authorize()
  local location = script.shell(("curl -s -o /dev/null -w '%%{redirect_url}' %s"):format(script.quote(url)))
  return assert(app:exchange {code = location:match("code=(%w+)"), state = state, verifier = verifier})
end

--- Returns the store of an app with the encryption key M.KEY.
---@param path string
---@return table  of klaviyo.oauth.token_store
function M.store(path)
  return token_store.new(path, {(M.KEY:gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end))})
end

--- Changes what is stored, as if the access token of an account had just expired.
---@param store table
---@param account string
---@return string access_token
function M.expire(store, account)
  local pair = assert(store:load(account))
  pair.refreshed_at, pair.expires_at = os.time() - 3600, os.time()
  assert(store:save(account, pair))
  return pair.access_token
end

--- Authorizes an account at a sandbox with `approve`, for spec.support.oauth_callers in
--- other processes.
---@param server table
---@param dir string  an empty folder
---@return table fixture  dir, account, app, store (of klaviyo.oauth.token_store), ended: returns how many have ended
function M.callers(server, dir)
  shell.write(dir .. "/config.json", json.encode {base_url = server.base_url, client_id = server.client_id,
    client_secret = server.client_secret, store = dir .. "/tokens", key = M.KEY})
  local fixture = {dir = dir, app = callers.new_app(dir)}
  fixture.account = M.authorize(fixture.app)
  local config = json.decode(shell.read(dir .. "/config.json"))
  config.account = fixture.account
  shell.write(dir .. "/config.json", json.encode(config))
  fixture.store = M.store(dir .. "/tokens")
  function fixture.ended()
    return select(2, (shell.read(dir .. "/done") or ""):gsub("\n", ""))
  end
  return fixture
end

--- Returns the Lua text by which another process runs a function of
--- spec.support.oauth_callers, with %s for its name and %d for the number of tasks.
function M.caller_text(dir, fn, arguments)
  local _, here = shell.run("pwd -P")
  return ('dofile("%s/spec/support/oauth_callers.lua").%s("%s", %%s, %%d%s)'):format(here:gsub("%s+$", ""), fn, dir,
    arguments)
end

--- Raises an error if a secret is in any of the values.
function M.assert_no_secret(verifier, ...)
  for i = 1, select("#", ...) do
    local text = klaviyo.dump((select(i, ...))) .. tostring((select(i, ...)))
    for _, secret in ipairs {M.CANARY, verifier} do
      if text:find(secret, 1, true) then
        error("a secret is in: " .. text:gsub(M.CANARY, "[canary]"), 2)
      end
    end
  end
end

return M
