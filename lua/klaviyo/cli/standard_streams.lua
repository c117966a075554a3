--- The standard streams of a process that was started without one of them.

local M = {}

local EBADF = 9

-- The mode in which a stream is not used, so that reading or writing fails as before.
local STREAMS = {{io.stdin, "w"}, {io.stdout, "r"}, {io.stderr, "r"}}

local kept = {}

--- Opens what is closed, as `>&-` of a shell does. Otherwise the next file or
--- connection gets its number, and what is written to the stream ends up there.
function M.reserve()
  for _, stream in ipairs(STREAMS) do
    local _, _, code = stream[1]:seek()
    if code == EBADF then
      kept[#kept + 1] = io.open("/dev/null", stream[2])
    end
  end
end

return M
