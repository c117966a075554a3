--- Finishes adding a connection: the content handler of the location to which the
--- browser of an account returns. It answers with a line of text.

local apps = require "klaviyo.oauth.apps"
local report = require "klaviyo.gateway.report"

local M = {}

local function respond(status, text)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain; charset=utf-8"
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Referrer-Policy"] = "no-referrer"  -- the URL has the code and the state
  ngx.header["X-Content-Type-Options"] = "nosniff"
  ngx.header["X-Klaviyo-Gateway"] = "1"
  ngx.say(text)
  return ngx.exit(ngx.HTTP_OK)
end

-- Without the scope that finds the account's id, an account has the name of its
-- connection.
local function account_of(app, name)
  for _, scope in ipairs(apps.of(app).scopes) do
    if scope == "accounts:read" or scope == "accounts:write" then
      return nil
    end
  end
  return name
end

local function fail(folder, state, name, err)
  report("the connection %s was not added: %s", name, err.message)
  if err.kind ~= "auth" or err.code == "store" then
    -- the same page may be loaded again
    return respond(502, "The connection could not be finished. Load this page again.")
  end
  folder:finish(state)
  return respond(403, "The account was not connected. Ask for another link.")
end

-- Another account must not take the place of the one that the callers know.
local function is_other(self, name, account)
  local connection = self.connections:find(name)
  return connection and connection.definition.account ~= account
end

--- Serves the request of a browser that returns from Klaviyo.
---@param self table  of a gateway
function M.serve(self)
  local folder, app = self.connections.folder, self.settings.oauth
  if ngx.req.get_method() ~= "GET" then
    ngx.header.Allow = "GET"
    return respond(405, "This page takes only GET.")
  end
  local arguments = ngx.req.get_uri_args(20)
  local state = arguments.state
  local record = folder and folder:begun(state)
  if not record then
    return respond(400, "This link is not valid, or not any more. Ask for another one.")
  end
  local name = record.name
  local account, err = app:exchange {
    code = arguments.code, error = arguments.error, state = state,
    verifier = record.verifier, account = account_of(app, name),
  }
  if not account then
    return fail(folder, state, name, err)
  end
  folder:finish(state)
  self.connections:expire()
  if is_other(self, name, account) then
    report("the connection %s was not added: it has another account than %s, which "
      .. "authorized the app", name, account)
    return respond(409, "The connection has another account. It is unchanged.")
  end
  local ok, why = self.connections:add(name, {
    account = account, rate_limit_key = record.rate_limit_key,
  })
  if not ok then
    report("the connection %s cannot be stored: %s", name, why)
    return respond(503, "The connection could not be stored. Ask for another link.")
  end
  report("the connection %s was added", name)
  return respond(200, "The account is connected. You can close this page.")
end

return M
