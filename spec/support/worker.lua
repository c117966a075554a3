-- An nginx whose phases run Lua text of a spec. It provides `client` (of a
-- sandbox), `klaviyo`, and `note(…)`, which adds a line to those that
-- `Worker:notes()` returns.

local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Worker = {}
Worker.__index = Worker

local CONF = [[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes auto;
error_log error.log notice;
pid /run/nginx.pid;
env KLAVIYO_API_KEY;
$MAIN
events { worker_connections 8192; }
http {
  access_log off;
  $HTTP
  init_by_lua_block {
    klaviyo = require "klaviyo"
    client = klaviyo.new {
      base_url = "$BASE", proxy = "", pacing = false, rate_limit_file = false, retries = 0, deadline = 20,
      on_warning = function() end,
    }
    function note(...)
      local words = {...}
      for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
      local file = io.open("$NOTES", "a")
      file:write(table.concat(words, " "), "\n")
      file:close()
    end
    $INIT
  }
  server {
    listen 127.0.0.1:8080;
    default_type text/plain;
    location /ping { return 200 "pong\n"; }
    location /stats {
      content_by_lua_block {
        local core = require "klaviyo.core"
        local queued, running = core.stats()
        ngx.say(queued + running, " ", core.completion_queues(), " ", ngx.worker.pid())
      }
    }
    $SERVER
  }
  $MORE
}
]]

local function locations(list)
  local parts = {}
  for path, text in pairs(list or {}) do
    if not text:find("_by_lua", 1, true) then
      text = "content_by_lua_block {\n" .. text .. "\n}"
    end
    parts[#parts + 1] = ("location %s {\n%s\n}"):format(path, text)
  end
  return table.concat(parts, "\n")
end

--- Starts an nginx.
---@param upstream table  a sandbox
---@param options table Lua or nginx text for its parts: locations (by path), init, init_worker, main, http,
---  server, more (servers); replace (pairs, see nginx.start); workers (1), base_url (the client's, if not the
---  sandbox's)
---@return table worker
function M.start(upstream, options)
  local ok, dir = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-notes.XXXXXX"')
  assert(ok, dir)
  local self = setmetatable({ notes_dir = (dir:gsub("%s+$", "")) }, Worker)
  self.upstream = upstream
  local values = {
    MAIN = options.main, HTTP = options.http, INIT = options.init, MORE = options.more,
    BASE = options.base_url or upstream.base_url, NOTES = self.notes_dir .. "/notes",
    SERVER = (options.server or "") .. locations(options.locations),
  }
  local text = CONF:gsub("%$(%u+)", function(name) return values[name] or "" end)
  local replace = {}
  for i, pair in ipairs(options.replace or {}) do
    replace[i] = pair
  end
  if options.init_worker then
    replace[#replace + 1] = { "init_worker_by_lua_block {",
      "init_worker_by_lua_block {\n" .. options.init_worker .. "\n" }
  end
  local output
  self.server, output = nginx.start { text = text, workers = options.workers or 1, replace = replace,
    env = { KLAVIYO_API_KEY = upstream.key } }
  assert(self.server, output)
  self.base_url = self.server.base_url
  self.pid = self.server.process.pid
  assert(shell.wait_for(function() return #self:workers() > 0 end), "no worker")
  return self
end

--- Returns the noted lines.
---@return string[]
function Worker:notes()
  local list = {}
  for line in (shell.read(self.notes_dir .. "/notes") or ""):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

--- Waits until `count` noted lines begin with a word; returns them without it.
function Worker:noted(word, count)
  local list
  shell.wait_for(function()
    list = {}
    for _, line in ipairs(self:notes()) do
      local rest = line:match("^" .. word .. " (.*)$")
      if rest then
        list[#list + 1] = rest
      end
    end
    return #list >= (count or 1)
  end, 10)
  return list
end

--- Requests a location; returns the body and the status.
---@return string body, integer status
function Worker:get(path, options)
  local text = script.shell(("curl -sS -g -m 20 --noproxy '*' %s -w '\\n%%{http_code}' %s")
    :format(options or "", script.quote(self.base_url .. path)))
  local body, status = text:match("^(.*)\n(%d%d%d)$")
  return body or text, tonumber(status)
end

-- The maximum of concurrent transfers of one curl.
local MAX_PARALLEL = 250

--- Makes `count` concurrent requests; returns {status =, seconds =} for each.
---@param path string
---@param count integer
---@param options {meanwhile: function|nil, seconds: number|nil, one_by_one: boolean|nil}|nil
function Worker:many(path, count, options)
  options = options or {}
  self.batches = (self.batches or 0) + 1
  local out, parts, left = ("%s/many%d"):format(self.notes_dir, self.batches), {}, count
  while left > 0 do
    local lines, name = {}, ("%s.%d"):format(out, #parts + 1)
    for i = 1, math.min(MAX_PARALLEL, left) do
      lines[i] = ('url = "%s%s"\noutput = "/dev/null"\n'):format(self.base_url, path)
    end
    left = left - #lines
    shell.write(name .. ".conf", table.concat(lines))
    parts[#parts + 1] = ("curl -sS --no-progress-meter -m %g --noproxy '*' %s -w '%%{http_code} %%{time_total}\\n' "
      .. "-K %s.conf >%s 2>&1 & "):format(options.seconds or 30, options.one_by_one and ""
      or "-Z --parallel-immediate --parallel-max " .. MAX_PARALLEL, name, name)
  end
  os.execute(("( %s wait; cat %s.*[0-9] >%s; mv %s %s.done ) </dev/null >/dev/null 2>&1 &"):format(
    table.concat(parts), out, out, out, out))
  if options.meanwhile then
    options.meanwhile()
  end
  local text = shell.wait_for(function()
    return shell.read(out .. ".done")
  end, 35) or ""
  shell.run("rm -f " .. out .. ".*")
  local list = {}
  for status, seconds in text:gmatch("(%d%d%d) ([%d.]+)\n") do
    list[#list + 1] = { status = tonumber(status), seconds = tonumber(seconds) }
  end
  return list, text
end

--- Returns the pids of the workers that are not shutting down.
---@return string[]
function Worker:workers()
  local children = shell.read(("/proc/%s/task/%s/children"):format(self.pid, self.pid)) or ""
  local list = {}
  for pid in children:gmatch("%d+") do
    local title = shell.read("/proc/" .. pid .. "/cmdline") or ""
    if title:find("^nginx: worker process[%z ]*$") then
      list[#list + 1] = pid
    end
  end
  return list
end

--- Whether a process ends within `seconds`.
function M.has_ended(pid, seconds)
  return shell.wait_for(function()
    return shell.process(pid) == nil
  end, seconds)
end

function Worker:signal(name, pid)
  assert(shell.run(("kill -%s %s"):format(name, pid or self.pid)))
end

--- Reloads nginx; returns the pids of the old workers.
function Worker:reload()
  local before = self:workers()
  self:signal("HUP")
  assert(shell.wait_for(function()
    local now = self:workers()
    return #now > 0 and now[1] ~= before[1] and now
  end, 10), "no new workers")
  return before
end

--- Returns the number of descriptors of a process.
function M.descriptors(pid)
  local _, text = shell.run("ls /proc/" .. pid .. "/fd | wc -l")
  return tonumber(text)
end

function Worker:logs()
  return self.server:logs()
end

--- Returns the lines of the log that report a problem.
function Worker:problems()
  local list = {}
  for line in self:logs():gmatch("[^\n]+") do
    if line:find("[warn]", 1, true) or line:find("[error]", 1, true) or line:find("[alert]", 1, true)
        or line:find("[crit]", 1, true) or line:find("[emerg]", 1, true) then
      list[#list + 1] = line
    end
  end
  return list
end

function Worker:stop()
  if self.server then
    self.last = self.server:stop()
    self.server = nil
    shell.run("rm -rf " .. self.notes_dir)
  end
  return self.last
end

--- Those of spec.support.nginx.
M.missing, M.is_available = nginx.missing, nginx.is_available

return M
