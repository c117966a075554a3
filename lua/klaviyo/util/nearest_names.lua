--- Finds the valid names that are nearest to a wrong one, for messages.

local M = {}

--- Returns a name as it is compared: case, and hyphen or underscore, do not count.
---@param name string
---@return string
function M.folded(name)
  return (name:lower():gsub("%-", "_"))
end

--- Returns the edit distance of two names: a letter inserted, removed, replaced, or two
--- letters swapped (optimal string alignment).
---@param a string
---@param b string
---@return integer
function M.distance(a, b)
  local before, previous, current = {}, {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    current[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      current[j] = math.min(previous[j] + 1, current[j - 1] + 1,
        previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
          and a:byte(i - 1) == b:byte(j) then
        current[j] = math.min(current[j], before[j - 2] + 1)
      end
    end
    before, previous, current = previous, current, before
  end
  return previous[#b]
end

--- Returns the largest distance at which a name is near to this one.
---@param name string
---@return integer
function M.near_distance(name)
  return math.max(1, math.floor(#name / 3))
end

local function as_list(candidates)
  local list = {}
  if #candidates > 0 then
    for i, name in ipairs(candidates) do
      list[i] = name
    end
  else
    for name in pairs(candidates) do
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

-- Returns the candidates, nearest first, the distance of the nearest, and the
-- largest distance that counts as near.
local function by_distance(name, candidates)
  local wanted = M.folded(tostring(name))
  local distances = {}
  local list = as_list(candidates)
  for _, candidate in ipairs(list) do
    distances[candidate] = M.distance(wanted, M.folded(candidate))
  end
  table.sort(list, function(a, b)
    if distances[a] ~= distances[b] then
      return distances[a] < distances[b]
    end
    return a < b
  end)
  return list, distances[list[1]], M.near_distance(wanted)
end

--- Returns the candidate nearest to a name, or nil if none is near.
---@param name string
---@param candidates table a list of names, or a set (names as keys)
---@return string|nil
function M.nearest(name, candidates)
  local list, d, near = by_distance(name, candidates)
  return d and d <= near and list[1] or nil
end

local MAX_NAMED = 40
local NEAREST_NAMED = 5

--- Returns text that lists all candidates, or only the nearest if there are many.
---@param name any
---@param candidates table a list of names, or a set (names as keys)
---@return string
function M.allowed(name, candidates)
  local names = as_list(candidates)
  if #names == 0 then
    return "none"
  elseif #names <= MAX_NAMED then
    return table.concat(names, ", ")
  end
  return ("%s, … (%d in all)"):format(
    table.concat(by_distance(name, names), ", ", 1, NEAREST_NAMED), #names)
end

return M
