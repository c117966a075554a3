--- Checks the type of a value against a member of a schema. It does not check
--- known values: the service adds some at any time.

local json = require "klaviyo.values.json"

local M = {}

local KIND = {
  string = "a string",
  integer = "an integer",
  number = "a number",
  boolean = "true or false",
  list = "a list",
  object = "a table",
  document = "a table",
  any = "a value",
  null = "klaviyo.null",
}

-- lua-cjson's empty_array is not a table, and the 64-bit integers of LuaJIT are
-- not numbers.
local function kind_of(value)
  if value == json.null then
    return "null"
  elseif type(value) == "cdata" then
    return "number"
  end
  return json.is_array(value) and "list" or type(value)
end

local function whole(value)
  return type(value) == "cdata" or value % 1 == 0
end

local FITS = {
  integer = function(value, kind)
    return kind == "number" and whole(value)
  end,
  list = function(value, _, is_list)
    return is_list(value)
  end,
  object = function(_, kind)
    return kind == "table"
  end,
  any = function()
    return true
  end,
}

--- Returns true if a value is of the type that a member needs.
---@param member table
---@param value any not null, unless the member takes anything
---@param is_list fun(value: any): boolean
function M.fits(member, value, is_list)
  local kind = kind_of(value)
  local fits = FITS[member.type]
  if fits then
    return fits(value, kind, is_list)
  end
  return kind == member.type
end

--- Returns the type that a member needs, in words.
---@return string
function M.wanted(member)
  local text
  if member.any_of then
    local added, kinds = {}, {}
    for _, branch in ipairs(member.any_of) do
      local kind = M.wanted(branch)
      if not added[kind] then
        added[kind] = true
        kinds[#kinds + 1] = kind
      end
    end
    text = table.concat(kinds, " or ")
  else
    text = KIND[member.type]
  end
  return text .. (member.nullable and member.type ~= "null" and " or klaviyo.null" or "")
end

--- Returns the members that a table may have, in words, for a message.
---@return string
function M.members_of(member)
  local forms = {}
  for _, branch in ipairs(member.any_of or {member}) do
    local names = {}
    for name in pairs(branch.members or {}) do
      names[#names + 1] = name:gsub("%-", "_") .. " = …"
    end
    table.sort(names)
    if names[1] then
      forms[#forms + 1] = "{" .. table.concat(names, ", ") .. "}"
    end
  end
  return forms[1] and "; such as " .. table.concat(forms, " or ") or ""
end

--- Returns the type of a value in words; never the value, which may be a secret.
---@return string
function M.described(value)
  local kind = kind_of(value)
  if kind == "null" then
    return "klaviyo.null"
  elseif kind == "number" and not whole(value) then
    return "a number with a fraction"
  elseif kind == "nil" then
    return "nothing"
  elseif value == "" then
    return "an empty string"
  elseif kind == "table" then
    return next(value) == nil and "an empty table" or "a table of names"
  end
  return "a " .. kind
end

local function constant(member)
  local values = member.values
  return values and #values == 1 and member.required
end

--- Returns the number of constants of a union's branch that a value has; nil if
--- it has another value for one of them, or if the branch has no constants.
---@param branch table
---@param value any
---@param spelled fun(names: table, name: any): string|nil
---@return integer|nil
function M.claims(branch, value, spelled)
  if not branch.members or type(value) ~= "table" then
    return nil
  end
  local count = 0
  for key, item in pairs(value) do
    local name = spelled(branch.members, key)
    local member = name and branch.members[name]
    if member and constant(member) then
      if member.values[1] ~= item then
        return nil
      end
      count = count + 1
    end
  end
  return count > 0 and count or nil
end

--- Returns true if constants distinguish the branches of a union.
function M.has_constants(member)
  for _, branch in ipairs(member.any_of) do
    for _, inner in pairs(branch.members or {}) do
      if constant(inner) then
        return true
      end
    end
  end
  return false
end

local function branch_takes(branch, value)
  if branch.any_of then
    return M.same_kind(branch, value)
  elseif branch.type == "object" or branch.type == "document" then
    return type(value) == "table" and not json.is_array(value)
  elseif branch.type == "list" then
    return json.is_array(value) or type(value) == "table" and
      next(value) == nil
  end
  return M.fits(branch, value, json.is_array)
end

--- Returns true if a value is of the type that any branch of a union needs.
function M.same_kind(member, value)
  for _, branch in ipairs(member.any_of) do
    if branch_takes(branch, value) then
      return true
    end
  end
  return false
end

return M
