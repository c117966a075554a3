--- The 64-bit integers of LuaJIT, whose numbers hold no integer beyond 2^53
--- exactly. Lua 5.4 has them as numbers, and nothing here is used.

local M = {}

-- Where there can be one: to look for it in vain takes a first start 0.1 ms.
local has_ffi, ffi
if type(jit) == "table" then
  has_ffi, ffi = pcall(require, "ffi")
end

if has_ffi then
  local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
  local HALF = uint64(2 ^ 32)

  --- Makes one of two halves; nil where there are none. They can be compared,
  --- added and written again. As a text an integer would be written as a
  --- string, and a rounded number is another number.
  ---@param high number
  ---@param low number
  ---@param is_signed boolean
  function M.make(high, low, is_signed)
    local value = uint64(high) * HALF + uint64(low)
    return is_signed and int64(value) or value
  end
end

--- Returns the digits of one, and nil for any other value.
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
