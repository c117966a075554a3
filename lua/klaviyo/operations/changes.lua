--- A list of changes between two revisions of an operation: klaviyo.Change.

local tables = require "klaviyo.util.tables"

local M = {}

--- Returns an empty list. With `only_breaks` it keeps no other changes, and one is
--- enough.
---@param only_breaks boolean|nil
---@return klaviyo.Change[]
function M.new(only_breaks)
  return {only_breaks = only_breaks, known = {}}
end

--- Returns whether other changes do not matter any more.
---@param found klaviyo.Change[]
---@return boolean
function M.is_enough(found)
  return found.only_breaks and #found > 0
end

local function key_of(entry)
  local out = {}
  for i, name in ipairs {"change", "part", "name", "property", "with", "value"} do
    out[i] = tostring(entry[name])
  end
  return table.concat(out, "\n")
end

-- The records of operations are shared, so a caller gets copies.
local function copied(list)
  return type(list) == "table" and {(table.unpack or unpack)(list)} or list
end

--- Adds a change. If the same one was found before, it breaks if one of both does.
---@param found klaviyo.Change[]
---@param entry klaviyo.Change
function M.add(found, entry)
  entry.breaks = entry.breaks and true or nil
  if found.only_breaks and not entry.breaks then
    return
  end
  local key = key_of(entry)
  local known = found.known[key]
  if known then
    known.breaks = known.breaks or entry.breaks
  else
    for _, field in ipairs {"values", "from", "to"} do
      entry[field] = copied(entry[field])
    end
    found.known[key] = entry
    found[#found + 1] = entry
  end
end

--- Adds a changed property, if it differs.
---@param found klaviyo.Change[]
---@param part string
---@param name string|nil
---@param property string|nil
---@param from any
---@param to any
---@param breaks any  whether the change breaks a program
function M.changed(found, part, name, property, from, to, breaks)
  if from ~= to then
    M.add(found, {change = "changed", part = part, name = name, property = property,
      from = from, to = to, breaks = breaks})
  end
end

--- Compares lists of values.
---@param found klaviyo.Change[]
---@param part string
---@param name string|nil
---@param a any[]|nil
---@param b any[]|nil
---@param on "added"|"removed"|nil  the change that breaks a program
function M.values(found, part, name, a, b, on)
  local before, now = tables.set(a), tables.set(b)
  for _, value in ipairs(a or {}) do
    if not now[value] then
      M.add(found, {change = "removed", part = part, name = name, value = value,
        breaks = on == "removed"})
    end
  end
  for _, value in ipairs(b or {}) do
    if not before[value] then
      M.add(found, {change = "added", part = part, name = name, value = value,
        breaks = on == "added"})
    end
  end
end

return M
