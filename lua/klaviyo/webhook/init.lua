--- System webhooks. `verify` and `sign` work in any program, `handler` in nginx.

require "klaviyo.util.lua_version"
local lazy_require = require "klaviyo.util.lazy_require"
local signature = require "klaviyo.webhook.signature"

local receiver = lazy_require "klaviyo.webhook.receiver"

local M = {}

M.sign = signature.sign
M.verify = signature.verify

--- Returns the handler of an nginx location for system webhooks.
---@param options klaviyo.receiver.Options
---@return fun()
function M.handler(options)
  return receiver.handler(options)
end

return M
