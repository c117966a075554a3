-- From a call's arguments to the request: checked through `build`, which sends
-- nothing, and through a sandbox, which records what arrives.
local cjson = require "cjson"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"

local client = klaviyo.new { api_key = key }
local f = klaviyo.filter

local BASE = "https://a.klaviyo.com"

-- The path and query that a call would request.
local function target(operation, args)
  local url = client:build(operation, args).url
  assert.equal(BASE, url:sub(1, #BASE))
  return url:sub(#BASE + 1)
end

-- The query only, as a list of name=value, unescaped.
local function query(operation, args)
  local list = {}
  for pair in (target(operation, args):match("%?(.*)$") or ""):gmatch("[^&]+") do
    list[#list + 1] = pair:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return list
end

describe("a path parameter", function()
  it("is passed as id, by the path's own name, or by the resource's", function()
    for _, case in ipairs {
      { "get_profile", "/api/profiles/X", { "id", "profile_id" } },
      { "get_list", "/api/lists/X", { "id", "list_id" } },
      { "get_catalog_item", "/api/catalog-items/X", { "id", "catalog_item_id" } },
      { "get_catalog_category", "/api/catalog-categories/X", { "id", "catalog_category_id" } },
      { "get_campaign_message", "/api/campaign-messages/X", { "id", "campaign_message_id" } },
      { "get_list_profiles", "/api/lists/X/profiles", { "id", "list_id" } },
      { "get_profile_ids_for_list", "/api/lists/X/relationships/profiles", { "id", "list_id" } },
      { "get_bulk_import_profiles_job", "/api/profile-bulk-import-jobs/X", { "id", "job_id" } },
    } do
      for _, name in ipairs(case[3]) do
        assert.equal(case[2], target(case[1], { [name] = "X" }))
      end
    end
  end)

  it("is percent-encoded strictly", function()
    for id, written in pairs {
      ["a/b+c=="] = "a%2Fb%2Bc%3D%3D",
      ["$custom:::$default:::X"] = "%24custom%3A%3A%3A%24default%3A%3A%3AX",
      ["a b?c#d&e;f"] = "a%20b%3Fc%23d%26e%3Bf",
      ["é"] = "%C3%A9",
      ["%2F"] = "%252F",
      ["..."] = "...",
      ["../x"] = "..%2Fx",
      ["a\0b\r\n"] = "a%00b%0D%0A",
      ["AZaz09-._~"] = "AZaz09-._~",
    } do
      assert.equal("/api/profiles/" .. written, target("get_profile", { id = id }))
    end
  end)

  it("can be an integer", function()
    assert.equal("/api/images/123456789", target("get_image", { id = 123456789 }))
    assert.equal("/api/images/9007199254740991", target("get_image", { id = 2 ^ 53 - 1 }))
  end)

  it("that would be another path, or is not an id, raises an error", function()
    for _, id in ipairs { "", ".", "..", 1.5, true, {}, klaviyo.null, 1 / 0 } do
      raises("id", function()
        client:build("get_profile", { id = id })
      end)
    end
    raises("id", function() client:build("get_profile", { id = 0 / 0 }) end)
  end)

  it("that is missing raises an error", function()
    raises({ "get_profile", "id" }, function() client:build("get_profile") end)
    raises({ "get_profile", "id" }, function() client:build("get_profile", {}) end)
    raises({ "get_profiles_for_list", "id" }, function() client:call("get_list_profiles", { page = { size = 5 } }) end)
    raises({ "get_bulk_import_profiles_job", "job_id" }, function()
      client:call("get_bulk_import_profiles_job", {})
    end)
  end)

  it("passed twice with different values raises an error", function()
    raises('get_profile: conflicting values for id ("a") and profile_id ("b")', function()
      client:build("get_profile", { id = "a", profile_id = "b" })
    end)
    assert.equal("/api/profiles/a", target("get_profile", { id = "a", profile_id = "a" }))
  end)
end)

describe("a filter", function()
  local text = 'equals(email,"a b@example.com")'
  local written = "/api/profiles?filter=equals%28email%2C%22a%20b%40example.com%22%29"

  it("can be raw text, which is sent unchanged", function()
    assert.equal(written, target("get_profiles", { filter = text }))
    assert.same({ "filter=any(email,[\"a\",\"b\"]),greater-than(created,2024-10-15T00:00:00Z)" },
      query("get_profiles", { filter = 'any(email,["a","b"]),greater-than(created,2024-10-15T00:00:00Z)' }))
  end)

  it("can be built", function()
    assert.equal(written, target("get_profiles", { filter = f.equals("email", "a b@example.com") }))
    assert.same({ "filter=any(email,[\"a\",\"b\"]),greater-than(created,2024-10-15T00:00:00Z)" },
      query("get_profiles", { filter = f.all(f.any("email", { "a", "b" }),
        f.greater_than("created", klaviyo.datetime "2024-10-15T00:00:00Z")) }))
  end)

  it("must be text or built", function()
    for _, bad in ipairs { 5, true, {}, { "equals(email,\"a\")" } } do
      raises("filter", function() client:build("get_profiles", { filter = bad }) end)
    end
  end)

  it("raises an error if the operation has none", function()
    raises({ "get_profile", "filter" }, function() client:build("get_profile", { id = "X", filter = text }) end)
  end)

  it("raises an error if it is required and missing", function()
    raises({ "get_campaigns", "filter" }, function() client:build("get_campaigns") end)
    raises({ "get_campaigns", "filter" }, function() client.campaigns:list { sort = "name" } end)
  end)
end)

describe("a filter's field that the operation does not know", function()
  it("raises an error with the known ones, however it is spelled", function()
    raises({ 'unknown filter field of get_events "Email Domain"', "metric_id", "profile_id" }, function()
      client:build("get_events", { filter = f.equals("Email Domain", "example.com") })
    end)
    raises('unknown filter field of get_events "Email Domain"', function()
      client:build("get_events", { filter = 'equals(Email Domain,"example.com")' })
    end)
    assert.truthy(client:build("get_events", { filter = f.equals("Email Domain", "x") }, { validate = false }))
  end)

  it("can be a value of a report, whose document has it as text", function()
    local document = client:document("query_metric_aggregates", {
      metric_id = "x", measurements = { "count" }, filter = {
        f.greater_or_equal("datetime", 1728950400), f.equals("Email Domain", "example.com"),
      },
    })
    local body = client:build("query_metric_aggregates", { body = document }).body
    assert.truthy(body:find([["equals(Email Domain,\"example.com\")"]], 1, true), body)
    assert.truthy(body:find([["greater-or-equal(datetime,2024-10-15T00:00:00Z)"]], 1, true), body)
  end)
end)

describe("fields", function()
  it("are passed by type, and commas are not escaped", function()
    assert.equal("/api/profiles?fields%5Bprofile%5D=email,first_name",
      target("get_profiles", { fields = { profile = { "email", "first_name" } } }))
    assert.equal("/api/profiles?fields%5Bprofile%5D=email",
      target("get_profiles", { fields = { profile = "email" } }))
    assert.same({ "fields[profile]=email,properties" },
      query("get_profiles", { fields = { profile = "email,properties" } }))
  end)

  it("of several types have a constant order", function()
    assert.same({ "fields[event]=datetime", "fields[metric]=name", "fields[profile]=email" },
      query("get_events", { fields = { profile = { "email" }, event = { "datetime" }, metric = { "name" } } }))
  end)

  it("accept underscores for the hyphens of types", function()
    local expected = { "fields[catalog-item]=title" }
    assert.same(expected, query("get_catalog_items", { fields = { catalog_item = { "title" } } }))
    assert.same(expected, query("get_catalog_items", { fields = { ["catalog-item"] = { "title" } } }))
  end)

  it("of a type that the response cannot have raise an error", function()
    raises({ "get_profiles", '"profiles"', 'did you mean "profile"?' }, function()
      client:build("get_profiles", { fields = { profiles = { "email" } } })
    end)
  end)

  it("are a table of lists", function()
    for _, bad in ipairs { "email", 5, { "email" }, { profile = {} }, { profile = { 1, { 2 } } },
      { profile = { "email", x = "y" } }, { profile = klaviyo.null }, { profile = function() end } } do
      raises("fields", function() client:build("get_profiles", { fields = bad }) end)
    end
  end)

  it("can be additional", function()
    assert.same({ "additional-fields[profile]=subscriptions,predictive_analytics" },
      query("get_profiles", { additional_fields = { profile = { "subscriptions", "predictive_analytics" } } }))
    raises({ "additional_fields", 'did you mean "profile"?' }, function()
      client:build("get_profiles", { additional_fields = { profil = { "subscriptions" } } })
    end)
    raises("additional_fields", function()
      client:build("get_profiles", { additional_fields = "subscriptions" })
    end)
  end)
end)

describe("include and sort", function()
  it("are a name or a list of them", function()
    assert.equal("/api/events?include=metric,profile&sort=-datetime",
      target("get_events", { include = { "metric", "profile" }, sort = "-datetime" }))
    assert.same({ "include=metric" }, query("get_events", { include = "metric" }))
  end)

  it("raise an error if the operation accepts none", function()
    raises({ "get_metric_property", "sort" }, function()
      client:build("get_metric_property", { id = "X", sort = "name" })
    end)
    raises("include", function() client:build("get_profiles", { include = { "list" } }) end)
  end)

  it("are not options, which are passed separately", function()
    for _, name in ipairs { "timeout", "revision", "on_attempt" } do
      raises({ name .. " is not an argument of get_profiles but a setting", "after the arguments" }, function()
        client:build("get_profiles", { [name] = 5 })
      end)
    end
  end)

  it("must not be empty", function()
    raises("include", function() client:build("get_events", { include = {} }) end)
    raises("sort", function() client:build("get_events", { sort = {} }) end)
    raises("include", function() client:build("get_events", { include = 5 == 6 and 1 or function() end }) end)
  end)
end)

describe("a page", function()
  it("has a size and a cursor", function()
    assert.equal("/api/profiles?page%5Bcursor%5D=a%2Fb%2Bc%3D%3D&page%5Bsize%5D=100",
      target("get_profiles", { page = { size = 100, cursor = "a/b+c==" } }))
  end)

  it("must not be larger than the operation allows", function()
    raises({ "get_profiles", "page.size", "100" }, function()
      client:build("get_profiles", { page = { size = 101 } })
    end)
    raises({ "page.size" }, function() client:build("get_profiles", { page = { size = "many" } }) end)
    raises({ "page.size" }, function() client:build("get_profiles", { page = { size = 0 } }) end)
  end)

  it("must have an integer size", function()
    raises("page.size", function() client:build("get_profiles", { page = { size = 1.5 } }) end)
  end)

  it("has no other parameters", function()
    raises("get_profiles does not take page[sise], but page.cursor and page.size", function()
      client:build("get_profiles", { page = { sise = 1 } })
    end)
    raises("get_lists does not take page[size], but page.cursor", function()
      client:build("get_lists", { page = { size = 1 } })
    end)
    raises({ "get_profiles", "offset" }, function() client:build("get_profiles", { page = { offset = 1 } }) end)
    raises("page", function() client:build("get_profiles", { page = 5 }) end)
    raises("page", function() client:build("get_profiles", { page = { 5 } }) end)
    raises({ "get_profile", "page" }, function() client:build("get_profile", { id = "X", page = { size = 5 } }) end)
  end)
end)

describe("a query", function()
  it("passes any parameter as it is, names and values escaped", function()
    assert.equal("/api/profiles?a%26b=c%3Dd&exact%5Bname%5D=x%20y%2Bz",
      target("get_profiles", { query = { ["exact[name]"] = "x y+z", ["a&b"] = "c=d" } }))
  end)

  it("accepts lists, and escapes the commas inside items", function()
    assert.equal("/api/profiles?list=a,b%2Cc,1,true",
      target("get_profiles", { query = { list = { "a", "b,c", 1, true } } }))
  end)

  it("accepts numbers and booleans", function()
    assert.same({ "big=9007199254740991", "flag=false", "half=0.5", "n=5" },
      query("get_profiles", { query = { n = 5, half = 0.5, flag = false, big = 2 ^ 53 - 1 } }))
  end)

  it("accepts a document with all required names", function()
    assert.same({ 'filter=equals(messages.channel,"email")' },
      query("get_campaigns", { query = { filter = 'equals(messages.channel,"email")' } }))
    assert.same({ "page[size]=1000" }, query("get_profiles", { query = { ["page[size]"] = 1000 } }))
  end)

  it("must be a table of names and values", function()
    for _, bad in ipairs { "a=b", 5, { "a=b" }, { a = {} }, { a = { { 1 } } }, { a = function() end } } do
      raises("query", function() client:build("get_profiles", { query = bad }) end)
    end
  end)
end)

-- A regression: such a parameter was twice in the URL.
describe("a parameter that is passed twice", function()
  local NAMES = {
    filter = { "equals(email,\"a\")", "equals(email,\"b\")" },
    sort = { "created", "-created" },
    page = { { size = 10 }, { size = 20 }, name = "page[size]", values = { 10, 20 } },
    fields = { { profile = { "email", "created" } }, { profile = { "email" } }, name = "fields[profile]",
      values = { "email,created", "email" } },
    additional_fields = { { profile = { "subscriptions" } }, { profile = { "predictive_analytics" } },
      name = "additional-fields[profile]", values = { "subscriptions", "predictive_analytics" } },
  }

  local function count(text, word)
    return select(2, text:gsub((word:gsub("%p", "%%%0")), ""))
  end

  it("is sent once if the values are equal", function()
    for argument, two in pairs(NAMES) do
      local name, values = two.name or argument, two.values or two
      local url = target("get_profiles", { [argument] = two[1] })
      assert.equal(url, target("get_profiles", { [argument] = two[1], query = { [name] = values[1] } }))
      assert.equal(1, count(url, "="), url)
    end
    assert.equal("/client/events?company_id=A",
      target("create_client_event", { company_id = "A", query = { company_id = "A" }, body = "{}" }))
  end)

  it("raises an error if the values differ", function()
    for argument, two in pairs(NAMES) do
      local name, values = two.name or argument, two.values or two
      raises("conflicting values for the parameter " .. name, function()
        client:build("get_profiles", { [argument] = two[1], query = { [name] = values[2] } })
      end)
    end
    raises('conflicting values for the parameter sort ("created" and "-created")', function()
      client:build("get_profiles", { sort = "created", query = { sort = "-created" } })
    end)
    raises("conflicting values for the parameter company_id", function()
      client:build("create_client_event", { company_id = "A", query = { company_id = "B" }, body = "{}" })
    end)
  end)

  it("has the value of query if the other is a default", function()
    local public = client:with { company_id = "A" }
    local request = public:build("create_client_event", { query = { company_id = "B" }, body = "{}" })
    assert.equal(BASE .. "/client/events?company_id=B", request.url)
    request = public:build("create_client_event", { body = "{}" })
    assert.equal(BASE .. "/client/events?company_id=A", request.url)
  end)

  it("counts in a link and in query, too", function()
    local link = "https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=a%20b&sort=created"
    local function made(parameters)
      return require("klaviyo.request.raw").of({ path = link, query = parameters }, { base_url = BASE }).url
    end
    assert.equal(link, made { ["page[cursor]"] = "a b", sort = "created" })
    assert.equal(link .. "&include=lists", made { include = "lists" })
    raises({ "page[cursor]", '"a b"', '"c"' }, function()
      client:request { path = link, query = { ["page[cursor]"] = "c" } }
    end)
  end)

  it("counts for a header field in two spellings, too", function()
    raises("conflicting values for the header field", function()
      client:build("get_profiles", { headers = { Accept = "a", accept = "b" } })
    end)
    assert.truthy(client:build("get_profiles", { headers = { Accept = "a", accept = "a" } }))
  end)
end)

describe("a body", function()
  it("that is a string is sent unchanged", function()
    for _, body in ipairs { '{"data": null}', " {}\n", "é\0\255", "" } do
      local request = client:build("create_profile", { body = body })
      assert.equal(body, request.body)
      assert.equal("application/vnd.api+json", request.headers["Content-Type"])
    end
  end)

  it("that is a table is sent as JSON", function()
    local document = { data = { type = "profile", attributes = {
      email = "a@example.com", last_name = klaviyo.null,
      properties = { list = klaviyo.array {}, object = {}, big = 2 ^ 53 - 1, half = 0.1 },
    } } }
    local body = client:build("create_profile", { body = document }).body
    assert.same(document.data.attributes.email, cjson.decode(body).data.attributes.email)
    for _, text in ipairs { '"last_name":null', '"list":[]', '"object":{}', '"big":9007199254740991', '"half":0.1' } do
      assert.truthy(body:find(text, 1, true), text)
    end
  end)

  it("that JSON cannot represent raises an error", function()
    local loop = {}
    loop.loop = loop
    for _, bad in ipairs { loop, { f = function() end }, { n = 0 / 0 }, { [1] = 1, x = 2 } } do
      assert.truthy(raises("", function()
        client:build("create_profile", { body = { data = bad } })
      end))
    end
  end)

  it("is required, and must be a table or a string", function()
    raises({ "create_profile", "body" }, function() client:build("create_profile") end)
    raises("body", function() client:build("create_profile", { body = 5 }) end)
    raises("body", function() client:build("create_profile", { body = true }) end)
  end)
end)

describe("arguments", function()
  it("must be a table", function()
    raises("table", function() client:build("get_profiles", "x") end)
    raises("table", function() client:call("get_profile", "01ABC") end)
  end)

  it("of an iterator must be a table", function()
    for _, name in ipairs { "each", "pages", "ids" } do
      raises("table", function() client[name](client, "get_profiles", 5) end)
      raises("page", function() client[name](client, "get_profiles", { page = 5 }) end)
      raises("page", function() client[name](client, "get_profiles", { page = "x" }) end)
    end
  end)

  it("that do not exist raise an error with the nearest name", function()
    for wrong, right in pairs { filters = "filter", field = "fields", includes = "include", pages = "page",
      querry = "query", ["additional-fields"] = "additional_fields" } do
      raises({ ('"%s"'):format(wrong), ('did you mean "%s"?'):format(right) }, function()
        client:build("get_profiles", { [wrong] = "x" })
      end)
    end
    raises({ '"profil_id"', 'did you mean "profile_id"?' }, function()
      client:build("get_profile", { profil_id = "x" })
    end)
    raises('"1"', function() client:build("get_profiles", { "x" }) end)
  end)

  it("that are attributes raise an error that says where attributes go", function()
    raises({ '"email"', "create_profile", "body" }, function()
      client:build("create_profile", { email = "a@example.com" })
    end)
  end)

  it("are not changed", function()
    local args = { id = "X", fields = { profile = { "email" } }, query = { a = { "b" } } }
    assert.equal(target("get_profile", args), target("get_profile", args))
    assert.same({ id = "X", fields = { profile = { "email" } }, query = { a = { "b" } } }, args)
    args = { limit = 5, filter = 'equals(email,"x")' }
    client:each("get_profiles", args)
    assert.same({ limit = 5, filter = 'equals(email,"x")' }, args)
    local t = { metric = "M", profile = { email = "a@example.com" }, properties = {} }
    client:document("create_event", t)
    assert.same({ metric = "M", profile = { email = "a@example.com" }, properties = {} }, t)
  end)

  -- a program that sends the same table again must not send the same unique_id:
  -- the service would take it for the same event
  it("that are an event's document are not changed", function()
    local document = client:document("create_event",
      { metric = "M", profile = { email = "a@example.com" }, properties = {} })
    document.data.attributes.unique_id = nil
    local first = client:build("create_event", { body = document }).body
    assert.is_nil(document.data.attributes.unique_id)
    document.data.attributes.properties = { n = 2 }
    local second = client:build("create_event", { body = document }).body
    assert.are_not.equal(cjson.decode(first).data.attributes.unique_id,
      cjson.decode(second).data.attributes.unique_id)
  end)
end)

describe("an operation", function()
  it("is found by its id and by its aliases", function()
    assert.equal("/api/lists/X/relationships/profiles", target("add_profiles_to_list", { id = "X", body = "{}" }))
    assert.equal("/api/lists/X/relationships/profiles",
      target("create_list_relationships", { id = "X", body = "{}" }))
  end)

  it("that does not exist raises an error with the nearest name", function()
    for wrong, right in pairs { get_profle = "get_profile", ["get-profiles"] = "get_profiles",
      GetProfiles = "get_profiles", create_webhok = "create_webhook" } do
      raises({ ('unknown operation "%s"'):format(wrong), ('did you mean "%s"?'):format(right) }, function()
        client:call(wrong)
      end)
      raises({ 'unknown operation', right }, function() client:build(wrong) end)
      raises({ 'unknown operation', right }, function() client:each(wrong) end)
      raises({ 'unknown operation', right }, function() client:pages(wrong) end)
    end
    for _, bad in ipairs { 5, true, {} } do
      raises("unknown operation", function() client:call(bad) end)
    end
    raises("unknown operation", function() client:call() end)
    raises("unknown operation", function() klaviyo.document("nothing_like_it", {}) end)
  end)
end)

describe("client:request", function()
  local fixture = sandbox.here(setup, teardown)

  local function sent(args, options)
    assert(fixture.client:request(args, options))
    return fixture:latest()
  end

  it("accepts a method, a path, a query, a body and headers", function()
    local request = sent { path = "/api/lists" }
    assert.equal("GET", request.method)
    assert.equal("/api/lists", request.uri)
    request = sent { path = "/api/lists", query = { ["fields[list]"] = { "name", "created" } } }
    assert.equal("/api/lists?fields%5Blist%5D=name,created", request.uri)
    request = sent { method = "POST", path = "/api/lists",
      body = '{"data":{"type":"list","attributes":{"name":"raw"}}}', headers = { ["X-Mine"] = "1" } }
    assert.equal("POST", request.method)
    assert.equal('{"data":{"type":"list","attributes":{"name":"raw"}}}', request.body)
    assert.equal("1", request.headers["x-mine"])
    assert.equal("application/vnd.api+json", request.headers["content-type"])
    assert.equal("2024-10-15", request.headers.revision)
    assert.equal("Klaviyo-API-Key", request.headers.authorization)
  end)

  it("accepts a body that is a table", function()
    local request = sent { method = "POST", path = "/api/lists",
      body = { data = { type = "list", attributes = { name = "table" } } } }
    assert.same({ data = { type = "list", attributes = { name = "table" } } }, cjson.decode(request.body))
  end)

  it("sends headers with this one request only", function()
    assert.equal("1", sent({ path = "/api/lists", headers = { ["X-Mine"] = "1" } }).headers["x-mine"])
    assert.is_nil(sent({ path = "/api/lists" }).headers["x-mine"])
    assert.equal("application/json",
      sent({ path = "/api/lists", headers = { accept = "application/json" } }).headers.accept)
  end)

  it("returns errors as a call does", function()
    local doc, err = fixture.client:request { path = "/api/profiles/none" }
    assert.is_nil(doc)
    assert.equal("api", err.kind)
    assert.equal(404, err.status)
    assert.is_nil(err.operation)
    assert.matches("^klaviyo: 404 not_found: ", tostring(err))
  end)

  it("follows a link of a document, from the base URL", function()
    fixture.client:call("create_list", { body = '{"data":{"type":"list","attributes":{"name":"one more"}}}' })
    local first = assert(fixture.client:request { path = "/api/metrics", query = { ["fields[metric]"] = "name" } })
    local link = first.links.self
    assert.matches("^https://a%.klaviyo%.com/api/metrics", link)
    assert.equal("/api/metrics?fields%5Bmetric%5D=name",
      ((sent { path = link }).uri:gsub("%[", "%%5B"):gsub("%]", "%%5D")))
    local gateway = fixture:new_client { base_url = fixture.server.base_url .. "/klaviyo", auth_scheme = "Bearer" }
    assert(gateway:request { path = BASE .. "/api/lists" })
    assert.equal("/klaviyo/api/lists", fixture:latest().uri)
    gateway:request { path = BASE .. "/api/lists?a=b", query = { c = "d" } }
    assert.equal("/klaviyo/api/lists?a=b&c=d", fixture:latest().uri)
  end)

  it("keeps a slash at the end of a path", function()
    for _, path in ipairs { "/", "/api/lists/" } do
      fixture.client:request { path = path }
      assert.equal(path, fixture:latest().uri)
    end
    for _, path in ipairs { "//", "/api//", "/api/../", "/.", "/api/.." } do
      raises("path", function() fixture.client:request { path = path } end)
    end
  end)

  it("sends the key to no other host", function()
    for _, path in ipairs { "https://evil.example/api/lists", "http://a.klaviyo.com.evil.example/api/lists",
      "https://a.klaviyo.com@evil.example/api/lists", "https://a.klaviyo.com/elsewhere", "\\\\evil.example/api",
      "@evil.example/api", ".evil.example/api", "api/lists", "", "/api/../client", "/api/./x",
      "/api/lists?a=b", "/api/lists#a",
      "/api/a b", "/api\r\nX: y", "/api/\0", "file:///etc/passwd", 5 } do
      raises("path", function()
        fixture.client:request { path = path }
      end)
    end
    raises("path", function() fixture.client:request {} end)
  end)

  it("does not send the key in public calls", function()
    local request
    fixture.client:request { method = "POST", path = "/client/events", query = { company_id = "SandBx" }, body = "{}" }
    request = fixture:latest()
    assert.equal("/client/events?company_id=SandBx", request.uri)
    assert.is_nil(request.headers.authorization)
    assert.equal("2024-10-15", request.headers.revision)
  end)

  it("raises an error for unknown arguments", function()
    raises({ '"methd"', 'did you mean "method"?' }, function()
      fixture.client:request { methd = "GET", path = "/api/lists" }
    end)
    raises({ '"FETCH"', "PATCH" }, function() fixture.client:request { method = "FETCH", path = "/api/lists" } end)
    raises("method", function() fixture.client:request { method = "get\r\nX: y", path = "/api/lists" } end)
    raises("method", function() fixture.client:request { method = 5, path = "/api/lists" } end)
    raises("table", function() fixture.client:request("/api/lists") end)
    raises("table", function() fixture.client:request() end)
    raises("query", function() fixture.client:request { path = "/api/lists", query = "a=b" } end)
    raises("headers", function() fixture.client:request { path = "/api/lists", headers = "a: b" } end)
    raises("body", function() fixture.client:request { method = "POST", path = "/api/lists", body = 5 } end)
  end)
end)

describe("a request that is only built", function()
  local fixture = sandbox.here(setup, teardown)

  it("is the request that would be sent, and is not sent", function()
    local args = { fields = { list = { "name" } }, body = '{"data":{"type":"list","attributes":{"name":"x"}}}' }
    args.fields = nil
    local built = fixture.client:build("create_list", args)
    assert.equal(0, fixture.server:stats().requests)
    assert(fixture.client:call("create_list", args))
    local request = fixture:latest()
    assert.equal(built.method, request.method)
    assert.equal(built.url, fixture.server.base_url .. request.uri)
    assert.equal(built.body, request.body)
    for name, value in pairs(built.headers) do
      if name ~= "Authorization" then
        assert.equal(value, request.headers[name:lower()])
      end
    end
    assert.equal("Klaviyo-API-Key " .. key, built.headers.Authorization)
    assert.is_nil(fixture.client:build("get_lists").body)
    assert.is_nil(fixture.client:build("get_lists").headers["Content-Type"])
  end)
end)
