--- "Did you mean": the ends of messages about unknown names.

local M = {}

--- Returns the end of a message: ` (did you mean "lists"?)`, or an empty text.
---@param name string
---@param names string[]
---@return string
function M.text(name, names)
  -- not at the top: a command without a mistake may need nothing of the library
  local near = require("klaviyo").near_names(name, names)
  if #near == 0 then
    return ""
  end
  return (' (did you mean "%s"?)'):format(table.concat(near, '" or "'))
end

return M
