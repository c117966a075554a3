--- Runs the sandbox inside nginx: reads requests, writes responses, runs
--- commands, and exits when the process that started it has ended.

local json = require "klaviyo.sandbox.json"
local control = require "klaviyo.sandbox.control"
local faults = require "klaviyo.sandbox.faults"
local handler = require "klaviyo.sandbox.handler"
local oauth = require "klaviyo.sandbox.oauth"
local operations = require "klaviyo.operations"
local shell = require "klaviyo.sandbox.shell"
local counters = require "klaviyo.sandbox.counters"
local state = require "klaviyo.sandbox.state"

-- luacheck: globals ngx

local M = {}

local CONTROL_EVERY, PARENT_EVERY = 0.02, 0.25

-- The heap may grow to this percentage before the next collection. Most of it
-- is text, which the collector passes quickly.
local GC_PAUSE = 120

-- Adds the revision of the option openapi.
local function add_revision(text)
  local data = assert(json.decode(text))
  -- The program may have added the revision that this one follows; it is not here.
  data.follows = data.follows and operations.latest(data.follows)
  operations.add(data)
end

--- Creates the state before nginx is ready. An error here keeps nginx from
--- starting.
---@param path string the settings file, relative to the prefix of nginx
function M.init(path)
  local text = assert(shell.read(ngx.config.prefix() .. path))
  local settings = assert(json.decode(text))
  settings.clock = function()
    -- The cached time of nginx is as old as the last event loop iteration.
    ngx.update_time()
    return ngx.now()
  end
  settings.digest = ngx.md5_bin
  local revision = shell.read(ngx.config.prefix() .. "revision.json")
  if revision then
    add_revision(revision)
  end
  collectgarbage("setpause", GC_PAUSE) -- LuaJIT: not for Lua 5.5
  M.state = state.new(settings)
  M.control = control.new(M.state, settings.dir .. "/control")
end

local function quit()
  local settings = M.state.settings
  if not settings.keep then
    os.execute("rm -rf " .. shell.quote(settings.dir))
  end
  os.execute("kill -TERM " .. ngx.worker.pid())
end

--- Starts the timers.
function M.init_worker()
  local parent = M.state.settings.parent
  assert(ngx.timer.every(CONTROL_EVERY, function()
    M.control:run_pending()
  end))
  if parent then
    assert(ngx.timer.every(PARENT_EVERY, function()
      if not shell.alive(parent) then
        quit()
      end
    end))
  end
end

local function read_body()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local file = not body and ngx.req.get_body_file()
  return body or file and shell.read(file) or nil
end

-- Returns the headers to record; of a credential only the scheme is kept.
local function recorded_headers(headers)
  local recorded = {}
  for name, value in pairs(headers) do
    value = type(value) == "table" and table.concat(value, ", ")
      or tostring(value)
    if name == "authorization" then
      value = value:match("^%S*")
    end
    recorded[name] = json.repaired(value)
  end
  return recorded
end

local function send_slowly(body, slow)
  local bytes = math.max(1, slow.bytes or 1)
  for at = 1, #body, bytes do
    ngx.print(body:sub(at, at + bytes - 1))
    if not ngx.flush(true) then
      return -- the client has disconnected
    end
    ngx.sleep(slow.pause or 0.1)
  end
end

local function send(response)
  ngx.status = response.status
  for name, value in pairs(response.headers) do
    ngx.header[name] = value
  end
  local body = response.body
  if not body then
    if response.status ~= 204 then
      ngx.header["Content-Length"] = 0
    end
    -- An empty value keeps nginx from adding its default Content-Type.
    ngx.header["Content-Type"] = response.headers["Content-Type"] or ""
    return ngx.send_headers()
  end
  ngx.header["Content-Length"] = #body
  if response.slow then
    send_slowly(body, response.slow)
  elseif response.truncate then
    ngx.print(body:sub(1, response.truncate))
    ngx.flush(true)
    return ngx.exit(444)
  else
    ngx.print(body)
  end
end

local function control_path(target, body)
  local name = target:match("^/__sandbox/([%a_]+)$")
  local argument = body and body ~= "" and json.decode(body) or nil
  local result, message = M.control:run(name, argument)
  ngx.status = message and 400 or 200
  ngx.header["Content-Type"] = "application/json"
  ngx.print(json.encode(message and {error = message}
    or {result = result}))
  if name == "quit" then
    ngx.eof()
    quit()
  end
end

local MAX_RECORDED_BODY = 65536

local function record_request(request, response, headers)
  local status = response.reset and 0 or response.status
  counters.responded(M.state.stats, response.operation, status)
  if M.state.settings.record == 0 then
    return
  end
  local body = oauth.recorded_body(request)
  local is_too_long = body and #body > MAX_RECORDED_BODY
  M.state:record_request {
    method = request.method, uri = json.repaired(request.target),
    operation = response.operation, status = status,
    headers = recorded_headers(headers),
    body = body and json.repaired(is_too_long and body:sub(1, MAX_RECORDED_BODY)
      or body),
    protocol = ngx.var.server_protocol,
    connection = tonumber(ngx.var.connection),
  }
end

--- Serves one request.
function M.content()
  M.control:run_pending()
  local target, body = ngx.var.request_uri, read_body()
  if target:sub(1, 11) == "/__sandbox/" then
    return control_path(target, body)
  end
  local headers = ngx.req.get_headers(0)
  counters.received(M.state.stats)
  local request = {
    method = ngx.req.get_method(), target = target, body = body,
    header = function(name)
      local value = headers[name]
      return type(value) == "table" and value[1] or value
    end,
  }
  local response = faults.handle_request(M.state, request, handler.handle,
    handler.operation, ngx.sleep)
  if response.raw_error then
    ngx.log(ngx.ERR, response.raw_error)
  end
  if response.operation then
    ngx.var.klaviyo_operation = response.operation
  end
  record_request(request, response, headers)
  if response.stall and response.stall > 0 then
    ngx.sleep(response.stall)
  end
  if response.reset then
    return ngx.exit(444) -- closes the connection without a response
  end
  return send(response)
end

return M
