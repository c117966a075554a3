--- Returns a function that returns the value. A table that holds the function
--- instead of the value does not show it when a program prints the table. (A
--- weak table would also hide it, but LuaJIT never frees a value in a weak
--- table that refers to its own key.)

---@param value any
---@return fun(): any
return function(value)
  return function()
    return value
  end
end
