--- Lists in documents.

local json = require "klaviyo.values.json"
local validation_error = require "klaviyo.document.validation_error"

local M = {}

--- Returns true if a value can be a list. An empty table can.
function M.is(value)
  return json.is_array(value) or
    type(value) == "table" and next(value) == nil
end

--- Returns a new list, marked as a list, with `make(how, what, item)` of each item.
---@return table|nil list
---@return table|nil validation_error of the first item that is not valid
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
