--- What is kept of an event: the text that stands for it in a request of
--- bulk_create_events, where each event comes with its profile, and what
--- identifies it. Nothing of it depends on whose account it is for.

local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"
local unique_id = require "klaviyo.request.unique_id"

local M = {}

-- What stands around the events of a request.
M.before = '{"data":{"type":"event-bulk-create-job","attributes":'
  .. '{"events-bulk-create":{"data":['
M.after = "]}}}}"

-- What the service takes at once: events, and bytes of a body.
M.count, M.bytes = 1000, 5000000

local MOST = M.bytes - #M.before - #M.after

local HEAD = '{"type":"event-bulk-create","attributes":{"profile":'
local MIDDLE = ',"events":{"data":[{"type":"event","attributes":'
local TAIL = "}]}}}"

local second, second_text

--- A time as the API has it, to the second, as it has it.
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
    usage_error.raise("an event is a table or a document's JSON, not %s",
      usage_error.kind(event))
  elseif type(event.data) ~= "table" then
    document = client:document("create_event", event)
  end
  local data = type(document) == "table" and document.data
  local attributes = type(data) == "table" and data.attributes
  if type(attributes) ~= "table" or data.type ~= "event" then
    usage_error.raise("this is no document of create_event")
  end
  return attributes
end

--- An event as it is kept. It happened now, unless it says otherwise, and not
--- when it will be sent; and it is the same however often that is.
---@param event table|string  flat, or a document of create_event or its JSON
---@param client klaviyo.Client
---@param now number  seconds since 1970
---@return string|nil payload  nil: it is too large ever to be sent
---@return string unique_id  or what is wrong
function M.of(event, client, now)
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
  local text = HEAD .. json.encode(profile or {}) .. MIDDLE
    .. json.encode(own) .. TAIL
  if #text > MOST then
    return nil, ("the event takes %d bytes; %d can be sent"):format(#text, MOST)
  end
  return text, own.unique_id
end

--- The document of create_event that a kept event was.
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

--- Which event of a request an error object points to, from 1; or nil, and
--- whether it points to something that is no event.
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
