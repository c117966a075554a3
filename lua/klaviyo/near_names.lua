--- Finds the names that a person may have meant, for the messages of a program.

local nearest = require "klaviyo.util.nearest_names"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local MAX_NAMES = 3

--- Returns the names that are near to a wrong one, the nearest first, three at most.
--- A name that begins with the wrong one is near. Case, and hyphen or underscore, do
--- not count.
---@param name string
---@param names string[]
---@return string[]
function M.near_names(name, names)
  if type(name) ~= "string" or type(names) ~= "table" then
    usage_error.raise("near_names takes a name and a list of names, not %s and %s",
      usage_error.kind(name), usage_error.kind(names))
  end
  local wanted, list, distances = nearest.folded(name), {}, {}
  local limit = nearest.near_distance(wanted)
  for _, one in ipairs(names) do
    local text = nearest.folded(one)
    local distance = nearest.distance(wanted, text)
    if #wanted >= 2 and text:sub(1, #wanted) == wanted then
      distance = math.min(distance, limit)
    end
    if distance <= limit and not distances[one] then
      distances[one] = distance
      list[#list + 1] = one
    end
  end
  table.sort(list, function(a, b)
    if distances[a] ~= distances[b] then
      return distances[a] < distances[b]
    end
    return a < b
  end)
  local near, least = {}, distances[list[1]]
  for i = 1, math.min(#list, MAX_NAMES) do
    -- next to a name that is nearly the same, others only confuse
    if least > 1 or distances[list[i]] <= 1 then
      near[#near + 1] = list[i]
    end
  end
  return near
end

return M
