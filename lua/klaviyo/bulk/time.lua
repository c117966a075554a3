--- The clock of bulk imports, and how they wait.

local core = require "klaviyo.core"

local M = {}

--- Seconds since some point in time.
M.now = core.now or os.time

--- Waits without being busy.
---@param seconds number
function M.sleep(seconds)
  if core.sleep then
    core.sleep(seconds)
  else
    os.execute(("sleep %.3f"):format(seconds))
  end
end

return M
