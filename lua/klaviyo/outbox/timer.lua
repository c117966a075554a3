--- What sends inside nginx: a timer of each worker that has an outbox. It is
--- set by the first event and goes on as long as there is something to send;
--- another one looks for what workers that are gone have left.

local store_access = require "klaviyo.outbox.store_access"
local timers = require "klaviyo.nginx.timers"

local M = {}

local LOOK_EVERY = 10  -- seconds, for what others have left
local MAX_WAIT = 60

-- Nothing to do with the request it was started in, which may be long gone.
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

--- Has what is in an outbox sent soon. Where each request has a Lua state, which
--- lives as long as its timers, each sends once what there is.
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
