--- Learns of the ends of transfers, and wakes who waits for them.
---
--- The engine runs in a thread of its own. It sends a byte through a socket
--- when there is news; a light thread reads it, and takes all news there are
--- from this VM's port. It comes when somebody waits, and leaves when nothing
--- was under way for some time.

local core = require "klaviyo.core"
local exit_hook = require "klaviyo.nginx.exit_hook"

local M = {}

-- Seconds that it stays though nothing is under way: to start one for every
-- burst costs six times as much. Where Lua's code is not cached every request
-- has a VM, which lives as long as its timers.
local STAY, SHORT_STAY = 5, 0.05

-- A timer that nginx had no room for is dropped without a word.
local PATIENCE = 1

local FOREVER = 2^30  -- milliseconds: who reads without end reads no time-out

local port         -- of this VM
local state        -- nil, "coming" or "reading"
local since = 0    -- when it was last seen at work, or sent for
local is_dismissed = false

-- By serial. A light thread that was killed is not kept alive by its waiting:
-- its ticket, once collected, gives the transfer up.
local waiting = setmetatable({}, {__mode = "v"})
local wake

--- Who is told whose transfer is over.
---@param fn fun(task: table)
function M.deliver_to(fn)
  wake = fn
end

--- The port of this VM; with it the engine has its thread.
function M.port()
  if not port then
    port = core.completion_queue()
  end
  exit_hook.watch(M)
  return port
end

local function drain()
  local serials = port:drain()
  for _, serial in ipairs(serials) do
    local task = waiting[serial]
    waiting[serial] = nil
    if task then
      wake(task)
    end
  end
  return #serials
end

local function connect()
  local address, why = port:listen()
  if not address then
    return nil, "no socket in /tmp, /dev/shm, /var/tmp or /run: " .. why
  end
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, FOREVER)
  local ok, failure = socket:connect(address)
  if ok then
    ok, failure = port:accept()
  end
  if not ok then
    socket:close()
    return nil, failure
  end
  return socket
end

-- Reads until nothing was under way for some time: then the byte that comes is
-- an "l". Another one tells of news, which may have been seen by now.
local function read(socket)
  port:set_idle_timeout(core.completion_queues() > 1 and SHORT_STAY or STAY)
  drain()
  if is_dismissed and port:size() == 0 then
    return nil
  end
  local is_asked = false
  repeat
    local bytes, why = socket:receiveany(64)
    since = ngx.now()
    drain()
    if not bytes then
      return why
    end
    is_asked = is_asked or bytes:find("l", 1, true) or ngx.worker.exiting()
  until is_asked and port:size() == 0
end

local function work()
  local socket, why = connect()
  if not socket then
    return why
  end
  state = "reading"
  why = read(socket)
  socket:close()
  return why
end

local complained, COMPLAINT_GAP = nil, 60

-- Without a reader all goes on, though slower: it is tried again and again.
local function complain(why)
  if not complained or ngx.now() - complained > COMPLAINT_GAP then
    complained = ngx.now()
    ngx.log(ngx.ERR, "klaviyo: the ends of calls are polled for: ", why)
  end
end

local function run()
  local ok, why = pcall(work)
  local was_reading = state == "reading"
  state = nil
  port:disconnect()
  if ngx.worker.exiting() then
    -- after worker_shutdown_timeout nginx cuts all connections
    M.was_cut = was_reading and why ~= nil
  elseif not ok or why then
    complain(tostring(why))
  end
end

--- Sends for the reader, if there is none.
function M.start()
  if state == "reading" or state and ngx.now() - since < PATIENCE then
    return
  end
  state, since, is_dismissed = "coming", ngx.now(), false
  ngx.timer.at(0, run)  -- where it fails, those who wait look for themselves
end

--- Has the reader leave as soon as nothing is under way.
function M.stop()
  is_dismissed = true
  if state then
    port:request_stop()
  end
end

--- Has a task be woken when a transfer is over.
function M.expect(serial, task)
  waiting[serial] = task
  M.start()
end

function M.is_reading()
  return state == "reading"
end

--- For who waited in vain for some time: the reader may not have come, or be
--- gone.
function M.glance()
  if drain() > 0 and state == "reading" and ngx.now() - since > PATIENCE then
    state = nil
  end
end

return M
