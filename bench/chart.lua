--- Draws a bar chart as SVG: a row for each subject with its label, its figure, its
--- bar and a note. The goal of a row is a line over its bar.
---
--- The kinds of subjects differ by more than colour: the bars of this library are
--- filled and their text is bold, those of references are striped, those of other
--- clients are hollow. The colours follow `prefers-color-scheme`.

local text_of = require("results").text

local M = {}

local WIDTH = 760
local LABEL, FIGURE, BAR, MAX_BAR = 16, 276, 290, 306
local ROW, BAR_HEIGHT, TOP, BOTTOM = 26, 14, 64, 44
local GAP = 8  -- between a bar and its note

-- A bar that is this many times longer than the next one is cut.
local MAX_FACTOR = 2.5

local STYLE = [[
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}
.small{font-size:12px}
.figure{font-variant-numeric:tabular-nums;text-anchor:end}
.end{text-anchor:end}
.muted{fill:#59636e}
.ours{font-weight:600}
.card{fill:#ffffff;stroke:#d1d9e0}
.bar-ours{fill:#0969da}
.bar-reference{fill:url(#stripes);stroke:#818b98}
.bar-peer{fill:none;stroke:#818b98}
.stripe{stroke:#818b98}
.goal{stroke:#bc4c00;stroke-width:2}
.halo{stroke:#ffffff;stroke-width:5}
.cut{fill:#ffffff;stroke:none}
@media (prefers-color-scheme: dark){
text{fill:#f0f6fc}
.muted{fill:#9198a1}
.card{fill:#0d1117;stroke:#3d444d}
.bar-ours{fill:#4493f8}
.bar-reference{stroke:#656c76}
.bar-peer{stroke:#656c76}
.stripe{stroke:#656c76}
.goal{stroke:#f0883e}
.halo{stroke:#0d1117}
.cut{fill:#0d1117}
}
]]

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"}

local function escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

local function add(out, format, ...)
  out[#out + 1] = format:format(...)
end

local function add_text(out, x, y, class, text)
  add(out, '<text x="%g" y="%g" class="%s">%s</text>', x, y, class, escape(text))
end

--- Returns a number for people: 966, 1,210, 9.6, 0.51.
---@param value number
---@return string
function M.number(value)
  if value < 9.995 then
    return text_of(value, 2)
  elseif value < 99.95 then
    return text_of(value, 1)
  end
  local text = text_of(value, 0):reverse():gsub("(%d%d%d)(%d)", "%1,%2")
  return (text:gsub("(%d%d%d)(%d)", "%1,%2"):reverse())
end

-- Returns the value of a whole bar: the largest one, unless it is much larger than
-- the next one.
local function scale_of(rows)
  local values = {}
  for _, row in ipairs(rows) do
    values[#values + 1] = row.value
    values[#values + 1] = row.goal
  end
  table.sort(values, function(a, b) return a > b end)
  local at = 1
  while values[at + 1] and values[at] > MAX_FACTOR * values[at + 1] and at < 3 do
    at = at + 1
  end
  return at == 1 and values[1] or values[at] * 1.25
end

local function add_bar(out, row, y, scale)
  local is_cut = row.value > scale
  local width = math.max(1, MAX_BAR * math.min(1, row.value / scale))
  add(out, '<rect x="%g" y="%.1f" width="%.1f" height="%d" rx="2" class="bar-%s"/>', BAR, y, width, BAR_HEIGHT,
    row.kind)
  if is_cut then
    local x = BAR + width * 0.86
    add(out, '<path d="M%.1f %.1fl4 -%dh6l-4 %dz" class="cut"/>', x, y + BAR_HEIGHT + 2, BAR_HEIGHT + 4, BAR_HEIGHT + 4)
  end
  local right = BAR + width
  if row.goal then
    local x = BAR + MAX_BAR * math.min(1, row.goal / scale)
    for _, class in ipairs {"halo", "goal"} do
      add(out, '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>', x, y - 4, x, y + BAR_HEIGHT + 4, class)
    end
    right = math.max(right, x)
  end
  return right
end

local function add_row(out, row, top, scale)
  local baseline = top + 17
  local class = row.kind == "ours" and "ours" or ""
  add_text(out, LABEL, baseline, class, row.label)
  add_text(out, FIGURE, baseline, "figure " .. class, M.number(row.value))
  local right = add_bar(out, row, top + (ROW - BAR_HEIGHT) / 2, scale)
  if row.note then
    add_text(out, right + GAP, baseline, row.kind == "ours" and "small" or "small muted", row.note)
  end
end

local LEGEND = {
  {kind = "ours", text = "klaviyo", width = 84},
  {kind = "reference", text = "for comparison", width = 128},
  {kind = "peer", text = "other clients", width = 116},
}

local function add_legend(out, rows, scope, y)
  local has, x = {}, LABEL
  for _, row in ipairs(rows) do
    has[row.kind] = true
    has.goal = has.goal or row.goal ~= nil
  end
  for _, entry in ipairs(LEGEND) do
    if has[entry.kind] then
      add(out, '<rect x="%g" y="%g" width="16" height="10" rx="2" class="bar-%s"/>', x, y - 9, entry.kind)
      add_text(out, x + 22, y, "small muted", entry.text)
      x = x + entry.width
    end
  end
  if has.goal then
    add(out, '<line x1="%g" y1="%g" x2="%g" y2="%g" class="goal"/>', x + 4, y - 11, x + 4, y + 3)
    add_text(out, x + 14, y, "small muted", "goal")
  end
  if scope then
    add_text(out, WIDTH - LABEL, y, "small muted end", scope)
  end
end

--- Returns the text of an SVG file.
---@param chart table  `title`, `unit` (a line below the title), `scope` (what the notes are, or nil) and
---  `rows`, each with `label`, `value`, `kind` ("ours", "reference" or "peer"), and perhaps `note` and
---  `goal`, a value
---@return string
function M.svg(chart)
  local height = TOP + ROW * #chart.rows + BOTTOM
  local scale = scale_of(chart.rows)
  local out = {}
  add(out, '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">', WIDTH,
    height, WIDTH, height)
  add(out, "<title>%s</title>", escape(chart.title))
  out[#out + 1] = "<style>\n" .. STYLE .. "</style>"
  out[#out + 1] = '<defs><pattern id="stripes" width="5" height="5" patternUnits="userSpaceOnUse" '
    .. 'patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="5" stroke-width="3" class="stripe"/></pattern>'
    .. "</defs>"
  add(out, '<rect x="0.5" y="0.5" width="%d" height="%d" rx="6" class="card"/>', WIDTH - 1, height - 1)
  add_text(out, LABEL, 28, "title", chart.title)
  add_text(out, LABEL, 48, "small muted", chart.unit)
  for i, row in ipairs(chart.rows) do
    add_row(out, row, TOP + ROW * (i - 1), scale)
  end
  add_legend(out, chart.rows, chart.scope, height - 16)
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return M
