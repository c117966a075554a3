--- make bench, in nginx: the rate of 256 callers in one worker with an upstream
--- that takes 200 ms; the latency of other requests to that worker; the cost of
--- tracking in log_by_lua.
---
---   lua5.4 bench/nginx/table.lua [SECONDS]

local server = require "server"
local shell = require "klaviyo.sandbox.shell"
local upstream = require "upstream"

-- With a blocking client, each caller waits for all others: with many callers, no probe is answered.
local CALLERS, BLOCKED = 256, 4

local SPREAD = "-s bench/nginx/callers.lua"

local UNITS = {us = 1e-3, ms = 1, s = 1e3, m = 6e4}

local function milliseconds(text, percent)
  local figure, unit = text:match(percent .. "%%%s+([%d.]+)(%a+)")
  return figure and tonumber(figure) * UNITS[unit]
end

-- Starts wrk; returns a function that waits for its end and returns its figures.
local function wrk(url, callers, seconds, more)
  local pipe = assert(io.popen(("wrk -t1 -c%d -d%ds --timeout 90s --latency %s %s 2>&1"):format(callers, seconds,
    more or "", shell.quote(url))))
  return function()
    local text = pipe:read("*a")
    pipe:close()
    local rate = tonumber(text:match("Requests/sec:%s*([%d.]+)"))
    assert(rate and not text:find("Non-2xx", 1, true), text)
    return {rate = rate, median = milliseconds(text, "50"), late = milliseconds(text, "99")}
  end
end

local function row(name, load, ping, idle, direct)
  local function ms(value)
    return value and ("%9.2f"):format(value) or ("%9s"):format("-")
  end
  print(("  %-36s %8s %9s %s %s %s %s %9s"):format(name, load and ("%.0f"):format(load.rate) or "-",
    load and direct and ("%.1f %%"):format(100 * load.rate / direct.rate) or "", ms(load and load.median),
    ms(load and load.late), ms(ping and ping.median), ms(ping and ping.late),
    ping and idle and ("%.1f"):format(ping.late / idle.late) or ""))
end

-- Runs wrk, and measures other requests to the same worker meanwhile.
local function measure_load(front, url, callers, seconds)
  local load = url and wrk(url, callers, seconds, SPREAD)
  if load then
    shell.sleep(1)
  end
  local ping = wrk(front.base_url .. "/ping", 1, math.max(seconds - 2, 1), "-s bench/nginx/ping.lua")
  return load and load(), ping()
end

local function start_front(root, far)
  local dir = root .. "/build/bench/front"
  shell.run("rm -rf " .. shell.quote(dir))
  return server.start(dir, assert(shell.read(root .. "/bench/nginx/front.conf")), {
    ROOT = root, UPSTREAM = far.port, OUTBOX = dir .. "/outbox",
  })
end

local function median_of(front, kind)
  local _, text = shell.run(("curl -s '%s/median?of=%s'"):format(front.base_url, kind))
  local count, median, late = text:match("^(%d+) ([%d.]+) ([%d.]+)$")
  assert(tonumber(count) > 1000, text)
  return tonumber(median) * 1e6, tonumber(late) * 1e6, tonumber(count)
end

local function show_cost(front, kind, what)
  print(("  %-36s %8.2f %8.2f   of %d calls"):format(what, median_of(front, kind)))
end

local function load_track(front, path, seconds)
  return wrk(front.base_url .. path, 32, math.ceil(seconds / 2))()
end

local function main(root, seconds)
  if not shell.run "command -v wrk" then
    print "\nin nginx: not measured: wrk is missing (make bench-setup)"
    return
  end
  local far = upstream.start(root .. "/build/bench/far")
  local front = start_front(root, far)
  local ok, err = pcall(function()
    print(("\n%-38s %8s %9s %9s %9s %9s %9s %9s"):format("in nginx, one worker, 200 ms upstream", "calls/s",
      "of direct", "p50 ms", "p99 ms", "ping p50", "ping p99", "of idle"))
    local _, idle = measure_load(front, nil, 0, seconds)
    row("no calls", nil, idle)
    local direct, ping = measure_load(front, far.base_url .. "/far/api/profiles/one", CALLERS, seconds)
    row(("wrk, %d callers, past the worker"):format(CALLERS), direct, ping, idle)
    local load
    load, ping = measure_load(front, front.base_url .. "/klaviyo", CALLERS, seconds)
    row(("klaviyo, %d callers"):format(CALLERS), load, ping, idle, direct)
    load, ping = measure_load(front, front.base_url .. "/blocking", BLOCKED, seconds)
    row(("a blocking client, %d callers"):format(BLOCKED), load, ping, idle)
    front:stop()
    front = start_front(root, far)

    print(("\n%-38s %8s %8s"):format("track in log_by_lua, 32 callers", "p50 µs", "p99 µs"))
    load_track(front, "/track", seconds)
    show_cost(front, "submit", "submit alone")
    show_cost(front, "track", "track{…}, with its document")
    front:stop()
    front = start_front(root, far)
    load_track(front, "/outbox", seconds)
    show_cost(front, "outbox", "track{…}, into an outbox")
  end)
  front:stop()
  far:stop()
  assert(ok, err)
end

main(select(2, shell.run("pwd -P")):match("^[^\n]*"), tonumber(arg[1]) or 10)
