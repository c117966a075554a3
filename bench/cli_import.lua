--- make cli-scale: imports 200,000 profiles from CSV by the command klaviyo, and by
--- klaviyo.csv and client.profiles:import, in turn. Fails if the command's memory grows
--- by more than 4 MB after the first three tenths, if a record takes more than 1.3 times the
--- processor time of the library, or if records are missing.
---
---   lua5.4 bench/cli_import.lua [RECORDS [ROUNDS [LUA]]]

package.path = "bench/?.lua;" .. package.path
local cli_measure = require "cli_measure"

local M = {MAX_GROWTH_KB = cli_measure.MAX_GROWTH_KB, MAX_RATIO = cli_measure.MAX_RATIO}

local RECORDS, ROUNDS = 200000, 3

-- Requests of 10,000 records take most of the memory: when several have been in
-- progress, it is as large as it becomes.
local WARM = 0.3

local PROGRAMS = {
  library = [[
    local operation = "bulk_import_profiles"
    local rows = assert(klaviyo.csv.open(file, {operation = operation, revision = "2026-07-15"}))
    local result = assert(klaviyo.new().profiles:import(rows, {
      journal = {path = file .. ".library", finished = "restart"}, batch_size = $BATCH_SIZE,
      progress = function(now)
        count(now.done)
      end,
    }))
    report(result.completed)
  ]],
  command = [[
    local progress, records = require "klaviyo.cli.progress", 0
    local update = progress.class.update
    function progress.class:update(number, more)
      records = number
      count(number)
      return update(self, number, more)
    end
    local status = require("klaviyo.cli").main {"import", "profiles", file, "--quiet", "--batch-size",
      "$BATCH_SIZE"}
    assert(status == 0, status)
    report(records)
  ]],
}

local function write_rows(path, records)
  local file = assert(io.open(path, "w"))
  assert(file:write "E-Mail,First Name,Last Name,Location City,Plan,Orders\n")
  for i = 1, records do
    assert(file:write(("user%d@example.com,Ann%d,Miller,Bern,gold,%d\n"):format(i, i, i % 90)))
  end
  assert(file:close())
end

-- Returns how many records the server has received.
local function imported(base_url)
  local pipe = assert(io.popen("curl -sS " .. cli_measure.quote(base_url .. "/imported")))
  local count = tonumber(pipe:read "*a")
  pipe:close()
  return assert(count, "the server does not answer")
end

--- Measures both programs in turn.
---@param base_url string
---@param dir string  where the file of rows is written
---@param lua string
---@param records integer
---@param rounds integer
---@param batch_size integer|nil  records in a request, default 10000
---@return klaviyo.CliFigures
function M.measure(base_url, dir, lua, records, rounds, batch_size)
  local programs = {}
  for name, program in pairs(PROGRAMS) do
    programs[name] = program:gsub("%$BATCH_SIZE", batch_size or 10000)
  end
  local path = dir .. "/rows.csv"
  local function remove_journals()
    os.remove(path .. ".library")
    os.remove(path .. ".journal")
  end
  remove_journals()
  write_rows(path, records)
  local before = imported(base_url)
  local figures = cli_measure.measure(programs, {library = path, command = path}, {base_url = base_url, lua = lua,
    records = records, rounds = rounds, part = WARM, after = function()
      local now = imported(base_url)
      assert(now - before == 2 * records, "records are missing on the server")
      before = now
      remove_journals()
    end})
  os.remove(path)
  return figures
end

local function main(records, rounds, only_lua)
  return cli_measure.with_server(only_lua, function(server, lua)
    return cli_measure.check(("%s: %d profiles imported"):format(lua, records),
      M.measure(server.base_url, server.dir, lua, records, rounds))
  end)
end

if arg and arg[0] and arg[0]:find "cli_import.lua$" then
  os.exit(main(tonumber(arg[1]) or RECORDS, tonumber(arg[2]) or ROUNDS, arg[3]) and 0 or 1)
end

return M
