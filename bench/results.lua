--- The figures of a run: all rounds of each subject in each workload, and what is
--- calculated from them.
---
--- Figures are numbers with their unit in the name: `cpu_us`, `wall_us`, `peak_kb`,
--- `ping_p99_ms`. A run becomes a plain table, which docs/benchmarks.json holds.

local M = {}

local Results = {}
Results.__index = Results

--- Returns the median of a list.
---@param list number[]  not empty
---@return number
function M.median(list)
  return M.quantile(list, 0.5)
end

--- Returns a quantile of a list, between its two nearest elements.
---@param list number[]  not empty
---@param part number  0 to 1; 0.5 is the median
---@return number
function M.quantile(list, part)
  local sorted = {}
  for i, value in ipairs(list) do
    sorted[i] = value
  end
  table.sort(sorted)
  local at = 1 + part * (#sorted - 1)
  local low = sorted[math.floor(at)]
  return low + (sorted[math.ceil(at)] - low) * (at - math.floor(at))
end

--- Returns an empty set of results.
---@param facts table|nil  date, system and versions, for the plain table
function M.new(facts)
  local self = {workloads = {}, by_name = {}}
  for name, value in pairs(facts or {}) do
    self[name] = value
  end
  return setmetatable(self, Results)
end

--- Returns the results of a plain table.
---@param plain table  what Results:plain returned
function M.of(plain)
  local self = M.new {date = plain.date, system = plain.system, load = plain.load, versions = plain.versions}
  for _, workload in ipairs(plain.workloads) do
    for _, subject in ipairs(workload.subjects) do
      local added = self:subject(workload.name, subject.name)
      for figure, value in pairs(subject) do
        added[figure] = type(value) == "table" and value.rounds or nil
      end
    end
  end
  return self
end

--- Returns the figures of a subject: lists of the rounds by the names of figures.
--- They are added if they are not there.
---@param workload string
---@param name string
---@return table<string, number[]>
function Results:subject(workload, name)
  local own = self.by_name[workload]
  if not own then
    own = {name = workload, subjects = {}, by_name = {}}
    self.by_name[workload] = own
    table.insert(self.workloads, own)
  end
  if not own.by_name[name] then
    own.by_name[name] = {}
    table.insert(own.subjects, name)
  end
  return own.by_name[name]
end

--- Adds the figures of one round.
---@param figures table<string, number>
function Results:add(workload, name, figures)
  local own = self:subject(workload, name)
  for figure, value in pairs(figures) do
    own[figure] = own[figure] or {}
    table.insert(own[figure], value)
  end
end

--- Returns the rounds of a figure, or nil.
---@return number[]|nil
function Results:rounds(workload, name, figure)
  local own = self.by_name[workload]
  own = own and own.by_name[name]
  return own and own[figure]
end

--- Returns the median of a figure, or nil.
---@return number|nil
function Results:median(workload, name, figure)
  local rounds = self:rounds(workload, name, figure)
  return rounds and M.median(rounds)
end

--- Returns the ratios of a subject to another one, round by round: the speed of a
--- machine varies between rounds.
---@param other string
---@param other_workload string|nil  default: the same
---@return number[]|nil
function Results:ratios(workload, name, other, figure, other_workload)
  local own = self:rounds(workload, name, figure)
  local base = self:rounds(other_workload or workload, other, figure)
  if not own or not base then
    return nil
  end
  local list = {}
  for i = 1, math.min(#own, #base) do
    list[i] = own[i] / base[i]
  end
  return list
end

--- Returns the median of these ratios, or nil.
---@return number|nil
function Results:ratio(...)
  local list = self:ratios(...)
  return list and M.median(list)
end

--- Returns a number as text, rounded the same way by all Luas.
---@param value number
---@param digits integer  behind the point
---@return string
function M.text(value, digits)
  local unit = 10 ^ digits
  return ("%." .. digits .. "f"):format(math.floor(value * unit + 0.5) / unit)
end

-- Four significant digits: more would not be measured.
local function rounded(value)
  return tonumber(("%.4g"):format(value))
end

--- Returns a plain table of the medians and rounds, in the order of the run.
---@return table
function Results:plain()
  local list = {}
  for i, workload in ipairs(self.workloads) do
    local subjects = {}
    for k, name in ipairs(workload.subjects) do
      local subject = {name = name}
      for figure, rounds in pairs(workload.by_name[name]) do
        local kept = {}
        for n, value in ipairs(rounds) do
          kept[n] = rounded(value)
        end
        subject[figure] = {median = rounded(M.median(rounds)), rounds = kept}
      end
      subjects[k] = subject
    end
    list[i] = {name = workload.name, subjects = subjects}
  end
  return {date = self.date, system = self.system, load = self.load, versions = self.versions, workloads = list}
end

return M
