--- The clock of bulk imports, and how they wait.

local core = require "klaviyo.core"

local M = {}

-- The core gives way this often, so that a signal's hook can run in between.
local SLICE = 0.2

--- Seconds since some point in time.
M.now = core.clock or os.time

--- Waits without being busy; what is under way goes on meanwhile.
---@param seconds number
function M.sleep(seconds)
  if not core.pump then
    os.execute(("sleep %.3f"):format(seconds))
    return
  end
  local ending = core.clock() + seconds
  local left = seconds
  while left > 0 do
    core.pump(math.min(left, SLICE))
    left = ending - core.clock()
  end
end

if type(jit) == "table" then
  jit.off(M.sleep)  -- compiled code would not look at the hook of a Ctrl-C
end

return M
