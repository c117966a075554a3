-- Documents: the decoded response, a plain table with methods in its metatable.
local cjson = require "cjson"
local connect = require "spec.support.connect"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local tables = require "klaviyo.util.tables"

-- Passes the document of a call that gets this response to a function.
local function answered(answer, check)
  raw.with({ answers = { answer } }, function(server)
    local client = connect(server.url)
    check(assert(client:call("get_events")))
  end)
end

describe("a document", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 30 })

  it("is the API's document as a plain table", function()
    local doc = assert(fixture.client:call("get_profiles", { page = { size = 5 } }))
    assert.same({ "data", "links" }, tables.sorted(doc))
    assert.equal(5, #doc.data)
    assert.equal("profile-0000001@example.com", doc.data[1].attributes.email)
    assert.same(cjson.decode(doc.response.body).links, doc.links)
    assert.same(cjson.decode(doc.response.body).data[1].id, doc.data[1].id)
  end)

  it("distinguishes null and absent", function()
    local doc = assert(fixture.client:call("get_profile", { id = fixture.client.profiles:first().id }))
    assert.equal(klaviyo.null, doc.data.attributes.organization)
    assert.is_nil(doc.data.attributes.no_such_attribute)
  end)

  it("can be encoded as JSON again", function()
    local doc = assert(fixture.client:call("get_lists"))
    assert.truthy(doc.response)
    local text = json.encode(doc)
    assert.is_nil(text:find("response", 1, true))
    assert.equal(#doc.data, #cjson.decode(text).data)
    assert.same({ "data", "links" }, tables.sorted(cjson.decode(text)))
  end)

  it("resolves an identifier in its included resources", function()
    assert(fixture.client.events:create { metric = "Bought", profile = { email = "r@example.com" }, properties = {} })
    local doc = assert(fixture.client:call("get_events", { include = { "metric", "profile" } }))
    local event = doc.data[1]
    assert.equal("Bought", doc:resolve(event.relationships.metric.data).attributes.name)
    assert.equal("r@example.com", doc:resolve(event.relationships.profile.data).attributes.email)
    assert.is_nil(doc:resolve { type = "metric", id = "none" })
    assert.is_nil(doc:resolve { type = "list", id = event.relationships.metric.data.id })
    for _, nothing in ipairs { {}, "x", 5, klaviyo.null } do
      assert.is_nil(doc:resolve(nothing))
    end
    assert.is_nil(doc:resolve(nil))
    doc = assert(fixture.client:call("get_events"))
    assert.is_nil(doc.included)
    assert.is_nil(doc:resolve(event.relationships.metric.data))
  end)

  it("is empty if the body is empty", function()
    local list = assert(fixture.client.lists:create { name = "empty" }).data.id
    local doc = assert(fixture.client:call("delete_list", { id = list }))
    assert.equal(204, doc.response.status)
    assert.equal("", doc.response.body)
    assert.is_nil(next(doc))
    assert.is_nil(doc.data)
    assert.is_nil(doc:resolve { type = "list", id = list })
    doc = assert(fixture.client.events:create { metric = "M", profile = { email = "r@example.com" }, properties = {} })
    assert.equal(202, doc.response.status)
    assert.is_nil(next(doc))
  end)
end)

describe("a member that the library does not know", function()
  it("is kept", function()
    answered({ body = [[{"data":[{"type":"event","id":"1","attributes":{"new":[1,{"a":null}]},"extra":true}],
      "meta":{"x":1},"jsonapi":{"version":"1.0"},"unheard_of":"of"}]] }, function(doc)
      assert.same({ "data", "jsonapi", "meta", "unheard_of" }, tables.sorted(doc))
      assert.equal("of", doc.unheard_of)
      assert.is_true(doc.data[1].extra)
      assert.equal(klaviyo.null, doc.data[1].attributes.new[2].a)
    end)
  end)

  it("can have the name of a method of documents", function()
    answered({ body = '{"data":[],"response":{"status":1},"resolve":2}' }, function(doc)
      assert.equal(1, doc.response.status)
      assert.equal(2, doc.resolve)
    end)
  end)

  it("can be included twice, and need not be a resource", function()
    answered({ body = '{"data":[],"included":[{"type":"a","id":"1","n":1},{"type":"a","id":"2"},'
      .. '{"type":"b","id":"1","n":2},null,5,"x",{},[]]}' }, function(doc)
      assert.equal(1, doc:resolve({ type = "a", id = "1" }).n)
      assert.equal(2, doc:resolve({ type = "b", id = "1" }).n)
      assert.is_nil(doc:resolve { type = "a\0", id = "1" })
    end)
    for _, included in ipairs { "null", "5", '"x"', "{}", "true" } do
      answered({ body = '{"data":[],"included":' .. included .. "}" }, function(doc)
        assert.is_nil(doc:resolve { type = "a", id = "1" })
      end)
    end
  end)
end)

describe("a response", function()
  it("has status, headers in lower case, body, protocol, time and attempts", function()
    answered({ status = 207, headers = { ["X-Some-Thing"] = "Yes: it is", ["ETAG"] = '"x"' },
      body = '{"data":[] }' }, function(doc)
      local response = doc.response
      assert.equal(207, response.status)
      assert.equal("Yes: it is", response.headers["x-some-thing"])
      assert.equal('"x"', response.headers.etag)
      assert.is_nil(response.headers.ETAG)
      assert.equal('{"data":[] }', response.body)
      assert.equal("1.1", response.http_version)
      assert.is_true(response.elapsed > 0 and response.elapsed < 5)
      assert.equal(1, #response.attempts)
      assert.equal(207, response.attempts[1].status)
      assert.equal(response.elapsed, response.attempts[1].elapsed)
      assert.is_nil(response.rate_limit)
      assert.is_nil(response.retry_after)
      assert.is_nil(response.no_such_member)
    end)
  end)

  it("is the same table at each access", function()
    answered({ body = "{}", headers = { ["RateLimit-Limit"] = "3" } }, function(doc)
      assert.equal(doc.response, doc.response)
      assert.equal(doc.response.headers, doc.response.headers)
      assert.equal(doc.response.attempts, doc.response.attempts)
    end)
  end)

  it("joins the values of a field that occurs twice", function()
    answered({ raw = "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\n{}" }, function(doc)
      assert.equal("1, 2", doc.response.headers["x-a"])
    end)
  end)

  it("returns the rate limits", function()
    answered({ body = "{}", headers = { ["RateLimit-Limit"] = "75, 75;w=1, 750;w=60",
      ["RateLimit-Remaining"] = "74", ["RateLimit-Reset"] = "1" } }, function(doc)
      assert.same({ limit = 75, remaining = 74, reset = 1,
        windows = { { limit = 75, seconds = 1 }, { limit = 750, seconds = 60 } } }, doc.response.rate_limit)
    end)
  end)

  it("returns when to retry, from seconds or from a date", function()
    answered({ body = "{}", headers = { ["Retry-After"] = "17" } }, function(doc)
      assert.equal(17, doc.response.retry_after)
    end)
    answered({ body = "{}", headers = { ["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 60) } },
      function(doc)
        assert.is_true(doc.response.retry_after >= 55 and doc.response.retry_after <= 61)
      end)
    for _, nonsense in ipairs { "soon", "", "-5" } do
      answered({ body = "{}", headers = { ["Retry-After"] = nonsense } }, function(doc)
        assert.is_nil(doc.response.retry_after)
      end)
    end
  end)

  it("has the same bytes before and after they were compressed", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      assert(connect(server.url):call("get_lists"))
      assert.matches("gzip", server:requests()[1].headers["accept-encoding"])
    end)
  end)

  it("that is compressed is decompressed", function()
    local pipe = io.popen([[printf '{"data":[],"meta":{"packed":true}}' | gzip -n]])
    local packed = pipe:read("*a")
    pipe:close()
    answered({ body = packed, headers = { ["Content-Encoding"] = "gzip" } }, function(doc)
      assert.is_true(doc.meta.packed)
      assert.equal('{"data":[],"meta":{"packed":true}}', doc.response.body)
    end)
  end)
end)
