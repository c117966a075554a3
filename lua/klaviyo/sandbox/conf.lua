--- Writes the nginx.conf of a sandbox. File names are relative to the
--- directory of the sandbox, so that only the Lua paths need quotes.

local M = {}

local TEMPLATE = [[
$LOAD_LUA
daemon on;
# All state is in the one process's Lua VM.
master_process off;
pid nginx.pid;
error_log error.log $LOG_LEVEL;
events { worker_connections $CONNECTIONS; }
http {
  # No header is logged, so that no log holds a key.
  log_format sandbox '$time_iso8601 $server_protocol $connection '
    '$connection_requests $status "$request" $body_bytes_sent '
    '$request_time $klaviyo_operation';
  access_log $ACCESS_LOG;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  client_max_body_size 64m;
  client_body_buffer_size 8m;
  client_body_in_single_buffer on;
  large_client_header_buffers 8 64k;
  server_tokens off;
  default_type application/vnd.api+json;
  keepalive_requests $KEEPALIVE;
  keepalive_timeout 75s;
  lingering_close off;
  tcp_nodelay on;
  gzip $GZIP;
  gzip_types application/vnd.api+json;
  gzip_comp_level 1;
  gzip_min_length 1024;
  http2_max_concurrent_streams $STREAMS;
  lua_package_path "$LUA_PATH;;";
  lua_max_running_timers 256;
  # A client that disconnects must free its HTTP/2 stream.
  lua_check_client_abort on;
  init_by_lua_block {
    require("klaviyo.sandbox.app").init("settings.json")
  }
  init_worker_by_lua_block {
    require("klaviyo.sandbox.app").init_worker()
  }
  server {
    listen 127.0.0.1:$PORT;
    $LISTEN_TLS
    ssl_certificate cert.pem;
    ssl_certificate_key cert.key;
    ssl_session_cache shared:tls:1m;
    location / {
      set $klaviyo_operation -;
      content_by_lua_block {
        require("klaviyo.sandbox.app").content()
      }
    }
  }
}
]]

-- No way is known to quote these characters in both nginx.conf and
-- package.path.
local UNQUOTABLE = '["\\;?$]'

--- Returns the configuration as text, or nil and why it cannot be written.
---@param settings table the options, with port, tls_port and lua_dir
---@param program klaviyo.sandbox.Program
---@return string|nil
---@return string|nil message
function M.text(settings, program)
  for _, path in ipairs {settings.lua_dir, program.modules} do
    if path:find(UNQUOTABLE) then
      return nil, "cannot use a path that contains quotes, '$', ';' or '?': "
        .. path
    end
  end
  local values = {
    LOAD_LUA = program:load_lua(),
    LOG_LEVEL = settings.log_level,
    CONNECTIONS = settings.connections,
    KEEPALIVE = settings.keepalive_requests,
    ACCESS_LOG = settings.access_log and "access.log sandbox" or "off",
    GZIP = settings.gzip and "on" or "off",
    STREAMS = settings.http2_streams,
    LUA_PATH = settings.lua_dir .. "/?.lua;" .. settings.lua_dir
      .. "/?/init.lua",
    PORT = settings.port,
    LISTEN_TLS = program:listen_http2(("127.0.0.1:%d ssl"):format(settings.tls_port)),
  }
  return (TEMPLATE:gsub("%$([A-Z_]+)", function(name)
    return tostring(assert(values[name], name))
  end))
end

return M
