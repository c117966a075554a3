--- The clock and the sleep function of bulk imports.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"

local tasks = lazy_require "klaviyo.tasks"

local M = {}

--- Returns the seconds since a fixed point in time.
M.now = core.clock

--- Waits, while other calls in progress go on.
---@param seconds number
function M.sleep(seconds)
  tasks.sleep(seconds)
end

return M
