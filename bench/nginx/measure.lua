--- make bench, in nginx: the rate of 256 callers in one worker with an upstream
--- that takes 200 ms; the latency of other requests to that worker; the cost of
--- tracking in log_by_lua, also of a former build.

local server = require "server"
local shell = require "klaviyo.sandbox.shell"
local upstream = require "upstream"

local M = {}

-- With a blocking client, each caller waits for all others: with many callers, no
-- other request is answered.
local CALLERS, BLOCKED = 256, 4

local LOAD_SECONDS, TRACK_SECONDS = 5, 2

-- What is measured in a location.
local KINDS = {["/track"] = {"track", "submit"}, ["/outbox"] = {"outbox"}}

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

-- Runs wrk, and measures other requests to the same worker meanwhile.
local function measure_load(front, url, callers)
  local load = url and wrk(url, callers, LOAD_SECONDS, SPREAD)
  if load then
    shell.sleep(1)
  end
  local ping = wrk(front.base_url .. "/ping", 1, LOAD_SECONDS - 2, "-s bench/nginx/ping.lua")
  local rates, pings = load and load() or {}, ping()
  return {rate = rates.rate, p50_ms = rates.median, p99_ms = rates.late, ping_p50_ms = pings.median,
    ping_p99_ms = pings.late}
end

local function start_front(root, build, far)
  local dir = root .. "/build/bench/front"
  shell.run("rm -rf " .. shell.quote(dir))
  return server.start(dir, assert(shell.read(root .. "/bench/nginx/front.conf")), {
    ROOT = build, UPSTREAM = far.port, OUTBOX = dir .. "/outbox",
  })
end

-- Calls a function with a front server, and stops it.
local function with_front(root, build, far, use)
  local front = start_front(root, build, far)
  local ok, err = pcall(use, front)
  front:stop()
  assert(ok, err)
end

local function times_of(front, kind)
  local _, text = shell.run(("curl -s '%s/median?of=%s'"):format(front.base_url, kind))
  local count, median, late = text:match("^(%d+) ([%d.]+) ([%d.]+)$")
  assert(tonumber(count) > 1000, text)
  return {p50_us = tonumber(median) * 1e6, p99_us = tonumber(late) * 1e6}
end

local function measure_callers(results, front, far)
  local function add(name, url, callers)
    results:add("ping", name, measure_load(front, url, callers))
  end
  add("no calls")
  add("wrk, past the worker", far.base_url .. "/far/api/profiles/one", CALLERS)
  add("klaviyo", front.base_url .. "/klaviyo", CALLERS)
  add("wrk, past the worker, all at once", far.base_url .. "/together/api/profiles/one", CALLERS)
  add("klaviyo, all at once", front.base_url .. "/together", CALLERS)
end

local function measure_track(results, root, far, before)
  local builds = {{root, ""}, before and {before, ", before"}}
  for _, path in ipairs {"/track", "/outbox"} do
    for _, build in ipairs(builds) do
      with_front(root, build[1], far, function(front)
        wrk(front.base_url .. path, 32, TRACK_SECONDS)()
        for _, kind in ipairs(KINDS[path]) do
          results:add("track", kind .. build[2], times_of(front, kind))
        end
      end)
    end
  end
end

--- Adds the figures to the results.
---@param results table
---@param root string  of the checkout
---@param rounds integer
---@param before string|nil  the root of a former checkout, which is built
function M.measure(results, root, rounds, before)
  if not shell.run "command -v wrk" then
    print "skipped: in nginx: wrk is not installed: make bench-setup, or apt-get install wrk"
    return
  end
  local far = upstream.start(root .. "/build/bench/far")
  local ok, err = pcall(function()
    for _ = 1, rounds do
      with_front(root, root, far, function(front)
        measure_callers(results, front, far)
      end)
    end
    with_front(root, root, far, function(front)
      results:add("ping", "a blocking client, 4 callers", measure_load(front, front.base_url .. "/blocking", BLOCKED))
    end)
    for _ = 1, rounds do
      measure_track(results, root, far, before)
    end
  end)
  far:stop()
  assert(ok, err)
end

return M
