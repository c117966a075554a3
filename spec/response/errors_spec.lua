-- The text and the members of errors. Which failure causes which error is
-- checked in spec/transport/failures_spec.lua.
local connect = require "spec.support.connect"
local errors = require "klaviyo.response.errors"
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"

-- Returns the error of a call that gets this response.
local function answered(answer, operation, args)
  local err
  raw.with({ answers = { answer } }, function(server)
    local client = connect(server.url)
    local doc
    doc, err = client:call(operation or "get_profiles", args)
    assert.is_nil(doc)
  end)
  return err
end

local function count(text, needle)
  return select(2, text:gsub((needle:gsub("%p", "%%%0")), ""))
end

describe("an error", function()
  local fixture = sandbox.here(setup, teardown)

  it("has the members that the documentation names", function()
    local _, err = fixture.client:call("get_profile", { id = "none" })
    assert.equal("api", err.kind)
    assert.equal(404, err.status)
    assert.equal("not_found", err.code)
    assert.equal("get_profile", err.operation)
    assert.is_false(err.maybe_sent)
    assert.is_nil(err.retry_after)
    assert.equal(1, #err.errors)
    assert.equal("/data/", err.errors[1].source.pointer)
    assert.equal(1, #err.attempts)
    assert.equal(404, err.attempts[1].status)
    assert.equal(404, err.response.status)
    assert.matches("^{", err.response.body)
    assert.equal("application/vnd.api+json", err.response.headers["content-type"])
    assert.is_true(errors.is(err))
    assert.is_false(errors.is({}))
    assert.is_false(errors.is("x"))
    assert.is_false(errors.is(nil))
  end)

  it("is one line with operation, status, code, detail and pointer", function()
    local _, err = fixture.client:call("get_profile", { id = "none" })
    local text = "404 not_found: A profile with id none does not exist. (/data/)"
    assert.equal(text, err.message)
    assert.equal("klaviyo: get_profile: " .. text, tostring(err))
  end)

  it("says how many more errors there are", function()
    local _, err = fixture.client:call("create_profile", { body = { data = { type = "profile",
      attributes = { frist_name = "A", lsat_name = "B", email = 5 } } } })
    assert.equal(3, #err.errors)
    assert.matches("%(and 2 more%)$", tostring(err))
  end)

  it("can be concatenated with text on either side, and with another error", function()
    local _, err = fixture.client:call("get_profile", { id = "none" })
    local text = tostring(err)
    assert.equal("x" .. text, "x" .. err)
    assert.equal(text .. "x", err .. "x")
    assert.equal(text .. text, err .. err)
    assert.equal("5" .. text, 5 .. err)
    assert.equal(text .. "5", err .. 5)
  end)

  it("can be raised and caught", function()
    local ok, err = pcall(function()
      local doc, why = fixture.client:call("get_profile", { id = "none" })
      return doc or error(why)
    end)
    assert.is_false(ok)
    assert.equal("api", err.kind)
  end)

  it("names the operation of an alias", function()
    local _, err = fixture.client:call("get_list_profiles", { id = "none" })
    assert.equal("get_profiles_for_list", err.operation)
  end)
end)

describe("the text of an error", function()
  it("is one line, whatever the server sent", function()
    for _, body in ipairs {
      "line\nline\r\nline", "\27[31mred\27[0m\7", "\0\1\2", "tab\ttab", "\n", " ",
      '{"errors":[{"code":"a\\nb","detail":"c\\u0000d\\u001b[31m","source":{"pointer":"/x\\ny"}}]}',
      '{"errors":[{"title":"only\\na title"}]}',
    } do
      local err = answered { status = 400, body = body }
      assert.equal(400, err.status)
      assert.is_nil(tostring(err):find("%c"))
      assert.is_nil(err.message:find("%c"))
    end
  end)

  it("is short, and has whole characters", function()
    for _, body in ipairs { ("x"):rep(100000), ("é"):rep(50000), ("a" .. ("é"):rep(50000)),
      '{"errors":[{"detail":"' .. ("ü"):rep(50000) .. '"}]}',
      '{"errors":[{"detail":" ' .. ("ü"):rep(50000) .. '"}]}' } do
      local err = answered { status = 400, body = body }
      assert.is_true(#tostring(err) < 700)
      assert.is_true(#tostring(err) > 150)
      assert.is_nil(tostring(err):gsub("[\194-\244][\128-\191]+", ""):find("[\128-\255]"))
      assert.equal(body, err.response.body)
    end
  end)

  it("has a text if the error is not an error object of the API", function()
    assert.equal("klaviyo: get_profiles: 503 an empty body", tostring(answered { status = 503 }))
    assert.equal("klaviyo: get_profiles: 418 I am a teapot",
      tostring(answered { status = 418, body = "I am a teapot" }))
    assert.equal("klaviyo: get_profiles: 302 redirect to https://evil.example/, not followed",
      tostring(answered { status = 302, headers = { Location = "https://evil.example/" } }))
    assert.equal("klaviyo: get_profiles: 304 redirect to nowhere, not followed", tostring(answered { status = 304 }))
    assert.equal("klaviyo: get_profiles: 400 code: title (filter)", tostring(answered { status = 400,
      body = '{"errors":[{"code":"code","title":"title","source":{"parameter":"filter"}}]}' }))
  end)

  it("says when to retry", function()
    local err = answered { status = 429, headers = { ["Retry-After"] = "30" },
      body = '{"errors":[{"code":"throttled","detail":"Slow down."}]}' }
    assert.equal("klaviyo: get_profiles: 429 throttled: Slow down.; retry after 30 s", tostring(err))
    assert.equal(30, err.retry_after)
  end)
end)

describe("a key that the server returns", function()
  -- Any part of the key but a few first characters, which are not distinctive.
  local function check(err, shown)
    for size = 6, #key do
      for from = 1, #key - size + 1 do
        local part = key:sub(from, from + size - 1)
        assert.is_nil(tostring(err):find(part, 1, true), ("bytes %d to %d of the key"):format(from, from + size - 1))
      end
    end
    assert.equal(shown, count(tostring(err), "[redacted]"))
  end

  it("is in no message", function()
    check(answered { status = 401, body = "Authorization: Klaviyo-API-Key " .. key }, 1)
    check(answered { status = 200, body = "no JSON: " .. key }, 1)
    check(answered { status = 200, body = '"' .. key .. '"' }, 1)
    check(answered { status = 302, headers = { Location = "https://x.example/?" .. key .. "&" .. key } }, 2)
    check(answered { status = 400, body = '{"errors":[{"code":"' .. key .. '","detail":"' .. key
      .. '","source":{"pointer":"' .. key .. '"}}]}' }, 3)
  end)

  it("is in no message that is truncated", function()
    for before = 150, 205 do
      local err = answered { status = 401, body = ("-"):rep(before) .. key .. ("-"):rep(500) }
      for size = 4, #key do
        assert.is_nil(tostring(err):find(key:sub(1, size), 1, true), "after " .. before .. " bytes")
      end
    end
  end)

  it("is in no message of a long error object", function()
    for before = 440, 520, 4 do
      local err = answered { status = 400,
        body = '{"errors":[{"code":"c","detail":"' .. ("-"):rep(before) .. key .. ("-"):rep(500) .. '"}]}' }
      for size = 4, #key do
        assert.is_nil(tostring(err):find(key:sub(1, size), 1, true), "after " .. before .. " bytes")
      end
    end
  end)

  it("is in no message, however often it is returned", function()
    local err = answered { status = 401, body = key:rep(100) }
    for size = 4, #key do
      assert.is_nil(tostring(err):find(key:sub(1, size), 1, true))
    end
  end)

  it("is in no message if it came from a function and has changed", function()
    raw.with({ answers = { { status = 403, body = "first-key-0 second-key-0 third-key-0" } } }, function(server)
      local keys = { "first-key-0", "second-key-0" }
      local client = connect(server.url, { api_key = function()
        return table.remove(keys, 1) or "third-key-0"
      end })
      local _, err = client:call("get_lists")
      assert.equal("403 [redacted] second-key-0 third-key-0", (err.message:gsub(" %(the key.*", "")))
      _, err = client:call("get_lists")
      assert.equal("403 first-key-0 [redacted] third-key-0", (err.message:gsub(" %(the key.*", "")))
    end)
  end)

  it("is in no message if it is a token", function()
    raw.with({ answers = { { status = 401, body = "token tok-0123456789 is bad" } } }, function(server)
      local client = connect(server.url, { access_token = "tok-0123456789" })
      local _, err = client:call("get_lists")
      assert.equal("401 token [redacted] is bad", err.message)
    end)
  end)
end)

-- A regression: the message was that of the first of all errors.
describe("several error objects", function()
  it("read as the first of them", function()
    local objects = {{ code = "a", detail = "One." }, { code = "b", detail = "Two." }}
    assert.equal("400 a: One. (and 1 more)", errors.summary(400, objects))
    assert.equal("b: Two.", errors.summary(nil, { objects[2] }))
  end)
end)

-- A regression: it was null, or 17.0.
describe("a code", function()
  it("is text, or absent", function()
    for written, code in pairs {
      ["null"] = false, ["17"] = "17", ["17.0"] = "17", ["1.5"] = false, ["true"] = false, ["{}"] = false,
      ['""'] = false, ['"invalid"'] = "invalid", ["123456789012"] = "123456789012",
    } do
      local err = answered { status = 400, body = ('{"errors":[{"code":%s,"detail":"No."}]}'):format(written) }
      assert.equal("api", err.kind)
      assert.equal(code or nil, err.code)
      assert.equal(("klaviyo: get_profiles: 400 %sNo."):format(code and code .. ": " or ""), tostring(err))
    end
    local err = answered { status = 400, body = '{"errors":[null]}' }
    assert.is_nil(err.code)
    assert.equal("klaviyo: get_profiles: 400 klaviyo.null", tostring(err))
  end)
end)

describe("duplicate_id", function()
  local fixture = sandbox.here(setup, teardown)

  it("is the id of the profile that already has the address", function()
    local made = assert(fixture.client.profiles:create { email = "twice@example.com" })
    local doc, err = fixture.client.profiles:create { email = "twice@example.com" }
    assert.is_nil(doc)
    assert.equal(409, err.status)
    assert.equal("duplicate_profile", err.code)
    assert.equal(made.data.id, err.duplicate_id)
    assert(fixture.client.profiles:update(err.duplicate_id, { first_name = "Ann" }))
  end)

  it("is absent if the service returns none", function()
    for _, meta in ipairs { "null", "{}", '{"duplicate_profile_id":null}', '{"duplicate_profile_id":7}', '"x"' } do
      local err = answered({ status = 409, body = ('{"errors":[{"code":"x","meta":%s}]}'):format(meta) },
        "create_profile", { body = "{}" })
      assert.equal(409, err.status)
      assert.is_nil(err.duplicate_id)
    end
    assert.is_nil(select(2, fixture.client.profiles:get("none")).duplicate_id)
  end)
end)

-- A regression: it raised "must give a string", and the reason was lost.
describe("a key function that returns no key", function()
  local function refusing(reason)
    return function() return nil, reason end
  end

  local function check(err, reason)
    assert.is_true(errors.is(err))
    assert.equal("auth", err.kind)
    assert.equal(reason, err.cause)
    assert.is_false(err.maybe_sent)
    assert.same({}, err.attempts)
    assert.is_nil(err.status)
  end

  it("has its reason in the error of the call", function()
    raw.with({ answers = { { body = '{"data":[]}' } } }, function(server)
      for _, name in ipairs { "access_token", "api_key" } do
        local client = connect(server.url, { [name] = refusing("invalid_grant"),
          [name == "api_key" and "access_token" or "api_key"] = nil })
        local doc, err = client:call("get_lists")
        assert.is_nil(doc)
        check(err, "invalid_grant")
        assert.equal(("klaviyo: get_lists: the function %s returned nil: invalid_grant"):format(name), tostring(err))
        doc, err = client:build("get_lists")
        assert.is_nil(doc)
        check(err, "invalid_grant")
        doc, err = client.lists:each():next()
        assert.is_nil(doc)
        check(err, "invalid_grant")
        doc, err = client.lists:all()
        assert.is_nil(doc)
        check(err, "invalid_grant")
        doc, err = client.events:track { metric = "A", profile = { email = "a@example.com" }, properties = {} }
        assert.is_nil(doc)
        check(err, "invalid_grant")
        assert.equal("create_event", err.operation)
        local ok, raised = pcall(function() for _ in client.lists:pages() do error("no page is there") end end)
        assert.is_false(ok)
        check(raised, "invalid_grant")
        local klaviyo = require "klaviyo"
        klaviyo.run(function()
          doc, err = klaviyo.spawn(function() return client:call("get_lists") end):wait()
        end)
        assert.is_nil(doc)
        check(err, "invalid_grant")
      end
      assert.equal(0, #server:requests())
    end)
  end)

  it("may return a klaviyo.Error as the reason, or none", function()
    local cause = errors.new { kind = "timeout", message = "too late" }
    local client = connect("http://127.0.0.1:1", { access_token = refusing(cause) })
    local _, err = client:call("get_lists")
    check(err, cause)
    assert.equal("the function access_token returned nil: klaviyo: too late", err.message)
    _, err = connect("http://127.0.0.1:1", { access_token = refusing() }):call("get_lists")
    check(err, nil)
    assert.equal("the function access_token returned nil without a reason", err.message)
  end)

  it("that fails after a 401 is the error of the call, without the old key", function()
    raw.with({ answers = { { status = 401, body = '{"errors":[{"code":"not_authenticated"}]}' } } }, function(server)
      local client = connect(server.url, { access_token = function(refused)
        if refused then return nil, "no token in place of " .. refused end
        return "tok-0123456789"
      end })
      for _, call in ipairs { function() return client:call("get_lists") end,
        function() return client.lists:each():next() end } do
        local doc, err = call()
        assert.is_nil(doc)
        assert.equal("auth", err.kind)
        assert.equal("the function access_token returned nil: no token in place of [redacted]", err.message)
      end
    end)
  end)
end)

it("an error names the scopes of a key only if a 403 may mean that", function()
  local document = '{"errors":[{"code":"permission_denied","detail":"%s"}]}'
  for body, advice in pairs {
    [document:format "You do not have permission to perform this action."] = " (the key needs lists:read)",
    [document:format "You must have Advanced KDP enabled to use this endpoint."] = "",
    ["<html><title>Just a moment...</title></html>"] = "",
    ['{"errors":[{"code":"country_blocked","detail":"No."}]}'] = "",
    ['{"errors":["permission_denied"]}'] = "",
  } do
    raw.with({ answers = { { status = 403, body = body } } }, function(server)
      local _, err = connect(server.url):call("get_lists")
      assert.equal(advice, err.message:match(" %(the key needs.*$") or "")
    end)
  end
end)
