--- Finds the nginx program for a sandbox, and what its version supports.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local MISSING = "%s is missing: install it (Debian: apt-get install nginx "
  .. "libnginx-mod-http-lua openssl)"

-- The PATH of a user often lacks the directories where Debian installs nginx.
local FIND = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v '

local NAMES = {"nginx", "openresty", "/usr/local/openresty/nginx/sbin/nginx"}

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

-- Returns whether the output of `nginx -V` names ngx_lua among the modules that
-- are built in. Its source is in a directory such as lua-nginx-module-0.10.28
-- or, in OpenResty, ngx_lua-0.10.28.
local function has_lua_built_in(text)
  for path in text:gmatch("%-%-add%-module=(%S+)") do
    local name = path:gsub("['/]+$", ""):match("[^/]*$"):gsub("%-[%d.rc]+$", "")
    if name == "ngx_lua" or name == "lua-nginx-module" then
      return true
    end
  end
  return false
end

---@class klaviyo.sandbox.Program
---@field path string     of the executable
---@field modules string|nil  the directory of its modules; nil if ngx_lua is built in
---@field version number  1.22.1 is 1022001
local Program = {}
Program.__index = Program

-- Returns the program of this name, or a message about what it lacks.
local function find_program(name, modules)
  local found, path = shell.run(FIND .. shell.quote(name))
  path = path:gsub("%s+$", "")
  if not found then
    return nil, MISSING:format("nginx")
  end
  local _, text = shell.run(shell.quote(path) .. " -V")
  local program = setmetatable({path = path, version = version_number(text)}, Program)
  if not has_lua_built_in(text) then
    program.modules = module_dir("ngx_http_lua_module.so", modules)
    if not program.modules then
      return nil, MISSING:format(modules
        and modules .. "/ngx_http_lua_module.so"
        or "nginx's Lua module")
    end
  end
  return program
end

--- Finds nginx with ngx_lua, and openssl.
---@param options {nginx: string|nil, modules: string|nil}|nil  another executable, another directory of modules
---@return klaviyo.sandbox.Program|nil
---@return string|nil message  what is missing
function M.find(options)
  options = options or {}
  local program, message
  for _, name in ipairs(options.nginx and {options.nginx} or NAMES) do
    local lacks
    program, lacks = find_program(name, options.modules)
    message = message or lacks
    if program then
      break
    end
  end
  if not program then
    return nil, message
  elseif not shell.run("command -v openssl") then
    return nil, MISSING:format("openssl")
  end
  return program
end

--- Returns the directives that load ngx_lua; none if it is built in.
---@return string
function Program:load_lua()
  if not self.modules then
    return ""
  end
  return ('load_module "%s/ndk_http_module.so"; load_module "%s/ngx_http_lua_module.so";')
    :format(self.modules, self.modules)
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
