--- Returns a table that loads the module when a member of it is first read.
--- Most programs never need these modules.

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
