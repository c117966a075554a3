--- Simulates hosts that share the limits of accounts, in virtual time: the lease of
--- a host is csrc/redis/lease.c, and the script is the one that runs in Redis. Each
--- account has a service of its own, which counts in fixed windows from a time that
--- no host knows, and rejects what exceeds them.

local M = {}

local ROUND_TRIP_MS = 1
local DRIFT = 0.0005       -- as much as programs that set clocks allow
local WIDE_MS = {20, 120}  -- how long a request takes
local RENEW_MS = 400       -- as in csrc/http/loop.c

-- {at, order, run}: a binary heap
local function heap()
  local list, size, order = {}, 0, 0
  local function less(a, b)
    return a[1] < b[1] or a[1] == b[1] and a[2] < b[2]
  end
  local function push(at, run)
    order = order + 1
    size = size + 1
    local i, item = size, {at, order, run}
    while i > 1 do
      local parent = math.floor(i / 2)
      if not less(item, list[parent]) then
        break
      end
      list[i] = list[parent]
      i = parent
    end
    list[i] = item
  end
  local function pop()
    local top, item = list[1], list[size]
    list[size] = nil
    size = size - 1
    local i = 1
    while size > 0 do
      local child = i * 2
      if child > size then
        break
      end
      if child < size and less(list[child + 1], list[child]) then
        child = child + 1
      end
      if not less(list[child], item) then
        break
      end
      list[i] = list[child]
      i = child
    end
    if size > 0 then
      list[i] = item
    end
    return top
  end
  return push, pop, function() return size > 0 and list[1][1] or math.huge end
end

-- Deterministic random numbers, the same under each Lua.
local function random_numbers(seed)
  local state = seed % 2147483647 + 1
  return function()
    state = state * 48271 % 2147483647
    return state / 2147483647
  end
end

-- A service that counts in fixed windows. Its margin is the least time that a
-- window would have to be longer for a 429, wherever it began.
local function new_service(limits, random)
  local lengths, windows = {1000, 60000, 86400000}, {}
  for i, limit in ipairs(limits) do
    if limit > 0 then
      windows[#windows + 1] = {length = lengths[i], limit = limit,
        phase = math.floor(random() * lengths[i]), counts = {}, times = {}, count = 0}
    end
  end
  local service = {accepted = 0, rejected = 0, windows = windows, margin = math.huge}
  function service.request(now)
    local open = true
    for _, w in ipairs(windows) do
      w.number = math.floor((now + w.phase) / w.length)
      open = open and (w.counts[w.number] or 0) < w.limit
    end
    if not open then
      service.rejected = service.rejected + 1
      return false
    end
    for _, w in ipairs(windows) do
      w.counts[w.number] = (w.counts[w.number] or 0) + 1
      local i = w.count % w.limit
      if w.times[i] then
        service.margin = math.min(service.margin, now - w.times[i] - w.length)
      end
      w.times[i] = now
      w.count = w.count + 1
    end
    service.accepted = service.accepted + 1
    return true, windows[1].limit - windows[1].counts[windows[1].number]
  end
  return service
end

---@class fleet.Options
---@field limits number[]  per second, per minute, per day; 0: none
---@field hosts integer
---@field seconds number
---@field demand? number  requests a second of all hosts; default: as many as possible
---@field seed? integer
---@field probe table  the module spec_lease
---@field memory_redis table  the module spec.support.memory_redis
---@field latency? number[]  the least and the most that a request takes, in milliseconds
---@field events? table[]  {at = seconds, run = function(fleet) end}
---@field round_trip? number  the least that an exchange takes, in milliseconds
---@field jitter? number  the most that a message to or from Redis is late, in milliseconds
---@field most? integer  requests of a host at a time; default 512

--- Simulates the hosts of one account.
---@param o fleet.Options
---@return table result  {accepted =, rejected =, exchanges =, service =, …}
function M.run(o)
  local random = random_numbers(o.seed or 1)
  local push, pop, next_at = heap()
  local redis = o.memory_redis.new()
  local start = redis.now
  local service = new_service(o.limits, random)
  local jitter, round_trip = o.jitter or 5, o.round_trip or ROUND_TRIP_MS
  local latency, most = o.latency or WIDE_MS, o.most or 512
  local fleet = {redis = redis, service = service, hosts = {}, waits = 0, away = false}
  local now = start

  local function schedule(host, at)
    if host.at and host.at <= at and host.at >= now then
      return
    end
    host.at = at
    push(at, function()
      if host.at == at then
        host.at = nil
        host.wake()
      end
    end)
  end

  local function exchange(host)
    local asked = host.clock()
    local arguments = host.lease:ask(asked)
    if fleet.away then
      push(now + 50, function()
        if host.alive then
          host.lease:fail(asked, host.clock())
          schedule(host, now)
        end
      end)
      return
    end
    push(now + round_trip / 2 + random() * jitter, function()
      redis.now = math.floor(now)
      local reply = redis:exchange("{a}", host.name, arguments)
      push(now + round_trip / 2 + random() * jitter, function()
        if host.alive then
          host.lease:answer(asked, host.clock(), reply, false)
          schedule(host, now)
        end
      end)
    end)
  end

  local function start_request(host)
    local began, at = now, host.clock()
    host.lease:take(at)
    host.running = host.running + 1
    local elapsed = latency[1] + random() * (latency[2] - latency[1])
    local accepted, remaining
    push(now + elapsed * random(), function()
      accepted, remaining = service.request(now)
    end)
    for later = RENEW_MS, elapsed, RENEW_MS do
      push(began + later, function()
        if host.alive then
          host.lease:move(at, host.clock())
          at = host.clock()
        end
      end)
    end
    push(now + elapsed, function()
      host.running = host.running - 1
      if host.alive then
        host.lease:move(at, host.clock())
        if accepted then
          local w = service.windows[1]
          host.lease:learn(host.clock(), w.limit, w.length / 1000, remaining, 0)
        else
          host.lease:block(host.clock(), 1000)
        end
        schedule(host, now)
      end
    end)
  end

  local function wake(host)
    local wait
    while host.alive and host.queued > 0 and host.running < most do
      wait = host.lease:wait(host.clock())
      if wait > 0 then
        break
      end
      host.queued = host.queued - 1
      start_request(host)
    end
    if not host.alive then
      return
    end
    local due = host.lease:due(host.clock())
    if due == 0 then
      exchange(host)
      due = host.lease:due(host.clock())
    end
    local at = math.min(due or math.huge, wait and wait > 0 and wait or math.huge)
    if at < math.huge then
      schedule(host, now + math.max(1, at))
    end
  end

  function fleet.add(name)
    local host = {name = name, running = 0, alive = true,
      queued = o.demand and 0 or math.huge, lease = o.probe.new(o.limits[1],
        o.limits[2], o.limits[3])}
    host.wake = function() wake(host) end
    -- the clocks of hosts differ, and some run faster than others
    local offset, drift = random() * 1e6, (random() * 2 - 1) * DRIFT
    host.clock = function()
      return math.floor(now - offset + (now - start) * drift)
    end
    fleet.hosts[#fleet.hosts + 1] = host
    schedule(host, now + random() * 20)
    return host
  end

  for i = 1, o.hosts do
    fleet.add("host" .. i)
  end
  if o.demand then
    local function queue_next()
      local host = fleet.hosts[1 + math.floor(random() * #fleet.hosts)]
      host.queued = host.queued + 1
      schedule(host, now)
      push(now - math.log(random()) / o.demand * 1000, queue_next)
    end
    push(now, queue_next)
  end
  for _, event in ipairs(o.events or {}) do
    push(start + event.at * 1000, function()
      event.run(fleet, now)
    end)
  end
  local finish = start + o.seconds * 1000
  while next_at() <= finish do
    local item = pop()
    now = math.max(now, item[1])
    item[3]()
  end
  fleet.accepted, fleet.rejected = service.accepted, service.rejected
  fleet.exchanges, fleet.start = redis.exchanges, start
  return fleet
end

--- Returns how much of the whole windows was used that began after `skip` seconds,
--- of the window that allows least: 0 to 1; and the same of its worst window.
---@param fleet table
---@param seconds number
---@param skip? number
---@return number used
---@return number worst
---@return integer length  of the window, in milliseconds
function M.used(fleet, seconds, skip)
  local tightest
  for _, w in ipairs(fleet.service.windows) do
    if w.length <= seconds * 1000
        and (not tightest or w.limit / w.length < tightest.limit / tightest.length) then
      tightest = w
    end
  end
  local first = math.ceil((fleet.start + (skip or 0) * 1000 + tightest.phase)
    / tightest.length)
  local last = math.floor((fleet.start + seconds * 1000 + tightest.phase)
    / tightest.length) - 1
  local sum, worst = 0, math.huge
  for number = first, last do
    local count = tightest.counts[number] or 0
    sum = sum + count
    worst = math.min(worst, count)
  end
  return sum / ((last - first + 1) * tightest.limit), worst / tightest.limit,
    tightest.length
end

return M
