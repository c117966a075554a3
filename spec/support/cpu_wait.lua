-- For specs that measure time: how long processes could run, but waited for a
-- processor that others used, as Linux counts it. On a quiet machine it is next to
-- nothing; elsewhere the values are 0.
--
--   local waited = cpu_wait.of(server.process.pid)
--   ...
--   assert.is_true(elapsed < 1 + waited(), elapsed)

local shell = require "klaviyo.sandbox.shell"

local M = {}

-- The processors that other machines of the same host used, in seconds.
local function stolen()
  local text = shell.read "/proc/stat" or ""
  return (tonumber(text:match("^cpu +%d+ %d+ %d+ %d+ %d+ %d+ %d+ (%d+)")) or 0) / 100
end

local function waited(process)
  local text = shell.read("/proc/" .. process .. "/schedstat") or ""
  return (tonumber(text:match("^%d+ (%d+)")) or 0) / 1e9
end

--- Returns a function that returns for how many seconds this thread, and the processes of a server, waited for a
--- processor since this call.
---@param server integer|nil the process of a server; its children count as well
---@return fun(): number
function M.of(server)
  local processes = {"thread-self"}
  if server then
    processes[2] = server
    for child in (shell.read(("/proc/%d/task/%d/children"):format(server, server)) or ""):gmatch("%d+") do
      processes[#processes + 1] = child
    end
  end
  local function sum()
    local seconds = stolen()
    for _, process in ipairs(processes) do
      seconds = seconds + waited(process)
    end
    return seconds
  end
  local before = sum()
  return function()
    return sum() - before
  end
end

return M
