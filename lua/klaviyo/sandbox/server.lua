--- The handle of a running sandbox in the process that started it.

local json = require "klaviyo.sandbox.json"
local shell = require "klaviyo.sandbox.shell"
local usage_error = require "klaviyo.util.usage_error"

---@class klaviyo.sandbox.Server
local Server = {}
Server.__index = Server

--- Ends the server, waits until its process has exited and removes its
--- directory. May be called any number of times.
function Server:stop()
  local process, dir = self.process, self.dir
  self.process, self.dir = nil, nil
  if dir and not process then -- it started, but start() failed after that
    process = shell.process_in(dir .. "/nginx.pid")
  end
  if process then
    shell.stop(process)
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

--- Returns whether the server is running.
---@return boolean
function Server:running()
  return self.process ~= nil and shell.alive(self.process)
end

-- A large response to another command may keep the server busy for a while.
local COMMAND_WAIT = 30

-- Commands are files, so no HTTP client is needed. The server runs them in the
-- order of their numbers, at the latest before the next request.
local function command(self, name, argument)
  if not self:running() then
    usage_error.raise("the sandbox is not running: start another one")
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
    usage_error.raise("the sandbox did not answer the command %q within %d s",
      name, COMMAND_WAIT)
  elseif document.error then
    usage_error.raise("%s", document.error)
  end
  return document.result
end

--- Resets the sandbox to its initial state, including counters, limits and
--- faults.
function Server:reset()
  command(self, "reset")
end

--- Returns what the sandbox received, by operation: `requests`, `operations`,
--- `statuses`, `throttled` (429s of the limits), `processed` (requests
--- answered with 2xx), `repeated` (processed POSTs whose body had been
--- processed before), `largest` (`bytes` and, for bulk operations, `records`
--- of the largest body); and what it did: `resources` (how many of each type
--- exist), `created` (how many were created), `events` (`received`,
--- `distinct`, `repeated`, `unnamed`: without unique_id), `imports`
--- (`records`, `made`, `updated`, `failed`), `faults` (how often each kind was
--- applied), `oauth` (`authorized`, `exchanged`, `refreshed`, `refused`, `revoked`).
---@return table
function Server:stats()
  return command(self, "stats")
end

--- Returns the latest requests, oldest first: method, uri, operation, status,
--- headers (of Authorization only the scheme), body.
---@return table[]
function Server:requests()
  return command(self, "requests")
end

--- Adds a fault to the following requests. Any number of faults can be active
--- at once.
---@param fault klaviyo.sandbox.Fault
function Server:fault(fault)
  command(self, "fault", fault)
end

--- Removes all faults.
function Server:clear_faults()
  command(self, "clear_faults")
end

--- Ends the access of all apps, as an account does that uninstalls them: its tokens
--- are no longer valid.
function Server:uninstall()
  command(self, "uninstall")
end

--- Uses up requests of the limits of an operation, as other clients of the
--- same account would.
---@param options table operation, requests (default 1)
---@return table left requests left, by window: second, minute, day
function Server:consume(options)
  return command(self, "consume", options)
end

return Server
