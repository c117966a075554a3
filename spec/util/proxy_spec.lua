-- Users and passwords in URLs, and keys on unencrypted connections: faults 28 and 30.
local core = require "klaviyo.core"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local script = require "spec.support.script"
local userinfo = require "klaviyo.util.userinfo"
local warning = require "klaviyo.util.warning"

-- Returns the message that a call raises.
local function raised(fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  message = tostring(message)
  assert.is_nil(message:find("secret", 1, true), message)
  return message
end

local function new(options)
  options.api_key = options.api_key or "pk_0123456789"
  return klaviyo.new(options)
end

describe("a proxy", function()
  it("that libcurl cannot use is an error when it is set; the message does not contain it", function()
    for proxy, why in pairs {
      ["socks9://user:secret@127.0.0.1:1080"] = 'does not support the proxy scheme "socks9"',
      ["ftp://user:secret@127.0.0.1"] = 'does not support the proxy scheme "ftp"',
      ["http://user:secret@"] = "must be host:port",
      ["http://user:secret@host:port"] = "must be",
      ["http://user:secret@host:70000"] = "must be",
      ["http://user:sec/ret@host:3128"] = "must be",
      ["user:secret@ho st"] = "contains a blank",
      ["http://user:secret@[::1"] = "must be",
      ["://user:secret@host"] = "must be",
    } do
      local message = raised(function() new { proxy = proxy } end)
      assert.matches("proxy_spec%.lua:%d+: proxy cannot be used: ", message)
      assert.matches(why, message)
      assert.is_nil(message:find("user", 1, true) and message:find("ret", 1, true), message)
      local client = new { proxy = "" }
      assert.matches(why, raised(function() client:with { proxy = proxy } end))
    end
  end)

  it("of any other form is accepted", function()
    for _, proxy in ipairs { "", "127.0.0.1:3128", "proxy.example", "http://user:p%40ss@proxy.example:3128",
      "socks5h://user:p@ss@127.0.0.1", "HTTPS://proxy", "http://[::1]:8080/", "user:secret@proxy:1",
      "[fe80::1%25lo]:80", "http://bücher.example" } do
      assert.has_no_error(function() new { proxy = proxy } end)
    end
  end)

  it("of the environment is validated too, if it is used", function()
    local text = [[
      local klaviyo = require "klaviyo"
      print(pcall(klaviyo.new, {api_key = "pk_1", base_url = arg[1]}))
      print(pcall(klaviyo.new, {api_key = "pk_1", base_url = arg[1], proxy = ""}))
    ]]
    local BAD, ANOTHER = "socks9://user:secret@127.0.0.1:1", "http://good:1"
    local none = { http_proxy = "", https_proxy = "", HTTPS_PROXY = "", all_proxy = "", ALL_PROXY = "", no_proxy = "" }
    for _, case in ipairs {
      { "https://a.klaviyo.com", { https_proxy = BAD }, "https_proxy" },
      { "https://a.klaviyo.com", { HTTPS_PROXY = BAD }, "HTTPS_PROXY" },
      { "https://a.klaviyo.com", { ALL_PROXY = BAD }, "ALL_PROXY" },
      { "http://127.0.0.1:9", { http_proxy = BAD }, "http_proxy" },
      { "http://127.0.0.1:9", { HTTP_PROXY = BAD } },
      { "https://a.klaviyo.com", { http_proxy = BAD } },
      { "https://a.klaviyo.com", { https_proxy = ANOTHER, all_proxy = BAD } },
      { "https://a.klaviyo.com", { https_proxy = BAD, no_proxy = "localhost, .klaviyo.com" } },
      { "https://a.klaviyo.com", { https_proxy = BAD, no_proxy = "*" } },
    } do
      local env = {}
      for name, value in pairs(none) do env[name] = value end
      for name, value in pairs(case[2]) do env[name] = value end
      local output = script.run(text, { env = env, args = { case[1] } })
      local first, second = output:match("^(%a+)[^\n]*\n(%a+)")
      assert.equal(case[3] and "false" or "true", first, output)
      assert.equal("true", second)
      if case[3] then
        assert.matches(case[3] .. " in the environment cannot be used", output)
      end
      assert.is_nil(output:find("secret", 1, true), output)
    end
  end)

  it("does not show its password in errors or hooks", function()
    local messages = {}
    local client = new { proxy = "http://user:secret@127.0.0.1:9", retries = 1, deadline = 10, pacing = false,
      rate_limit_file = false, on_warning = function() end,
      on_attempt = function(attempt) messages[#messages + 1] = tostring(attempt.error) end }
    local doc, err = client.lists:list()
    assert.is_nil(doc)
    messages[#messages + 1] = tostring(err)
    for _, attempt in ipairs(err.attempts) do
      messages[#messages + 1] = tostring(attempt.error)
    end
    assert.is_true(#messages >= 3)
    assert.is_nil(table.concat(messages, "\n"):find("secret", 1, true))
  end)
end)

describe("userinfo.redacted", function()
  it("removes user and password from every URL, and nothing else", function()
    for text, wanted in pairs {
      ["Unsupported proxy scheme for 'socks9://user:secret@127.0.0.1'"] =
        "Unsupported proxy scheme for 'socks9://[redacted]@127.0.0.1'",
      ["https://a:b@c/ and http://d@e:p@f"] = "https://[redacted]@c/ and http://[redacted]@f",
      ["https://a.klaviyo.com/api/profiles?filter=equals(email,a@b.c)"] =
        "https://a.klaviyo.com/api/profiles?filter=equals(email,a@b.c)",
      ["redis+sentinel://a:b@c/d?sentinel_username=e&sentinel_password=f@g&db=1 is not"] =
        "redis+sentinel://[redacted]@c/d?sentinel_username=[redacted]&sentinel_password=[redacted]"
        .. "&db=1 is not",
      ["no user@example.com here"] = "no user@example.com here",
    } do
      assert.equal(wanted, userinfo.redacted(text))
    end
  end)

  it("redacts the errors of libcurl", function()
    -- not validated before, as with an older libcurl
    local settings = { headers = {}, content_type = "x", timeout = 5, connect_timeout = 5, deadline = 5, retries = 0,
      max_response_bytes = 1000, proxy = "socks9://user:secret@127.0.0.1:1" }
    local _, _, raw_error = core.perform(core.settings(settings), core.request_queue("http://127.0.0.1:1"), "GET",
      "http://127.0.0.1:1/api/lists", nil, false, 5)
    assert.matches("secret", raw_error.reason) -- libcurl's message contains it
    assert.is_nil(userinfo.redacted(raw_error.reason):find("secret", 1, true))
  end)
end)

describe("base_url", function()
  it("with a user and a password is an error that does not show them", function()
    for _, url in ipairs { "https://user:secret@gw.example/klaviyo", "http://secret@127.0.0.1", "https://u:s@secret@h",
      "ftp://user:secret@host" } do
      assert.matches("base_url must not contain a user and a password", raised(function() new { base_url = url } end))
    end
  end)

  it("of Klaviyo is an error without encryption", function()
    for _, url in ipairs { "http://a.klaviyo.com", "http://A.KLAVIYO.com:80", "HTTP://a-client.klaviyo.com/x",
      "http://klaviyo.com", "http://a.klaviyo.com." } do
      local message = raised(function() new { base_url = url } end)
      assert.matches('base_url would send the key unencrypted: use "https://', message)
    end
    for _, url in ipairs { "https://a.klaviyo.com", "http://notklaviyo.com", "http://klaviyo.com.example" } do
      assert.has_no_error(function() new { base_url = url } end)
    end
  end)

  it("of another host without encryption causes one warning", function()
    local server = raw.start { answers = { { body = '{"data":[]}' } } }
    local warnings = {}
    local function note(message)
      if message:find("encrypted", 1, true) then
        warnings[#warnings + 1] = message
      end
    end
    warning.forget()
    -- the proxy receives the request, so that the host need not exist
    for _ = 1, 3 do
      local client = new { base_url = "http://gw.example/klaviyo", proxy = "127.0.0.1:" .. server.port, pacing = false,
        on_warning = note }
      assert(client.lists:list())
      assert(client.lists:list())
    end
    assert.same({ "klaviyo: base_url http://gw.example/klaviyo is not encrypted: others on the network can read the "
      .. "key and the data; use https" }, warnings)
    local near = new { base_url = "http://127.0.0.1:" .. server.port, proxy = "", pacing = false, on_warning = note }
    assert(near.lists:list())
    server:stop()
    assert.equal(1, #warnings)
  end)
end)
