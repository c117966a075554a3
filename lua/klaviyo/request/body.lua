--- The body of a request. Events get the ids by which the service knows them again, so
--- that a retry does not create an event twice.

local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local form = lazy_require "klaviyo.request.multipart"
local json = lazy_require "klaviyo.values.json"
local unique_id = lazy_require "klaviyo.request.unique_id"

local M = {}

-- POSTs that upsert: repeating them has no further effect.
local UPSERTS = {
  ["/api/profile-import"] = true,
  ["/api/profile-bulk-import-jobs"] = true,
}

local EVENTS = {
  ["/api/events"] = true, ["/api/event-bulk-create-jobs"] = true,
  ["/client/events"] = true, ["/client/event-bulk-create"] = true,
}

--- Returns the bytes of a body: a string as it is, a table as JSON.
---@param value any
---@return string|userdata
function M.bytes(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "table" then
    return json.encode_body(value)
  end
  usage_error.raise("body must be a table or a string, not %s", usage_error.kind(value))
end

local function is_form(op)
  return op.body and op.body.style == "multipart"
end

-- The members that lead to the attributes of events, and the length of the
-- longest path (data, attributes, events-bulk-create, data, an item,
-- attributes, events, data, an item, attributes).
local PATH = {
  data = true, attributes = true, events = true, ["events-bulk-create"] = true,
}
local MAX_PATH = 10

-- Copies the tables on these paths; all other members are shared.
local function copy(value, levels)
  local class = getmetatable(value)
  if type(value) ~= "table" or levels < 0 or class and class.__tojson then
    return value
  end
  local made = {}
  for key, member in pairs(value) do
    local leads_on = PATH[key] or type(key) == "number"
    made[key] = leads_on and copy(member, levels - 1) or member
  end
  return setmetatable(made, class)
end

-- Adds ids to events: in a copy, because the caller may reuse its table for the
-- next event, which needs another id. In the library's own document of an event
-- only the properties are the caller's tables. Also returns whether all events
-- have an id.
local function with_ids(body, owned)
  if type(body) == "string" then
    return body, unique_id.is_everywhere(json.decode(body))
  elseif type(body) ~= "table" then
    return body, true
  elseif not (owned and body.data.type == "event") then
    if unique_id.is_everywhere(body) then
      return body, true
    end
    body = copy(body, MAX_PATH)
  end
  return body, unique_id.ensure(body)
end

--- Returns whether a request is idempotent: with every method but POST (RFC 9110,
--- 9.2.2; a PATCH here sets members to values), with upserts, and with events that
--- have an id.
---@param op table
---@param has_ids boolean  if the body has events, each has an id
---@return boolean
function M.is_repeatable(op, has_ids)
  return op.method ~= "POST" or UPSERTS[op.path] or has_ids and EVENTS[op.path]
    or false
end

-- Returns the body, and whether the request is idempotent.
local function prepared_body(op, body, owned)
  if EVENTS[op.path] then
    if owned and type(body) == "userdata" then
      return body, true  -- the encoder gave it an id
    end
    return with_ids(body, owned)
  end
  return body, M.is_repeatable(op, false)
end

local function refuse_no_body(op)
  if is_form(op) then
    usage_error.raise("%s needs a body: a table of its fields", op.id)
  elseif op.body then
    usage_error.raise("%s needs a body: body = klaviyo.document(%q, {…})", op.id,
      op.id)
  end
end

--- Adds the body to the request of an operation: the members body, document, form and
--- repeatable of request.lua.
---@param request table
---@param op table
---@param value any  the argument `body`
---@param owned boolean|nil  the library built it
function M.add(request, op, value, owned)
  local body, repeatable = prepared_body(op, value, owned)
  request.repeatable = repeatable
  if body == nil then
    refuse_no_body(op)
  elseif is_form(op) then
    request.form = form.build(op, body)
  elseif owned and type(body) == "userdata" then
    request.body = body
  else
    request.body = M.bytes(body)
    request.document = type(body) == "table" and body
      or op.page and op.page.style == "body" and json.decode(body) or nil
  end
end

return M
