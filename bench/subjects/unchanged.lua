--- A program that loads the core, makes a client, or calls: bench/unchanged.sh
--- counts its instructions.
---
---   linked | new | calls COUNT

local step, count = ...
assert(package.loadlib(assert(package.searchpath("klaviyo.core", package.cpath)), "*"))
if step == "linked" then
  return
end
local client = require("klaviyo").new {api_key = os.getenv "KLAVIYO_API_KEY", revision = "2026-07-15"}
for _ = 1, step == "calls" and tonumber(count) or 0 do
  assert(client:call("get_catalog_items"))
end
