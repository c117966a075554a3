--- Reads a JSON file of the gateway.

local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local function content(path)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local text
  text, why = file:read("*a")
  file:close()
  if not text then
    return nil, path .. ": " .. why
  end
  return text
end

--- Returns a function that reads a file, for klaviyo.gateway.reloaded.
---@param compile fun(value: any, previous: any): any  may raise a usage error
---@return fun(path: string, previous: any): any, string|nil
function M.compiled_by(compile)
  return function(path, previous)
    local text, why = content(path)
    local value
    if text then
      value, why = json.decode(text)
    end
    if why then
      return nil, text and ("%s: it is not JSON: %s"):format(path, why) or why
    end
    local compiled
    why = usage_error.try(function()
      compiled = compile(value, previous)
    end)
    if why then
      return nil, ("%s: %s"):format(path, why)
    end
    return compiled
  end
end

return M
