--- make bench-scale: iterates over 1,000,000 profiles, and imports as many, under
--- Lua 5.4 and LuaJIT. Fails if memory grows by more than 2 MB after the first tenth,
--- if a record of the last tenth takes 5 % more processor time than one of the first
--- tenth, or if records are missing.
---
---   lua5.4 bench/scale.lua [RECORDS [TASK [LUA]]]
---
--- Times vary with the other programs that run. So a second process, which begins a new
--- loop or import after each tenth, does a hundredth of the records in turn with the
--- first one; the time of a tenth is its ratio to the second process.

package.path = "bench/?.lua;" .. package.path
local shell = require "klaviyo.sandbox.shell"
local system = require "system"
local upstream = require "upstream"

local M = {MAX_GROWTH_KB = 2048, MAX_RATIO = 1.05}

local RECORDS = 1000000
local PARTS, TENTH = 100, 10

-- Parts before those that are compared: an import reads the first chunks before it
-- sends one.
local WARM = 3

--- Returns the figures of ten tenths from those of a hundred parts.
---@param parts {us: number, other_us: number, kb: number}[]  other_us: of the other process
---@return {us: number, ratio: number, kb: number}[]  sums, their ratio, the largest memory
function M.tenths(parts)
  local list = {}
  for i, part in ipairs(parts) do
    local at = math.ceil(i / TENTH)
    local tenth = list[at] or {us = 0, other_us = 0, kb = 0}
    list[at] = tenth
    tenth.us, tenth.other_us = tenth.us + part.us, tenth.other_us + part.other_us
    tenth.ratio = tenth.us / tenth.other_us
    tenth.kb = math.max(tenth.kb, part.kb)
  end
  return list
end

--- Returns what is not constant, in words.
---@param tenths table[]  what M.tenths returned
---@return string[]
function M.problems(tenths)
  local problems, max = {}, 0
  for i = 2, #tenths do
    max = math.max(max, tenths[i].kb)
  end
  if max - tenths[1].kb > M.MAX_GROWTH_KB then
    problems[1] = ("memory grew by %.1f MB"):format((max - tenths[1].kb) / 1024)
  end
  local ratio = tenths[#tenths].ratio / tenths[1].ratio
  if ratio > M.MAX_RATIO then
    problems[#problems + 1] = ("a record of the last tenth takes %.1f %% more time"):format((ratio - 1) * 100)
  end
  return problems
end

-- A process that does a part of the records for each line that it reads.
local Child = {}
Child.__index = Child

local function start(dir, name, lua, command)
  local fifo = dir .. "/" .. name
  assert(shell.run(("rm -f %s && mkfifo %s"):format(shell.quote(fifo), shell.quote(fifo))))
  local line = [[eval "$(make -s --no-print-directory env LUA=%s)"; exec %s <%s 2>&1]]
  local self = setmetatable({}, Child)
  self.output = assert(io.popen(line:format(lua, command, shell.quote(fifo))))
  self.input = assert(io.open(fifo, "w"))
  return self
end

-- Returns the microseconds of a part, and kilobytes.
function Child:next_part()
  self.input:write "\n"
  self.input:flush()
  local line = self.output:read "*l" or "it ended early"
  local us, kb = line:match "^(%d+) (%d+)$"
  assert(us, line)
  return tonumber(us), tonumber(kb)
end

-- Returns what the process printed since its last part.
function Child:stop()
  self.input:close()
  local text = self.output:read "*a"
  self.output:close()
  return text
end

-- Returns the number of records that the server received so far.
local function imported(server)
  local _, text = shell.run("curl -s " .. shell.quote(server.base_url .. "/imported"))
  return tonumber(text)
end

-- Returns the figures of the parts. Raises if a record is missing.
local function measure(server, task, lua, records)
  local url = server.base_url .. (task == "iterate" and "/iterate" or "")
  local part = records / PARTS
  local total = records + WARM * part
  local function new(name, each)
    return start(server.dir, name, lua, ("%s bench/subjects/scale.lua %s %d %d %d %s"):format(lua, task, total, each,
      part, shell.quote(url)))
  end
  local before = imported(server)
  local whole, other, parts = new("whole", total), new("other", TENTH * part), {}
  for i = 1 - WARM, PARTS do
    local us, kb = whole:next_part()
    parts[i > 0 and i or 1] = {us = us, kb = kb, other_us = other:next_part()}
  end
  for _, child in ipairs {whole, other} do
    local count = child:stop()
    assert(tonumber(count) == total, ("%s, %s: failed: %s"):format(task, lua, count))
  end
  local received = imported(server) - before
  assert(task ~= "import" or received == 2 * total, ("the server received %d records"):format(received))
  return parts
end

local function print_tenths(title, tenths, records)
  print(("\n%s\n%6s %14s %14s %10s"):format(title, "tenth", "µs a record", "of the first", "max. MB"))
  for i, tenth in ipairs(tenths) do
    print(("%6d %14.3f %14.3f %10.1f"):format(i, tenth.us / (records / #tenths), tenth.ratio / tenths[1].ratio,
      tenth.kb / 1024))
  end
end

local function check(server, task, lua, records)
  local tenths = M.tenths(measure(server, task, lua, records))
  print_tenths(("%s, %d profiles, %s"):format(task, records, lua), tenths, records)
  local problems = M.problems(tenths)
  for _, problem in ipairs(problems) do
    print("  FAILED: " .. problem)
  end
  return #problems == 0
end

local function main(root, records, only_task, only_lua)
  assert(records >= 100000 and records % 100000 == 0, "RECORDS must be a multiple of 100000")
  system.pin()
  local server = upstream.start(root .. "/build/bench-scale")
  local is_good = true
  local ok, err = pcall(function()
    for _, task in ipairs {"iterate", "import"} do
      for _, lua in ipairs {"lua5.4", "luajit"} do
        if (only_task or task) == task and (only_lua or lua) == lua then
          is_good = check(server, task, lua, records) and is_good
        end
      end
    end
  end)
  server:stop()
  assert(ok, err)
  print(is_good and "\nmemory and time stay constant" or "\nFAILED")
  return is_good
end

if arg and arg[0] and arg[0]:find "bench/scale%.lua$" then
  os.exit(main(select(2, shell.run("pwd -P")):match("^[^\n]*"), tonumber(arg[1]) or RECORDS, arg[2], arg[3]))
end

return M
