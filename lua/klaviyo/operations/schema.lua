--- Reads the schemas of the revision files, in the format that format.lua
--- describes. A named schema is read when it is first used.

local M = {}

local expression

-- `s` is a cursor over the text of one expression.
local function peek(s)
  return s.text:sub(s.at, s.at)
end

local function take(s, pattern)
  local found, stop = s.text:match("^(" .. pattern .. ")()", s.at)
  if found then
    s.at = stop
  end
  return found
end

local function want(s, character)
  if peek(s) ~= character then
    error(("expected %s at %d of %s"):format(character, s.at, s.text))
  end
  s.at = s.at + 1
end

local CONSTANT = {["true"] = true, ["false"] = false}

local function values(s, kind)
  local list = {}
  repeat
    local value
    if peek(s) == '"' then
      value = take(s, '"[^"]*"'):sub(2, -2)
    else
      value = take(s, "[^,)]+")
      if kind == "integer" or kind == "number" then
        value = tonumber(value)
      elseif kind == "boolean" then
        value = CONSTANT[value]
      end
    end
    list[#list + 1] = value
  until not take(s, ",")
  want(s, ")")
  return list
end

-- A reference to a named schema, which is read when a member of it is first
-- used. So a part of a document that is not used costs nothing, and a schema may
-- contain itself.
local function reference(s, name)
  local class, target = {}, nil
  function class.target()
    target = target or s.named(name)
    class.__index = target  -- later reads then need no call
    return target
  end
  function class.__index(_, key)
    return class.target()[key]
  end
  return setmetatable({ref = name}, class)
end

--- Returns the schema that a reference names, or the member itself if it is not a
--- reference. A reference has its own `required`, `nullable` and `read_only`;
--- `pairs` sees only those.
---@param member table
---@return table
function M.target(member)
  local mt = getmetatable(member)
  while mt and mt.target do
    member = mt.target()
    mt = getmetatable(member)
  end
  return member
end

local function member_list(s, read)
  local list = {}
  want(s, "{")
  while not take(s, "}") do
    local name = take(s, "[%w_$-]-%f[^%w_$-]")
    -- "a->b": the hyphen is the arrow's
    if name:sub(-1) == "-" and peek(s) == ">" then
      name, s.at = name:sub(1, -2), s.at - 1
    end
    local mark = take(s, "[!~]")
    local member = read(s)
    member.required = mark == "!" or nil
    member.read_only = mark == "~" or nil
    list[name] = member
    take(s, " ")
  end
  return list
end

local function attribute(s)
  want(s, ":")
  return expression(s)
end

local function linkage(s)
  take(s, "%->")
  local many = take(s, "%[")
  local kind = take(s, "[%w-]+")
  if many then
    want(s, "]")
  end
  return {type = kind, many = many and true or nil}
end

local function resource(s)
  want(s, "<")
  local out = {type = take(s, "[%w-]+"), required = {}}
  while take(s, " ") do
    local name = take(s, "%l+")
    local required = take(s, "!")
    out.required[name] = required and true or nil
    if name == "id" then
      out.id = required and "required" or "optional"
    else
      want(s, ":")
      if name == "relationships" then
        out[name] = member_list(s, linkage)
      else
        local member = expression(s)
        out[name] = member.members
        out.nullable_meta = name == "meta" and member.nullable or nil
      end
    end
  end
  want(s, ">")
  return out
end

local function document(s)
  local many = take(s, "%[")
  local inner
  if peek(s) == "<" then
    inner = resource(s)
  else
    inner = reference(s, take(s, "%u%w*"))
  end
  if many then
    want(s, "]")
  end
  return {type = "document", document = inner, many = many and true or nil}
end

local function union(s)
  local branches = {}
  repeat
    branches[#branches + 1] = expression(s)
  until not take(s, "|")
  return #branches == 1 and branches[1] or {type = "any", any_of = branches}
end

local function scalar(s)
  local kind = take(s, "%l+")
  local format = take(s, "/[%l-]+")
  return {
    type = kind,
    format = format and format:sub(2),
    values = take(s, "%(") and values(s, kind) or nil,
  }
end

local BY_FIRST = {
  ["*"] = function(s)
    want(s, "*")
    return {type = "object", free = true}
  end,
  ["["] = function(s)
    want(s, "[")
    local items = expression(s)
    want(s, "]")
    return {type = "list", items = items}
  end,
  ["{"] = function(s)
    return {type = "object", members = member_list(s, attribute)}
  end,
  ["("] = function(s)
    want(s, "(")
    local member = union(s)
    want(s, ")")
    return member
  end,
  ["&"] = function(s)
    want(s, "&")
    return document(s)
  end,
}

function expression(s)
  local read = BY_FIRST[peek(s)]
  local member
  if read then
    member = read(s)
  elseif take(s, "%f[%u]") then
    member = reference(s, take(s, "%w+"))
  else
    member = scalar(s)
  end
  if take(s, "%?") then
    member.nullable = true
  end
  return member
end

--- Reads an expression, or the line of a named schema.
---@param text string
---@param named fun(name: string): table gives a named schema
function M.read(text, named)
  local s = {text = text, at = 1, named = named}
  local member
  if peek(s) == "<" then
    member = resource(s)
  else
    member = union(s)
  end
  if s.at <= #text then
    error(("cannot read from %d on: %s"):format(s.at, text))
  end
  return member
end

return M
