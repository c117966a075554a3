--- Tags belong to a group; the account has one for those that name none.

local answer = require "klaviyo.sandbox.response"
local codec = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local refusal = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local function create(call)
  local world = call.world
  local group = (call.document.data.relationships or {})["tag-group"]
  local id = group and codec.kind(group.data) == "object" and group.data.id
  if id and not world:get("tag-group", id) then
    refusal.throw(404, "tag_service_error",
      ("Tag Group with id %s not found"):format(id))
  end
  local tag = generic.make(call, "tag", call.document.data)
  if not relations.one(world, "tag", tag.id, "tag-group") then
    relations.point(world, "tag", tag.id, "tag-group", world.default_tag_group)
  end
  return answer.one(call, "tag", tag)
end

M.serves = {
  ["POST /api/tags"] = create,
}

return M
