--- The consent of profiles: stored by channel and message type, rendered with
--- all the members that the service has.

local json = require "klaviyo.sandbox.json"

local M = {}

local null = json.null

local NEVER = "NEVER_SUBSCRIBED"

-- The first revisions that have these channels.
local WHATSAPP_SINCE, TRACKING_SINCE = "2025-07-15", "2026-04-15"

local function email()
  return {can_receive_email_marketing = true, consent = NEVER,
    consent_timestamp = null, last_updated = null, method = null,
    method_detail = null, custom_method_detail = null, double_optin = null,
    suppression = json.array(), list_suppressions = json.array()}
end

local function sms(kind)
  return {["can_receive_sms_" .. kind] = false, consent = NEVER,
    consent_timestamp = null, method = null, method_detail = null,
    last_updated = null}
end

local function tracking()
  return {consent = NEVER, consent_timestamp = null, last_updated = null,
    created_timestamp = null, metadata = null, can_receive = false,
    valid_until = null}
end

local function all(model)
  local of_email = {marketing = email()}
  if model.date >= TRACKING_SINCE then
    of_email.open_tracking, of_email.click_tracking = tracking(), tracking()
  end
  return {
    email = of_email,
    sms = {marketing = sms "marketing", transactional = sms "transactional"},
    mobile_push = {marketing = {can_receive_push_marketing = false,
      consent = NEVER, consent_timestamp = null}},
    whatsapp = model.date >= WHATSAPP_SINCE and null or nil,
  }
end

--- Returns the subscriptions of a profile for a response.
---@param value table|nil what is stored: channel → kind of message → members
---@param _ table
---@param record table the record of the profile
---@param model table the model of the revision
---@return table
function M.render(value, _, record, model)
  local result = all(model)
  for channel, kinds in pairs(value or {}) do
    for kind, members in pairs(result[channel] and kinds or {}) do
      for name, member in pairs(result[channel][kind] and members or {}) do
        result[channel][kind][name] = member
      end
    end
  end
  local marketing, text = result.email.marketing, result.sms.marketing
  marketing.can_receive_email_marketing = type(record.attributes.email)
    == "string" and marketing.consent ~= "UNSUBSCRIBED"
    and #marketing.suppression == 0
  text.can_receive_sms_marketing = text.consent == "SUBSCRIBED"
  return result
end

local function stored_consent(record, channel, kind)
  local have = record.attributes.subscriptions or {}
  have[channel] = have[channel] or {}
  have[channel][kind] = have[channel][kind] or {}
  return have, have[channel][kind]
end

--- Records consent for the requested channels; for e-mail and SMS, if none is
--- requested.
---@param state klaviyo.sandbox.State
---@param record table the record of the profile
---@param requested table|nil channel → kind of message → consent
---@param consent string "SUBSCRIBED" or "UNSUBSCRIBED"
function M.consent(state, record, requested, consent)
  local timestamp = state:timestamp()
  local subscriptions = record.attributes.subscriptions
  for _, channel in ipairs {"email", "sms"} do
    if requested == nil or json.kind(requested[channel]) == "object" then
      local kinds = requested and requested[channel] or {marketing = true}
      for kind in pairs(kinds) do
        local have, members = stored_consent(record, channel, kind)
        subscriptions = have
        record.attributes.subscriptions = have
        members.consent, members.last_updated = consent, timestamp
        members.consent_timestamp = timestamp
        members.method = "API"
      end
    end
  end
  state:update("profile", record, {subscriptions = subscriptions})
end

--- Suppresses a profile for e-mail, or ends the suppression.
---@param state klaviyo.sandbox.State
---@param record table the record of the profile
---@param suppressed boolean
function M.suppress(state, record, suppressed)
  local timestamp = state:timestamp()
  local have, members = stored_consent(record, "email", "marketing")
  members.suppression = json.array {
    suppressed and {reason = "USER_SUPPRESSED", timestamp = timestamp} or nil}
  members.last_updated = timestamp
  state:update("profile", record, {subscriptions = have})
end

return M
