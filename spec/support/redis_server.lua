--- A Redis server for a spec: a process of its own on a free port, and a
--- connection to it.

local script = require "spec.support.script"

local shell, quote = script.shell, script.quote

local M = {}

local has_socket, socket = pcall(require, "socket")

--- Returns why no server can be started, or nil.
---@return string|nil
function M.missing()
  if not has_socket then
    return "lua-socket is not installed for this Lua"
  end
  local _, status = shell("command -v redis-server")
  return status ~= 0 and "redis-server is not installed" or nil
end

--- Returns why a spec cannot use klaviyo.redis and a server, or nil.
---@return string|nil
function M.missing_with_client()
  if not pcall(require, "klaviyo.redis") then
    return "klaviyo.redis.hiredis was not built: libhiredis-dev is not installed"
  end
  return M.missing()
end

--- Returns whether the specs of a file that use klaviyo.redis and a server can run.
--- Otherwise they are pending.
---@param pending function  busted's
---@param what string  "limits on Redis"
---@return boolean
function M.is_available(pending, what)
  local missing = M.missing_with_client()
  if missing then
    pending(what .. ": " .. missing)
  end
  return not missing
end

local function free_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tonumber(port)  -- a text plus a number is a float in Lua 5.3
end

local BUS = 10000 -- from the port of a node of a cluster to the one of its bus

local function free_node_port()
  local port
  repeat
    port = free_port()
    local bus = port + BUS < 65536 and socket.bind("127.0.0.1", port + BUS)
    if bus then
      bus:close()
    end
  until bus
  return port
end

local function read(connection)
  local line = assert(connection:receive("*l"))
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "-" then
    return nil, rest
  elseif kind == ":" then
    return tonumber(rest)
  elseif kind == "$" then
    local size = tonumber(rest)
    if size < 0 then
      return false
    end
    local text = assert(connection:receive(size + 2))
    return text:sub(1, size)
  elseif kind == "*" then
    local list = {}
    for i = 1, tonumber(rest) do
      list[i] = read(connection)
    end
    return list
  end
  return rest
end

local Server = {}
Server.__index = Server

local function send(self, ...)
  local parts = {("*%d\r\n"):format(select("#", ...))}
  for i = 1, select("#", ...) do
    local text = tostring((select(i, ...)))
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#text, text)
  end
  assert(self.connection:send(table.concat(parts)))
  return read(self.connection)
end

--- Sends a command, and returns its reply, or nil and the error.
function Server:call(...)
  local ok, reply, why = pcall(send, self, ...)
  if not ok then -- a server that becomes the primary closes its connections
    self:connect()
    return send(self, ...)
  end
  return reply, why
end

function Server:connect()
  local deadline = socket.gettime() + 10
  repeat
    local connection = socket.tcp()
    connection:settimeout(10)
    connection:setoption("tcp-nodelay", true)
    if connection:connect(self.address, self.port) then
      self.connection = connection
      if self.password then
        assert(send(self, "AUTH", self.password))
      end
      if send(self, "PING") == "PONG" then
        return
      end
    end
    connection:close()
    socket.sleep(0.02)
  until socket.gettime() > deadline
  error("redis-server did not start: " .. (shell("cat " .. self.dir .. "/log")))
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- Starts the process again, without data.
function Server:start()
  if self.sentinel then
    write(self.dir .. "/sentinel.conf", ("port %d\nbind %s\ndir %s\nprotected-mode no\n"
      .. "logfile %s/log\n%s"):format(self.port, self.address, self.dir, self.dir, self.sentinel))
  end
  local command = self.sentinel and ("exec %sredis-server %s/sentinel.conf --sentinel"):format(
    self.prefix, self.dir) or ("exec %sredis-server --port %d --bind %s --save '' --appendonly no "
    .. "--protected-mode no --dir %s --unixsocket %s/socket --logfile %s/log --daemonize no %s"
    ):format(self.prefix, self.port, self.address, self.dir, self.dir, self.dir, self.arguments)
  local text = shell(("sh -c %s >/dev/null 2>&1 & echo $!"):format(quote(command)))
  self.pid = assert(tonumber(text:match("%d+")))
  self:connect()
end

--- Ends the process, by a signal of that name or by TERM.
function Server:stop(signal)
  if self.pid then
    self:signal(signal or "TERM")
    self.connection:receive("*a") -- until the process has ended
    self.connection:close()
    self.pid = nil
  end
end

--- Stops the process and removes its files.
function Server:close()
  self:stop("KILL")
  shell("rm -rf " .. self.dir)
end

--- Sends a signal to the process.
function Server:signal(name)
  shell(("kill -%s %d"):format(name, self.pid))
end

---@param options? {password: string, arguments: string, sentinel: string, address: string,
---  prefix: string, cluster: boolean}
---  sentinel: the configuration of a sentinel, which the process then is; address:
---  its own, and prefix: what runs a command at that address (spec.support.network)
---@return table server  with fields port and url; close it
function M.start(options)
  options = options or {}
  local dir = os.tmpname()
  os.remove(dir)
  shell("mkdir -m 700 " .. dir)
  local server = setmetatable({dir = dir, password = options.password,
    port = options.cluster and free_node_port() or free_port(),
    arguments = options.arguments or options.cluster and "--cluster-enabled yes" or "", sentinel = options.sentinel,
    address = options.address or "127.0.0.1", prefix = options.prefix or ""}, Server)
  if server.password then
    server.arguments = server.arguments .. " --requirepass " .. server.password
  end
  server.url = ("redis://%s%s:%d/0"):format(server.password and ":" .. server.password .. "@"
    or "", server.address, server.port)
  server:start()
  return server
end

return M
