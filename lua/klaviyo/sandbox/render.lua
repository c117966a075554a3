--- Renders resources for responses: all attributes of the type (null if one
--- has no value) or those of the sparse fieldset, relationships and links.

local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local query = require "klaviyo.sandbox.query"
local relations = require "klaviyo.sandbox.relations"
local subscriptions = require "klaviyo.sandbox.subscriptions"

local M = {}

local RESOURCE = json.shape {"type", "id", "attributes", "relationships",
  "links"}
local IDENTIFIER = json.shape {"type", "id"}
local RELATIONSHIP = json.shape {"data", "links"}
local LINKS = json.shape {"self", "related", "first", "last", "prev", "next"}

-- To-many relationships whose data is included without a request for it.
local WITH_DATA = {
  ["campaign.campaign-messages"] = true, ["webhook.webhook-topics"] = true,
  ["profile-bulk-import-job.lists"] = true,
}

-- Links that the service leaves out of a relationship.
local MISSING_LINKS = {
  ["webhook.webhook-topics"] = {self = true, related = true},
  ["profile-bulk-import-job.import-errors"] = {self = true},
}

-- Attributes that are computed instead of stored.
local COMPUTED = {}

COMPUTED["list.profile_count"] = function(state, record)
  return relations.count(state, "list", record.id, "profiles")
end

COMPUTED["segment.profile_count"] = function(state, record)
  return relations.count(state, "segment", record.id, "profiles")
end

-- The beta revisions name the times of a message like those of other types.
for beta, stable in pairs {created = "created_at", updated = "updated_at"} do
  COMPUTED["campaign-message." .. beta] = function(_, record)
    return record.attributes[stable]
  end
end

COMPUTED["profile.joined_group_at"] = function(_, record, joined)
  return joined and rfc3339.format(joined) or record.attributes.created
end

COMPUTED["profile.predictive_analytics"] = function()
  return {historic_clv = 0, predicted_clv = 0, total_clv = 0,
    historic_number_of_orders = 0, predicted_number_of_orders = 0,
    average_days_between_orders = json.null, average_order_value = 0,
    churn_probability = json.null,
    expected_date_of_next_order = json.null}
end

-- Attributes whose response differs from what is stored.
local CONVERTED = {}

-- How long a new segment is processing, in seconds.
local SEGMENT_PROCESSING = 10

CONVERTED["segment.is_processing"] = function(value, state, record)
  return value == true and record.created ~= nil
    and state.clock() < record.created + SEGMENT_PROCESSING
end

CONVERTED["profile.location"] = function(value)
  local location = {}
  for _, name in ipairs {"address1", "address2", "city", "country",
    "latitude", "longitude", "region", "zip", "timezone", "ip"} do
    local have = json.kind(value) == "object" and value[name]
    location[name] = have == nil and json.null or have or json.null
  end
  return location
end

-- A request has a number here, a response a string.
CONVERTED["coupon.monitor_configuration"] = function(value)
  local threshold = json.kind(value) == "object"
    and json.to_number(value.low_balance_threshold)
  return threshold and {low_balance_threshold = ("%d"):format(threshold)}
    or value
end

CONVERTED["profile.subscriptions"] = subscriptions.render

-- The path of the URL may hold a secret and is masked.
CONVERTED["webhook.endpoint_url"] = function(value)
  local origin = type(value) == "string" and value:match("^%w+://[^/?#]+")
  return origin and origin .. "/*****" or value
end

--- Returns a resource identifier.
---@param kind string
---@param id string
function M.identifier(kind, id)
  return setmetatable({type = kind, id = id}, IDENTIFIER)
end

--- Sets the order in which the service writes links.
---@param links table
function M.links(links)
  return setmetatable(links, LINKS)
end

-- Attributes that only responses to writing operations have.
local ONLY_AFTER_WRITING = {profile = {"anonymous_id", "whatsapp_bsuid"}}

-- Operations whose response has its own attributes.
local OWN_SHAPE = {
  ["/api/campaign-message-assign-template"] = {"label", "channel", "content",
    "send_times", "created_at", "updated_at"},
}

-- The attributes of the operation may be more than those of the type.
local function known_names(call, kind)
  local parameter = call.op.query["fields[" .. kind .. "]"]
  return OWN_SHAPE[call.op.path]
    or parameter and parameter.values or call.model.fields[kind]
end

-- The fields of many types include the id, which is not an attribute.
local function add_name(names, parts, name)
  local top, rest = name:match("^([^.]+)%.(.*)$")
  top = top or name
  if top == "id" then
    return
  elseif not parts[top] then
    names[#names + 1] = top
    parts[top] = {}
  end
  table.insert(parts[top], rest or "")
end

local function requested_names(call, kind, values)
  local known, requested = known_names(call, kind), values["fields[" .. kind .. "]"]
  local names, parts = {}, {}
  local additional = call.model.additional[kind] or {}
  for _, name in ipairs(requested or known or {}) do
    if requested or not name:find(".", 1, true) and not additional[name] then
      add_name(names, parts, name)
    end
  end
  if not requested and call.op.method ~= "GET" then
    for _, name in ipairs(ONLY_AFTER_WRITING[kind] or {}) do
      add_name(names, parts, name)
    end
  end
  for _, name in ipairs(values["additional-fields[" .. kind .. "]"] or {}) do
    add_name(names, parts, name)
  end
  return (requested or known) and names, parts
end

-- Returns the members of `value` that the dotted names select.
local function pick_members(value, paths)
  local out = {}
  for _, path in ipairs(paths) do
    if path == "" or json.kind(value) ~= "object" then
      return value
    end
    local from, to = value, out
    local head, rest = path:match("^([^.]+)%.?(.*)$")
    while rest ~= "" and json.kind(from[head]) == "object" do
      from = from[head]
      to[head] = to[head] or {}
      to = to[head]
      head, rest = rest:match("^([^.]+)%.?(.*)$")
    end
    to[head] = from[head]
  end
  return out
end

-- The operation that writes a time responds with fractions of a second; later
-- responses have what is stored.
local function value_of(call, kind, record, name, joined)
  local key = kind .. "." .. name
  local value = call.op.method ~= "GET" and record.fresh and record.fresh[name]
    or record.attributes[name]
  if value == nil and COMPUTED[key] then
    value = COMPUTED[key](call.state, record, joined)
  end
  if CONVERTED[key] then
    value = CONVERTED[key](value, call.state, record, call.model)
  end
  return value == nil and json.null or value
end

local function attributes_of(call, kind, names, parts)
  local shape = names and json.shape(names)
  return function(record, joined)
    if not names then
      return record.attributes
    end
    local out = {}
    for i = 1, #names do
      local name = names[i]
      local value = value_of(call, kind, record, name, joined)
      out[name] = parts[name][1] ~= "" and pick_members(value, parts[name]) or value
    end
    return setmetatable(out, shape)
  end
end

local function linkage(state, kind, id, name, about, with_data)
  if not about.many then
    local target = relations.one(state, kind, id, name)
    return target
      and M.identifier(about.kind or relations.target_type(name), target)
      or with_data and json.null or nil
  elseif not with_data and not WITH_DATA[kind .. "." .. name] then
    return nil
  end
  local list = json.array()
  local sequence = relations.sequence(state, kind, id, name, about.kind)
  for position = 1, sequence.last do
    local record = sequence.at(position)
    if record then
      list[#list + 1] = M.identifier(about.kind or relations.target_type(name),
        record.id)
    end
  end
  return list
end

-- Links are most of a long page and differ only in the id: they are encoded
-- once, in pieces between which the id is inserted.
local function link_pieces(links)
  local pieces = {}
  local text = json.encode(links):gsub("\\u0000", "\0")
  for piece in (text .. "\0"):gmatch("([^%z]*)%z") do
    pieces[#pieces + 1] = piece
  end
  return function(id)
    return json.raw(table.concat(pieces, id))
  end
end

local function links_of(own, kind, name)
  local without = MISSING_LINKS[kind .. "." .. name] or {}
  if without.self and without.related then
    return nil
  end
  return M.links {
    self = not without.self and own .. "relationships/" .. name .. "/" or nil,
    related = own .. name .. "/",
  }
end

-- Returns a function that renders the relationships of a resource.
local function relationships_of(state, kind, names, about, include, base)
  local plain = {}
  local with_data = false
  for _, name in ipairs(names) do
    with_data = with_data or not about[name].many or include[name]
      or WITH_DATA[kind .. "." .. name]
    plain[name] = {links = links_of(base .. "\0/", kind, name)}
  end
  local shape = json.shape(names)
  if not with_data then
    return link_pieces(setmetatable(plain, shape))
  end
  return function(escaped, id)
    local out = setmetatable({}, shape)
    for _, name in ipairs(names) do
      out[name] = setmetatable({
        data = linkage(state, kind, id, name, about[name], include[name]),
        links = links_of(base .. escaped .. "/", kind, name),
      }, RELATIONSHIP)
    end
    return out
  end
end

-- A profile that is read has `conversations`, all other responses have
-- `conversation`.
local OMITTED_ON_READ = {["/api/profiles"] = "conversation",
  ["/api/profiles/{id}"] = "conversation"}

-- Types whose resources have no link.
local UNLINKED = {["import-error"] = true}

local function relationship_names(call, kind, primary)
  if call.op.path == "/api/forms/{id}" and primary then
    return {} -- a form has its definition instead
  end
  local omitted = kind == "profile" and (primary and call.op.method == "GET"
    and OMITTED_ON_READ[call.op.path] or "conversations")
    -- A message with flat attributes has no image.
    or OWN_SHAPE[call.op.path] and "image"
  local names = {}
  for _, name in ipairs(call.model.in_responses[kind] or {}) do
    names[#names + 1] = name ~= omitted and name or nil
  end
  return names
end

--- Returns a function that renders records of a type for one request.
---@param call table state, model, op
---@param kind string
---@param values table the query parameters to apply
---@param primary boolean|nil true for primary data, nil for included resources
---@return fun(record: table, joined: number|nil): table
function M.renderer(call, kind, values, primary)
  local state, model = call.state, call.model
  local names, parts = requested_names(call, kind, values)
  local attributes = attributes_of(call, kind, names, parts)
  local base = ("%s/api/%s/"):format(state.settings.link_base,
    model.collections[kind] or kind .. "s")
  local include = {}
  for _, path in ipairs(values.include or {}) do
    include[path:match("^[^.]+")] = true
  end
  local about, related = model.relationships[kind] or {},
    relationship_names(call, kind, primary)
  local relationships = #related > 0
    and relationships_of(state, kind, related, about, include, base)
  local links = not UNLINKED[kind] and link_pieces({self = base .. "\0/"})
  return function(record, joined)
    local id = record.id
    local escaped = query.escape(id)
    return setmetatable({
      type = kind, id = id, attributes = attributes(record, joined),
      relationships = relationships and relationships(escaped, id) or nil,
      links = links and links(escaped) or nil,
    }, RESOURCE)
  end
end

return M
