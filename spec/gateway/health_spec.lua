-- How a gateway tells others whether it works.
local cjson = require "cjson"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local raw_gateway = require "spec.support.raw_gateway"
local script = require "spec.support.script"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

describe("a gateway", function()
  local service, gateway
  local folders = folder.here(teardown)

  after_each(function()
    local started, front = service, gateway
    service, gateway = nil, nil
    raw_gateway.stop(started, front)
  end)

  local function start(settings, answers)
    service, gateway = raw_gateway.start({ answers = answers or { { body = "{}" } } },
      "callers = function() return true end, " .. settings)
  end

  -- Starts one that waits for rate limits, which raw_gateway does not.
  local function start_paced(settings)
    service = require("spec.support.raw").start { answers = { { body = "{}" } } }
    gateway = assert(nginx.gateway({ port = service.port, key = key },
      { workers = 1, settings = "callers = function() return true end, " .. settings }))
  end

  local function request(path, options)
    local text = script.shell(("curl -s -i -m 20 --noproxy '*' %s %s%s"):format(options or "", gateway.base_url, path))
    local head, body = text:match("^(.-)\r\n\r\n(.*)$")
    assert.is_nil(text:find(key, 1, true), "the key is in an answer")
    return tonumber(head:match("^HTTP/%S+ (%d+)")), body, head:lower()
  end

  -- Returns the status of /ready, and the names of the failed checks.
  local function ready()
    local status, body = request("/ready")
    local failed, document = {}, cjson.decode(body)
    for _, check in ipairs(document.checks) do
      if not check.ok then
        failed[#failed + 1] = check.name
      end
    end
    assert.equal(status == 200 and "ok" or "unavailable", document.status)
    return status, table.concat(failed, " "), body
  end

  it("responds to GET and HEAD, and to nothing else", function()
    start('dict = "klaviyo_gateway",')
    for _, path in ipairs { "/health", "/ready" } do
      local status, body, head = request(path)
      assert.equal(200, status)
      assert.equal("ok", cjson.decode(body).status)
      assert.matches("content%-type: application/json", head)
      assert.matches("cache%-control: no%-store", head)
      local length = head:match("content%-length: (%d+)")
      assert.equal(#body, tonumber(length))
      status, body, head = request(path, "--head")
      assert.equal(200, status)
      assert.equal("", body)
      assert.equal(length, head:match("content%-length: (%d+)"))
      for _, method in ipairs { "POST -d x", "PUT -d x", "DELETE", "OPTIONS" } do
        status, body, head = request(path, "-X " .. method)
        assert.equal(405, status)
        assert.equal("method_not_allowed", cjson.decode(body).errors[1].code)
        assert.matches("allow: get, head", head)
      end
    end
    assert.equal(0, #service:requests())
  end)

  it("is not ready without a key", function()
    start([[api_key = function()
      local turn = ngx.shared.klaviyo_gateway:incr("turn", 1, 0)
      if turn == 1 then error("pk_secret_message") end
      if turn == 2 then return nil, "pk_secret_message" end
      return "pk_of_a_function"
    end,]])
    for _ = 1, 2 do
      local status, failed, body = ready()
      assert.equal(503, status)
      assert.equal("keys", failed)
      assert.matches("no key for: default", body)
      assert.is_nil(body:find("pk_", 1, true))
    end
    local status, failed, body = ready()
    assert.same({ 200, "" }, { status, failed })
    assert.is_nil(body:find("pk_", 1, true))
    assert.equal(200, (request("/health")))
  end)

  it("is not ready while the file of the rate limits cannot be locked", function()
    start_paced("")
    assert.equal(200, (ready()))
    local file = gateway.dir .. "/rate-limits"
    script.shell(("flock %s sleep 1.5 >/dev/null 2>&1 & sleep 0.2"):format(file))
    local status, failed, body = ready()
    assert.equal(503, status)
    assert.equal("rate_limit_file", failed)
    assert.matches("does not release its lock", body)
    assert.equal(200, (request("/health")))
    script.shell("sleep 1.5")
    assert.equal(200, (ready()))
  end)

  it("is not ready if the file of the rate limits cannot be opened", function()
    start_paced('rate_limit_file = "/nonexistent/rate-limits",')
    local status, failed = ready()
    assert.same({ 503, "rate_limit_file" }, { status, failed })
  end)

  it("is not ready while all circuits are open", function()
    start('dict = "klaviyo_gateway", circuit = {failures = 1, pause = 0.1},',
      { { status = 502, body = "" }, { body = "{}" } })
    assert.equal(200, (ready()))
    assert.equal(502, (request("/klaviyo/api/lists")))
    local status, failed, body = ready()
    assert.same({ 503, "circuits" }, { status, failed })
    assert.matches("open for: default", body)
    script.shell("sleep 0.15")
    assert.equal(200, (request("/klaviyo/api/lists")))
    assert.equal(200, (ready()))
  end)

  it("is ready while one of its connections can be used", function()
    local dir = folders.new()
    service, gateway = raw_gateway.start({ answers = { { status = 502, body = "" }, { body = "{}" } } }, ([[
      callers = function() return { name = "x", connections = "*" } end, dict = "klaviyo_gateway",
      circuit = {failures = 1},
      oauth = require("klaviyo.oauth").new { client_id = "id", client_secret = "secret", store = %q,
        redirect_uri = "https://app.example/callback", scopes = {"lists:read"} },
      connections = {
        one = function() return nil end,
        two = { account = "not-authorized" },
        three = function()
          return ngx.shared.klaviyo_gateway:get("three") and "pk_three"
        end,
      },]]):format(dir), { replace = { { "location = /health {", [[location = /three {
        content_by_lua_block { ngx.shared.klaviyo_gateway:set("three", true) }
      }
      location = /health {]] } } })
    local status, failed, body = ready()
    assert.same({ 503, "keys" }, { status, failed })
    assert.matches("no key for: one, three, two", body)
    request("/three")
    assert.equal(200, (ready()))
    -- its circuit opens, those of the others are closed
    assert.equal(502, (request("/klaviyo/api/lists", "-H 'Klaviyo-Connection: three'")))
    assert.equal(503, (request("/klaviyo/api/lists", "-H 'Klaviyo-Connection: three'")))
    assert.equal(200, (ready()))
  end)
end)
