local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

local webhook = klaviyo.webhook

local SECRET = "0123456789abcdef"
local HEADER_TIME = "Thu, 04 Jan 2024 18:05:25 GMT"
local EMPTY = '{"data":[],"meta":{}}'
local EMPTY_SIGNATURE = "3d6ac34e7b2315a091182b2d9b5fc85b6bd87efa767bbf4e3d4603a2b22644ee"

local SENT = "2024-01-04T23:05:25.123456+00:00"
local SENT_EPOCH = 1704409525 -- five hours later than the header, which is local time

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

-- Returns the arguments of a valid request, some of them replaced.
local function arguments(replaced)
  local all = {body = FULL, timestamp = HEADER_TIME, secret = SECRET, now = SENT_EPOCH}
  for name, value in pairs(replaced or {}) do
    all[name] = value
  end
  if all.signature == nil and all.headers == nil then
    all.signature = webhook.sign {body = all.body, timestamp = HEADER_TIME, secret = SECRET}
  end
  return all
end

local function without(all, ...)
  for _, name in ipairs {...} do
    all[name] = nil
  end
  return all
end

local function assert_rejected(kind, status, all)
  local document, err = webhook.verify(all)
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

local function raises(pattern, call, argument)
  local ok, message = pcall(call, argument)
  assert.is_false(ok)
  assert.matches(pattern, message)
  assert.is_nil(message:find(SECRET, 1, true))
  return message
end

describe("webhook.sign", function()
  it("returns the known signature", function()
    assert.equal(EMPTY_SIGNATURE, webhook.sign {body = EMPTY, timestamp = HEADER_TIME, secret = SECRET})
  end)

  it("signs any bytes of the body with any bytes of the secret", function()
    local function sign(body, secret)
      return webhook.sign {body = body, timestamp = HEADER_TIME, secret = secret}
    end
    assert.not_equal(sign("a\0b", "s"), sign("a\0c", "s"))
    assert.not_equal(sign("a", "s\0b"), sign("a", "s\0c"))
    assert.equal(64, #sign(("x"):rep(5000000), ("s"):rep(100000)))
    assert.equal(64, #sign("", "s"))
  end)

  it("raises for wrong arguments", function()
    raises("webhook.sign: body is missing", webhook.sign, {timestamp = HEADER_TIME, secret = SECRET})
    raises("timestamp must be a string, not 1", webhook.sign, {body = "", timestamp = 1, secret = SECRET})
    raises("webhook.sign: secret is missing", webhook.sign, {body = "", timestamp = ""})
    raises("secret must be a string that is not empty", webhook.sign, {body = "", timestamp = "", secret = ""})
    raises('unknown option of webhook.sign "secrt"; did you mean "secret"', webhook.sign, {secrt = SECRET})
    raises("webhook.sign takes a table of options, not a string", webhook.sign, EMPTY)
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
    local document = assert(webhook.verify(arguments()))
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
    local document = assert(webhook.verify(arguments {body = body}))
    assert.equal(1000, #document.data)
    assert.equal(("é\0"):rep(500), document.data[1000].payload.text)
  end)

  it("rejects another body, timestamp or secret", function()
    local signature = arguments().signature
    assert_rejected("signature", 401, arguments {body = FULL .. " ", signature = signature})
    assert_rejected("signature", 401, arguments {body = FULL:gsub("01HOOK", "01HOOL"), signature = signature})
    assert_rejected("signature", 401, arguments {body = FULL .. "\0", signature = signature})
    assert_rejected("signature", 401, arguments {timestamp = "Thu, 04 Jan 2024 18:05:26 GMT", signature = signature})
    assert_rejected("signature", 401, arguments {timestamp = "", signature = signature})
    assert_rejected("signature", 401, arguments {secret = "0123456789abcdeg", signature = signature})
    assert_rejected("signature", 401, arguments {secret = SECRET .. "\0x", signature = signature})
  end)

  it("rejects a signature that differs in one byte", function()
    local signature = arguments().signature
    for size = 0, 63 do
      assert_rejected("signature", 401, arguments {signature = signature:sub(1, size)})
    end
    for i = 1, 64 do
      local digit = signature:sub(i, i) == "0" and "1" or "0"
      assert_rejected("signature", 401, arguments {
        signature = signature:sub(1, i - 1) .. digit .. signature:sub(i + 1)})
    end
    assert_rejected("signature", 401, arguments {signature = signature .. "0"})
    assert_rejected("signature", 401, arguments {signature = signature .. "\0"})
    assert_rejected("signature", 401, arguments {signature = "sha256=" .. signature})
    assert_rejected("signature", 401, arguments {signature = (signature:gsub("%x%x", function(hex)
      return string.char(tonumber(hex, 16))
    end))})
  end)

  -- The service writes lower case, and no proxy changes a header's value.
  it("rejects upper-case hex", function()
    assert_rejected("signature", 401, arguments {signature = arguments().signature:upper()})
  end)

  it("returns, and does not raise, when the request has no signature or timestamp", function()
    local err = assert_rejected("signature", 401, without(arguments(), "signature"))
    assert.matches("Klaviyo%-Signature is missing", err.message)
    err = assert_rejected("signature", 401, without(arguments(), "timestamp"))
    assert.matches("Klaviyo%-Timestamp is missing", err.message)
    err = assert_rejected("signature", 401, without(arguments(), "timestamp", "signature"))
    assert.matches("Klaviyo%-Signature is missing", err.message)
  end)

  it("does not decode a body before it has verified the signature", function()
    assert_rejected("signature", 401, arguments {body = "no JSON", signature = ("0"):rep(64)})
  end)
end)

describe("webhook.verify, with several secrets", function()
  it("accepts any of them", function()
    local OLD, NEW = "the old one of them", "the new one of them"
    for _, secrets in ipairs {{SECRET}, {SECRET, NEW}, {OLD, NEW, SECRET}} do
      assert(webhook.verify(without(arguments {secrets = secrets}, "secret")))
    end
  end)

  it("rejects any other", function()
    assert_rejected("signature", 401, without(arguments {
      secrets = {"the old one of them", "the new one of them"}}, "secret"))
  end)

  it("raises if there are none, both, or one is not a secret", function()
    raises("webhook.verify: secret is missing; pass the secret_key", webhook.verify, without(arguments(), "secret"))
    raises("webhook.verify: set secret or secrets, not both", webhook.verify, arguments {secrets = {SECRET}})
    raises("secrets must be a list of one string or more, not an empty table", webhook.verify,
      without(arguments {secrets = {}}, "secret"))
    raises("secrets must be a list of one string or more", webhook.verify,
      without(arguments {secrets = SECRET}, "secret"))
    local _, message = pcall(webhook.verify, without(arguments {secrets = SECRET}, "secret"))
    assert.is_nil(message:find(SECRET, 1, true))
    raises("secrets%[2%] has 0 characters", webhook.verify, without(arguments {secrets = {SECRET, ""}}, "secret"))
    raises("secrets%[2%] must be a string, not a number", webhook.verify,
      without(arguments {secrets = {SECRET, 7}}, "secret"))
    raises("secret has 0 characters", webhook.verify, arguments {secret = ""})
    raises("webhook.verify: secret has 3 characters; .* has at least 16", webhook.verify, arguments {secret = "abc"})
    raises("secrets%[2%] has 15 characters", webhook.verify,
      without(arguments {secrets = {SECRET, ("x"):rep(15)}}, "secret"))
    raises("secret must be a string, not a table", webhook.verify, arguments {secret = {SECRET}})
  end)
end)

describe("webhook.verify, with headers", function()
  local signature = arguments().signature

  local function with(headers, secret)
    return without(arguments {headers = headers, secret = secret}, "timestamp")
  end

  it("finds the three fields in upper and lower case", function()
    for _, change in ipairs {string.lower, string.upper, function(name) return name end} do
      assert(webhook.verify(with {
        [change "Klaviyo-Signature"] = signature,
        [change "Klaviyo-Timestamp"] = HEADER_TIME,
        [change "Klaviyo-Webhook-Id"] = "01HOOK",
        Host = "shop.example", [1] = "one", Cookie = {"a", "b"},
      }))
    end
    assert_rejected("webhook_id", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME, ["klaviyo-webhook-id"] = "01OTHER",
    })
  end)

  it("rejects a request that lacks a field, or has one twice", function()
    assert_rejected("signature", 401, with {})
    local err = assert_rejected("signature", 401, with {["klaviyo-signature"] = signature})
    assert.matches("Klaviyo%-Timestamp is missing", err.message)
    err = assert_rejected("signature", 401, with {
      ["klaviyo-signature"] = {signature, signature}, ["klaviyo-timestamp"] = HEADER_TIME,
    })
    assert.matches("Klaviyo%-Signature comes more than once", err.message)
    err = assert_rejected("signature", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME, ["Klaviyo-Timestamp"] = HEADER_TIME,
    })
    assert.matches("Klaviyo%-Timestamp comes more than once", err.message)
    assert_rejected("webhook_id", 401, with {
      ["klaviyo-signature"] = signature, ["klaviyo-timestamp"] = HEADER_TIME,
      ["klaviyo-webhook-id"] = {"01HOOK", "01HOOK"},
    })
  end)

  it("accepts a list with one value", function()
    assert(webhook.verify(with {
      ["klaviyo-signature"] = {signature}, ["klaviyo-timestamp"] = {HEADER_TIME},
    }))
  end)

  -- a server may pass a list of values unchanged
  it("rejects lists in single arguments, too", function()
    assert_rejected("signature", 401, arguments {signature = {signature, signature}})
    assert_rejected("signature", 401, arguments {timestamp = {HEADER_TIME, HEADER_TIME}})
  end)

  it("prefers single arguments", function()
    assert(webhook.verify(arguments {
      headers = {["klaviyo-signature"] = "wrong", ["klaviyo-timestamp"] = "wrong"}, signature = signature,
    }))
  end)
end)

describe("webhook.verify, with a webhook id", function()
  it("requires the id in the body", function()
    assert(webhook.verify(arguments {webhook_id = "01HOOK"}))
    assert_rejected("webhook_id", 401, arguments {webhook_id = "01OTHER"})
    assert_rejected("webhook_id", 401, arguments {webhook_id = "01hook"})
    assert_rejected("webhook_id", 401, arguments {webhook_id = ""})
  end)

  it("compares the ids only if both are present", function()
    assert(webhook.verify(arguments {webhook_id = nil}))
    assert(webhook.verify(arguments {body = EMPTY, webhook_id = "01HOOK"}))
    assert(webhook.verify(arguments {body = '{"data":[]}', webhook_id = "01HOOK"}))
    assert(webhook.verify(arguments {body = '{"data":[],"meta":{"klaviyo_webhook_id":null}}', webhook_id = "01HOOK"}))
  end)
end)

describe("webhook.verify, with a timestamp", function()
  it("accepts a difference of 300 seconds to the timestamp of the body, not of the header", function()
    assert(webhook.verify(arguments {now = SENT_EPOCH + 300}))
    assert(webhook.verify(arguments {now = SENT_EPOCH - 299}))
    local err = assert_rejected("stale", 401, arguments {now = SENT_EPOCH + 302})
    assert.matches("30[12] s old", err.message)
    err = assert_rejected("stale", 401, arguments {now = SENT_EPOCH - 302})
    assert.matches("302 s in the future", err.message)
    assert_rejected("stale", 401, arguments {now = SENT_EPOCH - 5 * 3600})
  end)

  it("uses the clock without `now`", function()
    assert_rejected("stale", 401, without(arguments(), "now"))
    local now = body_of {timestamp = os.date("!%Y-%m-%dT%H:%M:%SZ")}
    assert(webhook.verify(without(arguments {body = now}, "now")))
  end)

  it("accepts another tolerance", function()
    assert(webhook.verify(arguments {tolerance = 3600, now = SENT_EPOCH + 3599}))
    assert_rejected("stale", 401, arguments {tolerance = 3600, now = SENT_EPOCH + 3602})
    assert_rejected("stale", 401, arguments {tolerance = 0, now = SENT_EPOCH + 1})
    assert(webhook.verify(arguments {tolerance = math.huge, now = 0}))
  end)

  it("reads offsets, and assumes UTC without one", function()
    for _, timestamp in ipairs {
      "2024-01-04T23:05:25Z", "2024-01-05T00:05:25+01:00", "2024-01-04T18:05:25-05:00",
      "2024-01-04T23:05:25", "2024-01-04T23:05:25.5", "2024-01-04 23:05:25.123456+00:00", "2024-01-04 23:05:25",
    } do
      local body = body_of {timestamp = timestamp}
      assert(webhook.verify(arguments {body = body, tolerance = 1}))
      assert_rejected("stale", 401, arguments {body = body, tolerance = 1, now = SENT_EPOCH + 3600})
    end
  end)

  it("does not check the age without meta.timestamp, unless tolerance is set", function()
    for _, body in ipairs {
      EMPTY, '{"data":[]}', '{"data":[],"meta":null}', '{"data":[],"meta":{"timestamp":null}}', '{"data":[],"meta":1}',
    } do
      assert(webhook.verify(arguments {body = body, now = 0}))
      for _, tolerance in ipairs {300, 0, 1e9} do
        local err = assert_rejected("stale", 401, arguments {body = body, now = 0, tolerance = tolerance})
        assert.matches("meta.timestamp is missing", err.message)
      end
    end
  end)

  it("rejects a timestamp that it cannot read", function()
    for _, timestamp in ipairs {"yesterday", "", "2024-13-04T23:05:25Z", 1704409525, false, {1}} do
      local err = assert_rejected("stale", 401, arguments {body = body_of {timestamp = timestamp}})
      assert.matches("meta.timestamp cannot be read", err.message)
    end
  end)
end)

describe("webhook.verify, with a signed but invalid body", function()
  it("rejects a body that is not a JSON object with data", function()
    for _, body in ipairs {
      "", "no JSON", "[]", "[1]", "1", "null", '"data"', "{}", '{"data":null}', '{"data":1}', '{"data":[]', "{\0}",
      ("["):rep(100000),
    } do
      assert_rejected("decode", 400, arguments {body = body})
    end
  end)
end)

describe("webhook.verify, wrong usage", function()
  it("raises at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() webhook.verify {secret = SECRET} end)
    assert.is_false(ok)
    assert.matches("^[^\n]*webhook_spec%.lua:" .. line ..
      ": webhook%.verify: body is missing: it must be a string$", message)
  end)

  it("raises for wrong arguments", function()
    raises("webhook.verify takes a table of options, not a string", webhook.verify, "body")
    raises('did you mean "tolerance"', webhook.verify, arguments {tolerence = 1})
    raises("body must be a string, not an empty table", webhook.verify, arguments {body = {}, signature = ""})
    raises("signature must be a string, not 1", webhook.verify, arguments {signature = 1})
    raises("timestamp must be a string, not 1704391525", webhook.verify, arguments {timestamp = 1704391525})
    raises("headers must be a table, not .Klaviyo%-Signature: 0", webhook.verify,
      arguments {headers = "Klaviyo-Signature: 0"})
    for _, tolerance in ipairs {-1, 0 / 0, "300", false} do
      raises("tolerance must be a number of seconds", webhook.verify, arguments {tolerance = tolerance})
    end
    raises("now must be a number of seconds", webhook.verify, arguments {now = "now"})
  end)

  it("is loaded on first use", function()
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
