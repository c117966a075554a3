--- Prints the results of the benchmark.

local chart = require "chart"

local M = {}

local function printf(format, ...)
  print(format:format(...))
end

local function name_in(workload, subject)
  return workload.names and workload.names[subject.name] or subject.name
end

--- Prints what is measured on which system, and which clients are missing.
function M.system(facts, subjects)
  local names = {}
  for name, version in pairs(facts.versions) do
    names[#names + 1] = name .. " " .. version
  end
  table.sort(names)
  printf("%s; %s", facts.system, facts.date)
  print(table.concat(names, ", "))
  if facts.load and facts.load > 0.5 then
    printf("load %.2f: other programs are running, so times vary", facts.load)
  end
  for _, subject in ipairs(subjects) do
    if subject.missing then
      printf("skipped: %s is %s", subject.name, subject.missing)
    end
  end
end

--- Prints the table of a workload.
function M.workload(results, workload, subjects)
  printf("\n%-54s %9s %9s   %s", workload.title, "CPU µs", "wall µs", "CPU, ratio")
  for _, subject in ipairs(subjects) do
    local name = name_in(workload, subject)
    local cpu = results:median(workload.name, name, "cpu_us")
    if cpu then
      local reference = subject.reference and name_in(workload, {name = subject.reference})
      local ratio = reference and results:ratio(workload.name, name, reference, "cpu_us", workload.with)
      printf("  %-52s %8.1f %8.1f   %s", name, cpu, results:median(workload.name, name, "wall_us"),
        ratio and ("%.2f"):format(ratio) or "")
    end
  end
end

local MEMORY = {{"first", "peak_kb"}, {"get", "rss_kb"}, {"iterate", "peak_kb"}}

--- Prints the memory of all clients.
function M.memory(results, subjects)
  if not results.by_name.first and not results.by_name.get and not results.by_name.iterate then
    return
  end
  printf("\n%-46s %9s %9s %9s", "memory, MB resident", "first", "5,000", "iterate")
  printf("%-46s %9s %9s %9s", "", "response", "GETs", "(peak)")
  for _, subject in ipairs(subjects) do
    local words, has = {("  %-44s"):format(subject.name)}, false
    for _, pair in ipairs(MEMORY) do
      local kb = results:median(pair[1], subject.name, pair[2])
      has = has or kb ~= nil
      words[#words + 1] = kb and ("%9.1f"):format(kb / 1024) or ("%9s"):format("")
    end
    if has then
      print(table.concat(words, " "))
    end
  end
end

--- Prints the cost of a start.
function M.start(results)
  if not results.by_name.start then
    return
  end
  printf("\n%-38s %9s %9s %9s %9s %9s", "start, ms of processor time", "linking", "require", "new", "build", "Lua kB")
  for _, lua in ipairs {"Lua 5.4", "LuaJIT"} do
    local function ms(figure, subject)
      return results:median("start", (subject or "klaviyo, ") .. lua, figure) / 1000
    end
    printf("  %-36s %9.2f %9.2f %9.2f %9.2f %9.0f", "klaviyo, " .. lua, ms("cpu_us", "libcurl, linked, "),
      ms "require_us", ms "new_us", ms "build_us", ms "lua_kb" * 1000)
  end
end

--- Prints what was measured in nginx.
function M.nginx(results)
  local ping, track = results.by_name.ping, results.by_name.track
  if ping then
    printf("\n%-42s %8s %8s %8s %9s %9s %8s", "nginx, one worker, 200 ms upstream", "calls/s", "p50 ms", "p99 ms",
      "ping p50", "ping p99", "of idle")
    for _, name in ipairs(ping.subjects) do
      local function cell(width, format, figure)
        local value = results:median("ping", name, figure)
        return ("%" .. width .. "s"):format(value and format:format(value) or "")
      end
      printf("  %-40s %s %s %s %s %s %8.1f", name, cell(8, "%.0f", "rate"), cell(8, "%.0f", "p50_ms"),
        cell(8, "%.0f", "p99_ms"), cell(9, "%.2f", "ping_p50_ms"), cell(9, "%.2f", "ping_p99_ms"),
        results:ratio("ping", name, "no calls", "ping_p99_ms"))
    end
  end
  if track then
    printf("\n%-42s %8s %8s %8s", "track in log_by_lua, 32 callers", "p50 µs", "p99 µs", "of before")
    for _, name in ipairs(track.subjects) do
      local ratio = results:ratio("track", name, name .. ", before", "p50_us")
      printf("  %-40s %8.2f %8.2f %8s", name, results:median("track", name, "p50_us"),
        results:median("track", name, "p99_us"), ratio and ("%.2f"):format(ratio) or "")
    end
  end
end

--- Prints all goals, and those that are not reached again.
---@param list table[]  what goal_results.list returned
---@param is_whole boolean  whether the run was to measure all of them
function M.goals(list, is_whole)
  local short, measured = {}, 0
  print ""
  for _, entry in ipairs(list) do
    if entry.figure then
      measured = measured + 1
      local line = ("%-60s %-8s %7s   %s %s"):format(entry.title, entry.lua,
        chart.number(entry.figure), entry.sign, chart.number(entry.bound))
      print((entry.is_met and "reached      " or "NOT REACHED  ") .. line)
      if not entry.is_met then
        short[#short + 1] = line
      end
    elseif is_whole then
      printf("not measured %-60s %s", entry.title, entry.lua)
    end
  end
  printf("\n%d of %d measured goals are reached%s", measured - #short, measured,
    #short > 0 and "; these are not:" or "")
  for _, line in ipairs(short) do
    print("  " .. line)
  end
end

-- Returns a word for a change beyond the spread.
local function change_of(entry)
  if not entry.is_beyond then
    return ""
  elseif not entry.ratio_percent then
    return entry.is_better and "faster machine" or "slower machine"
  end
  return entry.is_better and "better" or "WORSE"
end

--- Prints what changed since another run.
---@param list table[]  what changes.list returned
function M.changes(list)
  printf("\n%-14s %-30s %10s %10s %9s %9s", "since BASE", "", "before", "now", "change", "of ratio")
  for _, entry in ipairs(list) do
    printf("%-14s %-30s %10s %10s %+8.1f%% %9s %s", entry.workload, entry.subject, chart.number(entry.before),
      chart.number(entry.now), entry.percent, entry.ratio_percent and ("%+8.1f%%"):format(entry.ratio_percent) or "",
      change_of(entry))
  end
  print "better, WORSE: the ratio changed by more than the spread of the rounds of both runs"
end

--- Prints what could not be measured; returns true if that is nothing.
---@param failures {workload: string, subject: string}[]
---@return boolean
function M.failures(failures)
  for _, failure in ipairs(failures) do
    printf("FAILED: %s, %s could not be measured", failure.workload, failure.subject)
  end
  return #failures == 0
end

return M
