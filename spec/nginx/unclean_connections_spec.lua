-- The same as spec/transport/unclean_connections_spec.lua, for the background
-- thread in an nginx worker, over HTTP and TLS.
local certs = require "klaviyo.sandbox.certs"
local misbehaviours = require "spec.support.misbehaviours"
local raw = require "spec.support.raw"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of connections in nginx") then
  return
end

-- Makes all the calls of one plan against the server at ?port=; ?wait= is a
-- location that answers when the server has sent its unsolicited bytes.
local CHECK = [[
  local misbehaviours = require "spec.support.misbehaviours"
  local arguments = ngx.req.get_uri_args()
  local client = client:with{base_url = arguments.base, ca_file = arguments.ca}
  local wrong = misbehaviours.check(client, function()
    for _ = 1, 1000 do
      local file = io.open(arguments.log)
      local text = file:read("*a")
      file:close()
      if arguments.unasked == "no" or text:find("unasked", 1, true) then
        break
      end
      ngx.sleep(0.01)
    end
    ngx.sleep(tonumber(arguments.pause))
  end, misbehaviours.plans[arguments.plan], arguments.post == "yes")
  ngx.say(#wrong == 0 and "fine" or table.concat(wrong, ", "))
]]

-- Terminates TLS in front of the server at ?…, and relays each byte.
local TLS = [[
  server {
    listen 127.0.0.1:$PORT ssl;
    ssl_certificate $DIR/cert.pem;
    ssl_certificate_key $DIR/cert.key;
    location / {
      content_by_lua_block {
        local head = ngx.req.raw_header()
        ngx.req.read_body()
        local body = ngx.req.get_body_data() or ""
        local inner, outer = ngx.socket.tcp(), assert(ngx.req.socket(true))
        outer:settimeouts(5000, 5000, 20000)
        inner:settimeouts(5000, 5000, 20000)
        assert(inner:connect("127.0.0.1", tonumber(ngx.shared.ports:get("raw"))))
        assert(inner:send(head .. body))
        local function copy(from, to)
          while true do
            local bytes = from:receiveany(65536)
            if not bytes or not to:send(bytes) then
              return
            end
          end
        end
        local up, down = ngx.thread.spawn(copy, outer, inner), ngx.thread.spawn(copy, inner, outer)
        ngx.thread.wait(up, down)
        ngx.thread.kill(up)
        ngx.thread.kill(down)
        inner:close()
      }
    }
  }
]]

local function escaped(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

describe("in a worker, a kept-alive connection with unread bytes", function()
  local instance, dir, tls_port

  setup(function()
    local ok, output = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-certs.XXXXXX"')
    assert(ok, output)
    dir = output:gsub("%s+$", "")
    assert(certs.make(dir))
    assert(shell.run("chmod -R a+rX " .. dir))
    tls_port = shell.free_port({})
    local _, root = shell.run("pwd -P")
    instance = worker.start({ base_url = "http://127.0.0.1:9", key = "pk_none" }, {
      http = "lua_shared_dict ports 100k;",
      init = ("package.path = package.path .. ';%s/?.lua'"):format(root:gsub("%s+$", "")),
      locations = { ["/check"] = CHECK, ["/port"] = "ngx.shared.ports:set('raw', ngx.var.arg_port)" },
      more = TLS:gsub("%$(%u+)", { PORT = tls_port, DIR = dir }),
    })
  end)

  teardown(function()
    if instance then
      instance:stop()
    end
    shell.run("rm -rf " .. dir)
  end)

  local function check(name, options)
    local second = misbehaviours.plans[name]
    raw.with(misbehaviours.plan(second), function(server)
      instance:get("/port?port=" .. server.port)
      local answer = instance:get(("/check?base=%s&ca=%s&log=%s&unasked=%s&pause=%g&post=%s&plan=%s"):format(
        escaped(options.base or server.url), escaped(dir .. "/ca.pem"), escaped(server.log),
        second.unasked and "yes" or "no", options.pause, options.post and "yes" or "no", escaped(name)))
      assert.equal("fine", (answer:gsub("%s+$", "")))
      assert.equal(6, #server:requests())
    end)
  end

  for name, second in pairs(misbehaviours.plans) do
    it("never returns another call's response, over HTTP, after " .. name, function()
      check(name, { pause = 0 })
      check(name, { pause = 0, post = true })
    end)

    it("never returns another call's response, over TLS, after " .. name, function()
      -- relayed bytes arrive a little later than the server logs them
      local pause = second.unasked and 0.25 or 0
      check(name, { base = "https://127.0.0.1:" .. tls_port, pause = pause })
    end)
  end
end)
