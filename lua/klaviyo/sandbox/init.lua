--- A sandbox: a local server that behaves like the Klaviyo API and keeps state.
--- It is an nginx with its own directory.
---
---   local server = require("klaviyo.sandbox").start {profiles = 2500}
---   -- server.base_url, server.key …
---   server:stop()

require "klaviyo.util.lua_version"
local certs = require "klaviyo.sandbox.certs"
local json = require "klaviyo.sandbox.json"
local lazy_require = require "klaviyo.util.lazy_require"
local conf = require "klaviyo.sandbox.conf"
local errors = require "klaviyo.response.errors"
local server_options = require "klaviyo.sandbox.options"
local programs = require "klaviyo.sandbox.program"
local Server = require "klaviyo.sandbox.server"
local shell = require "klaviyo.sandbox.shell"

local revision_data = lazy_require "klaviyo.openapi.revision_data"

local M = {}

-- Returns the absolute path of the directory that contains klaviyo/: nginx
-- runs in another directory.
local function lua_dir()
  local source = debug.getinfo(1, "S").source:gsub("^@", "")
  local dir = source:match("^(.*)/klaviyo/sandbox/init%.lua$")
    or (source:match("^klaviyo/sandbox/init%.lua$") and ".")
  if not dir then
    return nil, "cannot find the directory of the klaviyo module, which was loaded from " .. source
  end
  local ok, path = shell.run("cd " .. shell.quote(dir) .. " && pwd -P")
  return ok and path:gsub("\n+$", "") or nil, path
end

local function launch(self, settings, program)
  local text, wrong = conf.text(settings, program)
  if not text then
    return nil, wrong
  end
  shell.write(self.dir .. "/nginx.conf", text)
  local ok, output = shell.run(("%s -e error.log -p %s -c nginx.conf")
    :format(shell.quote(program.path), shell.quote(self.dir .. "/")))
  if not ok then
    return nil, output
  end
  self.process = shell.wait_for(function()
    return shell.process_in(self.dir .. "/nginx.pid")
  end)
  if not self.process then
    return nil, "nginx exited after its start: "
      .. (shell.read(self.dir .. "/error.log") or "")
  end
  return true
end

local MAX_TRIES = 20

-- Another process may take a port between the check and nginx's bind: try
-- again.
local function launch_on_free_ports(self, settings, program)
  local ports, message = {}, nil
  for _ = 1, MAX_TRIES do
    local port = settings.port or shell.free_port(ports)
    ports[port] = true
    local tls_port = settings.tls_port or shell.free_port(ports)
    ports[tls_port] = true
    local attempt = setmetatable({port = port, tls_port = tls_port},
      {__index = settings})
    local ok
    ok, message = launch(self, attempt, program)
    if ok then
      self.port, self.tls_port = port, tls_port
      return true
    end
    local in_use = message:find("in use", 1, true)
    if not in_use or (settings.port and settings.tls_port) then
      break
    end
  end
  return nil, "cannot start nginx:\n" .. message
end

-- The settings that the server process needs.
local SERVER_SETTINGS = {"key", "company_id", "profiles", "link_base", "seed", "now",
  "record", "keep", "limits", "time_scale", "window_phase",
  "rate_limit_headers", "job_polls", "job_seconds", "advanced_kdp", "retire",
  "client_id", "client_secret", "redirect_uri", "approve", "rotate_refresh_tokens",
  "token_seconds"}

-- Writes the revision of the option openapi for the server process, whose Lua may
-- be one for which the core was not built.
local function write_revision(self, path)
  local data, err = revision_data.read(path)
  if not data then
    return nil, err.message
  end
  shell.write(self.dir .. "/revision.json", json.encode(data))
  return true
end

local function prepare(self, settings)
  local ok, output = shell.run(
    'mktemp -d "${TMPDIR:-/tmp}/klaviyo-sandbox.XXXXXX"')
  if not ok then
    return nil, "cannot create a temporary directory: " .. output
  end
  self.dir = output:gsub("%s+$", "")
  assert(shell.run(("mkdir -p %s/temp %s/control"):format(
    shell.quote(self.dir), shell.quote(self.dir))))
  local message
  ok, message = certs.make(self.dir)
  if not ok then
    return nil, message
  end
  if settings.openapi then
    ok, message = write_revision(self, settings.openapi)
    if not ok then
      return nil, message
    end
  end
  local parent = settings.parent
    or not settings.detach and shell.process("self") or nil
  local inner = {parent = parent, dir = self.dir,
    phase_seed = shell.random(2 ^ 24)}
  for _, name in ipairs(SERVER_SETTINGS) do
    inner[name] = settings[name]
  end
  shell.write(self.dir .. "/settings.json", json.encode(inner))
  return true
end

local function prepare_and_launch(self, settings, program)
  local ok, message = prepare(self, settings)
  if ok then
    ok, message = launch_on_free_ports(self, settings, program)
  end
  return ok, message
end

local function failure(message)
  return errors.new {kind = "sandbox", message = message}
end

local function start(settings)
  settings.key = settings.key
    or ("pk_sandbox_%06x%06x"):format(shell.random(2 ^ 24), shell.random(2 ^ 24))
  settings.client_secret = settings.client_secret
    or ("sandbox-%06x%06x"):format(shell.random(2 ^ 24), shell.random(2 ^ 24))
  local program, message = programs.find(settings)
  if not program then
    return nil, failure(message)
  end
  local dir
  dir, message = lua_dir()
  if not dir then
    return nil, failure(message)
  end
  settings.lua_dir = dir
  local self = setmetatable({key = settings.key, keep = settings.keep,
    company_id = settings.company_id, client_id = settings.client_id,
    client_secret = settings.client_secret, commands = 0}, Server)
  local raised_no_error, ok
  raised_no_error, ok, message = pcall(prepare_and_launch, self, settings, program)
  if not raised_no_error then
    self:stop()
    error(ok, 0)
  elseif not ok then
    self:stop()
    return nil, failure(message)
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

--- Starts a sandbox. It ends with the process that started it (even if that
--- process is killed), unless `detach` is set.
---@param options klaviyo.sandbox.Options|nil
---@return klaviyo.sandbox.Server|nil server  base_url, tls_url, ca_file, key, company_id, client_id, client_secret, dir
---@return klaviyo.Error|nil err  of kind "sandbox"
function M.start(options)
  return start(server_options.check(options))
end

local function fail(message)
  io.stderr:write((message:gsub("^[^\n]-:%d+: ", "")), "\n")
  os.exit(1)
end

-- Quotes a word for a shell if needed.
local function shell_word(text)
  return text:find("^[%w_.:/-]+$") and text or shell.quote(text)
end

local function print_details(server, ending)
  for _, name in ipairs {"base_url", "tls_url", "ca_file", "key",
    "company_id", "client_id", "client_secret", "dir"} do
    io.stderr:write(("%-13s  %s\n"):format(name, server[name]))
  end
  io.stderr:write(ending, "\n")
  io.stdout:write(("export KLAVIYO_API_KEY=%s KLAVIYO_BASE_URL=%s\n")
    :format(shell_word(server.key), shell_word(server.base_url)))
  io.stdout:flush()
end

local function run_in_foreground(server)
  print_details(server, "running until the end of input (Ctrl-D) or Ctrl-C")
  if rawget(_G, "jit") then
    -- LuaJIT continues to read after Ctrl-C; a child process on the terminal
    -- ends.
    os.execute("exec cat >/dev/null")
  else
    pcall(io.read, "*a") -- Ctrl-C raises an error here
  end
  server:stop()
end

--- Starts a sandbox for other programs. It writes a line for `eval` to
--- standard output and everything else to standard error. On a terminal it
--- stays in the foreground until the end of input or Ctrl-C. Otherwise it
--- returns, and the sandbox ends with the session; with `detach`, and where
--- /proc cannot be read, it ends only on request. Options are `name=value` words, or `name` for `name=true`.
---@param words string[]|nil the command line
function M.main(words)
  local ok, settings = pcall(function()
    return server_options.check(server_options.from_words(words or {}))
  end)
  if not ok then
    fail(settings)
  end
  local detach = server_options.from_words(words or {}).detach
  local background = detach or detach == nil and not shell.on_terminal()
  if background and not detach then
    settings.detach, settings.parent = true, shell.session()
  end
  local server, err = start(settings)
  if not server then
    fail(tostring(err))
  elseif not background then
    return run_in_foreground(server)
  end
  print_details(server, ("stop it with: curl -X POST %s/__sandbox/quit")
    :format(server.base_url))
end

return M
