-- Sends the events that wait in an outbox, and exits: see klaviyo-outbox.service.
--
--   lua5.4 send_outbox.lua /var/lib/klaviyo/outbox

local klaviyo = require "klaviyo"

local MAX_SECONDS = 540

local outbox = assert(require("klaviyo.outbox").new {path = assert(arg[1], "name the folder")})
local done, err = outbox:drain(MAX_SECONDS, klaviyo.new())
local stats = outbox:stats()
print(("%d sent, %d rejected, %d wait"):format(stats.sent, stats.rejected, stats.folder.waiting))
outbox:close(0)
if not done then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
