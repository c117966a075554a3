-- The output of the specs must not contain their key, nor what the OAuth specs use as
-- the beginning of the client secret, code, verifier, and tokens: in none of the forms
-- of secret_forms.lua.
--
--   KLAVIYO_TEST_KEY=… KLAVIYO_TEST_OAUTH=… lua5.4 tools/canary.lua LOG…

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local secret_forms = require "secret_forms"

local secrets = {}
for name, what in pairs {KLAVIYO_TEST_KEY = "the key", KLAVIYO_TEST_OAUTH = "a secret of OAuth"} do
  local secret = assert(os.getenv(name), name .. " is not set")
  assert(#secret >= 16, name .. " must have 16 characters or more")
  secrets[secret] = what
end

local found, bytes = 0, 0
for _, name in ipairs(arg) do
  local file = assert(io.open(name, "rb"))
  local text = file:read("a"):gsub("\r?\n", "")
  file:close()
  bytes = bytes + #text
  for secret, what in pairs(secrets) do
    for _, form in ipairs(secret_forms.found(secret, text)) do
      found = found + 1
      io.stderr:write(("%s: contains %s, %s\n"):format(name, what, form))
    end
  end
end
if bytes < 100 then
  io.stderr:write("canary: the logs are empty\n")
  os.exit(1)
end
print(("canary: %d bytes of output were searched for secrets"):format(bytes))
os.exit(found == 0)
