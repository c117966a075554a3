--- A client: settings, and the calls that are made with them. It is cheap to
--- make and safe to share; connections belong to the process.

local call = require "klaviyo.call"
local client_settings = require "klaviyo.client_settings"
local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local settings = require "klaviyo.settings"
local transport = require "klaviyo.transport.transport"
local apis = require "klaviyo.operations.api"

local auth = lazy_require "klaviyo.auth.auth"
local document = lazy_require "klaviyo.document.document"
local errors = lazy_require "klaviyo.response.errors"
local iterator = lazy_require "klaviyo.pagination.iterator"
local map = lazy_require "klaviyo.tasks.map"
local nearest_names = lazy_require "klaviyo.util.nearest_names"
local openapi = lazy_require "klaviyo.openapi"
local rate_limits = lazy_require "klaviyo.transport.rate_limits"
local resources = lazy_require "klaviyo.resources"
local track = lazy_require "klaviyo.events.track"

local M = {}

---@class klaviyo.Client
local Client = {}

--- What is used of one limit.
---@class klaviyo.RateLimit
---@field operation? string      the operation whose limit it is
---@field parameter? string      or the parameter that lowers the limit, with its value: "include=lists"
---@field windows klaviyo.RateLimitWindow[]  the shortest first
---@field wait number            seconds until another request fits; 0: it fits now

--- The use of a limit in one window of time.
---@class klaviyo.RateLimitWindow
---@field seconds number   the length of the window
---@field limit integer    the requests that are allowed in it
---@field used integer     those of this machine
---@field others integer   those of other machines, as the service last reported

--- What all hosts have used of one limit.
---@class klaviyo.SharedLimit
---@field operation? string      the operation whose limit it is
---@field parameter? string      or the parameter that lowers the limit
---@field windows klaviyo.SharedWindow[]  the shortest first
---@field held integer           requests that Redis allowed hosts, and that they have not made yet
---@field hosts integer          hosts that used the limit in the last minute
---@field waiting integer        those of them that wait
---@field blocked number         seconds for which the service blocked the limit, by a 429; 0: it did not

--- The use of a shared limit in one window of time.
---@class klaviyo.SharedWindow
---@field seconds number   the length of the window
---@field limit integer    the requests that are allowed in it
---@field used integer     those of all hosts
---@field left integer     what is left, without those that hosts hold

local function wrap(values)
  apis.of(values)  -- raises if the revision does not exist
  local client = setmetatable({}, Client)
  client_settings.by_client[client] = values
  return client
end

-- Adds the revision of the setting openapi. Returns the settings with its date,
-- unless they name a revision.
local function with_document(options)
  local date, err = openapi.load(options.openapi)
  if not date then
    usage_error.raise("openapi: %s", tostring(err))
  end
  local own = {}
  for name, value in pairs(options) do
    own[name] = value
  end
  own.revision = options.revision or date
  return own
end

--- Returns a client.
---@param options klaviyo.Settings|nil
---@return klaviyo.Client
function M.new(options)
  if options ~= nil and type(options) ~= "table" then
    usage_error.raise("klaviyo.new takes a table of settings, not %s",
      usage_error.kind(options))
  end
  if options and options.openapi then
    options = with_document(options)
  end
  return wrap(settings.new(options))
end

local methods = {}

local function values_of(self)
  local values = client_settings.by_client[self]
  if not values then
    usage_error.raise("call this with a colon, on a client")
  end
  return values
end

-- Returns the settings of a call, the API, and the record of its operation.
local function look_up(self, operation, options)
  local values = call.settings(values_of(self), options)
  local api = apis.of(values)
  return values, api, api:get(operation)
end

--- Returns a client with other settings; headers are added to.
---@param options klaviyo.Settings
---@return klaviyo.Client
function methods:with(options)
  return wrap(call.settings(values_of(self), options))
end

--- Returns a client for another account. It has the settings of this one except
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
  local values, api, op = look_up(self, operation, options)
  return call.run(values, api, op, args)
end

--- Returns the request that a call would send, and sends nothing. Its headers
--- are the real ones, and contain the key. With a table in place of the operation,
--- it returns the request of `client:request`.
---@param operation string|table  an operation id, an alias, or the arguments of `request`
---@param args table|nil  as for `call`
---@param options klaviyo.Settings|nil  for this call alone
---@return {method: string, url: string, headers: table, body: string|nil}|nil
---@return klaviyo.Error|nil  of kind "auth", if a function returned no key
function methods:build(operation, args, options)
  local values, made
  if type(operation) == "table" then
    values = call.settings(values_of(self), options)
    made, values = call.raw(values, operation)
  else
    local api, op
    values, api, op = look_up(self, operation, options)
    made, values = call.build(values, api, op, args)
  end
  local headers, err = transport.headers(values, made)
  if not headers then
    return nil, err
  end
  return {
    method = made.method, url = made.url, headers = headers, body = made.body and tostring(made.body),
  }
end

--- Makes a call to any path, for operations that the library does not know.
---@param args {method: string|nil, path: string, query: table|nil, body: any, headers: table|nil}
---@return klaviyo.Document|nil, klaviyo.Error|nil
function methods:request(args, options)
  local made, values = call.raw(call.settings(values_of(self), options), args)
  return transport.call(values, made)
end

--- Returns a resource by its name, as `client.profiles` does. If no revision has it,
--- the resource has the verbs of JSON:API, and its documents are not checked: a
--- table has `attributes`, `relationships` and `id`.
---@param name string  "profiles", or "brand-logos"
function methods:resource(name)
  local api = apis.of(values_of(self))
  if type(name) ~= "string" or not name:find("^%a[%w_-]*$") then
    usage_error.raise("resource takes the name of a resource, not %s",
      usage_error.shown(name))
  end
  local field = name:gsub("%-", "_")
  local known = resources.open(self, api, "/api/", field)
  if known then
    return known
  end
  local names = resources.names(api, "/api/")
  if nearest_names.nearest(field, names) then
    usage_error.unknown("resource", field, names)
  end
  return resources.open_unknown(self, api, name)
end

--- Returns the JSON:API document that a flat table becomes in this client's
--- revision.
---@param operation string
---@param t table
function methods:document(operation, t, options)
  local values, api, op = look_up(self, operation, options)
  return document.build(op, t, values, api)
end

--- Iterates over all pages of a collection, as documents.
---@param args table|nil  as for `call`; `limit` is the maximum of pages
---@return klaviyo.Iterator
function methods:pages(operation, args, options)
  local values, api, op = look_up(self, operation, options)
  return iterator.pages(values, api, op, args)
end

--- Iterates over all resources of all pages, and the page of each.
---@param args table|nil  as for `call`; `limit` is the maximum
---@return klaviyo.Items
function methods:each(operation, args, options)
  local values, api, op = look_up(self, operation, options)
  return iterator.each(values, api, op, args)
end

--- Iterates over the ids of all resources of all pages, and the resource of each.
---@return klaviyo.Items
function methods:ids(operation, args, options)
  local values, api, op = look_up(self, operation, options)
  return iterator.ids(values, api, op, args)
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

local function operations_of(values)
  local api, ops = apis.of(values), {}
  for i, name in ipairs(api:names()) do
    ops[i] = api:get(name)
  end
  return ops
end

--- Returns what the processes of this machine have used of the rate limits of the
--- account: the limit of each operation, by id, then those that a parameter lowers,
--- then that of a gateway. The list also has `file`, the path of the file in which
--- they count (nil: this process counts alone), and `problem`, why that file cannot
--- be used. Sends nothing and counts nothing.
---@return klaviyo.RateLimit[]|nil
---@return klaviyo.Error|nil err  of kind "auth", if a function returned no key
function methods:rate_limits()
  local values = values_of(self)
  local secret, err = auth.of(values)
  if not secret then
    return nil, err
  end
  return rate_limits.usage(values, operations_of(values), secret)
end

--- Returns what all hosts have used of the rate limits of the account, from the Redis
--- that the setting `rate_limit_file` names: a list as of `rate_limits`. It only
--- reads, and does not change what Redis has. docs/scale.md explains the terms.
---@return klaviyo.SharedLimit[]|nil
---@return klaviyo.Error|nil err  Redis cannot be used; of kind "auth", if a function
---  returned no key
function methods:shared_limits()
  local values = values_of(self)
  local url = rate_limits.redis_url(values)
  if not url then
    usage_error.raise("client:shared_limits needs the URL of a Redis in rate_limit_file, "
      .. "or in KLAVIYO_RATE_LIMIT_FILE: redis://host")
  end
  local secret, err = auth.of(values)
  if not secret then
    return nil, err
  end
  local found, redis = pcall(require, "klaviyo.redis")
  if not found then
    usage_error.raise("client:shared_limits needs the rock klaviyo-redis: "
      .. tostring(redis):match("[^\n]*"))
  end
  return redis.limits(url, rate_limits.usage(values, operations_of(values), secret, true))
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
    resource = resources.open(self, api, "/api/", name)
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
