-- Two hosts track events through a stream in Redis while Redis, the service or a host
-- has a problem: no event that was acknowledged is lost, none is in effect twice, and
-- nothing is left.
--
--   lua spec/soak/relay_away.lua [PROBLEM …]        make soak

local nginx = require "spec.support.nginx"
local redis_server = require "spec.support.redis_server"
local relay_hosts = require "spec.support.relay_hosts"
local shell = require "klaviyo.sandbox.shell"
local socket = require "socket"

local HOSTS, COUNT, RATE = 2, 6000, 1000
local FAKETIME = "FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f"
local AOF_ALWAYS = "--appendonly yes --appendfsync always"

local missing = redis_server.missing() or nginx.missing()
if missing then
  print("skipped: " .. missing)
  os.exit(0)
end

-- Options: redis, of redis-server; host[n], of the processes of that host; hosts, of
-- relay_hosts.start; faults, of the service; lost: events that were in Redis may be lost.
-- run is called two seconds after the start; needs: a command.
local PROBLEMS = {
  ["none"] = {},
  ["Redis killed, AOF always"] = {redis = AOF_ALWAYS, run = function(hosts)
    for _ = 1, 3 do
      hosts.redis:stop("KILL")
      socket.sleep(1)
      hosts.redis:start()
      socket.sleep(0.5)
    end
  end},
  ["Redis killed, AOF everysec"] = {redis = "--appendonly yes --appendfsync everysec",
    run = function(hosts)
      hosts.redis:stop("KILL")
      socket.sleep(1)
      hosts.redis:start()
    end},
  ["Redis killed, no AOF"] = {lost = true, run = function(hosts)
    hosts.redis:stop("KILL")
    socket.sleep(3)
    hosts.redis:start()
  end},
  ["emptied"] = {lost = true, run = function(hosts) hosts.redis:call("FLUSHALL") end},
  ["Redis full"] = {redis = "--maxmemory 3mb --maxmemory-policy noeviction",
    faults = {seconds = 1}},
  ["Redis hangs"] = {run = function(hosts)
    hosts.redis:signal("STOP")
    socket.sleep(10)
    hosts.redis:signal("CONT")
  end},
  ["stream full"] = {all = {max_stream = 700}, faults = {seconds = 0.3}},
  ["service slow"] = {faults = {seconds = 4}, all = {timeout = 20}},
  ["service slower than the timeout"] = {faults = {seconds = 3}, all = {timeout = 2},
    run = function(hosts)
      socket.sleep(12)
      hosts.server:set_faults()
    end},
  ["service refuses"] = {faults = {limited = 0.5, failed = 0.3, retry_after = 1}},
  ["connections cut"] = {faults = {silent = 0.4}},
  ["clock a day late"] = {needs = "faketime", host = {[2] = {prefix = FAKETIME .. " -1d"}}},
  ["clock a day early"] = {needs = "faketime", host = {[2] = {prefix = FAKETIME .. " +1d"}}},
  ["a sender hangs"] = {run = function(hosts)
    local process
    relay_hosts.wait_for(function()
      process = hosts:sender()
      return process
    end, 10)
    shell.run("kill -STOP " .. process.pid)
    socket.sleep(14)
    shell.run("kill -CONT " .. process.pid)
  end},
  ["large events"] = {all = {size = 100000}, count = 300},
  ["other streams on the host"] = {host = {[2] = {stream = "other"}}, streams = {"other"}},
}

local function run(name, problem)
  local hosts = relay_hosts.start {claim_after = 5, redis = problem.redis}
  local count = problem.count or COUNT
  hosts.server:set_faults(problem.faults or {seconds = 0.1})
  for host = 1, HOSTS do
    for i = 1, 3 do
      local options = {send = i > 1, count = i == 1 and count or 0, rate = RATE}
      for _, more in ipairs {problem.all or {}, problem.host and problem.host[host] or {}} do
        for key, value in pairs(more) do
          options[key] = value
        end
      end
      hosts:process(host, options)
    end
  end
  local ok, err = xpcall(function()
    local began = socket.gettime()
    if problem.run then
      socket.sleep(2)
      problem.run(hosts)
    end
    assert(hosts:wait_for_tracking(90), "not all was tracked: " .. hosts:messages())
    hosts:wait_until_empty(problem.lost and 0 or count * HOSTS, 40)
    for _, stream in ipairs(problem.streams or {}) do
      relay_hosts.wait_for(function() return hosts.redis:call("XLEN", stream) == 0 end, 20)
    end
    local seconds = socket.gettime() - began
    local length, pending = hosts:stream_state()
    local has_ended = hosts:stop_processes()
    local result, sums = hosts:check(), hosts:sums()
    local totals = result.totals
    print(("%s: %d of %d events in %.1f s, %d missing, %d received twice, %d in effect twice, "
      .. "%d requests, %d refused, %d rejected, %d claimed, %d in another order, %d in the stream, "
      .. "%d pending, %d in files, %d warnings"):format(name, totals.effects, result.acknowledged,
      seconds, result.missing, totals.received - totals.ids, totals.effects - totals.ids,
      totals.requests, totals.refused, totals.rejected + sums.rejected, sums.claimed,
      totals.disordered, length, pending, sums.waiting, sums.warnings))
    local messages = hosts:messages()
    if os.getenv("MESSAGES") then
      print(messages)
    end
    assert(result.acknowledged == count * HOSTS and (problem.lost or result.missing == 0)
      and totals.effects == totals.ids and sums.rejected == 0 and length == 0 and pending == 0
      and sums.waiting == 0 and has_ended, "WRONG " .. tostring(has_ended) .. " " .. messages)
  end, debug.traceback)
  hosts:close()
  if not ok then
    print(name, err)
  end
  return ok
end

local wanted, is_good = {}, true
for _, name in ipairs(arg) do
  wanted[name] = true
end
local names = {}
for name in pairs(PROBLEMS) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  local problem = PROBLEMS[name]
  if #arg == 0 or wanted[name] then
    if problem.needs and not shell.run("command -v " .. problem.needs) then
      print(name .. ": skipped, there is no " .. problem.needs)
    else
      is_good = run(name, problem) and is_good
    end
    io.stdout:flush()
  end
end
os.exit(is_good)
