-- Iterators with `raw`, which return resources as text, and with `only`, which
-- decode the members that were asked for.
local connect = require "spec.support.connect"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local tables = require "klaviyo.util.tables"

local RESOURCES = {
  [=[{ "type":"profile","id":"1","attributes":{"n":1.50e+3,"big":820982911946154508,"e":"\u00e9\/","n":null}}]=],
  [=[{"attributes":{"list":[{"id":"x"},[]]},"id":"2","links":{"next":"no"},"type":"profile"}]=],
  "{\"id\" : \"3\",\n\"type\"\t:\"profile\" }",
}

local function page_of(resources, next_link)
  return ('{"data": [ %s ],"links":{"self":"x","next":%s},"meta":{"a":{"b":1}}}'):format(
    table.concat(resources, " ,\n"), next_link or "null")
end

local function link_to(cursor)
  return ('"https://a.klaviyo.com/api/profiles?page%%5Bcursor%%5D=%s"'):format(cursor)
end

-- Calls fn with a client of a server with these bodies as responses, in order.
local function with_bodies(bodies, fn)
  local answers = {}
  for i, body in ipairs(bodies) do
    answers[i] = type(body) == "table" and body or {body = body}
  end
  raw.with({answers = answers}, function(server)
    fn(connect(server.url), server)
  end)
end

describe("raw resources", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 250})

  it("are returned byte for byte, with id, type and page", function()
    with_bodies({page_of(RESOURCES)}, function(client)
      local n = 0
      for text, id, type, page in client.profiles:each {raw = true} do
        n = n + 1
        assert.equal(RESOURCES[n], text)
        assert.equal(tostring(n), id)
        assert.equal("profile", type)
        assert.equal(200, page.response.status)
        assert.same({a = {b = 1}}, page.meta)
        assert.is_nil(page.data)
      end
      assert.equal(3, n)
    end)
  end)

  it("decoded again are the resources of a usual loop", function()
    local it, count = fixture.client.profiles:each {raw = true}, 0
    for profile in fixture.client.profiles:each() do
      local text, id, type = it:next()
      local again = assert(klaviyo.json.decode(text))
      assert.same(again, profile)
      assert.same({profile.id, profile.type}, {id, type})
      count = count + 1
    end
    assert.equal(250, count)
    assert.equal(250, it.count)
    assert.is_nil((it:next()))
    assert.is_true(it.done)
  end)

  it("have the limit, the cursor and the requests of a usual loop", function()
    local before = fixture.server:stats().requests
    local it = fixture.client.profiles:each {raw = true, limit = 150}
    for _ in it do end
    assert.equal(150, it.count)
    assert.equal(2, fixture.server:stats().requests - before)
    local rest = fixture.client.profiles:each {raw = true, page = {cursor = it:cursor()}}
    local _, first = rest:next()
    local other = fixture.client.profiles:each {page = {cursor = it:cursor()}}
    assert.equal(other:next().id, first)
    rest:close()
    other:close()
  end)

  it("are members of pages: data, included, and resolve", function()
    local included = [[{"type":"list","id":"L" ,"attributes":{"name":"\u0041"}}]]
    local body = page_of(RESOURCES):gsub("}$", function() return ',"included":[' .. included .. "]}" end)
    with_bodies({body}, function(client)
      for page in client.profiles:pages {raw = true} do
        assert.equal(3, #page.data)
        assert.same({id = "2", type = "profile", text = RESOURCES[2]}, page.data[2])
        assert.same({id = "L", type = "list", text = included}, page.included[1])
        assert.is_nil(getmetatable(page.data[1]))
        assert.equal(included, page:resolve({id = "L", type = "list"}).text)
        assert.equal("x", page.links.self)
      end
    end)
  end)

  it("are returned by all and first, too", function()
    with_bodies({page_of(RESOURCES)}, function(client)
      assert.same(RESOURCES, client.profiles:all {raw = true})
      assert.same({RESOURCES[1], RESOURCES[2]}, client.profiles:all {raw = true, max = 2})
      assert.equal(RESOURCES[1], client.profiles:first {raw = true})
    end)
  end)

  it("can be one resource, or none", function()
    with_bodies({'{"data":' .. RESOURCES[1] .. "}", '{"data":null}', '{"data":[]}'}, function(client)
      local it = client:each("get_profile", {id = "1", raw = true})
      assert.equal(RESOURCES[1], (it:next()))
      assert.is_nil((it:next()))
      assert.is_nil((client:each("get_profile", {id = "1", raw = true}):next()))
      assert.is_nil((client:each("get_profiles", {raw = true}):next()))
    end)
  end)

  it("are checked: an invalid page is an error, and is requested again", function()
    local bad = page_of({RESOURCES[1], (RESOURCES[2]:gsub("%[%]", "[,]"))}, link_to "b")
    with_bodies({bad, page_of({RESOURCES[1]}, link_to "b"), page_of {RESOURCES[3]}}, function(client, server)
      local it = client.profiles:each {raw = true}
      local text, err = it:next()
      assert.is_nil(text)
      assert.equal("decode", err.kind)
      assert.matches("expected a value at byte %d+ %(found ','%)", err.message)
      assert.is_false(it.done)
      assert.is_nil(it:cursor())
      assert.equal(RESOURCES[1], (it:next()))
      assert.equal(RESOURCES[3], (it:next()))
      assert.is_nil((it:next()))
      assert.matches("cursor%%5D=b$", server:requests()[3].target)
      assert.equal(3, #server:requests())
    end)
  end)

  it("must be resources", function()
    for _, data in ipairs {"[5]", "[null]", '[{"type":"x"}]', "[[]]", '"x"'} do
      with_bodies({'{"data":' .. data .. "}"}, function(client)
        local text, err = client.profiles:each({raw = true}):next()
        assert.is_nil(text)
        assert.matches("not resources", err.message)
      end)
    end
    with_bodies({"{}", ""}, function(client)
      for _ = 1, 2 do
        local text, err = client.profiles:each({raw = true}):next()
        assert.is_nil(text)
        assert.matches("no data", err.message)
      end
    end)
  end)

  it("have the errors of the API", function()
    local errors = '{"errors":[{"status":400,"code":"invalid","detail":"no such thing"}]}'
    with_bodies({{status = 400, body = errors}}, function(client)
      local _, err = client.profiles:each({raw = true}):next()
      assert.equal("no such thing", err.errors[1].detail)
      _, err = client.profiles:list {only = {"id"}}
      assert.equal("no such thing", err.errors[1].detail)
    end)
  end)

  it("cannot be requested together with only, or of ids, or of one call", function()
    local client = fixture.client
    raises("pass either raw or only", function() client.profiles:each {raw = true, only = {"id"}} end)
    raises("raw must be true or false", function() client.profiles:pages {raw = "yes"} end)
    raises("not of ids", function() client.lists:at("x").profiles:ids {raw = true} end)
    raises("raw is an argument of each and pages", function() client.profiles:list {raw = true} end)
    assert.is_string(client.profiles:each({raw = false, limit = 1}):next().id)
  end)
end)

for name, argument in pairs {raw = {raw = true}, only = {only = {"attributes.n"}}} do
  local function each(client)
    local ids, it = {}, client:each("get_profiles", argument)
    while true do
      local value, second = it:next()
      if value == nil then
        return table.concat(ids, " "), second
      end
      ids[#ids + 1] = type(value) == "table" and value.id or second
    end
  end

  describe("the next link of a page with " .. name, function()
    it("is text, an object with href, or absent", function()
      for _, last in ipairs {"null", '""', "{}", '{"href":null}', "[]"} do
        with_bodies({
          page_of({RESOURCES[1]}, link_to "b"), page_of({RESOURCES[2]}, '{"href":' .. link_to "c" .. "}"),
          page_of({RESOURCES[3]}, last),
        }, function(client, server)
          local ids, err = each(client)
          assert.is_nil(err)
          assert.equal("1 2 3", ids)
          assert.matches("cursor%%5D=c$", server:requests()[3].target)
          assert.equal(3, #server:requests())
        end)
      end
      with_bodies({'{"data":[' .. RESOURCES[1] .. '],"links":null}'}, function(client)
        assert.equal("1", (each(client)))
      end)
    end)

    it("is not followed if it is broken, foreign, or leads back", function()
      for link, message in pairs {
        ['"http://other.example/api/profiles?x=1"'] = "leads to another host", ['"\\u0001"'] = "not a link",
        [link_to "a"] = "earlier page", ["7"] = "not a link", ["false"] = "not a link",
      } do
        with_bodies({page_of({RESOURCES[1]}, link_to "a"), page_of({RESOURCES[2]}, link)}, function(client, server)
          local ids, err = each(client)
          assert.equal("1 2", ids)
          assert.equal("decode", err.kind)
          assert.matches(message, err.message)
          assert.equal(2, #server:requests())
        end)
      end
    end)

    it("is requested while the program works on the page", function()
      with_bodies({page_of({RESOURCES[1]}, link_to "b"), page_of {RESOURCES[2]}}, function(client, server)
        local it = client:pages("get_profiles", argument)
        assert.is_table(it:next())
        require("klaviyo.tasks").sleep(0.2)
        assert.equal(2, #server:requests())
        it:close()
      end)
    end)
  end)
end

describe("only", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 12})

  it("keeps id and type, and what it names", function()
    for profile in fixture.client.profiles:each {only = {"attributes.email", "attributes.location.city"}} do
      assert.is_string(profile.id)
      assert.equal("profile", profile.type)
      assert.is_nil(profile.links)
      assert.same({"email", "location"}, tables.sorted(profile.attributes))
    end
    local profile = fixture.client.profiles:first {only = {}}
    assert.equal('{"id":"' .. profile.id .. '","type":"profile"}', json.encode(profile))
    assert.same(profile, fixture.client.profiles:get(profile.id, {only = {"id"}}).data)
    assert.same(profile, fixture.client:call("get_profile", {id = profile.id, only = {}}).data)
    assert.equal(5, #fixture.client.profiles:all {only = {"attributes"}, max = 5})
    assert.same(profile, fixture.client.profiles:list({only = {}}).data[1])
  end)

  it("is not sent, and can be used with fields", function()
    local url = fixture.client:build("get_profiles", {only = {"attributes.email"}}).url
    assert.equal(fixture.client:build("get_profiles").url, url)
    local it = fixture.client.profiles:each {
      only = {"attributes.email", "attributes.title"}, fields = {profile = {"email", "first_name"}},
    }
    local profile = it:next()
    it:close()
    assert.same({email = profile.attributes.email}, profile.attributes)
    assert.is_string(profile.attributes.email)
    assert.matches("fields%%5Bprofile%%5D=email,first_name", fixture:latest().uri)
  end)

  it("leaves links, meta and included whole", function()
    local included = '{"type":"list","id":"L","attributes":{"name":"A"}}'
    local body = page_of(RESOURCES):gsub("}$", function() return ',"included":[' .. included .. "]}" end)
    with_bodies({body}, function(client)
      local doc = assert(client.profiles:list {only = {"attributes.n"}})
      assert.equal('[{"attributes":{"n":null},"id":"1","type":"profile"},{"attributes":{},"id":"2","type":"profile"},'
        .. '{"id":"3","type":"profile"}]', json.encode(doc.data))
      assert.equal("x", doc.links.self)
      assert.equal(1, doc.meta.a.b)
      assert.equal("A", doc:resolve({type = "list", id = "L"}).attributes.name)
    end)
  end)

  it("must be a list of names with dots", function()
    for _, bad in ipairs {"id", 5, true, {""}, {"a..b"}, {"a."}, {5}, {a = 1}} do
      raises("get_profiles: only", function() fixture.client.profiles:each {only = bad} end)
      raises("get_profile: only", function() fixture.client.profiles:get("1", {only = bad}) end)
    end
  end)
end)
