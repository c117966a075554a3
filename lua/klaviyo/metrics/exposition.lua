--- Writes metrics in Prometheus' text format 0.0.4.

local counters = require "klaviyo.util.counters"

local M = {}

local ESCAPES = {["\\"] = "\\\\", ["\n"] = "\\n"}

-- A locale may have another decimal point.
local function number(value)
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then
    return ("%.0f"):format(value)
  elseif value == math.huge then
    return "+Inf"
  end
  return (("%.12g"):format(value):gsub(",", "."))
end

-- Adds the lines of a histogram's sample.
local function add_histogram(lines, family, sample)
  local labels, values = {}, {}
  for i, label in ipairs(family.labels) do
    labels[i], values[i] = label, sample.values[i]
  end
  labels[#labels + 1] = "le"
  local count = 0
  for i, more in ipairs(sample.counts) do
    count = count + more
    values[#labels] = number(family.bounds[i] or math.huge)
    lines[#lines + 1] = counters.key(family.name .. "_bucket", labels, values)
      .. " " .. number(count)
  end
  local own = counters.key("", family.labels, sample.values)
  lines[#lines + 1] = family.name .. "_sum" .. own .. " " .. number(sample.sum)
  lines[#lines + 1] = family.name .. "_count" .. own .. " " .. number(count)
end

local function add_family(lines, family)
  lines[#lines + 1] = ("# HELP %s %s"):format(family.name,
    (family.help:gsub("[\\\n]", ESCAPES)))
  lines[#lines + 1] = ("# TYPE %s %s"):format(family.name, family.type)
  for _, sample in ipairs(family.samples) do
    if family.type == "histogram" then
      add_histogram(lines, family, sample)
    else
      lines[#lines + 1] = (sample.key
        or counters.key(family.name, family.labels, sample.values))
        .. " " .. number(sample.value)
    end
  end
end

--- Returns the text of the families that have a sample.
---@param families klaviyo.metrics.Family[]
---@return string
function M.write(families)
  local lines = {}
  for _, family in ipairs(families) do
    if #family.samples > 0 then
      add_family(lines, family)
    end
  end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

return M
