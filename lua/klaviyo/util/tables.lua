--- Sorted keys and sets.

local M = {}

--- Returns the keys of a table, sorted; an empty list for nil.
---@param t table|nil
---@param before? fun(a: any, b: any): boolean  default: <
---@return any[]
function M.sorted(t, before)
  local keys = {}
  for key in pairs(t or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  return keys
end

--- Returns a table that has each item of a list as a key.
---@param list any[]|nil
---@return table<any, true>
function M.set(list)
  local set = {}
  for _, item in ipairs(list or {}) do
    set[item] = true
  end
  return set
end

return M
