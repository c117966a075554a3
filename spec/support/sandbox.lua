-- A sandbox and a client for the specs of one file: started in `setup`, stopped
-- in `teardown`. Call it in the outermost `describe` of a file, before anything
-- that needs the sandbox:
--
--   local fixture = sandbox.here(setup, teardown, {profiles = 250})
--   it("…", function() fixture.client:call(…) fixture.server:fault { … } end)

local connect = require "spec.support.connect"
local key = require "spec.support.key"

local M = {}

local Sandbox = {}
Sandbox.__index = Sandbox

--- Returns another client of this sandbox.
---@param more table|nil more settings
function Sandbox:new_client(more)
  return connect(more and more.base_url or self.server.base_url, more)
end

--- Returns the requests received since `mark` (a number of requests), oldest first, as nginx logged
--- them.
---@return {protocol: string, connection: string, status: integer, method: string, target: string, operation: string}[]
function Sandbox:log(mark)
  self.server:stats() -- nginx logs a request once it has answered it
  local list, number = {}, 0
  for line in io.lines(self.server.dir .. "/access.log") do
    number = number + 1
    if number > (mark or 0) then
      local protocol, connection, status, method, target, operation =
        line:match('^%S+ (%S+) (%S+) %S+ (%S+) "(%S+) (%S+) %S+" %S+ %S+ (%S+)$')
      list[#list + 1] = {
        protocol = protocol, connection = connection, status = tonumber(status),
        method = method, target = target, operation = operation,
      }
    end
  end
  return list
end

--- Returns the latest request that the sandbox recorded: method, uri, operation, status, headers,
--- body.
function Sandbox:latest()
  local requests = self.server:requests()
  return requests[#requests]
end

--- Starts a sandbox for all specs of this `describe`.
---@param setup function busted's
---@param teardown function busted's
---@param options table|nil the options of `sandbox.start`
---@return table fixture
function M.here(setup, teardown, options)
  local fixture = setmetatable({key = key}, Sandbox)
  setup(function()
    local all = {key = key}
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    fixture.server = assert(require("klaviyo.sandbox").start(all))
    fixture.client = fixture:new_client()
  end)
  teardown(function()
    if fixture.server then
      fixture.server:stop()
    end
  end)
  return fixture
end

return M
