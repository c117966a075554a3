-- The debug log: what is sent and received.
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local SCRIPT = [[
  local klaviyo = require "klaviyo"
  local client = klaviyo.new {
    api_key = os.getenv "SPEC_KEY", base_url = os.getenv "SPEC_URL", proxy = "", pacing = false,
    rate_limit_file = false,
    retries = 1, on_warning = function() end, debug = %s,
  }
  %s
]]

-- The lines that a script logs.
local function logged(answers, text, options)
  local lines = {}
  raw.with({ answers = answers }, function(server)
    local env = { SPEC_KEY = key, SPEC_URL = server.url }
    for name, value in pairs(options and options.env or {}) do
      env[name] = value
    end
    local output = script.run(SCRIPT:format(options and options.debug or "nil", text), { env = env })
    for line in output:gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
  end)
  return lines
end

local DEBUG = { debug = "true" }

describe("debug", function()
  it("logs every attempt: method, URL, status, times, id and bodies", function()
    local lines = logged({
      { status = 503, body = "busy" },
      { body = '{"data":[]}', headers = { ["X-Request-Id"] = "abc-1" } },
    }, [[assert(client:call("get_lists", {sort = "name"}))]], DEBUG)
    assert.equal(2, #lines)
    assert.matches("^klaviyo debug: get_lists attempt 1: GET http://[%d.:]+/api/lists%?sort=name, body none: "
      .. "503 in %d%.%d+ s", lines[1])
    assert.matches("^klaviyo debug: get_lists attempt 2: GET %S+, body none: 200 in %d%.%d+ s.*, id abc%-1, "
      .. 'answer 11 bytes: {"data":%[%]}$', lines[2])
  end)

  it("logs requests that fail without a response, and background requests", function()
    local lines = logged({ { send = 0, after = "reset" } }, [[
      client:call("create_list", {body = {data = {type = "list", attributes = {name = "x"}}}})
      client.events:track {metric = "A", profile = {email = "a@example.com"}, properties = {}}
    ]], DEBUG)
    assert.matches('create_list attempt 1: POST %S+, body %d+ bytes: {"data".*: %a.* in %d', lines[1])
    assert.matches("create_event queued: POST %S+/api/events, body ", lines[2])
  end)

  it("cuts bodies, and shows no secret", function()
    local body = ('{"data":{"type":"x","attributes":{"secret_key":"s3cr3t-of-a-webhook","a":"%s","text":"%s"}}}')
      :format(key, ("é"):rep(5000))
    local lines = logged({ { body = body } }, ([[
      client:request {method = "POST", path = "/api/x", query = {access_token = "tok-of-a-query"}, body = %q}
    ]]):format(body), DEBUG)
    assert.equal(1, #lines)
    assert.is_true(#lines[1] < 1600, #lines[1])
    assert.matches("secret_key\":\"%[redacted%]", lines[1])
    assert.matches("access_token=%[redacted%]", lines[1])
    for _, secret in ipairs { key, "s3cr3t", "tok-of-a-query" } do
      assert.is_nil(lines[1]:find(secret, 1, true), secret)
    end
  end)

  it("shows no password of a URL, not even one with an @", function()
    local lines = logged({ { body = "{}" } }, [[
      client:request {method = "POST", path = "/api/x", body = '{"url":"https://user:p@ss-of-a-url@example.com/"}'}
    ]], DEBUG)
    assert.matches("https://%[redacted%]@example.com/", lines[1])
    assert.is_nil(lines[1]:find("ss-of-a-url", 1, true))
  end)

  it("is also set by KLAVIYO_DEBUG, unless the program passes false", function()
    local call = [[client:call("get_lists")]]
    assert.equal(1, #logged({ { body = "{}" } }, call, { env = { KLAVIYO_DEBUG = "1" } }))
    assert.same({}, logged({ { body = "{}" } }, call, { env = { KLAVIYO_DEBUG = "0" } }))
    assert.same({}, logged({ { body = "{}" } }, call))
    assert.same({}, logged({ { body = "{}" } }, call, { debug = "false", env = { KLAVIYO_DEBUG = "1" } }))
  end)
end)
