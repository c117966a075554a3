--- The payload of an event in the outbox: its text in a request of
--- bulk_create_events, where each event comes with its profile, and its id. It
--- does not depend on the account.

local core = require "klaviyo.core"
local documents = require "klaviyo.document.document"
local encoder = require "klaviyo.document.encoder"
local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"
local unique_id = require "klaviyo.request.unique_id"

local M = {}

-- The text before and after the events of a request.
M.before = '{"data":{"type":"event-bulk-create-job","attributes":'
  .. '{"events-bulk-create":{"data":['
M.after = "]}}}}"

-- The maximum of a request: events, and bytes of its body.
M.count, M.bytes = 1000, 5000000

local MAX_EVENT = M.bytes - #M.before - #M.after

local HEAD = '{"type":"event-bulk-create","attributes":{"profile":'
local MIDDLE = ',"events":{"data":[{"type":"event","attributes":'
local TAIL = "}]}}}"

local second, second_text

-- Returns a time in the API's form, to the second, as the API keeps it.
local function text_of(time)
  time = math.floor(time)
  if time ~= second then
    second, second_text = time, os.date("!%Y-%m-%dT%H:%M:%SZ", time)
  end
  return second_text
end

local function attributes_of(event, client)
  local document = event
  if type(event) == "string" then
    document = json.decode(event)
  elseif type(event) ~= "table" then
    usage_error.raise("an event must be a table or the JSON of a document, not %s",
      usage_error.kind(event))
  elseif type(event.data) ~= "table" then
    document = client:document("create_event", event)
  end
  local data = type(document) == "table" and document.data
  local attributes = type(data) == "table" and data.attributes
  if type(attributes) ~= "table" or data.type ~= "event" then
    usage_error.raise("the event is not a document of create_event: "
      .. 'data.type must be "event", with attributes')
  end
  return attributes
end

-- Returns the JSON of an event's profile, that of its other attributes, and its
-- unique_id.
local function parts_of(event, client, now)
  local own, profile = {}, nil
  for name, value in pairs(attributes_of(event, client)) do
    if name == "profile" then
      profile = value
    else
      own[name] = value
    end
  end
  if own.time == nil or own.time == json.null then
    own.time = text_of(now)
  end
  if not unique_id.is_given(own.unique_id) then
    own.unique_id = unique_id.new()
  elseif type(own.unique_id) ~= "string" then
    usage_error.raise("create_event: unique_id must be a string, not %s",
      usage_error.kind(own.unique_id))
  end
  return json.encode(profile or {}), json.encode(own), own.unique_id
end

--- Returns the payload of an event. Without a `time` of its own it gets the
--- current one, not that of sending; its unique_id stays the same in retries.
---@param event table|string  flat, or a document of create_event or its JSON; or
--- what encoder.tracked returned
---@param client klaviyo.Client
---@param now number  seconds since 1970
---@return userdata|nil payload  tostring returns its text; nil: it is too large to
--- be sent
---@return string unique_id  or the reason
function M.of(event, client, now)
  local profile, others, id
  if getmetatable(event) == encoder.TRACKED then
    local op, t, settings, api = event.op, event.event, event.settings, event.api
    profile, others, id = encoder.encode_event(op, t, settings, api, text_of(now))
    if not profile then
      event = documents.build(op, t, settings, api)
    end
  end
  if not profile then
    profile, others, id = parts_of(event, client, now)
  end
  -- a string would cost a quarter of it all under LuaJIT: see csrc/lua/body.h
  local bytes = core.join(HEAD, profile, MIDDLE, others, TAIL)
  if #bytes > MAX_EVENT then
    return nil, ("the event has %d bytes; the maximum is %d"):format(#bytes,
      MAX_EVENT)
  end
  return bytes, id
end

--- Returns the document of create_event for a payload.
---@param text string
---@return table|nil
function M.document(text)
  local group = json.decode(text)
  local attributes = type(group) == "table" and group.attributes
  if type(attributes) ~= "table" then
    return nil
  end
  local event = attributes.events.data[1]
  event.attributes.profile = attributes.profile
  return {data = event}
end

--- Returns the index (from 1) of the event in a request that an error object
--- points to; or nil, and whether it points to something that is not an event.
---@param object table
---@return integer|nil
---@return boolean elsewhere
function M.pointed(object)
  local source = type(object) == "table" and object.source
  local pointer = type(source) == "table" and source.pointer
  if type(pointer) ~= "string" then
    return nil, type(source) == "table" and source.parameter ~= nil
  end
  local index = pointer:match("^/data/attributes/events%-bulk%-create/data/(%d+)")
    or pointer:match("^/data/attributes/events%-bulk%-create/(%d+)")
  if index then
    return tonumber(index) + 1, false
  end
  return nil, false
end

return M
