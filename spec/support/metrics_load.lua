-- A busy nginx whose metrics are compared with what the service counted: four workers
-- call, while the configuration is reloaded and a worker is killed. Of a few
-- thousand calls in spec/nginx/metrics_spec.lua, of 100,000 in spec/soak/metrics.lua.

local exposition = require "spec.support.exposition"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local HEAD = [[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes 1;
error_log error.log warn;
pid /run/nginx.pid;
events { worker_connections 2048; }
http {
]]

-- The service counts each request when it has its header, and the bytes of each
-- when it is answered. It refuses some, which are sent again, and holds others.
local SERVICE = HEAD .. [[
  access_log off;
  keepalive_requests 10000000;
  keepalive_timeout 600;
  lua_shared_dict counts 1m;
  server {
    listen 127.0.0.1:8080;
    client_body_buffer_size 64k;
    location = /counts {
      content_by_lua_block {
        for _, key in ipairs(ngx.shared.counts:get_keys(0)) do
          ngx.say(key, "\t", ngx.shared.counts:get(key))
        end
      }
    }
    location /api/ {
      content_by_lua_block {
        local counts = ngx.shared.counts
        local name = ngx.var.uri:match("^/api/([%w-]+)")
        local number = counts:incr("received " .. name, 1, 0)
        ngx.req.read_body()
        if name == "segments" then
          return ngx.sleep(600)
        end
        local status = name == "events" and 202 or name == "tags" and 404 or 200
        if name == "lists" and number % 7 == 0 then
          status = 503
        elseif name == "events" and number % 11 == 0 then
          status = 500
        end
        counts:incr(name .. " " .. status, 1, 0)
        ngx.status = status
        local body = '{"data":[]}'
        ngx.header["Content-Length"] = #body
        ngx.print(body)
      }
      log_by_lua_block {
        if ngx.status ~= 499 and not ngx.var.uri:find("segments", 1, true) then
          ngx.shared.counts:incr("bytes received", tonumber(ngx.var.request_length), 0)
          ngx.shared.counts:incr("bytes sent", tonumber(ngx.var.bytes_sent), 0)
        end
      }
    }
  }
}
]]

-- A worker that is to be killed takes no more work, and says when it has none left
-- but the requests that the service holds.
local CLIENT = HEAD .. [[
  access_log off;
  lua_shared_dict state 1m;
  init_by_lua_block {
    metrics = require "klaviyo.metrics"
    assert(metrics.start())
    counters = require "klaviyo.util.counters"
    client = require("klaviyo").new {api_key = "pk_of_the_load", base_url = "%s", revision = "2026-07-15",
      proxy = "", pacing = false, retries = 50, deadline = 300, timeout = 300, max_queued_events = 100000}
    running, is_marked = 0, false
    CALLS = {"get_accounts", "get_lists", "get_tags"}
    function make(count)
      running = running + 1
      for i = 1, count do
        if i %% 5 == 0 then
          assert(client.events:track {metric = "M", profile = {email = "a@example.com"}, properties = {n = i}})
        else
          client:call(CALLS[i %% 3 + 1])
        end
      end
      counters.add("klaviyo_webhook_deliveries_total", "accepted", 1)
      ngx.shared.state:incr("made", 1, 0)
      running = running - 1
    end
  }
  server {
    listen 127.0.0.1:8080;
    location = /run {
      content_by_lua_block {
        if is_marked then
          ngx.sleep(0.3) -- or else it would answer most requests
          return ngx.exit(503)
        end
        local threads = {}
        for i = 1, 4 do
          threads[i] = ngx.thread.spawn(make, 25)
        end
        for i = 1, 4 do
          assert(ngx.thread.wait(threads[i]))
        end
        ngx.say("made")
      }
    }
    location = /mark {
      content_by_lua_block {
        is_marked = true
        ngx.timer.at(0, function()
          local function rest()
            local tracked = client:stats().tracked
            return running + tracked.queued + tracked.running
          end
          repeat ngx.sleep(0.02) until rest() == 0
          for _ = 1, 5 do
            ngx.thread.spawn(function() client:call("get_segments") end)
          end
          ngx.shared.state:set("at rest", true)
          ngx.sleep(600)
        end)
        ngx.say(ngx.worker.pid())
      }
    }
    location = /made { content_by_lua_block { ngx.say(ngx.shared.state:get("made") or 0) } }
    location = /pid { content_by_lua_block { ngx.say(ngx.worker.pid()) } }
    location = /metrics { content_by_lua_block { metrics.content() } }
  }
}
]]

local Load = {}
Load.__index = Load

local function get(server, path)
  return (script.shell("curl -sS -m 30 --noproxy '*' " .. server.base_url .. path))
end

--- Starts the service and the nginx that calls it.
function M.start()
  local self = setmetatable({made = 0}, Load)
  self.service = assert(nginx.start {text = SERVICE, workers = 1})
  self.client = assert(nginx.start {text = CLIENT:format(self.service.base_url), workers = 4})
  return self
end

function Load:stop()
  for _, name in ipairs {"client", "service"} do
    if self[name] then
      self.logs = (self.logs or "") .. self[name]:stop()
      self[name] = nil
    end
  end
  return self.logs
end

--- Returns what the service counted, by name.
function Load:counts()
  local counts = setmetatable({}, {__index = function() return 0 end})
  for name, value in get(self.service, "/counts"):gmatch("([^\t\n]+)\t(%d+)\n") do
    counts[name] = tonumber(value)
  end
  return counts
end

--- Returns what a scrape shows. No counter may be less than in a scrape before.
function Load:scrape()
  self.text = get(self.client, "/metrics")
  local found = exposition.read(self.text)
  for key, value in pairs(self.latest and self.latest.values or {}) do
    if key:find("_total", 1, true) then
      assert(found.values[key] and found.values[key] >= value, "less than before: " .. key)
    end
  end
  self.latest = found
  return found
end

--- Makes about this number of calls, a hundred for each request. Returns at once a
--- function that waits for the end.
function Load:begin(calls)
  local done = os.tmpname()
  os.remove(done)
  script.shell(("(curl -s -m 600 --retry 99 --retry-delay 1 --noproxy '*' -Z --parallel-max 24 -o /dev/null "
    .. "'%s/run?[1-%d]'; echo >%s) >/dev/null 2>&1 &"):format(self.client.base_url, math.ceil(calls / 100), done))
  local function is_done()
    return shell.read(done) ~= nil
  end
  return function()
    self:wait_for(is_done, 600)
    os.remove(done)
  end, is_done
end

--- Waits for a condition, and scrapes meanwhile.
function Load:wait_for(condition, seconds)
  local stop = os.time() + (seconds or 60)
  while not condition() do
    assert(os.time() < stop, "the condition did not become true")
    self:scrape()
    shell.sleep(0.05)
  end
end

--- Waits until nothing is queued or in flight but this number of requests.
function Load:rest()
  self:wait_for(function()
    local now = self:scrape()
    return now:sum "klaviyo_requests_in_flight" == 0 and now:sum "klaviyo_requests_queued" == 0
      and now:sum("klaviyo_events_total", {result = "tracked"})
        == now:sum("klaviyo_events_total", {result = "sent"})
  end)
  shell.sleep(0.1) -- the service logs a request once it has answered it
end

--- Reloads the configuration.
function Load:reload()
  assert(shell.run("kill -HUP " .. self.client.process.pid))
end

--- Kills a worker that has no other requests in flight than five that the service
--- holds, while the other workers are busy.
function Load:kill_marked()
  local pid = get(self.client, "/mark"):match("%d+")
  assert(pid, "no worker")
  self:wait_for(function()
    return self:counts()["received segments"] == 5
  end)
  assert(self:scrape():sum("klaviyo_requests_in_flight") >= 5)
  assert(shell.run("kill -9 " .. pid))
end

--- Kills any worker, at any time.
function Load:kill_any()
  assert(shell.run("kill -9 " .. get(self.client, "/pid"):match("%d+")))
end

local OPERATIONS = {accounts = "get_accounts", lists = "get_lists", tags = "get_tags",
  events = "create_event", segments = "get_segments"}

--- Returns pairs of what the metrics and the service counted, by name: they are
--- equal if nothing is in flight and only marked workers were killed.
function Load:compare()
  local now, counts, pairs_of = self:scrape(), self:counts(), {}
  local function compare(name, own, of_service)
    pairs_of[#pairs_of + 1] = {name = name, own = own, service = of_service}
  end
  local function requests(operation, status)
    return now:sum("klaviyo_requests_total", {operation = operation, status = status})
  end
  for name, operation in pairs(OPERATIONS) do
    compare("attempts " .. operation, now:sum("klaviyo_attempts_total", {operation = operation}),
      counts["received " .. name])
  end
  for _, case in ipairs {{"accounts", "200"}, {"lists", "200"}, {"tags", "404"}, {"events", "202"}} do
    local operation = OPERATIONS[case[1]]
    local answered = counts[case[1] .. " " .. case[2]]
    compare("requests " .. operation, requests(operation, case[2]), answered)
    compare("all requests " .. operation, requests(operation), answered)
    compare("durations " .. operation,
      now:sum("klaviyo_request_duration_seconds_count", {operation = operation}), answered)
  end
  compare("retries after 503", now:sum("klaviyo_retries_total", {reason = "unavailable"}), counts["lists 503"])
  compare("retries after 500", now:sum("klaviyo_retries_total", {reason = "server_error"}), counts["events 500"])
  compare("retries", now:sum "klaviyo_retries_total", counts["lists 503"] + counts["events 500"])
  compare("events", now:sum("klaviyo_events_total", {result = "sent"}), counts["events 202"])
  compare("events tracked", now:sum("klaviyo_events_total", {result = "tracked"}), counts["events 202"])
  compare("sent bytes", now:sum "klaviyo_sent_bytes_total", counts["bytes received"])
  compare("received bytes", now:sum "klaviyo_received_bytes_total", counts["bytes sent"])
  compare("counted in Lua", now:sum("klaviyo_webhook_deliveries_total", {result = "accepted"}),
    tonumber(get(self.client, "/made"):match("%d+")))
  return pairs_of
end

--- Makes the calls, with two reloads and a killed worker in between. Returns how
--- many attempts the service received, and the pairs of `compare`.
function Load:run(calls)
  local finish, is_done = self:begin(calls)
  local function after(share)
    self:wait_for(function()
      return is_done() or self:scrape():sum "klaviyo_requests_total" >= calls * share
    end, 600)
  end
  after(0.1)
  self:reload()
  after(0.3)
  self:kill_marked()
  after(0.6)
  self:reload()
  finish()
  self:rest()
  local received = 0
  for name, count in pairs(self:counts()) do
    received = received + (name:find("^received ") and count or 0)
  end
  return received, self:compare()
end

return M
