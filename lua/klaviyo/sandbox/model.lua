--- What a revision's operations say about resources when taken together: the
-- collection each type lives in, its relationships, its answered attributes.

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

--- How a path of the API is made up.
---@param path string the template
---@return table collection, member (has an id), relationship (its name), ids
-- (whether it is the relationship itself, not the related resources)
function M.path(path)
  local collection, name, ids = parts(path)
  return { collection = collection, relationship = name, ids = ids,
    member = path:find("{", 1, true) ~= nil }
end

-- `op` or a linkage of a request document: both have type and many.
local function note_relationship(model, owner, name, op)
  local list = model.relationships[owner] or {}
  model.relationships[owner] = list
  if not list[name] then
    list[name] = { many = op.many }
    list[#list + 1] = name
  end
  list[name].kind = list[name].kind or op.type
  list[name].many = list[name].many or op.many
end

local function note_fields(model, op)
  for parameter, about in pairs(op.query) do
    local kind = parameter:match("^fields%[(.*)%]$")
    -- The type's own read says most; another's list may be an older one.
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

local models = setmetatable({}, { __mode = "k" })

--- The model of a revision.
---@param revision table of the catalogue
---@return table `kinds` collection → type, `collections` type → collection,
-- `relationships` type → names with {kind, many}, `fields` type → names,
-- `additional` type → set of names that come only when asked for
function M.of(revision)
  if models[revision] then
    return models[revision]
  end
  local model = { kinds = {}, collections = {}, relationships = {},
    fields = {}, additional = {} }
  local gets, creates = {}, {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    if op.method == "GET" and not op.public then
      gets[#gets + 1] = op
      local path = M.path(op.path)
      if not path.relationship then
        if op.type then
          model.kinds[path.collection] = op.type
          model.collections[op.type] = path.collection
        end
        note_fields(model, op)
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
      note_relationship(model, owner, path.relationship, op)
    end
  end
  for _, op in ipairs(creates) do
    local kind = model.kinds[M.path(op.path).collection]
    local resource = op.body.resource
    if kind and resource.type == kind then
      for name, linkage in pairs(resource.relationships or {}) do
        note_relationship(model, kind, name, linkage)
      end
    end
  end
  for _, list in pairs(model.relationships) do
    table.sort(list)
  end
  models[revision] = model
  return model
end

return M
