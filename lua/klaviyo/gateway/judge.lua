--- Judges a request: what it asks for, whether its caller may have that, and
-- what of it goes on to the service.

local callers = require "klaviyo.gateway.callers"
local catalogue = require "klaviyo.catalogue"
local path = require "klaviyo.gateway.path"
local refusal = require "klaviyo.gateway.refusal"

local M = {}

local MEDIA_TYPE = "application/vnd.api+json"

local function only(value)
  return type(value) == "string" and value or nil
end

-- "Klaviyo-API-Key" as well, so that programs made for the service need no
-- more than another address and another key.
local function token_of(headers)
  local scheme, token = (only(headers.authorization) or "")
    :match("^([%w-]+) +(%S+)$")
  scheme = (scheme or ""):lower()
  return (scheme == "bearer" or scheme == "klaviyo-api-key") and token or nil
end

local function revision_of(self, headers)
  local date = headers.revision
  if date == nil then
    return catalogue.load(self.settings.revision)
  end
  local revision = only(date) and catalogue.load(date)
  if not revision then
    refusal.throw(400, "invalid", "this gateway knows the revisions "
      .. table.concat(catalogue.revisions(), ", "), { header = "revision" })
  end
  return revision
end

-- A service that decodes %2F before it looks where a request goes might see
-- another operation than the one that was allowed.
local function is_ambiguous(revision, op, target)
  local decoded = target:gsub("%%2[fF]", "/"):gsub("%%252[fF]", "/")
  if decoded == target then
    return false
  end
  local other = revision:route(op.method, decoded)
  return other ~= nil and other ~= op
end

-- What is asked for: the operation and the target to ask the service for.
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
  return op, target .. path.query(query)
end

local function caller_by_rule(self, request)
  local found = self.rule(request)
  if type(found) == "table" then
    self.by_rule[found] = self.by_rule[found] or callers.compiled(found,
      "the caller", catalogue.load(self.settings.revision))
    return self.by_rule[found]
  elseif found == true then
    return { name = "-" }
  elseif found then -- nobody gets in by a slip of the rule
    error(("the gateway's callers must give a table, true, false or nil, "
      .. "not a %s"):format(type(found)), 0)
  end
  return found
end

local function caller_of(self, op, headers)
  if op and op.public and self.settings.public then
    return { name = "-" }
  end
  local request = {
    method = ngx.req.get_method(),
    target = ngx.var.request_uri,
    operation = op and op.id,
    scopes = op and op.scopes,
    headers = headers,
    token = token_of(headers),
    remote_addr = ngx.var.remote_addr,
  }
  local caller
  if type(self.settings.callers) == "function" then
    caller = caller_by_rule(self, request)
  else
    caller = self.rule(request)
  end
  if caller == nil then
    refusal.throw(401, "not_authenticated",
      "this gateway asks for a token: Authorization: Bearer …",
      { header = "Authorization" })
  elseif caller == false then
    refusal.throw(403, "permission_denied", "this caller may not")
  end
  return caller
end

local function check_body(self, op, headers)
  local size = tonumber(only(headers["content-length"]))
  if not op.body then
    if (size or 0) > 0 or headers["transfer-encoding"] then
      refusal.throw(400, "invalid", op.id .. " takes no body")
    end
    ngx.req.clear_header("Content-Type")
    return
  elseif size and size > self.settings.max_body_bytes then
    refusal.throw(413, "content_too_large", ("no more than %d bytes")
      :format(self.settings.max_body_bytes))
  end
  local media_type = (only(headers["content-type"]) or ""):lower()
    :match("^%s*([^%s;]*)")
  if op.body.style == "multipart" then
    if media_type ~= "multipart/form-data" then
      refusal.throw(415, "unsupported_media_type",
        op.id .. " takes multipart/form-data", { header = "Content-Type" })
    end
  elseif media_type == MEDIA_TYPE or media_type == "application/json" then
    ngx.req.set_header("Content-Type", MEDIA_TYPE)
  else
    refusal.throw(415, "unsupported_media_type",
      op.id .. " takes " .. MEDIA_TYPE, { header = "Content-Type" })
  end
end

-- All that goes on of a caller's header: no cookies, no addresses, nothing
-- that asks for a part of an answer or a compressed one.
local PASSED = {
  accept = true, ["content-type"] = true, ["content-length"] = true,
  ["transfer-encoding"] = true, ["content-encoding"] = true,
  ["user-agent"] = true, revision = true,
  host = true, -- proxy_set_header says another one; links are made with it
}

local function dress(revision, headers)
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

local function secret_of(self)
  local settings = self.settings
  local secret = settings.api_key or settings.access_token
  if type(secret) == "function" then
    local ok, value = pcall(secret)
    -- Not even what went wrong is shown: it may hold the secret.
    if not ok or type(value) ~= "string" or value == ""
        or value:find("[%c%s]") then
      ngx.log(ngx.ERR, "klaviyo: the gateway's function for its key ",
        ok and "gave no key" or "raised an error")
      refusal.throw(503, "no_key", "the gateway has no key at present")
    end
    secret = value
  end
  return secret, (settings.api_key and "Klaviyo-API-Key " or "Bearer ")
    .. secret
end

local function operation_of(self, revision, headers)
  local op, target = route(self, revision, ngx.req.get_method())
  ngx.var.klaviyo_operation = op and op.id or "-"
  local caller = caller_of(self, op, headers)
  ngx.var.klaviyo_caller = caller.name
  if not op then
    local allowed = table.concat(target, ", ")
    if allowed ~= "" then
      refusal.throw(405, "method_not_allowed", "this path has " .. allowed,
        nil, { Allow = allowed })
    end
    refusal.throw(404, "not_found", "revision " .. revision.date
      .. " has no such operation")
  end
  local why = callers.refusal(caller, op)
  if why then
    refusal.throw(403, "permission_denied", why)
  end
  return op, target
end

--- Throws a refusal, or makes the request ready to go on.
---@param self klaviyo.gateway
---@return table op
---@return string target path and query to ask the service for
---@return string|nil secret
---@return string authorization empty for what is public
function M.judge(self)
  local headers = ngx.req.get_headers(0)
  local revision = revision_of(self, headers)
  local op, target = operation_of(self, revision, headers)
  check_body(self, op, headers)
  dress(revision, headers)
  if op.public then
    return op, target, nil, ""
  end
  return op, target, secret_of(self)
end

return M
