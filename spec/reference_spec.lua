-- Every call of the routing reference, with the body of the reference, over
-- each of the three ways to reach a service.
local cjson = require "cjson"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local BODY = {
  create_profile = [[{"data":{"type":"profile","attributes":{"email":"newuser@example.com","first_name":"John",]]
    .. [["last_name":"Doe"}}}]],
  update_profile = [[{"data":{"type":"profile","id":"PROFILE_ID","attributes":{"first_name":"Jane"}}}]],
  create_list = [[{"data":{"type":"list","attributes":{"name":"VIP Customers"}}}]],
  add_profiles = [[{"data":[{"type":"profile","id":"PROFILE_ID"}]}]],
  create_campaign = [[{"data":{"type":"campaign","attributes":{"name":"Summer Newsletter",]]
    .. [["audiences":{"included":["LIST_ID"]}}}}]],
  update_flow = [[{"data":{"type":"flow","id":"FLOW_ID","attributes":{"status":"live"}}}]],
  create_event = [[{"data":{"type":"event","attributes":{"profile":{"data":{"type":"profile",]]
    .. [["attributes":{"email":"customer@example.com"}}},"metric":{"data":{"type":"metric",]]
    .. [["attributes":{"name":"Viewed Product"}}},"properties":{"product_id":"SKU123",]]
    .. [["product_name":"Blue T-Shirt"}}}}]],
  create_webhook = [[{"data":{"type":"webhook","attributes":{"name":"Order Placed Webhook",]]
    .. [["endpoint_url":"https://example.com/webhooks/klaviyo","enabled":true},"relationships":]]
    .. [[{"webhook-topics":{"data":[{"type":"webhook-topic","id":"campaign:sent"}]}}}}]],
}

-- The ways differ in base URL, authorization scheme and protocol.
local ROUTES = {
  ["over plain HTTP"] = {
    prefix = "", scheme = "Klaviyo-API-Key", http = "1.1",
    settings = function() return {} end,
  },
  ["over TLS and HTTP/2"] = {
    prefix = "", scheme = "Klaviyo-API-Key", http = "2",
    settings = function(server)
      return { base_url = server.tls_url, ca_file = server.ca_file }
    end,
  },
  ["behind a gateway's prefix, as a bearer"] = {
    prefix = "/klaviyo", scheme = "Bearer", http = "1.1",
    settings = function(server)
      return { base_url = server.base_url .. "/klaviyo", auth_scheme = "Bearer" }
    end,
  },
}

local names = {}
for name in pairs(ROUTES) do
  names[#names + 1] = name
end
table.sort(names)

describe("the reference's calls", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 150 })

  for _, name in ipairs(names) do
    local route = ROUTES[name]

    describe(name, function()
      local client

      setup(function()
        fixture.server:reset()
        client = fixture:new_client(route.settings(fixture.server))
      end)

      -- Makes a call, and checks that one request arrived, with the method, path
      -- and body of the reference.
      local function call(status, method, path, body, operation, args)
        local before = fixture.server:stats().requests
        local doc, err = client:call(operation, args)
        assert.equal(before + 1, fixture.server:stats().requests)
        local request = fixture:latest()
        assert.equal(operation, request.operation)
        assert.equal(method, request.method)
        assert.equal(route.prefix .. path, request.uri)
        assert.equal(body, request.body)
        assert.equal(status, request.status)
        assert.equal("HTTP/" .. (route.http == "2" and "2.0" or "1.1"), request.protocol)
        assert.equal(route.scheme, request.headers.authorization)
        assert.equal("2024-10-15", request.headers.revision)
        assert.equal("application/vnd.api+json", request.headers.accept)
        assert.equal(body and "application/vnd.api+json" or nil, request.headers["content-type"])
        local answer = doc or err
        assert.equal(status, answer.response.status)
        assert.equal(route.http, answer.response.http_version)
        return doc, err
      end

      local function create(operation, body)
        return assert(client:call(operation, { body = body })).data.id
      end

      -- The only error of an id in a body.
      local function with_id(body, placeholder, id)
        return (body:gsub(placeholder, (id:gsub("%%", "%%%%"))))
      end

      local function assert_rejected(operation, path, body, pointers)
        local doc, err = call(400, "POST", path, body, operation, { body = body })
        assert.is_nil(doc)
        assert.equal("api", err.kind)
        assert.equal(400, err.status)
        assert.equal("invalid", err.code)
        assert.equal(operation, err.operation)
        assert.is_false(err.maybe_sent)
        assert.same(cjson.decode(err.response.body).errors, err.errors)
        local found = {}
        for _, object in ipairs(err.errors) do
          assert.equal(400, object.status)
          assert.equal("string", type(object.id))
          assert.equal("string", type(object.detail))
          found[object.source.pointer] = true
        end
        assert.same(pointers, found)
        -- curl gets the same errors, except for their ids
        local output = script.shell(("curl -sS --cacert %s -H %s -H 'revision: 2024-10-15' -H %s -d %s %s")
          :format(script.quote(fixture.server.ca_file),
            script.quote("Authorization: " .. route.scheme .. " " .. fixture.key),
            "'Content-Type: application/vnd.api+json'", script.quote(body),
            script.quote((route.settings(fixture.server).base_url or fixture.server.base_url) .. path)))
        local theirs = cjson.decode(output).errors
        assert.equal(#theirs, #err.errors)
        for i, object in ipairs(theirs) do
          object.id = err.errors[i].id
        end
        assert.same(theirs, err.errors)
      end

      local person = 0

      local function new_profile()
        person = person + 1
        return create("create_profile",
          ('{"data":{"type":"profile","attributes":{"email":"person%d@example.com"}}}'):format(person))
      end

      it("get profiles", function()
        local id = create("create_profile",
          '{"data":{"type":"profile","attributes":{"email":"test@example.com","first_name":"T","last_name":"X"}}}')
        local doc = call(200, "GET", "/api/profiles?filter=equals%28email%2C%22test%40example.com%22%29"
          .. "&fields%5Bprofile%5D=email,first_name&page%5Bsize%5D=100", nil, "get_profiles", {
            filter = 'equals(email,"test@example.com")',
            fields = { profile = { "email", "first_name" } },
            page = { size = 100 },
          })
        assert.equal(1, #doc.data)
        assert.equal(id, doc.data[1].id)
        assert.same({ email = "test@example.com", first_name = "T" }, doc.data[1].attributes)
      end)

      it("get profiles, starting at a cursor", function()
        local first = assert(client:call("get_profiles", { page = { size = 100 } }))
        assert.equal(100, #first.data)
        -- the link names the service, even through a gateway
        assert.matches("^https://a%.klaviyo%.com/api/profiles%?", first.links.next)
        local escaped = first.links.next:match("page%%5Bcursor%%5D=([^&]*)")
        local cursor = escaped:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
        local second = call(200, "GET", "/api/profiles?page%5Bcursor%5D=" .. escaped .. "&page%5Bsize%5D=100", nil,
          "get_profiles", { page = { cursor = cursor, size = 100 } })
        assert.is_true(#second.data >= 50)
        local ids = {}
        for _, page in ipairs { first, second } do
          for _, profile in ipairs(page.data) do
            assert.is_nil(ids[profile.id])
            ids[profile.id] = true
          end
        end
      end)

      it("get a profile", function()
        local id = new_profile()
        local doc = call(200, "GET", "/api/profiles/" .. id, nil, "get_profile", { profile_id = id })
        assert.equal(id, doc.data.id)
        assert.equal("profile", doc.data.type)
      end)

      it("create a profile", function()
        local doc = call(201, "POST", "/api/profiles", BODY.create_profile, "create_profile",
          { body = BODY.create_profile })
        assert.equal("newuser@example.com", doc.data.attributes.email)
        assert.equal("John", doc.data.attributes.first_name)
        assert.equal("Doe", doc.data.attributes.last_name)
      end)

      it("update a profile", function()
        local id = new_profile()
        local body = with_id(BODY.update_profile, "PROFILE_ID", id)
        local doc = call(200, "PATCH", "/api/profiles/" .. id, body, "update_profile",
          { profile_id = id, body = body })
        assert.equal("Jane", doc.data.attributes.first_name)
      end)

      it("get lists", function()
        local doc = call(200, "GET", "/api/lists", nil, "get_lists")
        assert.is_true(#doc.data >= 2)
        assert.equal("list", doc.data[1].type)
      end)

      it("create a list", function()
        local doc = call(201, "POST", "/api/lists", BODY.create_list, "create_list", { body = BODY.create_list })
        assert.equal("VIP Customers", doc.data.attributes.name)
      end)

      it("add profiles to a list", function()
        local list, profile = create("create_list", BODY.create_list), new_profile()
        local body = with_id(BODY.add_profiles, "PROFILE_ID", profile)
        local doc = call(204, "POST", ("/api/lists/%s/relationships/profiles"):format(list), body,
          "add_profiles_to_list", { list_id = list, body = body })
        assert.same({}, doc)
        local members = assert(client:call("get_list_profiles", { list_id = list })).data
        assert.equal(1, #members)
        assert.equal(profile, members[1].id)
      end)

      it("get segments", function()
        local doc = call(200, "GET", "/api/segments", nil, "get_segments")
        assert.equal("segment", doc.data[1].type)
      end)

      it("get campaigns", function()
        call(200, "GET", "/api/campaigns?filter=equals%28messages.channel%2C%22email%22%29", nil, "get_campaigns",
          { filter = 'equals(messages.channel,"email")' })
      end)

      it("create a campaign: all errors of the service", function()
        assert_rejected("create_campaign", "/api/campaigns",
          with_id(BODY.create_campaign, "LIST_ID", create("create_list", BODY.create_list)),
          { ["/data/attributes/campaign-messages"] = true })
      end)

      it("create a campaign, corrected", function()
        local list = create("create_list", BODY.create_list)
        local body = with_id(BODY.create_campaign, "LIST_ID", list):gsub("}}}}$",
          '},"campaign-messages":{"data":[{"type":"campaign-message","attributes":'
          .. '{"channel":"email","label":"Summer","content":{"subject":"Hello"}}}]}}}}')
        local doc = call(201, "POST", "/api/campaigns", body, "create_campaign", { body = body })
        assert.equal("Summer Newsletter", doc.data.attributes.name)
        local flat = assert(client.campaigns:create {
          name = "Summer Newsletter", audiences = { included = { list } },
          campaign_messages = { { channel = "email", label = "Summer", content = { subject = "Hello" } } },
        })
        assert.same(doc.data.attributes.audiences, flat.data.attributes.audiences)
        assert.same(cjson.decode(body), cjson.decode(fixture:latest().body))
      end)

      it("get flows", function()
        local doc = call(200, "GET", "/api/flows", nil, "get_flows")
        assert.equal("flow", doc.data[1].type)
      end)

      it("update a flow's status", function()
        local id = assert(client:call("get_flows")).data[1].id
        local body = with_id(BODY.update_flow, "FLOW_ID", id)
        local doc = call(200, "PATCH", "/api/flows/" .. id, body, "update_flow", { flow_id = id, body = body })
        assert.equal("live", doc.data.attributes.status)
      end)

      it("create an event", function()
        local doc = call(202, "POST", "/api/events", BODY.create_event, "create_event", { body = BODY.create_event })
        assert.same({}, doc)
        local events = assert(client:call("get_events", { include = { "metric", "profile" } }))
        assert.equal("SKU123", events.data[1].attributes.event_properties.product_id)
        assert.equal("Viewed Product",
          events:resolve(events.data[1].relationships.metric.data).attributes.name)
        assert.equal("customer@example.com",
          events:resolve(events.data[1].relationships.profile.data).attributes.email)
      end)

      it("get metrics", function()
        local doc = call(200, "GET", "/api/metrics", nil, "get_metrics")
        assert.equal("metric", doc.data[1].type)
      end)

      it("get templates", function()
        local doc = call(200, "GET", "/api/templates", nil, "get_templates")
        assert.equal("template", doc.data[1].type)
      end)

      it("create a webhook: all errors of the service", function()
        assert_rejected("create_webhook", "/api/webhooks", BODY.create_webhook, {
          ["/data/attributes/enabled"] = true,
          ["/data/attributes/secret_key"] = true,
          ["/data/relationships/webhook-topics/data/0/id"] = true,
        })
      end)

      local CORRECTED_WEBHOOK = BODY.create_webhook:gsub('"enabled":true', '"secret_key":"a secret of your own"')
        :gsub("campaign:sent", "event:klaviyo.sent_sms")

      it("create a webhook, corrected", function()
        local doc = call(201, "POST", "/api/webhooks", CORRECTED_WEBHOOK, "create_webhook",
          { body = CORRECTED_WEBHOOK })
        assert.equal("Order Placed Webhook", doc.data.attributes.name)
        assert.is_true(doc.data.attributes.enabled)
        assert.truthy(client.webhooks:create {
          name = "Order Placed Webhook",
          endpoint_url = "https://example.com/webhooks/klaviyo",
          secret_key = "a secret of your own",
          webhook_topics = { "event:klaviyo.sent_sms" },
        })
        assert.same(cjson.decode(CORRECTED_WEBHOOK), cjson.decode(fixture:latest().body))
      end)

      it("delete a webhook", function()
        local id = create("create_webhook", CORRECTED_WEBHOOK)
        local doc = call(204, "DELETE", "/api/webhooks/" .. id, nil, "delete_webhook", { webhook_id = id })
        assert.same({}, doc)
        local found, err = call(404, "DELETE", "/api/webhooks/" .. id, nil, "delete_webhook", { webhook_id = id })
        assert.is_nil(found)
        assert.equal("not_found", err.code)
      end)

      describe("encodes ids of", function()
        it("base64", function()
          local missing = { ["/"] = "%2F", ["+"] = "%2B" }
          for i = 1, 100 do
            local id = assert(client:call("bulk_create_catalog_items", { body = {
              data = { type = "catalog-item-bulk-create-job", attributes = { items = { data = {
                { type = "catalog-item", attributes = { external_id = "b" .. i, title = "T",
                  description = "D", url = "https://example.com/" } } } } } } } })).data.id
            local fresh = false
            for character in pairs(missing) do
              if id:find(character, 1, true) then
                missing[character], fresh = nil, true
              end
            end
            if fresh then
              local escaped = id:gsub("[/+]", { ["/"] = "%2F", ["+"] = "%2B" })
              local doc = call(200, "GET", "/api/catalog-item-bulk-create-jobs/" .. escaped, nil,
                "get_bulk_create_catalog_items_job", { job_id = id })
              assert.equal(id, doc.data.id)
            end
          end
          assert.same({}, missing)
        end)

        it("catalogs, with every character of base64", function()
          for _, external in ipairs { "X", "SKU/1+2=3==", "é %2F?#&:;@" } do
            local id = "$custom:::$default:::" .. external
            local doc = assert(client:call("create_catalog_item", { body = { data = {
              type = "catalog-item", attributes = { external_id = external, title = "T", description = "D",
                url = "https://example.com/" } } } }))
            assert.equal(id, doc.data.id)
            assert.equal(id, assert(client:call("get_catalog_item", { id = id })).data.id)
            local strict = id:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)
            assert.equal(route.prefix .. "/api/catalog-items/" .. strict, fixture:latest().uri)
            doc = assert(client.catalog_items:update(id, { title = "U" }))
            assert.equal(id, doc.data.id)
            assert.equal("U", doc.data.attributes.title)
            assert.same({ id }, (function()
              local ids = {}
              for item in client.catalog_items:each { filter = ('any(ids,["%s"])'):format(id) } do
                ids[#ids + 1] = item.id
              end
              return ids
            end)())
            assert.same({}, assert(client.catalog_items:delete(id)))
            assert.equal(404, select(2, client.catalog_items:get(id)).status)
          end
        end)
      end)
    end)
  end
end)
