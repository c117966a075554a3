--- Learns which requests are finished, and wakes the tasks that wait for them.
---
--- The engine runs in a thread of its own and sends a byte through a socket
--- when requests are finished. A light thread, the listener, reads it and wakes
--- the task that waits for the first of them. That task wakes the next one before
--- it continues, and so on, until the turn of nginx's event loop has taken its
--- time. The queue sends another byte for the others, which nginx reads in its
--- next turn, after it has served its other connections.
---
--- The listener starts when a task waits, and stops when no request was in
--- progress for some time.

local core = require "klaviyo.core"
local exit_hook = require "klaviyo.nginx.exit_hook"

local M = {}

-- Seconds that the listener runs without a request in progress: to start one
-- for each burst of requests costs six times as much. With lua_code_cache off
-- each request has a Lua state of its own, which lives as long as its timers.
local IDLE_TIMEOUT, SHORT_IDLE_TIMEOUT = 5, 0.05

-- Seconds after which a listener that did not start is started again: nginx
-- drops a timer without an error if it has too many.
local START_TIMEOUT = 1

-- Seconds after which no other task is woken in a turn of nginx's event loop. If
-- 256 calls finish together, other requests to the worker take 2.4 to 3.4 times
-- as long as in an idle one (the 99th percentile); with 1 ms it is 5 times, and
-- without a limit 8 to 12 times.
local MAX_TURN = 0.00025

local FOREVER = 2^30  -- milliseconds: a socket needs a timeout

local queue        -- the completion queue of this Lua state
local state        -- nil, "starting" or "running"
local current      -- a table of the listener that was started last
local since = 0    -- the time when it last read, or was started
local missed_since -- the time since which it has not read what a task has found
local is_stopping = false
local has_more = false  -- whether the queue had other finished requests
local turn_end = 0      -- the time until which this turn wakes tasks

-- The tasks by serial. This must not keep a light thread alive that nginx
-- killed: its ticket, once collected, cancels the request.
local waiting = setmetatable({}, {__mode = "v"})
local wake

--- Sets the function that wakes a task.
---@param fn fun(task: table)
function M.set_wake(fn)
  wake = fn
end

--- Returns the completion queue of this Lua state. The engine starts its thread
--- when the first one is made.
function M.completion_queue()
  if not queue then
    queue = core.completion_queue()
  end
  exit_hook.watch(M)
  return queue
end

-- Wakes the task that waits for the first finished request. Returns whether a
-- request was finished.
local function wake_first()
  local serial, task
  local found = false
  repeat
    serial, has_more = queue:take()
    if serial then
      found = true
      task, waiting[serial] = waiting[serial], nil
    end
  until task or not serial
  if task then
    wake(task)
  end
  return found
end

-- Begins to wake tasks in a turn of nginx's event loop.
local function begin_turn()
  turn_end = core.clock() + MAX_TURN
  return wake_first()
end

--- Wakes the next task whose request is finished, if this turn of nginx's event
--- loop has time for it. Each task calls this when it was woken.
function M.wake_next()
  if has_more and core.clock() < turn_end then
    wake_first()
  end
end

local function connect(me)
  local address, why = queue:listen()
  if not address then
    return nil, "no socket in /tmp, /dev/shm, /var/tmp or /run: " .. why
  end
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, FOREVER)
  local ok, failure = socket:connect(address)
  if ok and me == current then
    ok, failure = queue:accept()
  end
  if not ok then
    socket:close()
    return nil, failure
  end
  return socket
end

-- Reads until no request was in progress for some time: the engine then sends
-- an "l". Any other byte means that requests are finished; their tasks may have
-- been woken already.
local function read(socket)
  queue:set_idle_timeout(core.completion_queues() > 1 and SHORT_IDLE_TIMEOUT
    or IDLE_TIMEOUT)
  begin_turn()
  if is_stopping and queue:size() == 0 then
    return nil
  end
  local may_stop = false
  repeat
    local bytes, why = socket:receiveany(64)
    since, missed_since = ngx.now(), nil
    queue:acknowledge()
    begin_turn()
    if not bytes then
      while wake_first() do end  -- no other byte will come
      return why
    end
    may_stop = may_stop or bytes:find("l", 1, true) or ngx.worker.exiting()
  until may_stop and queue:size() == 0
end

local function listen(me)
  local socket, why = connect(me)
  if not socket then
    return why
  elseif me == current then
    state = "running"
    why = read(socket)
  end
  socket:close()
  return why
end

local logged, LOG_GAP = nil, 60

-- Without a listener tasks poll, which is slower. Each of them tries to start it
-- again.
local function log_failure(why)
  if not logged or ngx.now() - logged > LOG_GAP then
    logged = ngx.now()
    ngx.log(ngx.ERR, "klaviyo: calls are slower, because they poll for their "
      .. "responses: ", why)
  end
end

-- A listener in whose place another was started leaves everything to that one,
-- which has closed its connection.
local function run(_, me)
  if me ~= current then
    return
  end
  local ok, why = pcall(listen, me)
  if me ~= current then
    return
  end
  local was_running = state == "running"
  state = nil
  queue:disconnect()
  if ngx.worker.exiting() then
    -- after worker_shutdown_timeout nginx closes all connections
    M.was_closed = was_running and why ~= nil
  elseif not ok or why then
    log_failure(tostring(why))
  end
end

-- Returns whether a listener exists. In a worker that was blocked a task may see
-- that its request is finished before the listener reads it: only one that does
-- not read for some time after that has ended.
local function exists()
  local time = state == "running" and (missed_since or ngx.now()) or since
  return state and ngx.now() - time < START_TIMEOUT
end

--- Starts the listener, if there is none.
function M.start()
  if exists() then
    return
  end
  state, since, missed_since, is_stopping = "starting", ngx.now(), nil, false
  current = {}
  ngx.timer.at(0, run, current)  -- if that fails, the tasks that wait poll
end

--- Stops the listener as soon as nothing is in progress.
function M.stop()
  is_stopping = true
  if state then
    queue:request_stop()
  end
end

--- Wakes a task when its request is finished.
---@param serial integer  of the request's ticket
---@param task table
function M.expect(serial, task)
  waiting[serial] = task
  M.start()
end

--- Returns whether the listener runs.
function M.is_running()
  return state == "running"
end

--- Wakes the tasks whose requests are finished. A task calls this after it
--- waited for some time: the listener may not have started, or have ended.
function M.poll()
  local is_late = ngx.now() - since > START_TIMEOUT
  if state == "running" and not is_late then
    return
  end
  if begin_turn() and state == "running" then
    missed_since = missed_since or ngx.now()
  end
end

return M
