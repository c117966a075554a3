--- The sandbox's OAuth: the page on which an account authorizes an app, and the
--- requests for tokens. It does not depend on nginx.

local base64 = require "klaviyo.util.base64"
local grants = require "klaviyo.sandbox.oauth_grants"
local json = require "klaviyo.sandbox.json"
local page = require "klaviyo.sandbox.oauth_page"
local percent_encoding = require "klaviyo.util.percent_encoding"
local sha256 = require "klaviyo.sandbox.sha256"

local M = {}

local HTML, JSON = "text/html; charset=UTF-8", "application/json"

-- Returns the parameters of a query or a form, and them in their order.
local function parameters_of(text)
  local values, list = {}, {}
  for part, raw_value in (text or ""):gmatch("([^&=]+)=([^&]*)") do
    local name = percent_encoding.decode_form(part)
    local value = percent_encoding.decode_form(raw_value)
    values[name] = value
    list[#list + 1] = {name, value}
  end
  return values, list
end

local function html(status, body)
  return {status = status, body = body,
    headers = {["Content-Type"] = HTML, ["Cache-Control"] = "no-store"}}
end

local function answer(status, document)
  return {status = status, body = json.encode(document),
    headers = {["Content-Type"] = JSON, ["Cache-Control"] = "no-store"}}
end

local function refuse(state, code, description)
  state.oauth.counts.refused = state.oauth.counts.refused + 1
  local response = answer(code == "invalid_client" and 401 or 400,
    {error = code, error_description = description})
  if code == "invalid_client" then
    response.headers["WWW-Authenticate"] = 'Basic realm="oauth"'
  end
  return response
end

-- The authorize page ------------------------------------------------------------

local function redirect(values, parameters)
  local url = values.redirect_uri
  local parts = {}
  for _, name in ipairs {"code", "error", "state"} do
    if parameters[name] then
      parts[#parts + 1] = name .. "=" .. percent_encoding.encode(parameters[name])
    end
  end
  return {status = 302, headers = {["Cache-Control"] = "no-store",
    Location = url .. (url:find("?", 1, true) and "&" or "?")
      .. table.concat(parts, "&")}}
end

local function scopes_of(text)
  local list = {}
  for scope in (text or ""):gmatch("%S+") do
    if not scope:find("^[a-z-]+:[a-z]+$") then
      return nil
    end
    list[#list + 1] = scope
  end
  return #list > 0 and list or nil
end

-- Returns why a request cannot be answered at all: what comes back would be sent
-- where it does not belong.
local function wrong_target(state, values)
  local registered = state.settings.redirect_uri
  local uri = values.redirect_uri
  if values.client_id ~= state.settings.client_id then
    return "client_id is not that of an app."
  elseif not uri or not uri:find("^https?://[^/?#%s]+[^#%s%c]*$")
      or registered and uri ~= registered then
    return "redirect_uri is not that of the app."
  end
end

-- Returns the code of the error of a request, or nil and its scopes.
local function wrong_request(values)
  local scopes = scopes_of(values.scope)
  if values.response_type ~= "code" then
    return "unsupported_response_type"
  elseif values.code_challenge_method ~= "S256"
      or not (values.code_challenge or ""):find("^[%w_-]+$")
      or #values.code_challenge ~= 43 or not values.state then
    return "invalid_request"
  elseif not scopes then
    return "invalid_scope"
  end
  return nil, scopes
end

local function authorize(state, request, raw_query)
  local is_post = request.method == "POST"
  local values, list = parameters_of(is_post and request.body or raw_query)
  local message = wrong_target(state, values)
  if message then
    return html(400, page.error(message))
  end
  local code, scopes = wrong_request(values)
  if code then
    return redirect(values, {error = code, state = values.state})
  elseif not is_post and not state.settings.approve then
    return html(200, page.form(values.client_id, scopes, list))
  elseif is_post and values.decision ~= "allow" then
    return redirect(values, {error = "access_denied", state = values.state})
  end
  return redirect(values, {state = values.state, code = grants.authorize(state, {
    redirect_uri = values.redirect_uri, challenge = values.code_challenge,
    scope = table.concat(scopes, " "),
  })})
end

-- Tokens --------------------------------------------------------------------------

local function is_app(state, request)
  local encoded = (request.header("authorization") or ""):match("^Basic +(%S+)$")
  return encoded and base64.decode(encoded)
    == state.settings.client_id .. ":" .. state.settings.client_secret
end

local function challenge_of(verifier)
  local bytes = sha256(verifier):gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end)
  return base64.encode_url(bytes)
end

local function tokens(state, pair, grant)
  return answer(200, {
    access_token = pair.access_token, refresh_token = pair.refresh_token,
    token_type = "Bearer", scope = grant.scope,
    expires_in = state.settings.token_seconds or 3600,
  })
end

local function exchange(state, values)
  local authorization = grants.take_code(state, values.code or "")
  local verifier = values.code_verifier or ""
  if not authorization then
    return refuse(state, "invalid_grant", "The code is not valid, or was used.")
  elseif authorization.redirect_uri ~= values.redirect_uri then
    return refuse(state, "invalid_grant", "redirect_uri is not that of the code.")
  elseif #verifier < 43 or #verifier > 128
      or challenge_of(verifier) ~= authorization.challenge then
    return refuse(state, "invalid_grant", "code_verifier is not that of the code.")
  end
  return tokens(state, grants.exchange(state, authorization.scope))
end

local function token(state, request)
  local values = parameters_of(request.body)
  if not is_app(state, request) then
    return refuse(state, "invalid_client", "The app is unknown, or its secret wrong.")
  elseif values.grant_type == "authorization_code" then
    return exchange(state, values)
  elseif values.grant_type ~= "refresh_token" then
    return refuse(state, "unsupported_grant_type", "The grant_type is not known.")
  end
  local pair, grant = grants.refresh(state, values.refresh_token or "")
  if not pair then
    return refuse(state, "invalid_grant", "The refresh token is not valid.")
  end
  return tokens(state, pair, grant)
end

local function revoke(state, request)
  if not is_app(state, request) then
    return refuse(state, "invalid_client", "The app is unknown, or its secret wrong.")
  end
  grants.revoke(state, parameters_of(request.body).token or "")
  return answer(200, {})  -- also for an unknown token (RFC 7009)
end

local ROUTES = {
  ["GET /oauth/authorize"] = authorize, ["POST /oauth/authorize"] = authorize,
  ["POST /oauth/token"] = token, ["POST /oauth/revoke"] = revoke,
}

local PATHS = {["/oauth/authorize"] = "GET, POST", ["/oauth/token"] = "POST",
  ["/oauth/revoke"] = "POST"}

--- Returns the response to a request of OAuth; nil if it is another request.
---@param state klaviyo.sandbox.State
---@param request table  method, target, header(lower-case name), body
---@return table|nil
function M.handle(state, request)
  local path, raw_query = request.target:match("^([^?]*)%??(.*)$")
  if not PATHS[path] then
    return nil
  end
  local serve = ROUTES[request.method .. " " .. path]
  if not serve then
    local response = answer(405, {error = "invalid_request"})
    response.headers.Allow = PATHS[path]
    return response
  end
  return serve(state, request, raw_query)
end

local SHOWN = {grant_type = true, redirect_uri = true, token_type_hint = true,
  decision = true, scope = true, client_id = true, response_type = true,
  code_challenge_method = true}

--- Returns the body of a request without codes, tokens and verifiers, to be
--- recorded.
---@param request table
---@return string|nil
function M.recorded_body(request)
  if not request.body or not PATHS[request.target:match("^[^?]*")] then
    return request.body
  end
  return (request.body:gsub("([^&=]+)=([^&]*)", function(name, value)
    return name .. "=" .. (SHOWN[name] and value or "[redacted]")
  end))
end

return M
