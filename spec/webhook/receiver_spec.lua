-- klaviyo.webhook.handler in a real nginx, configured by
-- examples/nginx/webhook.conf.
local exposition = require "spec.support.exposition"
local json = require "klaviyo.values.json"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local webhook = require "klaviyo.webhook"

local quote = script.quote
local SECRET = "0123456789abcdef"

if not rawget(_G, "ngx") then
  it("klaviyo.webhook.handler raises an error outside nginx", function()
    local ok, message = pcall(function()
      webhook.handler { secret = SECRET, on_event = print }
    end)
    assert.is_false(ok)
    assert.matches("receiver_spec%.lua:%d+: webhook%.handler is for nginx's Lua module", message)
  end)
end

if not nginx.is_available(pending, "the receiver's specs") then
  return
end

local SETTINGS = [[
      secrets = {os.getenv("KLAVIYO_WEBHOOK_SECRET"), "the previous secret"},
      dict = "klaviyo_webhooks", max_body_bytes = 2 * 1024 * 1024,
      on_event = function(event, document)
        if event.topic == "raise" then error("the handler's error", 0) end
        ngx.sleep(0.02)
        local file = io.open(ngx.config.prefix() .. "events.txt", "a")
        file:write(event.external_id or "none", " ", event.topic, " ", #document.data, "\n")
        file:close()
      end,
]]

local function start(settings, options)
  local text = assert(shell.read("examples/nginx/webhook.conf"))
  local first, last = text:find("handler {\n.-\n    }\n")
  options = options or {}
  options.text = text:sub(1, first - 1) .. "handler {\n" .. settings .. "    }\n" .. text:sub(last + 1)
  options.env = { KLAVIYO_WEBHOOK_SECRET = SECRET }
  return nginx.start(options)
end

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

-- Starts it with metrics.
local function start_with_metrics(settings)
  return start(settings, { workers = 2, replace = {
    { "receive = require", 'require("klaviyo.metrics").start() receive = require' },
    { "location = /webhooks", 'location = /metrics { content_by_lua_block { require("klaviyo.metrics").content() } }'
      .. "location = /webhooks" },
  } })
end

describe("klaviyo.webhook.handler", function()
  local server

  setup(function()
    server = assert(start_with_metrics(SETTINGS))
  end)

  teardown(function()
    local logs = server and server:stop() or ""
    assert.is_nil(logs:find(SECRET, 1, true))
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
  end)

  -- Sends a delivery; returns the status and the body of the response.
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
    local answer, status = text:match("^(.*)\n(%d+)$")
    return tonumber(status), answer
  end

  it("counts the deliveries by what became of them", function()
    local function counted()
      local found = exposition.read((script.shell("curl -sS -m 20 --noproxy '*' " .. server.base_url .. "/metrics")))
      local counts = {}
      for _, result in ipairs { "accepted", "duplicate", "rejected", "failed" } do
        counts[result] = found:sum("klaviyo_webhook_deliveries_total", { result = result })
      end
      return counts
    end
    assert.same({ accepted = 0, duplicate = 0, rejected = 0, failed = 0 }, counted())
    local body = document { event(id()) }
    assert.equal(202, deliver(body))
    shell.wait_for(function()
      return deliver(body) and counted().duplicate > 0
    end)
    assert.equal(401, deliver(body, { secret = "another secret of 20" }))
    assert.equal(400, deliver(document({ event(id()) }, os.time() - 3600)))
    assert.equal(413, deliver(("x"):rep(2 * 1024 * 1024 + 1)))
    assert.equal(202, deliver(document {}))
    assert.equal(405, deliver("", { method = "GET" }))
    local now = counted()
    assert.equal(3, now.rejected)
    assert.equal(0, now.failed)
    assert.is_true(now.accepted >= 2 and now.duplicate >= 1)
  end)

  local function count_now(external_id)
    local n = 0
    for line in (shell.read(server.dir .. "/events.txt") or ""):gmatch("[^\n]+") do
      if line:find(external_id .. " ", 1, true) == 1 then
        n = n + 1
      end
    end
    return n
  end

  -- Waits until on_event was called this often for each event; checks that it was not called again.
  local function assert_calls(times, ...)
    for _, external_id in ipairs { ... } do
      shell.wait_for(function() return count_now(external_id) >= times end, 10)
    end
    shell.sleep(0.1)
    for _, external_id in ipairs { ... } do
      assert.equal(times, count_now(external_id), external_id)
    end
  end

  it("answers 202 and runs on_event for each event in a timer", function()
    local a, b = id(), id()
    assert.equal(202, (deliver(document { event(a), event(b, "other") })))
    assert_calls(1, a, b)
  end)

  it("runs on_event once for an event that is delivered repeatedly", function()
    local a, b = id(), id()
    for _ = 1, 5 do
      assert.equal(202, (deliver(document { event(a) })))
    end
    assert.equal(202, (deliver(document { event(b), event(a), event(b) })))
    assert_calls(1, a, b)
  end)

  it("accepts any of its secrets, and no other", function()
    local a = id()
    assert.equal(202, (deliver(document { event(a) }, { secret = "the previous secret" })))
    assert_calls(1, a)
    local b = id()
    local status, answer = deliver(document { event(b) }, { secret = "another of the same" })
    assert.equal(401, status)
    assert.is_nil(answer:find(SECRET, 1, true))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Signature"] = false } })))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Timestamp"] = "now" } })))
    assert.equal(401, (deliver(document { event(b) }, { headers = { ["Klaviyo-Webhook-Id"] = "x" } })))
    assert.equal(401, (deliver(document { event(b) }, { body = document { event(b) } .. " " })))
    assert_calls(0, b)
  end)

  it("answers 400 to a delivery that is old or not a document", function()
    local a = id()
    local status, answer = deliver(document({ event(a) }, os.time() - 3600))
    assert.equal(400, status)
    assert.matches("old", answer)
    assert.equal(400, (deliver("no JSON")))
    assert.equal(400, (deliver("{}")))
    assert.equal(400, (deliver('{"data":7}')))
    assert_calls(0, a)
  end)

  it("reads a long body from its file, and answers 413 to a longer one", function()
    local long = event(id())
    long.payload.text = ("x"):rep(1500000)
    assert.equal(202, (deliver(document { long })))
    assert_calls(1, long.external_id)
    local longer = event(id())
    longer.payload.text = ("x"):rep(2100000)
    assert.equal(413, (deliver(document { longer })))
    assert.equal(413, (deliver(document { longer }, { headers = { ["Transfer-Encoding"] = "chunked" } })))
    assert_calls(0, longer.external_id)
  end)

  it("accepts only POST", function()
    for _, method in ipairs { "GET", "PUT", "DELETE" } do
      assert.equal(405, (deliver("{}", { method = method })))
    end
  end)

  it("continues if on_event raises an error, and logs it", function()
    local a, b = id(), id()
    assert.equal(202, (deliver(document { event(a, "raise"), event(b) })))
    assert_calls(1, b)
    assert.matches("on_event failed for the event " .. a:gsub("%p", "%%%0") .. ": the handler's error",
      server:logs())
  end)

  it("keeps accepted events when nginx is reloaded", function()
    local list, ids = {}, {}
    for i = 1, 40 do
      ids[i] = id()
      list[i] = event(ids[i])
    end
    assert.equal(202, (deliver(document(list))))
    script.shell("kill -HUP " .. server.process.pid)
    assert_calls(1, unpack(ids))
    for i = 10, 40, 10 do
      assert.equal(202, (deliver(document { list[i] }))) -- still known after the reload
    end
    assert_calls(1, unpack(ids))
  end)

  it("reports wrong settings when nginx starts", function()
    for settings, message in pairs {
      ["on_event = print"] = "webhook.handler: secret is missing",
      ['secret = "0123456789abcdef", secrets = {"0123456789abcdef"}, on_event = print'] =
        "webhook.handler: set secret or secrets",
      ['secret = "", on_event = print'] = "webhook.handler: secret has 0 characters",
      ['secret = "abc", on_event = print'] = "webhook.handler: secret has 3 characters",
      ['secret = "0123456789abcdef", on_event = print, tolerance = -1'] = "webhook.handler: tolerance must be",
      ['secret = "0123456789abcdef", on_event = print, max_running = 0'] =
        "max_running must be a whole number from 1 on, not 0",
      ['secret = "0123456789abcdef", on_event = print, max_queued = 1.5'] = "max_queued must be a whole number",
      ['secret = "0123456789abcdef"'] = "webhook.handler: on_event is missing",
      ['secret = "0123456789abcdef", on_event = print, dict = "nope"'] = 'no lua_shared_dict "nope"',
      ['on_evnet = 1'] = 'unknown option of webhook.handler "on_evnet"',
      ['secret = "0123456789abcdef", on_event = print, remember = -1'] =
        "remember must be a number of seconds above 0, not -1",
    } do
      local started, output = start(settings)
      assert.is_nil(started)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)

-- Fault 16: nginx drops timers beyond lua_max_running_timers, and ngx.timer.at
-- has returned true.
describe("klaviyo.webhook.handler, in a burst", function()
  local server

  after_each(function()
    if server then
      server:stop()
      server = nil
    end
  end)

  local TIMESTAMP = "Thu, 04 Jan 2024 18:05:25 GMT"

  -- Delivers events with these ids, 100 at a time; returns the status of each.
  local function deliver_all(ids)
    shell.run("rm -f " .. server.dir .. "/burst.*")
    local parts = { "cd " .. server.dir .. " && (" }
    for at = 1, #ids, 250 do
      local lines = {}
      for i = at, math.min(at + 249, #ids) do
        local body = document { event(ids[i]) }
        local signature = webhook.sign { body = body, timestamp = TIMESTAMP, secret = SECRET }
        lines[#lines + 1] = ('url = "%s/webhooks/klaviyo?id=%s"\noutput = "/dev/null"\nnoproxy = "*"\nmax-time = 30\n'
          .. 'header = "Klaviyo-Timestamp: %s"\nheader = "Klaviyo-Signature: %s"\n'
          .. 'header = "Content-Type: application/json"\n'
          .. 'data = %s\nwrite-out = "%%{http_code} %%{url_effective}\\n"\nnext\n'):format(server.base_url, ids[i],
          TIMESTAMP, signature, json.encode(body))
      end
      local name = "burst." .. #parts
      shell.write(server.dir .. "/" .. name, (table.concat(lines):gsub("next\n$", "")))
      parts[#parts + 1] = ("curl -sS --no-progress-meter -Z --parallel-max 100 -K %s >%s.out & "):format(name, name)
    end
    parts[#parts + 1] = "wait) && cat burst.*.out"
    local statuses = {}
    for status, external_id in script.shell(table.concat(parts)):gmatch("(%d%d%d) %S+id=(%S+)") do
      statuses[external_id] = tonumber(status)
    end
    return statuses
  end

  -- Returns how often on_event has run for each event.
  local function runs()
    local counts = {}
    for line in (shell.read(server.dir .. "/events.txt") or ""):gmatch("[^\n]+") do
      counts[line] = (counts[line] or 0) + 1
    end
    return counts
  end

  local function ids_of(count)
    local list = {}
    for i = 1, count do
      list[i] = id()
    end
    return list
  end

  local ON_EVENT = [[
    secret = os.getenv("KLAVIYO_WEBHOOK_SECRET"), dict = "klaviyo_webhooks",
    on_event = function(event)
      ngx.sleep(%g)
      local file = io.open(ngx.config.prefix() .. "events.txt", "a")
      file:write(event.external_id, "\n")
      file:close()
    end,
  ]]

  it("runs each accepted delivery once; 503 answers succeed when repeated", function()
    server = assert(start(ON_EVENT:format(2) .. "max_running = 150, max_queued = 200,",
      { replace = { { "worker_connections 1024", "worker_connections 4096" } } }))
    local left, accepted = ids_of(2000), {}
    local total = #left
    local first_answers
    for _ = 1, 40 do
      local statuses = deliver_all(left)
      first_answers = first_answers or statuses
      local again = {}
      for _, external_id in ipairs(left) do
        local status = statuses[external_id]
        if status == 202 then
          accepted[#accepted + 1] = external_id
        else
          assert.equal(503, status)
          again[#again + 1] = external_id
        end
      end
      left = again
      if #left == 0 then
        break
      end
      shell.sleep(1)
    end
    assert.equal(total, #accepted)
    local rejected = 0
    for _, status in pairs(first_answers) do
      rejected = rejected + (status == 503 and 1 or 0)
    end
    assert.is_true(rejected > 0, "the queue accepted all events")
    local counts
    shell.wait_for(function()
      counts = runs()
      local n = 0
      for _ in pairs(counts) do n = n + 1 end
      return n >= total
    end, 60)
    for _, external_id in ipairs(accepted) do
      assert.equal(1, counts[external_id], external_id)
    end
    assert.is_nil(server:logs():match("lua_max_running_timers"))
  end)

  it("runs accepted events after nginx dropped its timers, without a new delivery", function()
    server = assert(start(ON_EVENT:format(0.01), { workers = 1, replace = {
      { "  server {\n", "  lua_max_running_timers 2;\n  server {\n" },
      { "    location = /webhooks/klaviyo {", "    location = /hold { content_by_lua_block {\n"
        .. "      for _ = 1, 20 do ngx.timer.at(0, function() ngx.sleep(2) end) end\n      ngx.sleep(0.1)\n"
        .. "    } }\n    location = /webhooks/klaviyo {" },
    } }))
    script.shell("curl -sS --noproxy '*' " .. server.base_url .. "/hold")
    local ids = ids_of(20)
    local statuses = deliver_all(ids)
    for _, external_id in ipairs(ids) do
      assert.equal(202, statuses[external_id])
    end
    shell.wait_for(function()
      return runs()[ids[20]] ~= nil
    end, 10)
    shell.sleep(0.2)
    local counts = runs()
    for _, external_id in ipairs(ids) do
      assert.equal(1, counts[external_id], external_id)
    end
    assert.matches("lua_max_running_timers are not enough", server:logs())
  end)

  it("runs an event once that is delivered again while it waits", function()
    server = assert(start(ON_EVENT:format(0.5) .. "max_running = 1,", { workers = 1 }))
    local ids = ids_of(3)
    local twice = { ids[1], ids[2], ids[3] }
    deliver_all(twice)
    deliver_all(twice)
    shell.wait_for(function()
      local counts = runs()
      return counts[ids[1]] and counts[ids[2]] and counts[ids[3]]
    end, 10)
    shell.sleep(1.2)
    assert.same({ [ids[1]] = 1, [ids[2]] = 1, [ids[3]] = 1 }, runs())
  end)

  it("continues if on_event ends its timer by ngx.exit", function()
    server = assert(start([[
      secret = os.getenv("KLAVIYO_WEBHOOK_SECRET"), max_running = 2,
      on_event = function(event)
        if event.external_id:find("exit") then ngx.exit(0) end
        local file = io.open(ngx.config.prefix() .. "events.txt", "a")
        file:write(event.external_id, "\n")
        file:close()
      end,
    ]], { workers = 1 }))
    deliver_all { "exit1", "exit2", "exit3", "exit4" }
    deliver_all { "good" }
    shell.wait_for(function() return runs().good end, 30)
    assert.same({ good = 1 }, runs())
  end)

  it("counts a delivery that is answered with 503 as failed", function()
    server = assert(start_with_metrics(ON_EVENT:format(20) .. "max_running = 1, max_queued = 1,"))
    local statuses, n = {}, 0
    while n < 9 and not statuses[503] do
      n = n + 1
      for _, status in pairs(deliver_all { "full" .. n }) do
        statuses[status] = (statuses[status] or 0) + 1
      end
    end
    local text = script.shell("curl -sS -m 20 --noproxy '*' " .. server.base_url .. "/metrics")
    assert.equal(1, exposition.read(text):sum("klaviyo_webhook_deliveries_total", { result = "failed" }))
    assert.equal(n - 1, exposition.read(text):sum("klaviyo_webhook_deliveries_total", { result = "accepted" }))
  end)

  it("keeps waiting events when nginx is reloaded", function()
    server = assert(start(ON_EVENT:format(0.2) .. "max_running = 2,", { workers = 1 }))
    local ids = ids_of(20)
    local statuses = deliver_all(ids)
    script.shell("kill -HUP " .. server.process.pid)
    shell.wait_for(function()
      local n = 0
      for _ in pairs(runs()) do n = n + 1 end
      return n == 20
    end, 15)
    local counts = runs()
    for _, external_id in ipairs(ids) do
      assert.equal(202, statuses[external_id])
      assert.equal(1, counts[external_id], external_id)
    end
  end)
end)
