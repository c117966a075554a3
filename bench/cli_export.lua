--- make cli-scale: exports 1,000,000 profiles by the command klaviyo, and by a loop of
--- the library that writes raw resources to a file, in turn. Fails if the command's
--- memory grows by more than 4 MB after the first tenth, if a record takes more than 1.3
--- times the processor time of the loop, or if records are missing.
---
---   lua5.4 bench/cli_export.lua [RECORDS [ROUNDS [LUA]]]

package.path = "bench/?.lua;" .. package.path
local cli_measure = require "cli_measure"

local M = {MAX_GROWTH_KB = cli_measure.MAX_GROWTH_KB, MAX_RATIO = cli_measure.MAX_RATIO}

local RECORDS, ROUNDS = 1000000, 3

local PROGRAMS = {
  library = [[
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
  command = [[
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

--- Measures both programs in turn.
---@param base_url string
---@param dir string  where the files are written
---@param lua string
---@param records integer
---@param rounds integer
---@return klaviyo.CliFigures
function M.measure(base_url, dir, lua, records, rounds)
  local files = {library = dir .. "/library.jsonl", command = dir .. "/command.jsonl"}
  return cli_measure.measure(PROGRAMS, files, {base_url = base_url, lua = lua, records = records,
    rounds = rounds, after = function()
      local _, _, status = os.execute(("test $(wc -l <%s) -eq %d"):format(
        cli_measure.quote(files.command), records))
      assert(status == 0 or status == nil, "records are missing in the file")
      os.remove(files.library)
      os.remove(files.command)
    end})
end

local function main(records, rounds, only_lua)
  return cli_measure.with_server(only_lua, function(server, lua)
    return cli_measure.check(("%s: %d profiles exported"):format(lua, records),
      M.measure(server.base_url .. "/iterate", server.dir, lua, records, rounds))
  end)
end

if arg and arg[0] and arg[0]:find "cli_export.lua$" then
  os.exit(main(tonumber(arg[1]) or RECORDS, tonumber(arg[2]) or ROUNDS, arg[3]) and 0 or 1)
end

return M
