-- Reused easy handles: the options of a request do not affect the next one.
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local raw = require "spec.support.raw"

local function settings(key, more)
  local all = { headers = { "Authorization", key }, content_type = "text/" .. key }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return engine.settings(all)
end

local KINDS = {
  { method = "GET" }, { method = "GET" }, { method = "POST", body = "one" }, { method = "POST", body = "another" },
  { method = "POST" }, { method = "PATCH", body = "patched" }, { method = "DELETE" }, { method = "HEAD" },
  { method = "DELETE", body = "deleted" }, { method = "POST", form = { "name", "in a form", false, false } },
}

-- What the server must receive for one kind.
local function assert_seen(kind, key, path, received)
  assert.equal(kind.method, received.method)
  assert.equal(path, received.target)
  assert.equal(key, received.headers.authorization)
  local type = received.headers["content-type"]
  if kind.form then
    assert.truthy(type:find("^multipart/form%-data"))
    assert.truthy(received.body:find("in a form", 1, true))
  else
    assert.equal(kind.body and "text/" .. key or nil, type)
    assert.equal(kind.body or "", received.body)
  end
end

describe("easy_pool.c: a reused easy handle", function()
  after_each(function()
    engine.pump_until(engine.is_idle)
  end)

  it("sends this request correctly after a request of any other kind", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      local both = { settings "a", settings "b" }
      local request_queue = engine.request_queue(server.url)
      local sent = {}
      for i = 1, 400 do
        local kind = KINDS[math.random(#KINDS)]
        local which = math.random(2)
        local path = "/" .. i
        local ticket = core.submit(both[which], request_queue, kind.method, server.url .. path,
          kind.form or kind.body, true)
        assert(engine.finish(ticket))
        sent[i] = { kind, ({ "a", "b" })[which], path }
      end
      local requests = server:requests()
      assert.equal(#sent, #requests)
      for i, one in ipairs(sent) do
        assert_seen(one[1], one[2], one[3], requests[i])
      end
    end)
  end)

  it("has the timeout of this request", function()
    raw.with({ answers = { { body = "{}" }, { never = true } } }, function(server)
      local request_queue = engine.request_queue(server.url)
      local same = settings("a", { timeout = 5, deadline = 0.3 })
      assert(engine.finish(core.submit(same, request_queue, "GET", server.url .. "/", nil, true)))
      local _, raw_error = engine.finish(core.submit(same, request_queue, "GET", server.url .. "/", nil, true))
      assert.equal("timeout", raw_error.kind)
      assert.is_true(raw_error.elapsed < 2)
    end)
  end)

  it("has the max_response_bytes of this request", function()
    raw.with({ answers = { { body = ("x"):rep(5000) } } }, function(server)
      local request_queue = engine.request_queue(server.url)
      local much, little = settings "a", settings("a", { max_response_bytes = 100 })
      for _ = 1, 3 do
        assert(engine.finish(core.submit(much, request_queue, "GET", server.url .. "/", nil, true)))
        local _, raw_error = engine.finish(core.submit(little, request_queue, "GET", server.url .. "/", nil, true))
        assert.equal("the response is larger than max_response_bytes", raw_error.reason)
      end
    end)
  end)

  it("can reuse a connection again after it needed a new one", function()
    raw.with({ answers = { { body = "{}" } }, requests_per_connection = 3 }, function(server)
      local same, request_queue = settings "a", engine.request_queue(server.url)
      for _ = 1, 30 do
        assert(engine.finish(core.submit(same, request_queue, "GET", server.url .. "/", nil, true)))
      end
      assert.equal(30, #server:requests())
      assert.is_true(server:connections() <= 20, server:connections())
    end)
  end)

  it("outlives the settings that it was last used with", function()
    raw.with({ answers = { { body = "{}" } } }, function(server)
      for i = 1, 200 do
        assert(engine.finish(core.submit(settings("key" .. i), engine.request_queue(server.url), "GET",
          server.url .. "/", nil, true)))
        collectgarbage()
      end
      local requests = server:requests()
      for i = 1, 200 do
        assert.equal("key" .. i, requests[i].headers.authorization)
      end
    end)
  end)
end)
