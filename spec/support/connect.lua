-- Clients for specs: with the specs' key, without a proxy, and without waiting:
-- no pacing, no retries, and no warnings.

local key = require "spec.support.key"
local klaviyo = require "klaviyo"

local QUICK = {
  proxy = "", pacing = false, retries = 0, deadline = 20, rate_limit_file = false,
  on_warning = function() end,
}

--- Returns a client.
---@param base_url string
---@param more table|nil settings, over these; with a token there is no key
---@return table client
return function(base_url, more)
  local settings = { api_key = key, base_url = base_url }
  for name, value in pairs(QUICK) do
    settings[name] = value
  end
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  if settings.access_token then
    settings.api_key = nil
  end
  return klaviyo.new(settings)
end
