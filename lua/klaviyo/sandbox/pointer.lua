--- JSON pointers for validation. A document with errors is validated twice:
--- first without pointers (`false` in their place) and in any order, which is
--- fast, then with pointers and in sorted order.

local keys = require "klaviyo.util.tables"

local M = {}

--- Returns the pointer to a member.
---@param pointer string|false
---@param name string
---@return string|false
function M.under(pointer, name)
  if not pointer then
    return false
  end
  return pointer .. "/" .. (name:gsub("~", "~0"):gsub("/", "~1"))
end

--- Returns the pointer to an item of a list.
---@param pointer string|false
---@param i integer from 1
---@return string|false
function M.item(pointer, i)
  return pointer and ("%s/%d"):format(pointer, i - 1)
end

--- Iterates over the members of an object; sorted, if there are pointers.
---@param object table
---@param pointer string|false
function M.each(object, pointer)
  if not pointer then
    return pairs(object)
  end
  local names, i = keys.sorted(object), 0
  return function()
    i = i + 1
    return names[i], object[names[i]]
  end
end

local required = setmetatable({}, {__mode = "k"})

--- Returns the names of the required members, sorted.
---@param known table<string, table> from the operations table
---@return string[]
function M.required(known)
  local names = required[known]
  if not names then
    names = {}
    for _, name in ipairs(keys.sorted(known)) do
      if known[name].required == true and not known[name].read_only then
        names[#names + 1] = name
      end
    end
    required[known] = names
  end
  return names
end

return M
