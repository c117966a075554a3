--- The trace and the ids of a request: those of the caller go on to the service,
--- those of the gateway and the service to the caller and the access log.

local request_id = require "klaviyo.response.request_id"
local trace_context = require "klaviyo.transport.trace_context"

local M = {}

-- Sets a variable of the access log, which the location may not declare.
local function set_variable(name, value)
  if value and ngx.var[name] then
    ngx.var[name] = value
  end
end

--- Notes the trace of a request for the logs.
---@param state table  of the request
---@param headers table  of the request
function M.begin(state, headers)
  state.trace_id = trace_context.parse(headers.traceparent)
  set_variable("klaviyo_trace_id", state.trace_id)
end

--- Passes the trace of a request on to the service, if it is valid.
---@param state table
---@param headers table
function M.pass(state, headers)
  if state.trace_id then
    ngx.req.set_header("traceparent", headers.traceparent)
    local text = headers.tracestate
    local trace_state = trace_context.state(type(text) == "table"
      and table.concat(text, ",") or text)
    if trace_state then
      ngx.req.set_header("tracestate", trace_state)
    end
  end
end

--- Gives the response of the service an id by which the gateway's logs name the
--- request, unless the service named one.
function M.finish()
  local id = request_id.of_fields(ngx.header)
  set_variable("klaviyo_request_id", id)
  if not ngx.header["X-Request-Id"] then
    ngx.header["X-Request-Id"] = ngx.var.request_id
  end
end

--- Returns the ids of a request, for the lines of the gateway.
---@param state table|nil
---@return string
function M.label(state)
  local label = "request " .. ngx.var.request_id
  return state and state.trace_id and label .. ", trace " .. state.trace_id or label
end

return M
