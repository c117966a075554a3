-- An object whose collection runs a function, on every interpreter.

---@param fn fun()
---@return any
return function(fn)
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    local object = newproxy(true)
    getmetatable(object).__gc = fn
    return object
  end
  return setmetatable({}, { __gc = fn })
end
