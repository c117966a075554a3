-- What a program can do in each phase of nginx, tried in a real nginx.
local key = require "spec.support.key"
local sandbox = require "klaviyo.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of nginx's phases") then
  return
end

local WAITING = { "rewrite", "server_rewrite", "access", "content", "timer", "ssl_cert" }
local OTHERS = { "set", "header_filter", "body_filter", "log", "balancer", "init_worker", "ssl_client_hello",
  "ssl_session_store", "ssl_session_fetch" }

-- Each phase tries everything, and notes the results.
local INIT = [[
  function try(...)
    local phase = ngx.get_phase()
    if phase == "body_filter" then  -- once is enough
      if ngx.ctx.tried then return end
      ngx.ctx.tried = true
    end
    local ok, doc, err = pcall(client.call, client, "get_lists")
    note(phase .. ".call", ok, ok and (doc and #doc.data or err) or doc)
    local it
    ok, it = pcall(client.each, client, "get_profiles", {page = {size = 2}, limit = 3})
    if ok then
      local count = 0
      ok, err = pcall(function() for _ in it do count = count + 1 end end)
      note(phase .. ".each", ok, ok and count or err)
    else
      note(phase .. ".each", ok, it)
    end
    ok, err = pcall(function()
      local sum = 0
      for result in client:map({1, 2, 3}, function(n)
        return #assert(client:call("get_lists")).data + n
      end) do
        sum = sum + result
      end
      return sum
    end)
    note(phase .. ".map", ok, err)
    ok, err = pcall(klaviyo.run, function()
      local task = klaviyo.spawn(function() klaviyo.sleep(0.01) return "there" end)
      return task:wait()
    end)
    note(phase .. ".run", ok, err)
    ok, err = pcall(klaviyo.sleep, 0.001)
    note(phase .. ".sleep", ok, err)
    ok, doc, err = pcall(client.events.track, client.events, {
      metric = "Tried " .. phase, profile = {email = "a@example.com"}, properties = {},
    })
    note(phase .. ".track", ok, ok and (doc or err) or doc)
    ok, doc = pcall(client.build, client, "get_lists")
    note(phase .. ".build", ok, ok and doc.method or doc)
  end
  try()
]]

local function one(instance, name)
  local list = instance:noted(name)
  return list[1]
end

describe("in nginx's phase", function()
  local server, instance, tls_port

  setup(function()
    server = assert(sandbox.start { key = key, profiles = 10 })
    tls_port = shell.free_port({})
    instance = worker.start(server, {
      init = INIT,
      init_worker = "try()",
      http = [[
        exit_worker_by_lua_block { try() }
        lua_ssl_trusted_certificate ]] .. server.ca_file .. [[;
        ssl_session_fetch_by_lua_block { try() }
        ssl_session_store_by_lua_block { try() }
        upstream balanced {
          server 0.0.0.1;
          balancer_by_lua_block {
            try()
            assert(require("ngx.balancer").set_current_peer("127.0.0.1", ngx.var.server_port))
          }
        }
      ]],
      server = [[ server_rewrite_by_lua_block { if ngx.var.uri == "/server_rewrite" then try() end } ]],
      locations = {
        ["/server_rewrite"] = "ngx.say('in')",
        ["/set"] = "set_by_lua_block $x { try() return 1 } return 200;",
        ["/rewrite"] = "rewrite_by_lua_block { try() } content_by_lua_block { ngx.say('in') }",
        ["/access"] = "access_by_lua_block { try() } content_by_lua_block { ngx.say('in') }",
        ["/content"] = "try() ngx.say('in')",
        ["/header_filter"] = "header_filter_by_lua_block { try() } return 200;",
        ["/body_filter"] = "body_filter_by_lua_block { try() } return 200 'body';",
        ["/log"] = "log_by_lua_block { try() } return 200;",
        ["/timer"] = "ngx.timer.at(0, try) ngx.say('in')",
        ["/balancer"] = "proxy_pass http://balanced/ping; # _by_lua",
      },
      more = ([[
        server {
          listen 127.0.0.1:%d ssl;
          ssl_protocols TLSv1.2;
          ssl_session_tickets off;
          ssl_session_cache shared:sessions:1m;
          ssl_certificate %s/cert.pem;
          ssl_certificate_key %s/cert.key;
          ssl_client_hello_by_lua_block { try() }
          ssl_certificate_by_lua_block { try() }
          location / { return 200; }
        }
      ]]):format(tls_port, server.dir, server.dir),
    })
    for _, phase in ipairs { "server_rewrite", "set", "rewrite", "access", "content", "header_filter", "body_filter",
      "log", "timer", "balancer" } do
      instance:get("/" .. phase)
    end
    script.shell(("for i in 1 2; do echo | timeout 5 openssl s_client -connect 127.0.0.1:%d -tls1_2 "
      .. "-sess_out %s/session $(test $i = 2 && echo -sess_in %s/session); done")
      :format(tls_port, instance.notes_dir, instance.notes_dir))
  end)

  teardown(function()
    if instance then
      instance:stop()
    end
    if server then
      server:stop()
    end
  end)

  for _, phase in ipairs(WAITING) do
    it(phase .. " all can be done", function()
      assert.equal("true 2", one(instance, phase .. ".call"))
      assert.equal("true 3", one(instance, phase .. ".each"))
      assert.equal("true 12", one(instance, phase .. ".map"))
      assert.equal("true there", one(instance, phase .. ".run"))
      assert.equal("true nil", one(instance, phase .. ".sleep"))
      assert.equal("true true", one(instance, phase .. ".track"))
      assert.equal("true GET", one(instance, phase .. ".build"))
    end)
  end

  for _, phase in ipairs(OTHERS) do
    it(phase .. " nothing waits, but events are tracked", function()
      for _, what in ipairs { ".call", ".each", ".map", ".run", ".sleep" } do
        local line = one(instance, phase .. what)
        assert.matches("^false .*init_by_lua%(.-%):%d+: a call cannot wait for its response in the phase " .. phase
          .. ":.*events:track.*ngx%.timer%.at", line or "nothing noted")
      end
      assert.equal("true true", one(instance, phase .. ".track"))
      assert.equal("true GET", one(instance, phase .. ".build"))
    end)
  end

  it("init no request is sent", function()
    for _, what in ipairs { ".call", ".each", ".map", ".run", ".sleep", ".track" } do
      assert.matches("^false .*init_by_lua%(.-%):%d+: nothing can be sent in the phase init, .*init_worker_by_lua",
        one(instance, "init" .. what))
    end
    assert.equal("true GET", one(instance, "init.build"))
  end)

  it("exit_worker tracked events are still sent", function()
    local tracked = 0
    for _, line in ipairs(instance:notes()) do
      tracked = tracked + (line:find(".track true true", 1, true) and 1 or 0)
    end
    local logs = instance:stop()
    assert.is_nil(logs:match("[^\n]*%[error%][^\n]*"))
    assert.is_nil(logs:match("[^\n]*%[alert%][^\n]*"))
    assert.equal(tracked + 1, server:stats().events.received)
  end)
end)
