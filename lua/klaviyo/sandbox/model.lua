--- Derives a model of the resources from the operations of a revision: the
--- collection of each type, its relationships and the attributes of its
--- responses.

local keys = require "klaviyo.util.tables"

local M = {}

-- "/api/lists/{id}/relationships/profiles" → "lists", "profiles", true
local function parts(path)
  local collection, rest = path:match("^/%a+/([%w-]+)(.*)$")
  local name = rest:match("^/{[%w_]+}/relationships/([%w-]+)$")
  if name then
    return collection, name, true
  end
  return collection, rest:match("^/{[%w_]+}/([%w-]+)$"), false
end

--- Splits a path template of the API.
---@param path string a path template
---@return table collection, member (true if the path
--- has an id), relationship (its name), ids (true if the path is the
--- relationship itself, not the related resources)
function M.path(path)
  local collection, name, ids = parts(path)
  return {collection = collection, relationship = name, ids = ids,
    member = path:find("{", 1, true) ~= nil}
end

-- `op` may also be a linkage of a request document: both have type and many.
local function add_relationship(model, owner, name, op)
  local list = model.relationships[owner] or {}
  model.relationships[owner] = list
  if not list[name] then
    list[name] = {many = op.many}
    list[#list + 1] = name
  end
  list[name].kind = list[name].kind or op.type
  list[name].many = list[name].many or op.many
end

local function add_fields(model, op)
  for parameter, about in pairs(op.query) do
    local kind = parameter:match("^fields%[(.*)%]$")
    -- The operations of the type itself have the complete list of fields.
    if kind and (op.type == kind or not model.fields[kind]) then
      model.fields[kind] = about.values
    end
    kind = parameter:match("^additional%-fields%[(.*)%]$")
    if kind then
      model.additional[kind] = model.additional[kind] or {}
      for _, name in ipairs(about.values or {}) do
        model.additional[kind][name] = true
      end
    end
  end
end

-- Relationships that no response of the service has, although paths or request
-- members have their name.
local NOT_IN_RESPONSES = {
  ["catalog-item"] = {"categories"},
  coupon = {"coupon-codes"},
  metric = {"metric-properties"},
  ["object-schema"] = {"object-type"},
  ["object-type"] = {"object-ingestion-logs", "object-records"},
  ["profile-suppression-bulk-create-job"] = {"list", "segment"},
  ["profile-suppression-bulk-delete-job"] = {"list", "segment"},
  review = {"order"},
}

-- Relationships that responses have, although no path leads to them.
local ONLY_IN_RESPONSES = {
  ["coupon-code"] = {profile = {kind = "profile"}},
  ["coupon-code-bulk-create-job"] = {
    ["coupon-codes"] = {kind = "coupon-code", many = true}},
  conversation = {profile = {kind = "profile"}},
  review = {events = {kind = "event", many = true},
    item = {kind = "catalog-item"}},
}

for _, action in ipairs {"create", "delete"} do
  ONLY_IN_RESPONSES[("profile-suppression-bulk-%s-job"):format(action)] = {
    lists = {kind = "list", many = true},
    segments = {kind = "segment", many = true},
  }
end

for kind, name in pairs {item = "items", variant = "variants",
  category = "categories"} do
  for _, action in ipairs {"create", "update", "delete"} do
    ONLY_IN_RESPONSES[("catalog-%s-bulk-%s-job"):format(kind, action)] =
      {[name] = {kind = "catalog-" .. kind, many = true}}
  end
end

-- Collects the names of the relationships that responses have.
local function add_response_relationships(model)
  for kind, more in pairs(ONLY_IN_RESPONSES) do
    for name, about in pairs(model.types[kind] and more or {}) do
      add_relationship(model, kind, name,
        {type = about.kind, many = about.many})
    end
  end
  for kind, list in pairs(model.relationships) do
    local names, omitted = {}, keys.set(NOT_IN_RESPONSES[kind] or {})
    for _, name in ipairs(list) do
      names[#names + 1] = not omitted[name] and name or nil
    end
    table.sort(names)
    model.in_responses[kind] = names
  end
end

local models = setmetatable({}, {__mode = "k"})

--- Returns the model of a revision.
---@param revision table from klaviyo.operations
---@return table `kinds` collection → type, `collections` type → collection,
--- `relationships` type → names with {kind, many}, `answered` type → those of
--- them that answers have, `types` the types that are read, `fields` type → names,
--- `additional` type → set of names that come only when asked for
function M.of(revision)
  if models[revision] then
    return models[revision]
  end
  local model = {date = revision.date, kinds = {}, collections = {}, relationships = {},
    in_responses = {}, types = {}, fields = {}, additional = {}}
  local gets, creates = {}, {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    if op.method == "GET" and not op.public then
      gets[#gets + 1] = op
      model.types[op.type or ""] = true
      local path = M.path(op.path)
      if not path.relationship then
        if op.type then
          model.kinds[path.collection] = op.type
          model.collections[op.type] = path.collection
        end
        add_fields(model, op)
      end
    elseif op.method == "POST" and op.body and op.body.style == "document"
      and not op.body.many then
      creates[#creates + 1] = op
    end
  end
  for _, op in ipairs(gets) do
    local path = M.path(op.path)
    local owner = path.relationship and model.kinds[path.collection]
    if owner then
      add_relationship(model, owner, path.relationship, op)
    end
  end
  for _, op in ipairs(creates) do
    local kind = model.kinds[M.path(op.path).collection]
    local resource = op.body.resource
    if kind and resource.type == kind then
      for name, linkage in pairs(resource.relationships or {}) do
        add_relationship(model, kind, name, linkage)
      end
    end
  end
  add_response_relationships(model)
  models[revision] = model
  return model
end

return M
