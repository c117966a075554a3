-- A hostile server for specs; see raw_server.lua, which is its process.
--
--   local server = raw.start {
--     answers = {                  -- one per request; the last for all later ones
--       { status = 200, headers = {}, body = "{}" },
--       { body = "{}", length = 99 },     -- a Content-Length that is too large
--       { body = "{}", length = false },  -- without a Content-Length
--       { raw = "bytes" },                -- exactly these bytes
--       { body = "…", slice = 2, between = 0.1 },  -- two bytes every 0.1 s
--       { pause = 1 },                    -- responds after a second
--       { held = true },                  -- responds after server:release()
--       { never = true },                 -- reads, and never responds
--       { body = "…", send = 40, after = "reset" }, -- 40 bytes, then a reset
--       { after = "close", linger = 0.1 },  -- answers, waits, closes
--       { echo = true },                  -- meta.target is the target of the request
--       { echo = true, excess = "bytes" },  -- more than its Content-Length
--       { echo = true, unasked = { raw = "bytes" } },  -- and a little later another
--                                         -- response of this kind, without a request
--     },
--     requests_per_connection = 3, -- then closes, unannounced
--     on_accept = "reset",         -- or "close": as soon as a client connects
--     greeting = "220 ready\r\n", -- sends this first, whatever the client's protocol
--     accept = false,              -- connecting never succeeds
--   }

local M = {}

local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or "./"

local function written(value)
  if type(value) == "table" then
    local parts = {}
    for key, member in pairs(value) do
      parts[#parts + 1] = ("[%s]=%s"):format(written(key), written(member))
    end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif type(value) == "string" then
    return (("%q"):format(value):gsub("\\\n", "\\n"))
  end
  return tostring(value)
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local Server = {}
Server.__index = Server

local function log_lines(self)
  local list = {}
  for line in io.lines(self.log) do
    list[#list + 1] = assert((loadstring or load)(line))()
  end
  return list
end

--- The requests received so far: {method=, target=, headers=, body=, connection=}.
---@return table[]
function Server:requests()
  local list = {}
  for _, record in ipairs(log_lines(self)) do
    if record.method then
      list[#list + 1] = record
    end
  end
  return list
end

--- Returns the number of unsolicited responses so far.
---@return integer
function Server:unasked()
  local count = 0
  for _, record in ipairs(log_lines(self)) do
    count = count + (record.unasked and 1 or 0)
  end
  return count
end

--- How many connections were accepted so far.
---@return integer
function Server:connections()
  local count = 0
  for _, record in ipairs(log_lines(self)) do
    count = math.max(count, record.accepted or 0)
  end
  return count
end

--- Lets the server give the answers that are held.
function Server:release()
  assert(io.open(self.plan .. ".released", "w")):close()
end

-- Not so much as a corpse that nobody has buried counts as running.
local function is_running(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text ~= nil and not text:find("%) [ZX] ")
end

--- Ends the server, and waits until it is gone. May be called twice.
function Server:stop()
  if self.pid then
    os.execute("kill -9 " .. self.pid)
    for _ = 1, 200 do
      if not is_running(self.pid) then
        break
      end
      os.execute("sleep 0.01")
    end
    os.remove(self.plan)
    os.remove(self.log)
    os.remove(self.plan .. ".released")
    self.pid, self.last_pid = nil, self.pid
  end
end

--- Starts a server.
---@param plan table
---@return table server {port=, url=, requests=function, connections=function, stop=function}
function M.start(plan)
  local self = setmetatable({ plan = os.tmpname(), log = os.tmpname() }, Server)
  local file = assert(io.open(self.plan, "w"))
  file:write("return ", written(plan))
  file:close()
  -- Always lua5.4, and never sanitized: it is not what is tested. In the
  -- background of a shell that ends at once, so that nobody has to wait for it.
  local pipe = assert(io.popen(("env -u LD_PRELOAD lua5.4 %s %s %s $PPID & echo pid $!"):format(
    quoted(here .. "raw_server.lua"), self.plan, self.log)))
  for _ = 1, 2 do -- in whichever order they come
    local name, number = (pipe:read("*l") or ""):match("^(%a+) (%d+)$")
    self[name or "none"] = number
  end
  pipe:close()
  assert(self.port, "the raw server did not start")
  self.url = "http://127.0.0.1:" .. self.port
  return self
end

--- Runs a function with a server, which is stopped whatever happens.
---@param plan table
---@param body fun(server: table)
function M.with(plan, body)
  local server = M.start(plan)
  local ok, err = xpcall(body, function(e)
    return type(e) == "string" and debug.traceback(e) or e
  end, server)
  server:stop()
  if not ok then
    error(err, 0)
  end
end

return M
