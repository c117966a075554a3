--- Writes indented JSON, with type and id before the other members.

local json = require "klaviyo.values.json"

local FIRST = {type = 1, id = 2, attributes = 3, relationships = 4, meta = 5}

local function before(a, b)
  local one, other = FIRST[a] or 9, FIRST[b] or 9
  if one ~= other then
    return one < other
  end
  return a < b
end

local function written(value, indent)
  if type(value) ~= "table" then
    return json.encode({value}):sub(2, -2)
  end
  local inner, parts = indent .. "  ", {}
  local open, close = "{", "}"
  if #value > 0 then
    open, close = "[", "]"
    for i, item in ipairs(value) do
      parts[i] = written(item, inner)
    end
  else
    local names = {}
    for name in pairs(value) do
      names[#names + 1] = name
    end
    table.sort(names, before)
    for i, name in ipairs(names) do
      parts[i] = ('"%s": %s'):format(name, written(value[name], inner))
    end
  end
  local short = open .. table.concat(parts, ", ") .. close
  if #indent + #short <= 72 and not short:find("\n") then
    return short
  end
  return ("%s\n%s%s\n%s%s"):format(open, inner,
    table.concat(parts, ",\n" .. inner), indent, close)
end

--- Returns a document as indented JSON.
---@param value table
---@return string
return function(value)
  return written(value, "")
end
