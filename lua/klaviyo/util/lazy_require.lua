--- A module that is loaded when something of it is first used: for what most
--- programs, or most starts of one, do without.

---@param name string
---@return table
return function(name)
  return setmetatable({}, {
    __index = function(self, key)
      local value = require(name)[key]
      self[key] = value
      return value
    end,
  })
end
