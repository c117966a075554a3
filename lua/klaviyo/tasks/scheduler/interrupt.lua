--- Lets a Ctrl-C in the interpreter end a program that waits.

local M = {}

--- The core blocks for this many seconds at the most, so that the hook of a
--- signal can run in between.
M.MAX_BLOCK = 0.2

--- Returns whether an error is that of a Ctrl-C in the interpreter, which ends
--- everything.
function M.is_interrupt(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

return M
