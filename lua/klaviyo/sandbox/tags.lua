--- Serves tags: each belongs to a group; the account has a default group.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local function create(call)
  local state = call.state
  local group = (call.document.data.relationships or {})["tag-group"]
  local id = group and json.kind(group.data) == "object" and group.data.id
  if id and not state:get("tag-group", id) then
    error_response.throw(404, "tag_service_error",
      ("Tag Group with id %s not found"):format(id))
  end
  local tag = generic.make(call, "tag", call.document.data)
  if not relations.one(state, "tag", tag.id, "tag-group") then
    relations.set_target(state, "tag", tag.id, "tag-group", state.default_tag_group)
  end
  return response.one(call, "tag", tag)
end

M.routes = {
  ["POST /api/tags"] = create,
}

return M
