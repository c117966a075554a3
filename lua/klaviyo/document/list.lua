--- Lists on their way into a document.

local json = require "klaviyo.json"

local M = {}

--- May this be taken for a list? An empty table may.
function M.is(value)
  return json.is_array(value) or
    type(value) == "table" and next(value) == nil
end

--- A new list, marked as one, of what `item(value, path)` makes of each value.
---@return table|nil list
---@return table|nil refusal of the first that was refused
function M.each(how, list, path, item)
  local out = json.array({})
  if type(list) ~= "table" then -- lua-cjson's empty_array
    return out
  end
  for i = 1, #list do
    local value, refusal = item(list[i], ("%s[%d]"):format(path, i))
    if refusal and not how.lenient then
      return nil, refusal
    end
    out[i] = value
  end
  return out
end

return M
