-- Limits on Redis in an nginx worker, whose loop thread makes the exchanges: the
-- worker waits for none.
local redis_server = require "spec.support.redis_server"
local worker = require "spec.support.worker"

local WHAT = "limits on Redis in nginx"
if not (worker.is_available(pending, WHAT) and redis_server.is_available(pending, WHAT)) then
  return
end

local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"

local LOCATIONS = {
  ["/call"] = [[
    local began = ngx.now()
    local doc, err = shared:call("get_metrics")
    ngx.update_time()
    ngx.say(doc and "ok" or tostring(err), " ", ngx.now() - began < 1)
  ]],
  ["/many"] = [[
    local done = 0
    klaviyo.run(function()
      for _ = 1, 30 do
        klaviyo.spawn(function()
          assert(shared:call("get_metrics"))
          done = done + 1
        end)
      end
    end)
    ngx.say(done)
  ]],
  -- as the gateway does: it sends its requests by other means
  ["/take"] = [[
    local core = require "klaviyo.core"
    local redis = require "klaviyo.redis"
    local source = redis.source("$REDIS?db=0", "/tmp/klaviyo-take")
    local queue = core.request_queue("http://x", core.budget(nil, false, source:pointer()),
      {{name = "take", second = 3}})
    local taken, began = 0, ngx.now()
    while ngx.now() - began < 0.5 do
      if queue:take() then
        taken = taken + 1
      end
      ngx.sleep(0.002)
    end
    ngx.say(taken, " ", source:stats().tokens)
  ]],
}

describe("limits on Redis, in nginx", function()
  local limited = sandbox.here(setup, teardown, {limits = true, window_phase = 0})
  local server, redis

  setup(function()
    redis = redis_hosts.start()
    local locations = {}
    for path, text in pairs(LOCATIONS) do
      locations[path] = text:gsub("%$REDIS", redis.url)
    end
    server = worker.start(limited.server, {workers = 2, locations = locations,
      init = ([[
        shared = client:with {pacing = true, rate_limit_file = %q, retries = 4,
          revision = "2026-07-15", on_warning = function(text) note("warning", text) end}
      ]]):format(redis.url)})
  end)

  teardown(function()
    if server then
      server:stop()
    end
    redis_hosts.close_all()
    redis_hosts.remove_files()
  end)

  it("are counted by one exchange for the requests of all workers", function()
    assert.equal("30", (server:get("/many"):gsub("%s", "")))
    assert.equal("ok true\n", server:get("/call"))
    local refused = 0
    for _, request in ipairs(limited:log()) do
      refused = refused + (request.status == 429 and 1 or 0)
    end
    assert.equal(0, refused)
    local exchanges = redis_hosts.exchanges(redis)
    assert.is_true(exchanges > 3 and exchanges < 120, exchanges)
    assert.equal(1, #redis:call("ZRANGE", redis:call("KEYS", "*:seen")[1], "0", "-1"))
  end)

  it("are counted for requests that the loop does not send", function()
    assert.equal("3 3\n", server:get("/take"))
  end)

  it("do not block the worker when Redis hangs", function()
    redis:signal("STOP")
    local text = server:get("/call")
    local ping = server:get("/ping")
    redis:signal("CONT")
    assert.equal("ok true\n", text)
    assert.equal("pong\n", ping)
    assert.equal("ok true\n", server:get("/call"))
    assert.equal(1, #server:noted("warning", 1))
  end)
end)
