--- Shares rate limits with other machines through Redis, for the setting
--- rate_limit_file = "redis://…". A rock of its own, klaviyo-redis; docs/scale.md
--- explains it.

local address = require "klaviyo.redis.address"
local leases = require "klaviyo.redis.leases"
local script = require "klaviyo.redis.script"

local M = {}

--- Returns a source of leases for core.budget, and the name of its server for
--- messages, which has no password.
---@param url string
---@param file string  the local file, which names this host in Redis
---@return userdata source
---@return string name
function M.source(url, file)
  local options = address.parse(url)
  options.script, options.file = script, file
  return leases.source(options), options.name
end

return M
