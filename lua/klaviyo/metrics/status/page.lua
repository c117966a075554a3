--- The HTML of the status page. It needs no script and no other resource.

local cards = require "klaviyo.metrics.status.cards"
local history = require "klaviyo.metrics.status.history"
local attention = require "klaviyo.metrics.status.attention"
local series = require "klaviyo.metrics.status.series"
local style = require "klaviyo.metrics.status.style"
local tables = require "klaviyo.metrics.status.tables"
local text = require "klaviyo.metrics.status.text"
local version = require "klaviyo.version"

local M = {}

local PAGE = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
%s<title>%s</title>
<link rel="icon" href="data:image/svg+xml,%s">
<style>%s</style>
</head>
<body>
<header>
<h1>klaviyo <small>%s</small></h1>
<p>%s</p>
</header>
<main>
%s</main>
<footer><p>klaviyo %s. Times are UTC. Rates are those of the last minute.</p></footer>
</body>
</html>
]]

-- A dot, as the path of a data URL.
local ICON = ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'>"
  .. "<circle cx='4' cy='4' r='4' fill='#%s'/></svg>"):gsub("[<>#]", {["<"] = "%%3C", [">"] = "%%3E", ["#"] = "%%23"})

-- The state of the whole: a class, a word, and the colour of the icon.
local STATES = {
  good = {"", "All is well.", "0b8f84"},
  warn = {" warn", "Look at this:", "d98a14"},
  bad = {" bad", "Act on this:", "d33a30"},
  none = {"", "The first samples are being taken.", "7488a0"},
}

local function state_of(samples, list)
  local first, count = samples[history.SLOTS], 0
  for _ in pairs(samples) do
    count = count + 1
  end
  if list[1] then
    return STATES[list[1].class]
  end
  return first and count > 1 and STATES.good or STATES.none
end

local function state_html(state, list, samples)
  local requests, seconds = series.increase(samples, history.SLOTS, {"requests.*"}, 3600)
  local sum = #list == 0 and seconds > 0 and ("%s in the last %s"):format(text.count(requests, "request"),
    text.duration(seconds)) or ""
  local out = {('<section class="state%s" aria-label="State"><p><strong>%s</strong>%s</p>'):format(state[1], state[2],
    sum)}
  if #list > 0 then
    out[#out + 1] = "<ul>"
    for _, item in ipairs(list) do
      out[#out + 1] = ('<li class="%s"><span>%s</span></li>'):format(item.class, text.escape(item.text))
    end
    out[#out + 1] = "</ul>"
  end
  out[#out + 1] = "</section>\n"
  return table.concat(out)
end

local function subtitle(samples, options)
  local newest = samples[history.SLOTS]
  local when = newest and ("Newest sample: %s"):format(text.clock(newest.time)) or "No sample yet"
  if options.refresh then
    return when .. ' · <a href="?refresh=off">Stop refreshing</a>'
  end
  return when .. ' · <a href="?refresh=on">Refresh every 10 s</a>'
end

--- Returns the page.
---@param samples table<integer, table>  of history.read
---@param details table
---@param options {now: number, host?: string, refresh: boolean}
---@return string
function M.render(samples, details, options)
  local list = attention.list(samples, details, options.now)
  local state = state_of(samples, list)
  local host = text.escape(options.host or "status")
  local sections = state_html(state, list, samples) .. cards.html(samples, details) .. tables.html(samples, details)
  local refresh = options.refresh
    and ('<meta http-equiv="refresh" content="%d">\n'):format(math.ceil(history.INTERVAL)) or ""
  return PAGE:format(refresh, ("klaviyo on %s: %s"):format(host, state[2]:gsub("[.:]$", ""):lower()),
    ICON:format(state[3]), style, host, subtitle(samples, options), sections, version)
end

return M
