--- The unique_id of an event. With it, an event that is sent again counts once,
--- and two events in the same second count twice. Without it, Klaviyo uses the
--- second of the event as its id.

local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"

local digest = lazy_require "klaviyo.digest"

local M = {}

--- Returns a new id, a UUID of version 4. It uses the random numbers of the
--- operating system, which differ in a forked process.
---@return string
function M.new()
  return digest.uuid()
end

-- The two high bits of the fourth group are RFC 9562's variant.
local VARIANT = {}
for i = 0, 15 do
  VARIANT[("%x"):format(i)] = ("%x"):format(8 + i % 4)
end

--- Returns the id for a seed and a number, always the same one: a UUID of
--- version 8.
---@param seed string  from M.new
---@param number integer
---@return string
function M.derived(seed, number)
  local hex = digest.sha256(("%s %d"):format(seed, number))
  return hex:sub(1, 8) .. "-" .. hex:sub(9, 12) .. "-8" .. hex:sub(14, 16) .. "-"
    .. VARIANT[hex:sub(17, 17)] .. hex:sub(18, 20) .. "-" .. hex:sub(21, 32)
end

--- Returns true if a value is an id. null and "" are not ids: Klaviyo ignores
--- them, and they usually come from an empty field.
---@param value any
---@return boolean
function M.is_given(value)
  return value ~= nil and value ~= json.null and value ~= ""
end

local NONE = {}  -- never written to

local function data_of(value)
  return type(value) == "table" and type(value.data) == "table"
    and value.data or NONE
end

local function attributes_of(resource)
  return type(resource) == "table" and type(resource.attributes) == "table"
    and resource.attributes or NONE
end

local function add_events(list, events)
  for _, event in ipairs(data_of(events)) do
    list[#list + 1] = attributes_of(event)
  end
end

-- Returns the attributes of every event in a document of create_event,
-- bulk_create_events or the /client operations for events.
local function events_of(document)
  local data = data_of(document)
  local attributes = attributes_of(data)
  if data.type == "event" then
    return {attributes}
  end
  local list = {}
  if data.type == "event-bulk-create" then
    add_events(list, attributes.events)
  elseif data.type == "event-bulk-create-job" then
    for _, group in ipairs(data_of(attributes["events-bulk-create"])) do
      add_events(list, attributes_of(group).events)
    end
  end
  return list
end

local function all_have_ids(events)
  for _, attributes in ipairs(events) do
    local id = attributes.unique_id
    if type(id) ~= "string" or id == "" then
      return false
    end
  end
  return #events > 0
end

--- Adds a unique_id to every event of a document that has none, or null or "".
--- A body that is text stays as it is. The ids stay in the document, so that
--- sending it again sends the same ids.
---@param document table|string
---@return boolean  whether all events have an id now, and there are events
function M.ensure(document)
  local events = events_of(document)
  for _, attributes in ipairs(events) do
    if attributes ~= NONE and not M.is_given(attributes.unique_id) then
      attributes.unique_id = M.new()
    end
  end
  return all_have_ids(events)
end

--- Returns true if all events of a document have a unique_id, so that sending it
--- again changes nothing.
---@param document table
---@return boolean
function M.is_everywhere(document)
  return all_have_ids(events_of(document))
end

return M
