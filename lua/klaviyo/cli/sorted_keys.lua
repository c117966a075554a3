--- Returns the keys of a table, sorted; an empty list for nil.
---@param t table|nil
---@param before? fun(a: any, b: any): boolean  default: <
---@return any[]
return function(t, before)
  local keys = {}
  for key in pairs(t or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  return keys
end
