--- The settings of each client, kept apart from the client itself: a program
--- that prints a client does not print its key.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local settings_of = setmetatable({}, {__mode = "k"})

--- Gives a new client its settings.
---@param client klaviyo.Client
---@param settings klaviyo.Settings
function M.set(client, settings)
  settings_of[client] = settings
end

--- Returns the settings of a client, or nil if the value is not a client.
---@param client any
---@return klaviyo.Settings|nil
function M.find(client)
  return settings_of[client]
end

--- Returns the settings of a client. Raises if the value is not a client.
---@param client klaviyo.Client
---@return klaviyo.Settings
function M.of(client)
  local settings = settings_of[client]
  if not settings then
    usage_error.raise("expected a client, got %s", usage_error.kind(client))
  end
  return settings
end

return M
