--- make bench: runs the workloads of the benchmark with all clients in turn, and
--- compares the figures with each other and with the goals. A full run writes
--- docs/benchmarks.md, its charts and docs/benchmarks.json.
---
---   lua5.4 bench/main.lua [ROUNDS [WORKLOAD ...]]
---
--- The environment: BASE is a file of former figures to compare with, BEFORE the
--- folder of a former build (see run.sh). The status is 0 if everything was
--- measured, also if goals are not reached; it is 1 if a client failed, or returned
--- a wrong response.

local changes = require "changes"
local clock = require("klaviyo.core").clock
local goals = require "goals"
local goal_results = require "goal_results"
local json_file = require "json_file"
local klaviyo = require "klaviyo"
local nginx = require "nginx.measure"
local page = require "page"
local report = require "report"
local results_of = require "results"
local shell = require "klaviyo.sandbox.shell"
local start = require "start"
local subjects = require "subjects"
local system = require "system"
local upstream = require "upstream"
local WORKLOADS = require "workloads"

local ROUNDS = 5

local Bench = {}
Bench.__index = Bench

function Bench:fail(workload, subject, why)
  print(("FAILED: %s, %s: %s"):format(workload, subject, why))
  table.insert(self.failures, {workload = workload, subject = subject})
end

-- Measures "first" from outside: the clocks of a process start too late.
function Bench:run(workload, subject)
  local began = clock()
  local figures, why = subjects.run(subject, workload, workload.task or workload.name, self.server)
  if figures and workload.name == "first" then
    figures.wall_us = (clock() - began) * 1e6
  end
  local name = workload.names and workload.names[subject.name] or subject.name
  if figures then
    self.results:add(workload.name, name, figures)
  else
    self:fail(workload.name, name, why)
  end
  return figures ~= nil
end

-- Measures workloads in the same rounds, all clients in turn.
function Bench:measure(group)
  local failed = {}
  local rounds = math.min(self.rounds, group[1].rounds or self.rounds) * (group[1].times or 1)
  for _ = 1, rounds do
    for _, subject in ipairs(self.subjects) do
      for _, workload in ipairs(group) do
        local key = workload.name .. subject.name
        if not subject.missing and subject.does(workload.name) and not failed[key] then
          failed[key] = not self:run(workload, subject)
        end
      end
    end
  end
  for _, workload in ipairs(group) do
    report.workload(self.results, workload, self.subjects)
  end
end

function Bench:is_wanted(name)
  return next(self.only) == nil or self.only[name]
end

-- Returns the workloads that are wanted, in groups that share their rounds.
function Bench:groups()
  local groups, by_name = {}, {}
  for _, workload in ipairs(WORKLOADS) do
    local group = by_name[workload.with]
    if group and self:is_wanted(workload.name) then
      group.is_wanted = true
      table.insert(group, workload)
    elseif not workload.with then
      group = {workload, is_wanted = self:is_wanted(workload.name)}
      by_name[workload.name] = group
      table.insert(groups, group)
    end
  end
  return groups
end

local function event_body()
  return klaviyo.new({api_key = "pk_bench", on_warning = function() end}):build("create_event", {
    body = klaviyo.document("create_event", {
      profile = {email = "somebody@example.com"}, metric = "Viewed Product", value = 129.95,
      properties = {product_id = "SKU123", product_name = "Blue T-Shirt", number = 1},
    }),
  }).body
end

function Bench:measure_workloads(root)
  self.server = upstream.start(root .. "/build/bench/upstream")
  self.server.body_file = self.server.dir .. "/event.json"
  shell.write(self.server.body_file, event_body())
  local ok, err = pcall(function()
    for _, group in ipairs(self:groups()) do
      if group.is_wanted then
        self:measure(group)
      end
    end
  end)
  self.server:stop()
  assert(ok, err)
end

-- Runs a part of the benchmark that adds its own results. Its failure does not end
-- the others.
function Bench:part(name, measure, ...)
  if not self:is_wanted(name) then
    return
  end
  local ok, err = pcall(measure, self.results, ...)
  if not ok then
    self:fail(name, "klaviyo", tostring(err))
  end
end

local function options_of(args)
  local only = {}
  for i = 2, #args do
    only[args[i]] = true
  end
  local function setting(name)
    local value = os.getenv(name)
    return value ~= "" and value or nil
  end
  local rounds = tonumber(args[1]) or tonumber(setting "ROUNDS") or ROUNDS
  assert(rounds >= 1, "ROUNDS must be a positive number")
  local base = setting "BASE"
  return {rounds = math.floor(rounds), only = only, base = base and json_file.read(base), before = setting "BEFORE"}
end

local function main(root, options)
  local list = subjects.list(root)
  local facts = system.facts(list)
  local self = setmetatable({rounds = options.rounds, only = options.only, subjects = list, failures = {},
    results = results_of.new(facts)}, Bench)
  report.system(facts, list)

  -- Client and server run on one core: waking an idle core costs as much as a call,
  -- or nothing, depending on its state.
  local release = system.pin()
  self:measure_workloads(root)
  self:part("start", start.measure, 4 * options.rounds)
  release()
  self:part("nginx", nginx.measure, root, math.min(options.rounds, 3), options.before)

  local reached = goal_results.list(self.results, goals)
  report.memory(self.results, list)
  report.start(self.results)
  report.nginx(self.results)
  report.goals(reached, next(options.only) == nil)
  local plain = self.results:plain()
  if options.base then
    report.changes(changes.list(options.base, plain))
  end
  if next(options.only) == nil and #self.failures == 0 then
    page.write(plain)
  end
  return report.failures(self.failures, list)
end

os.exit(main(select(2, shell.run("pwd -P")):match("^[^\n]*"), options_of(arg)))
