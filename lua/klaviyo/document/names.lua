--- The names of the catalogue as documents are built from them: looked up for
-- each, and so kept once found.

local M = {}

--- The spelling of a name among others: an underscore stands for a hyphen.
---@return string|nil
function M.spelled(names, name)
  if names[name] then
    return name
  elseif type(name) == "string" then
    local hyphens = name:gsub("_", "-")
    return names[hyphens] and hyphens
  end
end

-- The names of members that are required: few of many, and asked for often.
local required_of = setmetatable({}, {
  __mode = "k",
  __index = function(known, members)
    local list = {}
    for name, member in pairs(members) do
      if member.required then
        list[#list + 1] = name
      end
    end
    known[members] = list
    return list
  end,
})

--- The names of the members that are required.
---@return string[]
function M.required(members)
  return required_of[members]
end

--- Adds to a list what is required and has not been put into `out`.
---@param members table|nil
---@param out table|nil
---@param missing string[]|nil
---@return string[]|nil missing nil where there is nothing to add
function M.lacking(members, out, missing)
  if members then
    for _, name in ipairs(required_of[members]) do
      if out == nil or out[name] == nil then
        missing = missing or {}
        missing[#missing + 1] = name:gsub("-", "_")
      end
    end
  end
  return missing
end

-- Where the flat names of a resource go: name → {part =, name =, member =}.
local slots = setmetatable({}, {
  __mode = "k",
  __index = function(known, res)
    local own = {}
    for _, part in ipairs {"relationships", "attributes"} do
      for name, member in pairs(res[part] or {}) do
        own[name] = {part = part, name = name, member = member}
      end
    end
    if res.meta then
      own.meta = {part = "meta", name = "meta", member = {type = "object",
        members = res.meta, nullable = res.nullable_meta}}
    end
    own.id = res.id and {part = "id", name = "id"} or own.id
    own.type = own.type and own.type.part == "attributes" and own.type
      or {part = "type", name = "type"}
    known[res] = own
    return own
  end,
})

--- Where a value of a resource goes.
---@return {part: string, name: string, member: table|nil}|nil
function M.slot(res, key)
  local own = slots[res]
  return own[key] or own[M.spelled(own, key)]
end

return M
