--- A server that replies to a connection to Redis with bytes of the spec, in a task
--- of this process.

local klaviyo = require "klaviyo"
local socket = require "socket"

local M = {}

local Peer = {}
Peer.__index = Peer

-- Calls a function until it returns a value, while other tasks run.
local function poll(f)
  local last = socket.gettime() + 10
  repeat
    local value = f()
    if value then
      return value
    end
    klaviyo.sleep(0.002)
  until socket.gettime() > last
  error("the connection does not do what the spec waits for")
end

--- Returns what the connection sent, at least `size` bytes.
function Peer:read(size)
  local parts, count = {}, 0
  while count < (size or 1) do
    local text = poll(function()
      local bytes, why, part = self.socket:receive(65536)
      bytes = bytes or part
      return bytes ~= "" and bytes or why == "closed" and error("it was closed")
    end)
    parts[#parts + 1], count = text, count + #text
  end
  return table.concat(parts)
end

function Peer:send(text)
  local at = 1
  while at <= #text do
    local last, why, partial = self.socket:send(text, at)
    if why == "closed" then
      return
    end
    at = (last or partial) + 1
    if why then
      klaviyo.sleep(0.002)
    end
  end
end

--- Waits until the connection is closed by the other side.
function Peer:wait_for_end()
  poll(function()
    local _, why = self.socket:receive(1)
    return why == "closed"
  end)
end

function Peer:close()
  self.socket:close()
end

local function pack(...)
  return {n = select("#", ...), ...} -- what is returned may begin with nil
end

--- Runs a function as a task with the URL of a server. The n-th connection is given
--- to the n-th of the others.
---@param fn fun(url: string): any
---@param ... fun(peer: table)
---@return any ...  what `fn` returned
function M.run(fn, ...)
  local peers = {...}
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:settimeout(0)
  local values
  klaviyo.run(function()
    local server = klaviyo.spawn(function()
      for _, serve in ipairs(peers) do
        local peer = setmetatable({socket = poll(function() return (listener:accept()) end)}, Peer)
        peer.socket:settimeout(0)
        serve(peer)
        peer:close()
      end
    end)
    values = pack(fn("redis://127.0.0.1:" .. port))
    server:wait()
  end)
  listener:close()
  return (table.unpack or unpack)(values, 1, values.n) -- luacheck: ignore 113
end

return M
