--- Charts of an hour, as SVG: lines with a point for each slot. The page's style
--- sheet has their colours, by class.

local M = {}

local HEIGHT = 200   -- of the drawing, which is stretched to its size on the page
local MARGIN = 6     -- so that the highest line is not clipped
local MAX_GAP = 3    -- slots; a longer gap interrupts a line

-- Returns whether a point and those beside it are 0.
local function is_idle(points, slot)
  return points[slot] == 0 and (points[slot - 1] or 0) == 0 and (points[slot + 1] or 0) == 0
end

-- Returns a list of runs of {x, y}; points in a run are connected.
local function runs_of(line, slots, max)
  local points, max_gap = line.points, line.hides_zero and 1 or MAX_GAP
  local runs, run = {}, nil
  for slot = 1, slots do
    local value = points[slot]
    if value and not (line.hides_zero and is_idle(points, slot)) then
      local y = HEIGHT - math.floor(math.min(value / max, 1) * (HEIGHT - MARGIN) + 0.5)
      if not run or slot - run[#run][1] > max_gap then
        run = {}
        runs[#runs + 1] = run
      end
      -- the middle point of a horizontal line is not needed
      local n = #run
      if n > 1 and run[n][2] == y and run[n - 1][2] == y then
        run[n] = {slot, y}
      else
        run[n + 1] = {slot, y}
      end
    end
  end
  return runs
end

local function path_of(runs, closed)
  local out = {}
  for _, run in ipairs(runs) do
    if closed then
      out[#out + 1] = ("M%d %d"):format(run[1][1], HEIGHT)
    end
    for i, point in ipairs(run) do
      out[#out + 1] = ("%s%d %d"):format((i > 1 or closed) and "L" or "M", point[1], point[2])
    end
    if closed then
      out[#out + 1] = ("L%d %dZ"):format(run[#run][1], HEIGHT)
    elseif #run == 1 then
      out[#out + 1] = "h.1"  -- a dot
    end
  end
  return table.concat(out)
end

--- Returns a chart.
---@param lines {points: table<integer, number>, class: string, area?: boolean, hides_zero?: boolean}[]  later lines
---  are above earlier ones; hides_zero: the line has gaps where it would be at 0
---@param slots integer
---@param max number  the value at the top
---@param text string  what the chart shows, for those who cannot see it; already escaped
---@return string
function M.lines(lines, slots, max, text)
  local out = {('<svg class="chart" viewBox="1 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s">')
    :format(slots - 1, HEIGHT + 2, text)}
  out[#out + 1] = ('<path class="base" d="M1 %dH%d"/>'):format(HEIGHT, slots)
  for _, line in ipairs(lines) do
    local runs = runs_of(line, slots, max > 0 and max or 1)
    if line.area and #runs > 0 then
      out[#out + 1] = ('<path class="area %s" d="%s"/>'):format(line.class, path_of(runs, true))
    end
    if #runs > 0 then
      out[#out + 1] = ('<path class="line %s" d="%s"/>'):format(line.class, path_of(runs))
    end
  end
  out[#out + 1] = "</svg>"
  return table.concat(out)
end

--- Returns a bar that shows a share. The number stands beside it, so it has no text.
---@param share number  0 to 1; more fills the bar
---@param class string
---@return string
function M.bar(share, class)
  return ('<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
    .. '<rect class="track" width="100" height="8"/><rect class="fill %s" width="%.1f" height="8"/></svg>')
    :format(class, math.max(0, math.min(1, share)) * 100)
end

return M
