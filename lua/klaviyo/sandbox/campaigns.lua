--- Serves campaigns, their messages and templates.

local campaign_parts = require "klaviyo.sandbox.campaign_parts"
local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local jobs = require "klaviyo.sandbox.jobs"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- Older revisions have these attributes at the top level, later revisions in a
-- `definition`. Both are stored, so that each revision reads what it knows.
local DEFINITION = {"channel", "label", "content", "render_options"}

local function copy_definition(attributes)
  local definition = attributes.definition or {}
  for _, name in ipairs(DEFINITION) do
    local value = attributes[name]
    if value == nil then
      value = definition[name]
    end
    attributes[name], definition[name] = value, value
  end
  attributes.definition = definition
end

local function make_message(state, campaign, attributes, template)
  copy_definition(attributes)
  local message = state:make("campaign-message", attributes)
  relations.set_target(state, "campaign-message", message.id, "campaign",
    campaign.id)
  relations.set_target(state, "campaign-message", message.id, "template", template)
end

-- The defaults of a campaign, by channel.
local OPTIONS = {
  email = {
    send_options = {use_smart_sending = true, ignore_unsubscribes = false},
    tracking_options = {add_tracking_params = false,
      is_tracking_opens = true, is_tracking_clicks = true},
  },
  sms = {
    send_options = {use_smart_sending = true},
    tracking_options = {add_tracking_params = false},
  },
}

local function with_defaults(have, defaults)
  local all = json.kind(have) == "object" and have or {}
  for name, value in pairs(defaults) do
    if all[name] == nil then
      all[name] = value
    end
  end
  return all
end

-- Custom tracking parameters must include the two that each link needs.
local function check_tracking(options)
  local params = json.kind(options) == "object"
    and options.custom_tracking_params
  if json.kind(params) ~= "array" or #params == 0 then
    return
  end
  local names = {}
  for _, param in ipairs(params) do
    names[param.name] = true
  end
  if not names.utm_source or not names.utm_medium then
    error_response.throw(400, "invalid",
      "custom_tracking_params need utm_source and utm_medium.", {pointer =
      "/data/attributes/tracking_options/custom_tracking_params"})
  end
end

local function channel_of(message)
  local attributes = message.attributes
  return attributes.channel or (attributes.definition or {}).channel
end

local function create(call)
  local state, data = call.state, call.document.data
  local attributes = data.attributes
  if attributes.definition then
    return campaign_parts.create(call)
  end
  local messages = attributes["campaign-messages"].data
  attributes["campaign-messages"] = nil
  check_tracking(attributes.tracking_options)
  local defaults = OPTIONS[messages[1] and channel_of(messages[1])]
    or OPTIONS.sms
  attributes.send_options = with_defaults(attributes.send_options,
    defaults.send_options)
  attributes.tracking_options = with_defaults(attributes.tracking_options,
    defaults.tracking_options)
  attributes.tracking_options.custom_tracking_params =
    attributes.tracking_options.custom_tracking_params or json.array()
  attributes.audiences = with_defaults(attributes.audiences,
    {excluded = json.array()})
  campaign_parts.share(attributes)
  local campaign = generic.make(call, "campaign", data)
  for _, message in ipairs(messages) do
    make_message(state, campaign, message.attributes)
  end
  return response.one(call, "campaign", campaign)
end

local function update_message(call)
  local _, record = generic.find_resource(call)
  local attributes = call.document.data.attributes or {}
  call.document.data.attributes = attributes
  local definition = attributes.definition or {}
  for _, name in ipairs(DEFINITION) do
    if attributes[name] == nil and definition[name] == nil then
      attributes[name] = record.attributes[name]
    end
  end
  copy_definition(attributes)
  return generic.serve(call)
end

local function find_resource(call, kind)
  local id = call.document.data.id
  return call.state:get(kind, id) or error_response.not_found(kind, id)
end

local function copy(attributes)
  return (json.decode(json.encode(attributes)))
end

local function without_times(attributes)
  for _, name in ipairs {"created", "updated", "created_at", "updated_at"} do
    attributes[name] = nil
  end
  return attributes
end

local function is_name(value)
  return value ~= nil and value ~= json.null
end

-- Returns the name that was passed for a copy, or one of the name of the old
-- resource. Both may be null.
local function clone_name(name, old)
  return is_name(name) and name
    or "Clone of " .. (is_name(old) and old or "Untitled")
end

local function clone(call)
  local state, old = call.state, find_resource(call, "campaign")
  local attributes = without_times(copy(old.attributes))
  local options = call.document.data.attributes or {}
  attributes.name = clone_name(options.new_name or options.name,
    attributes.name)
  attributes.definition.name = attributes.name
  local campaign = state:make("campaign", attributes)
  local messages = relations.sequence(state, "campaign", old.id,
    "campaign-messages")
  -- The copies are added to the same collection: stop where the old ones end.
  for position = 1, messages.last do
    local message = messages.at(position)
    if message then
      make_message(state, campaign, without_times(copy(message.attributes)),
        relations.one(state, "campaign-message", message.id, "template"))
    end
  end
  return response.one(call, "campaign", campaign)
end

local function assign_template(call)
  local message = find_resource(call, "campaign-message")
  generic.relate(call, "campaign-message", message,
    call.document.data.relationships)
  return response.one(call, "campaign-message", message)
end

-- A send job and a recipient estimation have the id of their campaign.
local function job_for_campaign(call)
  local state, kind = call.state, call.document.data.type
  local campaign = find_resource(call, "campaign")
  local old = state:get(kind, campaign.id)
  if old then
    state:remove(kind, old)
  end
  local job = jobs.begin(state, state:make(kind, nil, campaign.id))
  if kind == "campaign-send-job" then
    state:update("campaign", campaign, {status = "Queued without Recipients"})
  else
    local estimation = "campaign-recipient-estimation"
    if not state:get(estimation, campaign.id) then
      state:make(estimation, {
        estimated_recipient_count = state:collection("profile").count,
      }, campaign.id)
    end
  end
  return response.one(call, kind, job)
end

local function cancel_send(call)
  local kind, job = generic.find_resource(call)
  local campaign = call.state:get("campaign", job.id)
  call.state:update(kind, job, {status = "cancelled"})
  if campaign then
    local revert = call.document.data.attributes.action == "revert"
    call.state:update("campaign", campaign,
      {status = revert and "Draft" or "Cancelled"})
  end
  return response.one(call, kind, job)
end

local function clone_template(call)
  local old = find_resource(call, "template")
  local attributes = without_times(copy(old.attributes))
  attributes.name = clone_name((call.document.data.attributes or {}).name,
    attributes.name)
  return response.one(call, "template", call.state:make("template", attributes))
end

-- Replaces {{ name|filters }} and {{ name.member }} with values of the
-- context.
local function render_template(call)
  local template = find_resource(call, "template")
  local context = call.document.data.attributes.context
  local function fill(text)
    return (tostring(text):gsub("{{%s*([%w_.]+)[^}]*}}", function(name)
      local value = context
      for part in name:gmatch("[^.]+") do
        value = json.kind(value) == "object" and value[part] or nil
      end
      return value ~= nil and tostring(value) or ""
    end))
  end
  local rendered = copy(template.attributes)
  rendered.html, rendered.text = fill(rendered.html), fill(rendered.text)
  return response.one(call, "template",
    {id = template.id, attributes = rendered})
end

M.routes = {
  ["POST /api/campaigns"] = create,
  ["PATCH /api/campaign-messages/{id}"] = update_message,
  ["POST /api/campaign-clone"] = clone,
  ["POST /api/campaign-message-assign-template"] = assign_template,
  ["POST /api/campaign-send-jobs"] = job_for_campaign,
  ["POST /api/campaign-recipient-estimation-jobs"] = job_for_campaign,
  ["PATCH /api/campaign-send-jobs/{id}"] = cancel_send,
  ["GET /api/campaign-send-jobs/{id}"] = jobs.read,
  ["GET /api/campaign-recipient-estimation-jobs/{id}"] = jobs.read,
  ["POST /api/template-clone"] = clone_template,
  ["POST /api/template-render"] = render_template,
}

return M
