--- The keys of tables: in order, and out of lists.

local M = {}

--- The keys of a table, sorted; none, of nothing.
---@param t table|nil
---@return any[]
function M.sorted(t)
  local keys = {}
  for key in pairs(t or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

--- A table that has each item of a list as a key.
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
