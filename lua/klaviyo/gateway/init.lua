--- The gateway: a location of nginx that serves the Klaviyo API to callers who do
--- not have its key.
---
---     init_by_lua_block { gateway = require("klaviyo.gateway").new {…} }
---     access_by_lua_block { gateway:access() }
---     header_filter_by_lua_block { gateway:header_filter() }
---     body_filter_by_lua_block { gateway:body_filter() }
---     log_by_lua_block { gateway:log() }
---
--- Besides, gateway:health() and gateway:ready() are content handlers of their own
--- locations.
---
--- Lua only decides; nginx's proxy_pass carries the bytes, as four variables say.
--- examples/nginx/gateway.conf is a complete configuration.

require "klaviyo.util.lua_version"
local counters = require "klaviyo.util.counters"
local operations = require "klaviyo.operations"
local rate_limits = require "klaviyo.transport.rate_limits"
local authorize = require "klaviyo.gateway.authorize"
local callback = require "klaviyo.gateway.callback"
local circuits = require "klaviyo.gateway.circuits"
local control = require "klaviyo.gateway.control"
local health = require "klaviyo.gateway.health"
local links = require "klaviyo.gateway.links"
local mask = require "klaviyo.gateway.mask"
local connections = require "klaviyo.gateway.connections"
local error_response = require "klaviyo.gateway.error_response"
local checks = require "klaviyo.gateway.options"
local report = require "klaviyo.gateway.report"
local waiting = require "klaviyo.gateway.waiting"
local trace = require "klaviyo.gateway.trace"

local M = {}

---@class klaviyo.Gateway
local Gateway = {}
Gateway.__index = Gateway
Gateway.__name = "klaviyo.Gateway"

-- The fields of a gateway and the state of each request. They are kept outside
-- of the gateway and ngx.ctx, so that printing these does not show the key.
local WEAK = {__mode = "k"}
local parts_of, states = setmetatable({}, WEAK), setmetatable({}, WEAK)

local function new_state()
  local state, handle = {}, {}
  ngx.ctx.klaviyo = handle
  states[handle] = state
  return state
end

local function state_of_request()
  local handle = ngx.ctx.klaviyo
  return handle and states[handle]
end

--- Returns a gateway, for init_by_lua.
---@param options klaviyo.gateway.Options
---@return klaviyo.Gateway
function M.new(options)
  local settings, find_caller, lookup = checks.checked(options)
  -- All workers share what the master has parsed.
  local revision = operations.revision(settings.revision)
  revision:route("GET", "/")
  local gateway = setmetatable({}, Gateway)
  parts_of[gateway] = {
    settings = settings,
    find_caller = find_caller,
    connections = lookup,
    circuits = circuits.new(settings, lookup),
  }
  return gateway
end

-- Releases what was taken for a request.
local function finish_budget(state, status, block)
  if state.taken then
    state.request_queue:finish(state.taken, status, block)
    state.taken = nil
  end
end

-- The phases ------------------------------------------------------------------

local function decide(self, state)
  local target, authorization = authorize.authorize(self, state)
  if self.circuits then
    self.circuits:check(state)
  end
  state.request_queue = rate_limits.of(state.connection.pace, state.op,
    {public = state.op.public, url = target}, state.secret)
  waiting.take(self.settings, state)
  if self.circuits then
    self.circuits:begin(state)
  end
  ngx.var.klaviyo_uri = target
  ngx.var.klaviyo_authorization = authorization
end

--- Decides whether a request is passed on, and to which URL. A request that is
--- rejected gets a JSON:API error document and the header field
--- X-Klaviyo-Gateway.
function Gateway:access()
  local state = new_state()
  local response = error_response.catch(decide, parts_of[self], state)
  if response then
    state.own = true
    waiting.leave(state)
    finish_budget(state)
    error_response.send(response)
  end
end

-- Returns whether the response came from the service: nginx's own error pages
-- have no upstream_header_time.
local function is_from_service()
  return (ngx.var.upstream_header_time or ""):find("%d$") ~= nil
end

-- Header fields that concern only the service and the gateway.
local DROPPED = {"Set-Cookie", "Alt-Svc", "Strict-Transport-Security", "NEL",
  "Report-To", "X-Klaviyo-Gateway"}

-- The fields from which the rate limits are corrected.
local LIMIT_FIELDS = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
  "Retry-After"}

local function header_block()
  local lines = {}
  for _, name in ipairs(LIMIT_FIELDS) do
    local value = ngx.header[name]
    if value then
      lines[#lines + 1] = name .. ": "
        .. (type(value) == "table" and table.concat(value, ", ") or value)
    end
  end
  lines[#lines + 1] = ""
  return table.concat(lines, "\r\n")
end

local function base_of(self)
  if self.settings.public_url then
    return self.settings.public_url
  end
  local host = ngx.var.http_host or ""
  if not host:find("^[%w%.:%[%]-]+$") then
    host = ngx.var.host
  end
  return ngx.var.scheme .. "://" .. host .. self.settings.prefix
end

local function has_links()
  local media_type = ngx.header["Content-Type"]
  return type(media_type) == "string" and media_type:find("json", 1, true)
end

-- Adds the filters that the body of a response passes through.
local function add_filters(state, base)
  if ngx.header["Content-Encoding"] then
    return
  end
  if ngx.status >= 400 and state.secret then
    state.mask = mask.new(state.secret)
  end
  if has_links() then
    state.scanner = links.new(base)
  end
  if state.mask or state.scanner then
    ngx.header["Content-Length"] = nil
  end
end

local function operation_name(state)
  return state.op and state.op.id or "a request"
end

-- Replaces nginx's error page if the service sent no response.
local function replace_error_page(state)
  if ngx.status < 400 then
    return
  end
  if ngx.status >= 500 then
    report("%s: %d, no response from the service at %s after %s s (%s)",
      operation_name(state), ngx.status, ngx.var.upstream_addr or "-",
      ngx.var.upstream_response_time or "-", trace.label(state))
  end
  state.page = error_response.page(ngx.status)
end

-- Replaces a 401 of the service: it rejected the gateway's key, not the caller's
-- token. A key function is called with that key by the next request.
local function replace_unauthorized(state)
  local connection = state.connection
  local changes = connection.changes
  connection.rejected_secret = state.secret
  report("%s: the service rejected %s's %s (401, %s)",
    operation_name(state), connections.label(connection),
    connection.secret_settings.api_key and "API key" or "access token",
    trace.label(state))
  ngx.status = changes and 503 or 502
  for _, name in ipairs {"WWW-Authenticate", "Content-Encoding", "ETag"} do
    ngx.header[name] = nil
  end
  local owner = connections.is_default(connection) and "gateway" or "connection"
  if changes then
    ngx.header["Retry-After"] = "1"
    state.page = error_response.page(503, "key_refused",
      ("the service rejected the %s's key; the gateway fetches another one, "
        .. "retry after the time in Retry-After"):format(owner))
  else
    state.page = error_response.page(502, "key_refused", ("the service rejected the "
      .. "%s's key: the operator of the gateway must replace it"):format(owner))
  end
end

-- Returns true if the service failed, or nil (unknown) if it did not get the whole
-- request: then a client that is slow may have caused it.
local function failure_of(state)
  return not state.complete_length
    or tonumber(ngx.var.request_length) >= state.complete_length or nil
end

-- nginx's errors that are failures of the service: it could not be reached, or did
-- not respond in time.
local NO_RESPONSE = {[502] = true, [504] = true}

local function filter_header(self, state)
  if state.own then
    return
  elseif not is_from_service() then
    circuits.finish(state, NO_RESPONSE[ngx.status] and failure_of(state))
    return replace_error_page(state)
  end
  -- a 5xx with a document is a response of the API, not of what is before it
  local failed = ngx.status >= 500 and not has_links()
  circuits.finish(state, failed and failure_of(state))
  finish_budget(state, ngx.status, header_block())
  trace.finish()
  for _, name in ipairs(DROPPED) do
    ngx.header[name] = nil
  end
  if ngx.status == 401 and state.secret then
    return replace_unauthorized(state)
  elseif state.secret and state.connection.rejected_secret == state.secret then
    state.connection.rejected_secret = nil  -- it is valid again
  end
  local base = base_of(self)
  local location = ngx.header.Location
  if type(location) == "string" then
    ngx.header.Location = links.rebased(location, base) or location
  end
  add_filters(state, base)
end

--- Corrects the rate limits by the response, and filters its header.
function Gateway:header_filter()
  -- there is no state if nginx rejected the request before the access phase
  filter_header(parts_of[self], state_of_request() or new_state())
end

--- Replaces the links of a response by links to the gateway, and the key in an
--- error response.
function Gateway:body_filter() -- luacheck: ignore 212
  local state = state_of_request()
  if not state then
    return
  elseif state.page then
    ngx.arg[1], state.page = state.page, ""
    return
  end
  for _, filter in ipairs {state.mask or false, state.scanner or false} do
    if filter then
      ngx.arg[1] = filter:feed(ngx.arg[1], ngx.arg[2])
    end
  end
end

--- Shows, adds and removes the connections: the content handler of a location for
--- operators, at the path of the option `control`.
function Gateway:control()
  return control.serve(parts_of[self])
end

--- Finishes adding a connection: the content handler of the location at the path of the
--- app's redirect_uri.
function Gateway:callback()
  return callback.serve(parts_of[self])
end

--- Releases the request in the rate limits if there was no response, removes it from
--- the queue if its client has gone while it waited, and counts it.
function Gateway:log() -- luacheck: ignore 212
  local state = state_of_request()
  if state then
    waiting.leave(state)
    circuits.finish(state)
    finish_budget(state)
    counters.add("klaviyo_gateway_requests_total",
      state.connection and state.connection.name or "-", 1, ngx.status)
  end
end

--- Responds with 200: this worker handles requests. To GET and HEAD only.
function Gateway:health() -- luacheck: ignore 212
  health.health()
end

--- Responds with 200 if requests can be served, or else with 503 and a JSON document
--- that lists the checks and names what failed: a key or token for a connection, the
--- lock of the rate-limit file, the circuits. The service is not called. To GET and
--- HEAD only.
function Gateway:ready()
  local parts = parts_of[self]
  health.ready(parts.settings, parts.connections:list(), parts.circuits)
end

return M
