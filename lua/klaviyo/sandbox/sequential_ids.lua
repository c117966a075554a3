--- Ids that are derived from the position of a resource in its collection.
--- Types with millions of resources need not store ids, or an index of them.

local random_ids = require "klaviyo.sandbox.random_ids"

local M = {}

-- The widths give ids of the same length as the service's.
local STARTS = {profile = "01JAZ8SANDB0XPR0F1", event = "4SB"}
local WIDTH = 8

--- Returns the functions that convert between positions and ids of a type.
---@param kind string
---@return table|nil `id_of(position)`, `position_of(id)`; nil for other types
function M.of(kind)
  local start = STARTS[kind]
  if not start then
    return nil
  end
  return {
    id_of = function(position)
      return start .. random_ids.base32(position, WIDTH)
    end,
    position_of = function(id)
      if type(id) ~= "string" or #id ~= #start + WIDTH
        or id:sub(1, #start) ~= start then
        return nil
      end
      return random_ids.from_base32(id, #start + 1)
    end,
  }
end

return M
