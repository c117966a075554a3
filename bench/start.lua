--- Measures the start of a program in new processes; the files are in the system's
--- cache.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local STEPS = {"linking", "require", "new", "build", "used", "kept"}

local function run_once(lua)
  local command = ([[eval "$(make -s --no-print-directory env LUA=%s)"; %s bench/subjects/start.lua]]):format(lua, lua)
  local _, text = shell.run(command)
  local step, n = {}, 0
  for figure in text:gmatch("%S+") do
    n = n + 1
    step[STEPS[n] or n] = tonumber(figure)
  end
  assert(n == #STEPS and step.kept, "a process did not print its figures: " .. text:sub(1, 300))
  return step
end

--- Adds the figures of a number of processes for each Lua.
---@param results table
---@param processes integer
function M.measure(results, processes)
  for _ = 1, processes do
    for lua, title in pairs {["lua5.4"] = "Lua 5.4", luajit = "LuaJIT"} do
      local step = run_once(lua)
      results:add("start", "klaviyo, " .. title, {cpu_us = step.require + step.new + step.build,
        require_us = step.require, new_us = step.new, build_us = step.build, lua_kb = step.used, kept_kb = step.kept})
      results:add("start", "libcurl, linked, " .. title, {cpu_us = step.linking, lua_kb = 0})
    end
  end
end

return M
