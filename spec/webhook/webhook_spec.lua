local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

local webhook = klaviyo.webhook

local SECRET = "0123456789abcdef"
local HEADER_TIME = "Thu, 04 Jan 2024 18:05:25 GMT"
local EMPTY = '{"data":[],"meta":{}}'
local EMPTY_SIGNATURE = "3d6ac34e7b2315a091182b2d9b5fc85b6bd87efa767bbf4e3d4603a2b22644ee"

local SENT = "2024-01-04T23:05:25.123456+00:00"
local SENT_EPOCH = 1704409525 -- and five hours after what the header says

local function body_of(meta)
  return json.encode {
    data = {
      {
        external_id = "5x6qWAfGzKx",
        topic = "event:klaviyo.sent_sms",
        payload = {data = {type = "event", id = "5x6qWAfGzKx"}},
      },
    },
    meta = meta,
  }
end

local FULL = body_of {
  klaviyo_account_id = "ABC123", klaviyo_webhook_id = "01HOOK", timestamp = SENT, version = "2024-10-15",
}

-- A request that is right, with other arguments in place of its own.
local function request(other)
  local given = {body = FULL, timestamp = HEADER_TIME, secret = SECRET, now = SENT_EPOCH}
  for name, value in pairs(other or {}) do
    given[name] = value
  end
  if given.signature == nil and given.headers == nil then
    given.signature = webhook.sign {body = given.body, timestamp = HEADER_TIME, secret = SECRET}
  end
  return given
end

local function without(given, ...)
  for _, name in ipairs {...} do
    given[name] = nil
  end
  return given
end

local function refused(kind, status, given)
  local document, err = webhook.verify(given)
  assert.is_nil(document)
  assert.equal(kind, err.kind)
  assert.equal(status, err.status)
  local text = tostring(err)
  assert.matches("^klaviyo: webhook rejected: ", text)
  assert.equal(text .. "!", err .. "!")
  assert.is_nil(text:find(SECRET, 1, true))
  assert.is_nil(text:find("%x%x%x%x%x%x%x%x%x%x%x%x"))
  return err
end

local function raises(pattern, call, given)
  local ok, message = pcall(call, given)
  assert.is_false(ok)
  assert.matches(pattern, message)
  assert.is_nil(message:find(SECRET, 1, true))
  return message
end

describe("webhook.sign", function()
  it("returns the known signature", function()
    assert.equal(EMPTY_SIGNATURE, webhook.sign {body = EMPTY, timestamp = HEADER_TIME, secret = SECRET})
  end)

  it("signs any bytes, of body and secret alike", function()
    local function sign(body, secret)
      return webhook.sign {body = body, timestamp = HEADER_TIME, secret = secret}
    end
    assert.not_equal(sign("a\0b", "s"), sign("a\0c", "s"))
    assert.not_equal(sign("a", "s\0b"), sign("a", "s\0c"))
    assert.equal(64, #sign(("x"):rep(5000000), ("s"):rep(100000)))
    assert.equal(64, #sign("", "s"))
  end)

  it("raises for wrong arguments", function()
    raises("body must be a string, not nil", webhook.sign, {timestamp = HEADER_TIME, secret = SECRET})
    raises("timestamp must be a string, not number", webhook.sign, {body = "", timestamp = 1, secret = SECRET})
    raises("secret must be a string, not nil", webhook.sign, {body = "", timestamp = ""})
    raises("secret is empty", webhook.sign, {body = "", timestamp = "", secret = ""})
    raises('unknown argument of webhook.sign "secrt"; did you mean "secret"', webhook.sign, {secrt = SECRET})
    raises("expected a table, got string", webhook.sign, EMPTY)
  end)
end)

describe("webhook.verify", function()
  it("accepts the known signature, and returns the document", function()
    local document, err = webhook.verify {
      body = EMPTY, timestamp = HEADER_TIME, signature = EMPTY_SIGNATURE, secret = SECRET,
    }
    assert.is_nil(err)
    assert.same({}, document.data)
    assert.same({}, document.meta)
  end)

  it("returns complete events", function()
    local document = assert(webhook.verify(request()))
    assert.equal(1, #document.data)
    assert.equal("5x6qWAfGzKx", document.data[1].external_id)
    assert.equal("event:klaviyo.sent_sms", document.data[1].topic)
    assert.equal("event", document.data[1].payload.data.type)
    assert.equal("2024-10-15", document.meta.version)
  end)

  it("accepts a body with many events", function()
    local events = {}
    for i = 1, 1000 do
      events[i] = {external_id = tostring(i), topic = "t", payload = {text = ("é\0"):rep(500)}}
    end
    local body = json.encode {data = events, meta = {timestamp = SENT}}
    local document = assert(webhook.verify(request {body = body}))
    assert.equal(1000, #document.data)
    assert.equal(("é\0"):rep(500), document.data[1000].payload.text)
  end)

  it("rejects another body, timestamp or secret", function()
    local signature = request().signature
    refused("signature", 401, request {body = FULL .. " ", signature = signature})
    refused("signature", 401, request {body = FULL:gsub("01HOOK", "01HOOL"), signature = signature})
    refused("signature", 401, request {body = FULL .. "\0", signature = signature})
    refused("signature", 401, request {timestamp = "Thu, 04 Jan 2024 18:05:26 GMT", signature = signature})
    refused("signature", 401, request {timestamp = "", signature = signature})
    refused("signature", 401, request {secret = "0123456789abcdeg", signature = signature})
    refused("signature", 401, request {secret = SECRET .. "\0x", signature = signature})
  end)

  it("rejects a signature that differs in one byte", function()
    local signature = request().signature
    for size = 0, 63 do
      refused("signature", 401, request {signature = signature:sub(1, size)})
    end
    for i = 1, 64 do
      local digit = signature:sub(i, i) == "0" and "1" or "0"
      refused("signature", 401, request {signature = signature:sub(1, i - 1) .. digit .. signature:sub(i + 1)})
    end
    refused("signature", 401, request {signature = signature .. "0"})
    refused("signature", 401, request {signature = signature .. "\0"})
    refused("signature", 401, request {signature = "sha256=" .. signature})
    refused("signature", 401, request {signature = (signature:gsub("%x%x", function(hex)
      return string.char(tonumber(hex, 16))
    end))})
  end)

  -- The service writes lower case; nothing on the way has reason to change it.
  it("rejects upper-case hex", function()
    refused("signature", 401, request {signature = request().signature:upper()})
  end)

  it("returns, and does not raise, when the request has no signature or timestamp", function()
    local err = refused("signature", 401, without(request(), "signature"))
    assert.matches("Klaviyo%-Signature is missing", err.message)
    err = refused("signature", 401, without(request(), "timestamp"))
    assert.matches("Klaviyo%-Timestamp is missing", err.message)
    err = refused("signature", 401, without(request(), "timestamp", "signature"))
    assert.matches("Klaviyo%-Signature is missing", err.message)
  end)

  it("decodes no body before the signature is verified", function()
    refused("signature", 401, request {body = "no JSON", signature = ("0"):rep(64)})
  end)
end)

describe("webhook.verify, with several secrets", function()
  it("accepts any of them", function()
    local OLD, NEW = "the old one of them", "the new one of them"
    for _, secrets in ipairs {{SECRET}, {SECRET, NEW}, {OLD, NEW, SECRET}} do
      assert(webhook.verify(without(request {secrets = secrets}, "secret")))
    end
  end)

  it("rejects any other", function()
    refused("signature", 401, without(request {secrets = {"the old one of them", "the new one of them"}}, "secret"))
  end)

  it("raises if there are none, both, or one is not a secret", function()
    raises("webhook.verify: secret is missing: the secret_key that", webhook.verify, without(request(), "secret"))
    raises("webhook.verify: set secret or secrets, not both", webhook.verify, request {secrets = {SECRET}})
    raises("secrets must be a list of strings", webhook.verify, without(request {secrets = {}}, "secret"))
    raises("secrets must be a list of strings", webhook.verify, without(request {secrets = SECRET}, "secret"))
    raises("secrets%[2%] is empty", webhook.verify, without(request {secrets = {SECRET, ""}}, "secret"))
    raises("secrets%[2%] must be a string, not number", webhook.verify,
      without(request {secrets = {SECRET, 7}}, "secret"))
    raises("secret is empty", webhook.verify, request {secret = ""})
    raises("webhook.verify: secret has 3 characters; .* has at least 16", webhook.verify, request {secret = "abc"})
    raises("secrets%[2%] has 15 characters", webhook.verify,
      without(request {secrets = {SECRET, ("x"):rep(15)}}, "secret"))
    raises("secret must be a string, not table", webhook.verify, request {secret = {SECRET}})
  end)
end)

describe("webhook.verify, with headers", function()
  local signature = request().signature

  local function with(headers, other)
    return without(request {headers = headers, secret = other}, "timestamp")
  end

  it("finds the three fields in any case", function()
    for _, change in ipairs {string.lower, string.upper, function(name) return name end} do
      assert(webhook.verify(with {
        [change "Klaviyo-Signature"] = signature,
        [change "Klaviyo-Timestamp"] = HEADER_TIME,
        [change "Klaviyo-Webhook-Id"] = "01HOOK",
        Host = "shop.example", [1] = "one", Cookie = {"a", "b"},
      }))
    end
    refused("webhook_id", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME, ["klaviyo-webhook-id"] = "01OTHER",
    })
  end)

  it("rejects a request that lacks one, or has one twice", function()
    refused("signature", 401, with {})
    local err = refused("signature", 401, with {["klaviyo-signature"] = signature})
    assert.matches("Klaviyo%-Timestamp is missing", err.message)
    err = refused("signature", 401, with {
      ["klaviyo-signature"] = {signature, signature}, ["klaviyo-timestamp"] = HEADER_TIME,
    })
    assert.matches("Klaviyo%-Signature comes more than once", err.message)
    err = refused("signature", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME, ["Klaviyo-Timestamp"] = HEADER_TIME,
    })
    assert.matches("Klaviyo%-Timestamp comes more than once", err.message)
    refused("webhook_id", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME,
      ["klaviyo-webhook-id"] = {"01HOOK", "01HOOK"},
    })
  end)

  it("accepts a list with one value", function()
    assert(webhook.verify(with {
      ["klaviyo-signature"] = {signature}, ["klaviyo-timestamp"] = {HEADER_TIME},
    }))
  end)

  -- a server's list of values, handed on as it is
  it("rejects lists in single arguments, too", function()
    refused("signature", 401, request {signature = {signature, signature}})
    refused("signature", 401, request {timestamp = {HEADER_TIME, HEADER_TIME}})
  end)

  it("prefers single arguments", function()
    assert(webhook.verify(request {
      headers = {["klaviyo-signature"] = "wrong", ["klaviyo-timestamp"] = "wrong"}, signature = signature,
    }))
  end)
end)

describe("webhook.verify and the webhook's id", function()
  it("requires the id of the body", function()
    assert(webhook.verify(request {webhook_id = "01HOOK"}))
    refused("webhook_id", 401, request {webhook_id = "01OTHER"})
    refused("webhook_id", 401, request {webhook_id = "01hook"})
    refused("webhook_id", 401, request {webhook_id = ""})
  end)

  it("compares the ids only if both are present", function()
    assert(webhook.verify(request {webhook_id = nil}))
    assert(webhook.verify(request {body = EMPTY, webhook_id = "01HOOK"}))
    assert(webhook.verify(request {body = '{"data":[]}', webhook_id = "01HOOK"}))
    assert(webhook.verify(request {body = '{"data":[],"meta":{"klaviyo_webhook_id":null}}', webhook_id = "01HOOK"}))
  end)
end)

describe("webhook.verify and time", function()
  it("accepts 300 seconds either way, by the body's clock and not the header's", function()
    assert(webhook.verify(request {now = SENT_EPOCH + 300}))
    assert(webhook.verify(request {now = SENT_EPOCH - 299}))
    local err = refused("stale", 401, request {now = SENT_EPOCH + 302})
    assert.matches("30[12] s old", err.message)
    err = refused("stale", 401, request {now = SENT_EPOCH - 302})
    assert.matches("302 s in the future", err.message)
    refused("stale", 401, request {now = SENT_EPOCH - 5 * 3600})
  end)

  it("uses the clock without `now`", function()
    refused("stale", 401, without(request(), "now"))
    local now = body_of {timestamp = os.date("!%Y-%m-%dT%H:%M:%SZ")}
    assert(webhook.verify(without(request {body = now}, "now")))
  end)

  it("accepts another tolerance", function()
    assert(webhook.verify(request {tolerance = 3600, now = SENT_EPOCH + 3599}))
    refused("stale", 401, request {tolerance = 3600, now = SENT_EPOCH + 3602})
    refused("stale", 401, request {tolerance = 0, now = SENT_EPOCH + 1})
    assert(webhook.verify(request {tolerance = math.huge, now = 0}))
  end)

  it("reads offsets, and assumes UTC without one", function()
    for _, timestamp in ipairs {
      "2024-01-04T23:05:25Z", "2024-01-05T00:05:25+01:00", "2024-01-04T18:05:25-05:00",
      "2024-01-04T23:05:25", "2024-01-04T23:05:25.5", "2024-01-04 23:05:25.123456+00:00", "2024-01-04 23:05:25",
    } do
      local body = body_of {timestamp = timestamp}
      assert(webhook.verify(request {body = body, tolerance = 1}))
      refused("stale", 401, request {body = body, tolerance = 1, now = SENT_EPOCH + 3600})
    end
  end)

  it("checks no age without meta.timestamp, unless tolerance is set", function()
    for _, body in ipairs {
      EMPTY, '{"data":[]}', '{"data":[],"meta":null}', '{"data":[],"meta":{"timestamp":null}}', '{"data":[],"meta":1}',
    } do
      assert(webhook.verify(request {body = body, now = 0}))
      for _, tolerance in ipairs {300, 0, 1e9} do
        local err = refused("stale", 401, request {body = body, now = 0, tolerance = tolerance})
        assert.matches("meta.timestamp is missing", err.message)
      end
    end
  end)

  it("rejects a timestamp that it cannot read", function()
    for _, timestamp in ipairs {"yesterday", "", "2024-13-04T23:05:25Z", 1704409525, false, {1}} do
      local err = refused("stale", 401, request {body = body_of {timestamp = timestamp}})
      assert.matches("meta.timestamp cannot be read", err.message)
    end
  end)
end)

describe("webhook.verify and bodies that are signed but wrong", function()
  it("rejects a body that is not a JSON object with data", function()
    for _, body in ipairs {
      "", "no JSON", "[]", "[1]", "1", "null", '"data"', "{}", '{"data":null}', '{"data":1}', '{"data":[]', "{\0}",
      ("["):rep(100000),
    } do
      refused("decode", 400, request {body = body})
    end
  end)
end)

describe("webhook.verify, wrong usage", function()
  it("raises at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() webhook.verify {secret = SECRET} end)
    assert.is_false(ok)
    assert.matches("^[^\n]*webhook_spec%.lua:" .. line .. ": webhook%.verify: body must be a string, not nil$", message)
  end)

  it("raises for wrong arguments", function()
    raises("expected a table, got nil", webhook.verify, nil)
    raises('did you mean "tolerance"', webhook.verify, request {tolerence = 1})
    raises("body must be a string, not table", webhook.verify, request {body = {}, signature = ""})
    raises("signature must be a string, not number", webhook.verify, request {signature = 1})
    raises("timestamp must be a string, not number", webhook.verify, request {timestamp = 1704391525})
    raises("headers must be a table, not string", webhook.verify, request {headers = "Klaviyo-Signature: 0"})
    for _, tolerance in ipairs {-1, 0 / 0, "300", false} do
      raises("tolerance must be a number of seconds", webhook.verify, request {tolerance = tolerance})
    end
    raises("now must be a number of seconds", webhook.verify, request {now = "now"})
  end)

  it("is loaded by its first use", function()
    local script = require "spec.support.script"
    local text, status = script.run([[
      local klaviyo = require "klaviyo"
      assert(not package.loaded["klaviyo.digest"])
      assert(klaviyo.webhook.verify and klaviyo.webhook == require "klaviyo.webhook")
      assert(package.loaded["klaviyo.digest"])
      print "yes"
    ]])
    assert.equal("yes\n", text)
    assert.equal(0, status)
  end)
end)
