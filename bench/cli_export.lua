--- make cli-scale: exports 1,000,000 profiles by the command klaviyo, and by a loop of
--- the library that writes raw resources to a file, in turn. Fails if the command's
--- memory grows by more than 4 MB after the first tenth, if a record takes more than 1.3
--- times the processor time of the loop, or if records are missing.
---
---   lua5.4 bench/cli_export.lua [RECORDS [ROUNDS [LUA]]]

package.path = "bench/?.lua;" .. package.path

local M = {MAX_GROWTH_KB = 4096, MAX_RATIO = 1.3}

local RECORDS, ROUNDS = 1000000, 3

-- Each program prints its records, the processor time of its fastest tenth after the
-- first one, which includes the start, the wall time, and by how many kilobytes its memory
-- grew after the first tenth.
local COMMON = [[
local wanted, file = tonumber((...)), (select(2, ...))
local klaviyo = require "klaviyo"
local function high_water()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmHWM:%s+(%d+) kB"
    if kilobytes then
      return tonumber(kilobytes)
    end
  end
end
local began, tenth, at, least, memory = klaviyo.clock(), 1, nil, math.huge, nil
local function count(records)
  if records >= wanted * tenth / 10 then
    local now = os.clock()
    least = at and math.min(least, now - at) or least
    memory = memory or high_water()
    at, tenth = now, tenth + 1
  end
end
local function report(records)
  print(("%d %.4f %.3f %d"):format(records, least, klaviyo.clock() - began, high_water() - memory))
end
]]

local PROGRAMS = {
  library = COMMON .. [[
    local client, records = klaviyo.new(), 0
    local out = assert(io.open(file, "wb"))
    for text in client.profiles:each {raw = true, limit = wanted} do
      assert(out:write(text, "\n"))
      records = records + 1
      if records % 100 == 0 then
        count(records)
      end
    end
    assert(out:close())
    report(records)
  ]],
  command = COMMON .. [[
    local progress, records = require "klaviyo.cli.progress", 0
    local update = progress.class.update
    function progress.class:update(number, more)
      records = number
      count(number)
      return update(self, number, more)
    end
    local status = require("klaviyo.cli").main {"export", "profiles", "--limit", tostring(wanted), "--force",
      "--quiet", "-o", file}
    assert(status == 0, status)
    report(records)
  ]],
}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Runs a program. Returns its figures.
local function run(name, lua, base_url, records, file)
  local script = os.tmpname()
  local out = assert(io.open(script, "w"))
  out:write(PROGRAMS[name])
  out:close()
  local environment = ("KLAVIYO_PACING=0 KLAVIYO_API_KEY=pk_bench KLAVIYO_BASE_URL=%s KLAVIYO_REVISION=2026-07-15 "
    .. "XDG_CONFIG_HOME=/nonexistent"):format(quote(base_url))
  local pipe = assert(io.popen(([[eval "$(make -s --no-print-directory env LUA=%s)"; %s %s %s %d %s 2>&1]]):format(
    lua, environment, lua, quote(script), records, quote(file))))
  local text = pipe:read "*a"
  pipe:close()
  os.remove(script)
  local count, cpu, wall, growth = text:match "^(%d+) ([%d.]+) ([%d.]+) (%-?%d+)\n$"
  assert(count, name .. " failed: " .. text)
  assert(tonumber(count) == records, ("%s: %s records"):format(name, count))
  return {cpu = tonumber(cpu), wall = tonumber(wall), growth = tonumber(growth)}
end

local unpack = table.unpack or unpack -- luacheck: ignore 113

--- Measures both programs in turn.
---@param base_url string
---@param dir string  where the files are written
---@param lua string
---@param records integer
---@param rounds integer
---@return {ratio: number, growth: integer, us: number, other_us: number, wall: number} figures  the least times of a
--- record, because other programs only add to them; their ratio; and the largest growth in kilobytes
function M.measure(base_url, dir, lua, records, rounds)
  local us, other_us, walls, growth = {}, {}, {}, -math.huge
  for i = 1, rounds do
    local library = run("library", lua, base_url, records, dir .. "/library.jsonl")
    local command = run("command", lua, base_url, records, dir .. "/command.jsonl")
    local _, _, status = os.execute(("test $(wc -l <%s) -eq %d"):format(quote(dir .. "/command.jsonl"), records))
    assert(status == 0 or status == nil, "records are missing in the file")
    us[i], other_us[i], walls[i] = command.cpu / records * 1e7, library.cpu / records * 1e7, command.wall
    growth = math.max(growth, command.growth)
  end
  os.remove(dir .. "/library.jsonl")
  os.remove(dir .. "/command.jsonl")
  local least, other_least = math.min(unpack(us)), math.min(unpack(other_us))
  return {ratio = least / other_least, growth = growth, us = least, other_us = other_least,
    wall = math.min(unpack(walls))}
end

local function check(server, lua, records, rounds)
  local figures = M.measure(server.base_url .. "/iterate", server.dir, lua, records, rounds)
  print(("%s: %d profiles, %.2f µs of processor time a record, the library %.2f µs: %.2f times; %.1f s by the clock; "
    .. "memory grew by %.1f MB after the first tenth"):format(lua, records, figures.us, figures.other_us,
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

local function main(records, rounds, only_lua)
  local upstream = require "upstream"
  local server = upstream.start "build/cli-scale"
  local is_good = true
  local ok, err = pcall(function()
    for _, lua in ipairs {"lua5.4", "luajit"} do
      if (only_lua or lua) == lua then
        is_good = check(server, lua, records, rounds) and is_good
      end
    end
  end)
  server:stop()
  if not ok then
    error(err, 0)
  end
  return is_good
end

if arg and arg[0] and arg[0]:find "cli_export.lua$" then
  os.exit(main(tonumber(arg[1]) or RECORDS, tonumber(arg[2]) or ROUNDS, arg[3]) and 0 or 1)
end

return M
