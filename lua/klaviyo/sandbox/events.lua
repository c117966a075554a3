--- Serves events. An event creates or updates its profile and its metric; a
--- duplicate event is counted once.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local identifiers = require "klaviyo.sandbox.identifiers"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local profiles = require "klaviyo.sandbox.profiles"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local function metric_of(state, data)
  local name = data.attributes.name
  return state:collection("metric"):find("name", name)
    or state:make("metric", {name = name})
end

--- Stores an event.
---@param state klaviyo.sandbox.State
---@param attributes table the attributes of the event
---@param profile table the resource of the profile
---@return table record
---@return boolean created false if the event is a duplicate
function M.track(state, attributes, profile)
  local person = profiles.upsert(state, profile)
  local metric = metric_of(state, attributes.metric.data)
  local time = type(attributes.time) == "string"
    and rfc3339.parse(attributes.time) or state.now()
  time = math.floor(time)
  -- Without a unique_id the time of the event in seconds is used.
  local unique = type(attributes.unique_id) == "string"
    and attributes.unique_id or ("%d"):format(time)
  local counts = state.stats.events
  counts.received = counts.received + 1
  if unique ~= attributes.unique_id then
    counts.unnamed = counts.unnamed + 1
  end
  local dedupe = table.concat({person.id, metric.id, unique}, "\0")
  local events = state:collection("event")
  local record = events:find("dedupe", dedupe)
  if record and record.attributes.unique_id == unique then
    counts.repeated = counts.repeated + 1
    return record, false
  end
  counts.distinct = counts.distinct + 1
  local properties = {}
  for name, value in pairs(attributes.properties or {}) do
    properties[name] = value
  end
  properties["$event_id"] = unique
  properties["$value"] = attributes.value
  properties["$value_currency"] = attributes.value_currency
  record = state:make("event", {
    timestamp = time, datetime = rfc3339.format(time),
    event_properties = properties, uuid = state.random_ids:uuid(),
    unique_id = unique,
    value = attributes.value or json.null,
  })
  events:add_key("dedupe", dedupe, record)
  relations.set_target(state, "event", record.id, "profile", person.id)
  relations.set_target(state, "event", record.id, "metric", metric.id)
  return record, true
end

-- The maximum distance of an event into the future, in seconds.
local MAX_FUTURE = 366 * 86400

-- A metric needs a name, and an event must not be far in the future.
local function check_event(failure, state, attributes, pointer)
  local name = attributes.metric.data.attributes.name
  if type(name) ~= "string" or not name:find("%S") then
    failure:add("invalid", "Metric name cannot be empty.",
      {pointer = pointer .. "/metric/data/attributes/name"})
  end
  local time = type(attributes.time) == "string"
    and rfc3339.parse(attributes.time)
  if time and time > state.now() + MAX_FUTURE then
    failure:add("invalid", "Event time is too far in the future.",
      {pointer = pointer .. "/time"})
  end
end

local GROUPS = "/data/attributes/events-bulk-create/data/%d/attributes"

-- A duplicate unique_id in one request rejects the whole request.
local function check_events(failure, state, events, pointer, unique_ids)
  for i, event in ipairs(events) do
    check_event(failure, state, event.attributes,
      ("%s/events/data/%d/attributes"):format(pointer, i - 1))
    local unique = event.attributes.unique_id
    if type(unique) == "string" then
      if unique_ids[unique] then
        failure:add("invalid", ("Duplicate unique_id '%s'."):format(unique),
          {pointer = ("%s/events/data/%d/attributes/unique_id")
            :format(pointer, i - 1)})
      end
      unique_ids[unique] = true
    end
  end
end

local function check_profile(failure, profile, pointer)
  identifiers.check(failure, profile, pointer .. "/profile/data/attributes")
end

local function create(call)
  local attributes = call.document.data.attributes
  local failure = error_response.new(400)
  check_profile(failure, attributes.profile.data, "/data/attributes")
  check_event(failure, call.state, attributes, "/data/attributes")
  failure:throw()
  M.track(call.state, attributes, attributes.profile.data)
  return response.empty(call)
end

local function bulk(call)
  local attributes = call.document.data.attributes
  local groups = attributes["events-bulk-create"].data
  local failure, unique_ids = error_response.new(400), {}
  for i, group in ipairs(groups) do
    local pointer = GROUPS:format(i - 1)
    check_profile(failure, group.attributes.profile.data, pointer)
    check_events(failure, call.state, group.attributes.events.data, pointer, unique_ids)
  end
  failure:throw()
  for _, group in ipairs(groups) do
    for _, event in ipairs(group.attributes.events.data) do
      M.track(call.state, event.attributes, group.attributes.profile.data)
    end
  end
  return response.empty(call)
end

local function public_bulk(call)
  local attributes = call.document.data.attributes
  local failure = error_response.new(400)
  check_profile(failure, attributes.profile.data, "/data/attributes")
  check_events(failure, call.state, attributes.events.data, "/data/attributes", {})
  failure:throw()
  for _, event in ipairs(attributes.events.data) do
    M.track(call.state, event.attributes, attributes.profile.data)
  end
  return response.empty(call)
end

M.routes = {
  ["POST /api/events"] = create,
  ["POST /api/event-bulk-create-jobs"] = bulk,
  ["POST /client/events"] = create,
  ["POST /client/event-bulk-create"] = public_bulk,
}

return M
