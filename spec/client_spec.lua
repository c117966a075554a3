-- A client and its methods, and the members of the module.
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local cjson = require "cjson"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local revision_warning = require "klaviyo.operations.revision_warning"

describe("a client's settings", function()
  it("are not changed by assignment", function()
    local client = klaviyo.new { api_key = "x" }
    raises({ "client:with{timeout = …}" }, function() client.timeout = 5 end)
    raises({ "client:with{api_key = …}" }, function() client.api_key = "y" end)
    client.lists = { list = function() return "a stub" end }
    assert.equal("a stub", client.lists:list())
  end)
end)

describe("the module", function()
  it("has the members of its documentation", function()
    assert.matches("^%d+%.%d+%.%d+", klaviyo._VERSION)
    assert.equal(cjson.null, klaviyo.null)
    assert.equal("[]", require("klaviyo.values.json").encode(klaviyo.array {}))
    assert.equal("2024-10-15T00:00:00Z", tostring(klaviyo.datetime "2024-10-15T00:00:00Z"))
    assert.equal('equals(email,"a")', tostring(klaviyo.filter.equals("email", "a")))
    assert.equal("function", type(klaviyo.sandbox.start))
    assert.equal("function", type(klaviyo.webhook.verify))
    assert.is_nil(klaviyo.no_such_thing)
  end)

  it("builds a raw request without sending it", function()
    local client = klaviyo.new {api_key = "x", base_url = "http://127.0.0.1:1"}
    local request = client:build {path = "/api/lists", body = {data = {}}, method = "POST", headers = {["X-A"] = "b"}}
    assert.equal("POST http://127.0.0.1:1/api/lists", request.method .. " " .. request.url)
    assert.equal('{"data":{}}', request.body)
    assert.equal("b", request.headers["X-A"])
    assert.equal("Klaviyo-API-Key x", request.headers.Authorization)
    assert.is_nil(client:build({path = "/client/events"}).headers.Authorization)
  end)

  it("loads only what a request needs", function()
    local output = script.run [[
      local klaviyo = require "klaviyo"
      local client = klaviyo.new { api_key = "x" }
      client:build("get_profiles")
      local rare = {"cjson", "klaviyo.digest", "klaviyo.request.body", "klaviyo.request.raw",
        "klaviyo.response.errors", "klaviyo.sandbox", "klaviyo.util.option_messages", "klaviyo.values.json",
        "klaviyo.webhook"}
      for _, name in ipairs(rare) do
        if package.loaded[name] then
          print(name)
        end
      end
    ]]
    assert.equal("", output)
  end)

  it("loads neither tasks nor the search for near names for calls that succeed", function()
    raw.with({ answers = { { body = '{"data":null}' }, { body = '{"data":null}' } } }, function(server)
      local output, status = script.run([[
        local client = require("spec.support.connect")((...))
        assert(client.profiles:get("one"))
        local rare = {"klaviyo.tasks", "klaviyo.tasks.scheduler.builtin", "klaviyo.util.nearest_names",
          "klaviyo.request.body", "klaviyo.request.query", "klaviyo.document.document",
          "klaviyo.operations.revision_diff"}
        for _, name in ipairs(rare) do
          if package.loaded[name] then
            print(name)
          end
        end
        print(require("klaviyo").run(function() return client.profiles:get("one") ~= nil end))
        print(package.loaded["klaviyo.tasks.scheduler.builtin"] ~= nil)
      ]], { args = { server.url } })
      assert.equal("true\ntrue\n", output)
      assert.equal(0, status)
    end)
  end)

  it("sets no global", function()
    local output, status = script.run [[
      local before = {}
      for name in pairs(_G) do
        before[name] = true
      end
      package.path = "./?.lua;" .. package.path
      local client = require("spec.support.connect")("http://127.0.0.1:1")
      client:call("get_profiles")
      client.profiles:create { email = "a@example.com" }
      client:each("get_profiles"):next()
      for name in pairs(_G) do
        if not before[name] then
          print(name)
        end
      end
    ]]
    assert.equal("", output)
    assert.equal(0, status)
  end)

  it("builds the same documents as a client", function()
    local flat = { email = "a@example.com" }
    local expected = { data = { type = "profile", attributes = { email = "a@example.com" } } }
    assert.same(expected, klaviyo.document("create_profile", flat))
    assert.same(expected, klaviyo.new({ api_key = key }):document("create_profile", flat))
    raises('"emial"', function() klaviyo.document("create_profile", { emial = "x" }) end)
    raises('"emial"', function() klaviyo.new({ api_key = key }):document("create_profile", { emial = "x" }) end)
  end)
end)

describe("a client", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 20 })

  it("sends no request when it is created", function()
    -- a client may be created in init_by_lua, without a network
    for _ = 1, 100 do
      fixture:new_client { base_url = "http://no-such-host.invalid" }
    end
    assert.equal(0, fixture.server:stats().requests)
  end)

  it("requires a colon for its methods", function()
    local client = fixture.client
    for _, name in ipairs { "call", "build", "each", "pages", "ids", "request", "with", "document" } do
      raises("colon", function() client[name]("get_profiles") end)
      raises("colon", function() client[name]() end)
      raises("colon", function() client[name]({}, "get_profiles") end)
    end
  end)

  it("suggests a name for a misspelt member", function()
    for wrong, right in pairs { cal = "call", eech = "each", request_ = "request", profils = "profiles" } do
      raises({ wrong, ('did you mean "%s"?'):format(right) }, function()
        local _ = fixture.client[wrong]
      end)
    end
  end)

  it("blames the caller's line, in loops, coroutines and stored methods", function()
    local client = fixture.client
    raises("unknown operation", function()
      for _ in client:each("get_profils") do end
    end)
    raises("unknown operation", function()
      local co = coroutine.create(function()
        client:call("get_profils")
      end)
      local ok, message = coroutine.resume(co)
      assert.is_false(ok)
      error(message, 0)
    end)
    raises("unknown attribute", function()
      client.profiles:create { emial = "x" }
    end)
    raises("unknown attribute", function()
      local create = client.profiles.create
      create(client.profiles, { emial = "x" })
    end)
  end)

  it("may be called from coroutines that alternate", function()
    local client = fixture.client
    local function iterate(size)
      return coroutine.wrap(function()
        for profile in client:each("get_profiles", { page = { size = size } }) do
          coroutine.yield(profile.id)
        end
      end)
    end
    local one, two = iterate(3), iterate(7)
    for _ = 1, 20 do
      assert.equal(one(), two())
    end
    assert.is_nil(one())
    assert.is_nil(two())
  end)

  it("may be shared: a call does not affect the next", function()
    local client = fixture.client
    assert(client:call("get_lists", { headers = { ["X-One"] = "1" } }))
    assert.equal("1", fixture:latest().headers["x-one"])
    assert(client:call("get_lists", nil, { headers = { ["X-Two"] = "2" } }))
    assert.is_nil(fixture:latest().headers["x-one"])
    assert(client:call("get_lists"))
    assert.is_nil(fixture:latest().headers["x-two"])
    assert.equal("timeout", (function()
      fixture.server:fault { operation = "get_lists", delay = 0.5 }
      return select(2, client:call("get_lists", nil, { timeout = 0.1 })).kind
    end)())
    fixture.server:fault { operation = "get_lists", delay = 0.3 }
    assert(client:call("get_lists"))
  end)

  it("is collected with its objects", function()
    local clients = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      local client = fixture:new_client()
      assert(client.profiles:list { page = { size = 1 } })
      client:each("get_profiles", { page = { size = 1 } }):next()
      clients[client] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(#(function()
      local left = {}
      for client in pairs(clients) do
        left[#left + 1] = client
      end
      return left
    end)() <= 1)
  end)

  it("may have a request in progress when the script ends", function()
    local output, status = script.run([[
      package.path = "./?.lua;" .. package.path
      local client = require("spec.support.connect")((...))
      local it = client:each("get_profiles", { page = { size = 1 } })
      print(it:next().type)
      os.exit(0, true)
    ]], { args = { fixture.server.base_url } })
    assert.equal("profile\n", output)
    assert.equal(0, status)
  end)

  it("sends the revision of its settings or of the call", function()
    local dates = {}
    for _, revision in ipairs(klaviyo.revisions()) do
      dates[#dates + 1] = revision.date
      local sent = revision.date:gsub("%.pre$", "") -- lists are stable
      assert(fixture:new_client({ revision = revision.date }):call("get_lists"))
      assert.equal(sent, fixture:latest().headers.revision)
      assert(fixture.client:call("get_lists", nil, { revision = revision.date }))
      assert.equal(sent, fixture:latest().headers.revision)
    end
    assert.equal("2024-10-15", dates[1])
  end)
end)

describe("a warning", function()
  local fixture = sandbox.here(setup, teardown)
  local warnings, client

  before_each(function()
    warnings = {}
    revision_warning.forget()
    client = fixture:new_client { on_warning = function(message)
      warnings[#warnings + 1] = message
    end }
  end)

  after_each(function()
    revision_lifecycle.set_today(nil)
  end)

  it("of a revision past its time is warnings once, for all clients", function()
    revision_lifecycle.set_today("2026-11-23")
    for _ = 1, 3 do
      assert(client:call("get_lists"))
      assert(client:with({ timeout = 5 }):call("get_lists"))
    end
    local retired = 0
    for _, message in ipairs(warnings) do
      retired = retired + (message:find("was retired on 2026-10-15", 1, true) and 1 or 0)
      assert.is_nil(message:find(key, 1, true))
    end
    assert.equal(1, retired)
  end)

  it("is not issued for a revision in its first year", function()
    revision_lifecycle.set_today("2025-10-14")
    assert(client:call("get_lists"))
    assert.same({}, warnings)
    revision_lifecycle.set_today("2025-10-15")
    revision_warning.forget()
    assert(client:call("get_lists"))
    assert.matches("is deprecated since 2025%-10%-15", warnings[1])
  end)

  it("is not issued for a request that is only built", function()
    revision_lifecycle.set_today("2026-11-23")
    client:build("get_lists")
    assert.same({}, warnings)
  end)

  it("is written to stderr without on_warning", function()
    local output = script.run([[
      require("klaviyo.operations.revision_lifecycle").set_today("2026-11-23")
      local client = require("klaviyo").new { base_url = ..., proxy = "", rate_limit_file = false }
      client:call("get_lists")
      client:call("get_lists")
    ]], { args = { fixture.server.base_url }, env = { KLAVIYO_API_KEY = key } })
    assert.matches("^klaviyo: revision 2024%-10%-15 was retired [^\n]*\n$", output)
  end)
end)

-- Fault 14: a tenant without a key used the operator's.
describe("client:as", function()
  local base = klaviyo.new { api_key = "pk_operator", company_id = "OPERAT", rate_limit_key = "operator", timeout = 7,
    auth_scheme = "Bearer", headers = { authorization = "Bearer pk_operator", ["X-Kept"] = "kept" } }

  it("uses only the key that is passed", function()
    local tenant = base:as { api_key = "pk_tenant" }
    local headers = assert(tenant:build("get_lists")).headers
    assert.equal("Klaviyo-API-Key pk_tenant", headers.Authorization)
    assert.equal("kept", headers["X-Kept"])
    assert.is_nil(headers.authorization)
    headers = assert(base:as({ access_token = "token", rate_limit_key = "tenant" }):build("get_lists")).headers
    assert.equal("Bearer token", headers.Authorization)
  end)

  it("copies only the settings that do not belong to an account", function()
    local client_settings = require "klaviyo.client_settings"
    local values = client_settings.of(base:as { api_key = "pk_tenant", retries = 1 })
    assert.same({ 7, 1 }, { values.timeout, values.retries })
    for _, name in ipairs { "company_id", "rate_limit_key", "auth_scheme", "access_token", "outbox" } do
      assert.is_nil(values[name], name)
    end
    assert.equal("TENANT", client_settings.of(base:as { api_key = "x", company_id = "TENANT" }).company_id)
    assert.equal("pk_operator", client_settings.of(base).api_key)
    assert.equal("OPERAT", client_settings.of(base).company_id)
  end)

  it("raises without a key, whether or not the first client or the environment has one", function()
    for _, options in ipairs { {}, { company_id = "TENANT" }, { timeout = 3 } } do
      local ok, message = pcall(function() return base:as(options) end)
      assert.is_false(ok)
      assert.matches("client_spec%.lua:%d+: client:as needs the api_key or the access_token", message)
    end
    assert.has_error(function() base:as { api_key = "" } end)
    assert.has_error(function() base:as() end)
    local output = require("spec.support.script").run([[
      local klaviyo = require "klaviyo"
      local base = klaviyo.new {}
      print(pcall(base.as, base, {api_key = nil}))
      local tenant = base:as {api_key = "pk_tenant"}
      print(tenant:build("get_lists").headers.Authorization)
    ]], { env = { KLAVIYO_API_KEY = "pk_environment" } })
    assert.matches("^false.*Klaviyo%-API%-Key pk_tenant\n$", output)
    assert.is_nil(output:find("pk_environment", 1, true))
  end)
end)
