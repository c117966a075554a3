-- klaviyo.webhook.handler in a real nginx, configured by
-- examples/nginx/webhook.conf.
local json = require "klaviyo.json"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local webhook = require "klaviyo.webhook"

local quote = script.quote
local SECRET = "0123456789abcdef"

if not rawget(_G, "ngx") then
  it("klaviyo.webhook.handler is for nginx, and says so", function()
    local ok, message = pcall(function()
      webhook.handler { secret = SECRET, on_event = print }
    end)
    assert.is_false(ok)
    assert.matches("receiver_spec%.lua:%d+: webhook%.handler is for nginx's Lua module", message)
  end)
end

if not rawget(_G, "jit") then
  return -- what runs in nginx is LuaJIT in any case: once is enough
elseif nginx.missing() then
  pending("the receiver's specs: " .. nginx.missing())
  return
end

local SETTINGS = [[
      secrets = {os.getenv("KLAVIYO_WEBHOOK_SECRET"), "the one before it"},
      dict = "klaviyo_webhooks", max_body_bytes = 2 * 1024 * 1024,
      on_event = function(event, document)
        if event.topic == "raise" then error("of the handler's own", 0) end
        ngx.sleep(0.02)
        local file = io.open(ngx.config.prefix() .. "events.txt", "a")
        file:write(event.external_id or "none", " ", event.topic, " ", #document.data, "\n")
        file:close()
      end,
]]

local number = 0

local function id()
  number = number + 1
  return ("id-%d"):format(number)
end

local function document(events, at)
  return json.encode {
    data = json.array(events),
    meta = { timestamp = os.date("!%Y-%m-%dT%H:%M:%S+00:00", at or os.time()), klaviyo_webhook_id = "hook",
      klaviyo_account_id = "ABC123", version = "1" },
  }
end

local function event(external_id, topic)
  return { external_id = external_id, topic = topic or "event:klaviyo.sent_sms", payload = { data = {} } }
end

describe("klaviyo.webhook.handler", function()
  local server

  setup(function()
    local text = assert(require("klaviyo.sandbox.shell").read("examples/nginx/webhook.conf"))
    local first, last = text:find("handler {\n.-\n    }\n")
    server = assert(nginx.start {
      text = text:sub(1, first - 1) .. "handler {\n" .. SETTINGS .. "    }\n" .. text:sub(last + 1),
      env = { KLAVIYO_WEBHOOK_SECRET = SECRET },
    })
  end)

  teardown(function()
    local logs = server and server:stop() or ""
    assert.is_nil(logs:find(SECRET, 1, true))
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
  end)

  -- The status of the answer, and what it says.
  local function deliver(body, options)
    options = options or {}
    local timestamp = "Thu, 04 Jan 2024 18:05:25 GMT"
    local name = os.tmpname()
    local file = io.open(name, "wb")
    file:write(options.body or body)
    file:close()
    local headers = {
      ["Klaviyo-Timestamp"] = timestamp, ["Klaviyo-Webhook-Id"] = "hook",
      ["Klaviyo-Signature"] = webhook.sign { body = body, timestamp = timestamp, secret = options.secret or SECRET },
    }
    for header, value in pairs(options.headers or {}) do
      headers[header] = value
    end
    local words = {
      "curl -sS -m 20 --noproxy '*' -H 'Expect:' -H 'Content-Type: application/json' -w '\\n%{http_code}'",
    }
    for header, value in pairs(headers) do
      words[#words + 1] = value and "-H " .. quote(header .. ": " .. value) or nil
    end
    words[#words + 1] = options.method and "-X " .. options.method or "--data-binary @" .. name
    words[#words + 1] = (options.base_url or server.base_url) .. "/webhooks/klaviyo"
    local text = script.shell(table.concat(words, " "))
    os.remove(name)
    local says, status = text:match("^(.*)\n(%d+)$")
    return tonumber(status), says
  end

  local function count_now(external_id)
    local n = 0
    for line in (shell.read(server.dir .. "/events.txt") or ""):gmatch("[^\n]+") do
      if line:find(external_id .. " ", 1, true) == 1 then
        n = n + 1
      end
    end
    return n
  end

  -- Events were told so often: as soon as they were, and then not once more.
  local function told(times, ...)
    for _, external_id in ipairs { ... } do
      shell.wait_for(function() return count_now(external_id) >= times end, 10)
    end
    shell.sleep(0.1)
    for _, external_id in ipairs { ... } do
      assert.equal(times, count_now(external_id), external_id)
    end
  end

  it("answers 202 and hands every event to the timer", function()
    local a, b = id(), id()
    assert.equal(202, (deliver(document { event(a), event(b, "other") })))
    told(1, a, b)
  end)

  it("tells an event once, however often it comes", function()
    local a, b = id(), id()
    for _ = 1, 5 do
      assert.equal(202, (deliver(document { event(a) })))
    end
    assert.equal(202, (deliver(document { event(b), event(a), event(b) })))
    told(1, a, b)
  end)

  it("takes any of its secrets, and no other", function()
    local a = id()
    assert.equal(202, (deliver(document { event(a) }, { secret = "the one before it" })))
    told(1, a)
    local b = id()
    local status, says = deliver(document { event(b) }, { secret = "another" })
    assert.equal(401, status)
    assert.is_nil(says:find(SECRET, 1, true))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Signature"] = false } })))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Timestamp"] = "now" } })))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Webhook-Id"] = "x" } })))
    assert.equal(401, (deliver(document { event(b) }, { body = document { event(b) } .. " " })))
    told(0, b)
  end)

  it("answers 400 to what is old, or no document", function()
    local a = id()
    local status, says = deliver(document({ event(a) }, os.time() - 3600))
    assert.equal(400, status)
    assert.matches("old", says)
    assert.equal(400, (deliver("no JSON")))
    assert.equal(400, (deliver("{}")))
    assert.equal(400, (deliver('{"data":7}')))
    told(0, a)
  end)

  it("takes a long body out of its file, and refuses a longer one", function()
    local long = event(id())
    long.payload.text = ("x"):rep(1500000)
    assert.equal(202, (deliver(document { long })))
    told(1, long.external_id)
    local longer = event(id())
    longer.payload.text = ("x"):rep(2100000)
    assert.equal(413, (deliver(document { longer })))
    assert.equal(413, (deliver(document { longer }, { headers = { ["Transfer-Encoding"] = "chunked" } })))
    told(0, longer.external_id)
  end)

  it("takes POST alone", function()
    for _, method in ipairs { "GET", "PUT", "DELETE" } do
      assert.equal(405, (deliver("{}", { method = method })))
    end
  end)

  it("goes on when on_event raises, and logs it", function()
    local a, b = id(), id()
    assert.equal(202, (deliver(document { event(a, "raise"), event(b) })))
    told(1, b)
    assert.matches("on_event failed for the event " .. a:gsub("%p", "%%%0") .. ": of the handler's own",
      server:logs())
  end)

  it("keeps what it answered when nginx is reloaded", function()
    local list, ids = {}, {}
    for i = 1, 40 do
      ids[i] = id()
      list[i] = event(ids[i])
    end
    assert.equal(202, (deliver(document(list))))
    script.shell("kill -HUP " .. server.process.pid)
    told(1, unpack(ids))
    for i = 10, 40, 10 do
      assert.equal(202, (deliver(document { list[i] }))) -- still known after the reload
    end
    told(1, unpack(ids))
  end)

  it("says what is wrong when nginx starts", function()
    local text = assert(require("klaviyo.sandbox.shell").read("examples/nginx/webhook.conf"))
    local first, last = text:find("handler {\n.-\n    }\n")
    for settings, message in pairs {
      ["on_event = print"] = "give one of secret and secrets",
      ['secret = "", on_event = print'] = "secret is empty",
      ['secret = "x"'] = "on_event must be a function",
      ['secret = "x", on_event = print, dict = "nope"'] = 'no lua_shared_dict "nope"',
      ['secret = "x", on_event = print, on_evnet = 1'] = 'unknown setting of webhook.handler "on_evnet"',
      ['secret = "x", on_event = print, remember = -1'] = "remember must be a number above 0",
    } do
      local started, output = nginx.start {
        text = text:sub(1, first - 1) .. "handler {" .. settings .. "}\n" .. text:sub(last + 1),
      }
      assert.is_nil(started)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)
