-- The setting `log`: one JSON object a line, for each attempt.
local cjson = require "cjson"
local connect = require "spec.support.connect"
local json_line = require "klaviyo.util.json_line"
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
local OK = { body = '{"data":[]}' }

-- The entries of the lines that a client logs, read again from their JSON.
local function logged(answers, more, body)
  local list = {}
  raw.with({ answers = answers }, function(server)
    local settings = { timeout = 5, log = function(line, entry)
      assert.is_nil(line:find("[%c\127]"))
      list[#list + 1] = cjson.decode(line)
      assert.same({ entry.msg, entry.ts }, { list[#list].msg, list[#list].ts })
    end }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    body(connect(server.url, settings), server, list)
  end)
  return list
end

local function without_times(entry)
  assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", entry.ts)
  assert.is_true(entry.elapsed >= 0 and entry.wait >= 0)
  entry.ts, entry.elapsed, entry.wait = nil, nil, nil
  return entry
end

describe("log", function()
  it("has an entry for each attempt", function()
    local ids
    local first = { status = 503, headers = { ["CF-Ray"] = "8f-FRA" } }
    local list = logged({ first, { send = 0, after = "reset" }, OK }, { retries = 3, traceparent = PARENT },
      function(client, server)
        assert(client:call("get_list", { id = "Y6nRLr" }))
        ids = {}
        for i, request in ipairs(server:requests()) do
          ids[i] = request.headers.traceparent:match("^00%-%x+%-(%x+)%-01$")
        end
      end)
    assert.equal(3, #list)
    local common = { operation = "get_list", method = "GET", trace_id = PARENT:sub(4, 35) }
    for i, expected in ipairs {
      { level = "warn", msg = "request failed, is sent again", status = 503, error_type = "503",
        request_id = "8f-FRA" },
      { level = "warn", msg = "request failed, is sent again", error = list[2].error, error_type = "transport" },
      { level = "info", msg = "request succeeded", status = 200 },
    } do
      for name, value in pairs(common) do
        expected[name] = value
      end
      expected.attempt, expected.span_id = i, ids[i]
      assert.same(expected, without_times(list[i]))
    end
    assert.is_string(list[2].error)
  end)

  it("has no ids without a trace", function()
    local list = logged({ OK }, nil, function(client, server)
      assert(client:call("get_lists"))
      assert.is_nil(server:requests()[1].headers.traceparent)
    end)
    assert.same({ { level = "info", msg = "request succeeded", operation = "get_lists", method = "GET", status = 200,
      attempt = 1 } }, { without_times(list[1]) })
  end)

  it("tells refusals, failures and requests that were not sent apart", function()
    local list = logged({ { status = 404, body = '{"errors":[{"id":"e-1","detail":"x"}]}' }, { status = 500 },
      { never = true } }, { timeout = 0.2 }, function(client)
        for _ = 1, 3 do
          client:call("get_lists")
        end
        client:with { base_url = "http://127.0.0.1:1" }:call("get_lists")
      end)
    local short = {}
    for i, entry in ipairs(list) do
      short[i] = ("%s %s %s"):format(entry.level, entry.error_type, entry.request_id or "-")
    end
    assert.same({ "warn 404 e-1", "error 500 -", "error timeout -", "error transport -" }, short)
    assert.matches("127%.0%.0%.1", list[4].error)
  end)

  it("has events when they are queued, and warnings", function()
    local list = logged({ { status = 202, body = "" } }, nil, function(client, _, list)
      assert(client.events:track { metric = "A", profile = { email = "a@example.com" }, properties = {} })
      assert(client:drain(10))
      assert.equal(1, #list)
    end)
    assert.same({ "event queued", "create_event", "POST" }, { list[1].msg, list[1].operation, list[1].method })
    local output = script.run([[
      local warning = require "klaviyo.util.warning"
      warning.say({log = "json"}, "beware of https://user:word@host/\n")
      warning.say({log = function() error("broken") end}, "plain")
    ]])
    local first, second = output:match("^([^\n]+)\n([^\n]+)\n?$")
    local entry = cjson.decode(first)
    assert.same({ "warn", "beware of https://[redacted]@host/\n" }, { entry.level, entry.msg })
    assert.equal("klaviyo: plain", second)
  end)

  it("that raises an error does not break the call, and causes one warning", function()
    local warnings = {}
    logged({ OK }, { log = function() error("the disk is full") end, revision = "2026-07-15",
      on_warning = function(message) warnings[#warnings + 1] = message end }, function(client)
      assert(client:call("get_lists"))
      assert(client:call("get_lists"))
    end)
    assert.equal(1, #warnings)
    assert.matches("log raised an error: .*the disk is full", warnings[1])
  end)

  it('is set by KLAVIYO_LOG=json, and writes to stderr', function()
    raw.with({ answers = { OK } }, function(server)
      local text = [[
        local client = require "klaviyo".new {base_url = ..., proxy = "", pacing = false, rate_limit_file = false,
          revision = "2026-07-15"}
        assert(client:call("get_lists", {sort = "name"}))
      ]]
      local env = { KLAVIYO_API_KEY = key, KLAVIYO_LOG = "json" }
      local output, status = script.run(text, { env = env, args = { server.url } })
      assert.equal(0, status)
      assert.same({ "get_lists", 200 }, { cjson.decode(output).operation, cjson.decode(output).status })
      env.KLAVIYO_LOG = "xml"
      output, status = script.run(text, { env = env, args = { server.url } })
      assert.equal(1, status)
      assert.matches('KLAVIYO_LOG in the environment must be "json", or a function', output)
    end)
  end)

  it("has no secret, no body and no value of a query", function()
    local lines = {}
    logged({ { status = 403, headers = { ["X-Request-Id"] = key }, body = key .. " canary" } }, {
      log = function(line) lines[#lines + 1] = line end,
    }, function(client)
      client:request {
        method = "POST", path = "/api/lists/" .. key, query = { email = "canary@example.com" }, body = '{"canary":1}',
        headers = { Cookie = "canary" },
      }
      client:with { proxy = "http://user:canary@127.0.0.1:1" }:call("get_lists", { filter = 'equals(name,"canary")' })
    end)
    assert.equal(2, #lines)
    for _, line in ipairs(lines) do
      assert.is_nil(line:find(key, 1, true))
      assert.is_nil(line:find("canary", 1, true), line)
    end
  end)
end)

describe("a log line", function()
  it("is JSON whatever the bytes are", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    for _, text in ipairs { table.concat(bytes), "\240\159", "é\255é", ("\255"):rep(2000), ("é"):rep(2000), "a\nb\"\\",
      "\237\160\128", "\226\128\168" } do
      local line = json_line.encode { msg = text, error = text, operation = text }
      assert.is_nil(line:find("[%c\127]"))
      local entry = cjson.decode(line)
      assert.is_true(#entry.msg > 0 and #entry.msg <= 3010)
      assert.equal(entry.msg, entry.operation)
    end
    assert.equal("é\239\191\189é", cjson.decode(json_line.encode { msg = "é\255é" }).msg)
    assert.equal("a\nb\"\\", cjson.decode(json_line.encode { msg = "a\nb\"\\" }).msg)
  end)

  it("has numbers as JSON has them, and its members in order", function()
    assert.equal('{"ts":"x","msg":"m","status":200,"attempt":1,"elapsed":0.012346,"wait":null}', json_line.encode {
      wait = math.huge, elapsed = 0.0123456789, attempt = 1, status = 200, msg = "m", ts = "x", other = "left out",
    })
  end)

  it("has the time to the millisecond", function()
    assert.equal("2026-11-28T18:08:31.250Z", json_line.timestamp(1795889311.25))
    assert.equal("1970-01-01T00:00:00.999Z", json_line.timestamp(0.9999))
  end)
end)
