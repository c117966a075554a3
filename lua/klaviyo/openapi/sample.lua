--- Makes sample documents as flat tables, with the required members and a few others.

local tables = require "klaviyo.util.tables"

local M = {}

-- The optional names that a sample shows, in order of preference; also the
-- order of all names.
local PREFERRED = {
  "id", "name", "email", "external_id", "title", "profile", "profiles",
  "subscriptions", "marketing", "consent", "channel", "subject", "status",
  "label", "description", "html", "included",
}

local rank = {}
for i, name in ipairs(PREFERRED) do
  rank[name] = i
end

local function by_rank(a, b)
  local one, other = rank[a] or 100, rank[b] or 100
  if one ~= other then
    return one < other
  end
  return a < b
end

-- Values for names for which a value of their type would be meaningless or invalid.
local NAMED = {
  channel = "email",
  city = "Boston",
  currency = "USD",
  description = "What it is about",
  editor_type = "CODE",
  email = "customer@example.com",
  endpoint_url = "https://example.com/webhooks",
  external_id = "SKU123",
  filter = "greater-or-equal(datetime,2024-11-01T00:00:00)",
  first_name = "Jane",
  from_email = "shop@example.com",
  from_label = "The Shop",
  html = "<p>Hello {{ first_name }}</p>",
  import_from_url = "https://example.com/logo.png",
  label = "Summer, by email",
  name = "Summer",
  new_name = "Summer, again",
  phone_number = "+15005550006",
  platform = "ios",
  secret_key = "0123456789abcdef",
  sku = "SKU123-M",
  status = "live",
  subject = "Hello",
  title = "Blue T-Shirt",
  token = "a device's token",
  unique_code = "ASD325FHK324UJDOI2M3JNES99",
  url = "https://example.com/blue-t-shirt",
}

local FORMATTED = {
  ["date-time"] = "2024-11-08T00:00:00+00:00",
  date = "2024-11-08",
}

local FREE = {
  properties = {product_name = "Blue T-Shirt"},
  context = {first_name = "Jane"},
}

-- Optional members that samples show: without them the call has no effect.
local NEEDED = {profile = true, subscriptions = true}

local MAX_OPTIONAL = 2

-- Jobs with the id of the resource that they act on, and ids that are words.
local IDENTIFIERS = {
  ["campaign-send-job"] = "CAMPAIGN_ID",
  ["campaign-recipient-estimation-job"] = "CAMPAIGN_ID",
  ["profile-merge"] = "PROFILE_ID",
  ["mapped-metric"] = "added_to_cart",
  ["webhook-topic"] = "event:klaviyo.sent_sms",
}

local function identifier(kind)
  return IDENTIFIERS[kind] or kind:upper():gsub("[-_]", "_") .. "_ID"
end

local value, resource

local function hyphenless(name)
  return (name:gsub("%-", "_"))
end

local function preferred(members)
  local names = {}
  for name, member in pairs(members) do
    if rank[hyphenless(name)] and not member.read_only then
      names[#names + 1] = name
    end
  end
  if #names == 0 then
    for name, member in pairs(members) do
      if not member.read_only then
        names[#names + 1] = name
      end
    end
  end
  table.sort(names, function(a, b)
    return by_rank(hyphenless(a), hyphenless(b))
  end)
  return names
end

-- Returns the required members; if there are none, a few preferred ones.
local function members_of(members, most)
  local out, required = {}, 0
  local function show(name)
    out[hyphenless(name)] = value(hyphenless(name), members[name])
  end
  for name, member in pairs(members) do
    if member.required then
      show(name)
      required = required + 1
    elseif NEEDED[name] then
      show(name)
    end
  end
  for i, name in ipairs(required == 0 and preferred(members) or {}) do
    if i <= most then
      show(name)
    end
  end
  return out, required
end

local TEXT = {
  string = function(name, member)
    return member.values and member.values[1] or FORMATTED[member.format]
      or NAMED[name] or name:match("_ids?$") and identifier(
        (name:gsub("_ids?$", "")))
      or name:find("url") and "https://example.com/" or "text"
  end,
  integer = function() return 1 end,
  number = function() return 9.99 end,
  boolean = function() return true end,
  any = function() return "text" end,
}

function value(name, member)
  if member.any_of then
    return value(name, member.any_of[1])
  elseif member.type == "list" then
    return {value(name, member.items)}
  elseif member.type == "document" then
    if member.document.type == "metric" and member.document.attributes then
      return "Viewed Product"
    end
    local one = resource(member.document, 1)
    return member.many and {one} or one
  elseif member.type == "object" then
    return member.members and (members_of(member.members, 1))
      or FREE[name] or {a = 1}
  end
  return TEXT[member.type](name, member)
end

function resource(res, most)
  local out, required = {}, 0
  if res.attributes then
    out, required = members_of(res.attributes, most)
  end
  if res.id == "required" then
    out.id = identifier(res.type)
  end
  for i, name in ipairs(tables.sorted(res.relationships)) do
    local one = res.relationships[name]
    -- only one optional relationship is shown: two may exclude each other
    if one.required or i == 1 and (required > 0 or not res.attributes) then
      local id = identifier(one.type)
      out[hyphenless(name)] = one.many and {id} or id
    end
  end
  return out
end

--- Returns the flat table of an operation's document, as a caller would write it.
---@param op table
function M.flat(op)
  local one = resource(op.body.resource, MAX_OPTIONAL)
  if not op.body.many then
    return one
  elseif next(one) == "id" and next(one, "id") == nil then
    return {one.id}
  end
  return {one}
end

local function text_of(item)
  return type(item) == "string" and ("%q"):format(item) or tostring(item)
end

local function written(item, indent, line_length)
  if type(item) ~= "table" then
    return text_of(item)
  end
  local parts, names = {}, {}
  for name in pairs(item) do
    names[#names + 1] = name
  end
  local inner = indent .. "  "
  if #item > 0 then
    for i, one in ipairs(item) do
      parts[i] = written(one, inner, line_length)
    end
  else
    table.sort(names, by_rank)
    for i, name in ipairs(names) do
      parts[i] = name .. " = " .. written(item[name], inner, line_length)
    end
  end
  local short = "{" .. table.concat(parts, ", ") .. "}"
  if #indent + #short <= line_length and not short:find("\n") then
    return short
  end
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. ",\n"
    .. indent .. "}"
end

--- Returns a table as Lua source, in lines of limited length.
---@param item any
---@param line_length integer|nil
function M.written(item, line_length)
  return written(item, "", line_length or 72)
end

return M
