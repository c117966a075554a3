--- Sends inside nginx: each worker with an outbox has a timer. The first event
--- starts it, and it recurs while events wait; another timer looks for files of
--- workers that have ended.

local store_access = require "klaviyo.outbox.store_access"
local timers = require "klaviyo.nginx.timers"

local M = {}

local LOOK_EVERY = 10  -- seconds between two looks for files of other workers
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

local function send(premature, outbox)
  if premature or outbox.closed then
    return
  end
  local done
  guarded(outbox, function()
    done = outbox:flush(ngx.worker.exiting)
  end)
  if ngx.worker.exiting() or store_access.is_of_request() then
    return
  elseif done then
    outbox.failures = 0
  else
    outbox.failures = outbox.failures + 1
  end
  if outbox:waiting() > 0 or not done then
    outbox.timers.send:start(math.min(outbox.interval
      * 2 ^ math.min(outbox.failures, 10), MAX_WAIT))
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
    own = {send = timers.new(send, outbox), look = timers.new(look, outbox)}
    outbox.timers = own
  end
  own.send:start(outbox.interval)
  if store_access.is_of_request() then
    outbox.look = true
  else
    own.look:start(LOOK_EVERY)
  end
end

return M
