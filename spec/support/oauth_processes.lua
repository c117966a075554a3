-- Processes that make calls with the tokens of one account, for the specs of OAuth:
-- workers of an nginx, and scripts, which run a function of
-- spec.support.oauth_callers.

local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

local M = {}

M.WORKERS, M.SCRIPTS = 4, 3

-- The tasks of a script.
local TASKS = 3

local Processes = {}
Processes.__index = Processes

--- Returns an object for the specs of a file. After each spec it ends the processes
--- and the sandbox.
---@param after_each function  busted's
---@return table processes  server, a sandbox; fixture, of spec.support.oauth; instance, the nginx, if it was started;
---  waits, by the number of each script
function M.here(after_each)
  local self = setmetatable({waits = {}}, Processes)
  after_each(function()
    shell.write(self.fixture.dir .. "/stop", "")
    for _, wait in pairs(self.waits) do
      wait()
    end
    if self.instance then
      self.instance:stop()
      self.instance = nil
    end
    self.server:stop()
  end)
  self.folders = folder.here(after_each)  -- removed last
  return self
end

--- Starts a sandbox, and authorizes an account.
---@param options table  of the sandbox
---@param fn string  the function of spec.support.oauth_callers that the processes will run
---@param argument number
function Processes:authorize(options, fn, argument)
  options.approve, options.client_secret, options.record = true, oauth.SECRET, 0
  self.waits = {}
  self.server = assert(klaviyo.sandbox.start(options))
  self.fixture = oauth.callers(self.server, self.folders.new())
  self.text = oauth.caller_text(self.fixture.dir, fn, ", " .. argument)
end

--- Starts an nginx.
---@param tasks integer  of each worker
function Processes:start_workers(tasks)
  local text = self.text:format('"worker-" .. ngx.worker.id()', tasks)
  self.instance = worker.start(self.server, {
    workers = M.WORKERS, init_worker = ("ngx.timer.at(0, function() %s end)"):format(text),
  })
end

--- Starts a script, or starts it again.
---@param number integer
function Processes:start_script(number)
  self.waits[number] = script.start(self.text:format(('"script-%d"'):format(number), TASKS), {timeout = 300})
end

function Processes:start_scripts()
  for number = 1, M.SCRIPTS do
    self:start_script(number)
  end
end

--- Waits until the function of each process has returned.
---@param times integer|nil  how often; default 1
---@return boolean
function Processes:wait_for_all(times)
  return shell.wait_for(function()
    return self.fixture.ended() == (times or 1) * (M.WORKERS + M.SCRIPTS)
  end, 60)
end

--- Tells the processes to end, and waits until they have.
---@return boolean
function Processes:stop()
  shell.write(self.fixture.dir .. "/stop", "")
  return self:wait_for_all()
end

--- Returns what failed in the processes, as text.
function Processes:failures()
  return shell.read(self.fixture.dir .. "/failures") or ""
end

return M
