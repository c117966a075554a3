--- Prints tables of docs/scale.md: what a stream of events costs one Redis, by the
--- commands and scripts of klaviyo.redis.stream. The figures are the processor time of
--- Redis's main thread, of which one core gives at most a second in a second, so that
--- other work of the machine changes them little; memory is what Redis reports.
---
---   luajit bench/stream_rates.lua [MEGABYTES]     redis-server must be installed

package.path = (arg[0]:match("^(.*)bench/") or "./") .. "?.lua;" .. package.path

local redis_server = require "spec.support.redis_server"
local scripts = require "klaviyo.redis.stream_scripts"
local socket = require "socket"

local MEGABYTES = tonumber(arg[1]) or 50
local STREAM, GROUP = "klaviyo:events", "klaviyo"
local SIZES = {300, 1000, 5000}
local BATCHES = {1, 10, 100, 500}
local MODES = {
  {name = "no", arguments = ""},
  {name = "everysec", arguments = "--appendonly yes --appendfsync everysec"},
  {name = "always", arguments = "--appendonly yes --appendfsync always"},
}
-- so that its size is what was written
local NO_REWRITE = " --auto-aof-rewrite-percentage 0"

-- What klaviyo.outbox.relay adds, a sender reads, and removes at once.
local ADDED, ADDED_BYTES = 500, 1000000
local MAX_COUNT, MAX_BYTES = 1000, 8000000
local REMOVED = 200

local function info(redis, section, name)
  return tonumber(redis:call("INFO", section):match(name .. ":([%d%.]+)"))
end

local function cpu(redis)
  return info(redis, "cpu", "used_cpu_user_main_thread")
    + info(redis, "cpu", "used_cpu_sys_main_thread")
end

local function command(...)
  local parts = {("*%d\r\n"):format(select("#", ...))}
  for i = 1, select("#", ...) do
    local text = tostring((select(i, ...)))
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#text, text)
  end
  return table.concat(parts)
end

local function send(redis, text)
  assert(redis.connection:send(text))
end

local function line(redis)
  local text = assert(redis.connection:receive("*l"))
  assert(text:sub(1, 1) ~= "-", text)
  return text
end

local function bulk(redis)
  return assert(redis.connection:receive(tonumber(line(redis):sub(2)) + 2)):sub(1, -3)
end

-- Returns the ids of the entries that a read returned.
local function read_entries(redis)
  if line(redis) == "*-1" then
    return {}
  end
  line(redis)
  bulk(redis)
  local ids = {}
  for i = 1, tonumber(line(redis):sub(2)) do
    line(redis)
    ids[i] = bulk(redis)
    for _ = 1, tonumber(line(redis):sub(2)) do
      bulk(redis)
    end
  end
  return ids
end

-- Runs a step; returns the microseconds of Redis and of the clock for each event.
local function measure(redis, count, step)
  local used, began = cpu(redis), socket.gettime()
  step()
  return (cpu(redis) - used) / count * 1e6, (socket.gettime() - began) / count * 1e6
end

local function add(redis, size, count, batch)
  local body = ("x"):rep(size)
  for first = 1, count, batch do
    local last = math.min(first + batch - 1, count)
    local words = {"EVAL", scripts.ADD, "2", STREAM, STREAM .. ":account", "account", "10000000", GROUP}
    for i = first, last do
      words[#words + 1] = ("%036d"):format(i)
      words[#words + 1] = "2026-07-15"
      words[#words + 1] = "1790000000000"
      words[#words + 1] = body
    end
    send(redis, command(unpack(words)))
    assert(line(redis) == "*2")
    line(redis)
    line(redis)
  end
end

local function read_all(redis, size)
  local batches = {}
  local count = math.min(MAX_COUNT, math.floor(MAX_BYTES / size))
  repeat
    send(redis, command("XREADGROUP", "GROUP", GROUP, "host-1", "COUNT", count, "STREAMS", STREAM,
      ">"))
    batches[#batches + 1] = read_entries(redis)
  until #batches[#batches] == 0
  return batches
end

local function remove_all(redis, batches)
  for _, ids in ipairs(batches) do
    for first = 1, #ids, REMOVED do
      send(redis, command("EVAL", scripts.ACKNOWLEDGE, "1", STREAM, GROUP,
        unpack(ids, first, math.min(first + REMOVED - 1, #ids))))
      line(redis)
    end
  end
end

-- Starts a Redis, to which nothing waits for an acknowledgement of TCP.
local function start(arguments)
  local redis = redis_server.start {arguments = arguments}
  redis.connection:setoption("tcp-nodelay", true)
  return redis
end

local function log_size(redis)
  return info(redis, "persistence", "aof_current_size") or 0
end

local function run(mode, size)
  local redis = start(mode.arguments .. NO_REWRITE)
  local count = math.floor(MEGABYTES * 1e6 / size)
  local before, result, batches = info(redis, "memory", "used_memory"), {count = count}, nil
  result.add, result.add_clock = measure(redis, count, function()
    add(redis, size, count, math.min(ADDED, ADDED_BYTES / size))
  end)
  result.memory = (info(redis, "memory", "used_memory") - before) / count
  result.read, result.read_clock = measure(redis, count, function() batches = read_all(redis, size) end)
  result.pending = (info(redis, "memory", "used_memory") - before) / count - result.memory
  result.remove, result.remove_clock = measure(redis, count, function() remove_all(redis, batches) end)
  result.left = info(redis, "memory", "used_memory") - before
  result.log = log_size(redis) / count
  redis:close()
  return result
end

print("| log | event | added | read | removed | sum | events a second of one core | by the clock, one "
  .. "after another | written |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
local memory = {}
for _, mode in ipairs(MODES) do
  for _, size in ipairs(SIZES) do
    local r = run(mode, size)
    local sum = r.add + r.read + r.remove
    print(("| %s | %d B | %.1f µs | %.1f µs | %.1f µs | %.1f µs | %.0f | %.0f | %.0f B |"):format(
      mode.name, size, r.add, r.read, r.remove, sum, 1e6 / sum,
      1e6 / (r.add_clock + r.read_clock + r.remove_clock), r.log))
    io.stdout:flush()
    memory[size] = memory[size] or r
  end
end

print("\n| event | memory of one that waits | more once it was read | events in 1 GB "
  .. "| in Redis when all were deleted |")
print("| --- | --- | --- | --- | --- |")
for _, size in ipairs(SIZES) do
  local r = memory[size]
  print(("| %d B | %.0f B | %.0f B | %.0f | %.0f kB |"):format(size, r.memory, r.pending,
    1e9 / (r.memory + r.pending), r.left / 1000))
end

print("\n| log | events added at once | processor time of one | by the clock |")
print("| --- | --- | --- | --- |")
for _, mode in ipairs(MODES) do
  for _, batch in ipairs(BATCHES) do
    local redis = start(mode.arguments)
    local count = math.min(batch * 400, 50000)
    local used, clock = measure(redis, count, function() add(redis, 1000, count, batch) end)
    print(("| %s | %d | %.1f µs | %.1f µs |"):format(mode.name, batch, used, clock))
    io.stdout:flush()
    redis:close()
  end
end
