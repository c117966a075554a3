--- A client: settings, and the calls that are made with them. It is cheap to
--- make and safe to share; connections belong to the process.

local client_settings = require "klaviyo.client_settings"
local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local request = require "klaviyo.request.request"
local settings = require "klaviyo.settings"
local transport = require "klaviyo.transport.transport"
local apis = require "klaviyo.operations.api"
local revision_warning = require "klaviyo.operations.revision_warning"

local document = lazy_require "klaviyo.document.document"
local errors = lazy_require "klaviyo.response.errors"
local iterator = lazy_require "klaviyo.pagination.iterator"
local map = lazy_require "klaviyo.tasks.map"
local query = lazy_require "klaviyo.request.query"
local resources = lazy_require "klaviyo.resources"
local track = lazy_require "klaviyo.events.track"

local M = {}

---@class klaviyo.Client
local Client = {}

local function wrap(values)
  apis.of(values)  -- raises if the revision does not exist
  local client = setmetatable({}, Client)
  client_settings.set(client, values)
  return client
end

--- Returns a client.
---@param options klaviyo.Settings|nil
---@return klaviyo.Client
function M.new(options)
  if options ~= nil and type(options) ~= "table" then
    usage_error.raise("klaviyo.new takes a table of settings, not %s",
      usage_error.kind(options))
  end
  return wrap(settings.new(options))
end

local methods = {}

local function with(values, options)
  if options == nil then
    return values
  end
  if type(options) ~= "table" then
    usage_error.raise("settings must be a table, not %s", usage_error.kind(options))
  end
  return settings.with(values, options)
end

local function values_of(self)
  local values = client_settings.find(self)
  if not values then
    usage_error.raise("call this with a colon, on a client")
  end
  return values
end

-- Returns the settings of a call, its request, its operation and the API.
local function prepare(self, operation, args, options)
  local values = with(values_of(self), options)
  local api = apis.of(values)
  local op = api:get(operation)
  local made = request.of_operation(op, api, args, values)
  if args and args.headers then
    values = settings.with(values, {headers = args.headers})
  end
  return values, made, op, api
end

--- Returns a client with other settings; headers are added to.
---@param options klaviyo.Settings
---@return klaviyo.Client
function methods:with(options)
  return wrap(with(values_of(self), options))
end

--- Returns a client for another account. It has the settings of this one but for
--- those that belong to the account (api_key, access_token, auth_scheme,
--- company_id, rate_limit_key, outbox, and an Authorization field in headers): these
--- are the ones passed, or none. Raises if neither a key nor a token is passed.
---@param options klaviyo.Settings  api_key or access_token, and any others
---@return klaviyo.Client
function methods:as(options)
  local values = values_of(self)
  if type(options) ~= "table" then
    usage_error.raise("client:as takes a table of settings, not %s",
      usage_error.kind(options))
  end
  return wrap(settings.as(values, options))
end

--- Makes a call and waits for its response.
---@param operation string  an operation id of the API, or one of its aliases
---@param args table|nil  path parameters, filter, fields, …, body
---@param options klaviyo.Settings|nil  for this call alone
---@return klaviyo.Document|nil, klaviyo.Error|nil
function methods:call(operation, args, options)
  local values, made, op, api = prepare(self, operation, args, options)
  revision_warning.check(values, op, api)
  return transport.call(values, made, op)
end

--- Returns the request that a call would send, and sends nothing. Its headers
--- are the real ones, and contain the key.
---@return {method: string, url: string, headers: table, body: string|nil}|nil
---@return klaviyo.Error|nil  of kind "auth", if a function returned no key
function methods:build(operation, args, options)
  local values, made = prepare(self, operation, args, options)
  local headers, err = transport.headers(values, made)
  if not headers then
    return nil, err
  end
  return {
    method = made.method, url = made.url, headers = headers, body = made.body,
  }
end

--- Makes a call to any path, for operations that the library does not know.
---@param args {method: string|nil, path: string, query: table|nil, body: any, headers: table|nil}
---@return klaviyo.Document|nil, klaviyo.Error|nil
function methods:request(args, options)
  local values = with(values_of(self), options)
  local made = request.raw(args, values)
  if args.headers then
    values = settings.with(values, {headers = args.headers})
  end
  return transport.call(values, made)
end

--- Returns the JSON:API document that a flat table becomes in this client's
--- revision.
---@param operation string
---@param t table
function methods:document(operation, t, options)
  local values = with(values_of(self), options)
  local api = apis.of(values)
  return document.build(api:get(operation), t, {
    validate = values.validate, api = api,
  })
end

-- An iterator requests the largest pages unless the arguments name a size.
local function paged(size, args)
  if not size or args.page ~= nil
      and (type(args.page) ~= "table" or args.page.size) then
    return args
  end
  local page = {size = size}
  for key, value in pairs(args.page or {}) do
    page[key] = value
  end
  args.page = page
  return args
end

local function without_limit(op, args)
  local copy = {}
  if args ~= nil and type(args) ~= "table" then
    usage_error.raise("the arguments of %s must be a table, not %s", op.id,
      usage_error.kind(args))
  end
  for key, value in pairs(args or {}) do
    copy[key] = value
  end
  local limit = copy.limit
  if limit ~= nil then
    usage_error.whole("limit", limit, 0)
  end
  copy.limit = nil
  return copy, limit
end

local function iterate(self, operation, args, options)
  local api = apis.of(with(values_of(self), options))
  local op = api:get(operation)
  if op.method ~= "GET" and not op.page then
    usage_error.raise("%s has no pages", op.id)
  end
  local own, limit = without_limit(op, args)
  local values, made = prepare(self, operation,
    paged(query.largest_size(op, api, own), own), options)
  revision_warning.check(values, op, api)
  return iterator.pages {settings = values, request = made, op = op}, limit
end

--- Iterates over all pages of a collection, as documents.
---@param args table|nil  as for `call`; `limit` is the maximum of pages
---@return klaviyo.Iterator
function methods:pages(operation, args, options)
  local pages, limit = iterate(self, operation, args, options)
  pages.limit = limit
  return iterator.loop(pages)
end

--- Iterates over all resources of all pages, and the page of each.
---@param args table|nil  as for `call`; `limit` is the maximum
---@return klaviyo.Items
function methods:each(operation, args, options)
  local pages, limit = iterate(self, operation, args, options)
  return iterator.loop(iterator.items(pages, limit))
end

local function id_of(identifier)
  return identifier.id
end

--- Iterates over the ids of all resources of all pages, and the resource of each.
---@return klaviyo.Items
function methods:ids(operation, args, options)
  local pages, limit = iterate(self, operation, args, options)
  return iterator.loop(iterator.items(pages, limit, id_of))
end

--- Applies a function that makes calls to all of a source, several at a time:
--- `for result, err, item in client:map(source, fn, {concurrency = 20})`, in
--- the order of the source. Errors that `fn` raises come out of the loop.
---@param source table|function  a list, or an iterator: a value a call
---@param fn fun(item: any): any, any
---@param options {concurrency: integer|nil}|nil
function methods:map(source, fn, options)
  return map.new(source, fn, options, values_of(self).wait)
end

-- Sends an event in the background, or puts it into the outbox.
local function enqueue(self, operation, args, options)
  local outbox = with(values_of(self), options).outbox
  if outbox then
    return outbox:enqueue(args.body, options and self:with(options) or self)
  end
  local values, made, op, api = prepare(self, operation, args, options)
  revision_warning.check(values, op, api)
  return track.send(values, made, op)
end

--- Returns the counts of this process: of calls and pages (`queued`, `running`),
--- and in `tracked` of the events of events:track: `queued`, `running`, and the
--- totals `sent`, `failed` and `refused` (the queue was full). With an outbox its
--- counts are in `outbox`.
---@return {queued: integer, running: integer, tracked: table<string, integer>, outbox: table|nil}
function methods:stats()
  local outbox = values_of(self).outbox
  local stats = track.stats()
  stats.outbox = outbox and outbox:stats() or nil
  return stats
end

--- Waits until all tracked events are sent, or lost; with an outbox, also until
--- that is empty. Returns true if all were sent; otherwise nil and an error of
--- kind "not_delivered": `lost` is how many events were lost since the last
--- `drain`, `waiting` how many are yet to be sent.
---@param seconds number  at the most
---@return boolean|nil all
---@return klaviyo.Error|nil err
function methods:drain(seconds)
  local values = values_of(self)
  local began = core.clock()
  local lost, waiting, why = track.drain(values, seconds)
  local done, err = true, nil
  if values.outbox then
    done, err = values.outbox:drain(
      math.max(seconds - (core.clock() - began), 0), self)
    waiting = waiting + values.outbox:waiting()
  end
  if done and lost == 0 and waiting == 0 then
    return true
  end
  local parts = {why}
  if waiting > 0 or not done then
    parts[#parts + 1] = ("%d %s to be sent%s"):format(waiting,
      waiting == 1 and "event is" or "events are",
      err and (" (%s)"):format(tostring(err)) or "")
  end
  return nil, errors.new {kind = "not_delivered", lost = lost,
    waiting = waiting, cause = err, message = table.concat(parts, "; ")}
end

local Public = {}

-- client.public.events: the calls that a browser would make, with company_id and
-- without a key.
function Public.__index(self, name)
  local owner = rawget(self, 1)
  local api = apis.of(values_of(owner))
  local resource = resources.open(owner, api, "/client/", name)
  if not resource then
    usage_error.unknown("public resource", name, resources.names(api, "/client/"))
  end
  rawset(self, name, resource)
  return resource
end

-- client.profiles: made when it is first used.
function Client.__index(self, name)
  local method = methods[name]
  if method then
    return method
  end
  local resource
  if name == "public" then
    resource = setmetatable({self}, Public)
  else
    local api = apis.of(values_of(self))
    resource = resources.open(self, api, "/api/", name, enqueue)
    if not resource then
      local allowed = resources.names(api, "/api/")
      for known in pairs(methods) do
        allowed[#allowed + 1] = known
      end
      usage_error.unknown("resource or method of a client", name, allowed)
    end
  end
  rawset(self, name, resource)
  return resource
end

-- An assignment without an effect must not seem to have one. (Resources may be
-- replaced, for example by a test.)
function Client.__newindex(self, name, value)
  if settings.has(name) then
    usage_error.raise("client settings are read-only; use client:with{%s = …}",
      name)
  end
  rawset(self, name, value)
end

function Client.__tostring(self)
  local values = client_settings.of(self)
  return ("klaviyo.Client (%s, revision %s)"):format(values.base_url,
    values.revision)
end

Client.__name = "klaviyo.Client"

return M
