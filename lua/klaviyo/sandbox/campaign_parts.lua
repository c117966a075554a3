--- Serves campaigns as the beta revisions and 2026-10-15 have them: with a
--- definition, and with audiences, messages and their variations as parts. The
--- attributes of the older form are stored too, so that each revision reads what it
--- knows.

local error_response = require "klaviyo.sandbox.error_response"
local generic = require "klaviyo.sandbox.generic"
local json = require "klaviyo.sandbox.json"
local relations = require "klaviyo.sandbox.relations"
local response = require "klaviyo.sandbox.response"

local M = {}

-- What campaigns of both forms have: the older one at the top level.
local SHARED = {"name", "archived"}

local function items(value)
  return json.kind(value) == "array" and value or json.array()
end

local function not_null(value)
  return value ~= json.null and value or nil
end

--- Copies what a campaign has in both forms to the other form.
---@param attributes table  of a request
---@param definition table|nil  that the campaign has
function M.share(attributes, definition)
  local sent, merged = not_null(attributes.definition), {}
  for name, value in pairs(not_null(definition) or {}) do
    merged[name] = value
  end
  for name, value in pairs(sent or {}) do
    merged[name] = value
  end
  for _, name in ipairs(SHARED) do
    if sent and sent[name] ~= nil then
      attributes[name] = sent[name]
    elseif attributes[name] ~= nil then
      merged[name] = attributes[name]
    end
  end
  attributes.definition = merged
end

local function make_variations(state, message, variations)
  for _, variation in ipairs(items(variations)) do
    local made = state:make("campaign-variation", {definition = variation.definition})
    relations.set_target(state, "campaign-variation", made.id, "campaign-message",
      message.id)
  end
end

local function make_message(state, campaign, sent, audience)
  local message = state:make("campaign-message",
    {definition = {status = "draft", name = not_null(sent.name)}})
  relations.set_target(state, "campaign-message", message.id, "campaign", campaign.id)
  relations.set_target(state, "campaign-message", message.id, "campaign-audience",
    audience.id)
  make_variations(state, message, sent.variations)
end

local function make_audience(state, campaign, sent)
  local audience = state:make("campaign-audience", {definition = {
    name = not_null(sent.name), included = items(sent.included),
    excluded = items(sent.excluded)}})
  relations.set_target(state, "campaign-audience", audience.id, "campaign",
    campaign.id)
  return audience
end

-- The audiences that messages of the same request name.
local function check_audiences(audiences, messages)
  local known = {}
  for _, audience in ipairs(audiences) do
    known[audience.temporary_id] = true
  end
  for i, message in ipairs(messages) do
    if not known[message.audience_temporary_id] then
      error_response.throw(400, "invalid", ("No audience has the temporary_id '%s'.")
        :format(message.audience_temporary_id),
        {pointer = ("/data/attributes/messages/%d/audience_temporary_id"):format(i - 1)})
    end
  end
end

--- Creates a campaign with its parts.
function M.create(call)
  local state, data = call.state, call.document.data
  local attributes = data.attributes
  local audiences, messages = items(attributes.audiences), items(attributes.messages)
  attributes.audiences, attributes.messages = nil, nil
  check_audiences(audiences, messages)
  M.share(attributes)
  local campaign, made = generic.make(call, "campaign", data), {}
  for _, audience in ipairs(audiences) do
    made[audience.temporary_id] = make_audience(state, campaign, audience)
  end
  for _, message in ipairs(messages) do
    make_message(state, campaign, message, made[message.audience_temporary_id])
  end
  return response.one(call, "campaign", campaign)
end

local function update(call)
  local _, campaign = generic.find_resource(call)
  local attributes = call.document.data.attributes or {}
  call.document.data.attributes = attributes
  M.share(attributes, campaign.attributes.definition)
  return generic.serve(call)
end

local function create_message(call)
  local data = call.document.data
  local variations = data.attributes.variations
  data.attributes.variations = nil
  local message = generic.make(call, data.type, data)
  make_variations(call.state, message, variations)
  return response.one(call, data.type, message)
end

M.routes = {
  ["PATCH /api/campaigns/{id}"] = update,
  ["POST /api/campaign-messages"] = create_message,
}

return M
