--- Keeps a value out of reach of whoever prints a table that has it: the table
--- has a function in its place. (A weak table would do so as well, but on
--- LuaJIT it would never let go of a value that refers to its key.)

---@param value any
---@return fun(): any
return function(value)
  return function()
    return value
  end
end
