-- Three hosts track 200,000 events, which go through a stream in Redis. One host is
-- destroyed with its files a second after its last event. The process that sends is killed
-- twice, and one that tracks, too. Each event that was acknowledged more than a second before is at the
-- service and in effect once.
--
--   lua spec/soak/relay.lua [EVENTS [none]]        make soak; make once: 6,000 events
--
-- "none": outboxes without Redis, which shows that this finds lost events.

local nginx = require "spec.support.nginx"
local redis_server = require "spec.support.redis_server"
local relay_hosts = require "spec.support.relay_hosts"
local socket = require "socket"

local HOSTS, TRACKERS, SENDERS = 3, 2, 2
local DESTROYED = 1
local TOTAL = tonumber(arg[1]) or 200000
local HAS_RELAY = arg[2] ~= "none"
local RATE = 4000  -- events a second, of all processes
local CLAIM_AFTER = 5
local ANSWER_SECONDS = 0.2  -- of the service
local MAX_SECONDS = 60 + TOTAL / 500
local QUIET_SECONDS = 40  -- after which nothing more will come

local missing = redis_server.missing() or nginx.missing()
if missing then
  print("skipped: " .. missing)
  os.exit(0)
end
math.randomseed(os.time())

-- Returns whether all is right.
local function run(hosts)
  hosts.server:set_faults {seconds = ANSWER_SECONDS}
  local count = math.ceil(TOTAL / HOSTS / TRACKERS)
  local trackers = {}
  local began = socket.gettime()

  local function start_senders(host)
    for _ = 1, SENDERS do
      hosts:process(host, {send = true})
    end
  end

  for host = 1, HOSTS do
    trackers[host] = {}
    if host ~= DESTROYED then
      start_senders(host)
    end
    for i = 1, TRACKERS do
      trackers[host][i] = hosts:process(host, {send = not HAS_RELAY, count = count,
        rate = RATE / HOSTS / TRACKERS})
    end
  end

  -- What happens: {is_due, run}, each once.
  local steps, destroyed, kills = {}, {}, {}

  local function last_event(host)
    local last = 0
    for _, tracker in ipairs(trackers[host]) do
      local _, ended = hosts:tracked(tracker)
      if tracker.count == 0 or tracker.is_killed and host ~= DESTROYED then
        ended = 0 -- it tracks nothing, or another one tracks the rest
      elseif not ended then
        return math.huge
      end
      last = math.max(last, ended)
    end
    return last
  end

  steps[1] = {
    is_due = function() return socket.gettime() >= last_event(DESTROYED) + 1 end,
    run = function() destroyed[DESTROYED] = hosts:destroy(DESTROYED) end,
  }

  -- Adds a step for when the service has a random part of all events.
  local function at_random(from, to, victim, what)
    local goal = TOTAL * (from + (to - from) * math.random())
    table.insert(steps, {
      is_due = function() return hosts.server:totals().ids >= goal and victim() end,
      run = function()
        local process = victim()
        hosts:kill(process)
        if process.count > 0 then  -- another one tracks the others
          trackers[HOSTS][1] = hosts:process(HOSTS, {send = process.send, rate = process.rate,
            count = count - hosts:acknowledged(process)})
        end
        table.insert(kills, ("%s after %d"):format(what, hosts.server:totals().ids))
      end,
    })
  end

  local function sending()
    return hosts:sender()
  end
  if HAS_RELAY then
    at_random(0.1, 0.3, sending, "the sender")
    at_random(0.4, 0.6, sending, "the sender")
    -- of this host only now, so that those that were killed are of others
    table.insert(steps, {is_due = function() return #kills == 3 end,
      run = function()
        if not destroyed[DESTROYED] then
          start_senders(DESTROYED)
        end
      end})
  end
  at_random(0.1, 0.5, function() return trackers[HOSTS][1] end, "one that tracks")

  -- How long events take to the stream, of a part of them: by the time in their ids.
  local added = {}
  local function look()
    for _, entry in ipairs(hosts.redis:call("XREVRANGE", hosts.stream, "+", "-", "COUNT", 50) or {}) do
      for i = 1, #entry[2] do
        local name = entry[2][i]:match("^h%d+%-%d+%-%d+$")
        if name then
          added[name] = tonumber(entry[1]:match("%d+")) / 1000
        end
      end
    end
  end

  local next_look = 0
  relay_hosts.wait_for(function()
    for i = #steps, 1, -1 do
      if steps[i].is_due() then
        steps[i].run()
        table.remove(steps, i)
      end
    end
    if HAS_RELAY and socket.gettime() > next_look then
      look()
      next_look = socket.gettime() + 0.2
    end
    return #steps == 0
  end, MAX_SECONDS)
  assert(#steps == 0, "not all happened: " .. hosts:messages())
  assert(hosts:wait_for_tracking(MAX_SECONDS), "not all was tracked")
  local acknowledged = hosts:acknowledged()
  hosts:wait_until_empty(acknowledged, QUIET_SECONDS)
  local empty_at = socket.gettime()
  local length, pending = hosts:stream_state()
  local has_ended = hosts:stop_processes()
  local tracking = 0
  for host = 1, HOSTS do
    tracking = math.max(tracking, last_event(host) - began)
  end
  local emptied = empty_at - began - tracking
  local result, sums = hosts:check(destroyed), hosts:sums()
  local totals = result.totals

  local waits = {}
  hosts:each_acknowledged(function(_, id, time)
    if added[id] then
      waits[#waits + 1] = added[id] - time
    end
  end)
  table.sort(waits)

  print(("%d events of %d hosts tracked in %.1f s (%.0f/s); %d sent in %.1f s (%.0f/s), %d requests; "
    .. "empty %.1f s after the last event"):format(acknowledged, HOSTS, tracking, acknowledged / tracking,
    totals.effects, totals.last - totals.first, totals.effects / (totals.last - totals.first),
    totals.requests, emptied))
  if #waits > 0 then
    print(("in the stream after %.2f s (median of %d), %.2f s (99 %%), %.2f s (longest)"):format(
      waits[math.ceil(#waits / 2)], #waits, waits[math.ceil(#waits * 0.99)], waits[#waits]))
  end
  print(("a host destroyed %.3f s after its last event; killed: %s events; %d claimed"):format(
    destroyed[DESTROYED] - last_event(DESTROYED), table.concat(kills, ", "), sums.claimed))
  print(("%d missing, %d missing of the last second, %d received twice, %d in effect twice, %d unknown, "
    .. "%d requests rejected, %d rejected, %d in another order, %d in the stream, %d pending, %d in files")
    :format(result.missing, result.late, totals.received - totals.ids, totals.effects - totals.ids,
    result.unknown, totals.rejected, sums.rejected, totals.disordered, length, pending, sums.waiting))

  local good = result.missing == 0 and totals.effects == totals.ids and sums.rejected == 0
    and length == 0 and pending == 0 and sums.waiting == 0 and has_ended
    and #kills == (HAS_RELAY and 3 or 1) and acknowledged >= TOTAL
  if not good then
    print("WRONG", result.first, has_ended, hosts:messages())
  end
  return good
end

local hosts = relay_hosts.start {claim_after = CLAIM_AFTER, relay = HAS_RELAY,
  redis = "--appendonly yes --appendfsync everysec"}
local ok, good = xpcall(run, debug.traceback, hosts)
hosts:close()
if not ok then
  print(good)
end
os.exit(ok and good)
