-- The calls of the Klaviyo routing reference in its order, as one makes them with
-- curl: bodies byte for byte, paths below /klaviyo. Words in capitals are ids of
-- earlier responses.

-- `makes`: the word that the answer's id, or its first resource's, is.
return {
  { name = "get profiles", method = "GET",
    path = '/api/profiles?filter=equals(email,"test@example.com")' },
  { name = "get profiles, sparse", method = "GET",
    path = "/api/profiles?fields[profile]=email,first_name,last_name" },
  { name = "get profiles, 50 a page", method = "GET", path = "/api/profiles?page[size]=50" },
  { name = "create a profile", method = "POST", path = "/api/profiles", status = 201, makes = "PROFILE_ID",
    body = [[{"data":{"type":"profile","attributes":{"email":"newuser@example.com","first_name":"John",]]
      .. [["last_name":"Doe"}}}]] },
  { name = "get a profile", method = "GET", path = "/api/profiles/PROFILE_ID" },
  { name = "update a profile", method = "PATCH", path = "/api/profiles/PROFILE_ID",
    body = [[{"data":{"type":"profile","id":"PROFILE_ID","attributes":{"first_name":"Jane"}}}]] },
  { name = "get lists", method = "GET", path = "/api/lists" },
  { name = "create a list", method = "POST", path = "/api/lists", status = 201, makes = "LIST_ID",
    body = [[{"data":{"type":"list","attributes":{"name":"VIP Customers"}}}]] },
  { name = "add profiles to a list", method = "POST", path = "/api/lists/LIST_ID/relationships/profiles",
    status = 204, body = [[{"data":[{"type":"profile","id":"PROFILE_ID"}]}]] },
  { name = "get segments", method = "GET", path = "/api/segments" },
  { name = "get campaigns", method = "GET", path = '/api/campaigns?filter=equals(messages.channel,"email")' },
  -- lacks campaign-messages: the service answers 400
  { name = "create a campaign", method = "POST", path = "/api/campaigns", status = 400,
    body = [[{"data":{"type":"campaign","attributes":{"name":"Summer Newsletter",]]
      .. [["audiences":{"included":["LIST_ID"]}}}}]] },
  { name = "get flows", method = "GET", path = "/api/flows", makes = "FLOW_ID" },
  { name = "update a flow's status", method = "PATCH", path = "/api/flows/FLOW_ID",
    body = [[{"data":{"type":"flow","id":"FLOW_ID","attributes":{"status":"live"}}}]] },
  { name = "create an event", method = "POST", path = "/api/events", status = 202,
    body = [[{"data":{"type":"event","attributes":{"profile":{"data":{"type":"profile",]]
      .. [["attributes":{"email":"customer@example.com"}}},"metric":{"data":{"type":"metric",]]
      .. [["attributes":{"name":"Viewed Product"}}},"properties":{"product_id":"SKU123",]]
      .. [["product_name":"Blue T-Shirt"}}}}]] },
  { name = "get metrics", method = "GET", path = "/api/metrics" },
  { name = "get templates", method = "GET", path = "/api/templates" },
  -- an unknown member and topic, and no secret_key: the service answers 400
  { name = "create a webhook", method = "POST", path = "/api/webhooks", status = 400,
    body = [[{"data":{"type":"webhook","attributes":{"name":"Order Placed Webhook",]]
      .. [["endpoint_url":"https://example.com/webhooks/klaviyo","enabled":true},"relationships":]]
      .. [[{"webhook-topics":{"data":[{"type":"webhook-topic","id":"campaign:sent"}]}}}}]] },
  -- the two calls again, corrected
  { name = "a campaign, corrected", method = "POST", path = "/api/campaigns", status = 201,
    body = [[{"data":{"type":"campaign","attributes":{"name":"Summer Newsletter","audiences":{"included":["LIST_ID"]},]]
      .. [["campaign-messages":{"data":[{"type":"campaign-message","attributes":{"channel":"email",]]
      .. [["label":"Summer","content":{"subject":"Hello"}}}]}}}}]] },
  { name = "a webhook, corrected", method = "POST", path = "/api/webhooks", status = 201, makes = "WEBHOOK_ID",
    body = [[{"data":{"type":"webhook","attributes":{"name":"Order Placed Webhook",]]
      .. [["endpoint_url":"https://example.com/webhooks/klaviyo","secret_key":"a secret of your own"},]]
      .. [["relationships":{"webhook-topics":{"data":[{"type":"webhook-topic","id":"event:klaviyo.sent_sms"}]}}}}]] },
  { name = "delete a webhook", method = "DELETE", path = "/api/webhooks/WEBHOOK_ID", status = 204 },
}
