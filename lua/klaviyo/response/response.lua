--- Turns the response of the server into a document or an error.

local core = require "klaviyo.core"
-- loaded before the first error, which may be that no file can be opened
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local dump = lazy_require "klaviyo.values.dump"
local request_id = lazy_require "klaviyo.response.request_id"

local M = {}

---@class klaviyo.Response
---@field status integer
---@field headers table<string, string>  names in lower case
---@field body string  the bytes, decompressed; those of a page of an iterator until the next page is requested
---@field elapsed number  seconds
---@field http_version string  "1.1" or "2"
---@field attempts table[]  one entry for each time the request was sent
---@field rate_limit table|nil  {limit=, remaining=, reset=, windows={{limit=, seconds=}, …}}
---@field retry_after integer|nil  seconds
---@field request_id string|nil  the id by which the service, or a proxy before it, finds the request
local Response = {__name = "klaviyo.Response"}

-- Most programs never read these members: each is computed when it is first
-- read.
local read_later = {
  headers = function(response)
    return core.header_fields(response.head)
  end,
  rate_limit = function(response)
    return core.rate_limit(response.head)
  end,
  retry_after = function(response)
    return core.retry_after(response.head)
  end,
  request_id = function(response)
    return request_id.of_head(response.head)
  end,
  attempts = function(response)
    return {{status = response.status, elapsed = response.elapsed}}
  end,
  body = function(response)
    return rawget(response, "bytes"):text() or usage_error.raise("the body "
      .. "of this page was freed when the next one was requested; read "
      .. "page.response.body before")
  end,
}

function Response.__index(response, name)
  local read = read_later[name]
  if read then
    local value = read(response)
    rawset(response, name, value)
    return value
  end
end

function Response:__tostring()
  return ("klaviyo.Response: %d, %d bytes, %.3f s"):format(self.status,
    #(rawget(self, "bytes") or self.body), self.elapsed)
end

local function key_of(identifier)
  return tostring(identifier.type) .. "\0" .. tostring(identifier.id)
end

-- doc:resolve{type=, id=} returns a resource of doc.included, or nil.
local function resolve(document, identifier)
  local index = getmetatable(document).__index
  local by_key = index.included_by_key
  if not by_key then
    by_key = {}
    local included = document.included
    for _, resource in ipairs(type(included) == "table" and included or {}) do
      if type(resource) == "table" then
        by_key[key_of(resource)] = resource
      end
    end
    index.included_by_key = by_key
  end
  return type(identifier) == "table" and by_key[key_of(identifier)] or nil
end

---@class klaviyo.Document
---@field data? table|table[]  the resource, or the list of them
---@field included? table[]
---@field links? table
---@field meta? table
---@field response klaviyo.Response
---@field resolve fun(self, identifier: {type: string, id: string}): table|nil

local function to_text(value)
  return dump.brief(value)
end

local RESOURCE = {__name = "klaviyo.Resource", __tostring = to_text}

local array_mt = getmetatable(json.array {})  -- of the lists in a response

-- Gives resources a readable text, too. They are still plain tables.
local function mark(resources)
  if type(resources) ~= "table" then
    return
  elseif getmetatable(resources) ~= array_mt then
    setmetatable(resources, RESOURCE)
    return
  end
  for i = 1, #resources do
    local resource = resources[i]
    if type(resource) == "table" and getmetatable(resource) == nil then
      setmetatable(resource, RESOURCE)
    end
  end
end

-- Returns the response of a document, even if the document has a member
-- `response`.
local function response_of(doc)
  return getmetatable(doc).__index.response
end

local function snippet(response, context)
  return response.body == "" and "an empty body"
    or errors.excerpt(response.body, context.secret, 200)
end

local function failure(kind, message, context, response, more)
  response.body = response.body  -- the error lives longer than its page
  local fields = {
    kind = kind,
    message = message,
    status = response.status,
    operation = context.op and context.op.id,
    retry_after = response.retry_after,
    attempts = response.attempts,
    -- the service did not act on a request that it refused, but did on one
    -- with a malformed 2xx response
    maybe_sent = response.maybe_sent or response.status < 300,
    response = response,
    request_id = response.request_id,
  }
  for name, value in pairs(more or {}) do
    fields[name] = value
  end
  return nil, errors.new(fields, context.secret)
end

-- Returns whether a 403 may mean that the key lacks a scope: not if it is a page of
-- what is before the API, if the detail is another reason, or if a gateway refuses the
-- caller, whose own key may have the scopes.
local function lacks_scope(response, objects)
  local object = objects and objects[1]
  return type(object) == "table" and object.code == "permission_denied"
    and not tostring(object.detail):find("Advanced KDP", 1, true)
    and not response.headers["x-klaviyo-gateway"]
end

-- Returns advice that the status alone does not give.
local function advice(context, response, objects)
  local scopes = context.op and context.op.scopes
  local status = response.status
  if status == 403 and scopes and #scopes > 0 and lacks_scope(response, objects) then
    return " (the key needs " .. table.concat(scopes, ", ") .. ")"
  elseif status == 410 then
    return (" (Klaviyo no longer serves revision %s; set a later revision, "
      .. "or fall_forward = true)"):format(context.settings.revision)
  end
  return ""
end

local function refused(context, response)
  local body = json.decode(response.body)
  local objects = errors.objects(body)
  local status = response.status
  local kind = status == 429 and "rate_limited" or objects and "api" or "http"
  local message
  if objects then
    message = errors.summary(status, objects)
  elseif status >= 300 and status < 400 then
    message = ("%d redirect to %s, not followed"):format(status,
      response.headers.location or "nowhere")
  else
    message = ("%d %s"):format(status, snippet(response, context))
  end
  message = message .. advice(context, response, objects)
  if response.retry_after then
    message = ("%s; retry after %d s"):format(message, response.retry_after)
  end
  return failure(kind, message, context, response, {
    errors = objects,
    request_id = response.request_id or request_id.of_objects(objects),
    code = objects and errors.code_of(objects[1]),
    duplicate_id = objects and errors.duplicate_id(objects),
  })
end

-- Returns whether the body of a 2xx response is a document, and the document; or
-- what its JSON is, and the message if it is not JSON.
local function decoded(response, request)
  local bytes = rawget(response, "bytes") or response.body
  local body, why
  if bytes == "" then
    body = {}
  else
    body, why = json.decode(bytes, request and request.paths,
      request and request.resources)
    if type(body) ~= "table" or getmetatable(body) == array_mt then
      return false, body, why
    end
    -- raw resources are not marked: that would be 5 % of the cost of their page
    if not (request and request.is_raw) then
      mark(body.data)
      if body.included then
        mark(body.included)
      end
    end
  end
  return true, setmetatable(body, {
    __index = {response = response, resolve = resolve},
    __name = "klaviyo.Document",
    __tostring = to_text,
  })
end

--- Returns the document of a response; nil if `read` must return an error.
---@param response table  from the core
---@param request table
---@return klaviyo.Document|nil
function M.success(response, request)
  local status = response.status
  if status >= 200 and status < 300 then
    local ok, doc = decoded(setmetatable(response, Response), request)
    return ok and doc or nil
  end
end

--- Returns the document of a response, or nil and an error.
---@param response table|nil  the response, from the core
---@param raw_error table|nil  if there is no response: {kind=, reason=, …}
---@param context {op: table|nil, settings: klaviyo.Settings, secret: string|nil, request: table|nil}
---@return klaviyo.Document|nil, klaviyo.Error|nil
function M.read(response, raw_error, context)
  if not response then
    local after = raw_error.retry_after
    return nil, errors.new({
      kind = raw_error.kind,
      message = raw_error.reason .. (after
        and ("; retry after %d s"):format(math.ceil(after)) or ""),
      operation = context.op and context.op.id,
      retry_after = raw_error.retry_after,
      maybe_sent = raw_error.maybe_sent,
      attempts = raw_error.attempts
        or {{error = raw_error.reason, elapsed = raw_error.elapsed}},
    }, context.secret)
  end
  setmetatable(response, Response)
  if response.status < 200 or response.status >= 300 then
    return refused(context, response)
  end
  local ok, value, why = decoded(response, context.request)
  if ok then
    return value
  elseif value == nil then
    return failure("decode", ("%d with a body that is not JSON (%s): %s")
      :format(response.status, why, snippet(response, context)),
      context, response)
  end
  return failure("decode", ("%d with a body that is not a JSON object: %s")
    :format(response.status, snippet(response, context)), context, response)
end

--- Returns the error for a page without data. The page of an empty collection
--- has an empty list.
function M.no_page(context, page)
  local response = response_of(page)
  return select(2, failure("decode", ("%d with no data: %s"):format(
    response.status, snippet(response, context)), context, response))
end

--- Returns the error for a page that has no valid link to the next one.
function M.lost(message, context, page)
  return select(2, failure("decode", message, context, response_of(page)))
end

return M
