--- Runs commands that arrive as files: the process that started the sandbox
--- writes `N.json`, the sandbox runs them in order and writes `N.answer`.

local json = require "klaviyo.sandbox.json"
local faults = require "klaviyo.sandbox.faults"
local grants = require "klaviyo.sandbox.oauth_grants"
local limits = require "klaviyo.sandbox.limits"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local COMMANDS = {}

function COMMANDS.reset(state)
  state:reset()
end

function COMMANDS.stats(state)
  return state:counters()
end

function COMMANDS.requests(state)
  return state:requests()
end

function COMMANDS.fault(state, fault)
  return faults.add(state, fault)
end

function COMMANDS.clear_faults(state)
  return faults.clear(state)
end

function COMMANDS.consume(state, options)
  return limits.consume(state, options)
end

function COMMANDS.uninstall(state)
  grants.revoke_all(state)
end

function COMMANDS.quit()
end

local Control = {}
Control.__index = Control

--- Returns an object that runs commands on a state.
---@param state klaviyo.sandbox.State
---@param dir string
function M.new(state, dir)
  return setmetatable({state = state, dir = dir, next = 1}, Control)
end

--- Runs one command.
---@param name string
---@param argument any
---@return any result
---@return string|nil message what is wrong
function Control:run(name, argument)
  local command = COMMANDS[name]
  if not command then
    return nil, ('unknown command "%s"'):format(tostring(name))
  end
  local ok, result = pcall(command, self.state, argument)
  if not ok then
    return nil, (tostring(result):gsub("^[^\n]-:%d+: ", ""))
  end
  return result == nil and json.null or result
end

--- Runs the commands that have arrived since the last call.
function Control:run_pending()
  while true do
    local path = ("%s/%d"):format(self.dir, self.next)
    local text = shell.read(path .. ".json")
    if not text then
      return
    end
    self.next = self.next + 1
    os.remove(path .. ".json")
    local request = json.decode(text) or {}
    local result, message = self:run(request.command, request.argument)
    shell.write(path .. ".answer",
      json.encode(message and {error = message} or {result = result}))
  end
end

return M
