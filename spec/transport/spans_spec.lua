-- on_span: a span for each attempt, with OpenTelemetry's names; and the traceparent that the service receives.
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local token_endpoint = require "klaviyo.oauth.token_endpoint"

local TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
local SPAN_ID = "b7ad6b7169203331"
local PARENT = ("00-%s-%s-01"):format(TRACE_ID, SPAN_ID)
local OK = { body = '{"data":[]}' }

-- Calls `body` with a client, the server, and the list of spans: {name, start, stop, attributes}.
local function with(answers, more, body)
  raw.with({ answers = answers }, function(server)
    local list = {}
    local settings = { timeout = 5, on_span = function(...) list[#list + 1] = { ... } end }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    body(connect(server.url, settings), server, list)
  end)
end

-- The ids that the service received, by request.
local function received(server)
  local list = {}
  for i, request in ipairs(server:requests()) do
    list[i] = { (request.headers.traceparent or ""):match("^00%-(%x+)%-(%x+)%-(%x%x)$") }
  end
  return list
end

describe("on_span", function()
  it("is called with a span for each attempt, whose ids the service receives", function()
    local answers = { { status = 503, headers = { ["X-Request-Id"] = "req-1" } }, { send = 0, after = "reset" }, OK }
    with(answers, { retries = 3, traceparent = PARENT }, function(client, server, list)
      local before = os.time()
      assert(client:call("get_list", { id = "Y6nRLr" }))
      local ids = received(server)
      assert.same({ 3, 3 }, { #list, #ids })
      local port = tonumber(server.url:match("%d+$"))
      local last_stop = before
      for i, span in ipairs(list) do
        local name, start, stop, attributes = span[1], span[2], span[3], span[4]
        assert.equal("GET /api/lists/{id}", name)
        assert.is_true(start >= last_stop - 0.002 and stop >= start and stop <= os.time() + 1)
        last_stop = stop
        assert.same({ TRACE_ID, attributes.span_id, "01" }, ids[i])
        attributes.span_id, attributes["klaviyo.wait"] = nil, nil
        assert.same({
          ["http.request.method"] = "GET", ["url.full"] = server.url .. "/api/lists/Y6nRLr",
          ["url.template"] = "/api/lists/{id}", ["server.address"] = "127.0.0.1", ["server.port"] = port,
          ["klaviyo.operation"] = "get_list", trace_id = TRACE_ID, parent_span_id = SPAN_ID, trace_flags = "01",
          ["http.request.resend_count"] = i > 1 and i - 1 or nil,
          ["http.response.status_code"] = ({ 503, nil, 200 })[i],
          ["network.protocol.version"] = i ~= 2 and "1.1" or nil,
          ["error.type"] = ({ "503", "transport" })[i], ["klaviyo.request_id"] = i == 1 and "req-1" or nil,
        }, attributes)
      end
      assert.not_equal(ids[1][2], ids[2][2])
      assert.not_equal(ids[2][2], ids[3][2])
    end)
  end)

  it("names the type of an error", function()
    with({ { status = 404, body = '{"errors":[{"id":"err-7","code":"not_found","detail":"x"}]}' } }, nil,
      function(client, _, list)
        local _, err = client:call("get_list", { id = "Y6nRLr" })
        assert.same({ "404", 404, "err-7", "err-7" }, { list[1][4]["error.type"],
          list[1][4]["http.response.status_code"], list[1][4]["klaviyo.request_id"], err.request_id })
      end)
    with({ { never = true } }, { timeout = 0.2 }, function(client, _, list)
      assert.is_nil((client:call("get_lists")))
      assert.same({ "timeout", nil }, { list[1][4]["error.type"], list[1][4]["http.response.status_code"] })
      assert.is_true(list[1][3] - list[1][2] >= 0.19)
    end)
  end)

  it("gets no span of a call that was never sent", function()
    with({ OK }, { api_key = function() return nil, "no key today" end }, function(client, server, list)
      assert.is_nil((client:call("get_lists")))
      assert.same({ 0, 0 }, { #list, #server:requests() })
    end)
  end)

  it("makes a new trace for each call that has none", function()
    with({ OK }, nil, function(client, server, list)
      assert(client:call("get_lists"))
      assert(client:call("get_lists"))
      local ids = received(server)
      for i, span in ipairs(list) do
        assert.same({ span[4].trace_id, span[4].span_id, "01" }, ids[i])
        assert.is_nil(span[4].parent_span_id)
      end
      assert.not_equal(ids[1][1], ids[2][1])
      assert.not_equal(ids[1][2], ids[2][2])
    end)
  end)

  it("has a span for each page, of one trace", function()
    local link = "https://a.klaviyo.com/api/lists?page%5Bcursor%5D=b"
    local list, pages = {}, {
      { body = '{"data":[{"type":"list","id":"A"}],"links":{"next":"' .. link .. '"}}' },
      { body = '{"data":[{"type":"list","id":"B"}],"links":{"next":null}}' },
    }
    with(pages, { traceparent = PARENT }, function(client, server, spans)
      for _ in client.lists:each() do
        list[#list + 1] = true
      end
      local ids = received(server)
      assert.same({ 2, 2, 2 }, { #list, #spans, #ids })
      for i, span in ipairs(spans) do
        assert.same({ TRACE_ID, span[4].span_id, "01" }, ids[i])
        assert.is_nil(span[4]["http.request.resend_count"])
      end
      assert.equal(server.url .. "/api/lists?page%5Bcursor%5D=REDACTED", spans[2][4]["url.full"])
    end)
  end)

  it("counts a request that is repeated with a new key", function()
    local keys = { "pk_first", "pk_second" }
    with({ { status = 401, body = "{}" }, OK }, { traceparent = PARENT, api_key = function(refused)
      return refused and keys[2] or keys[1]
    end }, function(client, server, list)
      assert(client:call("get_lists"))
      local ids = received(server)
      assert.same({ 2, 2, nil, 1 }, { #list, #ids, list[1][4]["http.request.resend_count"],
        list[2][4]["http.request.resend_count"] })
      assert.not_equal(ids[1][2], ids[2][2])
      assert.equal(list[2][4].span_id, ids[2][2])
    end)
  end)

  it("that raises an error does not break the call, and causes one warning", function()
    local warnings = {}
    with({ OK }, {
      on_span = function() error("the exporter is broken") end,
      on_warning = function(message) warnings[#warnings + 1] = message end,
    }, function(client)
      client = client:with { revision = "2026-07-15" }
      assert(client:call("get_lists"))
      assert(client:call("get_lists"))
    end)
    assert.equal(1, #warnings)
    assert.matches("on_span raised an error: .*the exporter is broken", warnings[1])
  end)

  it("may make calls and wait", function()
    with({ OK }, nil, function(client, server)
      local plain, done = client:with { on_span = function() end }, 0
      local traced = client:with { on_span = function()
        assert(plain:call("get_tags"))
        klaviyo.sleep(0.01)
        done = done + 1
      end }
      klaviyo.run(function()
        for _ = 1, 3 do
          klaviyo.spawn(function() assert(traced:call("get_lists")) end)
        end
      end)
      assert.same({ 3, 6 }, { done, #server:requests() })
    end)
  end)

  it("gets no secret and no value of a query", function()
    with({ { status = 403, headers = { ["X-Request-Id"] = key }, body = key } }, nil, function(client, _, list)
      client:request {
        path = "/api/lists/" .. key, query = { email = "canary@example.com", x = key, access_token = "canary" },
        headers = { Cookie = "canary", ["X-Url"] = "https://user:canary@example.com/" },
      }
      assert.equal(1, #list)
      for name, value in pairs(list[1][4]) do
        local text = list[1][1] .. " " .. name .. "=" .. tostring(value)
        assert.is_nil(text:find(key, 1, true), name)
        assert.is_nil(text:find("canary", 1, true), name)
      end
      assert.matches("%?access_token=REDACTED&email=REDACTED&x=REDACTED$", list[1][4]["url.full"])
    end)
  end)
end)

describe("a request to the token endpoint", function()
  it("has a span, without the secrets of its body", function()
    raw.with({ answers = { { body = '{"access_token":"canary-3"}' } } }, function(server)
      local list, lines = {}, {}
      local values = token_endpoint.settings("canary-id", "canary-secret", {
        base_url = server.url, proxy = "", retries = 0, traceparent = PARENT,
        on_span = function(name, _, _, attributes) list[#list + 1] = { name, attributes } end,
        log = function(line) lines[#lines + 1] = line end,
      })
      local fields = { code = "canary-1", code_verifier = "canary-2" }
      assert(token_endpoint.request(values, "/oauth/token", fields, false, "x"))
      assert.same({ 1, 1, "POST", server.url .. "/oauth/token" }, { #list, #lines, list[1][1], list[1][2]["url.full"] })
      assert.equal(list[1][2].span_id, server:requests()[1].headers.traceparent:sub(37, 52))
      for name, value in pairs(list[1][2]) do
        assert.is_nil(tostring(value):find("canary", 1, true), name)
      end
      assert.is_nil(lines[1]:find("canary", 1, true))
    end)
  end)
end)

describe("the traceparent of a call", function()
  -- The fields that the service received, of a call that is sent twice.
  local function fields_of(more, options)
    local list = {}
    raw.with({ answers = { { status = 503 }, OK } }, function(server)
      local client = connect(server.url, { retries = 2 }):with(more)
      assert(client:call("get_lists", nil, options))
      for i, request in ipairs(server:requests()) do
        list[i] = { request.headers.traceparent, request.headers.tracestate }
      end
    end)
    assert.equal(2, #list)
    return list
  end

  it("is sent as it is without on_span and log", function()
    assert.same({ { PARENT, "a=1,b=2" }, { PARENT, "a=1,b=2" } },
      fields_of { traceparent = PARENT, tracestate = "a=1, b=2" })
    assert.same({ {}, {} }, fields_of {})
  end)

  it("may be that of one call, or of a function", function()
    assert.same({ { PARENT }, { PARENT } }, fields_of({}, { traceparent = PARENT }))
    local function both() return PARENT, "c=3" end
    assert.same({ { PARENT, "c=3" }, { PARENT, "c=3" } }, fields_of { traceparent = both })
  end)

  it("is none if its function raises an error, with one warning", function()
    local warnings = {}
    assert.same({ {}, {} }, fields_of { traceparent = function() error("no tracer") end, revision = "2026-07-15",
      on_warning = function(message) warnings[#warnings + 1] = message end })
    assert.equal(1, #warnings)
    assert.matches("traceparent raised an error: .*no tracer", warnings[1])
  end)

  it("is dropped if it is invalid", function()
    for _, text in ipairs { "nonsense", PARENT .. "\r\nX: y", PARENT:upper(), "", "\0" } do
      assert.same({ {}, {} }, fields_of { traceparent = text, tracestate = "a=1" })
    end
  end)

  it("is the one of the headers, if they have one", function()
    local own = "00-11111111111111111111111111111111-2222222222222222-00"
    local expected = { { own }, { own } }
    assert.same(expected, fields_of { traceparent = PARENT, tracestate = "a=1", headers = { Traceparent = own } })
    assert.same(expected, fields_of { headers = { traceparent = own }, log = function() end })
    assert.same({ { "mine" }, { "mine" } }, fields_of { traceparent = PARENT, headers = { traceparent = "mine" } })
  end)

  it("goes out with tracked events, which have no spans", function()
    raw.with({ answers = { { status = 202, body = "" } } }, function(server)
      local spans = 0
      local client = connect(server.url, { traceparent = PARENT, on_span = function() spans = spans + 1 end })
      assert(client.events:track { metric = "A", profile = { email = "a@example.com" }, properties = {} })
      assert(client:drain(10))
      assert.same({ PARENT, 0 }, { server:requests()[1].headers.traceparent, spans })
    end)
  end)

  it("is that of each task", function()
    raw.with({ answers = { { echo = true } } }, function(server)
      local client = connect(server.url)
      klaviyo.run(function()
        for i = 1, 9 do
          klaviyo.spawn(function()
            local own = PARENT:gsub("^00%-0af7", "00-000" .. i)
            assert(client:call("get_list", { id = "L" .. i }, { traceparent = own }))
          end)
        end
      end)
      local requests = server:requests()
      assert.equal(9, #requests)
      for _, request in ipairs(requests) do
        assert.equal(request.target:match("L(%d)$"), request.headers.traceparent:match("^00%-000(%d)"))
      end
    end)
  end)

  it("has core.time, which is the time of day", function()
    assert.is_true(math.abs(core.time() - os.time()) < 2)
  end)
end)
