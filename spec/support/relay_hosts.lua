--- Hosts whose events go through a stream in Redis to a server that counts them. A host
--- is a folder with several processes (spec/support/relay_process.lua).

local event_server = require "spec.support.event_server"
local redis_server = require "spec.support.redis_server"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local socket = require "socket"

local M = {}

local Hosts = {}
Hosts.__index = Hosts

-- Returns a table as Lua text; its values are strings, numbers and booleans.
local function text_of(options)
  local parts = {}
  for name, value in pairs(options) do
    parts[#parts + 1] = ("%s = %s"):format(name,
      type(value) == "string" and ("%q"):format(value) or tostring(value))
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

--- Starts Redis, the server of the service, and no host yet.
---@param options? {redis: string, relay: boolean, stream: string, claim_after: number}
---  redis: arguments of redis-server; relay = false: outboxes without one; the others are options
---  of each process
---@return table hosts  close it
function M.start(options)
  options = options or {}
  local _, dir = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-relay.XXXXXX"')
  dir = dir:gsub("%s+$", "")
  shell.run("mkdir " .. dir .. "/log")
  local redis = redis_server.start {arguments = options.redis}
  return setmetatable({dir = dir, log = dir .. "/log", redis = redis, server = event_server.start(),
    relay = options.relay ~= false and redis.url or nil, stream = options.stream or "klaviyo:events",
    claim_after = options.claim_after, processes = {}, names = {}}, Hosts)
end

--- Starts a process of a host.
---@param host integer|string
---@param options {count: integer, rate: number, send: boolean, size: integer, prefix: string}  and
---  others of relay_process.lua; prefix: words before the command
---@return table process
function Hosts:process(host, options)
  local folder = self.dir .. "/host-" .. host
  local name = options.name or ("h%s-%d"):format(host, #self.processes + 1)
  local values = {name = name, log = self.log, owner = shell.process("self").pid, count = 0,
    base_url = self.server.base_url, relay = self.relay, stream = self.relay and self.stream,
    claim_after = self.relay and self.claim_after, retries = 3, timeout = 20}
  for key, value in pairs(options) do
    values[key] = value
  end
  local prefix = values.prefix or ""
  values.prefix = nil
  if not self.relay then
    values.send = nil
  end
  local ok, output = shell.run(
    ("mkdir -p %s; %s %s spec/support/relay_process.lua %s %s >%s/%s.out 2>&1 & echo $!"):format(folder,
      prefix, script.interpreter, folder, script.quote(text_of(values)), self.log, name))
  assert(ok, output)
  local process = {pid = tonumber(output:match("(%d+)%s*$")), host = host, name = name, folder = folder,
    count = values.count, send = values.send, rate = values.rate}
  process.identity = shell.process(process.pid)
  table.insert(self.processes, process)
  return process
end

--- Returns the process that has the turn to send the stream, or nil.
function Hosts:sender()
  local consumer = self.redis:call("GET", self.stream .. ":sender")
  for _, process in ipairs(consumer and self.processes or {}) do
    if consumer:find(":" .. process.pid .. ":", 1, true) and not process.is_killed then
      return process
    end
  end
end

local function kill(processes)
  local pids = {}
  for i, process in ipairs(processes) do
    process.is_killed = true
    pids[i] = process.pid
  end
  shell.run("kill -9 " .. table.concat(pids, " "))
end

--- Kills a process by SIGKILL.
function Hosts:kill(process) -- luacheck: ignore self
  kill {process}
end

--- Kills all processes of a host and removes its files; returns the time before.
---@return number
function Hosts:destroy(host)
  local list = {}
  for _, process in ipairs(self.processes) do
    if process.host == host then
      list[#list + 1] = process
    end
  end
  local time = socket.gettime()
  kill(list)
  shell.run("rm -rf " .. list[1].folder)
  return time
end

--- Waits until `done` returns a true value; returns that, or nil after some seconds.
function M.wait_for(done, seconds)
  local ending = socket.gettime() + seconds
  repeat
    local result = done()
    if result then
      return result
    end
    socket.sleep(0.005)
  until socket.gettime() > ending
end

-- Returns the text of a file that a process wrote, or "".
local function read(self, process, kind)
  return shell.read(self.log .. "/" .. process.name .. "." .. kind) or ""
end

--- Returns when a process began and ended to track, and how often track returned an error;
--- nil: it has not ended.
function Hosts:tracked(process)
  local began, ended, refused = read(self, process, "done"):match("(%S+) (%S+) (%d+)\n")
  return tonumber(began), tonumber(ended), tonumber(refused)
end

--- Waits until all processes tracked their events, except those that were killed.
---@return boolean|nil
function Hosts:wait_for_tracking(seconds)
  return M.wait_for(function()
    for _, process in ipairs(self.processes) do
      if process.count > 0 and not process.is_killed and not self:tracked(process) then
        return false
      end
    end
    socket.sleep(0.02)
    return true
  end, seconds)
end

--- Returns the length of the stream and the number of entries that were read and not acknowledged.
---@return integer length
---@return integer pending
function Hosts:stream_state()
  local length = self.redis:call("XLEN", self.stream) or 0
  local pending = length and self.redis:call("XPENDING", self.stream, "klaviyo")
  return length, pending and pending[1] or 0
end

--- Waits until the server has as many events as were acknowledged and the stream is empty,
--- or until nothing came for some seconds.
---@return boolean|nil
function Hosts:wait_until_empty(count, seconds)
  local ids, changed = 0, socket.gettime()
  repeat
    socket.sleep(0.1)
    local now = self.server:totals().ids
    if now > ids then
      ids, changed = now, socket.gettime()
    end
    local length, pending = 0, 0
    if self.relay then
      length, pending = self:stream_state()
    end
    if ids >= count and length == 0 and pending == 0 then
      return true
    end
  until socket.gettime() > changed + seconds
end

--- Ends all processes in an orderly way.
---@return boolean|nil  whether they ended
function Hosts:stop_processes(seconds)
  shell.write(self.log .. "/stop", "")
  return M.wait_for(function()
    for _, process in ipairs(self.processes) do
      if shell.alive(process.identity) then
        return false
      end
    end
    return true
  end, seconds or 60)
end

--- Calls a function with each acknowledged event: its process, unique_id and the time.
function Hosts:each_acknowledged(call)
  for _, process in ipairs(self.processes) do
    for number, time in read(self, process, "acknowledged"):gmatch("(%d+) ([%d%.]+)\n") do
      call(process, process.name .. "-" .. number, tonumber(time))
    end
  end
end

--- Returns how many events were acknowledged, to one process or to all.
function Hosts:acknowledged(process)
  local count = 0
  self:each_acknowledged(function(one) count = count + (one == (process or one) and 1 or 0) end)
  return count
end

--- Compares what was acknowledged with what the server has.
---@param destroyed table<integer, number>|nil  by host: when it was destroyed
---@return table result  acknowledged; missing: those that the server has not, except what a host
---  had acknowledged in the last second before it was destroyed (`late`); unknown: events
---  that nobody acknowledged; totals of the server; first: a missing one
function Hosts:check(destroyed)
  local received = self.server:received()
  local result = {acknowledged = 0, missing = 0, late = 0, unknown = 0, totals = self.server:totals()}
  self:each_acknowledged(function(process, id, time)
    result.acknowledged = result.acknowledged + 1
    local ended = destroyed and destroyed[process.host]
    if received[id] then
      received[id] = nil
    elseif ended and time > ended - 1 then
      result.late = result.late + 1
    else
      result.missing, result.first = result.missing + 1, result.first or id
    end
  end)
  for _ in pairs(received) do
    result.unknown = result.unknown + 1
  end
  return result
end

--- Returns the sums of what the processes counted that ended in an orderly way.
---@return table<string, integer>
function Hosts:sums()
  local sums = {waiting = 0, sent = 0, rejected = 0, relayed = 0, claimed = 0, warnings = 0, ended = 0}
  for _, process in ipairs(self.processes) do
    local text = read(self, process, "stats")
    sums.ended = sums.ended + (text ~= "" and 1 or 0)
    for name, value in text:gmatch("(%w+)=(%d+)") do
      sums[name] = sums[name] + tonumber(value)
    end
  end
  return sums
end

--- Returns what the processes wrote: their warnings and errors.
---@return string
function Hosts:messages()
  local _, text = shell.run(("cd %s && grep -H . *.warnings *.out 2>/dev/null | head -40"):format(self.log))
  return text
end

--- Kills what still runs, and removes all files.
function Hosts:close()
  for _, process in ipairs(self.processes) do
    if process.identity and shell.alive(process.identity) then
      kill {process}
    end
  end
  self.server:stop()
  self.redis:close()
  shell.run("rm -rf " .. self.dir)
end

return M
