--- Tags belong to a group; the account has one for those that name none.

local answer = require "klaviyo.sandbox.answer"
local generic = require "klaviyo.sandbox.generic"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local function create(call)
  local world = call.world
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
