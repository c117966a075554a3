--- Sends requests through the core: sets their header fields, asks for the key
--- or token, and waits for the responses.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local keys = require "klaviyo.util.tables"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local secrets = require "klaviyo.auth.auth"
local userinfo = require "klaviyo.util.userinfo"
local version = require "klaviyo.version"

local debug_log = lazy_require "klaviyo.transport.debug_log"
local responses = lazy_require "klaviyo.response.response"
local rate_limits = lazy_require "klaviyo.transport.rate_limits"
local phases = lazy_require "klaviyo.nginx.phases"
local scheduler = lazy_require "klaviyo.tasks.scheduler"
local report = lazy_require "klaviyo.transport.report"
local trace_context = lazy_require "klaviyo.transport.trace_context"
local waiting = lazy_require "klaviyo.transport.waiting"
local warning = lazy_require "klaviyo.util.warning"

-- The number of an operation, for the metrics; nil: nothing is counted.
local operations, RAW = counters.operations, counters.RAW

local M = {}

local MEDIA_TYPE = "application/vnd.api+json"
local USER_AGENT = ("klaviyo-lua/%s (%s; libcurl/%s)"):format(version,
  type(jit) == "table" and "LuaJIT" or _VERSION, core.libcurl)

-- The fields in the order in which they are sent. A field of the setting
-- `headers` replaces the one of that name.
local function header_fields(settings, revision, secret, scheme)
  local own = {}
  for name in pairs(settings.headers) do
    own[name:lower()] = true
  end
  local list = {}
  local function add(name, value)
    if value and not own[name:lower()] then
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  add("User-Agent", USER_AGENT
    .. (settings.app_info and " " .. settings.app_info or ""))
  add("Accept", MEDIA_TYPE)
  add("revision", revision or settings.revision)
  if settings.fall_forward == false then
    add("X-Klaviyo-Revision-Fall-Forward-Opt-Out", "1")
  end
  if secret then
    add("Authorization", scheme .. " " .. secret)
  end
  own = {}
  for _, name in ipairs(keys.sorted(settings.headers)) do
    local lower = name:lower()
    -- a public call sends no key, not even one of the setting `headers`
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

-- A request in the background is retried until its deadline.
local MAX_RETRIES = 1000000

local function core_settings(settings, fields, is_background)
  local made, name, why = core.settings {
    headers = fields,
    content_type = content_type(settings),
    timeout = settings.timeout,
    connect_timeout = settings.connect_timeout,
    deadline = is_background and settings.track_deadline or settings.deadline,
    retries = is_background and settings.retries > 0 and MAX_RETRIES
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

-- Whether a function gives the key or the token.
local function keeps_changing(settings)
  return type(settings.access_token or settings.api_key) == "function"
end

-- By settings: {public =, private =, background = core settings, secret =,
-- for_good = whether the secret stays}. The core settings of a revision that is not
-- the one of the settings have its date after their name: "private 2026-07-15".
local made_for = setmetatable({}, {__mode = "k"})

-- Returns the core settings of a public request, which has no secret.
local function prepared_public(settings, made, key, revision)
  made[key] = made[key]
    or core_settings(settings, header_fields(settings, revision))
  return made[key]
end

-- Returns the core settings of a request, and the secret; or nil and an error if
-- there is no secret. They are made again when the secret changes.
local function prepared(settings, request, refused, is_background)
  local made = made_for[settings]
  local key = request.public and "public" or is_background and "background"
    or "private"
  local revision = request.revision
  if revision then
    key = key .. " " .. revision
  end
  if made and made.for_good and made[key] then
    return made[key], not request.public and made.secret or nil
  elseif not made then
    made = {}
    made_for[settings] = made
  end
  if request.public then
    return prepared_public(settings, made, key, revision)
  end
  local secret, scheme = secrets.of(settings, refused)
  if not secret then
    return nil, scheme
  elseif made.secret ~= secret then
    warning.of_plain_http(settings)
    made = {secret = secret, for_good = not keeps_changing(settings)}
    made_for[settings] = made
  end
  made[key] = made[key] or core_settings(settings,
    header_fields(settings, revision, secret, scheme), is_background)
  return made[key], secret
end

--- Returns the header fields that a request would have, or nil and an error of
--- kind "auth" if there is no secret.
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
  local list = header_fields(settings, request.revision, secret, scheme)
  local fields = {}
  for i = 1, #list, 2 do
    fields[list[i]] = list[i + 1]
  end
  if request.body then
    fields["Content-Type"] = content_type(settings)
  end
  return fields
end

-- Submits a request. If there is no secret it sends nothing, and returns nil and
-- an error of kind "auth".
local function send(pending, refused, completion_queue)
  local request, settings = pending.request, pending.settings
  local handle, secret = prepared(settings, request, refused)
  if not handle then
    secret.operation = pending.op and pending.op.id
    return nil, secret
  end
  pending.secret = secret
  return core.submit(handle,
    rate_limits.of(settings, pending.op, request, secret), request.method,
    request.url, request.form or request.body, request.repeatable,
    completion_queue, pending.trace, operations[pending.op or RAW])
end

--- Submits a request.
---@param settings klaviyo.settings
---@param request table  as request.lua makes it
---@param op table|nil  the operation, for messages
---@return table pending  for `await` and `read`, or for `cancel`
function M.submit(settings, request, op)
  local completion_queue
  local pending = {
    settings = settings, request = request, op = op, url = request.url,
    ticket = nil, secret = nil, is_awaited = false, trace = nil,
  }
  if type(ngx) == "table" then
    phases.must_wait()
    completion_queue = scheduler.completion_queue()
    pending.trace = trace_context.of(settings)
  elseif settings.is_traced then
    pending.trace = trace_context.of(settings)
  end
  pending.ticket, pending.err = send(pending, nil, completion_queue)
  return pending
end

-- A function that gives the key may have another one by now: after a 401 it is
-- called once more, with the key that was refused.
local function can_refresh(pending)
  return not pending.request.public and keeps_changing(pending.settings)
end

local function report_attempts(pending, response, raw_error)
  if raw_error then
    -- libcurl's messages may contain the proxy's password
    raw_error.reason = userinfo.redacted(raw_error.reason)
  end
  if pending.settings.is_reported then
    report.attempts(pending, response, raw_error)
  end
  return response, raw_error
end

local function await_ticket(pending)
  pending.is_awaited = true
  scheduler.wait_for(pending, pending.settings.wait, waiting.look)
  pending.is_awaited = false
  if core.budget_problems() ~= rate_limits.problems then
    rate_limits.report_problems(pending.settings)
  end
  return report_attempts(pending, pending.ticket:result(pending.request.is_page))
end

local function retry_unauthorized(pending)
  if pending.trace then
    trace_context.renew(pending.trace)
  end
  pending.ticket, pending.err = send(pending, pending.secret,
    scheduler.completion_queue())
  if pending.ticket then
    return await_ticket(pending)
  end
end

--- Waits until a request is done. Returns the response, or nil and the core's
--- error; neither if no key could be had. `read` makes the result of them.
---@param pending table
---@return table|nil response  of a page: the core's response body as `bytes`,
--- unless it is empty
---@return table|nil raw_error
function M.await(pending)
  if not pending.ticket then
    return nil
  end
  local response, raw_error = await_ticket(pending)
  if response and response.status == 401 and can_refresh(pending) then
    return retry_unauthorized(pending)
  end
  return response, raw_error
end

--- Returns the document that `await` brought, or nil and the error.
---@param pending table
---@param response table|nil
---@param raw_error table|nil
---@return klaviyo.document|nil, klaviyo.error|nil
function M.read(pending, response, raw_error)
  if pending.err then
    return nil, pending.err
  end
  return responses.read(response, raw_error, pending)
end

-- Returns the document of a request that core.perform did not simply finish, or
-- nil and the error.
local function finish_call(pending, response, raw_error)
  if pending.ticket then
    return M.read(pending, M.await(pending))
  end
  report_attempts(pending, response, raw_error)
  if response and response.status == 401 and can_refresh(pending) then
    response, raw_error = retry_unauthorized(pending)
  end
  return M.read(pending, response, raw_error)
end

--- Submits a request, waits for it, and returns its document, or nil and the
--- error. Where no task can run meanwhile the core does so in one step.
---@return klaviyo.document|nil, klaviyo.error|nil
function M.call(settings, request, op)
  if not scheduler.is_blocking(settings.wait) then
    local pending = M.submit(settings, request, op)
    return M.read(pending, M.await(pending))
  end
  local handle, secret = prepared(settings, request)
  if not handle then
    secret.operation = op and op.id
    return nil, secret
  end
  local trace = settings.is_traced and trace_context.of(settings) or nil
  local ticket, response, raw_error = core.perform(handle,
    rate_limits.of(settings, op, request, secret), request.method, request.url,
    request.form or request.body, request.repeatable, scheduler.MAX_BLOCK, trace,
    operations[op or RAW])
  if core.budget_problems() ~= rate_limits.problems then
    rate_limits.report_problems(settings)
  end
  if response and not settings.is_reported then
    local document = responses.success(response, request)
    if document then
      return document
    end
  end
  return finish_call({
    settings = settings, request = request, op = op, url = request.url,
    ticket = ticket or nil, secret = secret, is_awaited = false, trace = trace,
  }, response, raw_error)
end

--- Queues a request that is sent in the background; no caller waits for its
--- response.
---@param max_queued integer  how many such requests may be queued
---@return boolean|nil ok
---@return string|klaviyo.error|nil why  an error of kind "auth", or a word
---@return string|nil secret
function M.enqueue(settings, request, op, max_queued)
  local trace
  if type(ngx) == "table" then
    phases.must_send()
    scheduler.completion_queue()  -- it starts the engine's thread, which sends
    trace = trace_context.of(settings, true)
  elseif settings.is_traced then
    trace = trace_context.of(settings, true)
  end
  local handle, secret = prepared(settings, request, nil, true)
  if not handle then
    secret.operation = op.id
    return nil, secret
  end
  local ok, why = core.track(handle,
    rate_limits.of(settings, op, request, secret, true), request.method,
    request.url, request.body, request.repeatable, max_queued, trace, operations[op])
  if ok and settings.debug then
    debug_log.queued(op, request, secret)
  end
  if ok and settings.log then
    report.queued(settings, op, request, trace)
  end
  return ok, why, secret
end

--- Cancels a request that is in progress. A caller that waits for it gets an
--- error of kind "cancelled".
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
