-- What is built or installed loads, and makes a request; nothing is sent. Arguments
-- name modules of other rocks that must load, too.
local klaviyo = require "klaviyo"
local client = klaviyo.new {api_key = "pk_0123456789abcdef", revision = "2026-07-15"}
local request = client:build("get_profiles", {page = {size = 5}})
assert(request.url == "https://a.klaviyo.com/api/profiles?page%5Bsize%5D=5", request.url)
assert(require("klaviyo.digest"))
for _, name in ipairs(arg) do
  assert(require("klaviyo." .. name))
end
print(_VERSION, klaviyo._VERSION)
