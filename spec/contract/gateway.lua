-- Runs the gateway of examples/nginx/gateway.conf in front of a plain HTTP
-- server, until its input ends.
--
--   lua5.4 spec/contract/gateway.lua port token [connection]
--
-- Without a connection it has only a key; or it has the connections "key" and
-- "oauth", and its caller has the one that is named. Prints its URL, and its logs
-- when it stops.

local digest = require "klaviyo.digest"
local nginx = require "spec.support.nginx"
local shell = require "klaviyo.sandbox.shell"
local token_store = require "klaviyo.oauth.token_store"

local port, token, connection = tonumber(arg[1]), arg[2], arg[3]

local function new_folder()
  local ok, path = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-contract.XXXXXX"')
  assert(ok, path)
  return path:match("[^\n]+")
end

-- The tokens of an account, which expire tomorrow.
local function save_tokens(folder)
  local now = os.time()
  assert(token_store.new(folder):save("contract", {
    access_token = "at_of_the_gateway", refresh_token = "rt_of_the_gateway",
    scope = "accounts:read", authorized_at = now, refreshed_at = now,
    expires_at = now + 86400,
  }))
end

local CONNECTIONS = [[
    oauth = require("klaviyo.oauth").new {
      client_id = "contract", client_secret = "cs_of_the_gateway", store = %q,
      redirect_uri = "https://app.example/", scopes = {"accounts:read"},
    },
    connections = {key = "pk_of_the_gateway", oauth = {account = "contract"}},
]]

local folder = new_folder()
save_tokens(folder)

local gateway, why = nginx.gateway({port = port, key = "pk_of_the_gateway"}, {
  workers = 1,
  settings = ([[
    callers = {{name = "contract", token_sha256 = "%s", connection = %s}},
    public = true,
    pacing = false,
  ]]):format((digest.sha256(token)), connection and ("%q"):format(connection) or "nil")
    .. (connection and CONNECTIONS:format(folder) or ""),
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
shell.run("rm -rf " .. folder)
