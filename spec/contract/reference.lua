-- Sends each call of the routing reference once, with its bodies.
--
--   lua5.4 spec/contract/reference.lua base_url [auth_scheme [ca_file]]
--
-- Fails if a call has another result than expected: the service rejects the
-- reference's campaign and webhook, and the client returns its error document.

-- luacheck: no max line length

local klaviyo = require "klaviyo"

local base_url, auth_scheme, ca_file = arg[1], arg[2], arg[3]

local client = klaviyo.new {
  api_key = "contract",
  base_url = base_url,
  auth_scheme = auth_scheme,
  ca_file = ca_file,
  on_warning = function() end,
  pacing = false,
  retries = 0,
}

local PROFILE, LIST, FLOW, WEBHOOK = "PROFILE_ID", "LIST_ID", "FLOW_ID", "WEBHOOK_ID"

local f = klaviyo.filter

assert(client.profiles:list {
  filter = f.equals("email", "test@example.com"),
  fields = {profile = {"email", "first_name"}},
  page = {size = 100, cursor = "WzE2NDA5OTUyMDBd"},
})
assert(client.profiles:get(PROFILE))
assert(client.profiles:create {
  body = [[{"data":{"type":"profile","attributes":{"email":"newuser@example.com","first_name":"John","last_name":"Doe"}}}]],
})
assert(client.profiles:update(PROFILE, {
  body = [[{"data":{"type":"profile","id":"PROFILE_ID","attributes":{"first_name":"Jane"}}}]],
}))
assert(client.lists:list())
assert(client.lists:create {
  body = [[{"data":{"type":"list","attributes":{"name":"VIP Customers"}}}]],
})
assert(client:call("add_profiles_to_list", {
  list_id = LIST,
  body = [[{"data":[{"type":"profile","id":"PROFILE_ID"}]}]],
}))
assert(client.segments:list())
assert(client.campaigns:list {filter = f.equals("messages.channel", "email")})
assert(client.flows:list())
assert(client.flows:update(FLOW, {
  body = [[{"data":{"type":"flow","id":"FLOW_ID","attributes":{"status":"live"}}}]],
}))
assert(client.events:create {
  body = [[{"data":{"type":"event","attributes":{"profile":{"data":{"type":"profile","attributes":{"email":"customer@example.com"}}},"metric":{"data":{"type":"metric","attributes":{"name":"Viewed Product"}}},"properties":{"product_id":"SKU123","product_name":"Blue T-Shirt"}}}}]],
})
assert(client.metrics:list())
assert(client.templates:list())
assert(client.webhooks:delete(WEBHOOK))

local function assert_rejected(pointer, doc, err)
  assert(doc == nil and err.kind == "api" and err.status == 400, tostring(err))
  for _, object in ipairs(err.errors) do
    if object.source.pointer == pointer and object.detail:find("missing", 1, true) then
      return
    end
  end
  error("the error does not name the missing member: " .. tostring(err))
end

assert_rejected("/data/attributes", client.campaigns:create {
  body = [[{"data":{"type":"campaign","attributes":{"name":"Summer Newsletter","audiences":{"included":["LIST_ID"]}}}}]],
})
assert_rejected("/data/attributes", client.webhooks:create {
  body = [[{"data":{"type":"webhook","attributes":{"name":"Order Placed Webhook","endpoint_url":"https://example.com/webhooks/klaviyo","enabled":true},"relationships":{"webhook-topics":{"data":[{"type":"webhook-topic","id":"campaign:sent"}]}}}}]],
})
