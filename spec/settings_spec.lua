-- The settings of a client and their defaults, checked through `build`, which
-- returns the request that a call would send.
local connect = require "spec.support.connect"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

local function new(more)
  local settings = { api_key = key }
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  return klaviyo.new(settings)
end

local function headers(client, ...)
  return client:build("get_profiles", ...).headers
end

local function url(client)
  return client:build("get_profiles").url
end

describe("default settings", function()
  it("are those of the live service", function()
    local request = new():build("get_profiles")
    assert.equal("https://a.klaviyo.com/api/profiles", request.url)
    assert.equal("Klaviyo-API-Key " .. key, request.headers.Authorization)
    assert.equal("2024-10-15", request.headers.revision)
    assert.equal("application/vnd.api+json", request.headers.Accept)
    assert.matches("^klaviyo%-lua/" .. klaviyo._VERSION:gsub("%p", "%%%0") .. " ", request.headers["User-Agent"])
  end)
end)

describe("a setting", function()
  it("that does not exist raises an error at its line, with the nearest name", function()
    for wrong, right in pairs {
      timout = "timeout", api_keys = "api_key", baseurl = "base_url", ["base-url"] = "base_url",
      Revision = "revision", header = "headers", accesstoken = "access_token", auth_sheme = "auth_scheme",
      conect_timeout = "connect_timeout", cafile = "ca_file", max_response_byte = "max_response_bytes",
      app_inf = "app_info", companyid = "company_id", prox = "proxy",
      retrys = "retries", dead_line = "deadline", pacin = "pacing", onattempt = "on_attempt",
      trace_parent = "traceparent", onspan = "on_span",
    } do
      raises({ ('unknown setting "%s"'):format(wrong), ('did you mean "%s"?'):format(right) }, function()
        klaviyo.new { api_key = key, [wrong] = "x" }
      end)
    end
  end)

  it("of a wrong type raises an error at its line", function()
    for name, values in pairs {
      timeout = { "5", 0, -1, 0 / 0, 1 / 0, false, {} },
      connect_timeout = { "5", 0, -1, 0 / 0, 1 / 0, true },
      max_response_bytes = { "5", 0, -1, 0 / 0, 1 / 0 },
      revision = { 20241015, "", {} },
      base_url = { "", 5, {} },
      auth_scheme = { "", 5, function() end },
      company_id = { "", 5 },
      ca_file = { "", 5 },
      proxy = { 5, false },
      app_info = { "", 5 },
      headers = { "X-A: b", 5 },
      deadline = { "5", 0, -1, 0 / 0, 1 / 0 },
      retries = { "5", -1, 1.5, 0 / 0, 1 / 0, true },
      pacing = { 5, "no", {}, { per_hour = 1 }, { per_second = 0 }, { per_minute = "5" }, { 5 } },
      rate_limit_key = { "", 5 },
      rate_limit_file = { "", 5, {} },
      on_attempt = { "print", true },
      on_warning = { "print", true },
      on_span = { "print", true, false },
      traceparent = { true, 5, {} },
      tracestate = { true, 5, {} },
      log = { "xml", "", true, false, 5, {} },
      validate = { 1, "false" },
      fall_forward = { 1, "false" },
    } do
      for _, value in ipairs(values) do
        raises(name, function()
          klaviyo.new { api_key = key, [name] = value }
        end)
        raises(name, function()
          new():with { [name] = value }
        end)
        raises(name, function()
          new():call("get_profiles", nil, { [name] = value })
        end)
      end
    end
  end)

  it("can be a very large number", function()
    local client = connect("http://127.0.0.1:1",
      { timeout = 1e15, connect_timeout = 1e15, max_response_bytes = 2 ^ 60 })
    assert.equal("transport", select(2, client:call("get_profiles")).kind)
  end)

  it("table is required", function()
    raises("table", function() klaviyo.new("pk") end)
    raises("table", function() klaviyo.new(5) end)
    raises("table", function() new():with("x") end)
    raises("table", function() new():call("get_profiles", nil, "x") end)
  end)

  it("cannot be a header field that depends on the body", function()
    for _, name in ipairs { "Content-Length", "transfer-encoding" } do
      raises({ name, "leave it out" }, function() new { headers = { [name] = "3" } } end)
      raises({ name, "leave it out" }, function() new():call("get_profiles", { headers = { [name] = "3" } }) end)
    end
  end)

  it("is copied when a client is created", function()
    local settings = { api_key = key, headers = { ["X-A"] = "before" } }
    local client = klaviyo.new(settings)
    settings.api_key, settings.revision, settings.headers["X-A"] = "another", "2025-01-15", "after"
    assert.equal("Klaviyo-API-Key " .. key, headers(client).Authorization)
    assert.equal("2024-10-15", headers(client).revision)
    assert.equal("before", headers(client)["X-A"])
  end)
end)

describe("a key", function()
  -- Returns the output of a script in this environment.
  local function run(text, environment)
    return (script.run([[
      local klaviyo = require "klaviyo"
      local function show(...)
        local client = klaviyo.new(...)
        print(client:build("get_lists").headers.Authorization)
      end
    ]] .. text, { env = environment }))
  end

  it("is read from the environment", function()
    assert.equal("Klaviyo-API-Key of-the-environment\n", run("show()", { KLAVIYO_API_KEY = "of-the-environment" }))
    assert.equal("Klaviyo-API-Key of-the-environment\n", run("show {}", { KLAVIYO_API_KEY = "of-the-environment" }))
  end)

  it("in the settings takes precedence over the environment", function()
    local environment = { KLAVIYO_API_KEY = "of-the-environment" }
    assert.equal("Klaviyo-API-Key passed\n", run("show {api_key = 'passed'}", environment))
    assert.equal("Bearer passed\n", run("show {access_token = 'passed'}", environment))
  end)

  it("that is missing raises an error where the client is created", function()
    for _, environment in ipairs { {}, { KLAVIYO_API_KEY = "" } } do
      local output = run([[

        local ok, message = pcall(function()
          klaviyo.new { timeout = 5 }
        end)
        print(ok, message)
      ]], environment)
      assert.matches("^false\t[^\n]*:8: [^\n]*api_key[^\n]*KLAVIYO_API_KEY[^\n]*\n$", output)
    end
  end)

  it("may be missing if only public calls are made", function()
    local client = klaviyo.new { company_id = "AbCdEf" }
    raises("api_key", function() client:build("get_profiles") end)
  end)

  it("may come from a function, which is called each time", function()
    local number = 0
    local client = klaviyo.new { api_key = function()
      number = number + 1
      return "pk_" .. number
    end }
    assert.equal(0, number)
    assert.equal("Klaviyo-API-Key pk_1", headers(client).Authorization)
    assert.equal("Klaviyo-API-Key pk_2", headers(client).Authorization)
  end)

  it("of a function that returns none raises an error at the line of the call", function()
    for _, value in ipairs { 5, "", {} } do
      local client = klaviyo.new { api_key = function() return value end }
      raises("api_key", function() client:build("get_profiles") end)
      raises("api_key", function() client:call("get_profiles") end)
    end
    local client = klaviyo.new { access_token = function() return 5 end }
    raises("access_token must return a string, or nil and a reason, not a number", function()
      client:call("get_profiles")
    end)
  end)

  it("is never part of a message, even if it is invalid", function()
    local cases = {
      { api_key = key .. "\n" }, { api_key = key .. "\0" }, { access_token = "\r" .. key },
      { api_key = key, access_token = key }, { api_key = { key } }, { api_key = key, timout = 5 },
    }
    for _, case in ipairs(cases) do
      local ok, message = pcall(function()
        klaviyo.new(case):call("get_profiles")
      end)
      assert.is_false(ok)
      assert.is_nil(message:find(key, 1, true))
      assert.matches("^spec/settings_spec.lua:", message)
    end
    local client = klaviyo.new { api_key = function() return key .. "\r\nX: y" end }
    local ok, message = pcall(client.call, client, "get_profiles")
    assert.is_false(ok)
    assert.is_nil(message:find(key, 1, true))
  end)

  it("with a line break raises an error at the line of the caller, with its name", function()
    raises({ "api_key contains a control character", "a line break" }, function()
      klaviyo.new { api_key = key .. "\n" }
    end)
    raises("access_token contains a control character", function()
      klaviyo.new { access_token = key .. "\r" }
    end)
    raises("what the function api_key returned contains a control character", function()
      klaviyo.new({ api_key = function() return key .. "\n" end }):call("get_profiles")
    end)
    assert.matches("KLAVIYO_API_KEY in the environment contains a control character",
      run("print(pcall(klaviyo.new))", { KLAVIYO_API_KEY = "pk_x\r" }))
    raises("app_info must be a string without control characters", function()
      klaviyo.new { api_key = key, app_info = "a\nb" }
    end)
  end)

  it("is not shown when the client is printed", function()
    local client = new()
    assert.is_nil(tostring(client):find(key, 1, true))
    assert.matches("2024%-10%-15", tostring(client))
    assert.matches("a%.klaviyo%.com", tostring(client))
    local function search(value, visited)
      if type(value) == "string" then
        assert.is_nil(value:find(key, 1, true))
      elseif type(value) == "table" and not visited[value] then
        visited[value] = true
        for name, member in pairs(value) do
          search(name, visited)
          search(member, visited)
        end
        search(getmetatable(value), visited)
      end
    end
    assert.truthy(client.profiles)
    search(client, {})
  end)
end)

describe("an access token", function()
  it("is sent as a bearer token", function()
    assert.equal("Bearer tok", headers(klaviyo.new { access_token = "tok" }).Authorization)
    assert.equal("Bearer tok", headers(klaviyo.new { access_token = function() return "tok" end }).Authorization)
  end)

  it("is sent in the scheme of the settings", function()
    assert.equal("Token tok", headers(klaviyo.new { access_token = "tok", auth_scheme = "Token" }).Authorization)
    assert.equal("Bearer pk", headers(klaviyo.new { api_key = "pk", auth_scheme = "Bearer" }).Authorization)
  end)

  it("and a key together raise an error", function()
    raises({ "api_key", "access_token" }, function()
      klaviyo.new { api_key = "a", access_token = "b" }
    end)
  end)

  it("replaces a key, and a key replaces a token", function()
    local client = klaviyo.new { api_key = "pk" }
    assert.equal("Bearer tok", headers(client:with { access_token = "tok" }).Authorization)
    assert.equal("Klaviyo-API-Key other",
      headers(client:with { access_token = "tok" }:with { api_key = "other" }).Authorization)
    assert.equal("Klaviyo-API-Key pk", headers(client).Authorization)
    raises({ "api_key", "access_token" }, function()
      client:with { api_key = "a", access_token = "b" }
    end)
  end)
end)

describe("a base URL", function()
  it("can end in a slash, and can have a prefix", function()
    for base_url, expected in pairs {
      ["https://a.klaviyo.com/"] = "https://a.klaviyo.com/api/profiles",
      ["https://gw.example/klaviyo"] = "https://gw.example/klaviyo/api/profiles",
      ["https://gw.example/klaviyo/"] = "https://gw.example/klaviyo/api/profiles",
      ["http://127.0.0.1:8080"] = "http://127.0.0.1:8080/api/profiles",
      ["http://[::1]:8080/a/b"] = "http://[::1]:8080/a/b/api/profiles",
    } do
      assert.equal(expected, url(new { base_url = base_url }))
    end
  end)

  it("that is not valid raises an error at the line of the caller", function()
    for _, bad in ipairs {
      "a.klaviyo.com", "ftp://a.klaviyo.com", "https://", "https:///x", "https://gw.example/?a=b",
      "https://gw.example/#a", "https://gw.example/a b", "https://gw.example\r\nX: y", "https://gw.example:port",
      "https://gw.example\\@evil.example", "javascript:alert(1)", "https://a.klaviyo.com/api",
      "https://a.klaviyo.com/api/", "/klaviyo", "https://gw.example\0.evil.example",
    } do
      raises("base_url", function()
        new { base_url = bad }
      end)
    end
  end)
end)

describe("a revision", function()
  it("is sent with every request", function()
    assert.equal("2024-10-15", headers(new { revision = "2024-10-15" }).revision)
  end)

  it("that does not exist raises an error that lists the revisions", function()
    raises({ "revision", "2024-10-15" }, function() new { revision = "2024-10" } end)
    raises({ "revision", "2024-10-15" }, function() new { revision = "latest" } end)
    raises({ "revision", "2024-10-15" }, function() new { revision = "../client" } end)
    raises({ "revision", "2024-10-15" }, function()
      new():call("get_profiles", nil, { revision = "2024-99-14" })
    end)
    raises({ "revision", "2024-10-15" }, function()
      klaviyo.document("create_list", { name = "x" }, { revision = "2024-10-" })
    end)
  end)
end)

describe("headers", function()
  local function count(fields, name)
    local found, number = nil, 0
    for field, value in pairs(fields) do
      if field:lower() == name then
        found, number = value, number + 1
      end
    end
    return found, number
  end

  it("are sent in addition to those of the library, or instead of them", function()
    local fields = headers(new { headers = {
      ["X-Trace"] = "1", accept = "application/json", REVISION = "2024-10-15.pre",
    } })
    assert.equal("1", fields["X-Trace"])
    assert.same({ "application/json", 1 }, { count(fields, "accept") })
    assert.same({ "2024-10-15.pre", 1 }, { count(fields, "revision") })
  end)

  it("replace the Content-Type of a body", function()
    local fields = new { headers = { ["content-type"] = "application/json" } }
      :build("create_list", { body = "{}" }).headers
    assert.same({ "application/json", 1 }, { count(fields, "content-type") })
    assert.is_nil((count(headers(new { headers = { ["content-type"] = "application/json" } }), "content-type")))
  end)

  it("are merged by name, in any case of letters", function()
    local client = new { headers = { ["X-A"] = "1", ["X-B"] = "1" } }
    local fields = headers(client:with { headers = { ["x-a"] = "2", ["X-C"] = "2" } })
    assert.same({ "2", 1 }, { count(fields, "x-a") })
    assert.same({ "1", 1 }, { count(fields, "x-b") })
    assert.same({ "2", 1 }, { count(fields, "x-c") })
    fields = headers(client, nil, { headers = { ["X-a"] = "3" } })
    assert.same({ "3", 1 }, { count(fields, "x-a") })
    fields = headers(client)
    assert.same({ "1", 1 }, { count(fields, "x-a") })
    assert.is_nil((count(fields, "x-c")))
  end)

  it("that a request cannot have raise an error at the line of the call", function()
    for name, value in pairs {
      ["X-A"] = "b\r\nX-C: d", ["X-B"] = "b\n", ["X-C"] = "\0", ["X-D"] = "\127", ["X E"] = "f", ["X-G:"] = "h",
      ["X-I\r\nX-J: k"] = "l", [""] = "m", ["X-N\0"] = "o",
    } do
      raises("header", function()
        new { headers = { [name] = value } }:call("get_profiles")
      end)
      raises("header", function()
        new():call("get_profiles", nil, { headers = { [name] = value } })
      end)
    end
    raises("auth_scheme", function() new { auth_scheme = "a\nb" } end)
  end)

  it("must map strings to strings", function()
    raises("headers", function() new { headers = { "X-A: b" } } end)
    raises("headers", function() new { headers = { ["X-A"] = 5 } } end)
    raises("headers", function() new():with { headers = { ["X-A"] = false } } end)
  end)

  it("contain the sender and the audience", function()
    assert.matches("^klaviyo%-lua/%S+ .* shop/1%.0$", headers(new { app_info = "shop/1.0" })["User-Agent"])
    assert.equal("mine", headers(new { headers = { ["user-agent"] = "mine" } })["user-agent"])
  end)
end)

describe("a client with other settings", function()
  it("is another client", function()
    local client = new { timeout = 5 }
    local other = client:with { base_url = "https://gw.example/klaviyo", auth_scheme = "Bearer" }
    assert.equal("https://gw.example/klaviyo/api/profiles", url(other))
    assert.equal("Bearer " .. key, headers(other).Authorization)
    assert.equal("https://a.klaviyo.com/api/profiles", url(client))
    assert.equal("Klaviyo-API-Key " .. key, headers(client).Authorization)
    assert.equal("https://gw.example/klaviyo/api/profiles", url(other:with { timeout = 1 }))
    assert.equal(url(client), url(client:with {}))
    assert.equal("https://gw.example/klaviyo/api/profiles", other.profiles and url(other))
  end)

  it("can be used for one call", function()
    local client = new()
    local request = client:build("get_profiles", nil, { base_url = "https://gw.example", auth_scheme = "Bearer" })
    assert.equal("https://gw.example/api/profiles", request.url)
    assert.equal("Bearer " .. key, request.headers.Authorization)
    assert.equal("https://a.klaviyo.com/api/profiles", url(client))
  end)
end)

-- The environment moves a script between a sandbox and the service.
describe("the environment", function()
  local function run(text, environment)
    return (script.run('local klaviyo = require "klaviyo"\n' .. text, { env = environment }))
  end

  local SHOW = [[
    local values = require("klaviyo.client_settings").of(klaviyo.new(%s))
    for name in ("api_key access_token auth_scheme rate_limit_key company_id base_url timeout connect_timeout deadline "
      .. "retries max_queued_events max_response_bytes pacing prefetch validate fall_forward debug revision proxy "
      .. "ca_file "
      .. "app_info log"):gmatch("%%S+") do
      if values[name] ~= nil then
        print(name, type(values[name]), values[name])
      end
    end
  ]]

  local ENVIRONMENT = {
    KLAVIYO_API_KEY = "pk_env", KLAVIYO_AUTH_SCHEME = "Bearer", KLAVIYO_RATE_LIMIT_KEY = "shop",
    KLAVIYO_COMPANY_ID = "AbCdEf",
    KLAVIYO_BASE_URL = "http://127.0.0.1:8080", KLAVIYO_TIMEOUT = "1.5", KLAVIYO_CONNECT_TIMEOUT = "2",
    KLAVIYO_DEADLINE = "20", KLAVIYO_RETRIES = "0", KLAVIYO_MAX_QUEUED_EVENTS = "7",
    KLAVIYO_MAX_RESPONSE_BYTES = "1000",
    KLAVIYO_PACING = "off", KLAVIYO_PREFETCH = "no", KLAVIYO_VALIDATE = "false", KLAVIYO_FALL_FORWARD = "0",
    KLAVIYO_DEBUG = "1", KLAVIYO_REVISION = "2025-01-15", KLAVIYO_PROXY = "http://127.0.0.1:3128",
    KLAVIYO_CA_FILE = "/ca.pem", KLAVIYO_APP_INFO = "shop/1", KLAVIYO_LOG = "json",
  }

  it("can contain every setting that is a string, a number or a boolean", function()
    local output = run(SHOW:format(""), ENVIRONMENT)
    for name, shown in pairs {
      api_key = "string\tpk_env", auth_scheme = "string\tBearer", rate_limit_key = "string\tshop",
      company_id = "string\tAbCdEf", base_url = "string\thttp://127.0.0.1:8080", timeout = "number\t1.5",
      connect_timeout = "number\t2", deadline = "number\t20", retries = "number\t0", max_queued_events = "number\t7",
      max_response_bytes = "number\t1000", pacing = "boolean\tfalse", prefetch = "boolean\tfalse",
      validate = "boolean\tfalse", fall_forward = "boolean\tfalse", debug = "boolean\ttrue",
      revision = "string\t2025-01-15", proxy = "string\thttp://127.0.0.1:3128", ca_file = "string\t/ca.pem",
      app_info = "string\tshop/1", log = "string\tjson",
    } do
      assert.truthy(("\n" .. output):find("\n" .. name .. "\t" .. shown .. "\n", 1, true), name .. "\n" .. output)
    end
  end)

  it("has lower precedence than the program, and counts as absent if it is empty", function()
    local output = run(SHOW:format("{timeout = 3, retries = 1, debug = false, pacing = true}"), ENVIRONMENT)
    assert.matches("timeout\tnumber\t3\n", output)
    assert.matches("retries\tnumber\t1\n", output)
    assert.matches("debug\tboolean\tfalse\n", output)
    assert.matches("pacing\tboolean\ttrue\n", output)
    output = run(SHOW:format(""), { KLAVIYO_API_KEY = "pk_env", KLAVIYO_TIMEOUT = "", KLAVIYO_BASE_URL = "" })
    assert.matches("timeout\tnumber\t30\n", output)
    assert.matches("base_url\tstring\thttps://a.klaviyo.com\n", output)
  end)

  it("does not provide a key, account or scheme if the program passes a key or a token", function()
    for _, own in ipairs { "{api_key = 'pk_own'}", "{access_token = 'tok', rate_limit_file = false}" } do
      local output = run(SHOW:format(own), ENVIRONMENT)
      assert.is_nil(output:find("pk_env", 1, true), output)
      assert.is_nil(output:find("shop\n", 1, true), output)
      assert.is_nil(output:find("auth_scheme", 1, true), output)
      assert.is_nil(output:find("AbCdEf", 1, true), output)
      assert.matches("base_url\tstring\thttp://127.0.0.1:8080\n", output)
    end
    assert.matches("access_token\tstring\ttok_env\n", run(SHOW:format(""), { KLAVIYO_ACCESS_TOKEN = "tok_env" }))
    assert.matches("leave out one", run(SHOW:format(""), { KLAVIYO_ACCESS_TOKEN = "a", KLAVIYO_API_KEY = "b" }))
  end)

  it("is named if its value is wrong, and no secret is shown", function()
    for name, value in pairs {
      TIMEOUT = "soon", RETRIES = "1.5", DEBUG = "maybe", PACING = "3", MAX_RESPONSE_BYTES = "-1", DEADLINE = "0",
      MAX_QUEUED_EVENTS = "0", APP_INFO = "a\rb",
    } do
      local output = run("print(pcall(klaviyo.new))", { KLAVIYO_API_KEY = "pk_env", ["KLAVIYO_" .. name] = value })
      assert.matches("^false\t[^\n]*KLAVIYO_" .. name .. " in the environment must be ", output)
      assert.is_nil(output:find("pk_env", 1, true))
    end
  end)

  it("is read when the client is created, not at its calls", function()
    local output = run([[
      local client = klaviyo.new {api_key = "pk_own"}
      local getenv = os.getenv
      os.getenv = function(name) error("asked for " .. name) end
      print(client:with {timeout = 3}:build("get_lists", nil, {retries = 2}).headers.Authorization)
    ]], ENVIRONMENT)
    assert.equal("Klaviyo-API-Key pk_own\n", output)
  end)

  it("provides the revision of klaviyo.document, too", function()
    assert.matches("2025%-01%-15", run('print(require("klaviyo.settings").revision())', ENVIRONMENT))
    assert.matches("2024%-10%-15", run('print(require("klaviyo.settings").revision())', {}))
  end)
end)
