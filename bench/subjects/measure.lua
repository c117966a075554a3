--- The frame of a subject in Lua:  SUBJECT.lua WORK COUNT URL CA_FILE
---
--- Prints "answers processor-seconds seconds peak-kB kB" of a work, without
--- what came before; of "first" the processor time is the whole process's.

local WARM = 100
local WARMED = {get = true, page = true, post = true}

local function memory(name)
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^" .. name .. ":%s*(%d+)")
    if kb then
      return tonumber(kb)
    end
  end
end

---@param works table<string, fun(count: integer): integer>  each gives how many it did
---@param clock fun(): number
return function(works, clock)
  local name, count = arg[1], tonumber(arg[2])
  local work = works[name]
  if not work then
    return
  end
  if WARMED[name] then
    work(WARM)
  end
  local cpu, wall = name == "first" and 0 or os.clock(), clock()
  local good = work(count)
  print(("%d %.6f %.6f %d %d"):format(good, os.clock() - cpu, clock() - wall, memory "VmHWM", memory "VmRSS"))
end
