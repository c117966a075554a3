-- A write to a TLS connection that the server reset raises no signal in the
-- host's process, and does not change its handler of SIGPIPE. An older libcurl
-- than the core accepts, with OpenSSL, raised it.
local certs = require "klaviyo.sandbox.certs"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if worker.missing() then
  pending("the specs of SIGPIPE: " .. worker.missing())
  return
end

-- Closes the connection with the body unread, which causes a TCP reset.
local SERVER = [[
  server {
    listen 127.0.0.1:$PORT ssl;
    ssl_certificate $DIR/cert.pem;
    ssl_certificate_key $DIR/cert.key;
    client_max_body_size 64m;
    location / { return 444; }
  }
]]

local SCRIPT = [[
  local klaviyo = require "klaviyo"
  local base_url, ca_file = ...
  local function masks()
    local status = io.open("/proc/self/status"):read("*a")
    return table.concat({status:match("SigBlk:%s*(%x+)"), status:match("SigIgn:%s*(%x+)"),
      status:match("SigCgt:%s*(%x+)")}, " ")
  end
  local before = masks()
  local client = klaviyo.new {api_key = "x", base_url = base_url, ca_file = ca_file, proxy = "", pacing = false,
    retries = 0, deadline = 20, on_warning = function() end}
  local body, failed = {data = ("x"):rep(2000000)}, 0
  for i = 1, 30 do
    local _, err = client:request {method = "POST", path = "/api/" .. i, body = body}
    failed = failed + (err and err.kind == "transport" and 1 or 0)
  end
  print(failed, before == masks() and "as before" or before .. " became " .. masks())
]]

describe("a TLS connection that the server resets", function()
  local instance, dir, port

  setup(function()
    local ok, output = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-certs.XXXXXX"')
    assert(ok, output)
    dir = output:gsub("%s+$", "")
    assert(certs.make(dir))
    port = shell.free_port({})
    instance = worker.start({ base_url = "http://127.0.0.1:9", key = "pk_none" },
      { more = SERVER:gsub("%$(%u+)", { PORT = port, DIR = dir }) })
  end)

  teardown(function()
    if instance then
      instance:stop()
    end
    shell.run("rm -rf " .. dir)
  end)

  it("does not end the process, and the host's signal handlers are unchanged", function()
    local output, status = script.run(SCRIPT, { prefix = "env --default-signal=PIPE",
      args = { "https://127.0.0.1:" .. port, dir .. "/ca.pem" } })
    assert.equal(0, status, output)
    local failed, masks = output:match("^(%d+)%s+(.-)%s*$")
    assert.is_true(tonumber(failed) > 0, output)
    assert.equal("as before", masks)
  end)
end)
