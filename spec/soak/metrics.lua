--- make once: an nginx with four workers makes 100,000 calls, while its configuration
--- is reloaded and a worker is killed. One scrape shows exactly what the service
--- counted.
---
---   lua5.4 spec/soak/metrics.lua [CALLS]

local load = require "spec.support.metrics_load"

local calls = tonumber((...)) or 100000
local busy = load.start()
local began = os.time()
local ok, received, compared = pcall(busy.run, busy, calls)
local logs = busy:stop()
if not ok then
  error(tostring(received) .. "\n" .. logs:sub(-3000))
end
local wrong = 0
for _, one in ipairs(compared) do
  if one.own ~= one.service then
    wrong = wrong + 1
    print(("%s: the metrics show %d, the service counted %d"):format(one.name, one.own, one.service))
  end
end
assert(received >= calls, "only " .. received .. " attempts were made")
print(("metrics: %d attempts in %d s, %d of %d sums differ"):format(received, os.time() - began, wrong, #compared))
os.exit(wrong == 0)
