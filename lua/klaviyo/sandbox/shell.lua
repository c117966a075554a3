--- The functions of the operating system that the sandbox needs, through the
--- shell, and /proc if it can be read: plain Lua has no processes, and the
--- sandbox depends on no library.

local M = {}

--- Quotes a text as one word of a shell command.
---@param text string
---@return string
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Runs a command and returns its standard output and standard error.
---@param command string
---@return boolean ok true if the status is 0
---@return string output
---@return integer status
function M.run(command)
  -- The status is part of the output, because io.popen of Lua 5.1 does not
  -- return it. Inherited descriptors are closed, otherwise a server started
  -- here would keep the caller's pipes and sockets open.
  local pipe = assert(io.popen(
    "( exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; " .. command
      .. " ) </dev/null 2>&1; printf '\\n%d' $?", "r"))
  local output = pipe:read("*a")
  pipe:close()
  local text, status = output:match("^(.*)\n(%d+)$")
  return status == "0", text or output, tonumber(status) or 255
end

--- Sleeps and blocks the whole process.
---@param seconds number at least 0.001
function M.sleep(seconds)
  -- Integers only: "%.3f" may write a decimal comma, which sleep rejects.
  local thousandths = math.floor(seconds * 1000 + 0.5)
  os.execute(("sleep %d.%03d"):format(math.floor(thousandths / 1000),
    thousandths % 1000))
end

-- Milliseconds. Each poll starts a process: what takes long is polled less often.
local WAIT, STEP, LONG, LONG_STEP = 5000, 10, 300, 50

--- Waits until `done()` returns a true value, for about `seconds` at most.
---@param done fun(): any
---@param seconds number|nil default 5
---@return any
function M.wait_for(done, seconds)
  local limit, waited = seconds and seconds * 1000 or WAIT, 0
  while waited < limit do
    local result = done()
    if result then
      return result
    end
    local step = waited < LONG and STEP or LONG_STEP
    M.sleep(step / 1000)
    waited = waited + step
  end
  return done()
end

--- Returns the content of a file, or nil.
---@param path string
---@return string|nil
function M.read(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes a file atomically: a reader sees all of it or nothing.
---@param path string
---@param text string
function M.write(path, text)
  local file = assert(io.open(path .. ".new", "wb"))
  assert(file:write(text))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- os.execute returns true, or 0 from Lua 5.1.
local function succeeds(command)
  local status = os.execute(command)
  return status == true or status == 0
end

-- Where /proc does not show a process (macOS, some containers), only its id is
-- known.
local function process_by_id(pid)
  if pid == "self" then
    local _, parent = M.run("echo $PPID") -- of the shell that runs this
    pid = parent:match("%d+")
  end
  if succeeds(("kill -0 %s 2>/dev/null"):format(pid)) then
    return {pid = tostring(pid)}
  end
end

--- Returns the identity of a process: its id and, if /proc can be read, its
--- start time, so that a later process with the same id is not mistaken for it.
---@param pid integer|string "self" for the caller
---@return table|nil identity nil if it has ended or is a zombie; `session` is
--- the id of the process that leads its session
function M.process(pid)
  local ok, text
  if pid == "self" then
    -- Another process reads it: qemu shows a program made-up times of itself.
    ok, text = M.run("cat /proc/$PPID/stat")
  else
    text = M.read(("/proc/%s/stat"):format(pid))
    ok = text ~= nil
  end
  if not ok then
    return process_by_id(pid)
  end
  local number = text:match("^(%d+)")
  -- The command name may contain spaces and brackets: parse from its end.
  local fields = {}
  for field in text:match("^.*%)%s(.*)$"):gmatch("%S+") do
    fields[#fields + 1] = field
  end
  if fields[1] == "Z" or fields[1] == "X" then
    return nil
  end
  return {pid = number, started = fields[20], session = fields[4]}
end

--- Returns the process that wrote its id to a file, which it removes when it
--- exits.
---@param path string
---@return table|nil identity nil if there is no such file or process
function M.process_in(path)
  local pid = (M.read(path) or ""):match("^%d+")
  local identity = pid and M.process(pid)
  if identity then
    identity.file = path
  end
  return identity
end

--- Returns whether this process still exists.
---@param identity table from `process`
---@return boolean
function M.alive(identity)
  local now = M.process(identity.pid)
  if now and now.started and identity.started then
    return now.started == identity.started
  end
  -- A zombie has an id too: it has removed its file.
  return now ~= nil and (not identity.file or M.read(identity.file) ~= nil)
end

--- Ends a process, and waits until it has exited.
---@param identity table from `process`
---@param signals string[]|nil sent in turn until it exits; default TERM, KILL
---@param seconds number|nil how long to wait after each; default 5
function M.stop(identity, signals, seconds)
  for _, name in ipairs(signals or {"TERM", "KILL"}) do
    if not M.alive(identity) then
      return
    end
    M.run(("kill -%s %s"):format(name, identity.pid))
    M.wait_for(function() return not M.alive(identity) end, seconds)
  end
end

--- Returns the process that leads the session of the caller, usually the shell
--- of its terminal.
---@return table|nil identity nil if it has ended, or /proc cannot be read
function M.session()
  local own = M.process("self")
  return own and own.session and M.process(own.session)
end

--- Returns whether standard output is a terminal.
---@return boolean
function M.on_terminal()
  return succeeds("test -t 1")
end

--- Returns a random number below a limit of at most 2^24.
---@param limit integer
---@return integer
function M.random(limit)
  local source = assert(io.open("/dev/urandom", "rb"))
  local a, b, c = source:read(3):byte(1, 3)
  source:close()
  return (a * 65536 + b * 256 + c) % limit
end

local LOWEST_PORT = 10240

--- Returns a free loopback port below the range from which the kernel assigns
--- ports to outgoing connections: those could take it at any moment.
---@param avoid table<integer, boolean> ports to leave out
---@return integer
function M.free_port(avoid)
  local range = M.read("/proc/sys/net/ipv4/ip_local_port_range") or "32768"
  local above = tonumber(range:match("%d+"))
  if above <= LOWEST_PORT + 1000 then
    above = 32768
  end
  local sockets = (M.read("/proc/net/tcp") or "")
    .. (M.read("/proc/net/tcp6") or "")
  while true do
    local port = LOWEST_PORT + M.random(above - LOWEST_PORT)
    -- The local address, ":" and the port in hexadecimal; then the remote
    -- address.
    local mark = (":%04X "):format(port)
    local taken = false
    for line in sockets:gmatch("[^\n]+") do
      if line:match("^%s*%d+: %x+(:%x+ )") == mark then
        taken = true
        break
      end
    end
    if not taken and not avoid[port] then
      return port
    end
  end
end

return M
