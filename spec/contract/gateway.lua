-- Runs the gateway of examples/nginx/gateway.conf in front of a plain HTTP
-- server, until its input ends.
--
--   lua5.4 spec/contract/gateway.lua port token
--
-- Prints its URL, and its logs when it stops.

local digest = require "klaviyo.digest"
local nginx = require "spec.support.nginx"

local port, token = tonumber(arg[1]), arg[2]

local gateway, why = nginx.gateway({port = port, key = "pk_of_the_gateway"}, {
  workers = 1,
  settings = ([[
    callers = {{name = "contract", token_sha256 = "%s"}},
    public = true,
    pacing = false,
  ]]):format((digest.sha256(token))),
  replace = {{"large_client_header_buffers 4 16k;",
    "large_client_header_buffers 8 64k;"}},
})
if not gateway then
  io.stderr:write(why)
  os.exit(1)
end
io.stdout:setvbuf("no")
print(gateway.base_url .. "/klaviyo")
io.read("a")
io.write(gateway:stop())
