--- make bench: runs the workloads of the benchmark with all clients in turn, and
--- compares the figures with the goals. A full run writes docs/benchmarks.md.
---
---   lua5.4 bench/table.lua [ROUNDS [WORKLOAD ...]]

local clock = require("klaviyo.core").clock
local klaviyo = require "klaviyo"
local page = require "page"
local shell = require "klaviyo.sandbox.shell"
local subjects = require "subjects"
local upstream = require "upstream"

local function plain(server) return server.base_url end
local function tls(server) return server.tls_url end
local function iterate(server) return server.base_url .. "/iterate" end

-- `instead`: the workload that libcurl + cjson runs for comparison
local WORKLOADS = {
  {name = "get", title = "GET of 1 KB", count = 10000, base = plain},
  {name = "page", title = "GET of a page of 100 profiles, 100 KB", count = 500, base = plain},
  {name = "post", title = "POST of an event", count = 5000, base = plain},
  {name = "tls", task = "get", title = "GET of 1 KB, TLS (HTTP/2 if supported)", count = 5000, base = tls},
  {name = "iterate", title = "iteration over 1,000 pages, 100,000 profiles; for each page", count = 1000,
    max_repetitions = 3, base = iterate},
  {name = "raw", title = "… and each profile as its JSON text", count = 1000, instead = "iterate",
    max_repetitions = 3, base = iterate},
  {name = "only", title = "… and three attributes of each profile", count = 1000, instead = "iterate",
    max_repetitions = 3, base = iterate},
  {name = "posts", title = "5,000 POSTs, responses after 50 ms, 100 at a time, TLS", count = 5000,
    max_repetitions = 3, base = function(server) return server.tls_url .. "/slow" end},
  {name = "first", title = "start to first response, the whole process", count = 1, base = plain, times = 4},
}

local function median(list)
  local sorted = {table.unpack(list)}
  table.sort(sorted)
  local middle = (#sorted + 1) / 2
  return (sorted[math.floor(middle)] + sorted[math.ceil(middle)]) / 2
end

-- runs[workload][subject] = {cpu = {…}, wall = {…}, peak = {…}, rss = {…}}
local runs = {}

local function add_figures(workload, subject, figures)
  local own = runs[workload.name][subject.name] or {cpu = {}, wall = {}, peak = {}, rss = {}}
  runs[workload.name][subject.name] = own
  for name, list in pairs(own) do
    list[#list + 1] = figures[name]
  end
end

local function is_ours(subject)
  return subject.name:find("^klaviyo, ") ~= nil
end

local function can(subject, workload)
  if workload.instead and not is_ours(subject) and not subject.name:find("cjson", 1, true) then
    return false
  end
  return not subject.missing and not (subject.does and not subject.does(workload.name))
end

-- Measures "first" from outside: the clocks of a process start too late.
local function run(subject, workload, server)
  local began = clock()
  local task = not is_ours(subject) and workload.instead or workload.task or workload.name
  local figures, why = subjects.run(subject, workload, task, server)
  if figures and workload.name == "first" then
    figures.wall = clock() - began
  end
  return figures, why
end

local function measure(workload, list, repetitions, server)
  runs[workload.name] = {}
  for _ = 1, math.min(repetitions, workload.max_repetitions or repetitions) * (workload.times or 1) do
    for _, subject in ipairs(list) do
      if can(subject, workload) and not subject.failed then
        local figures, why = run(subject, workload, server)
        if figures then
          add_figures(workload, subject, figures)
        else
          subject.failed = why
          print(subject.name .. ": " .. why)
        end
      end
    end
  end
end

-- Returns the median of the ratios of each round: the speed of a machine drifts.
local function ratio(workload, name, other, what)
  local own, base = runs[workload] and runs[workload][name], runs[workload] and runs[workload][other]
  if not own or not base then
    return nil
  end
  local list = {}
  for i = 1, math.min(#own[what], #base[what]) do
    list[i] = own[what][i] / base[what][i]
  end
  return median(list)
end

local function show(workload, list)
  print(("\n%-46s %9s %9s   %s"):format(workload.title, "CPU µs", "wall µs", "CPU, of libcurl + cjson"))
  for _, subject in ipairs(list) do
    local own = runs[workload.name][subject.name]
    if subject.missing then
      print(("  %-44s %s"):format(subject.name, subject.missing))
    elseif own then
      local factor = subject.limit and ratio(workload.name, subject.name, subject.limit, "cpu")
      print(("  %-44s %8.1f %8.1f   %s"):format(subject.name, median(own.cpu) * 1e6, median(own.wall) * 1e6,
        factor and ("%.2f"):format(factor) or ""))
    end
  end
end

local function show_memory(list)
  print(("\n%-46s %9s %9s %9s"):format("memory, MB resident", "first", "10,000", "iterate"))
  print(("%-46s %9s %9s %9s"):format("", "response", "GETs", "(peak)"))
  for _, subject in ipairs(list) do
    local words = {("  %-42s"):format(subject.name)}
    for _, pair in ipairs {{"first", "peak"}, {"get", "rss"}, {"iterate", "peak"}} do
      local own = runs[pair[1]] and runs[pair[1]][subject.name]
      words[#words + 1] = own and ("%9.1f"):format(median(own[pair[2]]) / 1024) or ("%9s"):format("")
    end
    if words[2]:find("%d") then
      print(table.concat(words, " "))
    end
  end
end

local function difference(workload, what, title, other)
  local own = runs[workload] and runs[workload]["klaviyo, " .. title]
  local base = runs.first and runs.first[other .. ", " .. title]
  return own and base and median(own[what]) - median(base[what])
end

-- {title, maximum or minimum (or one for Lua 5.4 and one for LuaJIT), function that
-- returns the figure for an interpreter}
local GOALS = {
  {"GET of 1 KB: CPU, of libcurl + cjson", 1.2, function(title)
    return ratio("get", "klaviyo, " .. title, "libcurl + cjson, " .. title, "cpu")
  end},
  {"page of 100 KB: CPU, of libcurl + cjson", 1.05, function(title)
    return ratio("page", "klaviyo, " .. title, "libcurl + cjson, " .. title, "cpu")
  end},
  {"iteration, raw: CPU, of libcurl + cjson decoding", {0.20, 0.25}, function(title)
    return ratio("raw", "klaviyo, " .. title, "libcurl + cjson, " .. title, "cpu")
  end},
  {"iteration, three attributes: CPU, of the same", {0.35, 0.40}, function(title)
    return ratio("only", "klaviyo, " .. title, "libcurl + cjson, " .. title, "cpu")
  end},
  {"GET of 1 KB: times less CPU than klaviyo-api", 5, function(title)
    return ratio("get", "klaviyo-api (node)", "klaviyo, " .. title, "cpu")
  end, is_minimum = true},
  {"page of 100 KB: times less CPU than klaviyo-api", 2.5, function(title)
    return ratio("page", "klaviyo-api (node)", "klaviyo, " .. title, "cpu")
  end, is_minimum = true},
  {"start to first response: ms above Lua + libcurl", 5, function(title)
    local seconds = difference("first", "wall", title, "libcurl + cjson")
    return seconds and seconds * 1e3
  end},
  {"100,000 profiles: peak MB above Lua + libcurl", 4, function(title)
    local kb = difference("iterate", "peak", title, "libcurl + cjson")
    return kb and kb / 1024
  end},
}

local function show_goals()
  print(("\n%-52s %13s %9s %9s"):format("goals", "", "Lua 5.4", "LuaJIT"))
  for _, goal in ipairs(GOALS) do
    local bounds = type(goal[2]) == "table" and goal[2] or {goal[2]}
    local words = {("  %-50s"):format(goal[1]), ("%15s"):format((goal.is_minimum and "≥ " or "≤ ")
      .. table.concat(bounds, " / "))}
    for i, title in ipairs {"Lua 5.4", "LuaJIT"} do
      local figure, bound = goal[3](title), bounds[i] or bounds[1]
      local good = figure and (goal.is_minimum and figure >= bound or not goal.is_minimum and figure <= bound)
      words[#words + 1] = figure and ("%8.2f%s"):format(figure, good and " " or "!") or ("%9s"):format("-")
    end
    print(table.concat(words, " "))
  end
end

local function system_of(list)
  local function first_line(command)
    return (select(2, shell.run(command)):match("^[^\n]*"))
  end
  local words = {first_line "nginx -v 2>&1 || /usr/sbin/nginx -v", first_line "luajit -v",
    "node " .. first_line "node --version"}
  for _, subject in ipairs(list) do
    if not subject.missing then
      words[#words + 1] = subject.name .. " " .. tostring(subject.version)
    end
  end
  return ("%s, %s cores, %s, Linux %s, %s; load %s\n%s"):format(
    (shell.read("/proc/cpuinfo"):match("model name%s*:%s*([^\n]*)") or "?"), first_line "nproc --all",
    shell.read("/etc/os-release"):match('PRETTY_NAME="([^"]*)"'), first_line "uname -r", os.date "!%Y-%m-%d %H:%M",
    shell.read("/proc/loadavg"):match("^[%d.]+ [%d.]+"), table.concat(words, "; "))
end

local function write_page(system)
  shell.write("docs/benchmarks.md", page.filled(shell.read "docs/benchmarks.md", system,
    page.table(function(workload, subject, what)
      local own = runs[workload][subject]
      return own and median(own[what])
    end)))
end

local function event_body()
  return klaviyo.new({api_key = "pk_bench", on_warning = function() end}):build("create_event", {
    body = klaviyo.document("create_event", {
      profile = {email = "somebody@example.com"}, metric = "Viewed Product", value = 129.95,
      properties = {product_id = "SKU123", product_name = "Blue T-Shirt", number = 1},
    }),
  }).body
end

local function main(root, repetitions, only)
  local server = upstream.start(root .. "/build/bench/upstream")
  server.body_file = server.dir .. "/event.json"
  shell.write(server.body_file, event_body())
  local list = subjects.list(root)
  local system = system_of(list)
  print(system)
  local ok, err = pcall(function()
    for _, workload in ipairs(WORKLOADS) do
      if next(only) == nil or only[workload.name] then
        measure(workload, list, repetitions, server)
        show(workload, list)
      end
    end
  end)
  server:stop()
  assert(ok, err)
  show_memory(list)
  show_goals()
  if next(only) == nil then
    write_page(system)
  end
end

local only = {}
for i = 2, #arg do
  only[arg[i]] = true
end
main(select(2, shell.run("pwd -P")):match("^[^\n]*"), tonumber(arg[1]) or 5, only)
