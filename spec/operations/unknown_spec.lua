-- client:resource: resources that no revision has.

local cjson = require "cjson"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"

describe("client:resource", function()
  local client = klaviyo.new {api_key = "pk_x", revision = "2031-01-15", on_warning = function() end}

  -- Returns the requests that a function makes, in order.
  local function requests(answer, fn)
    local list
    raw.with({answers = {{body = answer}}}, function(server)
      local own = client:with {base_url = server.url, pacing = false}
      fn(own)
      list = server:requests()
    end)
    return list
  end

  it("returns a known resource by its name", function()
    assert.equal("klaviyo brand_logos", tostring(client:resource "brand-logos"))
    assert.equal("klaviyo profiles", tostring(client:resource "profiles"))
  end)

  it("has the verbs of JSON:API for an unknown one", function()
    local list = requests('{"data":[]}', function(own)
      local gadgets = own:resource "new-gadgets"
      assert(gadgets:list {page = {size = 5}, filter = klaviyo.filter.equals("colour", "red"), sort = "-size"})
      assert(gadgets:get "G1")
      assert(gadgets:create {attributes = {name = "n"}, relationships = {owner = {data = {type = "x", id = "1"}}}})
      assert(gadgets:update("G1", {attributes = {name = klaviyo.null}}))
      assert(gadgets:delete "G1")
      assert(gadgets:at("G1").new_parts:list())
      assert(gadgets:at("G1").new_parts:add {"P1", "P2"})
      for _ in gadgets:each() do end -- luacheck: ignore 542
    end)
    local lines = {}
    for i, request in ipairs(list) do
      lines[i] = request.method .. " " .. request.target
    end
    assert.same({
      "GET /api/new-gadgets?filter=equals%28colour%2C%22red%22%29&sort=-size&page%5Bsize%5D=5",
      "GET /api/new-gadgets/G1", "POST /api/new-gadgets", "PATCH /api/new-gadgets/G1", "DELETE /api/new-gadgets/G1",
      "GET /api/new-gadgets/G1/new-parts", "POST /api/new-gadgets/G1/relationships/new-parts", "GET /api/new-gadgets",
    }, lines)
    assert.same({data = {type = "new-gadget", attributes = {name = "n"},
      relationships = {owner = {data = {type = "x", id = "1"}}}}}, cjson.decode(list[3].body))
    assert.same({data = {type = "new-gadget", id = "G1", attributes = {name = cjson.null}}}, cjson.decode(list[4].body))
    assert.same({data = {{type = "new-part", id = "P1"}, {type = "new-part", id = "P2"}}}, cjson.decode(list[7].body))
    for _, request in ipairs(list) do
      assert.equal("2031-01-15", request.headers.revision)
    end
  end)

  it("takes settings for one call, another revision among them", function()
    local list = requests('{"data":[]}', function(own)
      assert(own:resource("new-gadgets"):list({}, {revision = "2031-04-15", timeout = 5}))
      assert(own.campaigns:list({}, {revision = "2026-07-15.pre"}))
      local beta = own:with {revision = "2026-07-15.pre"}
      assert(beta.campaigns:list({filter = klaviyo.filter.equals("messages.channel", "email")},
        {revision = "2026-07-15"}))
    end)
    assert.equal("2031-04-15", list[1].headers.revision)
    assert.equal("2026-07-15.pre", list[2].headers.revision)
    assert.equal("2026-07-15", list[3].headers.revision)
  end)

  it("takes another type", function()
    local document = requests('{"data":{}}', function(own)
      assert(own:resource("people"):create {type = "person", attributes = {}})
    end)[1].body
    assert.equal("person", cjson.decode(document).data.type)
  end)

  it("refuses a misspelling, attributes beside `attributes`, and what is not a name", function()
    raises({'unknown resource "profles"', 'did you mean "profiles"'}, function() client:resource "profles" end)
    raises({'"name"', "attributes = {name = …}"}, function() client:resource("new-gadgets"):create {name = "n"} end)
    for _, name in ipairs {"", "a/b", "../client", "1", 5} do
      raises("resource takes the name of a resource", function() client:resource(name) end)
    end
  end)
end)
