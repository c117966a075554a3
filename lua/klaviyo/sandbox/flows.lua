--- Serves flows with the actions and messages of their definition, and
--- protects templates that a message uses.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local null = json.null

local TRIGGERS = {list = "Added to List", segment = "Added to Segment",
  metric = "Metric", ["low-inventory"] = "Low Inventory",
  ["price-drop"] = "Price Drop"}

-- The action type as older revisions write it.
local function old_type(kind)
  return (kind:upper():gsub("%-", "_"))
end

-- All members of an e-mail message of a flow, with their defaults.
local EMAIL = {from_email = null, from_label = null, reply_to_email = null,
  cc_email = null, bcc_email = null, subject_line = null, preview_text = null,
  template_id = null, smart_sending_enabled = true, transactional = false,
  add_tracking_params = false, custom_tracking_params = null,
  additional_filters = null, name = null}

local function make_message(state, action, settings)
  local all = {}
  for name, value in pairs(EMAIL) do
    all[name] = value
  end
  for name, value in pairs(settings) do
    all[name] = value
  end
  local message = state:make("flow-message", {name = all.name,
    channel = "email", definition = all, content = {
      find_resource = all.subject_line, preview_text = all.preview_text,
      from_email = all.from_email, from_label = all.from_label,
      reply_to_email = all.reply_to_email}})
  all.id = message.id
  relations.set_target(state, "flow-message", message.id, "flow-action", action.id)
  if type(all.template_id) == "string" then
    relations.set_target(state, "flow-message", message.id, "template",
      all.template_id)
  end
  return all
end

local function make_action(state, flow, source)
  local data = json.kind(source.data) == "object" and source.data or {}
  local status = data.status or "draft"
  local action = state:make("flow-action", {
    action_type = old_type(source.type), status = status, settings = {},
    render_options = null, tracking_options = {add_utm = false,
      utm_params = json.array(), is_tracking_opens = true,
      is_tracking_clicks = true},
    send_options = {use_smart_sending = true, is_transactional = false},
    definition = {type = source.type, data = data,
      links = source.links or {next = null}}})
  relations.set_target(state, "flow-action", action.id, "flow", flow.id)
  action.attributes.definition.id = action.id
  if source.type == "send-email" then
    data.status = status
    data.message = make_message(state, action, data.message or {})
  end
  return action
end

-- Links between actions refer to temporary ids.
local function link(actions, ids)
  for _, action in ipairs(actions) do
    local links = action.attributes.definition.links
    for name, id in pairs(json.kind(links) == "object" and links or {}) do
      links[name] = ids[id] or id
    end
  end
end

--- Creates a flow with its actions.
---@param state klaviyo.sandbox.State
---@param attributes table name, definition
---@return table record
function M.make(state, attributes)
  local definition = attributes.definition
  local trigger = (definition.triggers or {})[1] or {}
  local flow = state:make("flow", {name = attributes.name,
    trigger_type = TRIGGERS[trigger.type] or "Unconfigured"})
  local actions, ids, list = {}, {}, json.array()
  local all = definition.actions or {}
  for i = #all, 1, -1 do -- they are created in reverse order
    local source = all[i]
    actions[i] = make_action(state, flow, source)
    ids[source.temporary_id or ""] = actions[i].id
    list[i] = actions[i].attributes.definition
  end
  link(actions, ids)
  state:collection("flow"):change(flow, function()
    flow.attributes.definition = {
      triggers = definition.triggers or json.array(),
      profile_filter = definition.profile_filter or null, actions = list,
      entry_action_id = ids[definition.entry_action_id] or null,
    }
  end)
  return flow
end

local function create(call)
  local flow = M.make(call.state, call.document.data.attributes)
  local values = call.query.values
  values["additional-fields[flow]"] = {"definition"}
  return response.one(call, "flow", flow)
end

-- A template cannot be deleted while a message of a flow uses it.
local function delete_template(call)
  local kind, template = generic.find_resource(call)
  local messages = call.state:collection("flow-message")
  for position = 1, messages.last do
    local message = messages:at(position)
    if message and relations.one(call.state, "flow-message", message.id,
      "template") == template.id then
      error_response.throw(409, "conflict", ("Cannot delete template %s while it is "
        .. "attached to\nFlowMessage %s"):format(template.id, message.id),
        {pointer = "/data"})
    end
  end
  call.state:remove(kind, template)
  return response.empty(call)
end

M.routes = {
  ["POST /api/flows"] = create,
  ["DELETE /api/templates/{id}"] = delete_template,
}

return M
