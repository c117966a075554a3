--- klaviyo.json: reads and writes JSON as the client does.

local checker = require "klaviyo.util.options"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"

local M = {
  null = json.null,
  array = json.array,
  is_array = json.is_array,
  encode = json.encode,
}

---@class klaviyo.json.DecodeOptions
---@field only? string[]  paths of the members to build; all others are only checked

local FIELDS = {
  only = {type = "list"},
}

--- Returns the value of a JSON text. JSON's null is `null`, and a list is marked
--- as by `array`. Raises only for options that are not valid.
---@param text string
---@param options klaviyo.json.DecodeOptions|nil
---@return any value  nil if the text is not JSON
---@return klaviyo.Error|nil err  of kind "decode"
function M.decode(text, options)
  local paths
  if options ~= nil then
    local only = checker.check(FIELDS, options, "json.decode").only
    paths = only and json.paths(only, "json.decode: only")
  end
  local value, message = json.decode(text, paths)
  if value == nil then
    return nil, errors.new {kind = "decode", message = message}
  end
  return value
end

return M
