--- Authorizes a request: finds its operation, checks that the caller may use it,
--- and prepares the request for the service.

local callers = require "klaviyo.gateway.callers"
local operations = require "klaviyo.operations"
local includes = require "klaviyo.gateway.includes"
local path = require "klaviyo.gateway.path"
local error_response = require "klaviyo.gateway.error_response"
local request_token = require "klaviyo.gateway.request_token"
local secrets = require "klaviyo.gateway.secret"
local trace = require "klaviyo.gateway.trace"

local M = {}

local MEDIA_TYPE = "application/vnd.api+json"

-- A header field that is repeated is a list.
local function single(value)
  return type(value) == "string" and value or nil
end

local function revision_of(self, headers)
  local date = headers.revision
  if date == nil then
    return operations.revision(self.settings.revision)
  end
  local revision = single(date) and operations.revision(date)
  local known = operations.revisions()
  if not revision or date < known[1] then
    error_response.throw(400, "invalid", ("the revision must be a date from %s "
      .. "on, such as %s"):format(known[1], known[#known]),
      {header = "revision"})
  end
  return revision
end

-- Returns whether a target is another operation once %2F is decoded: the service
-- might decode it first and run an operation that was not allowed.
local function is_ambiguous(revision, op, target)
  local decoded = target:gsub("%%2[fF]", "/"):gsub("%%252[fF]", "/")
  if decoded == target then
    return false
  end
  local other = revision:route(op.method, decoded)
  return other ~= nil and other ~= op
end

-- Returns the operation of a request, the target to request from the service,
-- and the included names.
local function route(self, revision, method)
  local raw, query = path.split(ngx.var.request_uri, self.settings.prefix)
  if not raw then
    return nil, {}
  end
  local op, params = revision:route(method, raw)
  if not op then
    return nil, params
  end
  local target = path.build(op, params)
  if not target or is_ambiguous(revision, op, target) then
    return nil, {}
  end
  return op, target .. path.query(query), includes.names(query)
end

-- Returns the scopes of an operation and of the included names.
local function scopes_of(revision, op, include)
  local list = {}
  for _, scope in ipairs(op.scopes or {}) do
    list[#list + 1] = scope
  end
  for _, name in ipairs(include or {}) do
    local need = includes.need(revision, op, name)
    for _, scope in ipairs(need and need.scopes or {}) do
      list[#list + 1] = scope
    end
  end
  return list
end

local function caller_of(self, revision, op, include, headers)
  if op and op.public and self.settings.public then
    return callers.ANYBODY
  end
  local request = {
    method = ngx.req.get_method(),
    target = ngx.var.request_uri,
    operation = op and op.id,
    scopes = op and scopes_of(revision, op, include),
    include = include,
    headers = headers,
    connection = single(headers[self.settings.connection_header:lower()]),
    token = request_token(headers),
    remote_addr = ngx.var.remote_addr,
  }
  local caller = self.find_caller(request)
  if caller == nil then
    error_response.throw(401, "not_authenticated",
      "this gateway needs a token; send the header field Authorization: Bearer …",
      {header = "Authorization"})
  elseif caller == false then
    error_response.throw(403, "permission_denied",
      "this caller may not use the gateway")
  end
  return caller
end

local function too_large(self)
  error_response.throw(413, "content_too_large", ("the maximum is %d bytes")
    :format(self.settings.max_body_bytes))
end

local function size_of_file(name)
  local file = assert(io.open(name, "rb"))
  local size = file:seek("end")
  file:close()
  return size
end

-- Reads a body without Content-Length, and returns its size. Returns nil if this
-- nginx cannot read it, as with HTTP/2.
local function read_size()
  if not pcall(ngx.req.read_body) then
    return nil
  end
  local body = ngx.req.get_body_data()
  local name = not body and ngx.req.get_body_file()
  return name and size_of_file(name) or #(body or "")
end

local function is_http2()
  return (tonumber(ngx.req.http_version()) or 2) >= 2
end

-- Rejects or drops the body of a request whose operation does not take one.
local function reject_body(op, size, headers)
  if (size or 0) > 0 or headers["transfer-encoding"] then
    error_response.throw(400, "invalid", op.id .. " takes no body")
  elseif is_http2() and size == nil then
    -- only the frames of HTTP/2 show whether there is a body
    ngx.req.discard_body()
  end
  ngx.req.clear_header("Content-Type")
end

local function check_size(self, size)
  if size == nil then
    size = read_size()
  end
  if size == nil then
    error_response.throw(411, "length_required",
      "this gateway needs the length of the body: send Content-Length",
      {header = "Content-Length"})
  elseif size > self.settings.max_body_bytes then
    too_large(self)
  end
end

local function check_body(self, state, headers)
  local op, size = state.op, tonumber(single(headers["content-length"]))
  if not op.body then
    return reject_body(op, size, headers)
  elseif size then
    check_size(self, size)
    state.complete_length = tonumber(ngx.var.request_length) + size
  end
  local media_type = (single(headers["content-type"]) or ""):lower()
    :match("^%s*([^%s;]*)")
  if op.body.style == "multipart" then
    if media_type ~= "multipart/form-data" then
      error_response.throw(415, "unsupported_media_type",
        op.id .. " takes multipart/form-data", {header = "Content-Type"})
    end
  elseif media_type == MEDIA_TYPE or media_type == "application/json" then
    ngx.req.set_header("Content-Type", MEDIA_TYPE)
  else
    error_response.throw(415, "unsupported_media_type",
      op.id .. " takes " .. MEDIA_TYPE, {header = "Content-Type"})
  end
  if not size then
    check_size(self)
  end
end

-- The header fields that are passed on. Cookies, addresses, ranges and compression
-- are not.
local PASSED = {
  accept = true, ["content-type"] = true, ["content-length"] = true,
  ["transfer-encoding"] = true, ["content-encoding"] = true,
  ["user-agent"] = true, revision = true,
  host = true, -- proxy_set_header replaces it; links are made with it
}

local function set_headers(revision, headers)
  for name in pairs(headers) do
    if not PASSED[name] and not name:find("^x%-klaviyo%-") then
      ngx.req.clear_header(name)
    end
  end
  ngx.req.set_header("revision", revision.date)
  if headers.accept == nil or headers.accept == "*/*" then
    ngx.req.set_header("Accept", MEDIA_TYPE)
  end
end

local function connection_of(self, state, headers)
  if state.op.public then
    return self.connections.default or self.connections.public
  end
  local header = self.settings.connection_header
  -- the name is the gateway's; the service does not get it
  ngx.req.clear_header(header)
  return self.connections:choose(state.caller, header, headers[header:lower()])
end

local function operation_of(self, state, revision, headers)
  local op, target, include = route(self, revision, ngx.req.get_method())
  ngx.var.klaviyo_operation = op and op.id or "-"
  local caller = caller_of(self, revision, op, include, headers)
  state.caller = caller
  ngx.var.klaviyo_caller = caller.name
  if not op then
    local allowed = table.concat(target, ", ")
    if allowed ~= "" then
      error_response.throw(405, "method_not_allowed", "this path takes only "
        .. allowed, nil, {Allow = allowed})
    end
    error_response.throw(404, "not_found", "revision " .. revision.date
      .. " has no operation with this path")
  end
  local why = callers.permission_error(caller, revision, op, include)
  if why then
    error_response.throw(403, "permission_denied", why)
  end
  return op, target
end

--- Prepares a request for the service, or throws an error response. Sets `caller`,
--- `connection`, `op`, `secret` (nil for a public operation) of the state, and
--- `complete_length`, of the request with its body (nil if it was read, or has none).
---@param self klaviyo.Gateway
---@param state table
---@return string target path and query to request from the service
---@return string authorization empty for a public operation
function M.authorize(self, state)
  local headers = ngx.req.get_headers(0)
  trace.begin(state, headers)
  local revision = revision_of(self, headers)
  local op, target = operation_of(self, state, revision, headers)
  state.op = op
  state.connection = connection_of(self, state, headers)
  if ngx.var.klaviyo_connection then  -- the location may not declare it
    ngx.var.klaviyo_connection = state.connection.name
  end
  check_body(self, state, headers)
  set_headers(revision, headers)
  trace.pass(state, headers)
  if op.public then
    return target, ""
  end
  local secret, authorization = secrets.of(state.connection,
    self.settings.connection_header)
  state.secret = secret
  return target, authorization
end

return M
