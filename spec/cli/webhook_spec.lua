-- klaviyo webhook
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"

local SECRET = "0123456789abcdef"
local ENV = {KLAVIYO_WEBHOOK_SECRET = SECRET}

describe("klaviyo webhook", function()
  local function webhook(arguments, options)
    options = options or {}
    return cli.call({"webhook", (table.unpack or unpack)(arguments)}, {env = options.env or ENV, input = options.input})
  end

  local function file(text)
    local path = os.tmpname()
    local handle = assert(io.open(path, "wb"))
    handle:write(text)
    handle:close()
    finally(function() os.remove(path) end)
    return path
  end

  local BODY = ('{"data":[{"external_id":"1","topic":"event:klaviyo.opened_email","payload":{"a":1}}],'
    .. '"meta":{"klaviyo_account_id":"A","klaviyo_webhook_id":"W","timestamp":"%s","version":"1"}}')
    :format(os.date("!%Y-%m-%dT%H:%M:%S+00:00"))

  it("signs a body, and verifies it by these header fields", function()
    local signed = webhook({"sign"}, {input = BODY})
    assert.equal(0, signed.status)
    assert.equal(klaviyo.webhook.sign {body = BODY, secret = SECRET,
      timestamp = signed.out:match("Klaviyo%-Timestamp: ([^\n]+)")}, signed.out:match("Klaviyo%-Signature: (%x+)\n"))
    local result = webhook({"verify", "--headers", file(signed.out)}, {input = BODY})
    assert.equal("", result.err)
    assert.equal('{"external_id":"1","payload":{"a":1},"topic":"event:klaviyo.opened_email"}\n', result.out)
    assert.equal(0, result.status)
  end)

  it("takes the secret and the body from files", function()
    local secret, body = file(SECRET .. "\n"), file(BODY)
    local signed = webhook({"sign", "--secret-file", secret, "--timestamp", "now", body}, {env = {}})
    assert.equal(0, signed.status)
    assert.equal(0, webhook({"verify", "--secret-file", secret, "--timestamp", "now",
      "--signature", signed.out:match("Signature: (%x+)"), body}, {env = {}}).status)
  end)

  it("refuses a wrong signature and an old request with status 1", function()
    local signed = webhook({"sign", "--timestamp", "now"}, {input = BODY}).out:match("Signature: (%x+)")
    local result = webhook({"verify", "--signature", signed, "--timestamp", "now"}, {input = BODY .. " "})
    assert.equal(1, result.status)
    assert.matches("not valid %(signature%)", result.err)
    local old = BODY:gsub('"timestamp":"%d+', '"timestamp":"2001')
    signed = webhook({"sign", "--timestamp", "now"}, {input = old}).out:match("Signature: (%x+)")
    result = webhook({"verify", "--signature", signed, "--timestamp", "now"}, {input = old})
    assert.matches("not valid %(stale%)", result.err)
    assert.equal(0, webhook({"verify", "--signature", signed, "--timestamp", "now", "--tolerance", "inf"},
      {input = old}).status)
  end)

  it("says what is missing", function()
    local result = webhook({"sign"}, {env = {}, input = "{}"})
    assert.equal(4, result.status)
    assert.matches("set KLAVIYO_WEBHOOK_SECRET", result.err)
    assert.equal(2, webhook({"verify"}, {input = "{}"}).status)
    result = webhook({"verify", "--signature", "s", "--timestamp", "t"},
      {env = {KLAVIYO_WEBHOOK_SECRET = "tiny"}, input = "{}"})
    assert.equal(2, result.status)
    assert.matches("at least 16", result.err)
    assert.not_matches("tiny", result.err)
    assert.equal(2, webhook({"sign", "--secret-file", "-"}, {env = {}, input = "{}"}).status)
    assert.equal(2, webhook({"sign", "/nonexistent/file"}).status)
  end)

  it("sends a delivery that the receiver can verify, and no key", function()
    raw.with({answers = {{body = "ok"}}}, function(server)
      local env = {KLAVIYO_WEBHOOK_SECRET = SECRET, KLAVIYO_API_KEY = "pk_mine"}
      local result = webhook({"send", server.url .. "/hooks/k?shop=a%20b", "--topic", "event:klaviyo.clicked_email"},
        {env = env})
      assert.equal("", result.err)
      assert.matches("^200 in %d+ ms\n$", result.out)
      assert.equal(0, result.status)
      local request = server:requests()[1]
      assert.equal("POST", request.method)
      assert.matches("^/hooks/k%?shop=a%%20b$", request.target)
      local text = klaviyo.json.encode(request)
      assert.not_matches("pk_mine", text)
      assert.not_matches(SECRET, text)
      local delivery = assert(klaviyo.webhook.verify {body = request.body, headers = request.headers, secret = SECRET})
      assert.equal("event:klaviyo.clicked_email", delivery.data[1].topic)
    end)
  end)

  it("tells a refusal from a receiver that is not there", function()
    raw.with({answers = {{status = 401, body = "no"}}}, function(server)
      local result = webhook {"send", server.url}
      assert.equal(1, result.status, result.err)
      assert.matches("^401 in", result.out)
      assert.matches("same secret", result.err)
    end)
    local result = webhook {"send", "http://127.0.0.1:1/x"}
    assert.equal(5, result.status)
    assert.not_matches("base%-url", result.err)
    assert.equal(2, webhook({"send", "ftp://127.0.0.1/x"}).status)
  end)

  it("asks for the secret on a terminal, without showing it", function()
    local result = cli.call({"webhook", "sign"}, {env = {}, input = "{}", terminal = {
      stdin = true, stdout = true, stderr = true, read_secret = function() return SECRET end}})
    assert.equal(0, result.status)
    assert.not_matches(SECRET, result.out .. result.err)
  end)

  it("shows the request with --dry-run", function()
    local result = webhook {"send", "http://127.0.0.1:1/x", "--dry-run"}
    assert.equal(0, result.status)
    assert.matches("^POST http://127.0.0.1:1/x\nContent%-Type: application/json\nKlaviyo%-Signature: %x+\n", result.out)
  end)

  it("is a program, too", function()
    local result = cli.run({"webhook", "sign", "--timestamp", "now"}, {env = ENV, input = "{}"})
    assert.same({0, ""}, {result.status, result.err})
  end)
end)
