--- Compares the command klaviyo with a program of the library that does the same: the
--- processor time of a record, and the growth of memory.

local M = {MAX_GROWTH_KB = 4096, MAX_RATIO = 1.3}

-- Each program prints its records; after the first part, which includes the start, the
-- processor time of a record in microseconds; the wall time in seconds; and by how many
-- kilobytes its memory grew after the first part.
local COMMON = [[
local wanted, file, part = tonumber((...)), (select(2, ...)), tonumber((select(3, ...)))
local klaviyo = require "klaviyo"
local function high_water()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmHWM:%s+(%d+) kB"
    if kilobytes then
      return tonumber(kilobytes)
    end
  end
end
local began, first, memory, cpu = klaviyo.clock(), nil, nil, nil
local function count(records)
  if not first and records >= wanted * part then
    first, memory, cpu = records, high_water(), os.clock()
  end
end
local function report(records)
  print(("%d %.3f %.3f %d"):format(records, (os.clock() - cpu) / (records - first) * 1e6,
    klaviyo.clock() - began, high_water() - memory))
end
]]

--- Returns a text as one word of the shell.
---@param text string
---@return string
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Runs a program. Returns its figures.
local function run(name, program, file, options)
  local lua, records, quote, script = options.lua, options.records, M.quote, os.tmpname()
  local out = assert(io.open(script, "w"))
  out:write(COMMON, program)
  out:close()
  local environment = ("KLAVIYO_PACING=0 KLAVIYO_API_KEY=pk_bench KLAVIYO_BASE_URL=%s KLAVIYO_REVISION=2026-07-15 "
    .. "XDG_CONFIG_HOME=/nonexistent"):format(quote(options.base_url))
  local pipe = assert(io.popen(([[eval "$(make -s --no-print-directory env LUA=%s)"; %s %s %s %d %s %g 2>&1]]):format(
    lua, environment, lua, quote(script), records, quote(file), options.part or 0.1)))
  local text = pipe:read "*a"
  pipe:close()
  os.remove(script)
  local count, us, wall, growth = text:match "^(%d+) ([%d.]+) ([%d.]+) (%-?%d+)\n$"
  assert(count, name .. " failed: " .. text)
  assert(tonumber(count) == records, ("%s: %s records"):format(name, count))
  return {us = tonumber(us), wall = tonumber(wall), growth = tonumber(growth)}
end

local unpack = table.unpack or unpack -- luacheck: ignore 113

---@class klaviyo.CliFigures
---@field us number  of processor time for a record by the command: the least of all rounds, because other programs only
---  add to it
---@field other_us number  by the library
---@field ratio number
---@field growth integer  the largest one, in kilobytes
---@field wall number  seconds

---@class klaviyo.CliMeasureOptions
---@field base_url string
---@field lua string
---@field records integer
---@field rounds integer
---@field part number|nil  memory is compared with that after this part of the records, default 0.1
---@field after function|nil  called when both programs have run

--- Measures both programs in turn.
---@param programs {library: string, command: string}  Lua, which calls `count` and `report`
---@param files {library: string, command: string}  the second argument of each
---@param options klaviyo.CliMeasureOptions
---@return klaviyo.CliFigures
function M.measure(programs, files, options)
  local us, other_us, walls, growth = {}, {}, {}, -math.huge
  for i = 1, options.rounds do
    local library = run("library", programs.library, files.library, options)
    local command = run("command", programs.command, files.command, options)
    if options.after then
      options.after()
    end
    us[i], other_us[i], walls[i] = command.us, library.us, command.wall
    growth = math.max(growth, command.growth)
  end
  local least, other_least = math.min(unpack(us)), math.min(unpack(other_us))
  return {ratio = least / other_least, growth = growth, us = least, other_us = other_least,
    wall = math.min(unpack(walls))}
end

--- Prints figures. Returns whether they are within the limits.
---@param what string
---@param figures klaviyo.CliFigures
---@return boolean
function M.check(what, figures)
  print(("%s, %.2f µs of processor time a record, the library %.2f µs: %.2f times; %.1f s by the clock; "
    .. "memory grew by %.1f MB after the first part"):format(what, figures.us, figures.other_us,
    figures.ratio, figures.wall, figures.growth / 1024))
  local is_good = true
  if figures.ratio > M.MAX_RATIO then
    print(("  FAILED: more than %.1f times the library"):format(M.MAX_RATIO))
    is_good = false
  end
  if figures.growth > M.MAX_GROWTH_KB then
    print(("  FAILED: memory grew by more than %d MB"):format(M.MAX_GROWTH_KB / 1024))
    is_good = false
  end
  return is_good
end

--- Calls a function with a server and each Lua. Returns whether all calls did.
---@param only_lua string|nil
---@param call fun(server: table, lua: string): boolean
---@return boolean
function M.with_server(only_lua, call)
  local server = require("upstream").start "build/cli-scale"
  local is_good = true
  local ok, err = pcall(function()
    for _, lua in ipairs {"lua5.4", "luajit"} do
      if (only_lua or lua) == lua then
        is_good = call(server, lua) and is_good
      end
    end
  end)
  server:stop()
  if not ok then
    error(err, 0)
  end
  return is_good
end

return M
