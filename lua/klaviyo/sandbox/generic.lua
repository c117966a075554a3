--- Serves operations without special rules: it reads, lists, creates, updates
--- and deletes resources and their relationships as JSON:API defines it.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local defaults = require "klaviyo.sandbox.defaults"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- Returns the id in the path, whatever the name of the parameter.
local function path_id(call)
  return call.params[call.op.path_params[1]]
end

-- The forms of ids that the service checks before it looks for the resource.
local FORMS = {
  event = "^" .. ("%w"):rep(11) .. "$",
  ["flow-action"] = "^%d+$",
  coupon = "^[%w_%[%]\\^`]+$",
  ["mapped-metric"] = "^[%l_]+$",
}

-- Attributes that must have the form `^[0-9_A-z]+$`.
local NAMES = {coupon = "external_id", ["web-feed"] = "name"}

--- Throws 400 if the service would reject the name.
---@param kind string
---@param attributes table
function M.check_name(kind, attributes)
  local name = NAMES[kind] and attributes[NAMES[kind]]
  if type(name) == "string" and not name:find(FORMS.coupon) then
    error_response.throw(400, "invalid", ("'%s' may only hold letters, digits and "
      .. "underscores."):format(name),
      {pointer = "/data/attributes/" .. NAMES[kind]})
  end
end

--- Returns the resource that the path names. Throws 404 if there is none, and
--- 400 if the id does not have the form of the type's ids.
---@param call table
---@return string kind
---@return table record
function M.find_resource(call)
  local kind = call.model.kinds[call.parts.collection]
    or call.op.type or call.parts.collection
  local id = path_id(call)
  local record = call.state:get(kind, id)
  if record then
    return kind, record
  elseif FORMS[kind] and not id:find(FORMS[kind]) then
    error_response.throw(400, "invalid", ("'%s' is not a valid id of the resource "
      .. "'%s'."):format(id, kind))
  end
  return error_response.not_found(kind, id)
end

--- Sets the relationships of a document.
---@param call table
---@param kind string
---@param record table
---@param relationships table|nil `data.relationships`
function M.relate(call, kind, record, relationships)
  for name, relationship in pairs(relationships or {}) do
    local data = relationship.data
    if json.kind(data) == "array" then
      local ids = {}
      for i, identifier in ipairs(data) do
        ids[i] = identifier.id
      end
      relations.replace(call.state, kind, record.id, name, ids)
    elseif data == json.null then
      relations.set_target(call.state, kind, record.id, name, nil)
    elseif data then
      relations.set_target(call.state, kind, record.id, name, data.id)
    end
  end
end

--- Creates a resource from the data of a document.
---@param call table
---@param kind string
---@param data table
---@return table record
function M.make(call, kind, data)
  local attributes = data.attributes or {}
  M.check_name(kind, attributes)
  local id = defaults.id(kind, attributes, data.relationships)
  if id and call.state:get(kind, id) then
    error_response.throw(409, "duplicate",
      ("A %s with id %s already exists."):format(kind, id),
      {pointer = "/data/attributes"})
  end
  local record = call.state:make(kind, attributes, id)
  M.relate(call, kind, record, data.relationships)
  return record
end

local function list(call)
  local kind = call.op.type or call.model.kinds[call.parts.collection]
    or call.parts.collection
  local collection = call.state:collection(kind)
  return response.page(call, kind, response.all_of(collection))
end

local function read(call)
  local kind, record = M.find_resource(call)
  return response.one(call, kind, record)
end

local function related(call)
  local kind, record = M.find_resource(call)
  local name = call.parts.relationship
  local about = (call.model.relationships[kind] or {})[name] or {}
  local target = call.op.type or about.kind or relations.target_type(name)
  if call.op.many then
    local sequence = relations.sequence(call.state, kind, record.id, name,
      target)
    return response.page(call, target, sequence, call.parts.ids)
  end
  local id = relations.one(call.state, kind, record.id, name)
  if call.parts.ids then
    return response.identifier(call, target, id)
  end
  local other = id and call.state:get(target, id)
  if not other then
    error_response.throw(404, "not_found",
      ("The %s %s has no %s."):format(kind, record.id, name))
  end
  return response.one(call, target, other)
end

local function create(call)
  local kind = call.document.data.type
  local record = M.make(call, kind, call.document.data)
  return response.one(call, kind, record)
end

local function update(call)
  local kind, record = M.find_resource(call)
  local data = call.document.data
  if data.id ~= nil and data.id ~= record.id then
    error_response.throw(409, "conflict", ("The id in the body, %s, is not the one "
      .. "in the path."):format(tostring(data.id)), {pointer = "/data/id"})
  end
  local attributes = data.attributes or {}
  M.check_name(kind, attributes)
  if kind == "webhook" and attributes.description == json.null then
    attributes.description = nil -- the service ignores it
  end
  call.state:update(kind, record, attributes)
  M.relate(call, kind, record, data.relationships)
  return response.one(call, kind, record)
end

local function remove(call)
  local kind, record = M.find_resource(call)
  call.state:remove(kind, record)
  return response.one(call, kind, record)
end

local CHANGE = {POST = relations.add, PATCH = relations.replace,
  DELETE = relations.remove}

-- In the catalog, linking a resource that is linked already is an error.
local function check_not_linked(call, kind, record, name, other)
  if call.op.method ~= "POST" or not kind:find("^catalog%-") then
    return
  end
  local sequence = relations.sequence(call.state, kind, record.id, name)
  for position = 1, sequence.last do
    local linked = sequence.at(position)
    if linked and linked.id == other.id then
      error_response.throw(409, "duplicate", ("%s %s is linked already.")
        :format(other.type, other.id), {pointer = "/data"})
    end
  end
end

local function change_related(call)
  local kind, record = M.find_resource(call)
  local name, data = call.parts.relationship, call.document.data
  if json.kind(data) ~= "array" then
    relations.set_target(call.state, kind, record.id, name,
      data ~= json.null and data.id or nil)
    return response.empty(call)
  end
  local ids = {}
  for i, identifier in ipairs(data) do
    if call.op.method ~= "DELETE"
      and not call.state:exists(identifier.type, identifier.id) then
      error_response.not_found(identifier.type, identifier.id,
        ("/data/%d/id"):format(i - 1))
    end
    ids[i] = identifier.id
    check_not_linked(call, kind, record, name, identifier)
  end
  CHANGE[call.op.method](call.state, kind, record.id, name, ids)
  return response.empty(call)
end

-- Serves an action whose path is not a collection of its type.
local function perform_action(call)
  local data = call.document and call.document.data or {}
  local kind = call.op.type or data.type
  local status, has_body = response.status(call.op)
  if not has_body then
    return status
  end
  local record = data.id and call.state:get(kind, data.id)
  if record then
    return response.one(call, kind, record)
  end
  return response.content(call, kind, data.id or call.state.random_ids:uuid(),
    data.attributes or {})
end

--- Serves an operation.
---@param call table op, parts, params, query, document …
---@return integer status
---@return table|nil document
function M.serve(call)
  local method, parts = call.op.method, call.parts
  if method == "GET" then
    if parts.relationship then
      return related(call)
    end
    return (parts.member and read or list)(call)
  elseif parts.ids then
    return change_related(call)
  elseif method == "PATCH" and parts.member then
    return update(call)
  elseif method == "DELETE" and parts.member then
    return remove(call)
  end
  local kind = call.model.kinds[parts.collection]
  if call.document and kind and not call.op.body.many
    and call.document.data.type == kind then
    return create(call)
  end
  return perform_action(call)
end

return M
