--- klaviyo.json: reads and writes JSON as the client does.

local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"

local M = {
  null = json.null,
  array = json.array,
  is_array = json.is_array,
  encode = json.encode,
}

--- Returns the value of a JSON text. JSON's null is `null`, and a list is marked
--- as by `array`. Never raises.
---@param text string
---@return any value  nil if the text is not JSON
---@return klaviyo.Error|nil err  of kind "decode"
function M.decode(text)
  local value, message = json.decode(text)
  if value == nil then
    return nil, errors.new {kind = "decode", message = message}
  end
  return value
end

return M
