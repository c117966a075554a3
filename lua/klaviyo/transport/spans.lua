--- The setting `on_span`: a span for each attempt, with the names of OpenTelemetry's
--- HTTP semantic conventions.

local redact = require "klaviyo.transport.redact"

local M = {}

-- Returns the host and the port of a URL.
local function server_of(url)
  local scheme, rest = url:match("^(%a+)://([^/?#]*)")
  if not scheme then
    return nil
  end
  local host, port = rest:match("^%[([^%]]*)%]:?(%d*)$")
  if not host then
    host, port = rest:match("^([^:]*):?(%d*)$")
  end
  return host, tonumber(port) or (scheme:lower() == "http" and 80 or 443)
end

local function name_of(pending)
  local method = pending.request.method
  return pending.op and method .. " " .. pending.op.path or method
end

--- Returns what all attempts of a request have in common.
---@param pending table
---@return string name
---@return table<string, any> attributes
function M.common(pending)
  local trace = pending.trace
  local host, port = server_of(pending.url)
  return name_of(pending), {
    ["http.request.method"] = pending.request.method,
    ["url.full"] = redact.url(pending.url, pending.secret),
    ["url.template"] = pending.op and pending.op.path,
    ["server.address"] = host,
    ["server.port"] = port,
    ["klaviyo.operation"] = pending.op and pending.op.id,
    trace_id = trace.trace_id,
    parent_span_id = trace.parent_span_id,
    trace_flags = trace.flags,
  }
end

--- Returns the attributes of one attempt.
---@param common table<string, any>
---@param attempt table  of the core
---@param number integer
---@return table<string, any>
function M.attributes(common, attempt, number)
  local attributes = {}
  for name, value in pairs(common) do
    attributes[name] = value
  end
  attributes["http.response.status_code"] = attempt.status
  attributes["network.protocol.version"] = attempt.http_version
  attributes["error.type"] = attempt.error_type
  attributes["http.request.resend_count"] = number > 1 and number - 1 or nil
  attributes["klaviyo.request_id"] = attempt.request_id
  attributes["klaviyo.wait"] = attempt.waited
  attributes.span_id = attempt.span_id
  return attributes
end

return M
