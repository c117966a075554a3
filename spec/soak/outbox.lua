--- Part of make once: 3,000 events in an outbox, behind a proxy that answers 400
--- in HTML, then 500 for every request that contains one event, then closes
--- connections before and after it forwards a request, and finally works; on a
--- disk that becomes full and is freed. All other events arrive, each counts
--- once, that one still waits, and the outbox and the server report equal counts.
---
---   lua5.4 spec/soak/outbox.lua [EVENTS]
---
--- Only root can mount a small disk: other users skip that part.

local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local outbox = require "klaviyo.outbox"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local CONF = [[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes auto;
error_log /var/log/nginx/error.log warn;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
  server {
    listen 127.0.0.1:8080;
    client_max_body_size 8m;
    client_body_buffer_size 8m;
    location /service/ {
      internal;
      proxy_pass http://127.0.0.1:$PORT/;
    }
    location / {
      content_by_lua_block {
        local file = io.open("$DIR/mode")
        local mode = file:read("*l")
        file:close()
        ngx.req.read_body()
        local body = ngx.req.get_body_data() or ""
        local status = mode == "html" and 400
          or body:find('"poisoned"', 1, true) and 500
        if status then
          ngx.status = status
          ngx.header.content_type = "text/html"
          ngx.say("<html><h1>", status, "</h1></html>")
          return
        end
        count = (count or 0) + 1
        if mode == "reset" and count % 3 == 0 then
          return ngx.exit(444)
        end
        local answer = ngx.location.capture("/service" .. ngx.var.request_uri,
          {method = ngx.HTTP_POST, body = body})
        if mode == "reset" and count % 3 == 1 then
          return ngx.exit(444)
        end
        ngx.status = answer.status
        ngx.print(answer.body)
      }
    }
  }
}
]]

local function folder()
  local _, path = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-soak.XXXXXX"')
  return (path:gsub("%s+$", ""))
end

-- The state of one run.
local Run = {}
Run.__index = Run

function Run:check(what, is_good)
  if not is_good then
    self.wrong[#self.wrong + 1] = what
  end
end

function Run:set_mode(mode)
  shell.write(self.dir .. "/mode", mode .. "\n")
end

-- Enqueues events, from where the last call ended, up to a number or until an
-- error.
function Run:enqueue(box, last)
  while self.count < last do
    local number = self.count + 1
    local ok, err = box:enqueue({
      metric = "Soaked", profile = {email = ("someone%d@example.com"):format(number % 500)},
      properties = {number = number},
      unique_id = number == self.poisoned and "poisoned" or "e" .. number,
    }, self.client)
    if not ok then
      return nil, err
    end
    self.count = number
  end
  return true
end

local function run_passes(box, count)
  for _ = 1, count do
    box:flush()
  end
end

-- A proxy answers in place of the service. (These are fewer events than a
-- checkpoint of the log needs: the next steps have to grow the log.)
function Run:reject(box)
  self:set_mode("html")
  self:enqueue(box, self.total / 6)
  run_passes(box, 8)
  local stats = box:stats()
  self:check(("HTML 400: %d wait, %d are rejected"):format(stats.waiting, stats.rejected),
    stats.waiting == self.count and stats.rejected == 0)
end

-- The service has received events that the full disk still keeps.
function Run:fill(box)
  self:set_mode("poison")
  if self.is_mounted then
    os.execute(("cat /dev/zero >%s/ballast 2>/dev/null"):format(self.path))
    local ok, err = self:enqueue(box, self.total)
    self:check("the disk was not full", not ok and err.code == "full")
  end
  run_passes(box, 8)
  local received = self.server:stats().events.received
  run_passes(box, 5)
  local again = self.server:stats().events.received - received
  self:check(again .. " events were posted again", again <= 0)
  self:check("unsent: " .. box:stats().waiting .. " wait", box:stats().waiting < self.total / 12)
  if self.is_mounted then
    self:check("all could be deleted", self.warned:find("cannot be deleted yet", 1, true))
    shell.run("rm " .. self.path .. "/ballast")
  end
end

-- Another process leaves a file behind the event that always fails.
function Run:leave()
  local other = assert(outbox.new {path = self.path})
  self:check("the freed disk is not used by another", self:enqueue(other, self.total))
  other:close(0)
end

function Run:finish(box)
  self:set_mode("reset")
  self:check("the freed disk is not used", self:enqueue(box, self.total * 2 / 3))
  box:drain(3)
  self:leave()
  box:drain(3)
  self:set_mode("well")
  box:drain(20)
  self:check(self.count .. " events were put", self.count == self.total)
  local stats, events = box:stats(), self.server:stats().events
  if M.is_main then
    print(("%d received, %d distinct; sent %d, waiting %d, delayed %d, rejected %d, in the folder %d"):format(
      events.received, events.distinct, stats.sent, stats.waiting, stats.delayed, stats.rejected,
      stats.folder.waiting))
  end
  self:check(events.distinct .. " distinct events", events.distinct == self.total - 1)
  self:check("the connection was never closed after an event was processed", events.received > events.distinct)
  self:check(stats.sent .. " counted as sent", stats.sent == events.distinct)
  self:check(("%d wait, %d rejected"):format(stats.waiting, stats.rejected),
    stats.waiting == 1 and stats.rejected == 0)
  self:check(stats.folder.waiting .. " wait in the folder", stats.folder.waiting == 1)
end

--- Runs all phases.
---@param server table  a sandbox
---@param total integer  events
---@return string[] wrong
---@return boolean is_mounted  whether the disk could be filled
function M.run(server, total)
  server:reset()
  local self = setmetatable({server = server, total = total, count = 0, warned = "",
    poisoned = math.floor(total / 12), wrong = {}, dir = folder(), path = folder()}, Run)
  self.is_mounted = shell.run(("mount -t tmpfs -o mode=700,size=%dk none %s"):format(32000 + total, self.path))
  self:set_mode("well")
  local text = CONF:gsub("%$(%u+)", {PORT = server.port, DIR = self.dir})
  local proxy = assert(nginx.start {text = text, workers = 1})
  self.client = klaviyo.new {
    base_url = proxy.base_url, api_key = server.key, revision = "2026-07-15", proxy = "", pacing = false,
    rate_limit_file = false, retries = 1, timeout = 10,
  }
  local ok, err = pcall(function()
    local box = assert(outbox.new {path = self.path, on_warning = function(message)
      self.warned = self.warned .. message .. "\n"
    end})
    self:reject(box)
    self:fill(box)
    self:finish(box)
    box:close(0)
  end)
  proxy:stop()
  shell.run(("umount -l %s; rm -rf %s %s"):format(self.path, self.path, self.dir))
  self:check(tostring(err), ok)
  return self.wrong, self.is_mounted
end

if arg and arg[0] and arg[0]:find("soak/outbox%.lua$") then
  M.is_main = true
  local server = assert(require("klaviyo.sandbox").start {access_log = false, record = 0})
  local wrong, is_mounted = M.run(server, tonumber(arg[1] or 3000))
  server:stop()
  for _, what in ipairs(wrong) do
    print("  WRONG: " .. what)
  end
  if not is_mounted then
    print("no disk was filled: only root can mount one")
  end
  os.exit(#wrong == 0 and 0 or 1)
end

return M
