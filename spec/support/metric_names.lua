--- The names of all metrics of klaviyo.metrics, as keys.

local script = require "spec.support.script"

local names = {}
local output, status = script.run [[
  require("klaviyo.metrics").start()
  for _, family in ipairs(require("klaviyo.metrics.families").collect()) do
    print(family.name)
  end
]]
assert(status == 0, output)
for name in output:gmatch("%S+") do
  names[name] = true
end
return names
