--- A client: settings, and what can be said with them. Cheap to make, safe
--- to share; connections belong to the process.

local catalogue = require "klaviyo.catalogue"
local iterator = require "klaviyo.iterator"
local misuse = require "klaviyo.misuse"
local request = require "klaviyo.request"
local resources = require "klaviyo.resources"
local settings = require "klaviyo.settings"
local transport = require "klaviyo.transport"

local M = {}

---@class klaviyo.client
local Client = {}

-- Kept apart, so that whoever prints a client does not print its key.
local settings_of = setmetatable({}, {__mode = "k"})

local function wrap(values)
  if not catalogue.load(values.revision) then
    misuse.unknown("revision", values.revision, catalogue.revisions())
  end
  local client = setmetatable({}, Client)
  settings_of[client] = values
  return client
end

--- A client.
---@param options klaviyo.settings|nil
---@return klaviyo.client
function M.new(options)
  if options ~= nil and type(options) ~= "table" then
    misuse.raise("klaviyo.new takes a table of settings, not %s",
      type(options))
  end
  return wrap(settings.new(options))
end

local methods = {}

local function with(values, options)
  if options == nil then
    return values
  end
  if type(options) ~= "table" then
    misuse.raise("settings must be a table, not %s", type(options))
  end
  return settings.with(values, options)
end

local function values_of(self)
  local values = settings_of[self]
  if not values then
    misuse.raise("call this with a colon, on a client")
  end
  return values
end

local function operation_of(values, name)
  local revision = catalogue.load(values.revision)
  if not revision then
    misuse.unknown("revision", values.revision, catalogue.revisions())
  end
  local op = type(name) == "string" and revision:operation(name)
  if not op then
    misuse.unknown("operation", name, revision:all_names())
  end
  return op
end

--- A client with other settings; headers are added to.
---@param options klaviyo.settings
---@return klaviyo.client
function methods:with(options)
  return wrap(with(values_of(self), options))
end

--- Makes a call and waits for its answer.
---@param operation string  an operation id of the API, or one of its aliases
---@param args table|nil  path parameters, filter, fields, …, body
---@param options klaviyo.settings|nil  for this call alone
---@return klaviyo.document|nil, klaviyo.error|nil
function methods:call(operation, args, options)
  local values = with(values_of(self), options)
  local op = operation_of(values, operation)
  local made = request.of_operation(op, args, values)
  return transport.land(transport.start(values, made, op.id))
end

--- The request that a call would send; nothing is sent. Its headers are the
--- real ones, the key among them.
---@return {method: string, url: string, headers: table, body: string|nil}
function methods:build(operation, args, options)
  local values = with(values_of(self), options)
  local op = operation_of(values, operation)
  local made = request.of_operation(op, args, values)
  return {
    method = made.method,
    url = made.url,
    headers = transport.headers(values, made),
    body = made.body,
  }
end

--- The raw way in, for what no catalogue knows.
---@param args {method: string|nil, path: string, query: table|nil, body: any, headers: table|nil}
---@return klaviyo.document|nil, klaviyo.error|nil
function methods:request(args, options)
  local values = with(values_of(self), options)
  local made = request.raw(args, values)
  if args.headers then
    values = settings.with(values, {headers = args.headers})
  end
  return transport.land(transport.start(values, made))
end

-- An iterator asks for the largest pages unless told otherwise.
local function paged(op, args)
  local size = op.page and op.page.size
  if not (size and size.max) or (args.page and args.page.size) then
    return args
  end
  local copy, page = {}, {size = size.max}
  for key, value in pairs(args) do
    copy[key] = value
  end
  for key, value in pairs(args.page or {}) do
    page[key] = value
  end
  copy.page = page
  return copy
end

local function check_limit(limit)
  if limit ~= nil and (type(limit) ~= "number" or limit < 0) then
    misuse.raise("limit must be a number of resources, not %s",
      tostring(limit))
  end
  return limit
end

local function without_limit(args)
  local copy = {}
  for key, value in pairs(args or {}) do
    if key ~= "limit" then
      copy[key] = value
    end
  end
  return copy, check_limit(args and args.limit)
end

local function walk(self, operation, args, options)
  local values = with(values_of(self), options)
  local op = operation_of(values, operation)
  if op.method ~= "GET" then
    misuse.raise("%s gives no pages", op.id)
  end
  local own, limit = without_limit(args)
  return iterator.pages {
    settings = values,
    request = request.of_operation(op, paged(op, own), values),
    operation = op.id,
  }, limit
end

--- All pages of a collection, as documents.
---@return klaviyo.iterator
function methods:pages(operation, args, options)
  return iterator.loop((walk(self, operation, args, options)))
end

--- All resources of all pages, and the page of each.
---@param args table|nil  as for `call`; `limit` is the most to give
---@return klaviyo.items
function methods:each(operation, args, options)
  local pages, limit = walk(self, operation, args, options)
  return iterator.loop(iterator.items(pages, limit))
end

local function id_of(identifier)
  return identifier.id
end

--- The ids of all resources of all pages, and the resource of each.
---@return klaviyo.items
function methods:ids(operation, args, options)
  local pages, limit = walk(self, operation, args, options)
  return iterator.loop(iterator.items(pages, limit, id_of))
end

--- The record of an operation in the catalogue of this client's revision.
function methods:operation(name)
  return operation_of(values_of(self), name)
end

-- client.profiles: made when it is first touched.
function Client.__index(self, name)
  local method = methods[name]
  if method then
    return method
  end
  local values = values_of(self)
  local resource = type(name) == "string"
    and resources.open(self, catalogue.load(values.revision), name)
  if not resource then
    local allowed = resources.names(catalogue.load(values.revision))
    for known in pairs(methods) do
      allowed[#allowed + 1] = known
    end
    misuse.unknown("resource or method of a client", name, allowed)
  end
  rawset(self, name, resource)
  return resource
end

function Client.__tostring(self)
  local values = settings_of[self]
  return ("klaviyo.client (%s, revision %s)"):format(values.base_url,
    values.revision)
end

Client.__name = "klaviyo.client"

return M
