-- Enqueues events into an outbox, writes down each acknowledged one, and sends
-- some from time to time. A spec kills it:
--
--   lua spec/support/outbox_writer.lua FOLDER BASE_URL ACKNOWLEDGED NAME COUNT [SYNC]

local folder, base_url, acknowledged, name, count = ...

local connect = require "spec.support.connect"

local client = connect(base_url)
local box = assert(require("klaviyo.outbox").new { path = folder })
local file = assert(io.open(acknowledged, "ab"))
file:setvbuf("no")

for i = 1, tonumber(count) do
  local id = name .. "-" .. i
  assert(box:enqueue({
    metric = "Kept", profile = { email = ("p%d@example.com"):format(i % 100) }, unique_id = id,
    properties = { text = ("x"):rep(200) },
  }, client))
  file:write(id .. "\n") -- in one piece: others write there, too
  if i % 700 == 0 then
    box:flush()
  end
end
assert(box:drain(60))
