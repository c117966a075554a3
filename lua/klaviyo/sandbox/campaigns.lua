--- Campaigns with their messages, templates, and the reports about them.

local answer = require "klaviyo.sandbox.answer"
local codec = require "klaviyo.sandbox.codec"
local generic = require "klaviyo.sandbox.generic"
local jobs = require "klaviyo.sandbox.jobs"
local refusal = require "klaviyo.sandbox.refusal"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- Revisions differ: older ones have these attributes at the top, later ones
-- in a `definition`. Both are kept, so that each reads what it knows.
local DEFINITION = { "channel", "label", "content", "render_options" }

local function in_both_forms(attributes)
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

local function make_message(world, campaign, attributes, template)
  in_both_forms(attributes)
  local message = world:make("campaign-message", attributes)
  relations.point(world, "campaign-message", message.id, "campaign",
    campaign.id)
  relations.point(world, "campaign-message", message.id, "template", template)
end

local function create(call)
  local world, data = call.world, call.document.data
  local messages = data.attributes["campaign-messages"].data
  data.attributes["campaign-messages"] = nil
  local campaign = generic.make(call, "campaign", data)
  for _, message in ipairs(messages) do
    make_message(world, campaign, message.attributes)
  end
  return answer.one(call, "campaign", campaign)
end

local function update_message(call)
  local _, record = generic.subject(call)
  local attributes = call.document.data.attributes or {}
  call.document.data.attributes = attributes
  local definition = attributes.definition or {}
  for _, name in ipairs(DEFINITION) do
    if attributes[name] == nil and definition[name] == nil then
      attributes[name] = record.attributes[name]
    end
  end
  in_both_forms(attributes)
  return generic.serve(call)
end

local function wanted(call, kind)
  local id = call.document.data.id
  return call.world:get(kind, id) or refusal.not_found(kind, id)
end

local function copy(attributes)
  return (codec.decode(codec.encode(attributes)))
end

local function without_times(attributes)
  for _, name in ipairs { "created", "updated", "created_at", "updated_at" } do
    attributes[name] = nil
  end
  return attributes
end

local function clone(call)
  local world, old = call.world, wanted(call, "campaign")
  local attributes = without_times(copy(old.attributes))
  attributes.name = (call.document.data.attributes or {}).new_name
    or "Clone of " .. attributes.name
  local campaign = world:make("campaign", attributes)
  local messages = relations.sequence(world, "campaign", old.id,
    "campaign-messages")
  -- The copies join the same collection: stop where the old ones end.
  for place = 1, messages.last do
    local message = messages.at(place)
    if message then
      make_message(world, campaign, without_times(copy(message.attributes)),
        relations.one(world, "campaign-message", message.id, "template"))
    end
  end
  return answer.one(call, "campaign", campaign)
end

local function assign_template(call)
  local message = wanted(call, "campaign-message")
  generic.relate(call, "campaign-message", message,
    call.document.data.relationships)
  return answer.one(call, "campaign-message", message)
end

-- A send job and an estimation have their campaign's id.
local function job_for_campaign(call)
  local world, kind = call.world, call.document.data.type
  local campaign = wanted(call, "campaign")
  local old = world:get(kind, campaign.id)
  if old then
    world:remove(kind, old)
  end
  local job = jobs.begin(world, world:make(kind, nil, campaign.id))
  if kind == "campaign-send-job" then
    world:update("campaign", campaign, { status = "Queued without Recipients" })
  else
    local estimation = "campaign-recipient-estimation"
    if not world:get(estimation, campaign.id) then
      world:make(estimation, {
        estimated_recipient_count = world:collection("profile").count,
      }, campaign.id)
    end
  end
  return answer.one(call, kind, job)
end

local function cancel_send(call)
  local kind, job = generic.subject(call)
  local campaign = call.world:get("campaign", job.id)
  call.world:update(kind, job, { status = "cancelled" })
  if campaign then
    local revert = call.document.data.attributes.action == "revert"
    call.world:update("campaign", campaign,
      { status = revert and "Draft" or "Cancelled" })
  end
  return answer.one(call, kind, job)
end

local function clone_template(call)
  local old = wanted(call, "template")
  local attributes = without_times(copy(old.attributes))
  attributes.name = (call.document.data.attributes or {}).name
    or "Clone of " .. attributes.name
  return answer.one(call, "template", call.world:make("template", attributes))
end

-- {{ name|filters }} and {{ name.deeper }} from the context.
local function render_template(call)
  local template = wanted(call, "template")
  local context = call.document.data.attributes.context
  local function fill(text)
    return (tostring(text):gsub("{{%s*([%w_.]+)[^}]*}}", function(name)
      local value = context
      for part in name:gmatch("[^.]+") do
        value = codec.kind(value) == "object" and value[part] or nil
      end
      return value ~= nil and tostring(value) or ""
    end))
  end
  local rendered = copy(template.attributes)
  rendered.html, rendered.text = fill(rendered.html), fill(rendered.text)
  return answer.one(call, "template",
    { id = template.id, attributes = rendered })
end

local function aggregates(call)
  local measurements = {}
  for _, name in ipairs(call.document.data.attributes.measurements) do
    measurements[name] = codec.array { 0 }
  end
  return answer.content(call, "metric-aggregate", call.world.chance:uuid(), {
    dates = codec.array { "2024-01-01T00:00:00+00:00" },
    data = codec.array { { dimensions = codec.array(),
      measurements = measurements } },
  })
end

local function report(call)
  local statistics = {}
  local series = call.op.path:find("series", 1, true)
  for _, name in ipairs(call.document.data.attributes.statistics) do
    statistics[name] = series and codec.array { 0 } or 0
  end
  return answer.content(call, call.document.data.type,
    call.world.chance:uuid(), {
      results = codec.array { { groupings = {}, statistics = statistics } },
      date_times = series and codec.array { "2024-01-01T00:00:00+00:00" }
        or nil,
    })
end

M.serves = {
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
  ["POST /api/metric-aggregates"] = aggregates,
}

for _, name in ipairs { "campaign-values", "flow-values", "flow-series",
  "form-values", "form-series", "segment-values", "segment-series" } do
  M.serves["POST /api/" .. name .. "-reports"] = report
end

return M
