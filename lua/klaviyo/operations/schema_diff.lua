--- Compares what the document of an operation may contain with that in another
--- revision: members, unions and relationships.

local changes = require "klaviyo.operations.changes"
local schema = require "klaviyo.operations.schema"
local tables = require "klaviyo.util.tables"

local M = {}

-- The name of an attribute, as a program writes it.
local function below(path, name)
  name = tostring(name):gsub("-", "_")
  return path == "" and name or path .. "." .. name
end

local kind_of

-- A list or a union may contain itself.
local MAX_DEPTH = 4

local function union_kind(branches, depth)
  local known, kinds = {}, {}
  for _, branch in ipairs(branches) do
    local kind = kind_of(branch, depth)
    if not known[kind] then
      known[kind] = true
      kinds[#kinds + 1] = kind
    end
  end
  return table.concat(kinds, "|")
end

-- Returns the type of an attribute or a linkage in a word.
function kind_of(member, depth)
  depth = (depth or 0) + 1
  if depth > MAX_DEPTH then
    return "any"
  elseif member.any_of then
    return union_kind(member.any_of, depth)
  elseif member.items then
    return kind_of(member.items, depth) .. "[]"
  elseif member.document then
    return member.document.type .. (member.many and "[]" or "")
  end
  return member.type .. (member.many and "[]" or "")
end

local member, resource

--- Compares members by name: those of one revision only, and those of both by
--- `compare`.
---@param found klaviyo.Change[]
---@param part string
---@param path string  of what has the members
---@param a table<string, table>|nil
---@param b table<string, table>|nil
---@param compare fun(found: klaviyo.Change[], part: string, path: string, a: table, b: table)
function M.named(found, part, path, a, b, compare)
  a, b = a or {}, b or {}
  for _, name in ipairs(tables.sorted(a)) do
    local at, one, other = below(path, name), a[name], b[name]
    if not other then
      changes.add(found, {change = "removed", part = part, name = at, type = kind_of(one),
        values = one.values, required = one.required, breaks = true})
    else
      changes.changed(found, part, at, "required", one.required or false,
        other.required or false, other.required)
      compare(found, part, at, one, other)
    end
  end
  for _, name in ipairs(tables.sorted(b)) do
    local other = b[name]
    if not a[name] then
      changes.add(found, {change = "added", part = part, name = below(path, name),
        type = kind_of(other), values = other.values, required = other.required,
        breaks = other.required})
    end
  end
end

--- Compares a parameter, or a part of a form.
---@param found klaviyo.Change[]
---@param part string
---@param name string
---@param a table
---@param b table
function M.parameter(found, part, name, a, b)
  changes.changed(found, part, name, "type", a.type, b.type, true)
  if a.values and b.values and a.type == b.type then
    changes.values(found, part, name, a.values, b.values, "removed")
  end
end

local function linkage(found, part, name, a, b)
  changes.changed(found, part, name, "type", kind_of(a), kind_of(b), true)
end

-- Returns the value that distinguishes a branch of a union from the others, such as
-- "static" for the objects with `method = "static"`, or nil.
local function discriminator(branch)
  local members = branch.members
  local found
  for _, name in ipairs(tables.sorted(members)) do
    local list = members[name].values
    if list and #list == 1 and (name == "type" or not found) then
      found = tostring(list[1])
    end
  end
  return found
end

-- Returns the name of a schema, which ends in "Beta" in a beta revision.
local function name_of(branch)
  return branch.ref and (branch.ref:gsub("Beta$", ""))
end

-- Finds for each branch of `a` the branch of `b` that takes its place: the one with
-- the same discriminator, else one of the same type.
local function match(a, b)
  local partners, taken = {}, {}
  local function each(is_same)
    for _, branch in ipairs(a) do
      for _, other in ipairs(partners[branch] and {} or b) do
        if not taken[other] and not partners[branch] and is_same(branch, other) then
          partners[branch], taken[other] = other, true
        end
      end
    end
  end
  each(function(branch, other)
    local value = discriminator(branch)
    return value ~= nil and value == discriminator(other)
  end)
  each(function(branch, other)
    return branch.ref ~= nil and name_of(branch) == name_of(other)
  end)
  each(function(branch, other)
    return not discriminator(branch) and not discriminator(other)
      and kind_of(branch) == kind_of(other)
  end)
  return partners, taken
end

-- Returns true if every value of `a` is a value of `b`. The results are kept by
-- pair, because unions may contain each other; a pair in progress counts as true.
local function takes_all(a, b, visited)
  a, b = schema.target(a), schema.target(b)
  local known = visited.unions[a] or {}
  visited.unions[a] = known
  if known[b] == nil then
    known[b] = true
    local own = changes.new(true)
    member(own, "attributes", "", a, b, {unions = visited.unions})
    known[b] = #own == 0
  end
  return known[b]
end

-- Returns true if every value of a branch is a value of one of the branches `b`. One
-- with another discriminator does not take its values.
local function is_taken(branch, partner, b, visited)
  if partner and takes_all(branch, partner, visited) then
    return true
  end
  local value = discriminator(branch)
  for _, other in ipairs(b) do
    local another = value and discriminator(other)
    if other ~= partner and (not another or another == value)
        and takes_all(branch, other, visited) then
      return true
    end
  end
  return false
end

local function label_of(branch)
  return discriminator(branch) or name_of(branch) or kind_of(branch)
end

-- The path of a branch: "send_strategy(static)", or in a list "conditions[metric]".
local function within(path, value)
  if value and path:sub(-2) == "[]" then
    return ("%s[%s]"):format(path:sub(1, -3), value)
  end
  return value and ("%s(%s)"):format(path, value) or path
end

-- Compares the branches of unions. What a branch loses breaks nothing if another one
-- takes all its values.
local function union(found, part, path, a, b, visited)
  local partners, taken = match(a, b)
  for _, branch in ipairs(a) do
    local partner = partners[branch]
    local breaks = not is_taken(branch, partner, b, visited)
    if not partner then
      changes.add(found, {change = "removed", part = part, name = path,
        value = label_of(branch), property = "type", breaks = breaks})
    elseif breaks or not found.only_breaks then
      local own = breaks and found or changes.new()
      visited.harmless = visited.harmless or {unions = visited.unions}
      member(own, part, within(path, discriminator(branch)), branch, partner,
        breaks and visited or visited.harmless)
      for _, entry in ipairs(own ~= found and own or {}) do
        entry.breaks = nil
        changes.add(found, entry)
      end
    end
  end
  for _, other in ipairs(b) do
    if not taken[other] then
      changes.add(found, {change = "added", part = part, name = path, value = label_of(other),
        property = "type"})
    end
  end
end

function member(found, part, path, a, b, visited)
  local pair = schema.target(a)
  if pair == schema.target(b) or visited[pair] -- shared, or recursive
      or changes.is_enough(found) then
    return
  end
  visited[pair] = true
  changes.changed(found, part, path, "nullable", a.nullable or false, b.nullable or false,
    not b.nullable)
  changes.changed(found, part, path, "read_only", a.read_only or false,
    b.read_only or false, b.read_only)
  if b.any_of then
    union(found, part, path, a.any_of or {a}, b.any_of, visited)
  elseif a.any_of or a.type ~= b.type then
    changes.changed(found, part, path, "type", kind_of(a), kind_of(b), true)
  elseif a.members and b.members then
    M.named(found, part, path, a.members, b.members, function(into, _, at, x, y)
      member(into, part, at, x, y, visited)
    end)
  elseif a.items and b.items then
    member(found, part, path .. "[]", a.items, b.items, visited)
  elseif a.document then
    changes.changed(found, part, path, "type", kind_of(a), kind_of(b),
      a.many ~= b.many or a.document.type ~= b.document.type)
    resource(found, part, path, a.document, b.document, visited)
  elseif a.free ~= b.free then
    changes.changed(found, part, path, "members", a.free and "any" or "known",
      b.free and "any" or "known", a.free)
  elseif not found.only_breaks then
    changes.changed(found, part, path, "format", a.format, b.format)
    if a.values and b.values then
      changes.values(found, part, path, a.values, b.values)
    elseif a.values or b.values then
      changes.changed(found, part, path, "values", a.values, b.values)
    end
  end
end

local function id_of(found, part, path, a, b)
  local name = below(path, "id")
  if a.id and b.id then
    changes.changed(found, part, name, "required", a.id == "required", b.id == "required",
      b.id == "required")
  elseif a.id ~= b.id then
    local one = a.id or b.id
    changes.add(found, {change = a.id and "removed" or "added", part = part, name = name,
      type = "string", required = one == "required" or nil,
      breaks = a.id ~= nil or one == "required"})
  end
end

function resource(found, part, path, a, b, visited)
  local function compare(into, own_part, at, x, y)
    member(into, own_part, at, x, y, visited)
  end
  if path == "" then
    changes.changed(found, "document", nil, "type", a.type, b.type, true)
  end
  id_of(found, part, path, a, b)
  M.named(found, part, path, a.attributes, b.attributes, compare)
  M.named(found, part == "attributes" and "meta" or part, below(path, "meta"), a.meta,
    b.meta, compare)
  M.named(found, part == "attributes" and "relationships" or part, path,
    a.relationships, b.relationships, linkage)
end

--- Returns the type of a resource or a member in a word.
---@param one table
---@return string
function M.kind_of(one)
  return kind_of(one)
end

--- Compares the resources of two documents.
---@param found klaviyo.Change[]
---@param a table
---@param b table
function M.resource(found, a, b)
  resource(found, "attributes", "", a, b, {unions = {}})
end

return M
