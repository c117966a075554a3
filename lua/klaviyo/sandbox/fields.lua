--- Returns the value of a field that filters and sorts name: an attribute, the
--- id, or an attribute of a related resource.

local json = require "klaviyo.sandbox.json"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- type.field → the relationship whose id is the value
local RELATED = {
  ["event.profile_id"] = "profile", ["event.metric_id"] = "metric",
  ["event.profile"] = "profile", ["event.metric"] = "metric",
  ["profile-suppression-bulk-create-job.list_id"] = "list",
  ["profile-suppression-bulk-create-job.segment_id"] = "segment",
  ["profile-suppression-bulk-delete-job.list_id"] = "list",
  ["profile-suppression-bulk-delete-job.segment_id"] = "segment",
  ["push-token.profile.id"] = "profile",
  ["coupon-code.coupon.id"] = "coupon",
  ["coupon-code.profile.id"] = "profile",
  ["catalog-variant.item.id"] = "item",
  ["review.item.id"] = "item",
}

-- Two names of the same time.
local SAME = {created = "created_at", updated = "updated_at"}

local function ids(state, kind, record, name)
  local list = json.array()
  local sequence = relations.sequence(state, kind, record.id, name)
  for position = 1, sequence.last do
    local other = sequence.at(position)
    list[#list + 1] = other and other.id
  end
  return list
end

local SPECIAL = {}

SPECIAL["catalog-item.category.id"] = function(state, record)
  return ids(state, "catalog-item", record, "categories")
end

SPECIAL["catalog-category.item.id"] = function(state, record)
  return ids(state, "catalog-category", record, "items")
end

SPECIAL["campaign.messages.channel"] = function(state, record)
  local channels = json.array()
  for _, id in ipairs(ids(state, "campaign", record, "campaign-messages")) do
    local message = state:get("campaign-message", id)
    channels[#channels + 1] = message.attributes.channel
  end
  return channels
end

local function unless_null(value)
  if value ~= json.null then
    return value
  end
end

--- Returns the value of a field.
---@param state klaviyo.sandbox.State
---@param kind string
---@param record table
---@param field string
---@return any value nil if there is none
function M.value(state, kind, record, field)
  if field == "id" or field == "ids" or field == kind .. "_id" then
    return record.id
  end
  local attributes = record.attributes
  local value = attributes[field]
  if value == nil and SAME[field] then
    value = attributes[SAME[field]]
  end
  if value ~= nil then
    return unless_null(value)
  end
  local key = kind .. "." .. field
  if RELATED[key] then
    return relations.one(state, kind, record.id, RELATED[key])
  elseif SPECIAL[key] then
    return SPECIAL[key](state, record)
  end
  value = attributes
  for part in field:gmatch("[^.]+") do
    if json.kind(value) ~= "object" then
      return nil
    end
    value = value[part]
  end
  return unless_null(value)
end

return M
