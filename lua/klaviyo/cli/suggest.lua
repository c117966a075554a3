--- "Did you mean": the nearest of some names.

local M = {}

-- The edit distance of two names; swapped neighbours count as one.
local function distance(a, b)
  local before, previous = {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    local current = {[0] = i}
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      current[j] = math.min(previous[j] + 1, current[j - 1] + 1,
        previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
          and a:byte(i - 1) == b:byte(j) then
        current[j] = math.min(current[j], before[j - 2] + 1)
      end
    end
    before, previous = previous, current
  end
  return previous[#b]
end

local function folded(name)
  return (name:lower():gsub("_", "-"))
end

--- Returns the names that are near to one, the nearest first, three at most. A
--- name that begins with the wanted one is near.
---@param name string
---@param names string[]
---@return string[]
function M.near(name, names)
  local wanted, list, listed = folded(name), {}, {}
  local limit = math.max(1, math.floor(#wanted / 3))
  for _, known in ipairs(names) do
    local one = folded(known)
    local d = distance(wanted, one)
    if #wanted >= 2 and one:sub(1, #wanted) == wanted then
      d = math.min(d, limit)
    end
    if d <= limit and not listed[known] then
      listed[known] = true
      list[#list + 1] = {name = known, distance = d}
    end
  end
  table.sort(list, function(a, b)
    if a.distance ~= b.distance then
      return a.distance < b.distance
    end
    return a.name < b.name
  end)
  local near = {}
  for i = 1, math.min(#list, 3) do
    -- next to a name that is nearly the same, others only confuse
    if list[1].distance > 1 or list[i].distance <= 1 then
      near[#near + 1] = list[i].name
    end
  end
  return near
end

--- Returns the end of a message: ` (did you mean "lists"?)`, or an empty text.
---@param name string
---@param names string[]
---@return string
function M.text(name, names)
  local near = M.near(name, names)
  if #near == 0 then
    return ""
  end
  return (' (did you mean "%s"?)'):format(table.concat(near, '" or "'))
end

return M
