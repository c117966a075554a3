-- client.profiles:list(), client.lists:at(id).profiles:add(ids): the verbs, and
-- the requests that they send.
local cjson = require "cjson"
local connect = require "spec.support.connect"
local errors = require "klaviyo.response.errors"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"

local PROFILES = 2600

describe("a resource", function()
  local fixture = sandbox.here(setup, teardown, { profiles = PROFILES })
  local client

  setup(function()
    client = fixture.client
  end)

  -- Compares the latest request, and returns it.
  local function assert_request(method, uri, body)
    local request = fixture:latest()
    assert.equal(method, request.method)
    assert.equal(uri, request.uri)
    assert.same(body, request.body and cjson.decode(request.body))
    return request
  end

  local function new_list(name)
    return assert(client.lists:create { name = name or "a list" }).data.id
  end

  describe("is read by", function()
    it("list", function()
      local doc = assert(client.profiles:list { page = { size = 3 }, fields = { profile = { "email" } } })
      assert.equal(3, #doc.data)
      assert_request("GET", "/api/profiles?fields%5Bprofile%5D=email&page%5Bsize%5D=3")
      assert(client.lists:list())
      assert_request("GET", "/api/lists")
      assert(client.catalog_items:list())
      assert_request("GET", "/api/catalog-items")
    end)

    it("get", function()
      local id = client.profiles:first().id
      local doc = assert(client.profiles:get(id, { fields = { profile = { "email" } } }))
      assert.equal(id, doc.data.id)
      assert_request("GET", "/api/profiles/" .. id .. "?fields%5Bprofile%5D=email")
      assert.same({ email = "profile-0000001@example.com" }, doc.data.attributes)
    end)

    it("first", function()
      assert.equal("profile-0000001@example.com", client.profiles:first().attributes.email)
      assert_request("GET", "/api/profiles?page%5Bsize%5D=1")
      assert.equal("profile-0000002@example.com", client.profiles:first {
        filter = klaviyo.filter.equals("email", "profile-0000002@example.com"),
      }.attributes.email)
      assert.equal("list", client.lists:first().type)
      local value, err = client.events:first()
      assert.is_nil(value)
      assert.is_nil(err)
      value, err = client.lists:at("none").profiles:first()
      assert.is_nil(value)
      assert.equal(404, err.status)
    end)

    it("all", function()
      local lists = assert(client.lists:all())
      assert.equal(#client.lists:list().data, #lists)
      local profiles = assert(client.profiles:all { max = 250, fields = { profile = { "email" } } })
      assert.equal(250, #profiles)
      assert.equal("profile-0000250@example.com", profiles[250].attributes.email)
      assert.same({}, client.events:all())
      assert.same({}, client.profiles:all { max = 0 })
      local list, err = client.lists:at("none").profiles:all()
      assert.is_nil(list)
      assert.equal(404, err.status)
    end)

    it("each and pages", function()
      local count = 0
      for profile, page in client.profiles:each { limit = 150 } do
        count = count + 1
        assert.equal("profile", profile.type)
        assert.equal(200, page.response.status)
      end
      assert.equal(150, count)
      assert.equal(5, #client.profiles:pages({ page = { size = 5 } }):next().data)
    end)

    it("calls with options", function()
      local other = { base_url = fixture.server.base_url .. "/klaviyo", auth_scheme = "Bearer" }
      assert(client.lists:list(nil, other))
      assert_request("GET", "/klaviyo/api/lists")
      local id = new_list()
      assert(client.lists:get(id, nil, other))
      assert_request("GET", "/klaviyo/api/lists/" .. id)
      assert(client.lists:update(id, { name = "x" }, nil, other))
      assert.equal("/klaviyo/api/lists/" .. id, fixture:latest().uri)
      assert(client.lists:at(id).profiles:add({ client.profiles:first().id }, other))
      assert.equal("/klaviyo/api/lists/" .. id .. "/relationships/profiles", fixture:latest().uri)
      for _ in client.lists:each(nil, other) do end
      assert_request("GET", "/klaviyo/api/lists")
      for _ in client.lists:at(id).profiles:ids(nil, other) do end
      assert.matches("^/klaviyo/api/lists/", fixture:latest().uri)
      assert(client.lists:delete(id, nil, other))
      assert_request("DELETE", "/klaviyo/api/lists/" .. id)
    end)
  end)

  describe("is written by", function()
    it("create, from a flat table", function()
      local doc = assert(client.profiles:create { email = "flat@example.com", first_name = "Flat" })
      assert.equal("flat@example.com", doc.data.attributes.email)
      assert_request("POST", "/api/profiles", { data = { type = "profile",
        attributes = { email = "flat@example.com", first_name = "Flat" } } })
    end)

    it("create, from a document", function()
      local body = '{"data": {"type":"list","attributes":{"name":"as it is"}}}'
      assert(client.lists:create { body = body })
      assert.equal(body, fixture:latest().body)
    end)

    it("update", function()
      local id = assert(client.profiles:create { email = "up@example.com", first_name = "A", last_name = "B" }).data.id
      local doc = assert(client.profiles:update(id, { first_name = "C", last_name = klaviyo.null }))
      assert.equal("C", doc.data.attributes.first_name)
      assert.equal(klaviyo.null, doc.data.attributes.last_name)
      assert.equal("up@example.com", doc.data.attributes.email)
      assert_request("PATCH", "/api/profiles/" .. id, { data = { type = "profile", id = id,
        attributes = { first_name = "C", last_name = cjson.null } } })
      local body = ('{"data":{"type":"profile","id":"%s","attributes":{"first_name":"D"}}}'):format(id)
      assert(client.profiles:update(id, { body = body }))
      assert.equal(body, fixture:latest().body)
    end)

    it("delete", function()
      local id = new_list()
      local doc = assert(client.lists:delete(id))
      assert.same({}, doc)
      assert.equal(204, doc.response.status)
      assert_request("DELETE", "/api/lists/" .. id)
      local again, err = client.lists:delete(id)
      assert.is_nil(again)
      assert.equal(404, err.status)
    end)

    it("create and update, which do not change the flat table", function()
      local t = { name = "kept" }
      assert(client.lists:create(t))
      assert.same({ name = "kept" }, t)
      local id = new_list()
      assert(client.lists:update(id, t))
      assert.same({ name = "kept" }, t)
    end)

    it("update, with the id in the table too", function()
      local id = new_list()
      assert(client.lists:update(id, { id = id, name = "same" }))
      assert_request("PATCH", "/api/lists/" .. id, {
        data = { type = "list", id = id, attributes = { name = "same" } } })
    end)

    it("update, which raises for two different ids", function()
      raises("id", function() client.lists:update("AAAAAA", { id = "BBBBBB", name = "other" }) end)
    end)
  end)

  describe("has relations that are", function()
    local list, ids

    setup(function()
      list, ids = new_list("related"), {}
      for profile in client.profiles:each { limit = 5, fields = { profile = { "email" } } } do
        ids[#ids + 1] = profile.id
      end
    end)

    it("extended, read and reduced", function()
      local related = client.lists:at(list).profiles
      assert.same({}, assert(related:add(ids)))
      local linkage = {}
      for i, id in ipairs(ids) do
        linkage[i] = { type = "profile", id = id }
      end
      assert_request("POST", ("/api/lists/%s/relationships/profiles"):format(list), { data = linkage })

      local doc = assert(related:list { page = { size = 2 } })
      assert.equal(2, #doc.data)
      assert_request("GET", ("/api/lists/%s/profiles?page%%5Bsize%%5D=2"):format(list))

      local found = {}
      for profile in related:each() do
        found[#found + 1] = profile.id
      end
      assert.same(ids, found)
      assert.equal(ids[1], related:first().id)
      assert.equal(5, #related:all())
      assert.equal(3, #related:all { max = 3 })
      for page in related:pages() do
        assert.equal(5, #page.data)
      end

      found = {}
      for id, identifier in related:ids() do
        found[#found + 1] = id
        assert.equal("profile", identifier.type)
      end
      assert.same(ids, found)
      assert.matches("^/api/lists/" .. list .. "/relationships/profiles", fixture:latest().uri)

      assert.same({}, assert(related:remove { ids[1], ids[2] }))
      assert_request("DELETE", ("/api/lists/%s/relationships/profiles"):format(list),
        { data = { { type = "profile", id = ids[1] }, { type = "profile", id = ids[2] } } })
      assert.equal(3, #related:all())
    end)

    it("passed as an id, as identifiers, as resources", function()
      local related = client.lists:at(new_list()).profiles
      assert(related:add(ids[1]))
      assert(related:add { { type = "profile", id = ids[2] } })
      assert.equal(2, #related:all())
      raises("profile", function() related:add { { type = "list", id = ids[3] } } end)
      raises("", function() related:add { 5.5 } end)
      raises("", function() related:add { {} } end)
      raises("", function() related:add { { id = false } } end)
    end)

    it("passed as one identifier", function()
      local related = client.lists:at(new_list()).profiles
      assert(related:add { type = "profile", id = ids[2] })
      assert.equal(1, #related:all())
    end)

    it("replaced", function()
      local item = assert(client.catalog_items:create { external_id = "rep", title = "T", description = "D",
        url = "https://example.com/" }).data.id
      local one = assert(client.catalog_categories:create { external_id = "one", name = "One" }).data.id
      local two = assert(client.catalog_categories:create { external_id = "two", name = "Two" }).data.id
      local categories = client.catalog_items:at(item).categories
      assert(categories:add { one })
      assert(categories:replace { two })
      assert_request("PATCH", "/api/catalog-items/%24custom%3A%3A%3A%24default%3A%3A%3Arep/relationships/categories",
        { data = { { type = "catalog-category", id = two } } })
      local found = {}
      for id in categories:ids() do
        found[#found + 1] = id
      end
      assert.same({ two }, found)
      assert(categories:replace {})
      assert.equal('{"data":[]}', (fixture:latest().body:gsub("%s", "")))
    end)

    it("to-one, and read by get", function()
      local flow = client.flows:first()
      local action = client.flows:at(flow.id).flow_actions:first()
      assert.equal("flow-action", action.type)
      assert_request("GET", ("/api/flows/%s/flow-actions?page%%5Bsize%%5D=1"):format(flow.id))
      local doc = assert(client.flow_actions:at(action.id).flow:get())
      assert.equal(flow.id, doc.data.id)
      assert_request("GET", ("/api/flow-actions/%s/flow"):format(action.id))
    end)

    it("addressed by escaped ids", function()
      local _, err = client.lists:at("a/b c").profiles:list()
      assert.equal(404, err.status)
      assert_request("GET", "/api/lists/a%2Fb%20c/profiles")
      for _, bad in ipairs { "", ".", ".." } do
        raises("id", function() client.lists:at(bad).profiles:list() end)
        raises("id", function() client.lists:at(bad).profiles:add { "x" } end)
      end
      raises("id", function() client.lists:at() end)
      raises("id", function() client.lists:at {} end)
    end)
  end)

  describe("sends a list that is longer than the API accepts", function()
    local function ids_of(count)
      local list = {}
      for profile in client.profiles:each { limit = count, fields = { profile = { "email" } } } do
        list[#list + 1] = profile.id
      end
      return list
    end

    local function sizes(mark)
      local list = {}
      for _, request in ipairs(fixture.server:requests()) do
        list[#list + 1] = request
      end
      local found = {}
      for i = #list - mark + 1, #list do
        found[#found + 1] = #cjson.decode(list[i].body).data
      end
      return found
    end

    it("in several requests", function()
      local ids, list = ids_of(2500), new_list("long")
      local before = fixture.server:stats().operations.add_profiles_to_list or 0
      assert.same({}, assert(client.lists:at(list).profiles:add(ids)))
      assert.equal(3, fixture.server:stats().operations.add_profiles_to_list - before)
      assert.same({ 1000, 1000, 500 }, sizes(3))
      local found, count = {}, 0
      for id in client.lists:at(list).profiles:ids() do
        found[id], count = true, count + 1
      end
      assert.equal(2500, count)
      for _, id in ipairs(ids) do
        assert.is_true(found[id])
      end
      assert(client.lists:at(list).profiles:remove(ids))
      assert.same({ 1000, 1000, 500 }, sizes(3))
      assert.same({}, client.lists:at(list).profiles:all())
    end)

    it("in one request if it just fits", function()
      local ids = ids_of(1001)
      local related = client.lists:at(new_list("fits")).profiles
      assert(related:add(ids))
      assert.same({ 1000, 1 }, sizes(2))
      table.remove(ids)
      local before = fixture.server:stats().requests
      assert(related:add(ids))
      assert.equal(1, fixture.server:stats().requests - before)
    end)

    it("and returns the number of items sent if a request fails", function()
      local ids, list = ids_of(2500), new_list("breaks")
      local related = client.lists:at(list).profiles
      for skip = 0, 2 do
        fixture.server:fault { operation = "add_profiles_to_list", skip = skip, status = 400,
          headers = { ["Content-Type"] = "application/vnd.api+json" },
          body = '{"errors":[{"code":"broken","detail":"this part"}]}' }
        local doc, err = related:add(ids)
        assert.is_nil(doc)
        assert.is_true(errors.is(err))
        assert.equal("broken", err.code)
        assert.equal(skip * 1000, err.done)
        assert.equal(skip * 1000, #related:all())
      end
      -- a program continues with the remaining items
      local rest = {}
      for i = 2001, 2500 do
        rest[#rest + 1] = ids[i]
      end
      assert(related:add(rest))
      assert.equal(2500, #related:all())
    end)
  end)

  describe("raises for", function()
    it("an unknown resource", function()
      for wrong, right in pairs { profile = "profiles", catalogitems = "catalog_items", list = "lists",
        webhoks = "webhooks", cal = "call" } do
        raises({ ('"%s"'):format(wrong), ('did you mean "%s"?'):format(right) }, function()
          local _ = client[wrong]
        end)
      end
      raises("5", function() local _ = client[5] end)
    end)

    it("an unknown verb", function()
      raises({ "lists", '"creat"', 'did you mean "create"?' }, function() client.lists:creat { name = "x" } end)
      raises({ "metrics", '"create"', "list" }, function() client.metrics:create { name = "x" } end)
      raises({ "events", '"delete"' }, function() client.events:delete("x") end)
      raises({ "events", '"update"' }, function() client.events:update("x", {}) end)
    end)

    it("an unknown relation, or a verb that it does not have", function()
      raises({ "lists", '"profile"', 'did you mean "profiles"?' }, function()
        local _ = client.lists:at("x").profile
      end)
      raises({ '"replace"', "add", "remove" }, function() client.lists:at("x").profiles:replace { "y" } end)
      raises({ '"ad"', 'did you mean "add"?' }, function() client.lists:at("x").profiles:ad { "y" } end)
    end)

    it("an unknown attribute", function()
      raises({ "create_profile", '"emial"', 'did you mean "email"?' }, function()
        client.profiles:create { emial = "a@example.com" }
      end)
      raises({ "update_profile", '"frist_name"', 'did you mean "first_name"?' }, function()
        client.profiles:update("x", { frist_name = "A" })
      end)
      raises({ "create_webhook", '"webhook_topic"', 'did you mean "webhook_topics"?' }, function()
        client.webhooks:create { name = "x", endpoint_url = "https://example.com", secret_key = "s",
          webhook_topic = { "y" } }
      end)
    end)

    it("missing arguments", function()
      raises({ "get_profile", "id" }, function() client.profiles:get() end)
      raises({ "delete_list", "id" }, function() client.lists:delete() end)
      raises({ "create_list", "name" }, function() client.lists:create {} end)
      raises("create_list", function() client.lists:create() end)
      raises("update_profile takes an id and a table, not a table and nil", function()
        client.profiles:update { first_name = "A" }
      end)
      raises("create_profile takes a table, not nil", function() client.profiles:create(nil) end)
      raises("create_or_update_profile takes a table, not nil", function() client.profiles:upsert(nil) end)
      raises("create_profile", function() client.profiles:create("x") end)
      raises("create_profile", function() client.profiles:create(5) end)
      raises("update_list", function() client.lists:update("x") end)
      raises("update_list", function() client.lists:update(nil, { name = "x" }) end)
      raises("add_profiles_to_list", function() client.lists:at("x").profiles:add(true) end)
    end)

    it("missing ids", function()
      raises("add_profiles_to_list", function() client.lists:at("x").profiles:add() end)
      raises("add_profiles_to_list", function() client.lists:at("x").profiles:add(nil, {}) end)
      raises("remove_profiles_from_list", function() client.lists:at("x").profiles:remove() end)
    end)

    it("an id passed twice", function()
      raises('conflicting values for id ("x" and "y")', function() client.profiles:get("x", { id = "y" }) end)
      raises('conflicting values for id ("x" and "y")', function()
        client.lists:at("x").profiles:list { id = "y" }
      end)
      raises('update_profile: conflicting values for id ("x" and "y")', function()
        client.profiles:update("x", { id = "y" })
      end)
    end)

    it("parameters that are not a table", function()
      raises("table", function() client.lists:list("x") end)
      raises("table", function() client.profiles:get("x", "y") end)
      raises("table", function() client.lists:each(5) end)
      raises("table", function() client.lists:at("x").profiles:ids("y") end)
    end)

    it("a verb called with a dot", function()
      raises("colon", function() client.lists.list() end)
      raises("colon", function() client.lists.get("x") end)
      raises("colon", function() client.lists:at("x").profiles.add({ "y" }) end)
    end)
  end)

  it("has a text form", function()
    assert.equal("klaviyo profiles", tostring(client.profiles))
    assert.matches("lists.*profiles", tostring(client.lists:at("x").profiles))
    assert.is_nil(tostring(client.lists:at("x").profiles):find(key, 1, true))
  end)

  it("is the same object on each access", function()
    assert.equal(client.profiles, client.profiles)
    assert.are_not.equal(client.profiles, fixture:new_client().profiles)
  end)

  it("uses the settings of its client", function()
    local gateway = client:with { base_url = fixture.server.base_url .. "/klaviyo", auth_scheme = "Bearer" }
    assert(gateway.lists:list())
    assert_request("GET", "/klaviyo/api/lists")
    assert(client.lists:list())
    assert_request("GET", "/api/lists")
  end)
end)

describe("the public calls", function()
  local function check_public(all_settings)
    raw.with({ answers = { { status = 202 } } }, function(server)
      local body = '{"data":{"type":"event","attributes":{}}}'
      for _, more in ipairs(all_settings) do
        more.company_id = "AbC123"
        local client = connect(server.url, more)
        assert(client.public.events:create { body = body })
        assert(client:call("create_client_event", { body = body }))
        local requests = server:requests()
        for i = #requests - 1, #requests do
          assert.equal("/client/events?company_id=AbC123", requests[i].target)
          assert.equal("2024-10-15", requests[i].headers.revision)
          assert.is_true(requests[i].headers.authorization == nil, "an Authorization was sent")
          assert.equal(body, requests[i].body)
        end
      end
    end)
  end

  it("send a company's id and the revision, but never a key", function()
    check_public { {}, { access_token = "tok-0123456789" } }
  end)

  it("send no Authorization, not even one from the headers setting", function()
    check_public {
      { api_key = key, headers = { Authorization = "Klaviyo-API-Key " .. key } },
      { api_key = key, headers = { authorization = "Bearer " .. key } },
    }
  end)

  it("require a company's id, which may be passed with the call", function()
    local client = klaviyo.new { api_key = key }
    raises("company_id", function() client:build("create_client_event", { body = "{}" }) end)
    assert.equal("https://a.klaviyo.com/client/events?company_id=XyZ",
      client:build("create_client_event", { body = "{}", company_id = "XyZ" }).url)
    raises("company_id", function() client:build("get_profiles", { company_id = "XyZ" }) end)
    raises({ '"event"', 'did you mean "events"?' }, function() local _ = client.public.event end)
  end)
end)
