--- Sends inside nginx: each worker with an outbox has a timer. The first event
--- starts it, and it recurs while events wait; another timer looks for files of
--- workers that have ended.

local flush = require "klaviyo.outbox.flush"
local store_access = require "klaviyo.outbox.store_access"
local timers = require "klaviyo.nginx.timers"

local M = {}

local LOOK_EVERY = 10  -- seconds between two looks for files of other workers
local KEEP_TURN_EVERY = 3
local MAX_WAIT = 60

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
  local done
  guarded(outbox, function()
    done = flush.run(outbox, ngx.worker.exiting, nil, part)
  end)
  local name = part or "files"
  local failures = done and 0 or (outbox.failures[name] or 0) + 1
  outbox.failures[name] = failures
  return done, math.min(interval * 2 ^ math.min(failures, 10), MAX_WAIT)
end

local function is_last(outbox)
  return outbox.closed or ngx.worker.exiting() or store_access.is_of_request()
end

-- With a relay, the other timer sends the stream; half of the interval is for the time
-- that this one and Redis take.
local function send(premature, outbox)
  if premature or outbox.closed then
    return
  end
  local is_part = outbox.relay and not store_access.is_of_request()
  local done, wait = run(outbox, is_part and "files" or nil,
    outbox.relay and outbox.interval / 2 or outbox.interval)
  if not is_last(outbox) and (outbox:waiting() > 0 or not done) then
    outbox.timers.send:start(wait)
  end
end

local function keep_turn(premature, outbox)
  if not premature and outbox.is_sending then
    guarded(outbox, function() outbox.relay:keep_turn() end)
    outbox.timers.turn:start(KEEP_TURN_EVERY)
  end
end

-- Sends the relay's stream, to which other hosts add events: always again.
local function send_stream(premature, outbox)
  if premature or outbox.closed then
    return
  end
  outbox.timers.turn:start(KEEP_TURN_EVERY)
  outbox.is_sending = true
  local _, wait = run(outbox, "stream", outbox.interval)
  outbox.is_sending = false
  if not is_last(outbox) then
    outbox.timers.stream:start(wait)
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
  if not own then
    own = {send = timers.new(send, outbox), look = timers.new(look, outbox),
      stream = timers.new(send_stream, outbox), turn = timers.new(keep_turn, outbox)}
    outbox.timers = own
  end
  own.send:start(outbox.relay and outbox.interval / 2 or outbox.interval)
  if store_access.is_of_request() then
    outbox.look = true
    return
  end
  own.look:start(LOOK_EVERY)
  if outbox.relay and outbox.send and not outbox.is_sending then
    own.stream:start(outbox.interval)
  end
end

return M
