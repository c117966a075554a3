--- client.profiles:list(), client.lists:at(id).profiles:add(ids): the verbs of
--- JSON:API over the table of operations. An operation is found by its path, so
--- a resource of a later revision needs no line here.

local actions = require "klaviyo.operations.actions"
local apis = require "klaviyo.operations.api"
local bulk_verbs = require "klaviyo.bulk.verbs"
local call = require "klaviyo.call"
local client_settings = require "klaviyo.client_settings"
local lazy_require = require "klaviyo.util.lazy_require"
local unknown = require "klaviyo.operations.unknown"
local usage_error = require "klaviyo.util.usage_error"

local bulk = lazy_require "klaviyo.bulk"
local document = lazy_require "klaviyo.document.document"
local encoder = lazy_require "klaviyo.document.encoder"
local iterator = lazy_require "klaviyo.pagination.iterator"
local tracker = lazy_require "klaviyo.events.track"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

local by_client = client_settings.by_client

local NONE = {}

-- A relationship call takes no more than this many identifiers.
local MAX_IDENTIFIERS = 1000

local function hyphened(name)
  return (name:gsub("_", "-"))
end

--- The names of the resources of an API, as fields of a client.
---@param api klaviyo.Api
---@param root string  "/api/" or "/client/"
function M.names(api, root)
  local is_listed, list = {}, {}
  for _, id in ipairs(api:names()) do
    local path = api:operation(id).path
    local name = path:sub(1, #root) == root
      and path:sub(#root + 1):match("^[^/]+"):gsub("%-", "_")
    if name and not is_listed[name] then
      is_listed[name] = true
      list[#list + 1] = name
    end
  end
  return list
end

local function merged(own, params)
  if params ~= nil and type(params) ~= "table" then
    usage_error.raise("parameters must be a table, not %s", usage_error.kind(params))
  end
  for key, value in pairs(params or NONE) do
    if own[key] ~= nil and own[key] ~= value then
      usage_error.raise("conflicting values for %s (%s and %s)", key,
        usage_error.shown(own[key]), usage_error.shown(value))
    end
    own[key] = value
  end
  return own
end

-- The verbs, and the method and path of each: below the resource itself, or
-- below a relation of one resource.
local COLLECTION = {
  list = {"GET", ""}, each = {"GET", ""}, pages = {"GET", ""},
  first = {"GET", ""}, all = {"GET", ""}, create = {"POST", ""},
  get = {"GET", "/{id}"}, update = {"PATCH", "/{id}"},
  delete = {"DELETE", "/{id}"},
}

-- Each route once, and first those that most resources have: to find that a
-- route does not exist takes longest.
local LIKELY = {"list", "create", "get", "update", "delete"}

local RELATION = {
  list = {"GET", "/{id}/%s"}, each = {"GET", "/{id}/%s"},
  pages = {"GET", "/{id}/%s"}, first = {"GET", "/{id}/%s"},
  all = {"GET", "/{id}/%s"}, get = {"GET", "/{id}/%s"},
  ids = {"GET", "/{id}/relationships/%s"},
  add = {"POST", "/{id}/relationships/%s"},
  replace = {"PATCH", "/{id}/relationships/%s"},
  remove = {"DELETE", "/{id}/relationships/%s"},
}

-- `self[1]` holds what the verbs need, an endpoint. Other fields of the object
-- are names that the program uses, and may misspell.
---@class klaviyo.Endpoint
---@field client klaviyo.Client
---@field api klaviyo.Api
---@field path string  "/api/lists"
---@field verbs table  COLLECTION or RELATION
---@field actions table<string, string>
---@field imports table<string, string>  verbs of bulk imports, and their kinds
---@field is_unknown boolean|nil  no revision has the resource: any verb may exist
---@field tracks boolean  of events: there is a verb `track`
---@field relation? string  "profiles"
---@field id? string  of the resource that has the relation
---@field name string  for messages
---@field found table<string, table>  the operations of verbs in use

local function find(endpoint, method, path)
  return endpoint.api:find(method, path)
    or endpoint.api:find(method, (path:gsub("{id}", "{job_id}")))
    or endpoint.is_unknown and unknown.operation(method, path) or nil
end

local function find_verb(endpoint, verb)
  local action = endpoint.actions[verb]
  if action then
    return find(endpoint, action:match("^(%u+) (.+)$"))
  end
  local method, suffix = unpack(endpoint.verbs[verb] or {})
  if not method then
    return nil
  end
  local path = endpoint.path .. suffix:format(endpoint.relation)
  local op = find(endpoint, method, path)
  if not op and (verb == "pages" or verb == "each") then
    op = find(endpoint, "POST", path)  -- a report's pages
    return op and op.page and op
  end
  return op
end

local function available(endpoint)
  local names = {}
  for _, set in ipairs {endpoint.verbs, endpoint.actions} do
    for verb in pairs(set) do
      if find_verb(endpoint, verb) then
        names[#names + 1] = verb
      end
    end
  end
  for verb in pairs(endpoint.imports) do
    names[#names + 1] = verb
  end
  if endpoint.tracks then
    names[#names + 1] = "track"
  end
  return names
end

local function operation(endpoint, verb)
  return find_verb(endpoint, verb)
    or usage_error.unknown("verb of " .. endpoint.name, verb, available(endpoint))
end

-- Returns the settings and the API of a call of a verb, the record of its
-- operation, and the endpoint.
local function look_up(self, verb, options)
  local endpoint = type(self) == "table" and rawget(self, 1)
  if type(endpoint) ~= "table" or not endpoint.api then
    usage_error.raise("call %s with a colon, on a resource", verb)
  end
  local op = endpoint.found[verb]
  if not op then
    op = operation(endpoint, verb)
    endpoint.found[verb] = op
  end
  local values, api = by_client[endpoint.client], endpoint.api
  if options ~= nil then
    values = call.settings(values, options)
    api = apis.of(values)
    if api ~= endpoint.api then
      -- another revision may have the operation under another id
      op = operation(setmetatable({api = api}, {__index = endpoint}), verb)
    end
  end
  return values, api, op, endpoint
end

local function is_document(op, t)
  local resource = op.body and op.body.resource
  return type(t) == "table" and t.body ~= nil
    and not (resource and resource.attributes and resource.attributes.body)
end

-- Returns the document of the operation, made of a flat table; {body = …} is a
-- document already. Also returns whether the document is the library's own.
local function body_of(values, api, op, t)
  if not op.body then
    return nil
  elseif op.body.style == "multipart" then
    return t
  elseif is_document(op, t) then
    return t.body
  end
  return document.build(op, t, values, api), true
end

-- Raises for nil in place of the table, even if nothing in it is required.
local function check_body(op, t, body)
  if t == nil and body ~= nil then
    usage_error.raise("%s takes a table, not nil", op.id)
  end
end

local Reading = {}

-- If a POST returns the pages, the parameters are its document; as everywhere
-- {body =, limit =} passes a document that is made already.
local function reading(values, api, op, id, params)
  if op.method == "GET" then
    return merged({id = id}, params)
  elseif is_document(op, params) then
    return params
  end
  return {body = document.build(op, params, values, api)}
end

--- Returns one page (or the one resource) as a document.
function Reading:list(params, options)
  local values, api, op, endpoint = look_up(self, "list", options)
  return call.run(values, api, op, merged({id = endpoint.id}, params))
end

--- Iterates over all resources of all pages: `for resource, page in …`.
function Reading:each(params, options)
  local values, api, op, endpoint = look_up(self, "each", options)
  return iterator.each(values, api, op,
    reading(values, api, op, endpoint.id, params))
end

--- Iterates over all pages as documents: `for page in …`.
function Reading:pages(params, options)
  local values, api, op, endpoint = look_up(self, "pages", options)
  return iterator.pages(values, api, op,
    reading(values, api, op, endpoint.id, params))
end

--- Returns the first resource, `nil` if there is none, or `nil, err`.
function Reading:first(params, options)
  local values, api, op, endpoint = look_up(self, "first", options)
  local own = merged({id = endpoint.id}, params)
  own.limit = 1
  local size = op.page and op.page.size
  if size and size.min and not own.page
      and not (type(own.query) == "table" and own.query["page[size]"]) then
    own.page = {size = size.min}
  end
  local it = iterator.each(values, api, op, own)
  local resource, second = it:next()
  it:close()
  if resource == nil then
    return nil, second
  end
  return resource
end

--- Returns all resources in one list, `max` at the most; or `nil, err`.
function Reading:all(params, options)
  local values, api, op, endpoint = look_up(self, "all", options)
  local own = merged({id = endpoint.id}, params)
  if own.max ~= nil then
    usage_error.whole("max", own.max, 0)
  end
  own.limit, own.max = own.max, nil
  local it = iterator.each(values, api, op, own)
  local list = {}
  while true do
    local resource, second = it:next()
    if resource == nil then
      if second ~= nil then
        return nil, second
      end
      return list
    end
    list[#list + 1] = resource
  end
end

local Collection = setmetatable({}, {__index = Reading})

function Collection:get(id, params, options)
  local values, api, op = look_up(self, "get", options)
  local args = {id = id}
  return call.run(values, api, op, params == nil and args or merged(args, params))
end

function Collection:delete(id, params, options)
  local values, api, op = look_up(self, "delete", options)
  return call.run(values, api, op, merged({id = id}, params))
end

-- Makes a call with a document, which it builds from a table.
local function send(values, api, op, id, t, params)
  local body, is_own = encoder.encode(op, t, values, api), true
  if not body then
    body, is_own = body_of(values, api, op, t)
    check_body(op, t, body)
  elseif id == nil and params == nil then
    return call.run_bytes(values, api, op, body)
  end
  return call.run(values, api, op, merged({id = id, body = body}, params), is_own)
end

--- Creates a resource from a flat table of attributes and relationships, or from
--- {body = document}.
function Collection:create(t, params, options)
  local values, api, op = look_up(self, "create", options)
  return send(values, api, op, nil, t, params)
end

local function with_id(op, t, id)
  if t.id ~= nil and t.id ~= id then
    usage_error.raise("%s: conflicting values for id (%s and %s)", op.id,
      usage_error.shown(id), usage_error.shown(t.id))
  end
  local copy = {}
  for key, value in pairs(t) do
    copy[key] = value
  end
  copy.id = id
  return copy
end

local function change(self, verb, id, t, params, options)
  local values, api, op = look_up(self, verb, options)
  if type(t) ~= "table" then
    usage_error.raise("%s takes an id and a table, not %s and %s", op.id,
      usage_error.kind(id), usage_error.kind(t))
  end
  return send(values, api, op, id,
    is_document(op, t) and t or with_id(op, t, id), params)
end

--- Changes a resource. Attributes that are not passed keep their values;
--- klaviyo.null clears one.
function Collection:update(id, t, params, options)
  return change(self, "update", id, t, params, options)
end

-- client.templates:render{…}: one function for all actions.
local function action(verb, route)
  if route:find("{", 1, true) then
    return function(self, id, t, params, options)
      return change(self, verb, id, t or {}, params, options)
    end
  end
  return function(self, t, params, options)
    local values, api, op = look_up(self, verb, options)
    if type(t) == "string" then
      t = {id = t}
    end
    return send(values, api, op, nil, t, params)
  end
end

local Relation = setmetatable({}, {__index = Reading})

--- Returns the related resource, if there is only one.
Relation.get = Reading.list

--- Iterates over the ids of the related resources: `for id, identifier, page in …`.
function Relation:ids(params, options)
  local values, api, op, endpoint = look_up(self, "ids", options)
  return iterator.ids(values, api, op, merged({id = endpoint.id}, params))
end

local function chunks(ids, size)
  local list = {}
  for first = 1, math.max(#ids, 1), size do
    list[#list + 1] = {unpack(ids, first, math.min(first + size - 1, #ids))}
  end
  return list
end

-- A list that is longer than the API accepts is sent in parts. After a failure
-- err.done is the number of ids that were sent before.
local function link(self, verb, ids, options)
  local values, api, op, endpoint = look_up(self, verb, options)
  local many = op.body.many
  if ids == nil then
    usage_error.raise("%s needs an id, or a list of them", op.id)
  elseif many and (type(ids) ~= "table" or ids.id ~= nil) then
    ids = {ids}
  end
  local in_parts = many and verb ~= "replace"
  local parts = in_parts and chunks(ids, op.body.max or MAX_IDENTIFIERS) or {ids}
  local done, last = 0, nil
  for _, part in ipairs(parts) do
    local doc, err = call.run(values, api, op,
      {id = endpoint.id, body = document.build(op, part, values, api)}, true)
    if not doc then
      err.done = in_parts and done or nil
      return nil, err
    end
    done, last = done + (in_parts and #part or 0), doc
  end
  return last
end

function Relation:add(ids, options)
  return link(self, "add", ids, options)
end

function Relation:replace(ids, options)
  return link(self, "replace", ids, options)
end

function Relation:remove(ids, options)
  return link(self, "remove", ids, options)
end

-- client.profiles:import(source, {…}): imports a source of any length, and
-- returns the outcome of each record.
local function import(kind)
  return function(self, source, options)
    return bulk.import(rawget(self, 1).client, kind, source, options)
  end
end

-- client.events:track{…}: sends an event, as create takes it, in the background,
-- or puts it into the outbox. Returns true at once, or nil and an error of kind
-- "queue_full" if too many events wait already.
local function track(self, t, options)
  local values, api, op, endpoint = look_up(self, "create", options)
  if values.outbox then
    local client = endpoint.client
    if options then
      client = client:with(options)
    end
    if is_document(op, t) then
      return values.outbox:enqueue(t.body, client)
    end
    return values.outbox:enqueue(encoder.tracked(op, t, values, api), client)
  end
  local bytes = encoder.encode(op, t, values, api)
  if bytes then
    return tracker.send_bytes(values, api, op, bytes)
  end
  return tracker.send(values, api, op, body_of(values, api, op, t))
end

-- Returns the method of that name, or raises. The object keeps it: a method that
-- is called again is found without this function.
local function method_of(self, methods, name)
  local endpoint = rawget(self, 1)
  local method = methods[name]
  if method == nil and endpoint.actions[name] then
    method = action(name, endpoint.actions[name])
  elseif method == nil and endpoint.imports[name] then
    method = import(endpoint.imports[name])
  elseif method == nil and name == "track" and endpoint.tracks then
    method = track
  elseif method == nil then
    usage_error.unknown("verb of " .. endpoint.name, name, available(endpoint))
  end
  rawset(self, name, method)
  return method
end

local function class_of(methods)
  return {
    __index = function(self, name)
      return method_of(self, methods, name)
    end,
    __tostring = function(self)
      return "klaviyo " .. rawget(self, 1).name
    end,
  }
end

local COLLECTION_CLASS = class_of(Collection)
local RELATION_CLASS = class_of(Relation)

local function relations(endpoint)
  local known, prefix = {}, endpoint.path .. "/{id}/"
  for _, id in ipairs(endpoint.api:names()) do
    local path = endpoint.api:operation(id).path
    if path:sub(1, #prefix) == prefix then
      local rest = path:sub(#prefix + 1):gsub("^relationships/", "")
      known[rest:gsub("%-", "_")] = true
    end
  end
  return known
end

local function relation(endpoint, id, name)
  local related = {
    client = endpoint.client, api = endpoint.api, path = endpoint.path,
    verbs = RELATION, actions = NONE, imports = NONE, tracks = false,
    relation = hyphened(name), id = id,
    is_unknown = endpoint.is_unknown, name = ("%s:at(id).%s"):format(endpoint.name, name), found = {},
  }
  if #available(related) == 0 then
    usage_error.unknown("relation of " .. endpoint.name, name, relations(endpoint))
  end
  return setmetatable({related}, RELATION_CLASS)
end

--- Returns one resource, for its relations: `lists:at(id).profiles`.
function Collection:at(id)
  if type(id) ~= "string" and type(id) ~= "number" then
    usage_error.raise("at takes an id, not %s", usage_error.kind(id))
  end
  local endpoint = rawget(self, 1)
  return setmetatable({}, {
    __index = function(_, name)
      return relation(endpoint, id, tostring(name))
    end,
  })
end

--- Returns a resource that no revision has. Its documents are not checked.
---@param client klaviyo.Client
---@param api klaviyo.Api
---@param name string
function M.open_unknown(client, api, name)
  return setmetatable({{
    client = client, api = api, path = "/api/" .. hyphened(name),
    verbs = COLLECTION, actions = NONE, imports = NONE, tracks = false,
    name = name:gsub("%-", "_"), found = {}, is_unknown = true,
  }}, COLLECTION_CLASS)
end

--- Returns the resource of that name, or nil.
---@param client klaviyo.Client
---@param api klaviyo.Api
---@param root string  "/api/" or "/client/"
---@param name string  as a field of a client: catalog_items
function M.open(client, api, root, name)
  if type(name) ~= "string" then
    return nil
  end
  local endpoint = {
    client = client, api = api, path = root .. hyphened(name),
    verbs = COLLECTION, name = name, found = {},
    actions = actions[root:match("%a+")][name] or NONE,
    imports = root == "/api/" and bulk_verbs[name] or NONE,
    tracks = root == "/api/" and name == "events",
  }
  for _, verb in ipairs(LIKELY) do
    if find_verb(endpoint, verb) then
      return setmetatable({endpoint}, COLLECTION_CLASS)
    end
  end
  return nil
end

return M
