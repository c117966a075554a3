--- Draws bars and series of numbers as text, with the block characters of Unicode,
--- or with ASCII where the locale has no UTF-8.

local M = {}

local EIGHTHS = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}
local HEIGHTS = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
local FULL, ASCII = "█", "#"

local function is_number(value)
  return type(value) == "number" and value == value
    and value > -math.huge and value < math.huge
end

--- Returns whether the locale of the environment has UTF-8.
---@param getenv (fun(name: string): string|nil)|nil  default os.getenv
---@return boolean
function M.has_utf8(getenv)
  getenv = getenv or os.getenv
  for _, name in ipairs {"LC_ALL", "LC_CTYPE", "LANG"} do
    local value = getenv(name)
    if value and value ~= "" then
      return value:lower():find("utf%-?8") ~= nil
    end
  end
  return false
end

local utf8 = M.has_utf8()

local function uses_ascii(options)
  if options and options.ascii ~= nil then
    return options.ascii
  end
  return not utf8
end

--- Returns the bar of a value, at most `width` columns long; "" for none. A value
--- above zero is never invisible, and one below `max` never fills the width.
---@param value number|nil
---@param max number  the value of a whole bar
---@param width integer
---@param options {ascii: boolean|nil}|nil
---@return string
function M.bar(value, max, width, options)
  if not is_number(value) or not is_number(max) or value <= 0 or max <= 0 then
    return ""
  end
  local steps = uses_ascii(options) and 1 or 8
  local all = width * steps
  local length = math.floor(math.min(value / max, 1) * all + 0.5)
  if length == all and value < max then
    length = all - 1
  end
  length = math.max(length, 1)
  if steps == 1 then
    return ASCII:rep(length)
  end
  return FULL:rep(math.floor(length / 8)) .. (EIGHTHS[length % 8] or "")
end

-- Returns the number of columns of a text.
local function width_of(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- Returns a text with blanks up to a width. `right` aligns it to the right.
---@param text string
---@param width integer
---@param right boolean|nil
---@return string
function M.pad(text, width, right)
  local blanks = (" "):rep(width - width_of(text))
  return right and blanks .. text or text .. blanks
end

--- The number of columns that a text takes.
M.width_of = width_of

-- Returns as many values as there are columns: the mean of those that share one.
local function resampled(values, columns)
  local list = {}
  for i = 1, columns do
    local first = math.floor((i - 1) * #values / columns) + 1
    local last = math.max(first, math.floor(i * #values / columns))
    local sum, count = 0, 0
    for at = first, last do
      if is_number(values[at]) then
        sum, count = sum + values[at], count + 1
      end
    end
    list[i] = count > 0 and sum / count or false
  end
  return list
end

local function bounds(values)
  local low, high = 0, 0
  for _, value in ipairs(values) do
    if is_number(value) then
      low, high = math.min(low, value), math.max(high, value)
    end
  end
  return low, high > low and high or low + 1
end

-- Returns the character of a column in a line; `level` is how far the value
-- reaches into the line: 0 not at all, 1 fills it.
local function cell(level, ascii)
  if level <= 0 then
    return " "
  elseif ascii then
    return level >= 0.5 and ASCII or "."
  end
  return HEIGHTS[math.max(1, math.min(8, math.floor(level * 8 + 0.5)))]
end

local function plain(value)
  return value % 1 == 0 and ("%d"):format(value) or ("%.2f"):format(value)
end

-- Returns the labels of the y axis by line, all of the same width.
local function labels_of(low, high, height, format)
  local labels, width = {}, 0
  for line = 1, height do
    local value = line == 1 and high or line == height and low
    labels[line] = value and format(value) or ""
    width = math.max(width, width_of(labels[line]))
  end
  for line = 1, height do
    labels[line] = M.pad(labels[line], width, true)
  end
  return labels, width
end

local function x_axis(names, width, indent)
  local first, last = names[1], #names > 1 and names[#names] or ""
  local gap = width - width_of(first) - width_of(last)
  if gap < 1 then
    return (" "):rep(indent) .. first
  end
  return (" "):rep(indent) .. first .. (" "):rep(gap) .. last
end

--- Returns the lines of a chart: one column or more for each value, between zero
--- and the greatest value. `names` are the labels of the values: the first and the
--- last one are below the chart.
---@param values number[]
---@param width integer  of the lines
---@param height integer  of the chart, without the names
---@param options {ascii: boolean|nil, names: string[]|nil, format: (fun(value: number): string)|nil}|nil
---@return string[]
function M.series(values, width, height, options)
  options = options or {}
  if #values == 0 then
    return {}
  end
  local ascii = uses_ascii(options)
  local low, high = bounds(values)
  local labels, indent = labels_of(low, high, height, options.format or plain)
  local room = math.max(1, width - indent - 2)
  local per_value = math.max(1, math.min(8, math.floor(room / #values)))
  local shown = #values <= room and values or resampled(values, room)
  local bar = math.max(1, per_value - 1)
  local lines = {}
  for line = 1, height do
    local text = {labels[line], ascii and " |" or " │"}
    for _, value in ipairs(shown) do
      local level = value and (value - low) / (high - low) * height
        - (height - line) or 0
      -- a value above zero shows in the lowest line
      if value and line == height and value > low then
        level = math.max(level, 0.125)
      end
      text[#text + 1] = cell(level, ascii):rep(bar)
        .. (" "):rep(per_value - bar)
    end
    lines[line] = table.concat(text):gsub("%s+$", "")
  end
  if options.names and #options.names > 0 then
    lines[#lines + 1] = x_axis(options.names, #shown * per_value
      - (per_value - bar), indent + 2)
  end
  return lines
end

return M
