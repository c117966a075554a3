--- Carries requests over the core: header fields, keys, waiting.

local core = require "klaviyo.core"
local keys = require "klaviyo.util.tables"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local secrets = require "klaviyo.auth.auth"
local userinfo = require "klaviyo.util.userinfo"
local version = require "klaviyo.version"

local answer = lazy_require "klaviyo.response.response"
local rate_limits = lazy_require "klaviyo.transport.rate_limits"
local phases = lazy_require "klaviyo.nginx.phases"
local scheduler = lazy_require "klaviyo.tasks.scheduler"
local tasks = lazy_require "klaviyo.tasks"
local trace = lazy_require "klaviyo.transport.trace"
local waiting = lazy_require "klaviyo.transport.waiting"
local warning = lazy_require "klaviyo.util.warning"

local M = {}

local MEDIA_TYPE = "application/vnd.api+json"
local USER_AGENT = ("klaviyo-lua/%s (%s; libcurl/%s)"):format(version,
  type(jit) == "table" and "LuaJIT" or _VERSION, core.libcurl)

-- The fields in the order they are sent; a user's own replace ours by name.
local function header_fields(settings, secret, scheme)
  local own = {}
  for name in pairs(settings.headers) do
    own[name:lower()] = true
  end
  local list = {}
  local function add(name, value)
    if not own[name:lower()] then
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  add("User-Agent", USER_AGENT
    .. (settings.app_info and " " .. settings.app_info or ""))
  add("Accept", MEDIA_TYPE)
  add("revision", settings.revision)
  if settings.fall_forward == false then
    add("X-Klaviyo-Revision-Fall-Forward-Opt-Out", "1")
  end
  if secret then
    add("Authorization", scheme .. " " .. secret)
  end
  own = {}
  for _, name in ipairs(keys.sorted(settings.headers)) do
    local lower = name:lower()
    -- a public call is given no key in any guise
    if lower ~= "content-type" and (secret or lower ~= "authorization") then
      add(name, settings.headers[name])
    end
  end
  return list
end

local function content_type(settings)
  for name, value in pairs(settings.headers) do
    if name:lower() == "content-type" then
      return value
    end
  end
  return MEDIA_TYPE
end

-- What nobody waits for is retried until its deadline.
local MAX_RETRIES = 1000000

local function core_settings(settings, fields, is_tracked)
  local made, name, why = core.settings {
    headers = fields,
    content_type = content_type(settings),
    timeout = settings.timeout,
    connect_timeout = settings.connect_timeout,
    deadline = is_tracked and settings.track_deadline or settings.deadline,
    retries = is_tracked and settings.retries > 0 and MAX_RETRIES
      or settings.retries,
    max_response_bytes = settings.max_response_bytes,
    proxy = settings.proxy,
    ca_file = settings.ca_file,
  }
  if not made then
    usage_error.raise("the header field %q %s", name, why)
  end
  return made
end

-- Whether the key, or the token, is what a function gives.
local function keeps_changing(settings)
  return type(settings.access_token or settings.api_key) == "function"
end

-- Made once for a set of settings, and again when a key rotates. Gives nil and
-- an error where there is no secret.
local made_for = setmetatable({}, {__mode = "k"})

local function prepared(settings, public, refused, is_tracked)
  local made = made_for[settings]
  local kind = is_tracked and "tracked" or "private"
  if made and made.for_good and made[kind] and not public then
    return made[kind], made.secret
  end
  if not made then
    made = {}
    made_for[settings] = made
  end
  if public then
    made.public = made.public
      or core_settings(settings, header_fields(settings))
    return made.public
  end
  local secret, scheme = secrets.of(settings, refused)
  if not secret then
    return nil, scheme
  elseif made.secret ~= secret then
    warning.of_plain_http(settings)
    made.private, made.tracked = nil, nil
    made.secret = secret
    made.for_good = not keeps_changing(settings)
  end
  made[kind] = made[kind] or core_settings(settings,
    header_fields(settings, secret, scheme), is_tracked)
  return made[kind], secret
end

--- The header fields that a request would have; nil and an error of kind
--- "auth" where there is no secret.
---@return table<string, string>|nil
---@return klaviyo.Error|nil
function M.headers(settings, request)
  local secret, scheme
  if not request.public then
    secret, scheme = secrets.of(settings)
    if not secret then
      return nil, scheme
    end
  end
  local list = header_fields(settings, secret, scheme)
  local fields = {}
  for i = 1, #list, 2 do
    fields[list[i]] = list[i + 1]
  end
  if request.body then
    fields["Content-Type"] = content_type(settings)
  end
  return fields
end

local function new_pending(settings, request, op)
  if type(ngx) == "table" then
    phases.must_wait()
  end
  return {
    settings = settings, request = request, op = op, url = request.url,
    ticket = nil,
    secret = nil, is_awaited = false,
  }
end

-- By core.submit or core.perform, which differ in what they take last. Where
-- there is no secret nothing is sent: gives nil and an error of kind "auth".
local function send(submit, pending, refused, last)
  local request, settings = pending.request, pending.settings
  local handle, secret = prepared(settings, request.public, refused)
  if not handle then
    secret.operation = pending.op and pending.op.id
    return nil, secret
  end
  pending.secret = secret
  return submit(handle, rate_limits.of(settings, pending.op, request, secret),
    request.method, request.url, request.form or request.body,
    request.repeatable, last)
end

--- Starts a request.
---@param settings klaviyo.Settings
---@param request table  as request.lua makes it
---@param op table|nil  the operation, for messages
---@return table flight  to be landed, or abandoned
function M.start(settings, request, op)
  local pending = new_pending(settings, request, op)
  pending.ticket, pending.err = send(core.submit, pending, nil, scheduler.port())
  return pending
end

-- A key that a function gives may have been replaced meanwhile: a 401 asks
-- for it once more, telling which one was refused.
local function can_refresh(pending)
  return not pending.request.public and keeps_changing(pending.settings)
end

local function report_attempts(pending, response, raw_error)
  local settings = pending.settings
  local outcome = response or raw_error
  local attempts = outcome.attempts or {{
    status = outcome.status, error = outcome.reason,
    elapsed = outcome.elapsed, waited = 0,
  }}
  if settings.debug then
    trace.attempts(pending, attempts, response)
  end
  for number, attempt in ipairs(settings.on_attempt and attempts or {}) do
    settings.on_attempt {
      operation = pending.op and pending.op.id,
      method = pending.request.method,
      number = number,
      status = attempt.status,
      error = attempt.error,
      elapsed = attempt.elapsed,
      waited = attempt.waited,
    }
  end
end

local function arrive(pending, response, raw_error)
  if raw_error then
    raw_error.reason = userinfo.redacted(raw_error.reason)  -- libcurl's own words
  end
  if pending.settings.on_attempt or pending.settings.debug then
    report_attempts(pending, response, raw_error)
  end
  return response, raw_error
end

local function take(pending)
  pending.is_awaited = true
  tasks.wait_for(pending, pending.settings.wait, waiting.look)
  pending.is_awaited = false
  return arrive(pending, pending.ticket:result())
end

-- A 401 may be the key's that has been replaced meanwhile.
local function settle(pending, response, raw_error)
  if not (response and response.status == 401 and can_refresh(pending)) then
    return response, raw_error
  end
  pending.ticket, pending.err = send(core.submit, pending, pending.secret,
    scheduler.port())
  if pending.ticket then
    return take(pending)
  end
end

-- The document, or the error: of what came, or of why nothing was sent.
local function outcome(pending, response, raw_error)
  if pending.err then
    return nil, pending.err
  end
  return answer.read(response, raw_error, pending)
end

--- Waits for a request's end.
---@param flight table
---@param arrived (fun(body: string))|nil  has the bytes of a success before they are decoded
---@return klaviyo.Document|nil, klaviyo.Error|nil
function M.land(pending, arrived)
  local response, raw_error
  if pending.ticket then
    response, raw_error = settle(pending, take(pending))
  end
  if arrived and response and response.status >= 200
      and response.status < 300 then
    arrived(response.body)
  end
  return outcome(pending, response, raw_error)
end

--- Both, as one step where nobody else could go on in between.
---@return klaviyo.Document|nil, klaviyo.Error|nil
function M.call(settings, request, op)
  if not scheduler.is_blocking(settings.wait) then
    return M.land(M.start(settings, request, op))
  end
  local pending = new_pending(settings, request, op)
  local ticket, response, raw_error = send(core.perform, pending, nil,
    scheduler.MAX_BLOCK)
  if ticket then
    pending.ticket = ticket
    return M.land(pending)
  elseif ticket == nil then
    return nil, response
  end
  response, raw_error = settle(pending, arrive(pending, response, raw_error))
  return outcome(pending, response, raw_error)
end

--- Leaves a request to be sent, for whose answer nobody waits.
---@param most integer  how many of such may be queued
---@return boolean|nil ok
---@return string|klaviyo.Error|nil why  an error of kind "auth", or a word
---@return string|nil secret
function M.leave(settings, request, op, most)
  if type(ngx) == "table" then
    phases.must_send()
    scheduler.port()  -- it is the engine's own thread that sends
  end
  local handle, secret = prepared(settings, request.public, nil, true)
  if not handle then
    secret.operation = op.id
    return nil, secret
  end
  local ok, why = core.track(handle,
    rate_limits.of(settings, op, request, secret, true), request.method,
    request.url, request.body, request.repeatable, most)
  if ok and settings.debug then
    trace.queued(op, request, secret)
  end
  return ok, why, secret
end

--- Gives up on a request under way. Who waits for it is told.
function M.cancel(pending)
  if not pending.ticket then
    return
  elseif pending.is_awaited then
    pending.ticket:cancel()
  else
    pending.ticket:close()
  end
end

return M
