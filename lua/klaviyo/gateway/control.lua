--- Shows, adds and removes the connections of a gateway while nginx runs: the content
--- handler of a location for operators.

local apps = require "klaviyo.oauth.apps"
local caller_lookup = require "klaviyo.gateway.caller_lookup"
local checker = require "klaviyo.util.options"
local connections = require "klaviyo.gateway.connections"
local digest = require "klaviyo.digest"
local error_response = require "klaviyo.gateway.error_response"
local json = require "klaviyo.values.json"
local report = require "klaviyo.gateway.report"
local request_token = require "klaviyo.gateway.request_token"
local usage_error = require "klaviyo.util.usage_error"
local valid_utf8 = require "klaviyo.util.valid_utf8"

local M = {}

--- Who may control the connections.
---@class klaviyo.gateway.Control
---@field token_sha256? string|string[]  hexadecimal, of a token of its own; several while it changes
---@field without_token? boolean  true: everyone whom `allow` and `deny` of nginx let through; default false
---@field path? string  the path of the location; default "/klaviyo-connections"

local FIELDS = {
  token_sha256 = {secret = true},
  without_token = {type = "boolean", default = false},
  path = {pattern = "^/[%w%-%._~/]*[%w%-%._~]$", default = "/klaviyo-connections",
    expected = 'a path such as "/klaviyo-connections", without a slash at its end'},
}

local MAX_BODY = 10000

--- Returns the checked option `control`.
---@param label string
---@param option table
---@return table
function M.checked(label, option)
  local control = checker.check(FIELDS, option, label)
  if control.token_sha256 then
    control.hashes = caller_lookup.hashes(label .. ": token_sha256",
      control.token_sha256)
    control.token_sha256 = nil
  end
  if (control.hashes ~= nil) == control.without_token then
    usage_error.raise("%s: set token_sha256, or without_token = true if nginx's allow "
      .. "and deny protect the location", label)
  end
  return control
end

local function authenticate(control, headers)
  if control.without_token then
    return
  end
  local token = request_token(headers)
  if not token
      or not caller_lookup.has_hash(control.hashes, (digest.sha256(token))) then
    error_response.throw(401, "not_authenticated", "the control of the connections needs "
      .. "a token of its own; send the header field Authorization: Bearer …",
      {header = "Authorization"})
  end
end

local function respond(status, document)
  ngx.status = status
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["X-Klaviyo-Gateway"] = "1"
  if document then
    ngx.header["Content-Type"] = error_response.MEDIA_TYPE
    ngx.print(json.encode(document))
  end
  return ngx.exit(ngx.HTTP_OK)
end

local function unavailable(what, why)
  report("%s: %s", what, why)
  error_response.throw(503, "unavailable", what)
end

-- Listing -----------------------------------------------------------------------

local function time_of(seconds)
  return type(seconds) == "number" and os.date("!%Y-%m-%dT%H:%M:%SZ", seconds) or nil
end

local function describe_account(connection, attributes)
  local definition = connection.definition
  local pair, err = apps.of(definition.oauth).store:load(definition.account)
  attributes.account = definition.account
  if err then
    report("the connection %s: %s", connection.name, err.message)
    attributes.state = "unknown"
    return
  end
  attributes.state = pair and not pair.must_authorize and "ready" or "unauthorized"
  attributes.scopes = json.array {}
  for scope in (pair and pair.scope or ""):gmatch("%S+") do
    attributes.scopes[#attributes.scopes + 1] = scope
  end
  attributes.authorized_at = time_of(pair and pair.authorized_at)
  attributes.refreshed_at = time_of(pair and pair.refreshed_at)
end

-- Returns the resource of a connection, without its secrets.
local function described(connection)
  local attributes = {
    kind = connection.kind, added = connection.is_added or false,
    state = connection.rejected_secret and not connection.changes and "rejected"
      or "ready",
    rate_limit_key = connection.definition.rate_limit_key,
  }
  if connection.kind == "oauth" then
    describe_account(connection, attributes)
  end
  return {type = "connection", id = connection.name, attributes = attributes}
end

local function list(self)
  local data = json.array {}
  for _, connection in ipairs(self.connections:list()) do
    data[#data + 1] = described(connection)
  end
  return respond(200, {data = data})
end

local UNREADABLE = "the connection cannot be read; the log says why"

local function not_found()
  error_response.throw(404, "not_found", "there is no connection of this name")
end

local function show(self, name)
  local connection = self.connections:find(name)
  if connection == nil then
    not_found()
  elseif not connection then
    error_response.throw(503, "unavailable", UNREADABLE)
  end
  return respond(200, {data = described(connection)})
end

-- Removing ----------------------------------------------------------------------

local function is_shared(self, connection)
  local definition = connection.definition
  for _, other in ipairs(self.connections:list()) do
    if other ~= connection and other.definition.account == definition.account
        and other.definition.oauth == definition.oauth then
      return true
    end
  end
  return false
end

local function revoke(self, connection)
  if is_shared(self, connection) then
    error_response.throw(409, "conflict", "another connection has the same account; "
      .. "remove that one first, or do not revoke")
  end
  local definition = connection.definition
  local ok, err = definition.oauth:revoke(definition.account)
  if not ok and err.code ~= "unknown_account" then
    report("the connection %s: %s", connection.name, err.message)
    error_response.throw(502, "bad_gateway", "the service did not revoke the tokens; "
      .. "the connection is unchanged")
  end
end

local function remove(self, name)
  local connection = self.connections:find(name)
  if connection == nil then
    not_found()
  elseif connection and not connection.is_added then
    error_response.throw(409, "conflict",
      "this connection is part of the gateway's configuration")
  end
  local arguments = ngx.req.get_uri_args(10)
  if arguments.revoke ~= nil and arguments.revoke ~= "true"
      and arguments.revoke ~= "false" then
    error_response.throw(400, "invalid", "revoke must be true or false",
      {parameter = "revoke"})
  elseif arguments.revoke == "true" and not connection then
    error_response.throw(503, "unavailable", UNREADABLE)
  elseif arguments.revoke == "true" then
    revoke(self, connection)
  end
  local ok, why = self.connections:remove(name)
  if not ok then
    unavailable("the connection cannot be removed", why)
  end
  report("the connection %s was removed", name)
  return respond(204)
end

-- Adding ------------------------------------------------------------------------

-- A page of another site cannot send JSON without this server's permission.
local function read_document(headers)
  local media_type = headers["content-type"]
  media_type = type(media_type) == "string"
    and media_type:lower():match("^%s*([^%s;]*)")
  if media_type ~= error_response.MEDIA_TYPE and media_type ~= "application/json" then
    error_response.throw(415, "unsupported_media_type", "send JSON",
      {header = "Content-Type"})
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if not body and ngx.req.get_body_file() or body and #body > MAX_BODY then
    error_response.throw(413, "content_too_large",
      ("the maximum is %d bytes"):format(MAX_BODY))
  end
  local document = json.decode(body or "")
  return type(document) == "table" and document or {}
end

local function invalid(pointer, detail)
  error_response.throw(400, "invalid", detail, {pointer = pointer})
end

-- Returns the name and the definition of the connection to add.
local function read_connection(headers)
  local data = read_document(headers).data
  if type(data) ~= "table" or data.type ~= "connection" then
    invalid("/data/type", 'send {"data": {"type": "connection", "id": NAME}}')
  elseif not connections.is_name(data.id) then
    invalid("/data/id", "the id must be a name of letters, digits, \"-\", \".\" and \"_\", "
      .. "64 at most")
  end
  local attributes = data.attributes == nil and {} or data.attributes
  local key = type(attributes) == "table" and attributes.rate_limit_key
  if type(attributes) ~= "table"
      or key and (type(key) ~= "string" or key == "" or key:find("%c")
        or valid_utf8(key) ~= key) then
    invalid("/data/attributes", "rate_limit_key must be a text")
  end
  for name in pairs(attributes) do
    if name ~= "rate_limit_key" then
      invalid("/data/attributes", "the only attribute is rate_limit_key")
    end
  end
  return data.id, key or nil
end

local function add(self, headers)
  local folder = self.connections.folder
  if not folder then
    error_response.throw(405, "method_not_allowed",
      "set connection_folder and oauth in gateway.new to add connections", nil,
      {Allow = "GET"})
  end
  local name, rate_limit_key = read_connection(headers)
  local connection = self.connections:find(name)
  if connection and not connection.is_added then
    error_response.throw(409, "conflict",
      "this connection is part of the gateway's configuration")
  end
  local url, state, verifier = self.settings.oauth:authorize()
  local expires_at, why = folder:begin(state, {
    name = name, verifier = verifier, rate_limit_key = rate_limit_key,
  })
  if expires_at == false then
    error_response.throw(429, "throttled", "too many authorizations have begun; retry "
      .. "later", nil, {["Retry-After"] = "60"})
  elseif not expires_at then
    unavailable("the authorization cannot be stored", why)
  end
  return respond(202, {data = {
    type = "connection", id = name,
    attributes = {
      kind = "oauth", state = "pending", authorize_url = url,
      expires_at = time_of(expires_at),
    },
  }})
end

-- Dispatching -------------------------------------------------------------------

local function method_not_allowed(allowed)
  error_response.throw(405, "method_not_allowed", "this path takes only " .. allowed,
    nil, {Allow = allowed})
end

local function serve(self)
  local control = self.settings.control
  if not control then
    error_response.throw(404, "not_found", "this gateway has no option control")
  end
  local headers = ngx.req.get_headers(0)
  authenticate(control, headers)
  self.connections:expire()
  local path = ngx.var.uri
  local method = ngx.req.get_method()
  if path == control.path or path == control.path .. "/" then
    if method == "GET" then
      return list(self)
    elseif method == "POST" then
      return add(self, headers)
    end
    method_not_allowed("GET, POST")
  end
  local name = path:sub(1, #control.path + 1) == control.path .. "/"
    and path:sub(#control.path + 2)
  if not connections.is_name(name) then
    not_found()
  elseif method == "GET" then
    return show(self, name)
  elseif method == "DELETE" then
    return remove(self, name)
  end
  method_not_allowed("GET, DELETE")
end

--- Serves a request of an operator.
---@param self table  of a gateway
function M.serve(self)
  local response = error_response.catch(serve, self)
  if response then
    error_response.send(response)
  end
end

return M
