--- A card of the status page: a number, its chart of the last hour, and a legend.

local chart = require "klaviyo.metrics.status.chart"
local history = require "klaviyo.metrics.status.history"
local series = require "klaviyo.metrics.status.series"
local text = require "klaviyo.metrics.status.text"

local M = {}

local SLOTS = history.SLOTS

---@class klaviyo.metrics.status.Card
---@field title string
---@field value string  such as "12.4/s" or "86 ms"
---@field unit? string  words after the value
---@field lines table[]  of chart.lines, with a `label`
---@field format fun(value: number): string  of the lines' values
---@field max? number  at the top of the chart; by default the highest value
---@field legend string[][]  class, label and value of each row

local function legend_html(entries)
  local out = {'<dl class="legend">'}
  for _, entry in ipairs(entries) do
    out[#out + 1] = ('<div class="%s"><dt>%s</dt><dd>%s</dd></div>'):format(entry[1], text.escape(entry[2]),
      text.escape(entry[3]))
  end
  out[#out + 1] = "</dl>"
  return table.concat(out)
end

-- What a chart shows, in words.
local function describe(card, format)
  local out = {card.title .. ", the last hour"}
  for _, line in ipairs(card.lines) do
    local last, min, max = series.range(line.points, SLOTS)
    out[#out + 1] = last and ("%s: now %s, lowest %s, highest %s"):format(line.label, format(last), format(min),
      format(max)) or line.label .. ": no data"
  end
  return text.escape(table.concat(out, ". "):gsub("<", "less than"))
end

local function card_html(card)
  local max = 0
  for _, line in ipairs(card.lines) do
    max = math.max(max, select(3, series.range(line.points, SLOTS)) or 0)
  end
  local value, unit = card.value:match("^(.-)([ /]%a.*)$")
  unit = (unit or "") .. (card.unit and " " .. card.unit or "")
  local now = ('<p class="now">%s%s</p>'):format(text.escape(value or card.value),
    unit ~= "" and ("<small>%s</small>"):format(text.escape(unit)) or "")
  return ('<article class="card"><h3>%s</h3>%s%s<p class="axis"><span>60 min ago</span><span>%s</span></p>'
    .. '%s</article>\n'):format(text.escape(card.title), now,
      chart.lines(card.lines, SLOTS, card.max or max, describe(card, card.format)),
      max > 0 and "highest " .. text.escape(card.format(max)) or "no activity", legend_html(card.legend))
end

--- Returns a section of cards.
---@param title string
---@param list klaviyo.metrics.status.Card[]
---@return string
function M.section(title, list)
  for i, card in ipairs(list) do
    list[i] = card_html(card)
  end
  local id = title:lower():gsub("%A+", "-")
  return ('<section aria-labelledby="%s"><h2 id="%s">%s</h2><div class="cards">\n%s</div></section>\n'):format(id, id,
    title, table.concat(list))
end

return M
