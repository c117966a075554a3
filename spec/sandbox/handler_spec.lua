local json = require "klaviyo.sandbox.json"
local sandbox_handler = require "spec.support.sandbox_handler"

local errors_of, ids = sandbox_handler.errors_of, sandbox_handler.ids
local null = json.null

local function profile(attributes)
  return {data = {type = "profile", attributes = attributes}}
end

describe("the sandbox's handler", function()
  local s

  before_each(function()
    s = sandbox_handler.new()
  end)

  describe("accepts", function()
    local function answer(...)
      local status, document = s:ask(...)
      return status, document and document.errors
        and document.errors[1].code
    end

    it("the private key in its own scheme, and as a bearer token", function()
      assert.equal(200, (s:get("/api/lists")))
      assert.equal(200, (s:get("/api/lists", nil,
        {authorization = "Bearer pk_test"})))
    end)

    it("no request without the right key", function()
      assert.same({401, "not_authenticated"},
        {answer("GET", "/api/lists", nil, {authorization = false})})
      assert.same({401, "authentication_failed"},
        {answer("GET", "/api/lists", nil,
          {authorization = "Klaviyo-API-Key pk_other"})})
      assert.same({401, "authentication_failed"},
        {answer("GET", "/api/lists", nil, {authorization = "pk_test"})})
    end)

    it("only a bearer token under the gateway's prefix", function()
      assert.equal(200, (s:get("/klaviyo/api/lists", nil,
        {authorization = "Bearer pk_test"})))
      assert.same({401, "authentication_failed"},
        {answer("GET", "/klaviyo/api/lists")})
    end)

    it("no request without a valid revision", function()
      assert.same({400, "invalid"},
        {answer("GET", "/api/lists", nil, {revision = false})})
      assert.same({400, "invalid"},
        {answer("GET", "/api/lists", nil, {revision = "latest"})})
      assert.same({400, "invalid"},
        {answer("GET", "/api/lists", nil, {revision = "2020-01-01"})})
    end)

    it("a date between two revisions as the earlier one", function()
      assert.equal(200, (answer("GET", "/api/lists", nil, {revision = "2024-10-16"})))
    end)

    it("no path or method that the API does not have", function()
      assert.same({404, "not_found"}, {answer("GET", "/api/prophets")})
      assert.same({404, "not_found"}, {answer("GET", "/")})
      local status, _, response = s:ask("PUT", "/api/profiles")
      assert.equal(405, status)
      assert.equal("GET, POST", response.headers.Allow)
    end)

    it("public calls with the account's company_id, with or without a key", function()
      local event = {data = {type = "event", attributes = {
        properties = {a = 1},
        metric = {data = {type = "metric", attributes = {name = "M"}}},
        profile = {data = {type = "profile",
          attributes = {email = "a@b.example"}}},
      }}}
      assert.equal(202, (s:post("/client/events?company_id=TestCo", event)))
      assert.equal(400, (s:post("/client/events?company_id=Other1", event)))
      assert.equal(400, (s:post("/client/events", event)))
      assert.equal(202, (s:post("/client/events?company_id=TestCo", event,
        {authorization = "Klaviyo-API-Key pk_test"})))
      -- the same event of the same second: it counts once
      assert.equal(1, s.state:collection("event").count)
    end)

    it("JSON with either media type, and no other body", function()
      local body = profile {email = "a@b.example"}
      local function post(media)
        return (s:post("/api/profiles", body, {["content-type"] = media}))
      end
      assert.equal(415, post(false))
      assert.equal(415, post("text/plain"))
      assert.equal(201, post("application/json; charset=utf-8"))
      assert.equal(409, post("application/vnd.api+json"))
      assert.equal(400, (s:post("/api/profiles", '{"data":')))
      assert.equal(400, (s:post("/api/profiles", "")))
    end)
  end)

  describe("serves profiles:", function()
    it("creates, reads and updates one", function()
      local status, made = s:post("/api/profiles", profile {
        email = "new@example.com", first_name = "John",
        properties = {a = 1, b = {1, 2}},
      })
      assert.equal(201, status)
      local id = made.data.id
      assert.equal("https://a.klaviyo.com/api/profiles/" .. id .. "/",
        made.data.links.self)
      assert.equal(null, made.data.attributes.last_name)

      status, made = s:patch("/api/profiles/" .. id, {data = {
        type = "profile", id = id, attributes = {first_name = "Jane",
          email = null, properties = {a = null, c = 3}}}})
      assert.equal(200, status)
      assert.equal("Jane", made.data.attributes.first_name)

      local _, read = s:get("/api/profiles/" .. id)
      assert.equal(null, read.data.attributes.email)
      assert.same({b = {1, 2}, c = 3}, read.data.attributes.properties)
    end)

    it("rejects a second one with the same identifier", function()
      local _, first = s:post("/api/profiles",
        profile {email = "a@b.example", phone_number = "+15550001"})
      local status, document = s:post("/api/profiles",
        profile {phone_number = "+15550001"})
      assert.equal(409, status)
      assert.equal("duplicate_profile", document.errors[1].code)
      assert.equal(first.data.id,
        document.errors[1].meta.duplicate_profile_id)

      local _, second = s:post("/api/profiles", profile {email = "c@b.example"})
      assert.equal(409, (s:patch("/api/profiles/" .. second.data.id, {data = {
        type = "profile", id = second.data.id,
        attributes = {email = "a@b.example"}}})))
    end)

    it("frees an identifier that a profile no longer has", function()
      local _, first = s:post("/api/profiles", profile {email = "a@b.example"})
      local id = first.data.id
      s:patch("/api/profiles/" .. id, {data = {type = "profile", id = id,
        attributes = {email = "z@b.example"}}})
      assert.equal(201, (s:post("/api/profiles", profile {email = "a@b.example"})))
    end)

    it("creates or updates one with profile-import", function()
      local import = profile {email = "a@b.example", first_name = "A"}
      assert.equal(201, (s:post("/api/profile-import", import)))
      import.data.attributes.first_name = "B"
      local status, document = s:post("/api/profile-import", import)
      assert.equal(200, status)
      assert.equal("B", document.data.attributes.first_name)
      assert.equal(1, s.state:collection("profile").count)
    end)

    it("answers 404 for an unknown one, 409 for two different ids", function()
      local status, document = s:get("/api/profiles/NOBODY")
      assert.equal(404, status)
      assert.equal("not_found", document.errors[1].code)
      local _, made = s:post("/api/profiles", profile {email = "a@b.example"})
      assert.equal(409, (s:patch("/api/profiles/" .. made.data.id, {data = {
        type = "profile", id = "OTHER", attributes = {}}})))
    end)

    it("returns additional fields on request", function()
      local _, made = s:post("/api/profiles", profile {email = "a@b.example"})
      local target = "/api/profiles/" .. made.data.id
      local _, plain = s:get(target)
      assert.is_nil(plain.data.attributes.subscriptions)
      local _, more = s:get(target
        .. "?additional-fields%5Bprofile%5D=subscriptions")
      assert.is_table(more.data.attributes.subscriptions.email)
    end)

    it("returns sparse fieldsets, also with dotted names", function()
      local _, made = s:post("/api/profiles", profile {
        email = "a@b.example", location = {city = "Bonn", zip = "53111"}})
      local _, document = s:get("/api/profiles/" .. made.data.id
        .. "?fields%5Bprofile%5D=email,location.city")
      assert.same({email = "a@b.example", location = {city = "Bonn"}},
        document.data.attributes)
      assert.is_table(document.data.relationships.lists.links)
    end)
  end)

  it("starts from the initial state after a reset", function()
    s:post("/api/profiles", profile {email = "a@b.example"})
    s.state:reset()
    assert.equal(0, s.state:collection("profile").count)
    assert.equal(201, (s:post("/api/profiles", profile {email = "a@b.example"})))
  end)

  describe("reports all errors of", function()
    it("the reference's campaign", function()
      local status, document = s:post("/api/campaigns", '{"data":{"type":'
        .. '"campaign","attributes":{"name":"Summer Newsletter","audiences":'
        .. '{"included":["LIST_ID"]}}}}')
      assert.equal(400, status)
      assert.same({"invalid /data/attributes/campaign-messages"},
        errors_of(document))
    end)

    it("the reference's webhook", function()
      local status, document = s:post("/api/webhooks", '{"data":{"type":'
        .. '"webhook","attributes":{"name":"Order Placed Webhook",'
        .. '"endpoint_url":"https://example.com/webhooks/klaviyo","enabled":'
        .. 'true},"relationships":{"webhook-topics":{"data":[{"type":'
        .. '"webhook-topic","id":"campaign:sent"}]}}}}')
      assert.equal(400, status)
      assert.same({
        "invalid /data/attributes/enabled",
        "invalid /data/attributes/secret_key",
        "invalid /data/relationships/webhook-topics/data/0/id",
      }, errors_of(document))
    end)

    it("a member that can only be null", function()
      local op = require("klaviyo.operations").revision("2026-07-15"):operation("create_form")
      local _, response = pcall(require("klaviyo.sandbox.validate").document, op.body, json.decode [[
        {"data": {"type": "form", "attributes": {"name": "x", "status": "draft", "ab_test": false,
          "definition": {"versions": [{"steps": [{"columns": [{"rows": [{"blocks": [
            {"type": "button", "action": {"type": "close", "properties": "x"}}]}]}]}]}]}}}} ]], error)
      assert.is_table(response, response)
      assert.equal(400, response.status)
    end)

    it("a relationship that is not one", function()
      for _, data in ipairs {"true", "5", '"x"', "[5]", "[[]]", "[]", '{"type":5,"id":"x"}', '{"type":[],"id":"x"}'} do
        local status, document = s:post("/api/tags", '{"data":{"type":"tag","attributes":{"name":"x"},"relationships":'
          .. '{"tag-group":{"data":' .. data .. "}}}}")
        assert.equal(400, status, data)
        assert.matches("^%l+ /data/relationships/tag%-group/data", errors_of(document)[1])
      end
    end)

    it("a profile with a wrong type, wrong values and wrong names", function()
      local status, document = s:post("/api/profiles", '{"data":{"type":'
        .. '"profile","attributes":{"email":3,"fist_name":"x","location":'
        .. '{"city":["Bonn"],"~/":1}}},"meta":1}')
      assert.equal(400, status)
      assert.same({
        "invalid /data/attributes/email",
        "invalid /data/attributes/fist_name",
        "invalid /data/attributes/location/city",
        "invalid /data/attributes/location/~0~1",
        "invalid /meta",
      }, errors_of(document))
      assert.equal(409, (s:post("/api/profiles",
        '{"data":{"type":"list","attributes":{"email":"a@b.example"}}}')))
    end)

    it("a query", function()
      local function parameter(target)
        local status, document = s:get(target)
        assert.equal(400, status, target)
        return document.errors[1].source.parameter
      end
      assert.equal("pgae[size]", parameter("/api/profiles?pgae[size]=1"))
      assert.equal("page[size]", parameter("/api/profiles?page%5Bsize%5D=101"))
      assert.equal("page[size]", parameter("/api/profiles?page%5Bsize%5D=0"))
      assert.equal("page[size]", parameter("/api/profiles?page%5Bsize%5D=ten"))
      assert.equal("page[size]", parameter("/api/lists?page%5Bsize%5D=5"))
      assert.equal("page[cursor]", parameter("/api/profiles?page[cursor]=x"))
      assert.equal("fields[profile]",
        parameter("/api/profiles?fields%5Bprofile%5D=emial"))
      assert.equal("sort", parameter("/api/profiles?sort=first_name"))
      assert.equal("sort", parameter("/api/profiles?sort=id&sort=id"))
      assert.equal("include", parameter("/api/lists?include=profiles"))
      assert.equal("filter", parameter("/api/campaigns"))
      assert.equal("filter", parameter("/api/profiles?filter=equals(email)"))
      assert.equal("filter",
        parameter("/api/profiles?filter=equals(first_name,%22x%22)"))
      assert.equal("filter",
        parameter("/api/profiles?filter=contains(email,%22x%22)"))
    end)
  end)

  describe("serves lists and their members:", function()
    local list, one, two

    before_each(function()
      local _, made = s:post("/api/lists",
        {data = {type = "list", attributes = {name = "VIP"}}})
      list = made.data.id
      _, made = s:post("/api/profiles", profile {email = "1@b.example"})
      one = made.data.id
      _, made = s:post("/api/profiles", profile {email = "2@b.example"})
      two = made.data.id
    end)

    local function change(method, id)
      return (s:ask(method, "/api/lists/" .. list .. "/relationships/profiles",
        {data = {{type = "profile", id = id}}}))
    end

    it("adds and removes members on both sides", function()
      assert.equal(204, change("POST", two))
      assert.equal(204, change("POST", one))
      assert.equal(204, change("POST", one))
      local _, members = s:get("/api/lists/" .. list .. "/profiles")
      assert.same({two, one}, ids(members))
      local _, identifiers = s:get(
        "/api/lists/" .. list .. "/relationships/profiles")
      assert.same({{type = "profile", id = two},
        {type = "profile", id = one}}, identifiers.data)
      local _, lists = s:get("/api/profiles/" .. one .. "/lists")
      assert.equal(list, lists.data[#lists.data].id)

      assert.equal(204, change("DELETE", two))
      _, members = s:get("/api/lists/" .. list .. "/profiles")
      assert.same({one}, ids(members))
      assert.equal(404, change("POST", "NOBODY"))
      assert.equal(405, change("PATCH", one))
    end)

    it("finds them with a filter", function()
      change("POST", one)
      local _, members = s:get("/api/lists/" .. list .. "/profiles"
        .. "?filter=any(email,[%221@b.example%22,%222@b.example%22])")
      assert.same({one}, ids(members))
    end)

    it("deletes a list, and answers 404 the second time", function()
      assert.equal(204, (s:delete("/api/lists/" .. list)))
      assert.equal(404, (s:delete("/api/lists/" .. list)))
      assert.equal(404, (s:get("/api/lists/" .. list .. "/profiles")))
    end)
  end)

  it("stores each event once", function()
    local function track(attributes)
      attributes.properties = {product_id = "SKU123"}
      attributes.metric = {data = {type = "metric",
        attributes = {name = "Viewed Product"}}}
      attributes.profile = {data = {type = "profile",
        attributes = {email = "customer@example.com"}}}
      return (s:post("/api/events",
        {data = {type = "event", attributes = attributes}}))
    end
    assert.equal(202, track {unique_id = "a"})
    assert.equal(202, track {unique_id = "a"})
    assert.equal(202, track {unique_id = "b", value = 9.99})
    -- Without a unique_id the second of the event is used.
    track {time = "2024-10-15T00:00:00.100Z"}
    track {time = "2024-10-15T00:00:00.900Z"}
    local _, events = s:get("/api/events?include=profile,metric&sort=timestamp")
    assert.equal(3, #events.data)
    assert.equal("SKU123",
      events.data[1].attributes.event_properties.product_id)
    assert.equal(1728950400, events.data[1].attributes.timestamp)
    assert.equal(2, #events.included)
    local person = events.data[1].relationships.profile.data.id
    local _, of_person = s:get(
      ("/api/events?filter=equals(profile_id,%%22%s%%22)"):format(person))
    assert.equal(3, #of_person.data)
    assert.equal(1, s.state:collection("profile").count)
  end)

  it("creates campaigns with their messages", function()
    local status, made = s:post("/api/campaigns", {data = {type = "campaign",
      attributes = {name = "Summer", audiences = {included = {"LIST"}},
        ["campaign-messages"] = {data = json.array {{
          type = "campaign-message", attributes = {channel = "email",
            label = "one", content = {subject = "Hello"}}}}}}}})
    assert.equal(201, status)
    local messages = made.data.relationships["campaign-messages"].data
    assert.equal(1, #messages)
    assert.is_nil(made.data.attributes["campaign-messages"])
    local _, message = s:get("/api/campaign-messages/" .. messages[1].id)
    assert.equal("Hello", message.data.attributes.content.subject)
    s:patch("/api/campaign-messages/" .. messages[1].id, {data = {
      type = "campaign-message", id = messages[1].id,
      attributes = {label = "two"}}})
    local _, later = s:get("/api/campaign-messages/" .. messages[1].id, nil,
      {revision = "2025-01-15"})
    assert.same({"email", "two", "Hello"}, {
      later.data.attributes.definition.channel,
      later.data.attributes.definition.label,
      later.data.attributes.definition.content.subject})
    local function listed(channel)
      local _, document = s:get(
        ("/api/campaigns?filter=equals(messages.channel,'%s')"):format(channel))
      return #document.data
    end
    assert.equal(1, listed "email")
    assert.equal(0, listed "sms")
    assert.equal(1, listed "email'),equals(archived,false),contains(name,'mm")
    assert.equal(0, listed "email'),equals(archived,true),contains(name,'mm")

    assert.equal(202, (s:post("/api/campaign-send-jobs", {data = {
      type = "campaign-send-job", id = made.data.id}})))
    local target = "/api/campaign-send-jobs/" .. made.data.id
    local statuses = {}
    for i = 1, 3 do
      local _, job = s:get(target)
      statuses[i] = job.data.attributes.status
    end
    assert.same({"queued", "processing", "complete"}, statuses)

    assert.equal(201, (s:post("/api/campaign-clone", {data = {
      type = "campaign", id = made.data.id,
      attributes = {new_name = "Autumn"}}})))
    assert.equal(2, listed "email")
  end)

  it("does not return the secret of a webhook", function()
    local status, made = s:post("/api/webhooks", {data = {type = "webhook",
      attributes = {name = "W", endpoint_url = "https://example.com/",
        secret_key = "0123456789abcdef"},
      relationships = {["webhook-topics"] = {data = json.array {{
        type = "webhook-topic", id = "event:klaviyo.sent_sms"}}}}}})
    assert.equal(201, status)
    assert.is_nil(made.data.attributes.secret_key)
    assert.is_true(made.data.attributes.enabled)
    assert.same({{type = "webhook-topic", id = "event:klaviyo.sent_sms"}},
      made.data.relationships["webhook-topics"].data)
    assert.equal(204, (s:delete("/api/webhooks/" .. made.data.id)))
    assert.equal(404, (s:get("/api/webhooks/" .. made.data.id)))
  end)

  it("accepts ids with any characters, percent-encoded", function()
    local status, made = s:post("/api/catalog-items", {data = {
      type = "catalog-item", attributes = {external_id = "a/b+c=% é",
        title = "T", description = "D", url = "https://example.com/"}}})
    assert.equal(201, status)
    assert.equal("$custom:::$default:::a/b+c=% é", made.data.id)
    local path = made.data.links.self:gsub("^https://a%.klaviyo%.com", "")
    assert.equal(200, (s:get(path)))
    assert.equal(400, (s:get("/api/catalog-items/%2")))
    assert.equal(400, (s:get("/api/catalog-items/%2G")))
    assert.equal(409, (s:post("/api/catalog-items", {data = {
      type = "catalog-item", attributes = {external_id = "a/b+c=% é",
        title = "T", description = "D", url = "https://example.com/"}}})))
  end)

  it("runs bulk jobs", function()
    local list = s.state:collection("list"):at(2).id
    local status, job = s:post("/api/profile-bulk-import-jobs", {data = {
      type = "profile-bulk-import-job",
      attributes = {profiles = {data = json.array {
        {type = "profile", attributes = {email = "1@b.example"}},
        {type = "profile", attributes = {email = "2@b.example"}},
      }}},
      relationships = {lists = {data = json.array {
        {type = "list", id = list}}}}}})
    assert.equal(202, status)
    assert.equal("queued", job.data.attributes.status)
    assert.matches("^[%w+/]+$", job.data.id) -- base64 without padding
    local path = job.data.links.self:gsub("^https://a%.klaviyo%.com", "")
    local last
    for _ = 1, 3 do
      local _, now = s:get(path)
      last = now.data.attributes
    end
    assert.equal("complete", last.status)
    assert.equal(2, last.completed_count)
    local _, members = s:get("/api/lists/" .. list .. "/profiles")
    assert.equal(2, #members.data)

    local refused, document = s:post("/api/profile-bulk-import-jobs", {data = {
      type = "profile-bulk-import-job",
      attributes = {profiles = {data = json.array {
        {type = "profile", attributes = {email = "3@b.example"}},
        {type = "profile", attributes = {email = 4}}}}}}})
    assert.equal(400, refused)
    assert.same({"invalid /data/attributes/profiles/data/1/attributes/email"},
      errors_of(document))
  end)
end)
