--- Relationships: what links a resource to others.

local check = require "klaviyo.document.check"
local json = require "klaviyo.values.json"
local list = require "klaviyo.document.list"
local validation_error = require "klaviyo.document.validation_error"

local LINKAGE = {type = true, id = true}

local function identifier(how, kind, value)
  local id = value
  if type(value) == "table" and not json.is_array(value) then
    -- With both, it may be a complete resource from a response.
    local whole = value.id ~= nil and value.type ~= nil
    for name in pairs(value) do
      if not LINKAGE[name] and not whole and not how.lenient then
        return validation_error.unknown("member", name, LINKAGE)
      end
    end
    if value.type ~= nil and value.type ~= kind and not how.lenient then
      return validation_error.wrong("links a %s, not a %s", kind, tostring(value.type))
    end
    id, kind = value.id, value.type or kind
  end
  if type(id) == "string" and id ~= "" or how.lenient then
    return {type = kind, id = id}
  end
  return validation_error.wrong("must be the id of a %s, not %s", kind,
    check.described(id))
end

--- Returns the linkage of a relationship, made from an id, an identifier
--- (`{type=, id=}`), a resource from a response, a list of these, null, or the
--- linkage itself.
---@return table|nil linkage
---@return table|nil validation_error
return function(how, relationship, value)
  if type(value) == "table" and value.data ~= nil then
    return value -- already in JSON:API form
  elseif value == json.null then
    return {data = json.null}
  elseif not relationship.many then
    local one, wrong = identifier(how, relationship.type, value)
    return one and {data = one}, wrong
  end
  if not list.is(value) then
    value = {value}
  end
  local many, wrong = list.each(how, value, identifier, relationship.type)
  return many and {data = many}, wrong
end
