-- klaviyo doctor
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local probes = require "klaviyo.cli.doctor.probes"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"

describe("klaviyo doctor", function()
  local fixture = sandbox.here(setup, teardown)

  before_each(function()
    fixture.server:clear_faults()
  end)

  -- Returns the findings by check, and the result.
  local function doctor(env, arguments, run)
    local result = (run or cli.call)({"doctor", (table.unpack or unpack)(arguments or {})}, {env = env})
    local found = {}
    for line in result.out:gmatch("[^\n]+") do
      local one = assert(klaviyo.json.decode(line))
      found[one.check] = one
    end
    return found, result
  end

  it("checks the machine, and then the account by its calls", function()
    local found, result = doctor(cli.environment(fixture.server))
    assert.equal("", result.err)
    assert.equal(0, result.status)
    for _, check in ipairs {"Lua", "libcurl", "libcrypto", "revision", "proxy", "network", "key", "clock", "scopes"} do
      assert.equal("ok", found[check] and found[check].state, check)
    end
    assert.matches("all " .. #probes.LIST .. " to read", found.scopes.detail)
    assert.equal("warning", found["rate limits"].state) -- specs have none
    assert.not_matches(fixture.key, result.out)
  end)

  it("finds a key that the API does not know, and one that is missing", function()
    local found, result = doctor(cli.environment(fixture.server, {KLAVIYO_API_KEY = "pk_wrong"}))
    assert.equal(1, result.status)
    assert.equal("problem", found.key.state)
    assert.matches("auth login", found.key.advice)
    assert.is_nil(found.scopes)
    assert.not_matches("pk_wrong", result.out)
    found, result = doctor {}
    assert.equal(1, result.status)
    assert.equal("none", found.key.detail)
  end)

  it("names the scopes that the key lacks", function()
    for _, operation in ipairs {"get_lists", "get_flows"} do
      fixture.server:fault {operation = operation, status = 403, error = "permission_denied", times = 9}
    end
    local found, result = doctor(cli.environment(fixture.server))
    assert.equal(0, result.status)
    assert.equal("warning", found.scopes.state)
    assert.matches("not: flows:read, lists:read", found.scopes.detail)
    assert.truthy(found.scopes.advice)
  end)

  it("probes each scope with an operation that needs no other", function()
    local newest = "2026-07-15"
    for _, one in ipairs(probes.LIST) do
      local text = klaviyo.operations.describe(one.operation, {revision = newest})
      assert.equal(one.scope, text:match("scopes?:?%s+([^\n]+)"), one.operation)
      assert.matches("GET", text)
    end
  end)

  it("finds no network", function()
    local found, result = doctor {KLAVIYO_API_KEY = "pk_a", KLAVIYO_BASE_URL = "http://127.0.0.1:1"}
    assert.equal(1, result.status)
    assert.equal("problem", found.network.state)
    assert.matches("127.0.0.1:1", found.network.detail, 1, true)
    assert.is_nil(found.clock)
    found, result = doctor({KLAVIYO_API_KEY = "pk_a", KLAVIYO_BASE_URL = "http://127.0.0.1:1"}, {"--offline"})
    assert.equal(0, result.status)
    assert.is_nil(found.network)
  end)

  it("finds a clock that is wrong", function()
    for date, state in pairs {["Thu, 04 Jan 2024 18:05:25 GMT"] = "problem", [false] = "warning"} do
      raw.with({answers = {{status = 401, body = '{"errors":[]}', headers = {Date = date or nil}}}}, function(server)
        local found, result = doctor {KLAVIYO_API_KEY = "pk_a", KLAVIYO_BASE_URL = server.url}
        assert.equal(state, found.clock.state)
        assert.equal(1, result.status)
      end)
    end
  end)

  it("hides the password of a proxy", function()
    local env = cli.environment(fixture.server, {HTTPS_PROXY = "http://ann:pass@proxy:3128", NO_PROXY = "127.0.0.1"})
    local found = doctor(env, {"--offline"})
    assert.equal("$HTTPS_PROXY: http://…@proxy:3128, except for 127.0.0.1", found.proxy.detail)
    found = doctor({all_proxy = "ann:pass@proxy:3128"}, {"--offline"})
    assert.equal("$all_proxy: …@proxy:3128", found.proxy.detail)
  end)

  it("warns of a revision that is retired", function()
    local found = doctor({KLAVIYO_REVISION = "2024-10-15"}, {"--offline"})
    assert.equal("warning", found.revision.state)
    assert.matches("Klaviyo serves 2025", found.revision.detail)
    assert.matches("ends on", doctor({KLAVIYO_REVISION = "2025-04-15"}, {"--offline"}).revision.detail)
  end)

  it("checks the file of the rate limits", function()
    local dir = cli.folder()
    finally(function() os.execute("rm -rf " .. dir) end)
    local function check(path)
      local found = doctor(cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = path}), {"--offline"}, cli.run)
      return found["rate limits"]
    end
    assert.equal("ok", check(dir .. "/limits").state)
    local one = check(dir .. "/none/limits")
    assert.equal("problem", one.state)
    assert.matches("No such file", one.detail)
    assert.matches("KLAVIYO_RATE_LIMIT_FILE", one.advice)
    local pipe = io.popen("ls -A " .. dir)
    assert.equal("limits\n", pipe:read("*a"))
    pipe:close()
  end)

  it("fits a terminal", function()
    for _, columns in ipairs {80, 200} do
      local result = cli.call({"doctor"}, {env = {}, terminal = {
        stdin = true, stdout = true, stderr = true, columns = columns}})
      local text = result.out:gsub("\27%[[%d;]*m", "")
      assert.matches("\nproblem   key          none\n", text)
      for line in text:gmatch("[^\n]+") do
        assert.is_true(#line <= columns, line)
      end
    end
  end)
end)
