--- Resources as they are answered: all attributes of the type (null where
-- there is none), or those of the sparse fieldset; relationships; links.

local codec = require "klaviyo.sandbox.codec"
local instant = require "klaviyo.sandbox.instant"
local query = require "klaviyo.sandbox.query"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local RESOURCE = codec.shape { "type", "id", "attributes", "relationships",
  "links" }
local IDENTIFIER = codec.shape { "type", "id" }
local RELATIONSHIP = codec.shape { "data", "links" }
local LINKS = codec.shape { "self", "related", "first", "last", "prev", "next" }

-- To-many relationships that are answered with their data unasked.
local WITH_DATA = {
  ["campaign.campaign-messages"] = true, ["webhook.webhook-topics"] = true,
  ["profile-bulk-import-job.lists"] = true,
}

-- Attributes that are not stored but found out.
local FOUND_OUT = {}

FOUND_OUT["list.profile_count"] = function(world, record)
  return relations.count(world, "list", record.id, "profiles")
end

FOUND_OUT["segment.profile_count"] = function(world, record)
  return relations.count(world, "segment", record.id, "profiles")
end

FOUND_OUT["profile.joined_group_at"] = function(_, record, joined)
  return joined and instant.format(joined) or record.attributes.created
end

FOUND_OUT["profile.subscriptions"] = function(_, record)
  return record.attributes.subscriptions or {
    email = { marketing = { can_receive_email_marketing = true,
      consent = "NEVER_SUBSCRIBED", consent_timestamp = codec.null,
      last_updated = codec.null, method = codec.null,
      suppression = codec.array(), list_suppressions = codec.array() } },
    sms = codec.null, mobile_push = codec.null,
  }
end

FOUND_OUT["profile.predictive_analytics"] = function()
  return { historic_clv = 0, predicted_clv = 0, total_clv = 0,
    historic_number_of_orders = 0, predicted_number_of_orders = 0,
    average_days_between_orders = codec.null, average_order_value = 0,
    churn_probability = codec.null,
    expected_date_of_next_order = codec.null }
end

--- A resource identifier.
---@param kind string
---@param id string
function M.identifier(kind, id)
  return setmetatable({ type = kind, id = id }, IDENTIFIER)
end

--- Links in the order the service writes them.
---@param links table
function M.links(links)
  return setmetatable(links, LINKS)
end

-- The operation's own list of attributes may be longer than the type's.
local function known_names(call, kind)
  local parameter = call.op.query["fields[" .. kind .. "]"]
  return parameter and parameter.values or call.model.fields[kind]
end

local function wanted_names(call, kind, values)
  local known, asked = known_names(call, kind), values["fields[" .. kind .. "]"]
  local model = call.model
  local names, parts = {}, {}
  if asked then
    for _, name in ipairs(asked) do
      local top, rest = name:match("^([^.]+)%.(.*)$")
      top = top or name
      if not parts[top] then
        names[#names + 1] = top
        parts[top] = {}
      end
      table.insert(parts[top], rest or "")
    end
    return names, parts
  end
  local additional, extra = model.additional[kind] or {}, {}
  for _, name in ipairs(values["additional-fields[" .. kind .. "]"] or {}) do
    extra[name] = true
  end
  for _, name in ipairs(known or {}) do
    if not name:find(".", 1, true)
      and (not additional[name] or extra[name]) then
      names[#names + 1] = name
    end
    extra[name] = nil
  end
  for name in pairs(extra) do
    names[#names + 1] = name
  end
  return known and names, parts
end

-- The members of `value` that dotted names ask for.
local function picked(value, paths)
  local out = {}
  for _, path in ipairs(paths) do
    if path == "" or codec.kind(value) ~= "object" then
      return value
    end
    local from, to = value, out
    local head, rest = path:match("^([^.]+)%.?(.*)$")
    while rest ~= "" and codec.kind(from[head]) == "object" do
      from = from[head]
      to[head] = to[head] or {}
      to = to[head]
      head, rest = rest:match("^([^.]+)%.?(.*)$")
    end
    to[head] = from[head]
  end
  return out
end

local function attributes_of(world, kind, names, parts)
  local shape = names and codec.shape(names)
  return function(record, joined)
    if not names then
      return record.attributes
    end
    local out, have = {}, record.attributes
    for i = 1, #names do
      local name = names[i]
      local value = have[name]
      if value == nil then
        local find_out = FOUND_OUT[kind .. "." .. name]
        value = find_out and find_out(world, record, joined)
        if value == nil then
          value = codec.null
        end
      end
      if parts[name] then
        value = picked(value, parts[name])
      end
      out[name] = value
    end
    return setmetatable(out, shape)
  end
end

local function linkage(world, kind, id, name, about, with_data)
  if not about.many then
    local target = relations.one(world, kind, id, name)
    return target
      and M.identifier(about.kind or relations.target(name), target) or nil
  elseif not with_data and not WITH_DATA[kind .. "." .. name] then
    return nil
  end
  local list = codec.array()
  local sequence = relations.sequence(world, kind, id, name, about.kind)
  for place = 1, sequence.last do
    local record = sequence.at(place)
    if record then
      list[#list + 1] = M.identifier(about.kind or relations.target(name),
        record.id)
    end
  end
  return list
end

-- Links are most of a long page, and alike but for the id: they are written
-- once, in pieces that the id is put between.
local function link_pieces(links)
  local pieces = {}
  local text = codec.encode(links):gsub("\\u0000", "\0")
  for piece in (text .. "\0"):gmatch("([^%z]*)%z") do
    pieces[#pieces + 1] = piece
  end
  return function(id)
    return codec.raw(table.concat(pieces, id))
  end
end

local function links_of(own, name)
  return M.links {
    self = own .. "relationships/" .. name .. "/",
    related = own .. name .. "/",
  }
end

-- The relationships that are answered, and what writes them.
local function relationships_of(world, kind, names, about, include, base)
  local plain = {}
  local with_data = false
  for _, name in ipairs(names) do
    with_data = with_data or not about[name].many or include[name]
      or WITH_DATA[kind .. "." .. name]
    plain[name] = { links = links_of(base .. "\0/", name) }
  end
  local shape = codec.shape(names)
  if not with_data then
    return link_pieces(setmetatable(plain, shape))
  end
  return function(escaped, id)
    local out = setmetatable({}, shape)
    for _, name in ipairs(names) do
      out[name] = setmetatable({
        data = linkage(world, kind, id, name, about[name], include[name]),
        links = links_of(base .. escaped .. "/", name),
      }, RELATIONSHIP)
    end
    return out
  end
end

--- What turns records of a type into answered resources, for one request.
---@param call table world, model, op
---@param kind string
---@param values table the query's parameters that count
---@return fun(record: table, joined: number|nil): table
function M.view(call, kind, values)
  local world, model = call.world, call.model
  local names, parts = wanted_names(call, kind, values)
  local attributes = attributes_of(world, kind, names, parts)
  local base = ("%s/api/%s/"):format(world.settings.link_base,
    model.collections[kind] or kind .. "s")
  local include = {}
  for _, path in ipairs(values.include or {}) do
    include[path:match("^[^.]+")] = true
  end
  -- A sparse fieldset leaves out relationships, but what is included is
  -- found through them.
  local sparse = values["fields[" .. kind .. "]"] ~= nil
  local about, related = model.relationships[kind] or {}, {}
  for _, name in ipairs(about) do
    if not sparse or include[name] then
      related[#related + 1] = name
    end
  end
  local relationships = #related > 0
    and relationships_of(world, kind, related, about, include, base)
  local links = link_pieces({ self = base .. "\0/" })
  return function(record, joined)
    local id = record.id
    local escaped = query.escape(id)
    return setmetatable({
      type = kind, id = id, attributes = attributes(record, joined),
      relationships = relationships and relationships(escaped, id) or nil,
      links = links(escaped),
    }, RESOURCE)
  end
end

return M
