--- Positions in a source, as text: "1-6,8,10-12".

local M = {}

--- Returns the text of positions in ascending order.
---@param positions integer[]
---@return string
function M.text(positions)
  local parts, i = {}, 1
  while i <= #positions do
    local first = positions[i]
    while positions[i + 1] == positions[i] + 1 do
      i = i + 1
    end
    parts[#parts + 1] = first == positions[i] and ("%d"):format(first)
      or ("%d-%d"):format(first, positions[i])
    i = i + 1
  end
  return table.concat(parts, ",")
end

--- Calls `each(position)` for every position of a text.
---@param text string
---@param each fun(position: integer)
function M.each(text, each)
  for first, last in text:gmatch("(%d+)%-?(%d*)") do
    for position = tonumber(first), tonumber(last) or tonumber(first) do
      each(position)
    end
  end
end

return M
