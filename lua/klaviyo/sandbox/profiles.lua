--- Serves profiles: each is one person, identified by its identifiers.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local identifiers = require "klaviyo.sandbox.identifiers"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

-- Returns the profile that has one of these identifiers.
local function owner_of(state, attributes)
  local profiles = state:collection("profile")
  for _, name in ipairs(identifiers.names) do
    local value = attributes[name]
    local record = type(value) == "string" and profiles:find(name, value)
    if record then
      return record
    end
  end
end

local function throw_duplicate(record)
  error_response.throw(409, "duplicate_profile",
    "A profile already exists with one of these identifiers.",
    {pointer = "/data/attributes"},
    {duplicate_profile_id = record.id})
end

local function list_of(value)
  if json.kind(value) == "array" then
    return value
  end
  return {value}
end

-- Applies `meta.patch_properties`.
local function patch_properties(have, patch)
  local properties = {}
  for name, value in pairs(have or {}) do
    properties[name] = value
  end
  for name, more in pairs(patch.append or {}) do
    local list = json.array()
    for _, value in ipairs(list_of(properties[name])) do
      list[#list + 1] = value
    end
    for _, value in ipairs(list_of(more)) do
      list[#list + 1] = value
    end
    properties[name] = list
  end
  for name, removed in pairs(patch.unappend or {}) do
    local drop, list = {}, json.array()
    for _, value in ipairs(list_of(removed)) do
      drop[value] = true
    end
    for _, value in ipairs(list_of(properties[name])) do
      if not drop[value] then
        list[#list + 1] = value
      end
    end
    properties[name] = list
  end
  if patch.unset and patch.unset ~= json.null then
    for _, name in ipairs(list_of(patch.unset)) do
      properties[name] = nil
    end
  end
  return properties
end

local function apply_meta(state, record, meta)
  local patch = json.kind(meta) == "object" and meta.patch_properties
  if json.kind(patch) == "object" then
    state:collection("profile"):change(record, function()
      record.attributes.properties =
        patch_properties(record.attributes.properties, patch)
    end)
  end
end

-- Most events change nothing of their profile.
local function changes_record(record, attributes)
  for name, value in pairs(attributes) do
    if record.attributes[name] ~= value then
      return true
    end
  end
  return false
end

--- Returns the profile that a document identifies, or nil.
---@param state klaviyo.sandbox.State
---@param data table a resource: id, attributes
---@return table|nil record
function M.find(state, data)
  return type(data.id) == "string" and state:get("profile", data.id)
    or owner_of(state, data.attributes or {})
end

--- Creates or updates a profile, as profile-import does.
---@param state klaviyo.sandbox.State
---@param data table a resource: id, attributes, meta
---@return table record
---@return boolean created
function M.upsert(state, data)
  local attributes = data.attributes or {}
  local record = M.find(state, data)
  local created = not record
  if created then
    record = state:make("profile", attributes)
  elseif changes_record(record, attributes) then
    state:update("profile", record, attributes)
  end
  apply_meta(state, record, data.meta)
  return record, created
end

local function create(call)
  local data = call.document.data
  identifiers.require_valid(data, "/data/attributes")
  local other = owner_of(call.state, data.attributes)
  if other then
    throw_duplicate(other)
  end
  local record = call.state:make("profile", data.attributes)
  apply_meta(call.state, record, data.meta)
  return response.one(call, "profile", record)
end

local function update(call)
  local _, record = generic.find_resource(call)
  local data = call.document.data
  local failure = error_response.new(400)
  identifiers.check(failure, data, "/data/attributes")
  failure:throw()
  local other = owner_of(call.state, data.attributes or {})
  if other and other.id ~= record.id then
    throw_duplicate(other)
  end
  apply_meta(call.state, record, data.meta)
  return generic.serve(call)
end

local function import(call)
  identifiers.require_valid(call.document.data, "/data/attributes")
  local record, created = M.upsert(call.state, call.document.data)
  return response.one(call, "profile", record, created and 201 or 200)
end

local function merge(call)
  local data = call.document.data
  local state = call.state
  local target = state:get("profile", data.id)
    or error_response.not_found("profile", data.id)
  for _, other in ipairs(((data.relationships or {}).profiles or {}).data
    or {}) do
    local source = state:get("profile", other.id)
    if source and source.id ~= target.id then
      for name, value in pairs(source.attributes) do
        local have = target.attributes[name]
        source.attributes[name] = nil
        if have == nil or have == json.null then
          state:update("profile", target, {[name] = value})
        end
      end
      state:remove("profile", source)
    end
  end
  return response.identifier(call, "profile", target.id)
end

local function public_upsert(call)
  identifiers.require_valid(call.document.data, "/data/attributes")
  M.upsert(call.state, call.document.data)
  return response.empty(call)
end

local function delete_profile(call)
  local attributes = call.document.data.attributes
  local profile = attributes and attributes.profile and attributes.profile.data
    or {}
  local record = M.find(call.state, profile)
  if not record then
    error_response.throw(404, "not_found", "The profile does not exist.")
  end
  call.state:remove("profile", record)
  return response.empty(call)
end

--- The operations of this module, by method and path.
M.routes = {
  ["POST /api/profiles"] = create,
  ["PATCH /api/profiles/{id}"] = update,
  ["POST /api/profile-import"] = import,
  ["POST /api/profile-merge"] = merge,
  ["POST /api/data-privacy-deletion-jobs"] = delete_profile,
  ["POST /client/profiles"] = public_upsert,
}

return M
