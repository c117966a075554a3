--- Reports the attempts of a request that is done: to on_attempt, on_span, and the
--- logs. All of it runs where the program waited for the request, never in the
--- thread of the event loop.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local json_line = require "klaviyo.util.json_line"
local lazy_require = require "klaviyo.util.lazy_require"
local protect = require "klaviyo.transport.protect"
local redact = require "klaviyo.transport.redact"
local request_id = require "klaviyo.response.request_id"
local spans = require "klaviyo.transport.spans"

local debug_log = lazy_require "klaviyo.transport.debug_log"

local M = {}

local function log(settings, entry)
  protect(settings, "log", json_line.log, settings.log, entry)
end

--- Logs that an event was queued; its attempts are not logged.
---@param settings klaviyo.Settings
---@param op table
---@param request table
---@param trace klaviyo.Trace|nil
function M.queued(settings, op, request, trace)
  log(settings, {
    level = "info", msg = "event queued", operation = op.id,
    method = request.method, trace_id = trace and trace.trace_id,
  })
end

-- Adds what spans and log lines have to the attempts of a recorded trace, and
-- removes the header blocks.
local function complete(pending, attempts, response, raw_error)
  local has_trace = pending.trace.trace_id ~= nil
  for number, attempt in ipairs(attempts) do
    local is_last = number == #attempts
    attempt.span_id = has_trace and attempt.span_id or nil
    if attempt.head then
      attempt.request_id = request_id.of_head(attempt.head)
      if is_last and attempt.status >= 400 and not attempt.request_id then
        local body = response.bytes and response.bytes:text() or response.body
        attempt.request_id = request_id.of_objects(errors.objects(json.decode(body)))
      end
      attempt.request_id = attempt.request_id
        and redact.text(attempt.request_id, pending.secret)
      attempt.head = nil
      attempt.error_type = attempt.status >= 400 and ("%d"):format(attempt.status) or nil
    else
      attempt.error_type = attempt.kind
      if is_last and raw_error then
        attempt.message = redact.text(raw_error.reason, pending.secret)
      end
    end
  end
end

-- Leaves what programs may read in the attempts of a response or an error.
local function clean(attempts)
  for _, attempt in ipairs(attempts) do
    attempt.kind, attempt.started, attempt.message = nil, nil, nil
  end
end

local function report_spans(pending, attempts, first)
  local settings = pending.settings
  local name, common = spans.common(pending)
  local epoch = core.time() - core.clock()
  for number, attempt in ipairs(attempts) do
    local start = epoch + attempt.started
    protect(settings, "on_span", settings.on_span, name, start, start + attempt.elapsed,
      spans.attributes(common, attempt, first + number))
  end
end

local function level_of(attempt, is_last)
  if attempt.status and attempt.status < 400 then
    return "info", "request succeeded"
  elseif not is_last then
    return "warn", "request failed, is sent again"
  end
  local is_client_error = attempt.status and attempt.status < 500
    and attempt.status ~= 429
  return is_client_error and "warn" or "error", "request failed"
end

local function log_attempts(pending, attempts, first, raw_error)
  local settings, trace = pending.settings, pending.trace
  local epoch = core.time() - core.clock()
  for number, attempt in ipairs(attempts) do
    local level, msg = level_of(attempt, number == #attempts)
    log(settings, {
      ts = json_line.timestamp(epoch + attempt.started + attempt.elapsed),
      level = level, msg = msg, operation = pending.op and pending.op.id,
      method = pending.request.method, status = attempt.status,
      error = attempt.message or attempt.error, error_type = attempt.error_type,
      attempt = first + number, elapsed = attempt.elapsed, wait = attempt.waited,
      request_id = attempt.request_id, trace_id = trace.trace_id,
      span_id = attempt.span_id,
      nginx_request_id = trace.nginx_request_id,
    })
  end
  if #attempts == 0 and raw_error then
    log(settings, {
      level = "error", msg = "request not sent",
      operation = pending.op and pending.op.id, method = pending.request.method,
      error = redact.text(raw_error.reason, pending.secret),
      error_type = raw_error.kind, wait = raw_error.elapsed,
      trace_id = trace.trace_id, nginx_request_id = trace.nginx_request_id,
    })
  end
end

local function call_on_attempt(pending, attempts)
  for number, attempt in ipairs(attempts) do
    pending.settings.on_attempt {
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

--- Reports the attempts of a request that is done.
---@param pending table
---@param response table|nil
---@param raw_error table|nil
function M.attempts(pending, response, raw_error)
  local settings, trace = pending.settings, pending.trace
  local outcome = response or raw_error
  local attempts = outcome.attempts or {{
    status = outcome.status, error = outcome.reason,
    elapsed = outcome.elapsed, waited = 0,
  }}
  if settings.debug then
    debug_log.attempts(pending, attempts, response)
  end
  if trace and trace.seed then
    complete(pending, attempts, response, raw_error)
    local first = pending.reported or 0
    pending.reported = first + #attempts
    if settings.on_span then
      report_spans(pending, attempts, first)
    end
    if settings.log then
      log_attempts(pending, attempts, first, raw_error)
    end
    clean(attempts)
  end
  if settings.on_attempt then
    call_on_attempt(pending, attempts)
  end
end

return M
