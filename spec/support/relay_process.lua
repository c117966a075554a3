-- A process of a host whose events go to a stream in Redis: it tracks some, or only
-- sends. spec/support/relay_hosts.lua starts it, and kills some.
--
--   lua spec/support/relay_process.lua FOLDER 'LUA TABLE'
--
-- After each event that `track` took, it writes its number and the time, so that what
-- was acknowledged is known even if the process is killed: into a file of its own, which
-- is not in the folder of its host.

local folder, text = ...
local options = assert((loadstring or load)("return " .. text))()

local connect = require "spec.support.connect"
local klaviyo = require "klaviyo"
local outbox = require "klaviyo.outbox"
local shell = require "klaviyo.sandbox.shell"
local socket = require "socket"

local POLL, STEP = 0.05, 20
local LAST_SECONDS = 30

local prefix = options.log .. "/" .. options.name

local function write(path, line)
  local file = assert(io.open(path, "a"))
  file:write(line, "\n")
  file:close()
end

local warnings = 0
local function warn(message)
  warnings = warnings + 1
  write(prefix .. ".warnings", message)
end

local box = assert(outbox.new {path = folder, relay = options.relay, stream = options.stream,
  max_stream = options.max_stream, claim_after = options.claim_after, send = options.send,
  max_rows = options.max_rows, on_warning = warn})
local client = connect(options.base_url, {outbox = box, timeout = options.timeout, deadline = 60,
  revision = "2026-07-15", retries = options.retries, on_warning = warn})

local TEXT = ("x"):rep(options.size or 300)
local acknowledged = assert(io.open(prefix .. ".acknowledged", "a"))
acknowledged:setvbuf("no")

local function track(number)
  return client.events:track {
    metric = "Tried", profile = {email = ("p%d@example.com"):format(number % 1000)},
    unique_id = options.name .. "-" .. number,
    properties = {by = options.name, number = number, text = TEXT,
      invalid = options.invalid and number % options.invalid == 0 or nil},
  }
end

-- Tracks all events, at a rate in events a second, and lets other tasks run.
local function track_all()
  local began, refused = socket.gettime(), 0
  for number = 1, options.count do
    while true do
      local ok, err = track(number)
      if ok then
        break
      end
      refused = refused + 1
      if refused == 1 then
        warn("track: " .. tostring(err))
      end
      klaviyo.sleep(0.1)
    end
    acknowledged:write(("%d %.6f\n"):format(number, socket.gettime()))
    if number % STEP == 0 then
      local early = options.rate and began + number / options.rate - socket.gettime() or 0
      klaviyo.sleep(math.max(early, 0))
    end
  end
  write(prefix .. ".done", ("%.6f %.6f %d"):format(began, socket.gettime(), refused))
end

-- If the program that started this one was killed, nobody stops it.
local function is_stopped()
  return shell.read(options.log .. "/stop") ~= nil
    or shell.read("/proc/" .. options.owner .. "/stat") == nil
end

-- The relay and the sender, as a program without nginx runs them.
local is_over = false
local function flush_all()
  while not is_over do
    box:flush(is_stopped)
    klaviyo.sleep(POLL)
  end
end

klaviyo.run(function()
  assert(box:start(client))
  klaviyo.spawn(flush_all)
  if options.count > 0 then
    track_all()
  end
  while not is_stopped() do
    klaviyo.sleep(POLL)
  end
  is_over = true
end)
local stream = box:stats().stream or {}
local ok, err = box:close(LAST_SECONDS)
local stats = box:stats()
write(prefix .. ".stats", ("waiting=%d sent=%d rejected=%d relayed=%d claimed=%d warnings=%d"):format(
  stats.waiting, stats.sent, stats.rejected, stats.relayed or 0, stream.claimed or 0, warnings))
if not ok then
  write(prefix .. ".warnings", "close: " .. tostring(err))
end
