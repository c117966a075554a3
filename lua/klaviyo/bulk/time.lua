--- The clock of bulk imports, and how they wait.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"

local tasks = lazy_require "klaviyo.tasks"

local M = {}

--- Seconds since some point in time.
M.now = core.clock

--- Waits; what else is under way goes on meanwhile.
---@param seconds number
function M.sleep(seconds)
  tasks.sleep(seconds)
end

return M
