--- Compares the results of a run with the goals.

local M = {}

local LUAS = {"Lua 5.4", "LuaJIT"}

local function figure_of(results, goal, lua)
  local figure = goal.figure or "cpu_us"
  local subject, reference = goal.subject:gsub("LUA", lua), goal.reference:gsub("LUA", lua)
  local reference_workload = goal.reference_workload or goal.workload
  if not goal.difference then
    return results:ratio(goal.workload, subject, reference, figure, reference_workload)
  end
  local own = results:median(goal.workload, subject, figure)
  local base = results:median(reference_workload, reference, figure)
  return own and base and (own - base) / (goal.unit or 1)
end

local function bound_of(goal, i)
  local bound = goal.at_most or goal.at_least
  return type(bound) == "table" and bound[i] or bound
end

local function is_within(goal, figure, bound)
  if goal.at_most then
    return figure <= bound
  end
  return figure >= bound
end

--- Returns the goals with their figures, one entry for each goal and Lua. An entry
--- without a figure was not measured.
---@param results table
---@param goals table[]
---@return {title: string, goal: table, lua: string, sign: string, bound: number,
---  figure: number|nil, is_met: boolean|nil}[]
function M.list(results, goals)
  local list = {}
  for _, goal in ipairs(goals) do
    for i, lua in ipairs(LUAS) do
      if goal.only == nil or goal.only == lua then
        local figure, bound = figure_of(results, goal, lua), bound_of(goal, i)
        list[#list + 1] = {title = goal.title, goal = goal, lua = lua, sign = goal.at_most and "≤" or "≥",
          bound = bound, figure = figure, is_met = figure and is_within(goal, figure, bound)}
      end
    end
  end
  return list
end

--- Returns the goal of a subject for its ratio in a workload's chart, or nil.
---@param list table[]  what M.list returned
---@param workload string
---@param subject string
---@param figure string
---@return table|nil entry
function M.find(list, workload, subject, figure)
  for _, entry in ipairs(list) do
    local goal = entry.goal
    if goal.workload == workload and goal.subject:gsub("LUA", entry.lua) == subject
      and (goal.figure or "cpu_us") == figure then
      return entry
    end
  end
  return nil
end

return M
