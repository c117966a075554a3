--- client.profiles:list(), client.lists:at(id).profiles:add(ids): the verbs of
--- JSON:API over the operations of the catalogue. An operation is found by
--- its path, so a resource of a later revision is there without a line here.

local document = require "klaviyo.document"
local misuse = require "klaviyo.misuse"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

-- A relationship call takes no more than this many identifiers.
local MOST_IDENTIFIERS = 1000

local function hyphened(name)
  return (name:gsub("_", "-"))
end

--- The names of the resources of a revision, as fields of a client.
function M.names(revision)
  local seen, list = {}, {}
  for _, id in ipairs(revision:names()) do
    local segment = revision:operation(id).path:match("^/api/([^/]+)")
    if segment and not seen[segment] then
      seen[segment] = true
      list[#list + 1] = (segment:gsub("%-", "_"))
    end
  end
  return list
end

local function merged(own, params)
  for key, value in pairs(params or {}) do
    if own[key] ~= nil then
      misuse.raise('"%s" is said twice', tostring(key))
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

local RELATION = {
  list = {"GET", "/{id}/%s"}, each = {"GET", "/{id}/%s"},
  pages = {"GET", "/{id}/%s"}, first = {"GET", "/{id}/%s"},
  all = {"GET", "/{id}/%s"}, get = {"GET", "/{id}/%s"},
  ids = {"GET", "/{id}/relationships/%s"},
  add = {"POST", "/{id}/relationships/%s"},
  replace = {"PATCH", "/{id}/relationships/%s"},
  remove = {"DELETE", "/{id}/relationships/%s"},
}

local function find(revision, method, path)
  return revision:find(method, path)
    or revision:find(method, (path:gsub("{id}", "{job_id}")))
end

-- What a verb needs to know stands in `self[1]`, a `place`: the rest of the
-- object is the user's to misspell.
---@class klaviyo.place
---@field client klaviyo.client
---@field revision table
---@field path string  "/api/lists"
---@field verbs table  COLLECTION or RELATION
---@field relation? string  "profiles"
---@field id? string  of the resource that has the relation
---@field name string  for messages

local function find_verb(place, verb)
  local method, suffix = unpack(place.verbs[verb] or {})
  return method and find(place.revision, method,
    place.path .. suffix:format(place.relation))
end

local function available(place)
  local names = {}
  for verb in pairs(place.verbs) do
    if find_verb(place, verb) then
      names[#names + 1] = verb
    end
  end
  return names
end

local function operation(self, verb)
  local place = self[1]
  local op = find_verb(place, verb)
  if not op then
    misuse.unknown("verb of " .. place.name, verb, available(place))
  end
  return place.client, op, place.id
end

local Reading = {}

--- One page (or the one resource) as a document.
function Reading:list(params, options)
  local client, op, id = operation(self, "list")
  return client:call(op.id, merged({id = id}, params), options)
end

--- All resources of all pages: `for resource, page in …`.
function Reading:each(params, options)
  local client, op, id = operation(self, "each")
  return client:each(op.id, merged({id = id}, params), options)
end

--- All pages as documents: `for page in …`.
function Reading:pages(params, options)
  local client, op, id = operation(self, "pages")
  return client:pages(op.id, merged({id = id}, params), options)
end

--- The first resource, `nil` where there is none, or `nil, err`.
function Reading:first(params, options)
  local client, op, id = operation(self, "first")
  local own = merged({id = id}, params)
  own.limit = 1
  local size = op.page and op.page.size
  if size and size.min and not own.page then
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

-- A flat table becomes the document of the operation; {body = …} is one.
local function body_of(op, t)
  if type(t) ~= "table" then
    misuse.raise("%s takes a table, not %s", op.id, type(t))
  end
  local resource = op.body and op.body.resource
  local attributes = resource and resource.attributes or {}
  if t.body ~= nil and not attributes.body then
    return t.body
  end
  return document.build(op, t)
end

--- Makes a resource out of a flat table of attributes and relationships, or
--- out of {body = document}.
function Collection:create(t, params, options)
  local client, op = operation(self, "create")
  return client:call(op.id, merged({body = body_of(op, t)}, params),
    options)
end

local function with_id(t, id)
  local copy = {id = id}
  for key, value in pairs(t) do
    copy[key] = value
  end
  return copy
end

--- Changes a resource: what is not named stays, klaviyo.null clears.
function Collection:update(id, t, params, options)
  local client, op = operation(self, "update")
  if type(t) ~= "table" then
    misuse.raise("%s takes a table, not %s", op.id, type(t))
  end
  local body = t.body ~= nil and body_of(op, t)
    or body_of(op, with_id(t, id))
  return client:call(op.id, merged({id = id, body = body}, params),
    options)
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
  if type(ids) ~= "table" then
    ids = {ids}
  end
  if verb == "replace" or not op.body.many then
    return client:call(op.id, {id = id, body = document.build(op, ids)},
      options)
  end
  local done, last = 0, nil
  for _, part in ipairs(chunks(ids, op.body.max or MOST_IDENTIFIERS)) do
    local doc, err = client:call(op.id,
      {id = id, body = document.build(op, part)}, options)
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

local function class_of(methods)
  return {
    __index = function(self, name)
      local method = methods[name]
      if method == nil then
        local place = rawget(self, 1)
        misuse.unknown("verb of " .. place.name, name, available(place))
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
  for _, id in ipairs(place.revision:names()) do
    local path = place.revision:operation(id).path
    if path:sub(1, #prefix) == prefix then
      local rest = path:sub(#prefix + 1):gsub("^relationships/", "")
      known[rest:gsub("%-", "_")] = true
    end
  end
  return known
end

local function relation(place, id, name)
  local related = {
    client = place.client, revision = place.revision, path = place.path,
    verbs = RELATION, relation = hyphened(name), id = id,
    name = ("%s:at(id).%s"):format(place.name, name),
  }
  if #available(related) == 0 then
    misuse.unknown("relation of " .. place.name, name, relations(place))
  end
  return setmetatable({related}, RELATION_CLASS)
end

--- One resource, to reach what it is related to: `lists:at(id).profiles`.
function Collection:at(id)
  if type(id) ~= "string" and type(id) ~= "number" then
    misuse.raise("at takes an id, not %s", type(id))
  end
  local place = self[1]
  return setmetatable({}, {
    __index = function(_, name)
      return relation(place, id, tostring(name))
    end,
  })
end

--- The resource of that name, or nil.
---@param name string  as a field of a client: catalog_items
function M.open(client, revision, name)
  local place = {
    client = client, revision = revision, path = "/api/" .. hyphened(name),
    verbs = COLLECTION, name = name,
  }
  if #available(place) == 0 then
    return nil
  end
  return setmetatable({place}, COLLECTION_CLASS)
end

return M
