-- Connections are shared in the process, and a request on them is sent once.
local connect = require "spec.support.connect"
local measured = require "spec.support.measured"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local OK = { body = '{"data":[]}' }
local EVENT = '{"data":{"type":"event","attributes":{}}}'

local function client_of(server, more)
  local settings = { timeout = 5 }
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  return connect(server.url, settings)
end

local function get(client)
  return client:call("get_profiles")
end

local function post(client)
  return client:call("create_event", { body = EVENT })
end

describe("connections", function()
  it("are shared by all clients: a thousand of them use one", function()
    raw.with({ answers = { OK } }, function(server)
      for i = 1, 1000 do
        local client = client_of(server, { timeout = 1 + i % 7, headers = { ["X-Client"] = tostring(i) } })
        assert(get(client))
      end
      assert.equal(1000, #server:requests())
      assert.equal(1, server:connections())
    end)
  end)

  it("are not opened by clients that make no call", function()
    raw.with({ answers = { OK } }, function(server)
      local clients = {}
      for i = 1, 1000 do
        clients[i] = client_of(server)
      end
      assert(get(clients[1]))
      assert.equal(1, server:connections())
    end)
  end)

  it("outlive the clients that used them", function()
    raw.with({ answers = { OK } }, function(server)
      for _ = 1, 20 do
        assert(get(client_of(server)))
        collectgarbage()
        collectgarbage()
      end
      assert.equal(1, server:connections())
    end)
  end)

  it("are reused after an error response, and after a response too large for one client", function()
    raw.with({ answers = { { status = 400, body = '{"errors":[{"code":"x"}]}' }, { status = 500 }, OK } },
      function(server)
        local client = client_of(server)
        assert.equal("api", select(2, get(client)).kind)
        assert.equal("http", select(2, post(client)).kind)
        assert(get(client))
        assert.equal(1, server:connections())
      end)
  end)

  it("are closed after a timeout, so that a late response is dropped", function()
    raw.with({ answers = { { body = '{"data":[{"id":"late"}]}', pause = 0.5 }, OK } }, function(server)
      local client = client_of(server)
      local _, err = client:call("get_profiles", nil, { timeout = 0.2 })
      assert.equal("timeout", err.kind)
      script.shell("sleep 0.5")
      assert.same({}, assert(get(client)).data)
      assert.equal(2, server:connections())
    end)
  end)

  it("can be closed by the server after a few requests: no request is lost", function()
    raw.with({ answers = { OK }, requests_per_connection = 3 }, function(server)
      local client = client_of(server)
      for _ = 1, 60 do
        assert(get(client))
      end
      assert.equal(60, #server:requests())
      assert.is_true(server:connections() >= 20)
    end)
  end)

  it("keep working after failures of every kind", function()
    raw.with({ answers = { OK } }, function(server)
      assert(get(client_of(server)))
      for _ = 1, 3 do
        assert.equal("transport",
          select(2, get(client_of({ url = "http://no-such-host.invalid" }))).kind)
        assert.equal("transport", select(2, get(client_of({ url = "http://127.0.0.1:1" }))).kind)
        assert.equal("transport",
          select(2, get(client_of({ url = "https://127.0.0.1:1" }, { ca_file = "/nonexistent" }))).kind)
        assert.equal("transport", select(2, get(client_of(server, { max_response_bytes = 1 }))).kind)
        assert(get(client_of(server)))
        assert(post(client_of(server)))
      end
    end)
  end)
end)

describe("a request on a warm connection that is processed and then reset", function()
  for _, how in ipairs { "reset", "close" } do
    it("is received once when it is a POST (" .. how .. ")", function()
      raw.with({ answers = { OK, { send = 0, after = how }, OK } }, function(server)
        local client = client_of(server)
        assert(get(client))
        local document, err = post(client)
        assert.is_nil(document)
        assert.equal("transport", err.kind)
        assert.is_true(err.maybe_sent)
        local requests = server:requests()
        assert.equal(2, #requests)
        assert.equal("POST", requests[2].method)
        assert.equal(EVENT, requests[2].body)
        assert.equal(requests[1].connection, requests[2].connection)
        assert(get(client))
      end)
    end)

    it("is received once when it is a POST after POSTs (" .. how .. ")", function()
      raw.with({ answers = { OK, OK, { send = 0, after = how, linger = 0.05 }, OK } }, function(server)
        local client = client_of(server)
        assert(post(client))
        assert(post(client))
        assert.is_true(select(2, post(client)).maybe_sent)
        assert.equal(3, #server:requests())
      end)
    end)

    it("is retried when it is a GET (" .. how .. ")", function()
      raw.with({ answers = { OK, { send = 0, after = how }, { body = '{"data":[{"id":"2"}]}' } } },
        function(server)
          local client = client_of(server)
          assert(get(client))
          local document = assert(get(client))
          assert.equal("2", document.data[1].id)
          assert.equal(3, #server:requests())
        end)
    end)

    it("is retried when it is a DELETE (" .. how .. ")", function()
      raw.with({ answers = { OK, { send = 0, after = how }, { status = 204, length = false } } },
        function(server)
          local client = client_of(server)
          assert(get(client))
          assert(client:call("delete_webhook", { id = "W1" }))
          local requests = server:requests()
          assert.equal(3, #requests)
          assert.equal("DELETE", requests[3].method)
        end)
    end)
  end

  it("is not retried for ever when it is a GET", function()
    raw.with({ answers = { OK, { send = 0, after = "reset" } } }, function(server)
      local client = client_of(server)
      assert(get(client))
      local _, err = get(client)
      assert.equal("transport", err.kind)
      assert.is_true(#server:requests() <= 3)
    end)
  end)
end)

describe("Ctrl-C #time", function()
  -- Seconds from the signal to the end of the script, and its output.
  local function interrupted(server, text)
    local file = os.tmpname()
    local handle = assert(io.open(file, "w"))
    handle:write(([[
      local klaviyo = require "klaviyo"
      local client = klaviyo.new { api_key = "x", base_url = %q, timeout = 8, proxy = "" }
    ]]):format(server.url) .. text)
    handle:close()
    local output, status = script.shell(([[(
      %s %s & pid=$!
      for i in $(seq 100); do grep -q method %s && break; sleep 0.05; done
      sleep 0.1
      kill -INT $pid; began=$(date +%%s%%N)
      wait $pid; code=$?
      echo; echo "took $(( ($(date +%%s%%N) - began) / 1000000 )) ms"
      exit $code)]]):format(script.interpreter, file, server.log))
    os.remove(file)
    return tonumber(output:match("took (%d+) ms")), output, status
  end

  local function ends_promptly(text)
    return measured(function()
      raw.with({ answers = { { never = true } } }, function(server)
        local elapsed, output, status = interrupted(server, text)
        assert.equal(1, #server:requests())
        assert.matches("interrupted!", output)
        assert.equal(1, status)
        assert.is_true(elapsed <= 300, "took " .. elapsed .. " ms")
      end)
    end)
  end

  it("ends a script that waits for a call", ends_promptly [[client:call("get_profiles")]])

  it("ends a script that waits for a page", ends_promptly [[for _ in client.profiles:each() do end]])

  it("ends a script that waits for a connection", measured(function()
    raw.with({ answers = {}, accept = false }, function(server)
      local file = io.open(server.log, "w") -- the server never accepts
      file:write("return {method=''}\n")
      file:close()
      local elapsed, output = interrupted(server,
        [[client:with{connect_timeout = 8}:call("get_profiles")]])
      assert.matches("interrupted!", output)
      assert.is_true(elapsed <= 300, "took " .. elapsed .. " ms")
    end)
  end))
end)
