--- Builds a request for any path, of an operation that the library does not know.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local query = require "klaviyo.request.query"

local bodies = lazy_require "klaviyo.request.body"

local M = {}

local METHODS = {
  GET = true, POST = true, PATCH = true, PUT = true, DELETE = true,
  HEAD = true,
}

local ARGUMENTS = {
  method = true, path = true, query = true, body = true, headers = true,
}

-- Returns a link with more parameters. Those that it already has stay as they
-- are.
local function with_parameters(url, parameters)
  local all = query.of_url(url)
  local count = #all
  query.raw(parameters, all)
  local more = {}
  for i = count + 1, #all do
    more[#more + 1] = all[i]
  end
  return url .. (core.url("", "", nil, more)
    :gsub("^%?", url:find("?", 1, true) and "&" or "?"))
end

local function raw_url(path, parameters, settings)
  if type(path) ~= "string" then
    usage_error.raise("path must be a string, not %s", usage_error.kind(path))
  end
  if path:match("^%a[%w+.-]*://") then  -- a link from a document
    local url, why = core.rebase(settings.base_url, path)
    if not url then
      usage_error.raise("path is %s", why == "foreign"
        and "a link to another host" or "not a link of the API")
    end
    return with_parameters(url, parameters)
  end
  if not path:match("^/[%w%-._~!$&'()*+,;=:@/%%]*$")
      or path:gsub("%%2[eE]", "."):gsub("/?$", "/", 1):find("/%.?%.?/") then
    usage_error.raise("path must begin with / and contain only characters of a "
      .. "URL's path; pass the query as query = {…}")
  end
  return core.url(settings.base_url, path, nil, query.raw(parameters))
end

--- Returns a request for a path that is not in the table of operations.
---@param args {method: string|nil, path: string, query: table|nil, body: any}
---@param settings klaviyo.Settings
function M.of(args, settings)
  if type(args) ~= "table" then
    usage_error.raise("request takes a table, not %s", usage_error.kind(args))
  end
  for key in pairs(args) do
    if not ARGUMENTS[key] then
      usage_error.unknown("argument of request", key, ARGUMENTS)
    end
  end
  local method = args.method or "GET"
  if not METHODS[method] then
    usage_error.unknown("method", method, METHODS)
  end
  if args.body ~= nil and (method == "GET" or method == "HEAD") then
    usage_error.raise("%s does not take a body", method)
  end
  local url = raw_url(args.path, args.query, settings)
  return {
    method = method,
    url = url,
    body = args.body ~= nil and bodies.bytes(args.body) or nil,
    repeatable = method ~= "POST",
    -- public calls must not send the private key
    public = url:sub(#settings.base_url + 1):match("^/client/") and true,
  }
end

return M
