-- What a gateway forbids its callers, and reports to its operator.
local ask = require "spec.support.ask"
local json = require "klaviyo.values.json"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"
local raw_gateway = require "spec.support.raw_gateway"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local function caller(name, limits)
  return ('{ name = "%s", token_sha256 = "%s", %s },'):format(name, require("klaviyo.digest").sha256(name), limits)
end

local CALLERS = "callers = {" .. caller("demo", "")
  .. caller("events", 'scopes = {"events:read", "campaigns:read"}')
  .. caller("both", 'scopes = {"events:read", "profiles:read"}')
  .. caller("listed", 'operations = {"get_events"}')
  .. caller("named", 'operations = {{"get_events", include = {"profile", "attributions"}}}, scopes = {"events:read"}')
  .. caller("reader", 'operations = {"get_events", "get_profile"}') .. "},\n"

local OK = { headers = { ["Content-Type"] = "application/vnd.api+json" }, body = '{"data":[]}' }
local LIST = '{"data":{"type":"list","attributes":{"name":"x"}}}'

describe("a gateway", function()
  local service, gateway

  local start_both = raw_gateway.here(after_each)

  local function start(...)
    service, gateway = start_both(...)
  end

  -- Fault 26
  describe("allows a caller to include", function()
    local function status_of(token, query, path)
      local answer = ask(gateway, { path = (path or "/api/events") .. "?" .. query, token = token })
      return answer.status, answer.document and answer.document.errors and answer.document.errors[1].detail
    end

    it("only resources that its scopes allow", function()
      start({ answers = { OK } }, CALLERS)
      for _, query in ipairs { "include=profile", "include=metric,profile", "%69nclude=profile", "include=%70rofile",
        "include=profil%65", "sort=datetime&include=profile", "include=metric&include=profile",
        "include=metric%2Cprofile",
        "include[]=profile", "include%5B%5D=profile", "include=+profile", "Include=profile", "include=profile.lists",
        "include=nothing", "include=attributions", "include=%2570rofile", "a=b;include=profile" } do
        local status, detail = status_of("events", query)
        assert.equal(403, status, query)
        assert.matches("include", detail)
      end
      assert.equal(0, #service:requests())
      local _, detail = status_of("events", "include=profile&fields[profile]=email")
      assert.equal("include=profile needs the scope profiles:read", detail)
      local status
      status, detail = status_of("events", "include=%FF%C3%A9")
      assert.equal(403, status)
      assert.matches("?é", detail, 1, true)
      for _, query in ipairs { "filter=equals(metric_id,%22x%22)", "include=", "fields[event]=datetime" } do
        assert.equal(200, (status_of("events", query)), query)
      end
      assert.equal(200, (status_of("both", "include=profile")))
      assert.equal(403, (status_of("both", "include=profile,metric")))
      assert.equal(200, (status_of("demo", "include=profile,metric,attributions")))
      assert.equal(200, (status_of("events", "include=campaign-messages", "/api/campaigns")))
      assert.equal(403, (status_of("events", "include=tags", "/api/campaigns")))
      assert.equal(403, (status_of("events", "include=template", "/api/campaign-messages/1")))
    end)

    it("resources that its list of operations reads or names", function()
      start({ answers = { OK } }, CALLERS)
      local status, detail = status_of("listed", "include=profile")
      assert.equal(403, status)
      assert.equal("this caller may not include profile in get_events: it may not use get_profile_for_event", detail)
      assert.equal(200, (status_of("named", "include=profile,attributions")))
      assert.equal(403, (status_of("named", "include=profile,metric")))
      assert.equal(200, (status_of("reader", "include=profile")))
      assert.equal(403, (status_of("reader", "include=metric")))
      assert.equal(3, #service:requests() + 1)
    end)

    it("resources that the operator's function allows", function()
      start({ answers = { OK } }, [[callers = function(request)
        for _, scope in ipairs(request.scopes) do
          if scope == "profiles:read" then return false end
        end
        return true
      end,]])
      assert.equal(200, (status_of("demo", "include=metric")))
      assert.equal(403, (status_of("demo", "include=metric,profile")))
    end)

    it("only names that the operation has", function()
      for entry, message in pairs {
        ['{"get_events", include = {"profiles"}}'] = 'unknown include of get_events in callers%[1%] "profiles"',
        ['{"get_events", includes = {"profile"}}'] = "an operation is {name, include = {…}}, without \"includes\"",
        ["{include = {}}"] = "operations must be a list of names, or of",
        ['{"get_evens"}'] = 'unknown operation of callers%[1%] "get_evens"',
      } do
        local ok, output = nginx.gateway({ port = 1, key = key }, { settings = "callers = {"
          .. caller("x", "operations = {" .. entry .. "}") .. "}," })
        assert.is_nil(ok)
        assert.matches(message, output)
      end
    end)
  end)

  -- Fault 27
  describe("limits the body of a request", function()
    local function send(how, body, options)
      local file = os.tmpname()
      shell.write(file, body)
      local text = script.shell(("curl -sS -m 20 --noproxy '*' %s -H 'Expect:' -H 'Authorization: Bearer demo' "
        .. "-H 'Content-Type: application/vnd.api+json' --data-binary @%s -w '\\n%%{http_code}' %s/klaviyo/api/lists")
        :format(how, file, options and options.base_url or gateway.base_url))
      os.remove(file)
      local answer, status = text:match("^(.*)\n(%d+)$")
      return tonumber(status), answer
    end

    local LIMIT = "callers = function() return true end, max_body_bytes = 2000,"
    local CHUNKED = "-H 'Transfer-Encoding: chunked'"

    it("without Content-Length", function()
      start({ answers = { OK } }, LIMIT)
      local long = '{"data":"' .. ("x"):rep(2500) .. '"}'
      for _, how in ipairs { "", CHUNKED } do
        local status, answer = send(how, long)
        assert.equal(413, status, answer)
        assert.matches("the maximum is 2000 bytes", answer)
      end
      assert.equal(0, #service:requests())
      assert.equal(200, (send(CHUNKED, LIST)))
      assert.equal(LIST, service:requests()[1].body)
      -- a body that nginx buffers in a file
      local file_size = '{"data":"' .. ("x"):rep(100000) .. '"}'
      assert.equal(413, (send(CHUNKED, file_size)))
      assert.equal(1, #service:requests())
    end)

    it("and says so if nginx cannot read it", function()
      start({ answers = { OK } }, LIMIT)
      local answer = script.shell(("printf 'POST /klaviyo/api/lists HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n"
        .. "Authorization: Bearer demo\\r\\nContent-Type: application/json\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        .. "zz\\r\\n' | timeout 10 curl -s --noproxy '*' telnet://127.0.0.1:%d"):format(gateway.port))
      assert.matches("^HTTP/1.1 400 ", answer)
      assert.matches('"code":"invalid","detail":"nginx could not read the request"', answer)
      assert.equal(0, #service:requests())
    end)

    it("over HTTP/2, and drops the body if the operation has none", function()
      local port = shell.free_port {}
      local listen = require("klaviyo.sandbox.program").find():listen_http2("127.0.0.1:" .. port)
      start({ answers = { OK } }, LIMIT, { replace = { { "server_tokens off;", "server_tokens off; " .. listen } } })
      local h2 = { base_url = "http://127.0.0.1:" .. port }
      local how = "--http2-prior-knowledge -H 'Content-Length:' "
      local status, answer = send(how, LIST, h2)
      assert.is_true(status == 411 or status == 200, answer) -- depends on the version of nginx
      assert.equal(200, (send("--http2-prior-knowledge", LIST, h2)))
      local before = #service:requests()
      for _, way in ipairs { how, "--http2-prior-knowledge" } do
        -- curl may fail if the response arrives before it has sent the body
        status = send(way, '{"data":"' .. ("x"):rep(2500) .. '"}', h2)
        assert.is_true(status == 413 or status == 411 or status == 0, tostring(status))
      end
      assert.equal(before, #service:requests())
      for _, way in ipairs { how, "--http2-prior-knowledge " } do
        send(way .. "-X GET", LIST, h2)
      end
      local text = script.shell(("curl -sS -m 20 --noproxy '*' --http2-prior-knowledge -o /dev/null "
        .. "-H 'Authorization: Bearer demo' -w '%%{http_code}' %s/klaviyo/api/lists"):format(h2.base_url))
      assert.equal("200", text)
      for _, request in ipairs(service:requests()) do
        if request.method == "GET" then
          assert.equal("", request.body)
          assert.is_nil(request.headers["transfer-encoding"])
          assert.is_true((request.headers["content-length"] or "0") == "0")
        end
      end
    end)
  end)

  -- Fault 44: a 401 for the gateway's key is not the caller's.
  it("does not blame the caller for the gateway's key, and logs the error", function()
    start({ answers = { { status = 401, headers = { ["WWW-Authenticate"] = "x" }, body = '{"errors":[{}]}' } } },
      "callers = function() return true end,")
    local answer = ask(gateway, { path = "/api/lists?filter=equals(name,'secret@example.com')" })
    assert.equal(502, answer.status)
    assert.equal("key_refused", answer.document.errors[1].code)
    assert.equal("1", answer.headers["x-klaviyo-gateway"])
    assert.is_nil(answer.headers["www-authenticate"])
    assert.truthy(shell.wait_for(function()
      return gateway:logs():find("[alert]", 1, true)
    end))
    assert.matches("klaviyo gateway: get_lists: the service rejected the gateway's API key %(401", gateway:logs())
    assert.is_nil(gateway:logs():find("secret@example.com", 1, true))
  end)

  -- Fault 32
  describe("calls a function for its token", function()
    local TOKEN = [[
      callers = function() return true end, rate_limit_key = "x", rate_limit_file = false,
      access_token = function(rejected)
        running = (running or 0) + 1
        calls = (calls or 0) + 1
        ngx.log(ngx.ALERT, "asked ", calls, " running ", running, " rejected ", tostring(rejected))
        ngx.sleep(0.05)
        running = running - 1
        if rejected then current = "second" end
        return current or "first"
      end,
    ]]

    it("from one request at a time", function()
      start({ answers = { OK } }, TOKEN, { workers = 1 })
      script.shell(("curl -sS -m 20 --noproxy '*' -Z --parallel-immediate -o /dev/null '%s/klaviyo/api/lists?a=[1-8]'")
        :format(gateway.base_url))
      local logs = gateway:logs()
      local _, count = logs:gsub("asked %d+ running 1 ", "")
      assert.equal(8, count)
      assert.is_nil(logs:match("running [2-9]"))
    end)

    it("again after a 401, with the rejected key", function()
      start({ answers = { { status = 401, body = "{}" }, OK } }, TOKEN, { workers = 1 })
      local answer = ask(gateway, { path = "/api/lists" })
      assert.equal(503, answer.status)
      assert.equal("1", answer.headers["retry-after"])
      assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
      assert.equal(200, ask(gateway, { path = "/api/lists" }).status)
      local sent = {}
      for i, request in ipairs(service:requests()) do
        sent[i] = request.headers.authorization
      end
      assert.same({ "Bearer first", "Bearer second", "Bearer second" }, sent)
      local _, count = gateway:logs():gsub("rejected first", "")
      assert.equal(1, count)
    end)

    it("and logs its error, but does not return it to the caller", function()
      start({ answers = { OK } }, [[callers = function() return true end, rate_limit_key = "x",
        access_token = function() return nil, "invalid_grant" end,]])
      local answer = ask(gateway, { path = "/api/lists" })
      assert.equal(503, answer.status)
      assert.equal("no_key", answer.document.errors[1].code)
      assert.is_nil(answer.body:find("invalid_grant", 1, true))
      assert.truthy(shell.wait_for(function()
        return gateway:logs():find("klaviyo gateway: no key: .*invalid_grant")
      end))
    end)
  end)

  it("never logs a query in an error", function()
    start({ answers = { { after = "reset", raw = "" } } }, [[
      callers = function(request)
        if request.target:find("raise") then error("of the rule") end
        return true
      end,]])
    local query = "?filter=equals(email,%22someone@example.com%22)"
    assert.equal(502, ask(gateway, { path = "/api/profiles" .. query }).status)
    assert.equal(500, ask(gateway, { path = "/api/profiles" .. query .. "&raise" }).status)
    service:stop()
    service = nil
    local answer = ask(gateway, { path = "/api/profiles" .. query })
    assert.equal(502, answer.status)
    assert.truthy(shell.wait_for(function()
      local logs = gateway:logs()
      return logs:find("of the rule", 1, true) and select(2, logs:gsub("get_profiles: 502, no response", "")) == 2
    end), gateway:logs())
    assert.is_nil(gateway:logs():find("someone", 1, true))
  end)

  it("raises for an unknown pacing", function()
    for pacing, message in pairs {
      ["{per_sec = 5}"] = 'unknown option of gateway.new: pacing "per_sec"; allowed: per_day',
      ["{per_second = 0}"] = "gateway.new: pacing: per_second must be a whole number from 1 on, not 0",
      ['"fast"'] = "gateway.new: pacing must be true, false or",
    } do
      local ok, output = nginx.gateway({ port = 1, key = key },
        { settings = "callers = function() return true end, pacing = " .. pacing .. "," })
      assert.is_nil(ok)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)

-- Fault 44: a gateway's caller does not need the key's scopes.
it("an error for a gateway's 403 does not name the scopes of a key", function()
  local body = json.encode { errors = { { code = "permission_denied", detail = "this caller may not use get_lists" } } }
  for field, advice in pairs { ["X-Klaviyo-Gateway"] = "", ["X-Other"] = " (the key needs lists:read)" } do
    local service = raw.start { answers = { { status = 403, body = body,
      headers = { ["Content-Type"] = "application/vnd.api+json", [field] = "1" } } } }
    local client = klaviyo.new { api_key = key, base_url = "http://127.0.0.1:" .. service.port, rate_limit_file = false,
      proxy = "", on_warning = function() end }
    local _, err = client.lists:list()
    service:stop()
    assert.equal("403 permission_denied: this caller may not use get_lists" .. advice, err.message)
  end
end)
