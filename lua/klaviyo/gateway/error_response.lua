--- The gateway's own responses: JSON:API error documents, marked so that they
--- differ from those of the service.

local json = require "klaviyo.values.json"
local report = require "klaviyo.gateway.report"
local valid_utf8 = require "klaviyo.util.valid_utf8"

local M = {}

M.MEDIA_TYPE = "application/vnd.api+json"

local TITLES = {
  [400] = "Bad request", [401] = "Not authenticated", [403] = "Forbidden",
  [404] = "Not found", [405] = "Method not allowed", [408] = "Request timeout",
  [409] = "Conflict", [411] = "Length required",
  [413] = "Content too large", [415] = "Unsupported media type",
  [421] = "Misdirected request",
  [429] = "Throttled", [502] = "Bad gateway", [503] = "Unavailable",
  [504] = "Gateway timeout",
}

-- Code and detail for nginx's own errors. What its configuration rejects, by deny or
-- limit_req, is not a failure of the gateway.
local DETAILS = {
  [400] = {"invalid", "nginx could not read the request"},
  [403] = {"permission_denied", "nginx does not let this request through"},
  [408] = {"request_timeout", "the body did not arrive in time"},
  [413] = {"content_too_large", "the body is larger than the gateway accepts"},
  [429] = {"throttled", "nginx takes no more requests at the moment; retry later"},
  [502] = {"bad_gateway", "the service could not be reached, or ended the response "
    .. "too early"},
  [503] = {"unavailable", "the gateway cannot serve this request now; retry later"},
  [504] = {"gateway_timeout", "the service did not respond in time"},
}

local function document(status, code, detail, source)
  return json.encode {
    errors = json.array {
      {
        id = ngx.var.request_id, status = status, code = code,
        title = TITLES[status] or "Error",
        detail = valid_utf8(detail),  -- it may name what the caller sent
        source = source or {},
        meta = {gateway = true},
      },
    },
  }
end

local function mark(body)
  ngx.header["Content-Type"] = M.MEDIA_TYPE
  ngx.header["Content-Length"] = #body
  ngx.header["X-Klaviyo-Gateway"] = "1"
  ngx.header["X-Request-Id"] = ngx.var.request_id
end

--- Throws an error response for the request.
---@param status integer
---@param code string
---@param detail string
---@param source table|nil source member of JSON:API
---@param headers table<string, string>|nil
function M.throw(status, code, detail, source, headers)
  error({is_error_response = true, status = status, code = code, detail = detail,
    source = source, headers = headers}, 0)
end

--- Runs a function, and returns the error response that it throws, or nil. Any
--- other error is logged and becomes a 500.
---@return table|nil error_response
function M.catch(f, ...)
  local ok, thrown = pcall(f, ...)
  if ok then
    return nil
  elseif type(thrown) == "table" and thrown.is_error_response then
    return thrown
  end
  report("request %s failed: %s", ngx.var.request_id, tostring(thrown))
  return {status = 500, code = "error", detail = "the gateway failed"}
end

--- Sends an error response and ends the request.
---@param response table  as `catch` returned it
function M.send(response)
  local body = document(response.status, response.code, response.detail,
    response.source)
  -- the rest of the body must not be read as the next request
  ngx.req.discard_body()
  ngx.status = response.status
  if response.status == 401 then
    ngx.header["WWW-Authenticate"] = 'Bearer realm="klaviyo"'
  end
  for name, value in pairs(response.headers or {}) do
    ngx.header[name] = value
  end
  mark(body)
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

--- Returns the document that replaces the body of a response, such as one of
--- nginx's error pages, and sets the header. Call it in a header filter.
---@param status integer
---@param code string|nil
---@param detail string|nil
---@return string
function M.page(status, code, detail)
  local known = DETAILS[status] or {"error", "the gateway failed"}
  local body = document(status, code or known[1], detail or known[2])
  mark(body)
  return body
end

return M
