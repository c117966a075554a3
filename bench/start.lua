--- Measures the start of a program: require "klaviyo", new, the first build.
---
---   lua5.4 bench/start.lua [PROCESSES]
---
--- Prints medians of processor time over new processes (default 20); the files are
--- in the system's cache. The shared object of the core is loaded first and
--- reported separately: that is the linker's time for libcurl and its libraries,
--- unless the process has loaded them already.

-- The limits for Lua 5.4; LuaJIT is measured for comparison.
local MAX_MS, MAX_KB = 3, 400

local STEPS = {"linking", "require", "new", "build", "kilobytes", "kept"}

local SHOWN = {
  linking = "libcurl, linked",
  require = 'require "klaviyo"',
  new = "klaviyo.new",
  build = "client:build, the first",
}

local function child()
  local clock, count = os.clock, collectgarbage
  local path = assert(package.searchpath("klaviyo.core", package.cpath))
  local began = clock()
  package.loadlib(path, "*")
  local linked = clock()
  count() count()
  local before = count("count")

  local at = clock()
  local klaviyo = require "klaviyo"
  local required = clock()
  local client = klaviyo.new {api_key = "pk_of_nobody"}
  local made = clock()
  local request = client:build("get_profiles")
  local built = clock()

  local used = count("count") - before
  count() count()
  local kept = count("count") - before
  assert(request.method == "GET")
  print(("%.3f %.3f %.3f %.3f %.1f %.1f"):format((linked - began) * 1e3,
    (required - at) * 1e3, (made - required) * 1e3, (built - made) * 1e3,
    used, kept))
end

local function median(list)
  table.sort(list)
  local middle = (#list + 1) / 2
  return (list[math.floor(middle)] + list[math.ceil(middle)]) / 2
end

local function measure(processes)
  local interpreter, at = arg[-1], -1
  while arg[at - 1] do
    at = at - 1
    interpreter = arg[at]
  end
  local figures = {}
  for _, step in ipairs(STEPS) do
    figures[step] = {}
  end
  for i = 1, processes do
    local pipe = assert(io.popen(("'%s' '%s' --child"):format(interpreter,
      arg[0])))
    local line = pipe:read("*a")
    pipe:close()
    local n = 0
    for figure in line:gmatch("%S+") do
      n = n + 1
      figures[STEPS[n]][i] = tonumber(figure)
    end
    assert(n == #STEPS, "a process did not print its figures: " .. line)
  end
  local medians = {}
  for step, list in pairs(figures) do
    medians[step] = median(list)
  end
  return medians
end

local function report(processes)
  local found = measure(processes)
  local jit = rawget(_G, "jit")
  print(("%s, %d processes"):format(jit and "LuaJIT" or _VERSION, processes))
  for _, step in ipairs {"linking", "require", "new", "build"} do
    print(("  %-26s %7.2f ms"):format(SHOWN[step], found[step]))
  end
  local total = found.require + found.new + found.build
  print(("  %-26s %7.2f ms"):format("without the linking", total))
  print(("  %-26s %7.0f kB, %.0f after a collection"):format("Lua memory",
    found.kilobytes, found.kept))
  local within_limits = jit or total <= MAX_MS and found.kilobytes <= MAX_KB
  if not within_limits then
    print(("  TOO MUCH: the limits are %d ms and %d kB"):format(MAX_MS, MAX_KB))
  end
  return within_limits
end

if arg[1] == "--child" then
  child()
else
  os.exit(report(tonumber(arg[1]) or 20) and 0 or 1)
end
