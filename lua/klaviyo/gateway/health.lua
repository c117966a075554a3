--- Tells a load balancer or an orchestrator how the gateway is: two content
--- handlers. Their responses contain no secrets; `ready` names connections.

local apps = require "klaviyo.oauth.apps"
local auth = require "klaviyo.auth.auth"
local error_response = require "klaviyo.gateway.error_response"
local json = require "klaviyo.values.json"
local rate_limits = require "klaviyo.transport.rate_limits"

local M = {}

local MEDIA_TYPE = "application/json"

-- Connections that a response names at most.
local MAX_NAMES = 10

local function send(status, document)
  local body = json.encode(document)
  ngx.status = status
  ngx.header["Content-Type"] = MEDIA_TYPE
  ngx.header["Content-Length"] = #body
  ngx.header["Cache-Control"] = "no-store"
  if ngx.req.get_method() ~= "HEAD" then
    ngx.print(body)
  end
end

-- Sends what a function returns, to GET and HEAD.
local function answer(build, ...)
  local method = ngx.req.get_method()
  if method ~= "GET" and method ~= "HEAD" then
    return error_response.send {status = 405, code = "method_not_allowed",
      detail = "this path takes only GET, HEAD", headers = {Allow = "GET, HEAD"}}
  end
  ngx.req.discard_body()
  local ok, status, document = pcall(build, ...)
  if not ok then  -- the message may contain what a function of the operator raised
    status, document = 503, {status = "unavailable"}
  end
  send(status, document)
end

--- Responds that this worker handles requests.
function M.health()
  answer(function() return 200, {status = "ok"} end)
end

local function shown(names)
  table.sort(names)
  if #names > MAX_NAMES then
    return table.concat(names, ", ", 1, MAX_NAMES) .. (" and %d more")
      :format(#names - MAX_NAMES)
  end
  return table.concat(names, ", ")
end

-- A check of the connections fails if none passes: the others can be served.
local function check_connections(name, list, passes, what)
  local failed = {}
  for i, connection in ipairs(list) do
    if passes(connection) then
      return {name = name, ok = true}
    end
    failed[i] = connection.name
  end
  if #failed == 0 then  -- a function knows the connections
    return {name = name, ok = true}
  end
  return {name = name, ok = false, detail = what .. ": " .. shown(failed)}
end

-- An account's tokens are read, not refreshed.
local function has_secret(connection)
  local definition = connection.definition
  if connection.kind == "oauth" then
    local ok, pair = pcall(function()
      return apps.of(definition.oauth).store:load(definition.account)
    end)
    return ok and pair and not pair.must_authorize
  end
  local ok, secret = pcall(auth.of, connection.secret_settings)
  return ok and secret ~= nil
end

local function check_rate_limits(settings)
  local ok, why = rate_limits.check(settings)
  return {name = "rate_limit_file", ok = ok, detail = why}
end

local function readiness(settings, list, circuits)
  local checks = {
    {name = "configuration", ok = true},  -- or else nginx would not run
    check_connections("keys", list, has_secret, "no key for"),
    check_rate_limits(settings),
    check_connections("circuits", list, function(connection)
      return not (circuits and circuits:of(connection.name):is_open())
    end, "open for"),
  }
  local ready = true
  for _, check in ipairs(checks) do
    ready = ready and check.ok
  end
  return ready and 200 or 503, {status = ready and "ok" or "unavailable",
    checks = json.array(checks)}
end

--- Responds whether requests can be served: 200, or 503 with the checks that failed.
---@param settings table  of the gateway
---@param list klaviyo.gateway.ConnectionState[]
---@param circuits klaviyo.gateway.Circuits|false
function M.ready(settings, list, circuits)
  answer(readiness, settings, list, circuits)
end

return M
