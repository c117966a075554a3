--- A running sandbox as its starter holds it: asked, told and stopped.

local json = require "klaviyo.sandbox.json"
local shell = require "klaviyo.sandbox.shell"

---@class klaviyo.sandbox.Server
local Server = {}
Server.__index = Server

--- Ends the server, waits until it is gone and removes its directory.
-- May be called any number of times.
function Server:stop()
  local process, dir = self.process, self.dir
  self.process, self.dir = nil, nil
  if process and shell.alive(process) then
    shell.run("kill -TERM " .. process.pid)
    if not shell.wait_for(function() return not shell.alive(process) end) then
      shell.run("kill -KILL " .. process.pid)
      shell.wait_for(function() return not shell.alive(process) end)
    end
  end
  if dir and not self.keep then
    shell.run("rm -rf " .. shell.quote(dir))
  end
end

function Server:__gc()
  if not self.detached then
    self:stop()
  end
end

Server.__close = Server.stop

--- Whether it still runs.
---@return boolean
function Server:running()
  return self.process ~= nil and shell.alive(self.process)
end

-- A big answer to another command may keep the server busy for a while.
local COMMAND_WAIT = 30

-- Commands go through files that the server takes in the order of their
-- numbers, before the next request at the latest: no HTTP client is needed.
local function command(self, name, argument)
  if not self:running() then
    error("the sandbox is not running", 3)
  end
  self.commands = self.commands + 1
  local path = ("%s/control/%d"):format(self.dir, self.commands)
  shell.write(path .. ".json",
    json.encode({command = name, argument = argument}))
  local answer = shell.wait_for(function()
    return shell.read(path .. ".answer")
  end, COMMAND_WAIT)
  os.remove(path .. ".answer")
  local document = answer and json.decode(answer)
  if not document then
    error("the sandbox did not take the command " .. name, 3)
  elseif document.error then
    error(document.error, 3)
  end
  return document.result
end

--- Back to the state it was started in; counters, limits and faults too.
function Server:reset()
  command(self, "reset")
end

--- What it received, by operation: `requests`, `operations`, `statuses`,
-- `throttled` (429s of the limits), `processed` (those answered 2xx),
-- `repeated` (processed POSTs whose very body had been processed before),
-- `largest` (`bytes` and, of bulk operations, `records` of the largest body).
-- What it did: `resources` (how many there are of each type), `created` (how
-- many were made), `events` (`received`, `distinct`, `repeated`, `unnamed`:
-- without unique_id), `imports` (`records`, `made`, `updated`, `failed`),
-- `faults` (how often each kind hit).
---@return table
function Server:stats()
  return command(self, "stats")
end

--- The latest requests, oldest first: method, uri, operation, status,
-- headers (of Authorization the scheme only), body.
---@return table[]
function Server:requests()
  return command(self, "requests")
end

--- Makes coming requests fail, any number of ways at once.
---@param fault klaviyo.sandbox.Fault
function Server:fault(fault)
  command(self, "fault", fault)
end

--- Ends all faults.
function Server:clear_faults()
  command(self, "clear_faults")
end

--- What others of the same account use up of the limits of an operation.
---@param order table operation, requests (1)
---@return table left requests left, by window: second, minute, day
function Server:consume(order)
  return command(self, "consume", order)
end

return Server
