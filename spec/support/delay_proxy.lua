--- A server that is slow: a proxy, in a process of its own, which passes on what the
--- server sends later by a number of milliseconds. For specs:
---
---     local proxy = delay_proxy.start(address, port, host)
---     proxy:delay(500)
---
--- The process is this file: lua delay_proxy.lua ADDRESS PORT CONTROL PORT_FILE

local socket = require "socket"

-- {from =, to =, delayed =, items = {{due, bytes}, …}, first =}
local function pass_on(pipe, now)
  local item = pipe.items[pipe.first]
  while item and item[1] <= now do
    pipe.to:settimeout(1)
    pipe.to:send(item[2])
    pipe.items[pipe.first] = nil
    pipe.first = pipe.first + 1
    item = pipe.items[pipe.first]
  end
end

local function run(address, port, control, port_file)
  local listener = assert(socket.bind(address, 0, 128))
  local pipes, sockets = {}, {listener}
  local delay, looked = 0, 0
  local function add(from, to, delayed)
    sockets[#sockets + 1] = from
    pipes[from] = {from = from, to = to, delayed = delayed, items = {}, first = 1, last = 0}
  end
  local function close(pipe)
    for _, one in ipairs {pipe.from, pipe.to} do
      pipes[one] = nil
      one:close()
      for i = #sockets, 1, -1 do
        if sockets[i] == one then
          table.remove(sockets, i)
        end
      end
    end
  end
  local function accept()
    local client, server = listener:accept(), socket.tcp()
    server:settimeout(1)
    if not server:connect(address, port) then
      client:close()
      return
    end
    for _, one in ipairs {client, server} do
      one:setoption("tcp-nodelay", true)
    end
    add(client, server, false)
    add(server, client, true)
  end
  local function read(from, now)
    local pipe = pipes[from]
    if not pipe then
      return
    end
    from:settimeout(0)
    local bytes, why, partial = from:receive(65536)
    bytes = bytes or partial
    if bytes ~= "" then
      pipe.last = pipe.last + 1
      pipe.items[pipe.last] = {pipe.delayed and now + delay or now, bytes}
    end
    if why == "closed" then
      close(pipe)
    end
  end
  local file = assert(io.open(port_file, "w"))
  file:write((select(2, listener:getsockname())), "\n")
  file:close()
  while true do
    local readable = socket.select(sockets, nil, 0.002)
    local now = socket.gettime()
    if now > looked + 0.02 then
      looked = now
      file = io.open(control)
      if not file then -- the caller has ended it
        os.exit(0)
      end
      delay = tonumber(file:read("*l") or "0") / 1000
      file:close()
    end
    for _, from in ipairs(readable) do
      if from == listener then
        accept()
      else
        read(from, now)
      end
    end
    for _, pipe in pairs(pipes) do
      pass_on(pipe, now)
    end
  end
end

if arg and arg[0] and arg[0]:find("delay_proxy.lua", 1, true) then
  run(arg[1], tonumber(arg[2]), arg[3], arg[4])
end

local M = {}

local Proxy = {}
Proxy.__index = Proxy

--- Makes what the server sends arrive later.
---@param milliseconds integer
function Proxy:delay(milliseconds)
  local file = assert(io.open(self.control, "w"))
  file:write(milliseconds, "\n")
  file:close()
end

function Proxy:stop()
  os.remove(self.control)
end

--- Starts a proxy of a server.
---@param address string
---@param port integer
---@param prefix string  what runs a command at this address
---@return table proxy  with its port
function M.start(address, port, prefix)
  local script = require "spec.support.script"
  local proxy = setmetatable({control = os.tmpname()}, Proxy)
  local port_file = os.tmpname()
  proxy:delay(0)
  os.execute(("%s%s spec/support/delay_proxy.lua %s %d %s %s >/dev/null 2>&1 &"):format(prefix,
    script.interpreter, address, port, proxy.control, port_file))
  local last = socket.gettime() + 5
  repeat
    socket.sleep(0.01)
    local file = assert(io.open(port_file))
    proxy.port = tonumber(file:read("*l"))
    file:close()
  until proxy.port or socket.gettime() > last
  os.remove(port_file)
  assert(proxy.port, "the proxy did not start")
  return proxy
end

return M
