--- The 64-bit integers of LuaJIT, whose numbers are exact up to 2^53 only. Lua 5.3
--- and later have 64-bit integers as numbers and do not use this module.

local M = {}

-- Only LuaJIT has ffi; a failed require would take 0.1 ms at the start.
local has_ffi, ffi
if type(jit) == "table" then
  has_ffi, ffi = pcall(require, "ffi")
end

if has_ffi then
  local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
  local HALF = uint64(2 ^ 32)

  --- Returns an integer from its two halves. Integers can be compared, added and
  --- encoded as JSON numbers, without loss.
  ---@param high number
  ---@param low number
  ---@param is_signed boolean
  function M.make(high, low, is_signed)
    local value = uint64(high) * HALF + uint64(low)
    return is_signed and int64(value) or value
  end
end

--- Returns the digits of a 64-bit integer, and nil for any other value.
---@param value any
---@return string|nil
function M.digits(value)
  if type(value) == "cdata" and (ffi.istype("int64_t", value)
      or ffi.istype("uint64_t", value)) then
    return (tostring(value):gsub("U?LL$", ""))
  end
end

M.is_there = has_ffi or false

return M
