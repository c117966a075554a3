--- Sends inside nginx: each worker with an outbox has a timer. The first event
--- starts it, and it recurs while events wait; another timer looks for files of
--- workers that have ended.

local flush = require "klaviyo.outbox.flush"
local store_access = require "klaviyo.outbox.store_access"
local timers = require "klaviyo.nginx.timers"

local M = {}

local MAX_WAIT = 60
local MAX_WAIT_FOR_RELAY = 5  -- until the relay asks Redis again

-- Calls a function and logs its error. The request that started the timer may
-- have ended.
local function guarded(outbox, run)
  local ok, err = pcall(run, outbox)
  if not ok then
    ngx.log(ngx.ERR, "klaviyo: outbox: ", tostring(err))
  end
  return ok
end

-- Flushes the outbox, or a part of it. Returns whether it is done, and the seconds to
-- wait before the next time: more with each failure in a row.
local function run(outbox, part, interval)
  local done, err
  guarded(outbox, function()
    done, err = flush.run(outbox, ngx.worker.exiting, nil, part)
  end)
  local name = part or "files"
  local failures = done and 0 or (outbox.failures[name] or 0) + 1
  outbox.failures[name] = failures
  local most = outbox.relay and outbox.relay.is_reported(err) and MAX_WAIT_FOR_RELAY
    or MAX_WAIT
  return done, math.min(interval * 2 ^ math.min(failures, 10), most)
end

local function is_last(outbox)
  return outbox.closed or ngx.worker.exiting() or store_access.is_of_request()
end

-- With a relay, this timer moves events to the stream, also when the worker exits, and
-- another one sends them. Half of the interval is for the time that Redis and a busy
-- worker take.
local function send(premature, outbox)
  local relay = outbox.relay and not store_access.is_of_request()
  if outbox.closed or premature and not relay then
    return
  elseif premature then
    guarded(outbox, function() flush.run(outbox, nil, nil, "files") end)
    return
  end
  local done, wait = run(outbox, relay and "files" or nil,
    relay and outbox.interval / 2 or outbox.interval)
  if not is_last(outbox) and (outbox:waiting() > 0 or not done) then
    outbox.timers.send:start(wait)
  end
end

local function keep_turn(premature, outbox)
  if not premature and outbox.is_sending then
    guarded(outbox, function() outbox.relay:keep_turn() end)
    outbox.timers.turn:start(outbox.relay:turn_seconds() / 3)
  end
end

-- Sends the relay's stream, to which other hosts add events: always again.
local function send_stream(premature, outbox)
  if outbox.closed then
    return
  elseif premature then
    guarded(outbox, function() outbox.relay:close(flush.new_flush(outbox)) end)
    return
  end
  outbox.timers.turn:start(outbox.relay:turn_seconds() / 3)
  outbox.is_sending = true
  local _, wait = run(outbox, "stream", outbox.interval)
  outbox.is_sending = false
  if not is_last(outbox) then
    outbox.timers.stream:start(outbox.relay:send_interval(wait))
  end
end

local function look(premature, outbox)
  if not premature and not outbox.closed then
    outbox.look = true
    M.wake(outbox)
  end
end

--- Starts the timers, so that the events of an outbox are sent soon. A Lua state
--- that belongs to one request lives as long as its timers, so it sends once.
function M.wake(outbox)
  local own = outbox.timers
  local is_first = not own
  if is_first then
    own = {send = timers.new(send, outbox), look = timers.new(look, outbox),
      stream = timers.new(send_stream, outbox), turn = timers.new(keep_turn, outbox)}
    outbox.timers = own
  end
  own.send:start(outbox.relay and outbox.interval / 2 or outbox.interval)
  if store_access.is_of_request() then
    outbox.look = true
    return
  end
  own.look:start(flush.LOOK_EVERY)
  if outbox.relay and outbox.send and not outbox.is_sending then
    own.stream:start(is_first and 0 or outbox.interval)
  end
end

return M
