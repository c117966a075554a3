--- A service that counts in fixed windows, for specs: window_server.c, a process
--- of its own that shares no code with the library.

local http = require "socket.http"
local script = require "spec.support.script"
local socket = require "socket"

local M = {}

local Server = {}
Server.__index = Server

--- Returns the program, which `make probes` builds.
function M.program()
  for template in package.cpath:gmatch("[^;]+") do
    local path = template:gsub("%?%.so$", "window_server")
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
  error("window_server was not built: make probes")
end

---@param options {windows: integer[][], delay: string|nil, host: table|nil}
---  windows: {length in milliseconds, limit}; host: of spec.support.network
---@return table server
function M.start(options)
  local host = options.host or {address = "127.0.0.1", prefix = ""}
  local log = os.tmpname()
  local words = {host.prefix .. script.quote(M.program()), host.address, "0", log,
    options.delay or "2-10"}
  for _, window in ipairs(options.windows) do
    words[#words + 1] = ("%d:%d"):format(window[1], window[2])
  end
  local port_file = os.tmpname()
  -- it ends when this process does, which closes its input
  local pipe = assert(io.popen("exec " .. table.concat(words, " ") .. " >" .. port_file, "w"))
  local last = socket.gettime() + 5
  local port
  repeat
    socket.sleep(0.01)
    local file = assert(io.open(port_file))
    port = file:read("*l")
    file:close()
  until port or socket.gettime() > last
  os.remove(port_file)
  assert(port, "window_server did not start")
  return setmetatable({pipe = pipe, log = log,
    base_url = ("http://%s:%s"):format(host.address, port)}, Server)
end

--- Returns the windows by length: lists of {number =, start =, finish =, limit =,
--- accepted =, rejected =}, with times in seconds of the server; and the present time.
---@return table<integer, table[]> windows
---@return number now
function Server:windows()
  local text = assert(http.request(self.base_url .. "/windows"))
  local all = {}
  for size, number, start, limit, accepted, rejected in
      text:gmatch("(%d+) (%d+) (%-?%d+) (%d+) (%d+) (%d+)\n") do
    local length = tonumber(size)
    all[length] = all[length] or {}
    table.insert(all[length], {number = tonumber(number), start = start / 1000,
      finish = (start + length) / 1000, limit = tonumber(limit),
      accepted = tonumber(accepted), rejected = tonumber(rejected)})
  end
  return all, tonumber(text:match("now (%d+)")) / 1000
end

--- Returns the present time of the server, in seconds.
function Server:now()
  return (select(2, self:windows()))
end

--- Returns the sums of the whole windows of a length between two times:
--- {count =, limit =, accepted =, rejected =, used = 0 to 1, worst = 0 to 1}.
function Server:sum(length, from, to)
  local sum = {count = 0, limit = 0, accepted = 0, rejected = 0, worst = math.huge}
  for _, window in ipairs(self:windows()[length]) do
    if window.start >= from and window.finish <= to then
      sum.count = sum.count + 1
      sum.limit = sum.limit + window.limit
      sum.accepted = sum.accepted + window.accepted
      sum.rejected = sum.rejected + window.rejected
      sum.worst = math.min(sum.worst, window.accepted / window.limit)
    end
  end
  sum.used = sum.accepted / sum.limit
  return sum
end

--- Ends the process. Its log of all requests is kept as $SOAK_LOG, if that is set.
function Server:stop()
  self.pipe:close()
  local keep = os.getenv "SOAK_LOG"
  if keep then
    script.shell(("cp %s %s"):format(self.log, script.quote(keep)))
  end
  os.remove(self.log)
end

return M
