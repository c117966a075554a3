-- Imports a file of JSON lines as events. Each event gets a unique_id, which the
-- journal keeps, so that no event counts twice, however often this program is
-- killed and run again. If it is run again after it has finished, it sends the
-- lines that were added at the end of the file, and those that failed.
--
--   lua5.4 examples/import_jsonl.lua             a generated file
--   lua5.4 examples/import_jsonl.lua FILE        into a sandbox
--   LIVE=1 KLAVIYO_API_KEY=pk_… lua5.4 … FILE    into Klaviyo
--
-- A line: {"profile": {"email": "…"}, "metric": "Placed Order",
--          "time": "2026-11-23T10:00:00Z", "value": 9.99, "properties": {…}}

local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

local live = (os.getenv "LIVE" or "") ~= ""
local path = ...

-- Returns an iterator of events. A line that is not JSON is returned as it is, so
-- that it fails with its position.
local function events_of(file)
  return function()
    local line = file:read("*l")
    if not line then
      return nil
    end
    return json.decode(line) or line
  end
end

local function make_a_file()
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  for i = 1, 2500 do
    file:write(i % 1000 == 7 and "{broken\n"
      or ('{"profile":{"email":"customer%d@example.com"},"metric":"Placed '
        .. 'Order","time":"2026-11-23T10:00:00Z","value":9.99,"properties":'
        .. '{"order":%d}}\n'):format(i % 100, i))
  end
  file:close()
  return name
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

local own = not path
path = path or make_a_file()
local file = assert(io.open(path, "rb"))

local result, err = client.events:import(events_of(file), {
  journal = live and {path = path .. ".journal", finished = "retry"} or nil,
  progress = function(p)
    io.stderr:write(("\r%d events accepted"):format(p.submitted))
  end,
})
io.stderr:write("\n")
file:close()
if own then
  os.remove(path)
end

if not result then
  print("stopped: " .. err)
  result = err.result
end
for failure in result:failures() do
  print(("line %d: %s"):format(failure.position, failure.errors[1].detail))
end
print(("%d accepted, %d failed; %d were finished by an earlier run"):format(
  result.submitted, result.failed, result.resumed))

if server then
  server:stop()
end
os.exit(not err and (own or result.failed == 0))
