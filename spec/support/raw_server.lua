-- A server that breaks the rules of HTTP: bytes as a plan says, resets,
-- silence, full backlogs. Its own process, for spec/support/raw.lua:
--   lua5.4 raw_server.lua PLAN LOG PARENT
-- PLAN is a Lua file that returns the plan (see raw.lua); what was received is
-- appended to LOG, a Lua table a line, before it is answered. Prints its port.
-- Ends when the process PARENT is gone, or nothing happened for a minute.
local socket = require "socket"

local plan = assert(dofile(arg[1]))
local log = assert(io.open(arg[2], "a"))
log:setvbuf("no")

local QUIET_SECONDS = 600

-- When a process started, which tells it from a later one of the same number.
local function started(process)
  local file = io.open("/proc/" .. process .. "/stat")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  local fields = text and text:match("^.*%) (.*)$") or ""
  local at = 0
  for field in fields:gmatch("%S+") do
    at = at + 1
    if at == 20 then
      return field
    end
  end
end

local parent = arg[3]
local parent_started = started(parent)
local busy_at = socket.gettime()
local answers_given, connections_seen = 0, 0
local tasks = {} -- socket → {thread, want = "read" | "write" | time}

local function close(client, how)
  if how == "reset" then
    client:setoption("linger", { on = true, timeout = 0 })
  end
  client:close()
end

local function wait(want)
  return coroutine.yield(want)
end

local function sleep(seconds)
  wait(socket.gettime() + seconds)
end

local function send(client, bytes)
  local at = 1
  while at <= #bytes do
    local last, why, partial = client:send(bytes, at, math.min(#bytes, at + 65535))
    if not last and why ~= "timeout" then
      return nil, why
    end
    at = (last or partial) + 1
    if not last then
      wait("write")
    end
  end
  return true
end

-- More bytes of the client's, or nil when it closed.
local function receive(client)
  while true do
    local bytes, why, partial = client:receive(65536)
    bytes = bytes or partial
    if bytes and #bytes > 0 then
      return bytes
    elseif why ~= "timeout" then
      return nil
    end
    wait("read")
  end
end

-- A request and what was read beyond it; nil when the client closed.
local function read_request(client, buffer)
  while not buffer:find("\r\n\r\n", 1, true) do
    local more = receive(client)
    if not more then
      return nil
    end
    buffer = buffer .. more
  end
  local head, rest = buffer:match("^(.-)\r\n\r\n(.*)$")
  local request = { headers = {} }
  request.method, request.target = head:match("^(%S+) (%S+)")
  for name, value in head:gmatch("\r\n([^:\r]+):[ \t]*([^\r]*)") do
    local lower = name:lower()
    local other = request.headers[lower]
    request.headers[lower] = other and other .. ", " .. value or value
  end
  local size = tonumber(request.headers["content-length"]) or 0
  while #rest < size do
    local more = receive(client)
    if not more then
      return nil
    end
    rest = rest .. more
  end
  request.body = rest:sub(1, size)
  return request, rest:sub(size + 1)
end

local function record(request, connection)
  local fields = {}
  for name, value in pairs(request.headers) do
    fields[#fields + 1] = ("[%q]=%q"):format(name, value)
  end
  log:write((("return {connection=%d, method=%q, target=%q, body=%q, headers={%s}}")
    :format(connection, request.method or "", request.target or "", request.body,
      table.concat(fields, ",")):gsub("\\\n", "\\n")), "\n")
end

local function bytes_of(answer, request)
  if answer.raw then
    return answer.raw
  end
  local body = answer.echo and ('{"data":[],"meta":{"target":"%s"}}'):format(request.target)
    or answer.body or ""
  local lines = { ("HTTP/1.1 %d %s"):format(answer.status or 200, answer.reason or "Whatever") }
  local present = {}
  for name, value in pairs(answer.headers or {}) do
    present[name:lower()] = true
    lines[#lines + 1] = name .. ": " .. value
  end
  if not present["content-type"] and body ~= "" then
    lines[#lines + 1] = "Content-Type: application/vnd.api+json"
  end
  if answer.length ~= false and not present["transfer-encoding"] then
    lines[#lines + 1] = ("Content-Length: %d"):format(answer.length or #body)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body .. (answer.excess or "")
end

local function is_released()
  local file = io.open(arg[1] .. ".released")
  return file ~= nil and file:close()
end

-- Gives one answer; false when the connection is over.
local function give(client, answer, request)
  if answer.pause then
    sleep(answer.pause)
  end
  if answer.held then
    while not is_released() do
      sleep(0.01)
    end
  end
  if answer.never then
    while receive(client) do end -- luacheck: ignore 542
    close(client)
    return false
  end
  local bytes = bytes_of(answer, request)
  if answer.send then
    bytes = bytes:sub(1, answer.send)
  end
  local step = answer.slice or #bytes
  local at = 1
  while at <= #bytes do
    if not send(client, bytes:sub(at, at + step - 1)) then
      close(client)
      return false
    end
    at = at + step
    if answer.between and at <= #bytes then
      sleep(answer.between)
    end
  end
  if answer.after then
    sleep(answer.linger or 0)
    close(client, answer.after)
    return false
  end
  return true
end

-- Unsolicited bytes, some time after a response. It is there for the client
-- to read once the log has a line on it.
local function add_unasked(client, answer, request)
  local unasked = answer.unasked
  if not unasked then
    return true
  end
  sleep(0.02)
  local goes_on = give(client, unasked, request)
  log:write("return {unasked=true}\n")
  return goes_on
end

local function next_answer()
  answers_given = answers_given + 1
  return plan.answers[math.min(answers_given, #plan.answers)]
end

local function serve(client, connection)
  if plan.on_accept then
    close(client, plan.on_accept)
    return
  end
  if plan.greeting and not send(client, plan.greeting) then
    close(client)
    return
  end
  local buffer = ""
  local served = 0
  while true do
    local request, rest = read_request(client, buffer)
    if not request then
      close(client)
      return
    end
    buffer = rest
    record(request, connection)
    served = served + 1
    local answer = next_answer()
    if not give(client, answer, request) or not add_unasked(client, answer, request) then
      return
    end
    if plan.requests_per_connection and served >= plan.requests_per_connection then
      close(client)
      return
    end
  end
end

local function resume(client)
  local task = tasks[client]
  local ok, want = coroutine.resume(task.thread)
  if not ok then
    io.stderr:write("raw_server: ", tostring(want), "\n")
    pcall(close, client)
  end
  if coroutine.status(task.thread) == "dead" then
    tasks[client] = nil
  else
    task.want = want
  end
end

-- Nobody is ever let in, and the queue at the door is full.
local function crowd(port)
  local held = {}
  for i = 1, 8 do
    held[i] = socket.tcp()
    held[i]:settimeout(0)
    held[i]:connect("127.0.0.1", port)
  end
  socket.sleep(0.1)
  return held
end

local listener = assert(socket.tcp())
listener:setoption("reuseaddr", true)
assert(listener:bind("127.0.0.1", 0))
assert(listener:listen(plan.accept == false and 0 or 128))
listener:settimeout(0)
local _, port = listener:getsockname()
local held = plan.accept == false and crowd(port)

print("port " .. port)
io.stdout:flush()

local function over()
  return started(parent) ~= parent_started
    or socket.gettime() - busy_at > QUIET_SECONDS
end

local checked_at = 0
while true do
  local now = socket.gettime()
  if now - checked_at > 0.5 then
    checked_at = now
    if over() then
      break
    end
  end
  local readers, writers, due = { not held and listener or nil }, {}, now + 0.5
  for client, task in pairs(tasks) do
    if task.want == "read" then
      readers[#readers + 1] = client
    elseif task.want == "write" then
      writers[#writers + 1] = client
    else
      due = math.min(due, task.want)
    end
  end
  local can_read, can_write = socket.select(readers, writers, math.max(0, due - now))
  for _, client in ipairs(can_read) do
    busy_at = socket.gettime()
    if client == listener then
      local new = listener:accept()
      if new then
        new:settimeout(0)
        new:setoption("tcp-nodelay", true)
        connections_seen = connections_seen + 1
        log:write(("return {accepted=%d}\n"):format(connections_seen))
        local number = connections_seen
        tasks[new] = { thread = coroutine.create(function() serve(new, number) end) }
        resume(new)
      end
    elseif tasks[client] then
      resume(client)
    end
  end
  for _, client in ipairs(can_write) do
    if tasks[client] then
      resume(client)
    end
  end
  now = socket.gettime()
  local late = {}
  for client, task in pairs(tasks) do
    if type(task.want) == "number" and task.want <= now then
      late[#late + 1] = client
    end
  end
  for _, client in ipairs(late) do
    resume(client)
  end
end
