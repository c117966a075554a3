--- The setting `debug`: logs requests and responses, without secrets.

local redact = require "klaviyo.transport.redact"
local request_id = require "klaviyo.response.request_id"
local warning = require "klaviyo.util.warning"

local M = {}

local MAX_BODY = 500

local function body_of(text, secret)
  if type(text) ~= "string" or text == "" then
    return "none"
  end
  local size = #text
  local short = redact.text(text, secret):gsub("[%c%s]+", " ")
  if #short > MAX_BODY then
    short = short:sub(1, MAX_BODY)
      :gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return ("%d bytes: %s"):format(size, short)
end

local function id_of(response)
  local id = response and request_id.of_head(response.head)
  return id and ", id " .. id or ""
end

local function write(line)
  warning.write("klaviyo debug: " .. line)
end

local function name_of(pending)
  return pending.op and pending.op.id .. " " or ""
end

local function request_of(request, url, secret)
  return ("%s %s, body %s"):format(request.method, redact.text(url, secret),
    request.form and "of a form" or body_of(tostring(request.body or ""), secret))
end

--- Logs the attempts of a finished call.
---@param pending table
---@param attempts table[]
---@param response table|nil
function M.attempts(pending, attempts, response)
  local secret = pending.secret
  for number, attempt in ipairs(attempts) do
    local is_last = number == #attempts
    local waited = (attempt.waited or 0) >= 0.001
      and (", after waiting %.3f s"):format(attempt.waited) or ""
    write(("%sattempt %d: %s: %s in %.3f s%s%s%s"):format(name_of(pending),
      number, request_of(pending.request, pending.url, secret),
      redact.text(tostring(attempt.status or attempt.error), secret),
      attempt.elapsed or 0, waited, is_last and id_of(response) or "",
      is_last and response and response.status
        and ", answer " .. body_of(response.body or response.bytes:text(), secret) or ""))
  end
  if #attempts == 0 then
    write(("%snot sent: %s"):format(name_of(pending),
      request_of(pending.request, pending.url, secret)))
  end
end

--- Logs a request that is sent in the background; its attempts are not logged.
function M.queued(op, request, secret)
  write(("%s queued: %s"):format(op.id,
    request_of(request, request.url, secret)))
end

return M
