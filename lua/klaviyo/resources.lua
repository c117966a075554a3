--- client.profiles:list(), client.lists:at(id).profiles:add(ids): the verbs of
--- JSON:API over the operations of the catalogue. An operation is found by
--- its path, so a resource of a later revision is there without a line here.

local actions = require "klaviyo.operations.actions"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local bulk = lazy_require "klaviyo.bulk"
local bulk_verbs = require "klaviyo.bulk.verbs"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

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
  local seen, list = {}, {}
  for _, id in ipairs(api:names()) do
    local path = api:operation(id).path
    local name = path:sub(1, #root) == root
      and path:sub(#root + 1):match("^[^/]+"):gsub("%-", "_")
    if name and not seen[name] then
      seen[name] = true
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

-- The verbs, and where the operation of each is found: below the resource
-- itself, or below a relation of one resource.
local COLLECTION = {
  list = {"GET", ""}, each = {"GET", ""}, pages = {"GET", ""},
  first = {"GET", ""}, all = {"GET", ""}, create = {"POST", ""},
  get = {"GET", "/{id}"}, update = {"PATCH", "/{id}"},
  delete = {"DELETE", "/{id}"},
}

-- Each route once, and first what most resources have: to look for one that is
-- not there takes longest.
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

-- What a verb needs to know stands in `self[1]`, a `place`: the rest of the
-- object is the user's to misspell.
---@class klaviyo.Place
---@field client klaviyo.Client
---@field api klaviyo.Api
---@field path string  "/api/lists"
---@field verbs table  COLLECTION or RELATION
---@field actions table<string, string>
---@field imports table<string, string>  verbs of bulk imports, and their kinds
---@field leave? function  of events: sends without waiting
---@field relation? string  "profiles"
---@field id? string  of the resource that has the relation
---@field name string  for messages
---@field found table<string, table>  the operations of verbs in use

local function find(place, method, path)
  return place.api:find(method, path)
    or place.api:find(method, (path:gsub("{id}", "{job_id}")))
end

local function find_verb(place, verb)
  local action = place.actions[verb]
  if action then
    return find(place, action:match("^(%u+) (.+)$"))
  end
  local method, suffix = unpack(place.verbs[verb] or {})
  if not method then
    return nil
  end
  local path = place.path .. suffix:format(place.relation)
  local op = find(place, method, path)
  if not op and (verb == "pages" or verb == "each") then
    op = find(place, "POST", path)  -- a report's pages
    return op and op.page and op
  end
  return op
end

local function available(place)
  local names = {}
  for _, set in ipairs {place.verbs, place.actions} do
    for verb in pairs(set) do
      if find_verb(place, verb) then
        names[#names + 1] = verb
      end
    end
  end
  for verb in pairs(place.imports) do
    names[#names + 1] = verb
  end
  if place.leave then
    names[#names + 1] = "track"
  end
  return names
end

local function operation(self, verb)
  local place = type(self) == "table" and rawget(self, 1)
  if type(place) ~= "table" or not place.api then
    usage_error.raise("call %s with a colon, on a resource", verb)
  end
  local op = place.found[verb]
  if not op then
    op = find_verb(place, verb)
    if not op then
      usage_error.unknown("verb of " .. place.name, verb, available(place))
    end
    place.found[verb] = op
  end
  return place.client, op, place.id
end

local function is_document(op, t)
  local resource = op.body and op.body.resource
  return type(t) == "table" and t.body ~= nil
    and not (resource and resource.attributes and resource.attributes.body)
end

-- A flat table becomes the document of the operation; {body = …} is one
-- already.
local function body_of(client, op, t, options)
  if not op.body then
    return nil
  elseif op.body.style == "multipart" then
    return t
  elseif is_document(op, t) then
    return t.body
  end
  return client:document(op.id, t, options)
end

-- A nil was meant to be something, even where nothing is required.
local function must_be_said(op, t, body)
  if t == nil and body ~= nil then
    usage_error.raise("%s takes a table, not nil", op.id)
  end
  return body
end

local Reading = {}

-- Where a POST gives the pages, what is said is its document, and
-- {body =, limit =} passes for one as everywhere.
local function reading(client, op, id, params, options)
  if op.method == "GET" then
    return merged({id = id}, params)
  elseif is_document(op, params) then
    return params
  end
  return {body = client:document(op.id, params, options)}
end

--- One page (or the one resource) as a document.
function Reading:list(params, options)
  local client, op, id = operation(self, "list")
  return client:call(op.id, merged({id = id}, params), options)
end

--- All resources of all pages: `for resource, page in …`.
function Reading:each(params, options)
  local client, op, id = operation(self, "each")
  return client:each(op.id, reading(client, op, id, params, options), options)
end

--- All pages as documents: `for page in …`.
function Reading:pages(params, options)
  local client, op, id = operation(self, "pages")
  return client:pages(op.id, reading(client, op, id, params, options), options)
end

--- The first resource, `nil` where there is none, or `nil, err`.
function Reading:first(params, options)
  local client, op, id = operation(self, "first")
  local own = merged({id = id}, params)
  own.limit = 1
  local size = op.page and op.page.size
  if size and size.min and not own.page
      and not (type(own.query) == "table" and own.query["page[size]"]) then
    own.page = {size = size.min}
  end
  local it = client:each(op.id, own, options)
  local resource, second = it:next()
  it:close()
  if resource == nil then
    return nil, second
  end
  return resource
end

--- All resources in one list, `max` at the most; or `nil, err`.
function Reading:all(params, options)
  local client, op, id = operation(self, "all")
  local own = merged({id = id}, params)
  if own.max ~= nil then
    usage_error.whole("max", own.max, 0)
  end
  own.limit, own.max = own.max, nil
  local it = client:each(op.id, own, options)
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
  local client, op = operation(self, "get")
  return client:call(op.id, merged({id = id}, params), options)
end

function Collection:delete(id, params, options)
  local client, op = operation(self, "delete")
  return client:call(op.id, merged({id = id}, params), options)
end

--- Makes a resource out of a flat table of attributes and relationships, or
--- out of {body = document}.
function Collection:create(t, params, options)
  local client, op = operation(self, "create")
  local body = must_be_said(op, t, body_of(client, op, t, options))
  return client:call(op.id, merged({body = body}, params), options)
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
  local client, op = operation(self, verb)
  if type(t) ~= "table" then
    usage_error.raise("%s takes an id and a table, not %s and %s", op.id,
      usage_error.kind(id), usage_error.kind(t))
  end
  local body = body_of(client, op, is_document(op, t) and t or with_id(op, t, id),
    options)
  return client:call(op.id, merged({id = id, body = body}, params), options)
end

--- Changes a resource: what is not named stays, klaviyo.null clears.
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
    local client, op = operation(self, verb)
    if type(t) == "string" then
      t = {id = t}
    end
    local body = must_be_said(op, t, body_of(client, op, t, options))
    return client:call(op.id, merged({body = body}, params), options)
  end
end

local Relation = setmetatable({}, {__index = Reading})

--- The related resource, where there is one and not many.
Relation.get = Reading.list

--- The ids of the related resources: `for id, identifier, page in …`.
function Relation:ids(params, options)
  local client, op, id = operation(self, "ids")
  return client:ids(op.id, merged({id = id}, params), options)
end

local function chunks(ids, size)
  local list = {}
  for first = 1, math.max(#ids, 1), size do
    list[#list + 1] = {unpack(ids, first, math.min(first + size - 1, #ids))}
  end
  return list
end

-- A list that is longer than the API takes goes out in parts. What went out
-- before a failure is told by err.done, the number of ids.
local function send(self, verb, ids, options)
  local client, op, id = operation(self, verb)
  if ids == nil then
    usage_error.raise("%s needs an id, or a list of them", op.id)
  elseif op.body.many and (type(ids) ~= "table" or ids.id ~= nil) then
    ids = {ids}
  end
  if verb == "replace" or not op.body.many then
    return client:call(op.id,
      {id = id, body = client:document(op.id, ids, options)}, options)
  end
  local done, last = 0, nil
  for _, part in ipairs(chunks(ids, op.body.max or MAX_IDENTIFIERS)) do
    local doc, err = client:call(op.id,
      {id = id, body = client:document(op.id, part, options)}, options)
    if not doc then
      err.done = done
      return nil, err
    end
    done, last = done + #part, doc
  end
  return last
end

function Relation:add(ids, options)
  return send(self, "add", ids, options)
end

function Relation:replace(ids, options)
  return send(self, "replace", ids, options)
end

function Relation:remove(ids, options)
  return send(self, "remove", ids, options)
end

-- client.profiles:import(source, {…}): what becomes of every record of a
-- source of any length.
local function import(kind)
  return function(self, source, options)
    return bulk.import(rawget(self, 1).client, kind, source, options)
  end
end

-- client.events:track{…}: an event as create takes it, sent in its turn while
-- the program goes on. True at once; nil and an error of kind "queue_full"
-- where too many wait already.
local function track(self, t, options)
  local client, op = operation(self, "create")
  return rawget(self, 1).leave(client, op.id,
    {body = body_of(client, op, t, options)}, options)
end

local function class_of(methods)
  return {
    __index = function(self, name)
      local method = methods[name]
      local place = rawget(self, 1)
      if method == nil and place.actions[name] then
        method = action(name, place.actions[name])
        rawset(self, name, method)
      elseif method == nil and place.imports[name] then
        method = import(place.imports[name])
        rawset(self, name, method)
      elseif method == nil and name == "track" and place.leave then
        method = track
      elseif method == nil then
        usage_error.unknown("verb of " .. place.name, name, available(place))
      end
      return method
    end,
    __tostring = function(self)
      return "klaviyo " .. rawget(self, 1).name
    end,
  }
end

local COLLECTION_CLASS = class_of(Collection)
local RELATION_CLASS = class_of(Relation)

local function relations(place)
  local known, prefix = {}, place.path .. "/{id}/"
  for _, id in ipairs(place.api:names()) do
    local path = place.api:operation(id).path
    if path:sub(1, #prefix) == prefix then
      local rest = path:sub(#prefix + 1):gsub("^relationships/", "")
      known[rest:gsub("%-", "_")] = true
    end
  end
  return known
end

local function relation(place, id, name)
  local related = {
    client = place.client, api = place.api, path = place.path,
    verbs = RELATION, actions = NONE, imports = NONE, relation = hyphened(name),
    id = id, name = ("%s:at(id).%s"):format(place.name, name), found = {},
  }
  if #available(related) == 0 then
    usage_error.unknown("relation of " .. place.name, name, relations(place))
  end
  return setmetatable({related}, RELATION_CLASS)
end

--- One resource, to reach what it is related to: `lists:at(id).profiles`.
function Collection:at(id)
  if type(id) ~= "string" and type(id) ~= "number" then
    usage_error.raise("at takes an id, not %s", usage_error.kind(id))
  end
  local place = rawget(self, 1)
  return setmetatable({}, {
    __index = function(_, name)
      return relation(place, id, tostring(name))
    end,
  })
end

--- The resource of that name, or nil.
---@param client klaviyo.Client
---@param api klaviyo.Api
---@param root string  "/api/" or "/client/"
---@param name string  as a field of a client: catalog_items
---@param leave function|nil  the client's way to send without waiting
function M.open(client, api, root, name, leave)
  if type(name) ~= "string" then
    return nil
  end
  local place = {
    client = client, api = api, path = root .. hyphened(name),
    verbs = COLLECTION, name = name, found = {},
    actions = actions[root:match("%a+")][name] or NONE,
    imports = root == "/api/" and bulk_verbs[name] or NONE,
    leave = name == "events" and leave or nil,
  }
  for _, verb in ipairs(LIKELY) do
    if find_verb(place, verb) then
      return setmetatable({place}, COLLECTION_CLASS)
    end
  end
  return nil
end

return M
