--- Turns one request into one response. It does not depend on nginx: app.lua
--- reads and writes the connection.

local bulk = require "klaviyo.sandbox.bulk"
local campaign_parts = require "klaviyo.sandbox.campaign_parts"
local campaigns = require "klaviyo.sandbox.campaigns"
local json = require "klaviyo.sandbox.json"
local events = require "klaviyo.sandbox.events"
local flows = require "klaviyo.sandbox.flows"
local generic = require "klaviyo.sandbox.generic"
local images = require "klaviyo.sandbox.images"
local imports = require "klaviyo.sandbox.imports"
local jobs = require "klaviyo.sandbox.jobs"
local validate = require "klaviyo.sandbox.validate"
local limits = require "klaviyo.sandbox.limits"
local model = require "klaviyo.sandbox.model"
local grants = require "klaviyo.sandbox.oauth_grants"
local oauth = require "klaviyo.sandbox.oauth"
local profiles = require "klaviyo.sandbox.profiles"
local query = require "klaviyo.sandbox.query"
local error_response = require "klaviyo.sandbox.error_response"
local reports = require "klaviyo.sandbox.reports"
local revisions = require "klaviyo.sandbox.revision"
local segments = require "klaviyo.sandbox.segments"
local tags = require "klaviyo.sandbox.tags"
local counters = require "klaviyo.sandbox.counters"

local M = {}

local SPECIAL = {}
for _, part in ipairs {campaigns, campaign_parts, events, flows, images, imports, profiles,
  reports, segments, tags} do
  for route, serve in pairs(part.routes) do
    SPECIAL[route] = serve
  end
end

local MEDIA = "application/vnd.api+json"

-- Splits an origin-form target into path, query, and whether the path begins
-- with the prefix of the gateway.
local function split_target(target)
  local path, raw_query = target:match("^([^?]*)%??(.*)$")
  local inner = path:match("^/klaviyo(/.*)$")
  return inner or path, raw_query, inner ~= nil
end

-- Returns the scopes of an access token; nil for a private key, which has all.
local function check_private(state, authorization, gateway)
  local scheme, key = (authorization or ""):match("^(%S+) +(%S+)$")
  if not authorization or authorization == "" then
    error_response.throw(401, "not_authenticated",
      "Authentication credentials were not provided.",
      {pointer = "/data/"})
  end
  local known = scheme == "Bearer"
    or not gateway and scheme == "Klaviyo-API-Key"
  if not known or key ~= state.settings.key then
    local scopes = known and not gateway and scheme == "Bearer"
      and grants.scopes(state, key)
    if scopes then
      return scopes
    end
    error_response.throw(401, "authentication_failed",
      gateway and "The gateway takes 'Authorization: Bearer <key>'."
      or "Incorrect authentication credentials.", {pointer = "/data/"})
  end
end

local function check_scopes(op, scopes)
  for _, scope in ipairs(scopes and op.scopes or {}) do
    if not scopes[scope] then
      error_response.throw(403, "permission_denied",
        ("The access token lacks the scope %s."):format(scope))
    end
  end
end

-- Webhooks require the Advanced KDP plan or OAuth.
local function check_plan(state, op, authorization)
  if state.settings.advanced_kdp == false and op.path:find("^/api/webhook")
    and authorization:find("^Klaviyo%-API%-Key ") then
    error_response.throw(403, "permission_denied",
      "You must have Advanced KDP enabled to use this endpoint.")
  end
end

local function media_type(header)
  return ((header or ""):match("^%s*([^;]*)"):gsub("%s+$", ""):lower())
end

local function document_of(state, op, request, is_lenient)
  if not op.body then
    if request.body and request.body ~= "" then
      error_response.throw(400, "invalid", "This operation takes no body.")
    end
    return nil
  end
  local media = media_type(request.header("content-type"))
  local multipart = op.body.style == "multipart"
  if multipart and media ~= "multipart/form-data"
    or not multipart and media ~= MEDIA and media ~= "application/json" then
    error_response.throw(415, "unsupported_media_type",
      ("Unsupported media type \"%s\" in request."):format(media))
  elseif multipart then
    return images.parts(op.body, request)
  end
  bulk.check_size(request.body)
  local document, message = json.decode(request.body or "")
  if message then
    error_response.throw(400, "invalid", "JSON parse error: " .. message,
      {pointer = "/data"})
  end
  validate.document(op.body, document, function(kind, id)
    -- The service reports an unknown tag group with its own error.
    return kind == "tag-group" or state:exists(kind, id)
  end, is_lenient)
  local count = bulk.count(op, document)
  if count then
    counters.records(state.stats, op, count)
  end
  return document
end

local function serve(state, request, response)
  local path, raw_query, gateway = split_target(request.target)
  local public, scopes = path:find("^/client/") ~= nil, nil
  if not public and not path:find("^/api/") then
    error_response.throw(404, "not_found", ("Unknown path %s."):format(path))
  elseif not public then
    -- The service's own SDKs send a key to client operations, too.
    scopes = check_private(state, request.header("authorization"), gateway)
  end
  local revision, asked = revisions.of(state, request)
  local op, params = revisions.route(revision, asked, request.method, path)
  response.operation = op.id
  response.op = op
  limits.count_request(state, op, raw_query, response.headers)
  check_scopes(op, scopes)
  check_plan(state, op, request.header("authorization") or "")
  local call = {
    state = state, op = op, params = params, path = path,
    raw_query = raw_query, parts = model.path(op.path),
    model = model.of(revision),
  }
  call.query = query.read(op, raw_query, asked.is_lenient)
  local company_id = call.query.values.company_id
  if company_id and company_id ~= state.settings.company_id then
    error_response.throw(400, "invalid", "company_id does not belong to an account.",
      {parameter = "company_id"})
  end
  call.document = document_of(state, op, request, asked.is_lenient)
  local special = SPECIAL[op.method .. " " .. op.path]
  if not special and call.parts.collection:find("%-job[s]?$") then
    if op.method == "POST" then
      special = jobs.bulk
    elseif op.method == "GET" and not call.parts.relationship then
      special = call.parts.member and jobs.read or jobs.list
    end
  end
  return (special or generic.serve)(call)
end

--- Returns the operation that a request calls, or nil.
---@param state klaviyo.sandbox.State
---@param request table
---@return string|nil id
function M.operation(state, request)
  local op = revisions.operation(state, request, (split_target(request.target)))
  return op and op.id
end

--- Handles a request.
---@param state klaviyo.sandbox.State
---@param request table method, target, header(lower-case name), body
---@return table response status, headers, body (a text or nil), operation
function M.handle(state, request)
  local response = oauth.handle(state, request)
  if response then
    return response
  end
  response = {headers = {}}
  local ok, status, document = pcall(serve, state, request, response)
  if not ok then
    local failure = status
    if not error_response.is(failure) then
      response.raw_error = tostring(failure)
      failure = error_response.new(500):add("error",
        "The sandbox itself failed: " .. response.raw_error)
    end
    status, document = failure.status, error_response.document(failure, state.random_ids)
    for name, value in pairs(failure.headers) do
      response.headers[name] = value
    end
  end
  response.status = status
  if status < 300 then
    counters.processed(state.stats, response.op, request.body,
      state.settings.digest)
  end
  if document then
    -- The 429 of the service has a body, but no Content-Type.
    response.headers["Content-Type"] = status ~= 429 and MEDIA or ""
    response.body = json.encode(document)
  end
  return response
end

return M
