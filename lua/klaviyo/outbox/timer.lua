--- What sends inside nginx: a timer of each worker that has an outbox. It is
--- set by the first event and goes on as long as there is something to send;
--- another one looks for what workers that are gone have left.

local core = require "klaviyo.core"

local M = {}

local LOOK_EVERY = 10  -- seconds, for what others have left
local LONGEST_WAIT = 60

-- Nothing to do with the request it was started in, which may be long gone.
local function guarded(outbox, run)
  local ok, err = pcall(run, outbox)
  if not ok then
    ngx.log(ngx.ERR, "klaviyo: outbox: ", tostring(err))
  end
  return ok
end

local send

local function set(outbox, seconds)
  outbox.timer = ngx.timer.at(seconds, send, outbox) and true or false
end

function send(premature, outbox)
  outbox.timer = false
  if premature or outbox.closed then
    return
  end
  local done
  guarded(outbox, function()
    done = outbox:pass(ngx.worker.exiting)
  end)
  if ngx.worker.exiting() then
    return
  elseif done then
    outbox.failures = 0
  else
    outbox.failures = outbox.failures + 1
  end
  if outbox:waiting() > 0 or not done then
    set(outbox, math.min(outbox.interval * 2 ^ math.min(outbox.failures, 10),
      LONGEST_WAIT))
  end
end

-- Where Lua's code is not cached every request has a VM, which lives as long
-- as its timers: none of them must do for ever.
local function look(premature, outbox)
  outbox.looking = false
  if not premature and not outbox.closed and core.ports() <= 1 then
    outbox.look = true
    M.wake(outbox)
  end
end

--- Sees to it that what is in an outbox is sent soon.
function M.wake(outbox)
  if not outbox.timer then
    set(outbox, outbox.interval)
  end
  if not outbox.looking then
    outbox.looking = ngx.timer.at(LOOK_EVERY, look, outbox) and true or false
  end
end

return M
