--- Finds the nginx program for a sandbox, and what its version supports.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local MISSING = "%s is missing: install it (Debian: apt-get install nginx "
  .. "libnginx-mod-http-lua openssl)"

-- The PATH of a user often lacks the directories where Debian installs nginx.
local FIND = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v '

local MODULE_DIRS = {"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
  "/usr/share/nginx/modules"}

-- nginx 1.25.1 introduced the directive `http2` and deprecated `listen …
-- http2`; older versions do not know the directive.
local HTTP2_DIRECTIVE = 1025001

local function module_dir(name, chosen)
  for _, dir in ipairs(chosen and {chosen} or MODULE_DIRS) do
    local file = io.open(dir .. "/" .. name, "rb")
    if file then
      file:close()
      return dir
    end
  end
end

-- "nginx version: nginx/1.22.1" becomes 1022001; an unknown version counts as
-- old.
local function version_number(text)
  local major, minor, patch = text:match("/(%d+)%.(%d+)%.(%d+)")
  return major and major * 1000000 + minor * 1000 + patch or 0
end

---@class klaviyo.sandbox.Program
---@field path string     of the executable
---@field modules string  the directory of its modules
---@field version number  1.22.1 is 1022001
local Program = {}
Program.__index = Program

--- Finds nginx with ngx_lua, and openssl.
---@param options {nginx: string|nil, modules: string|nil}|nil  another executable, another directory of modules
---@return klaviyo.sandbox.Program|nil
---@return string|nil message  what is missing
function M.find(options)
  options = options or {}
  local found, path = shell.run(FIND .. shell.quote(options.nginx or "nginx"))
  path = path:gsub("%s+$", "")
  if not found then
    return nil, MISSING:format("nginx")
  end
  local modules = module_dir("ngx_http_lua_module.so", options.modules)
  if not modules then
    return nil, MISSING:format(options.modules
      and options.modules .. "/ngx_http_lua_module.so"
      or "nginx's Lua module")
  end
  if not shell.run("command -v openssl") then
    return nil, MISSING:format("openssl")
  end
  local _, version = shell.run(shell.quote(path) .. " -v")
  return setmetatable({path = path, modules = modules,
    version = version_number(version)}, Program)
end

--- Returns the directives by which a server block listens with HTTP/2.
---@param address string  "127.0.0.1:8443" or "127.0.0.1:8443 ssl"
---@return string
function Program:listen_http2(address)
  if self.version >= HTTP2_DIRECTIVE then
    return ("listen %s; http2 on;"):format(address)
  end
  return ("listen %s http2;"):format(address)
end

return M
