--- The settings of each client, kept apart from the client itself: a program
--- that prints a client does not print its key.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

--- The settings by client.
---@type table<klaviyo.Client, klaviyo.Settings>
M.by_client = setmetatable({}, {__mode = "k"})

--- Returns the settings of a client. Raises if the value is not a client.
---@param client klaviyo.Client
---@return klaviyo.Settings
function M.of(client)
  local settings = M.by_client[client]
  if not settings then
    usage_error.raise("expected a client, got %s", usage_error.kind(client))
  end
  return settings
end

return M
