-- Imports a CSV file as profiles, and prints every invalid row and every failed
-- record with its line. Columns that are not attributes of a profile become
-- properties.
--
-- If it is killed, run it again with the same file: it continues at the same
-- point. If it is run again after it has finished (each night, with other rows),
-- it begins a new import.
--
--   lua5.4 examples/import_csv.lua                      a generated file
--   lua5.4 examples/import_csv.lua FILE [LIST_ID]       into a sandbox
--   LIVE=1 KLAVIYO_API_KEY=pk_… lua5.4 … FILE [LIST_ID]  into Klaviyo

local klaviyo = require "klaviyo"

local live = (os.getenv "LIVE" or "") ~= ""
local path, list_id = ...

local function make_a_file()
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write("Email,First Name,plan,note\n")
  for i = 1, 2500 do
    local bad = i % 500 == 0
    file:write(("customer%d%s,Ada,%s,\"likes \"\"blue\"\", and\nred\"\n")
      :format(i, bad and "" or "@example.com", i % 3 == 0 and "gold" or ""))
  end
  file:write("customer2501@example.com,Ada,6\" pipe\n")
  file:close()
  return name
end

local function progress(p)
  io.stderr:write(("\r%d done, %d failed, %.0f a second%s   "):format(p.done,
    p.failed, p.rate, p.left and (", %.0f s left"):format(p.left) or ""))
end

local own = not path
path = path or make_a_file()

local bad_rows = 0
local rows = assert(klaviyo.csv.open(path, {
  operation = "create_profile",
  on_error = function(err)
    bad_rows = bad_rows + 1
    print(err.message)
  end,
}))

-- The line of each record: a failure has the same table that was imported.
local line_of = setmetatable({}, {__mode = "k"})

local function next_profile()
  local profile, line = rows()
  if profile then
    line_of[profile] = line
  end
  return profile
end

local server, client
if live then
  client = klaviyo.new()
else
  server = assert(klaviyo.sandbox.start())
  -- a sandbox has rate limits of its own: no other process must count them
  client = klaviyo.new {
    api_key = server.key, base_url = server.base_url, rate_limit_file = false,
  }
end

local result, err = client.profiles:import(next_profile, {
  list = list_id,
  journal = live and {path = path .. ".journal", finished = "restart"} or nil,
  progress = progress,
})
io.stderr:write("\n")
if own then
  os.remove(path)
end

if not result then
  print("stopped: " .. err)
  result = err.result
end
for failure in result:failures() do
  local line = line_of[failure.record]
  print(("%s: %s"):format(line and "line " .. line or failure.position
    and "record " .. failure.position or failure.count and failure.count
    .. " records" or "a record", failure.errors[1].detail))
end
print(("%d completed, %d failed, %d unknown, %d skipped, %d bad rows; %d were "
  .. "finished by an earlier run"):format(result.completed, result.failed,
  result.unknown, result.skipped, bad_rows, result.resumed))

if server then
  server:stop()
end
os.exit(not err and (own or result.failed + result.unknown + bad_rows == 0))
