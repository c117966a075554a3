--- The script that Redis runs for an exchange: it counts what a host reports, and
--- gives it tokens. docs/scale.md explains the algorithm, csrc/redis/lease.h the
--- arguments and the reply. A spec and the simulation run this text, too, with a
--- redis.call of their own.

return [==[
local state, seen, held, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local SLOTS = 250       -- slots of a window, as in csrc/ratelimit/usage.h
local HELD_MS = 500     -- after this, tokens count as used: lease.c has less
local SEEN_MS = 60000   -- after this, a host is forgotten
local ACTIVE_MS = 2000  -- a host that was seen since is active
-- Redis keeps a hash without long values as a list, in which it looks for a slot from
-- the start: ten times slower here. A value of more than 64 bytes makes it a table.
local ABOUT = "the counts of one rate limit, which hosts share (docs/scale.md of klaviyo)"
local MAX_WAIT_MS = 30000 -- a host that waits comes again before it is forgotten
local GRACE_MS = 2000   -- equal parts for at most this time, after Redis was away
local OUTAGE_MS = 500   -- no host uses Redis for this time: it was away for all
local PEAK_MS = 250     -- a response is reported by then: lease.c has the same

-- Redis before 5 refuses to write after TIME without it
if redis.replicate_commands then redis.replicate_commands() end
local call = redis.call

local host, position = ARGV[1], 1
local function argument()
  position = position + 1
  return tonumber(ARGV[position])
end
local known, report, keep, want = argument(), argument(), argument(), argument()
local hosts_before, was_away, block = argument(), argument(), argument()
local base = argument() -- the time of ages, as the host estimates it; 0: now
local reported = argument() -- which limits are as the service reported them
local all_rings = {}
for i = 1, 3 do
  all_rings[i] = {index = i, length = argument(), limit = argument(), own = argument(),
    counted = argument(), reset = argument(), is_reported = floor(reported / 2 ^ (i - 1)) % 2 == 1}
end

-- {time ago in milliseconds, count, number of the window | nil for all}
local function list(with_window)
  local all = {}
  for i = 1, argument() do
    local window = with_window and argument() or nil
    all[i] = {age = argument(), count = argument(), window = window}
  end
  return all
end
local events, history = list(false), list(true)

local names = {"epoch", "now", "shift", "grace", "blocked", "held", "h:" .. host,
  "q:" .. host, "i:" .. host, "hosts", "x:" .. host, "y:" .. host, "since", "awaited"}
for _, ring in ipairs(all_rings) do
  for _, name in ipairs {"head", "sum", "others", "until", "peak", "earlier", "limit"} do
    names[#names + 1] = ring.length .. ":" .. name
  end
end
local values = call("HMGET", state, unpack(names))
local function value(i)
  return tonumber(values[i] or 0)
end

-- a limit that the service reported to any host is that of all
local rings = {}
local has_own = false
for i, ring in ipairs(all_rings) do
  ring.first = 14 + (i - 1) * 7
  ring.reported = ring.is_reported and ring.limit or value(ring.first + 7)
  if ring.reported > 0 then
    ring.limit = ring.reported
  end
  ring.width = ceil(ring.length / SLOTS)
  if ring.limit > 0 then
    rings[#rings + 1] = ring
    has_own = has_own or ring.own > 0
  end
end

-- the time of this count does not go back
local clock = call("TIME")
local shift, last = value(3), value(2)
local now = clock[1] * 1000 + floor(clock[2] / 1000) + shift
if now < last then
  shift, now = shift + last - now, last
end

if math.abs(base - now) > 10000 then
  base = now
end

local epoch = value(1)
if known ~= 0 and known ~= epoch and has_own and #history == 0 then
  return {1, epoch, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} -- what did this host use?
elseif epoch == 0 then
  epoch = max(now, known + 1)
end
local grace, blocked, held_by_all = value(4), value(5), value(6)
local held_here = value(7)
local is_new = not values[8]
local index, hosts_ever = tonumber(values[9] or value(10)), value(10)
if not values[9] then
  hosts_ever = hosts_ever + 1
end
local is_repeated = tonumber(values[8] or -1) == report
-- A grace ends when all hosts were seen since: they have reported what they used. But
-- if others use Redis while one does not, it may not again: then it lasts.
local since, awaited = value(13), value(14)
if was_away > 0 or #history > 0 and is_new then
  if grace <= now then
    local is_alone = #history == 0 and call("ZCOUNT", seen, now - OUTAGE_MS, "+inf") > 0
    since, awaited = now + (is_alone and GRACE_MS or 1), 0
  elseif since > now + 1 then
    since = now + GRACE_MS
  elseif was_away == 2 then -- its next report has the rest
    since = now + 1
  end
  grace = now + GRACE_MS
end

-- {======================================================
-- Windows
-- =======================================================

local function slot(ring, number)
  return ring.length .. ":" .. number % (SLOTS + 1)
end

-- Clears the slots that have left the window.
local function advance(ring)
  local number = floor(now / ring.width)
  local stale = {}
  if ring.sum == 0 then
    ring.head = max(number, ring.head)
    return
  end
  for n = max(ring.head + 1, number - SLOTS), number do
    stale[#stale + 1] = slot(ring, n)
  end
  if #stale > 0 then
    local counts = call("HMGET", state, unpack(stale))
    local cleared = {}
    for i, name in ipairs(stale) do
      if counts[i] then
        ring.sum = ring.sum - tonumber(counts[i])
        cleared[#cleared + 1] = name
      end
    end
    if #cleared > 0 then
      call("HDEL", state, unpack(cleared))
    end
  end
  ring.head = max(number, ring.head)
end

-- Adds to a slot, and returns what could not be taken from it.
local function add_to_slot(ring, number, count)
  if number < ring.head - SLOTS or number > ring.head then
    return count
  end
  local name = slot(ring, number)
  local before = tonumber(call("HGET", state, name) or 0)
  local after = max(0, before + count)
  if after > 0 then
    call("HSET", state, name, after)
  elseif before > 0 then
    call("HDEL", state, name)
  end
  ring.sum = ring.sum + after - before
  return before + count - after
end

-- The clocks of a host and of Redis drift, so that the start of a request may be
-- found in a slot beside.
local function add(ring, at, count)
  local number = min(floor(at / ring.width), ring.head)
  local rest = add_to_slot(ring, number, count)
  if count < 0 and rest < 0 then
    rest = add_to_slot(ring, number - 1, rest)
    if rest < 0 then
      add_to_slot(ring, number + 1, rest)
    end
  end
end

local function add_to_all(at, count, window)
  for _, ring in ipairs(rings) do
    if not window or ring.index == window then
      add(ring, at, count)
    end
  end
end

-- Returns in how many milliseconds 'surplus' counts will have left the window.
local function time_to_leave(ring, surplus)
  local slots, sum = {}, 0
  for n = ring.head - SLOTS, ring.head do
    slots[#slots + 1] = slot(ring, n)
  end
  local counts = call("HMGET", state, unpack(slots))
  for i = 1, #slots do
    sum = sum + tonumber(counts[i] or 0)
    if sum >= surplus then
      return (ring.head + i) * ring.width - now
    end
  end
  if ring.others > 0 and sum + ring.others >= surplus then
    return ring.others_until - now
  end
  return ring.length * max(1, (surplus - sum) / ring.limit)
end

for _, ring in ipairs(rings) do
  local first = ring.first
  ring.head, ring.sum = value(first + 1), value(first + 2)
  ring.others, ring.others_until = value(first + 3), value(first + 4)
  ring.peak, ring.earlier = value(first + 5), value(first + 6)
  if ring.others_until <= now then
    ring.others = 0
  end
  advance(ring)
end
-- }======================================================

-- {======================================================
-- Report
-- =======================================================

held_by_all = held_by_all - held_here + keep
if held_here ~= keep then
  held_here = keep
  call("HSET", state, "h:" .. host, keep)
end
if keep == 0 then
  call("ZREM", held, host)
else
  call("ZADD", held, now + HELD_MS, host)
end
local dead = call("ZRANGEBYSCORE", held, "-inf", now, "WITHSCORES", "LIMIT", 0, 20)
for i = 1, #dead, 2 do
  local count = tonumber(call("HGET", state, "h:" .. dead[i]) or 0)
  add_to_all(tonumber(dead[i + 1]), count)
  held_by_all = held_by_all - count
  call("HDEL", state, "h:" .. dead[i])
  call("HSET", state, "x:" .. dead[i], count, "y:" .. dead[i], dead[i + 1])
  call("ZREM", held, dead[i])
end

if values[11] then -- it lives, and reports what it used
  add_to_all(value(12), -value(11))
  call("HDEL", state, "x:" .. host, "y:" .. host)
end
if not is_repeated then
  for _, event in ipairs(events) do
    add_to_all(base - event.age, event.count)
  end
end
if is_new then
  for _, event in ipairs(history) do
    add_to_all(base - event.age, event.count, event.window)
  end
end
if block > 0 then
  blocked = max(blocked, now + block)
end

call("ZADD", seen, now, host)
for _, id in ipairs(call("ZRANGEBYSCORE", seen, "-inf", now - SEEN_MS, "LIMIT", 0, 20)) do
  call("ZREM", seen, id)
  call("HDEL", state, "q:" .. id, "w:" .. id, "i:" .. id, "x:" .. id, "y:" .. id)
  call("ZREM", waiting, id)
end
local hosts = call("ZCARD", seen)
local active = call("ZCOUNT", seen, now - ACTIVE_MS, "+inf")
if grace > now then -- until all have reported what they used meanwhile
  awaited = max(awaited, hosts, hosts_before)
  grace = call("ZCOUNT", seen, since, "+inf") < awaited and grace or now
end

local left = math.huge
local is_contended = false
local periods = floor(now / PEAK_MS) - floor(last / PEAK_MS)
for _, ring in ipairs(rings) do
  local used = ring.sum + held_by_all
  -- what the service counted may have left the window since
  if periods > 0 then
    ring.peak, ring.earlier = 0, periods == 1 and ring.peak or 0
  end
  ring.peak = max(ring.peak, used)
  local surplus = ring.counted - max(ring.peak, ring.earlier)
  if surplus > ring.others then
    ring.others, ring.others_until = surplus, now + ring.reset
  end
  ring.used = used + ring.others
  left = min(left, ring.limit - ring.used)
  is_contended = is_contended or active > 1 and ring.used * 2 > ring.limit
end
-- }======================================================

-- {======================================================
-- Tokens
-- =======================================================

-- Removes the first of those that wait while they do not come in time.
local first = call("ZRANGE", waiting, 0, 0)[1]
while first and first ~= host
    and tonumber(call("HGET", state, "w:" .. first) or 0) < now do
  call("ZREM", waiting, first)
  call("HDEL", state, "w:" .. first)
  first = call("ZRANGE", waiting, 0, 0)[1]
end
local rank = call("ZRANK", waiting, host)
local others_wait = call("ZCARD", waiting) - (rank and 1 or 0)
is_contended = is_contended or others_wait > 0

local function tokens()
  local free = left - (rank or others_wait)
  if want == 0 or blocked > now or free < 1 then
    return 0
  end
  local count = min(want, active == 1 and free or max(1, floor(free / (2 * active))))
  if others_wait > 0 then
    count = min(count, max(1, floor(free / (others_wait + 1))))
  end
  if grace > now then
    for _, ring in ipairs(rings) do
      local part = floor(ring.limit / awaited)
      count = min(count, part - ring.own - keep)
    end
  end
  return max(0, count)
end

local function time_to_wait()
  if blocked > now then
    return blocked - now
  end
  local before = rank or others_wait
  local wait = 1
  for _, ring in ipairs(rings) do
    local surplus = before + 1 - (ring.limit - ring.used)
    if surplus > 0 then
      local most = min(MAX_WAIT_MS, max(1000, ring.length / 20))
      local time = time_to_leave(ring, surplus)
      most = before > 0 and min(MAX_WAIT_MS, max(most, time / 2)) or most
      wait = max(wait, min(time, most))
    end
  end
  return wait == 1 and grace > now and min(100, grace - now) or ceil(wait)
end

local granted, wait = tokens(), 0
if want > 0 and granted == 0 then
  wait = time_to_wait()
  if blocked <= now then
    call("ZADD", waiting, "NX", now, host)
    call("HSET", state, "w:" .. host, ceil(now + wait * 1.5 + 200))
  end
elseif rank then
  call("ZREM", waiting, host)
  call("HDEL", state, "w:" .. host)
end
if granted > 0 then
  held_by_all = held_by_all + granted
  call("HSET", state, "h:" .. host, keep + granted)
  call("ZADD", held, now + HELD_MS, host)
end
-- }======================================================

local fields = {"epoch", epoch, "now", now, "shift", shift, "grace", grace, "blocked",
  blocked, "held", held_by_all, "q:" .. host, report, "i:" .. host, index, "hosts",
  hosts_ever}
local function set(name, number)
  fields[#fields + 1] = name
  fields[#fields + 1] = number
end
if not values[1] then
  set("about", ABOUT)
end
if grace > now then
  set("since", since)
  set("awaited", awaited)
end
local longest = SEEN_MS
local reply = {0, epoch, granted, wait, hosts, is_contended and 1 or 0,
  max(0, blocked - now), 0, 0, 0, index, now, 0, 0, 0}
for _, ring in ipairs(rings) do
  for name, number in pairs {head = ring.head, sum = ring.sum, others = ring.others,
      ["until"] = ring.others_until, earlier = ring.earlier, limit = ring.reported,
      peak = max(ring.peak, ring.used - ring.others + granted)} do
    set(ring.length .. ":" .. name, number)
  end
  longest = max(longest, ring.length)
  reply[7 + ring.index] = ring.used + granted
  reply[12 + ring.index] = ring.reported
end
call("HSET", state, unpack(fields))
for _, key in ipairs(KEYS) do
  call("PEXPIRE", key, longest + 60000)
end
return reply
]==]
