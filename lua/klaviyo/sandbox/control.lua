--- Commands to a running sandbox, by way of files: the starter writes
-- `N.json`, the sandbox takes them in order and writes `N.answer`.

local codec = require "klaviyo.sandbox.json"
local faults = require "klaviyo.sandbox.faults"
local limits = require "klaviyo.sandbox.limits"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local COMMANDS = {}

function COMMANDS.reset(world)
  world:reset()
end

function COMMANDS.stats(world)
  return world:counters()
end

function COMMANDS.requests(world)
  return world:requests()
end

function COMMANDS.fault(world, fault)
  return faults.order(world, fault)
end

function COMMANDS.clear_faults(world)
  return faults.clear(world)
end

function COMMANDS.consume(world, order)
  return limits.consume(world, order)
end

function COMMANDS.quit()
end

local Control = {}
Control.__index = Control

--- What takes commands for a world.
---@param world table
---@param dir string
function M.new(world, dir)
  return setmetatable({ world = world, dir = dir, next = 1 }, Control)
end

--- Carries out a command.
---@param name string
---@param argument any
---@return any result
---@return string|nil message what was wrong
function Control:run(name, argument)
  local command = COMMANDS[name]
  if not command then
    return nil, ("there is no command %s"):format(tostring(name))
  end
  local ok, result = pcall(command, self.world, argument)
  if not ok then
    return nil, tostring(result)
  end
  return result == nil and codec.null or result
end

--- Carries out the commands that have come in since.
function Control:take()
  while true do
    local path = ("%s/%d"):format(self.dir, self.next)
    local text = shell.read(path .. ".json")
    if not text then
      return
    end
    self.next = self.next + 1
    os.remove(path .. ".json")
    local order = codec.decode(text) or {}
    local result, message = self:run(order.command, order.argument)
    shell.write(path .. ".answer",
      codec.encode(message and { error = message } or { result = result }))
  end
end

return M
