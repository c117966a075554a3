--- The names of members, as programs write them. They are looked up for each
--- document, so results are cached.

local M = {}

--- Returns the name as the API spells it: with a hyphen if the program writes an
--- underscore.
---@return string|nil
function M.spelled(names, name)
  if names[name] then
    return name
  elseif type(name) == "string" then
    local hyphens = name:gsub("_", "-")
    return names[hyphens] and hyphens
  end
end

--- The names of required members, by the members: a few of many, and read often.
---@type table<table, string[]>
M.required = setmetatable({}, {
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

--- Adds the names of the required members that `out` does not have to a list.
---@param members table|nil
---@param out table|nil
---@param missing string[]|nil
---@return string[]|nil missing nil if nothing is missing
function M.lacking(members, out, missing)
  if members then
    for _, name in ipairs(M.required[members]) do
      if out == nil or out[name] == nil then
        missing = missing or {}
        missing[#missing + 1] = name:gsub("-", "_")
      end
    end
  end
  return missing
end

--- The slots of the flat names of a resource, by the resource:
--- name → {part =, name =, member =}.
---@type table<table, table<string, {part: string, name: string, member: table|nil}>>
M.slots = setmetatable({}, {
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
    -- a few resources have an attribute of that name, too: it is the same id
    own.id = res.id and {part = "id", name = "id",
      member = own.id and own.id.part == "attributes" and own.id.member or nil}
      or own.id
    own.type = own.type and own.type.part == "attributes" and own.type
      or {part = "type", name = "type"}
    known[res] = own
    return own
  end,
})

--- Returns the slot of a value in a resource, or nil.
---@return {part: string, name: string, member: table|nil}|nil
function M.slot(res, key)
  local own = M.slots[res]
  return own[key] or own[M.spelled(own, key)]
end

return M
