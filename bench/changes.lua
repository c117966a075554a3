--- Compares the figures of two runs.

local results_of = require "results"

local M = {}

-- The compared figure of each workload, where it is not cpu_us.
local FIGURES = {first = "wall_us", ping = "ping_p99_ms", track = "p50_us"}

local function reference_of(workload, name)
  local lua = name:match "^klaviyo, (.*)$"
  if workload == "decode" then
    return lua and "lua-cjson, " .. lua
  elseif workload == "start" then
    return lua and "libcurl, linked, " .. lua
  elseif workload == "ping" then
    return name ~= "no calls" and "no calls" or nil
  end
  return lua and "libcurl + cjson, " .. lua
end

local function reference_workload(workload)
  return (workload == "raw" or workload == "only") and "iterate" or workload
end

local function percent(before, now)
  return (now / before - 1) * 100
end

-- True if the middle halves of two lists of rounds have nothing in common.
local function is_apart(a, b)
  local quantile = results_of.quantile
  return quantile(a, 0.25) > quantile(b, 0.75) or quantile(b, 0.25) > quantile(a, 0.75)
end

local function entry_of(before, now, workload, name)
  local figure = FIGURES[workload] or "cpu_us"
  local old, new = before:rounds(workload, name, figure), now:rounds(workload, name, figure)
  if not old or not new then
    return nil
  end
  local entry = {workload = workload, subject = name, before = results_of.median(old), now = results_of.median(new)}
  entry.percent = percent(entry.before, entry.now)
  local reference = reference_of(workload, name)
  local function ratios(run)
    return reference and run:ratios(workload, name, reference, figure, reference_workload(workload))
  end
  local old_ratios, new_ratios = ratios(before), ratios(now)
  if old_ratios and new_ratios then
    -- the ratio decides, because the speed of the machine cancels out
    entry.ratio_percent = percent(results_of.median(old_ratios), results_of.median(new_ratios))
    old, new = old_ratios, new_ratios
  end
  entry.is_beyond = is_apart(old, new)
  entry.is_better = (entry.ratio_percent or entry.percent) < 0
  return entry
end

--- Returns what changed: an entry for each workload and subject that both runs have.
---@param before table  the plain table of the former run
---@param now table
---@return {workload: string, subject: string, before: number, now: number, percent: number,
---  ratio_percent: number|nil, is_beyond: boolean, is_better: boolean}[]
function M.list(before, now)
  local list = {}
  before, now = results_of.of(before), results_of.of(now)
  for _, workload in ipairs(now.workloads) do
    for _, name in ipairs(workload.subjects) do
      list[#list + 1] = entry_of(before, now, workload.name, name)
    end
  end
  return list
end

return M
