--- Requests to Klaviyo's token endpoint, and its answers. No error has the body
--- of a request or of an answer: both hold tokens.

local base64 = require "klaviyo.util.base64"
local entries = require "klaviyo.oauth.entry"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local percent_encoding = require "klaviyo.util.percent_encoding"
local responses = require "klaviyo.response.response"
local settings = require "klaviyo.settings"
local tables = require "klaviyo.util.tables"
local transport = require "klaviyo.transport.transport"

local M = {}

-- The settings of a program that concern a request to the token endpoint.
local TAKEN = {"base_url", "timeout", "connect_timeout", "deadline", "retries", "proxy",
  "ca_file", "app_info", "on_attempt", "on_warning", "wait", "on_span", "log",
  "traceparent", "tracestate"}

--- Returns the settings of requests to the token endpoint.
---@param client_id string
---@param client_secret string
---@param own klaviyo.Settings  those of the program
---@return klaviyo.Settings
function M.settings(client_id, client_secret, own)
  local options = {
    api_key = base64.encode(client_id .. ":" .. client_secret),
    auth_scheme = "Basic", pacing = false, rate_limit_file = false,
    debug = false,  -- it would log the bodies
    headers = {
      ["Content-Type"] = "application/x-www-form-urlencoded",
      Accept = "application/json",
    },
  }
  for _, name in ipairs(TAKEN) do
    options[name] = own[name]
  end
  local values = settings.new(options)
  values.revision = nil  -- the token endpoint has none
  return values
end

local function form_of(fields)
  local pairs_ = {}
  for _, name in ipairs(tables.sorted(fields)) do
    pairs_[#pairs_ + 1] = name .. "=" .. percent_encoding.encode(fields[name])
  end
  return table.concat(pairs_, "&")
end

-- Returns the code of an OAuth error, such as "invalid_grant"; nil if the body is
-- not one.
local function code_of(body)
  local code = type(body) == "table" and body.error
  return type(code) == "string" and #code <= 64 and code:match("^[%w_.-]+$") or nil
end

local ADVICE = {
  invalid_grant = "authorize again",
  invalid_client = "check client_id and client_secret",
}

local function refused(response, what)
  local status = response.status
  local code = status < 500 and code_of(json.decode(response.body))
  local message = ("%s: %d%s"):format(what, status, code and " " .. code or "")
  if code and ADVICE[code] then
    message = message .. ": " .. ADVICE[code]
  end
  return nil, errors.new {
    kind = status == 429 and "rate_limited" or code and "auth" or "http",
    code = code or nil, status = status, message = message,
    retry_after = response.retry_after, attempts = response.attempts,
    maybe_sent = response.maybe_sent,
  }
end

-- Returns a time, in seconds since 1970, at which the service had not made a response
-- yet: the life of a token begins when it is made.
local function time_before(response)
  local attempts = response.attempts
  local last = attempts and attempts[#attempts] or response
  return math.floor(os.time() - (last.elapsed or 0))
end

--- Sends a request to the token endpoint. Returns the decoded answer, or nil and an
--- error: of kind "auth", with the OAuth code, if the service refuses it.
---@param values klaviyo.Settings  from M.settings
---@param path string
---@param fields table<string, string>  of the form
---@param repeatable boolean  whether it may be sent again after a lost answer
---@param what string  what failed, for messages
---@return table|nil
---@return klaviyo.Error|nil
---@return integer|nil time  when the answer had not been made yet
function M.request(values, path, fields, repeatable, what)
  local response, raw_error = transport.await(transport.submit(values, {
    method = "POST", url = values.base_url .. path, body = form_of(fields),
    repeatable = repeatable,
  }))
  if not response then
    raw_error.reason = ("%s: %s"):format(what, raw_error.reason)
    return responses.read(nil, raw_error, {settings = values})
  elseif response.status ~= 200 then
    return refused(response, what)
  end
  local body = response.body ~= "" and json.decode(response.body) or {}
  if type(body) ~= "table" then
    body = {}
  end
  return body, nil, time_before(response)
end

-- What a server may make an app store, for each field, in bytes.
local MAX_FIELD = 65536

-- Returns an error if a field of an answer is too large, or else nil.
local function too_large(body, what)
  for _, name in ipairs {"access_token", "refresh_token", "scope"} do
    local value = body[name]
    if type(value) == "string" and #value > MAX_FIELD then
      return errors.new {kind = "decode", status = 200, maybe_sent = true,
        message = ("%s: the answer has a %s of %d bytes; the maximum is %d"):format(what,
          name, #value, MAX_FIELD)}
    end
  end
end

-- Returns the refresh token of an answer. Without one, as without a new one, the old
-- one stays.
local function refresh_token_of(body, old)
  local token = body.refresh_token
  if token == nil or token == json.null or token == "" then
    return old and old.refresh_token
  end
  return token
end

-- Returns the scopes of an answer, without characters that scopes do not have.
local function scope_of(body)
  return type(body.scope) == "string" and body.scope:gsub("[^ -~]", "?") or nil
end

-- Seconds; the shortest one is that of a pair that can be used at all, though its life
-- began in the second before.
local DEFAULT_LIFE, MIN_LIFE = 3600, 2

--- Returns the pair of an answer, or nil and an error if it has no tokens.
---@param body table
---@param old klaviyo.oauth.Pair|nil  its refresh token stays if there is no other
---@param now integer  when the life of the tokens began
---@param what string
---@return klaviyo.oauth.Pair|nil
---@return klaviyo.Error|nil
function M.pair(body, old, now, what)
  local refresh_token = refresh_token_of(body, old)
  local life = tonumber(body.expires_in)
  local err = too_large(body, what)
  if err then
    return nil, err
  elseif not entries.is_token(body.access_token) or not entries.is_token(refresh_token) then
    return nil, errors.new {kind = "decode", status = 200, maybe_sent = true,
      message = what .. ": the answer has no access_token and refresh_token"}
  end
  if not life or not (life > 0 and life < 1e9) then
    life = DEFAULT_LIFE
  end
  return {
    access_token = body.access_token, refresh_token = refresh_token,
    scope = scope_of(body) or old and old.scope or "",
    expires_at = now + math.max(MIN_LIFE, math.floor(life)), refreshed_at = now,
    authorized_at = old and old.authorized_at or now,
  }
end

return M
