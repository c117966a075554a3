-- klaviyo.dump, and the printed form of documents, resources and results.
local connect = require "spec.support.connect"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local tables = require "klaviyo.util.tables"

local dump = klaviyo.dump
local is_luajit = rawget(_G, "jit") ~= nil

describe("klaviyo.values.dump", function()
  it("shows scalars", function()
    for expected, value in pairs {
      ["true"] = true, ["3"] = 3, ["-2.5"] = -2.5, ["1234567890123456"] = 1234567890123456, ['"text"'] = "text",
      ["null"] = klaviyo.null, [ [["a\"b\n\\"]] ] = 'a"b\n\\', inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0,
      ['"é"'] = "é", [ [["a\\xFF"]] ] = "a\255", ["<function>"] = print, ["<userdata>"] = io.stdout,
      ["820982911946154508"] = klaviyo.json.decode "820982911946154508",
    } do
      assert.equal(expected, dump(value))
    end
    assert.equal("nil", dump(nil))
    assert.equal(is_luajit and "3" or "3.0", dump(2 ^ 2 - 1))
  end)

  it("shows members in order, lists in brackets", function()
    assert.equal('{"a": 1, "b": [], "c": {}, "d": [1, 2], "e": null}', dump {
      e = klaviyo.null, d = { 1, 2 }, c = {}, b = klaviyo.array {}, a = 1,
    })
    assert.equal('{[1]: 1, [2.5]: true, [4]: 4, "x": 0, [false]: 1}',
      dump { 1, [4] = 4, [2.5] = true, x = 0, [false] = 1 })
    assert.equal("[[], [[]]]", dump(klaviyo.json.decode "[[],[[]]]"))
  end)

  it("breaks a line that is too long", function()
    assert.equal('{\n  "a": "' .. ("x"):rep(60) .. '",\n  "b": [\n    "' .. ("y"):rep(40) .. '",\n    "'
      .. ("z"):rep(40) .. '"\n  ],\n  "c": {"d": 1}\n}', dump {
      a = ("x"):rep(60), b = { ("y"):rep(40), ("z"):rep(40) }, c = { d = 1 },
    })
    assert.is_nil(dump({ ("x"):rep(60), ("y"):rep(60) }, { indent = 0 }):find("\n"))
    assert.matches('^%[\n    "x', dump({ ("x"):rep(60), ("y"):rep(60) }, { indent = 4 }))
  end)

  it("marks a cycle, and repeats a shared table", function()
    local t = { name = "t" }
    t.self, t.list = t, { t }
    assert.equal('{"list": [<cycle>], "name": "t", "self": <cycle>}', dump(t))
    local shared = { 1 }
    assert.equal("[[1], [1]]", dump { shared, shared })
  end)

  it("limits its output", function()
    local deep = {}
    local top = deep
    for _ = 1, 5000 do
      deep[1] = {}
      deep = deep[1]
    end
    assert.equal(("["):rep(13) .. "…" .. ("]"):rep(13), (dump(top):gsub("%s", "")))
    assert.equal("[[[…]]]", dump(top, { max_depth = 2 }))
    assert.equal('[{"a": {…}}]', dump({ { a = { b = 1 } } }, { max_depth = 2 }))
    assert.equal('[{"a": {}}]', dump({ { a = {} } }, { max_depth = 2 }))
    assert.equal("[1, 2, … 3 more]", dump({ 1, 2, 3, 4, 5 }, { max_items = 2 }))
    assert.equal('"abc"…', dump("abcdef", { max_string = 3 }))
    assert.equal('"a"…', dump("aéé", { max_string = 2 }))
    local wide = {}
    for i = 1, 100 do
      wide[i] = {}
      for j = 1, 100 do
        wide[i][j] = { ("x"):rep(100), ("x"):rep(100) }
      end
    end
    local size = #dump(wide)
    assert.is_true(size > 90000 and size < 200000, tostring(size))
    assert.is_true(#dump(wide, { max_bytes = 1000 }) < 3000)
  end)

  it("redacts keys and tokens", function()
    local private = "pk_" .. ("0123456789abcdef"):rep(2)
    local text = dump {
      api_key = "one", ["Api-Key"] = "two", access_token = { "three" }, Authorization = "four", secrets = { "five" },
      note = "key " .. private .. "; %20" .. private, [private] = 1, list = { "Klaviyo-API-Key six", "Bearer seven" },
      secret = klaviyo.null, client_secret = "eight", head = "authorization: bearer nine\r\nx: y",
    }
    for _, secret in ipairs { "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", private,
        private:sub(4) } do
      assert.message(text).is_nil(text:find(secret, 1, true))
    end
    assert.matches('"secret": null', text)
    assert.matches('"api_key": "%[redacted%]"', text)
    assert.matches("x: y", text)
    assert.equal('"pk_short"', dump "pk_short")
  end)

  it("uses the __tostring of a value", function()
    local client = klaviyo.new { api_key = key }
    local text = dump { client, klaviyo.datetime(0), klaviyo.filter.equals("email", "x"), client.profiles }
    assert.matches("^%[\n  <klaviyo.Client %(.-%)>,\n  \"1970%-01%-01T00:00:00Z\",", text)
    assert.is_nil(text:find(key, 1, true))
    assert.is_nil(dump(client):find(key, 1, true))
    assert.is_nil(dump(client.profiles:each(), { max_depth = 50, max_bytes = 1e7 }):find(key, 1, true))
    assert.equal("<table>", dump(setmetatable({}, { __tostring = error })))
    assert.equal('{"a": 1}', dump(setmetatable({ a = 1 }, { __index = error, __pairs = error, __tojson = error })))
  end)

  it("raises for wrong options", function()
    raises({ 'unknown option of dump "depth"', "max_depth" }, function() local _ = dump({}, { depth = 1 }) end)
    raises("dump: max_items must be a whole number from 0 on, not 1.5", function()
      local _ = dump({}, { max_items = 1.5 })
    end)
    raises("dump: indent must be a whole number from 0 on, not -1", function() local _ = dump({}, { indent = -1 }) end)
    raises("dump takes a table of options, not a number", function() local _ = dump({}, 5) end)
  end)
end)

describe("print", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 30 })

  it("shows a document, and a resource", function()
    local doc = assert(fixture.client:call("get_profiles", { page = { size = 5 } }))
    assert.matches('^{\n  "data": %[\n    {\n      "attributes": {', tostring(doc))
    assert.matches('"email": "profile%-0000001@example%.com"', tostring(doc))
    assert.matches('"title": null', tostring(doc.data[1]))
    assert.matches('"type": "profile"\n}$', tostring(doc.data[1]))
    assert.equal(tostring(doc.data[1]), tostring(fixture.client.profiles:first()))
    local one = assert(fixture.client:call("get_profile", { id = doc.data[1].id }))
    assert.equal("{\n", tostring(one.data):sub(1, 2))
    assert.equal(dump(one.data), tostring(one.data))
    local list = assert(fixture.client.lists:create { name = "gone" }).data
    assert.equal("{}", tostring(assert(fixture.client.lists:delete(list.id))))
  end)

  it("shows included resources", function()
    assert(fixture.client.events:create { metric = "Bought", profile = { email = "r@example.com" }, properties = {} })
    local doc = assert(fixture.client:call("get_events", { include = { "metric" } }))
    assert.matches('"name": "Bought"', tostring(doc:resolve(doc.data[1].relationships.metric.data)))
  end)

  it("keeps resources plain tables", function()
    local doc = assert(fixture.client:call("get_profiles", { page = { size = 1 } }))
    assert.same({ "attributes", "id", "links", "relationships", "type" }, tables.sorted(doc.data[1]))
    assert.is_nil(doc.data[1].response)
    assert.equal(klaviyo.json.encode(klaviyo.json.decode(doc.response.body)), klaviyo.json.encode(doc))
  end)

  it("shortens a long page", function()
    local doc = assert(fixture.client:call("get_profiles", { page = { size = 30 } }))
    assert.matches("… %d+ more", tostring(doc))
    assert.is_true(#tostring(doc) < 30000)
    assert.is_true(#dump(doc) > #tostring(doc))
  end)

  it("shows a response, an error and a result of an import", function()
    local doc = assert(fixture.client:call("get_lists"))
    assert.matches("^klaviyo%.Response: 200, %d+ bytes, %d+%.%d%d%d s$", tostring(doc.response))
    local _, err = fixture.client:call("get_list", { id = "none" })
    assert.matches("^klaviyo: get_list: 404 not_found", tostring(err))
    assert.matches('"kind": "api"', dump(err))
    assert.matches('"status": 404', dump(err))
    local result = assert(fixture.client.profiles:import { { email = "a@example.com" }, { email = "not an address" } })
    assert.matches("^klaviyo import: submitted %d, completed 1, failed 1, skipped 0, unknown 0, in %d+%.%d s$",
      tostring(result))
    assert.matches('"completed": 1', dump(result))
  end)
end)

it("a response that contains the key is printed without it", function()
  local private = "pk_" .. ("0123456789abcdef"):rep(2)
  raw.with({ answers = { { body = ('{"data":{"type":"x","id":"1","attributes":{"note":"%s"}}}'):format(private) },
    { status = 400, body = ('{"errors":[{"detail":"no such key: %s"}]}'):format(private) } } }, function(server)
    local client = connect(server.url, { api_key = private, retries = 0 })
    local doc = assert(client:call("get_lists"))
    local _, err = client:call("get_lists")
    for _, text in ipairs { tostring(doc), tostring(doc.data), dump(doc), tostring(err), dump(err),
        dump(doc.response), dump(err, { max_depth = 50 }) } do
      assert.message(text).is_nil(text:find(private:sub(4), 1, true))
    end
  end)
end)
