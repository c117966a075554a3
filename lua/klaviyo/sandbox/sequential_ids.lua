--- Ids that follow from a resource's place in its collection. Of what there may
-- be millions, no id need be kept then: neither with the resource nor to find it.

local random_ids = require "klaviyo.sandbox.random_ids"

local M = {}

-- The widths give ids of the service's length: a ULID's, an event's.
local STARTS = {profile = "01JAZ8SANDB0XPR0F1", event = "4SB"}
local WIDTH = 8

--- The naming of a type's resources.
---@param kind string
---@return table|nil `id_of(place)`, `place_of(id)`; nil for the other types
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
