--- An nginx for the bench, in a directory of its own below build/bench.

local programs = require "klaviyo.sandbox.program"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Server = {}
Server.__index = Server

local FRAME = [[
$LOAD_LUA
user root;
pid nginx.pid;
error_log error.log warn;
worker_processes 1;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  default_type application/vnd.api+json;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  http2_max_concurrent_streams 128;
  tcp_nodelay on;
  $HTTP
}
]]

--- Starts nginx.
---@param dir string  the directory of its files, which is created if necessary
---@param http string  its http block; $PORT and $TLS_PORT become free ports,
--- $LISTEN_TLS the directives for TLS and HTTP/2
---@param values table<string, any>|nil  the values of other $NAMEs in the block
---@return table server  base_url, tls_url, port, tls_port, dir
function M.start(dir, http, values)
  assert(shell.run(("mkdir -p %s && rm -f %s"):format(shell.quote(dir .. "/temp"), shell.quote(dir .. "/error.log"))))
  local self = setmetatable({dir = dir}, Server)
  self.port = shell.free_port({})
  self.tls_port = shell.free_port({[self.port] = true})
  self.base_url = "http://127.0.0.1:" .. self.port
  self.tls_url = "https://127.0.0.1:" .. self.tls_port
  local program = assert(programs.find())
  local own = {PORT = self.port, TLS_PORT = self.tls_port,
    LISTEN_TLS = program:listen_http2(("127.0.0.1:%d ssl"):format(self.tls_port))}
  http = http:gsub("%$([A-Z_]+)", function(name)
    return own[name] or values and values[name]
  end)
  shell.write(dir .. "/nginx.conf", (FRAME:gsub("%$([A-Z_]+)", {HTTP = http, LOAD_LUA = program:load_lua()})))
  local ok, output = shell.run(("%s -e error.log -p %s -c nginx.conf"):format(
    shell.quote(program.path), shell.quote(dir .. "/")))
  assert(ok, output)
  self.process = assert(shell.wait_for(function()
    return shell.process_in(dir .. "/nginx.pid")
  end), "nginx exited after its start")
  return self
end

function Server:stop()
  shell.stop(self.process)
end

return M
