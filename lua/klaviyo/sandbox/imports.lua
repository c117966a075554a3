--- Serves jobs for many profiles: import, subscription and suppression.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local identifiers = require "klaviyo.sandbox.identifiers"
local jobs = require "klaviyo.sandbox.jobs"
local profiles = require "klaviyo.sandbox.profiles"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"
local subscriptions = require "klaviyo.sandbox.subscriptions"

local M = {}

local AT = "/data/attributes/profiles/data/%d/attributes"

local MAX_BYTES, MAX_UNMEASURED = 500000, 1000

-- Returns roughly how many of `left` bytes remain after a value. Most profiles
-- are short and need not be encoded to be measured.
local function remaining_bytes(value, left)
  if type(value) == "string" then
    return left - #value
  elseif type(value) ~= "table" then
    return left - 8
  end
  for _, member in pairs(value) do
    left = remaining_bytes(member, left - 8)
    if left < 0 then
      break
    end
  end
  return left
end

local function check_bytes(failure, profile, pointer)
  if remaining_bytes(profile, MAX_UNMEASURED) < 0
    and #json.encode(profile) > MAX_BYTES then
    failure:add("invalid", ("A profile may have at most %d bytes."):format(MAX_BYTES),
      {pointer = pointer})
  end
end

-- One malformed profile rejects the whole request.
local function check_all(list, require_identifier)
  local failure = error_response.new(400)
  for i, profile in ipairs(list) do
    local pointer = AT:format(i - 1)
    if require_identifier then
      identifiers.require_any(failure, profile, pointer)
    end
    identifiers.check(failure, profile, pointer)
    check_bytes(failure, profile, pointer)
  end
  failure:throw()
end

local function related(data, name)
  local one = ((data.relationships or {})[name] or {}).data
  return one ~= json.null and one or nil
end

local function import(call)
  local state, data = call.state, call.document.data
  local list = data.attributes.profiles.data
  check_all(list, true)
  local counts = state.stats.imports
  local ids, errors = {}, {}
  for i, profile in ipairs(list) do
    local detail, member = identifiers.import_error(profile)
    if detail then
      errors[#errors + 1] = {code = "invalid", title = "Invalid input.",
        detail = detail, original_payload = profile.attributes,
        source = {pointer = AT:format(i - 1) .. "/" .. member}}
    else
      local record, created = profiles.upsert(state, profile)
      ids[#ids + 1] = record.id
      local outcome = created and "made" or "updated"
      counts[outcome] = counts[outcome] + 1
    end
  end
  counts.records = counts.records + #list
  counts.failed = counts.failed + #errors
  local job = jobs.make(call, data.type, #list, errors)
  relations.add(state, data.type, job.id, "profiles", ids)
  for _, to in ipairs(related(data, "lists") or {}) do
    relations.add(state, data.type, job.id, "lists", {to.id})
    relations.add(state, "list", to.id, "profiles", ids)
  end
  return response.one(call, data.type, job)
end

-- A subscription creates a profile for an unknown address only if it names a
-- list or is marked as historical.
local function subscription(consent, on_list)
  return function(call)
    local state, data = call.state, call.document.data
    local list = related(data, "list")
    local creates = list ~= nil or data.attributes.historical_import == true
    check_all(data.attributes.profiles.data)
    for _, profile in ipairs(data.attributes.profiles.data) do
      local asked = profile.attributes.subscriptions
      profile.attributes.subscriptions = nil
      local record = creates and profiles.upsert(state, profile)
        or profiles.find(state, profile)
      if record then
        subscriptions.consent(state, record, asked, consent)
        if list then
          on_list(state, "list", list.id, "profiles", {record.id})
        end
      end
    end
    return response.empty(call)
  end
end

-- Returns the profiles that a suppression applies to.
local function suppression_targets(call, data)
  local state = call.state
  local by_profiles = (data.attributes or {}).profiles
  by_profiles = by_profiles ~= json.null and by_profiles or nil
  local list, segment = related(data, "list"), related(data, "segment")
  local ways = (by_profiles and 1 or 0) + (list and 1 or 0) + (segment and 1 or 0)
  if ways ~= 1 then
    error_response.throw(400, "invalid",
      "Exactly one of profiles, list and segment is required.",
      {pointer = "/data/attributes/profiles"})
  end
  local records = {}
  if by_profiles then
    check_all(by_profiles.data)
    for i, profile in ipairs(by_profiles.data) do
      records[i] = profiles.upsert(state, profile)
    end
    return records
  end
  local group = list or segment
  local members = relations.sequence(state, group.type, group.id, "profiles")
  for position = 1, members.last do
    records[#records + 1] = members.at(position)
  end
  return records
end

local function suppression(suppressed)
  return function(call)
    local state, data = call.state, call.document.data
    local records = suppression_targets(call, data)
    for _, record in ipairs(records) do
      subscriptions.suppress(state, record, suppressed)
    end
    local job = jobs.make(call, data.type, #records)
    job.attributes.completed_at = state:timestamp()
    generic.relate(call, data.type, job, data.relationships)
    for _, name in ipairs {"list", "segment"} do
      local one = related(data, name)
      relations.add(state, data.type, job.id, name .. "s", {one and one.id})
    end
    return response.one(call, data.type, job)
  end
end

--- The operations of this module, by method and path.
M.routes = {
  ["POST /api/profile-bulk-import-jobs"] = import,
  ["POST /api/profile-subscription-bulk-create-jobs"] =
    subscription("SUBSCRIBED", relations.add),
  ["POST /api/profile-subscription-bulk-delete-jobs"] =
    subscription("UNSUBSCRIBED", relations.remove),
  ["POST /api/profile-suppression-bulk-create-jobs"] = suppression(true),
  ["POST /api/profile-suppression-bulk-delete-jobs"] = suppression(false),
}

return M
