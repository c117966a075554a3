--- Hosts with several processes each that share the limits of one account through
--- Redis, against a service that counts windows: for the soaks. Each host, Redis
--- and the service have a network namespace if this is possible.

local network = require "spec.support.network"
local redis_hosts = require "spec.support.redis_hosts"
local redis_server = require "spec.support.redis_server"
local script = require "spec.support.script"
local socket = require "socket"
local window_server = require "spec.support.window_server"

local M = {}

local PROCESSES = 4
local PROGRAM = "spec/soak/redis_process.lua"

local Fleet = {}
Fleet.__index = Fleet

--- Creates the network, Redis and the service; add hosts next.
---@param options {windows: integer[][], operation: string, concurrency: integer,
---  seconds: number, delay: string|nil, sentinel: boolean|nil}
---  seconds: how long the hosts call, from their start
---@return table fleet  close it
function M.new(options)
  local net, why = network.new()
  local self = setmetatable({options = options, network = net, why = why, hosts = {}, redis = {},
    account = ("soak-%.3f"):format(socket.gettime())}, Fleet)
  self.server = window_server.start {windows = options.windows, delay = options.delay,
    host = net:add "srv"}
  return self
end

--- Starts a Redis in a namespace of its own.
---@param options table|nil  of redis_server.start
function Fleet:add_redis(options)
  local host = self.network:add("db" .. #self.redis)
  local all = {address = host.address, prefix = host.prefix}
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  local server = redis_server.start(all)
  self.redis[#self.redis + 1] = server
  self.url = self.url or server.url
  return server
end

--- Starts a host: its processes call until the given time of the clock.
---@return table host
function Fleet:add_host()
  local o = self.options
  local number = #self.hosts + 1
  local host = self.network:add("h" .. number)
  host.number, host.pipes, host.pids = number, {}, {}
  -- its own local file: all have one file system
  host.url = self.url .. (self.url:find("?", 1, true) and "&" or "?") .. ("&"):rep(number)
  for i = 1, PROCESSES do
    host.pipes[i] = assert(io.popen(("exec %s%s %s %s '%s' %s %s %.3f %d"):format(host.prefix,
      script.interpreter, PROGRAM, self.server.base_url, host.url, self.account, o.operation,
      self.stop_at, o.concurrency)))
  end
  self.hosts[number] = host
  return host
end

--- Waits until the processes of a host are ready to call.
function Fleet.wait_for(_, host)
  for i, pipe in ipairs(host.pipes) do
    host.pids[i] = host.pids[i] or assert(pipe:read("*l")):match("^ready (%d+)$")
    assert(host.pids[i], "a process of a host did not start")
  end
end

--- Starts hosts, and returns the time of the service at which all call.
function Fleet:start(hosts)
  self.stop_at = socket.gettime() + self.options.seconds
  for _ = 1, hosts do
    self:add_host()
  end
  for _, host in ipairs(self.hosts) do
    self:wait_for(host)
  end
  return self.server:now()
end

--- Kills all processes of a host, and removes its namespace.
function Fleet:kill(host)
  script.shell("kill -9 " .. table.concat(host.pids, " "))
  self.network:remove(host)
  host.killed = true
end

--- Waits until the processes have ended, and returns the sums of their counts.
---@return table sums  {done =, rejected =, failed =, away =, texts =}
function Fleet:finish()
  local sums = {done = 0, rejected = 0, failed = 0, away = 0, texts = {}}
  for _, host in ipairs(self.hosts) do
    for _, pipe in ipairs(host.pipes) do
      local text = pipe:read("*a")
      pipe:close()
      local done, rejected, failed, away = text:match("counts (%d+) (%d+) (%d+) (%d+)")
      if done then
        sums.done = sums.done + done
        sums.rejected = sums.rejected + rejected
        sums.failed = sums.failed + failed
        sums.away = sums.away + away
      elseif not host.killed then
        sums.failed = sums.failed + 1
        sums.texts[#sums.texts + 1] = "a process ended early: " .. text
      end
      for line in text:gmatch("text ([^\n]*)") do
        sums.texts[#sums.texts + 1] = ("host %d: %s"):format(host.number, line)
      end
    end
    host.pipes = {}
  end
  return sums
end

--- Returns how many exchanges the servers made.
function Fleet:exchanges()
  local n = 0
  for _, server in ipairs(self.redis) do
    n = n + redis_hosts.exchanges(server)
  end
  return n
end

function Fleet:close()
  for _, host in ipairs(self.hosts) do
    if #host.pids > 0 and #host.pipes > 0 then
      script.shell("kill -9 " .. table.concat(host.pids, " "))
    end
    redis_hosts.remove_file(host.url)
  end
  for _, server in ipairs(self.redis) do
    server:close()
  end
  self.server:stop()
  self.network:close()
end

--- Runs a function with a fleet, and closes that also after an error.
---@param options table  of M.new
---@param run fun(fleet: table)
function M.with(options, run)
  local fleet = M.new(options)
  local ok, why = xpcall(run, debug.traceback, fleet)
  fleet:close()
  if not ok then
    error(why, 0)
  end
end

return M
