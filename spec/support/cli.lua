-- Runs the command `klaviyo`: as a program, or in this process, which is faster.

local key = require "spec.support.key"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local quote = script.quote

-- The environment of every run: nothing of the developer's own.
local CLEARED = {"KLAVIYO_API_KEY", "KLAVIYO_ACCESS_TOKEN", "KLAVIYO_ACCOUNT", "KLAVIYO_BASE_URL",
  "KLAVIYO_REVISION", "KLAVIYO_COMPANY_ID", "NO_COLOR", "COLUMNS"}

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  os.remove(path)
  return text
end

--- Returns the text of a file, or nil if there is none.
---@param path string
---@return string|nil
M.contents = shell.read

--- Returns a folder for the configuration and other files of a spec.
---@return string
function M.folder()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("*l")
  pipe:close()
  return path
end

--- Returns the shell command that runs `klaviyo` with some arguments.
---@param arguments string[]
---@param options? {env: table<string, string>, timeout: number|false, prefix: string}  XDG_CONFIG_HOME is an empty
---  folder, unless `env` names another; `timeout`, 30 seconds by default, must be false on a terminal
---@return string
function M.command(arguments, options)
  options = options or {}
  local words = {"env"}
  for _, name in ipairs(CLEARED) do
    words[#words + 1] = "-u " .. name
  end
  words[#words + 1] = "XDG_CONFIG_HOME=/nonexistent"
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = quote(name .. "=" .. value)
  end
  if options.timeout ~= false then
    words[#words + 1] = ("timeout -k 2 %s"):format(options.timeout or 30)
  end
  words[#words + 1] = options.prefix
  words[#words + 1] = quote(script.interpreter) .. " bin/klaviyo"
  for _, argument in ipairs(arguments) do
    words[#words + 1] = quote(argument)
  end
  return table.concat(words, " ")
end

--- Runs `klaviyo` as a program, without a terminal.
---@param arguments string[]
---@param options? {env: table<string, string>, input: string, timeout: number, prefix: string}
---@return {status: integer, out: string, err: string}
function M.run(arguments, options)
  options = options or {}
  local out, err, input = os.tmpname(), os.tmpname(), os.tmpname()
  local file = assert(io.open(input, "wb"))
  file:write(options.input or "")
  file:close()
  local _, status = script.shell(("%s <%s >%s 2>%s"):format(M.command(arguments, options), input, out, err))
  os.remove(input)
  return {status = status, out = contents(out), err = contents(err)}
end

--- Starts `klaviyo` as a program, and kills it by SIGKILL when `condition` returns a true value. Fails if it ends
--- before.
---@param arguments string[]
---@param options {env: table<string, string>}
---@param condition fun(): any
function M.kill_when(arguments, options, condition)
  local output = os.tmpname()
  local command = M.command(arguments, {env = options.env, timeout = false})
  local pid = script.shell(("exec 3>&-; %s >%s 2>&1 & echo $!"):format(command, output)):match("%d+")
  local is_due = shell.wait_for(condition, 30)
  local was_running = select(2, script.shell("kill -9 " .. pid)) == 0
  -- gone, or dead and not yet waited for
  assert(shell.wait_for(function()
    return not (shell.read("/proc/" .. pid .. "/stat") or ""):find("%) [^ZX]")
  end))
  local text = contents(output)
  os.remove(output)
  assert(is_due and was_running, text)
end

-- A file in memory.
local Sink = {}
Sink.__index = Sink

function Sink:write(...)
  for i = 1, select("#", ...) do
    self[#self + 1] = (select(i, ...))
  end
  return self
end

function Sink.flush()
  return true
end

local function source(text)
  local at = 1
  return {read = function(_, what)
    if what == "*a" then
      local rest = text:sub(at)
      at = #text + 1
      return rest
    elseif at <= #text then
      local line, stop = text:match("^([^\n]*)\n?()", at)
      at = stop
      return line
    end
  end}
end

--- Runs `klaviyo` in this process.
---@param arguments string[]
---@param options? {env: table<string, string>, input: string, terminal: table}  `terminal` says which streams are one;
---  default: none
---@return {status: integer, out: string, err: string}
function M.call(arguments, options)
  options = options or {}
  local env = options.env or {}
  local out, err = setmetatable({}, Sink), setmetatable({}, Sink)
  local status = require("klaviyo.cli").main(arguments, {
    stdin = source(options.input or ""), stdout = out, stderr = err,
    getenv = function(name)
      return env[name]
    end,
    settings = {pacing = false, retries = 0, rate_limit_file = false},
    terminal = options.terminal or {stdin = false, stdout = false, stderr = false, columns = 80},
  })
  return {status = status, out = table.concat(out), err = table.concat(err)}
end

--- Returns the environment for a server of spec.support.sandbox.
---@param server table
---@param more? table<string, string>
---@return table<string, string>
function M.environment(server, more)
  local env = {KLAVIYO_API_KEY = key, KLAVIYO_BASE_URL = server.base_url, XDG_CONFIG_HOME = "/nonexistent"}
  for name, value in pairs(more or {}) do
    env[name] = value
  end
  return env
end

return M
