--- A sandbox: a stateful stand-in for the Klaviyo API on this machine, an
-- nginx of its own in a directory of its own.
--
--   local server = require("klaviyo.sandbox").start { profiles = 2500 }
--   -- server.base_url, server.key …
--   server:stop()

local certs = require "klaviyo.sandbox.certs"
local codec = require "klaviyo.sandbox.codec"
local conf = require "klaviyo.sandbox.conf"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local DEFAULTS = {
  key = "pk_sandbox",
  company_id = "SandBx",
  profiles = 0,
  link_base = "https://a.klaviyo.com",
  seed = 1,
  detach = false,
  keep = false,
  gzip = true,
  log_level = "warn",
  keepalive_requests = 100000,
  http2_streams = 128,
  connections = 4096,
  record = 200,
}

-- Known when asked for, absent otherwise.
local OPTIONAL = { port = "number", tls_port = "number", nginx = "string",
  modules = "string", now = "number" }

local Server = {}
Server.__index = Server

-- The directory that holds klaviyo/, absolute: nginx runs elsewhere.
local function lua_dir()
  local source = debug.getinfo(1, "S").source:gsub("^@", "")
  local dir = source:match("^(.*)/klaviyo/sandbox/init%.lua$")
    or (source:match("^klaviyo/sandbox/init%.lua$") and ".")
  if not dir then
    return nil, "cannot tell where the klaviyo module lies from " .. source
  end
  local ok, path = shell.run("cd " .. shell.quote(dir) .. " && pwd -P")
  return ok and path:gsub("\n+$", "") or nil, path
end

local function first_file(candidates, name)
  for _, path in ipairs(candidates) do
    local file = io.open(path .. name, "r")
    if file then
      file:close()
      return path
    end
  end
end

local MISSING = "%s is missing: install it (Debian: apt-get install nginx "
  .. "libnginx-mod-http-lua openssl)"

-- A user's PATH often lacks the places where Debian has nginx.
local FIND = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v '

local function find_nginx(settings)
  local found, nginx = shell.run(FIND .. shell.quote(settings.nginx or "nginx"))
  nginx = nginx:gsub("%s+$", "")
  if not found then
    return nil, MISSING:format("nginx")
  end
  local modules = first_file({ settings.modules or "/usr/lib/nginx/modules",
    "/usr/lib64/nginx/modules", "/usr/share/nginx/modules" },
    "/ngx_http_lua_module.so")
  if not modules then
    return nil, MISSING:format("nginx's Lua module")
  end
  if not shell.run("command -v openssl") then
    return nil, MISSING:format("openssl")
  end
  return nginx, modules
end

local function checked(options)
  local settings = {}
  for name, value in pairs(DEFAULTS) do
    settings[name] = value
  end
  for name, value in pairs(options or {}) do
    local wanted = OPTIONAL[name] or type(DEFAULTS[name])
    if wanted == "nil" then
      local names = {}
      for known in pairs(DEFAULTS) do
        names[#names + 1] = known
      end
      for known in pairs(OPTIONAL) do
        names[#names + 1] = known
      end
      table.sort(names)
      error(('unknown option "%s" of sandbox.start; there are: %s')
        :format(tostring(name), table.concat(names, ", ")), 3)
    elseif type(value) ~= wanted then
      error(('option "%s" of sandbox.start must be a %s, not a %s')
        :format(name, wanted, type(value)), 3)
    end
    settings[name] = value
  end
  return settings
end

local WAIT, STEP = 5, 0.01

-- Until `done()` gives something true, for at most `seconds` or so.
local function wait_for(done, seconds)
  for _ = 1, (seconds or WAIT) / STEP do
    local result = done()
    if result then
      return result
    end
    shell.sleep(STEP)
  end
  return done()
end

local function launch(self, settings, nginx)
  shell.write(self.dir .. "/nginx.conf", conf.text(settings))
  local ok, output = shell.run(("%s -e error.log -p %s -c nginx.conf")
    :format(shell.quote(nginx), shell.quote(self.dir .. "/")))
  if not ok then
    return nil, output
  end
  self.process = wait_for(function()
    local pid = (shell.read(self.dir .. "/nginx.pid") or ""):match("^%d+")
    return pid and shell.process(pid)
  end)
  if not self.process then
    return nil, "nginx did not stay: "
      .. (shell.read(self.dir .. "/error.log") or "")
  end
  return true
end

local TRIES = 20

-- Somebody may take a port between our look and nginx's bind: try again.
local function launch_on_free_ports(self, settings, nginx)
  local ports, message = {}, nil
  for _ = 1, TRIES do
    local port = settings.port or shell.free_port(ports)
    ports[port] = true
    local tls_port = settings.tls_port or shell.free_port(ports)
    ports[tls_port] = true
    local trial = setmetatable({ port = port, tls_port = tls_port },
      { __index = settings })
    local ok
    ok, message = launch(self, trial, nginx)
    if ok then
      self.port, self.tls_port = port, tls_port
      return true
    end
    local in_use = message:find("in use", 1, true)
    if not in_use or (settings.port and settings.tls_port) then
      break
    end
  end
  return nil, "nginx could not be started:\n" .. message
end

local function prepare(self, settings)
  local ok, output = shell.run(
    'mktemp -d "${TMPDIR:-/tmp}/klaviyo-sandbox.XXXXXX"')
  if not ok then
    return nil, "no temporary directory: " .. output
  end
  self.dir = output:gsub("%s+$", "")
  assert(shell.run(("mkdir -p %s/temp %s/control"):format(
    shell.quote(self.dir), shell.quote(self.dir))))
  local message
  ok, message = certs.make(self.dir)
  if not ok then
    return nil, message
  end
  local parent = not settings.detach and shell.process("self") or nil
  shell.write(self.dir .. "/settings.json", codec.encode {
    key = settings.key, company_id = settings.company_id,
    profiles = settings.profiles, link_base = settings.link_base,
    seed = settings.seed, parent = parent, now = settings.now,
    record = settings.record, dir = self.dir, keep = settings.keep,
  })
  return true
end

--- Starts a sandbox. It ends with the process that started it (even if that
-- is killed), unless `detach` is set.
--
-- Options: `key` (private key it wants; "pk_sandbox"), `company_id`,
-- `profiles` (how many generated ones; 0), `link_base` (origin of page links),
-- `port`, `tls_port` (free ones unless given), `detach`, `keep` (leave the
-- directory behind), `gzip`, `seed` (of the ids), `now` (fixed clock, epoch
-- seconds), `log_level`, `keepalive_requests`, `http2_streams`, `connections`,
-- `record` (how many requests `:requests()` remembers), `nginx`, `modules`.
---@param options table|nil
---@return table|nil server base_url, tls_url, ca_file, key, company_id, dir
---@return string|nil message why there is none
function M.start(options)
  local settings = checked(options)
  local nginx, modules = find_nginx(settings)
  if not nginx then
    return nil, modules
  end
  settings.modules = modules
  local dir, message = lua_dir()
  if not dir then
    return nil, message
  end
  settings.lua_dir = dir
  local self = setmetatable({ key = settings.key, keep = settings.keep,
    company_id = settings.company_id, commands = 0 }, Server)
  local ok
  ok, message = prepare(self, settings)
  if ok then
    ok, message = launch_on_free_ports(self, settings, nginx)
  end
  if not ok then
    self:stop()
    return nil, message
  end
  self.base_url = "http://127.0.0.1:" .. self.port
  self.tls_url = "https://127.0.0.1:" .. self.tls_port
  self.ca_file = self.dir .. "/ca.pem"
  self.detached = settings.detach
  if newproxy then -- Lua 5.1 has no __gc for tables
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = function() Server.__gc(self) end
    self.proxy = proxy
  end
  return self
end

--- Ends the server, waits until it is gone and removes its directory.
-- May be called any number of times.
function Server:stop()
  local process, dir = self.process, self.dir
  self.process, self.dir = nil, nil
  if process and shell.alive(process) then
    shell.run("kill -TERM " .. process.pid)
    if not wait_for(function() return not shell.alive(process) end) then
      shell.run("kill -KILL " .. process.pid)
      wait_for(function() return not shell.alive(process) end)
    end
  end
  if dir and not self.keep then
    shell.run("rm -rf " .. shell.quote(dir))
  end
end

function Server:__gc()
  if not self.detached then
    self:stop()
  end
end

Server.__close = Server.stop

--- Whether it still runs.
---@return boolean
function Server:running()
  return self.process ~= nil and shell.alive(self.process)
end

-- Commands go through files that the server takes in the order of their
-- numbers, before the next request at the latest: no HTTP client is needed.
local function command(self, name, argument)
  if not self:running() then
    error("the sandbox is not running", 3)
  end
  self.commands = self.commands + 1
  local path = ("%s/control/%d"):format(self.dir, self.commands)
  shell.write(path .. ".json",
    codec.encode({ command = name, argument = argument }))
  local answer = wait_for(function() return shell.read(path .. ".answer") end)
  os.remove(path .. ".answer")
  local document = answer and codec.decode(answer)
  if not document then
    error("the sandbox did not take the command " .. name, 3)
  elseif document.error then
    error(document.error, 3)
  end
  return document.result
end

--- Back to the state it was started in; counters and faults too.
function Server:reset()
  command(self, "reset")
end

--- What it received: `requests`, `operations` (by id), `statuses`,
-- `resources` (how many of each type there are).
---@return table
function Server:stats()
  return command(self, "stats")
end

--- The latest requests, oldest first: method, uri, operation, status,
-- headers (of Authorization the scheme only), body.
---@return table[]
function Server:requests()
  return command(self, "requests")
end

--- Makes coming requests fail. `operation` and `method` choose (all, if
-- absent); the first `skip` (0) matching ones pass, then `times` (1) are hit.
-- `delay` (seconds) is waited; `status`, `headers`, `body` are the answer;
-- `reset` is "before" or "after" processing; `truncate` is the number of body
-- bytes after which the connection is closed.
---@param fault table
function Server:fault(fault)
  command(self, "fault", fault)
end

--- A sandbox in the foreground: says where it is, ends on end of input or
-- when interrupted. Options as `name=value` words.
---@param words string[]|nil the command line
function M.main(words)
  local options = {}
  for _, word in ipairs(words or {}) do
    local name, value = word:match("^([%w_]+)=(.*)$")
    if not name then
      error(("%s is no option=value"):format(word), 0)
    elseif value == "true" or value == "false" then
      options[name] = value == "true"
    else
      options[name] = type(DEFAULTS[name]) ~= "string" and tonumber(value)
        or value
    end
  end
  local server, message = M.start(options)
  if not server then
    io.stderr:write(message, "\n")
    os.exit(1)
  end
  for _, name in ipairs { "base_url", "tls_url", "ca_file", "key",
    "company_id", "dir" } do
    print(("%-10s  %s"):format(name, server[name]))
  end
  print("running until the end of input (Ctrl-D) or Ctrl-C")
  io.stdout:flush()
  if rawget(_G, "jit") then
    -- LuaJIT's reading goes on after Ctrl-C; a child of the terminal ends.
    os.execute("exec cat >/dev/null")
  else
    pcall(io.read, "*a") -- Ctrl-C raises an error here
  end
  server:stop()
end

return M
