-- The first line in which two long texts differ.

--- Returns that line of both, or nil if the texts are equal.
---@param expected string
---@param found string
---@return string|nil
return function(expected, found)
  local number, other = 0, found:gmatch("([^\n]*)\n")
  for line in expected:gmatch("([^\n]*)\n") do
    number = number + 1
    local own = other()
    if line ~= own then
      return ("line %d: %s\nnot: %s"):format(number, tostring(own), line)
    end
  end
  return #expected ~= #found and "another end" or nil
end
