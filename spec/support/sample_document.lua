--- Makes a valid request document for an operation from its record.

local json = require "klaviyo.sandbox.json"

local M = {}

-- By format and by name: values that the service checks.
local BY_FORMAT = {["date-time"] = "2026-07-15T12:00:00+00:00", date = "2026-07-15"}
local BY_NAME = {
  email = "sample@example.com", timezone = "UTC", phone_number = "+15550001",
}

local MAX_DEPTH = 12

local value_of

local function resource(known, how, depth)
  local data = {type = known.type, id = known.id == "required" and how.id or nil}
  for _, name in ipairs {"attributes", "meta"} do
    if known[name] and (known.required[name] or how.full) then
      data[name] = value_of({type = "object", members = known[name]}, nil, how, depth)
    end
  end
  for name, linkage in pairs(known.relationships or {}) do
    if linkage.required or how.full then
      local one = {type = linkage.type, id = how.id}
      data.relationships = data.relationships or {}
      data.relationships[name] = {data = linkage.many and json.array {one} or one}
    end
  end
  return data
end

local MAKE = {
  string = function(member, name)
    return BY_FORMAT[member.format] or BY_NAME[name] or "sample"
  end,
  integer = function() return 1 end,
  number = function() return 1.5 end,
  boolean = function() return true end,
  any = function() return "sample" end,
  list = function(member, name, how, depth)
    return json.array {member.items and value_of(member.items, name, how, depth)}
  end,
  object = function(member, _, how, depth)
    local object = {}
    for name, inner in pairs(member.members or {}) do
      if not inner.read_only and (inner.required or how.full and depth < MAX_DEPTH) then
        object[name] = value_of(inner, name, how, depth + 1)
      end
    end
    return object
  end,
  document = function(member, _, how, depth)
    local data = resource(member.document, how, depth)
    return {data = member.many and json.array {data} or data}
  end,
}

function value_of(member, name, how, depth)
  if member.any_of then
    return value_of(member.any_of[1], name, how, depth)
  elseif member.values then
    return member.values[1]
  end
  return MAKE[member.type](member, name, how, depth)
end

--- Returns a document with the required members, or with all of them.
---@param body table  `body` of an operation's record
---@param full boolean|nil
---@param id string|nil  of resources that the document names
---@return table
function M.of(body, full, id)
  return value_of({type = "document", document = body.resource, many = body.many}, nil,
    {full = full, id = id or "SAMPLE"}, 1)
end

return M
