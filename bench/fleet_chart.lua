--- Draws the chart of docs/scale.md from its table, which bench/fleet_table.lua prints:
---
---   lua bench/fleet_chart.lua <docs/scale.md >docs/scale.svg

package.path = (arg[0]:match("^(.*)fleet_chart") or "./") .. "?.lua;" .. package.path

local chart = require "chart"

local rows = {}
for line in io.lines() do
  local hosts, used, rejected, exchanges =
    line:match("^| (%d+) | ([%d.]+) %% | [%d.]+ %% | (%d+) of %d+ | [%d.]+ | (%d+) |$")
  if hosts then
    rows[#rows + 1] = {label = hosts .. (hosts == "1" and " host" or " hosts"), kind = "ours",
      value = tonumber(exchanges),
      note = ("%s %% used, %s"):format(used, rejected == "0" and "no 429" or rejected .. " 429s")}
  end
end
assert(#rows > 0, "no table of hosts")
io.write(chart.svg {
  title = "Hosts that share 50 accounts, all as much as they can",
  unit = "exchanges with Redis in a second",
  scope = "what the hosts used of the limits, and what the service rejected", rows = rows})
