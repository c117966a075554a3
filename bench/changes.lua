--- Compares the figures of two runs.

local kinds = require "kinds"
local results_of = require "results"

local M = {}

-- The compared figure of each workload, where it is not cpu_us.
local FIGURES = {first = "wall_us", ping = "ping_p99_ms", track = "p50_us"}

local function reference_workload(workload)
  return (workload == "raw" or workload == "only") and "iterate" or workload
end

local function percent(before, now)
  return (now / before - 1) * 100
end

-- True if all rounds of one run are above all of the other one. One round has no spread.
local function is_apart(a, b)
  local quantile = results_of.quantile
  return #a > 1 and #b > 1 and (quantile(a, 0) > quantile(b, 1) or quantile(b, 0) > quantile(a, 1))
end

local function entry_of(before, now, workload, name)
  local figure = FIGURES[workload] or "cpu_us"
  local old, new = before:rounds(workload, name, figure), now:rounds(workload, name, figure)
  if not old or not new then
    return nil
  end
  local entry = {workload = workload, subject = name, before = results_of.median(old), now = results_of.median(new)}
  entry.percent = percent(entry.before, entry.now)
  local reference = kinds.reference_of(workload, name)
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
