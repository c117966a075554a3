--- Runs a workload of a client in Lua:  SUBJECT.lua WORKLOAD COUNT URL CA_FILE
---
--- Prints "responses processor-seconds seconds peak-kB kB". The times start after
--- the warm-up; for "first", the processor time is that of the whole process.

local WARM = 100
local WARMED = {decode = true, get = true, page = true, post = true}

local function memory(name)
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^" .. name .. ":%s*(%d+)")
    if kb then
      return tonumber(kb)
    end
  end
end

---@param workloads table<string, fun(count: integer): integer>  each returns the number of responses
---@param clock fun(): number
return function(workloads, clock)
  local name, count = arg[1], tonumber(arg[2])
  local workload = workloads[name]
  if not workload then
    return
  end
  if WARMED[name] then
    workload(WARM)
  end
  local cpu, wall = name == "first" and 0 or os.clock(), clock()
  local good = workload(count)
  print(("%d %.6f %.6f %d %d"):format(good, os.clock() - cpu, clock() - wall, memory "VmHWM", memory "VmRSS"))
end
