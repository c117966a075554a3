--- Lists on their way into a document.

local json = require "klaviyo.values.json"
local validation_error = require "klaviyo.document.validation_error"

local M = {}

--- May this be taken for a list? An empty table may.
function M.is(value)
  return json.is_array(value) or
    type(value) == "table" and next(value) == nil
end

--- A new list, marked as one, of what `make(how, what, item)` makes of each.
---@return table|nil list
---@return table|nil refusal of the first that was refused
function M.each(how, list, make, what)
  local out = json.array({})
  if type(list) ~= "table" then -- lua-cjson's empty_array
    return out
  end
  for i = 1, #list do
    local value, wrong = make(how, what, list[i])
    if wrong and not how.lenient then
      return validation_error.under(i, wrong)
    end
    out[i] = value
  end
  return out
end

return M
