--- Lets a request wait for the rate limits, in the order of a fair queue.
---
--- The requests of a worker that wait for one limit share a klaviyo.gateway.FairQueue.
--- One of them, the leader, sleeps until the limit has capacity again, and then
--- serves the queue; the others sleep until it wakes them. When the leader's wait
--- ends, or its client hangs up, another one becomes the leader.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local error_response = require "klaviyo.gateway.error_response"
local fair_queue = require "klaviyo.gateway.fair_queue"
local local_store = require "klaviyo.gateway.local_store"
local rate_limits = require "klaviyo.transport.rate_limits"
local shares = require "klaviyo.gateway.shares"

local M = {}

-- Seconds after its deadline when a request looks by itself, and the shortest
-- sleep.
local LATE, SHORTEST = 0.5, 0.001

local WEAK = {__mode = "k"}

-- The queues with waiting requests: dict (or "") → limit → queue. The gateways of
-- a worker share them.
local queues = {}

-- source → the name of its limit; false: it has none
local limits = setmetatable({}, WEAK)

local own_store = local_store.new(core.clock)

-- The limit whose requests are served in one order: an operation's of an account,
-- or the account's if its operations share one.
local function limit_of(state)
  local source = state.request_queue
  local limit = limits[source]
  if limit == nil then
    local connection, op = state.connection, state.op
    limit = rate_limits.is_paced(connection.pace, op, op)
      and (connection.rate_limit_key or connection.name)
    if limit and type(connection.pace.pacing) ~= "table" then
      limit = limit .. " " .. op.id
    end
    limits[source] = limit
  end
  return limit
end

local function wake(waiter)
  waiter.data:post()
end

local function queue_of(settings, limit)
  local all = queues[settings.dict or ""]
  if not all then
    all = {}
    queues[settings.dict or ""] = all
  end
  local queue = all[limit]
  if not queue then
    local shared = settings.dict and ngx.shared[settings.dict]
    queue = fair_queue.new {
      clock = core.clock, on_end = wake,
      shares = shared and shares.new(shared, limit, ngx.worker.id() or 0,
        ngx.worker.count()) or shares.new(own_store, limit),
    }
    queue.limit, queue.all = limit, all
    all[limit] = queue
  end
  return queue
end

-- Returns whether requests wait for a limit, in this worker or in another one.
local function is_waited_for(settings, limit)
  local all = queues[settings.dict or ""]
  return limit and (all and all[limit] ~= nil
    or settings.dict and ngx.shared[settings.dict]:get(shares.flag(limit))) or false
end

-- Serves the queue. The leader sleeps until `due`: it is woken if that is earlier
-- now.
local function serve(queue, waiter)
  queue.due = queue:dispatch()
  if queue.count == 0 then
    queue.leader, queue.all[queue.limit] = nil, nil
    return
  end
  local leader = queue.leader
  if not leader or leader.status then
    queue.leader = waiter.status == nil and waiter or queue:any()
    if queue.leader ~= waiter then
      wake(queue.leader)
    end
  elseif leader ~= waiter and queue.due < queue.wakes_at - SHORTEST then
    wake(leader)
  end
end

local function wait(queue, waiter)
  while waiter.status == nil do
    local now = core.clock()
    local at = waiter.deadline + LATE
    if queue.leader == waiter then
      at = math.min(queue.due, at)
      queue.wakes_at = at
    end
    waiter.data:wait(math.max(at - now, SHORTEST))
    if waiter.status == nil then
      serve(queue, waiter)
    end
  end
  if queue.leader == waiter then
    serve(queue, waiter)
  end
end

local function throttled(seconds, why)
  error_response.throw(429, "throttled", why .. "; retry after the time in "
    .. "Retry-After", nil, {["Retry-After"] = ("%d"):format(
      math.max(1, math.ceil(seconds)))})
end

local function join(settings, state, limit, now, seconds)
  local queue = queue_of(settings, limit)
  local waiter = queue:join {
    name = state.caller.name, weight = state.caller.weight,
    source = state.request_queue,
    deadline = now + settings.max_wait, blocked_until = now + seconds,
    max_waiting = settings.max_waiting,
    max_waiting_per_caller = settings.max_waiting_per_caller,
  }
  if not waiter then
    throttled(seconds, "too many requests wait for the account's rate limit")
  end
  waiter.data = assert(require("ngx.semaphore").new())
  state.waiter, state.queue = waiter, queue
  return queue, waiter
end

--- Takes one request from the rate limits. Waits for them if it must, for max_wait
--- seconds at most. Throws an error response if that is too short, or if too many
--- requests wait.
---@param settings table  of the gateway
---@param state table  request_queue, op, connection and caller; sets `taken`
function M.take(settings, state)
  local limit = limit_of(state)
  local seconds = 0
  if not is_waited_for(settings, limit) then
    state.taken, seconds = state.request_queue:take()
    if state.taken then
      return
    end
  end
  local began = core.clock()
  local queue, waiter = join(settings, state, limit, began, seconds)
  serve(queue, waiter)
  wait(queue, waiter)
  state.waiter, state.taken = nil, waiter.taken
  counters.add("klaviyo_gateway_wait_seconds_total", state.connection.name,
    core.clock() - began)
  if waiter.status ~= "granted" then
    throttled(waiter.seconds or 0, "the account's rate limit is reached")
  end
end

--- Ends the wait of a request whose client has gone. What was taken for it
--- meanwhile is in `taken`.
---@param state table
function M.leave(state)
  local queue, waiter = state.queue, state.waiter
  if not waiter then
    return
  end
  state.waiter, state.taken = nil, waiter.taken
  queue:leave(waiter)
  if queue.all[queue.limit] == queue then
    serve(queue, waiter)
  end
end

--- Returns the number of waiting requests of this worker, for specs.
---@return integer
function M.count()
  local count = 0
  for _, all in pairs(queues) do
    for _, queue in pairs(all) do
      count = count + queue.count
    end
  end
  return count
end

return M
