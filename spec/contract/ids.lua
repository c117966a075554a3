-- Sends a GET of a profile for each id; the ids need careful escaping.
--
--   lua5.4 spec/contract/ids.lua ids.json base_url [auth_scheme [ca_file]]

local cjson = require "cjson"
local klaviyo = require "klaviyo"

local file = assert(io.open(arg[1], "rb"))
local ids = cjson.decode(file:read("*a"))
file:close()

local client = klaviyo.new {
  api_key = "contract",
  base_url = arg[2],
  auth_scheme = arg[3],
  ca_file = arg[4],
  on_warning = function() end,
  pacing = false,
  retries = 0,
}

for _, id in ipairs(ids) do
  local doc = assert(client.profiles:get(id))
  assert(doc.data.id == id, id)
end
