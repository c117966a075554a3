-- Makes every call of the Klaviyo routing reference, with the bodies that it
-- shows.
--
--   lua5.4 examples/reference.lua              against a sandbox of its own
--   LIVE=1 KLAVIYO_API_KEY=pk_… lua5.4 …       against Klaviyo, only the reads

local klaviyo = require "klaviyo"

local live = (os.getenv "LIVE" or "") ~= ""
local server, client

if live then
  client = klaviyo.new()  -- the key comes from $KLAVIYO_API_KEY
else
  server = klaviyo.sandbox.start {profiles = 2500}
  client = klaviyo.new {api_key = server.key, base_url = server.base_url}
end

-- Prints one line for a call, and returns its document.
local function show(what, doc, err)
  if not doc then
    print(("%-28s %s"):format(what, err))
    return nil
  end
  local data = doc.data
  local gist = data == nil and "no content"
    or data.id and data.type .. " " .. data.id
    or #data .. " " .. (data[1] and data[1].type or "resource")
      .. (#data == 1 and "" or "s")
  print(("%-28s %d  %s"):format(what, doc.response.status, gist))
  return doc
end

print("-- " .. tostring(client))

local f = klaviyo.filter

show("get profiles", client.profiles:list {
  filter = f.equals("email", "test@example.com"),
  fields = {profile = {"email", "first_name"}},
  page = {size = 100},
})

if not live then
  local created = show("create a profile", client:call("create_profile", {
    body = [[{"data":{"type":"profile","attributes":{"email":"newuser@example.com","first_name":"John","last_name":"Doe"}}}]],
  }))
  local profile_id = created.data.id

  show("get a profile", client.profiles:get(profile_id))

  show("update a profile", client:call("update_profile", {
    profile_id = profile_id,
    body = ([[{"data":{"type":"profile","id":"PROFILE_ID","attributes":{"first_name":"Jane"}}}]])
      :gsub("PROFILE_ID", profile_id),
  }))

  show("get lists", client.lists:list())

  local list = show("create a list", client:call("create_list", {
    body = [[{"data":{"type":"list","attributes":{"name":"VIP Customers"}}}]],
  }))
  local list_id = list.data.id

  show("add profiles to a list", client:call("add_profiles_to_list", {
    list_id = list_id,
    body = ([[{"data":[{"type":"profile","id":"PROFILE_ID"}]}]])
      :gsub("PROFILE_ID", profile_id),
  }))

  show("get segments", client.segments:list())

  -- the service requires a filter by channel
  show("get campaigns", client.campaigns:list {
    filter = f.equals("messages.channel", "email"),
  })

  -- The reference's body lacks campaign-messages: the call returns all error
  -- objects of the API.
  local _, err = client:call("create_campaign", {
    body = ([[{"data":{"type":"campaign","attributes":{"name":"Summer Newsletter","audiences":{"included":["LIST_ID"]}}}}]])
      :gsub("LIST_ID", list_id),
  })
  show("create a campaign", nil, err)
  for _, object in ipairs(err.errors) do
    print(("%-28s   %s %s"):format("", object.source.pointer, object.detail))
  end

  show("  … corrected", client.campaigns:create {
    name = "Summer Newsletter",
    audiences = {included = {list_id}},
    campaign_messages = {
      {channel = "email", label = "Summer", content = {subject = "Hello"}},
    },
  })

  local flows = show("get flows", client.flows:list())

  show("update a flow's status", client:call("update_flow", {
    flow_id = flows.data[1].id,
    body = ([[{"data":{"type":"flow","id":"FLOW_ID","attributes":{"status":"live"}}}]])
      :gsub("FLOW_ID", flows.data[1].id),
  }))

  show("create an event", client:call("create_event", {
    body = [[{"data":{"type":"event","attributes":{"profile":{"data":{"type":"profile","attributes":{"email":"customer@example.com"}}},"metric":{"data":{"type":"metric","attributes":{"name":"Viewed Product"}}},"properties":{"product_id":"SKU123","product_name":"Blue T-Shirt"}}}}]],
  }))

  show("get metrics", client.metrics:list())
  show("get templates", client.templates:list())

  -- The reference's body has a member and a topic that do not exist, and no
  -- secret_key.
  _, err = client:call("create_webhook", {
    body = [[{"data":{"type":"webhook","attributes":{"name":"Order Placed Webhook","endpoint_url":"https://example.com/webhooks/klaviyo","enabled":true},"relationships":{"webhook-topics":{"data":[{"type":"webhook-topic","id":"campaign:sent"}]}}}}]],
  })
  show("create a webhook", nil, err)
  for _, object in ipairs(err.errors) do
    print(("%-28s   %s %s"):format("", object.source.pointer, object.detail))
  end

  local webhook = show("  … corrected", client.webhooks:create {
    name = "Order Placed Webhook",
    endpoint_url = "https://example.com/webhooks/klaviyo",
    secret_key = "a secret of your own",
    webhook_topics = {"event:klaviyo.sent_sms"},
  })

  show("delete a webhook", client.webhooks:delete(webhook.data.id))
else
  show("get lists", client.lists:list())
  show("get segments", client.segments:list())
  show("get campaigns", client.campaigns:list {
    filter = f.equals("messages.channel", "email"),
  })
  show("get flows", client.flows:list())
  show("get metrics", client.metrics:list())
  show("get templates", client.templates:list())
end

-- All profiles, one page in memory at a time.
local count, pages, last = 0, 0, nil
for _, page in client.profiles:each {limit = 2500} do
  count = count + 1
  if page ~= last then
    pages, last = pages + 1, page
  end
end
print(("%-28s %d profiles on %d pages"):format("iterate all profiles", count,
  pages))

-- An error of a request is returned, never raised.
local profile, err = client.profiles:get("01NOSUCHPROFILE00000000000")
if not profile then
  print(("%-28s %s (kind %s, status %s, code %s)"):format("a missing profile",
    err, err.kind, err.status, err.code))
end

-- A mistake in the program raises an error at its line, with the right name.
local _, message = pcall(function()
  return client.profiles:create {emial = "typo@example.com"}
end)
print(("%-28s %s"):format("a misspelt attribute", message))

if server then
  server:stop()
end
