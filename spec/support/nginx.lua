-- An nginx for specs and the demo: a configuration of examples/nginx, with
-- other paths and ports.

local programs = require "klaviyo.sandbox.program"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Server = {}
Server.__index = Server

local function root()
  local _, path = shell.run("pwd -P")
  return (path:gsub("%s+$", ""))
end

--- Returns why no nginx with the Lua modules can be started, or nil.
---@return string|nil
function M.missing()
  local program, message = programs.find()
  if not program then
    return message
  elseif not shell.read("build/luajit/klaviyo/core.so")
      or not shell.read("build/luajit/klaviyo/digest.so") then
    return "make build LUA=luajit has not been run"
  end
end

--- Returns whether the specs of a file that start nginx can run. nginx runs LuaJIT,
--- whichever Lua runs the specs: one run is enough. If nginx is missing, they are pending.
---@param pending function  busted's
---@param what string  "the gateway's specs"
---@return boolean
function M.is_available(pending, what)
  local missing = rawget(_G, "jit") and M.missing()
  if missing then
    pending(what .. ": " .. missing)
  end
  return rawget(_G, "jit") ~= nil and not missing
end

-- Replaces every `old`, as plain text; there must be one.
local function replaced(text, old, new)
  local parts, at, count = {}, 1, 0
  while true do
    local first, last = text:find(old, at, true)
    if not first then
      break
    end
    parts[#parts + 1] = text:sub(at, first - 1) .. new
    at, count = last + 1, count + 1
  end
  assert(count > 0, "the configuration has no " .. old)
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

-- Stops nginx when the process that started it was killed. Each worker has a
-- timer: where the first one starts while the worker exits, ngx_lua logs an alert.
local WATCH = [[
  init_worker_by_lua_block {
    local shell = require "klaviyo.sandbox.shell"
    ngx.timer.every(1, function()
      if ngx.worker.id() == 0 and not shell.alive {pid = "%s", started = %s} then
        os.execute("kill -TERM " .. shell.read(ngx.config.prefix() .. "nginx.pid"))
      end
    end)
  }
]]

local HTTP = [[
http {
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
  lua_package_cpath "%s/build/luajit/?.so;;";
]]

local function adapted(self, options, program)
  local text = options.text or assert(shell.read("examples/nginx/"
    .. options.example))
  local here = root()
  text = replaced(text, "load_module modules/ndk_http_module.so;", "")
  text = replaced(text, "load_module modules/ngx_http_lua_module.so;", program:load_lua())
  text = text:gsub("/var/log/nginx/", ""):gsub("worker_processes %w+;",
    ("worker_processes %d;"):format(options.workers or 2))
  text = text:gsub("pid /[%w/%.-]+;", "pid nginx.pid;\nenv KLAVIYO_RATE_LIMIT_FILE;")
  local _, user = shell.run("id -un")
  if user:find("^root%s") then
    text = "user root;\n" .. text:gsub("\nuser [%w-]+;", "")
  end
  local me = assert(shell.process("self"))
  local watch = WATCH:format(me.pid, me.started and '"' .. me.started .. '"' or "nil")
  local block = "init_worker_by_lua_block {"
  if text:find(block, 1, true) then  -- there can be only one
    text = replaced(text, block, watch:match("^(.*)}%s*$"))
    watch = ""
  end
  text = replaced(text, "http {\n", HTTP:format(here, here, here) .. watch)
  text = replaced(text, "127.0.0.1:8080", "127.0.0.1:" .. self.port)
  for _, pair in ipairs(options.replace or {}) do
    text = replaced(text, pair[1], (pair[2]:gsub("{dir}", self.dir)))
  end
  return text
end

local function launch(self, options)
  local program = assert(programs.find())
  shell.write(self.dir .. "/nginx.conf", adapted(self, options, program))
  -- The specs do not share rate limits with the programs of this machine.
  local words = { "env", shell.quote("KLAVIYO_RATE_LIMIT_FILE=" .. self.dir .. "/rate-limits") }
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = shell.quote(name .. "=" .. value)
  end
  -- by its path, which an upgrade of the binary needs
  local ok, output = shell.run(("%s %s -e %s/error.log -p %s/ -c nginx.conf")
    :format(table.concat(words, " "), shell.quote(program.path), self.dir, self.dir))
  if not ok then
    return nil, output
  end
  self.process = shell.wait_for(function()
    return shell.process_in(self.dir .. "/nginx.pid")
  end)
  return self.process ~= nil, "nginx exited after its start:\n" .. self:logs()
end

--- Starts nginx. In `replace`, {dir} is its directory.
---@param options {example: string, text: string, replace: string[][], env: table, workers: integer}
---@return table|nil server base_url, dir; nil if it did not start
---@return string|nil output its output if it did not start
function M.start(options)
  local ok, dir = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-nginx.XXXXXX"')
  assert(ok, dir)
  local self = setmetatable({ dir = dir:gsub("%s+$", "") }, Server)
  -- OpenResty's access log is there unless the configuration names another.
  assert(shell.run("mkdir " .. self.dir .. "/logs"))
  local output
  for _ = 1, 5 do
    self.port = shell.free_port({})
    ok, output = launch(self, options)
    if ok or not output:find("in use", 1, true) then
      break
    end
  end
  if not ok then
    self:stop()
    return nil, output
  end
  self.base_url = "http://127.0.0.1:" .. self.port
  return self
end

--- Starts the gateway of examples/nginx/gateway.conf in front of a sandbox, or of
--- another server that speaks plain HTTP: {port =, key =}.
---@param upstream table
---@param options table|nil of `start`; `example`: another configuration of a gateway; `settings`: Lua text, in place
---  of the example's
function M.gateway(upstream, options)
  options = options or {}
  local replace = {
    { "server a.klaviyo.com:443;",
      ("server 127.0.0.1:%d;"):format(upstream.tls_port or upstream.port) },
    { "proxy_ssl_name a.klaviyo.com;", "proxy_ssl_name localhost;" },
  }
  if upstream.tls_port then
    replace[3] = { "/etc/ssl/certs/ca-certificates.crt", upstream.ca_file }
  else
    replace[3] = { "proxy_pass https://", "proxy_pass http://" }
  end
  for _, pair in ipairs(options.replace or {}) do
    replace[#replace + 1] = pair
  end
  local text = assert(shell.read("examples/nginx/" .. (options.example or "gateway.conf")))
  if options.settings then
    local first, last = text:find("new {\n.-\n    }\n")
    text = text:sub(1, first - 1) .. "new {\n" .. options.settings
      .. "\n    }\n" .. text:sub(last + 1)
  end
  return M.start { text = text, replace = replace, workers = options.workers,
    env = options.env or { KLAVIYO_API_KEY = upstream.key } }
end

--- Starts the app of examples/nginx/oauth.conf for the accounts of a sandbox. Its
--- tokens are in the folder `tokens` of its directory.
---@param upstream table  a sandbox
---@param options table|nil of `start`; `encryption_key`
function M.oauth(upstream, options)
  options = options or {}
  local replace = {
    { "/var/lib/klaviyo-oauth\"", "{dir}/tokens\", settings = {base_url = \""
      .. upstream.base_url .. "\"}" },
  }
  for _, pair in ipairs(options.replace or {}) do
    replace[#replace + 1] = pair
  end
  return M.start { example = "oauth.conf", replace = replace, workers = options.workers,
    env = { KLAVIYO_CLIENT_ID = upstream.client_id,
      KLAVIYO_CLIENT_SECRET = upstream.client_secret,
      KLAVIYO_ENCRYPTION_KEY = options.encryption_key or ("0123456789abcdef"):rep(4) } }
end

--- Returns the text of all its logs.
---@return string
function Server:logs()
  local _, text = shell.run("cat " .. self.dir .. "/*.log")
  return text
end

--- Stops it and removes its directory; returns its logs.
---@return string
function Server:stop()
  local logs = self.dir and self:logs() or ""
  local process = self.process or self.dir and shell.process_in(self.dir .. "/nginx.pid")
  self.process = nil
  if process then
    shell.stop(process, {"QUIT"}, 2)
    shell.stop(process, {"TERM"})
  end
  if self.dir then
    shell.run("rm -rf " .. self.dir)
    self.dir = nil
  end
  return logs
end

return M
