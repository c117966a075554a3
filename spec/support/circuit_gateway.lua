-- A gateway with a circuit breaker, in front of a raw server.

local ask = require "spec.support.ask"
local assert = require "luassert"
local raw_gateway = require "spec.support.raw_gateway"

local M = {}

M.JSON = "application/vnd.api+json"
M.HTML = {status = 502, headers = {["Content-Type"] = "text/html"}, body = "<html>"}
M.OK = {body = '{"data":[]}', headers = {["Content-Type"] = M.JSON}}

-- The option `circuit`, as Lua text, with leases of %d seconds, and with a clock that
-- the file %q sets forward.
local VIRTUAL = [[(function()
  local circuit = require "klaviyo.gateway.circuit"
  local new = circuit.new
  circuit.LEASE = %d
  function circuit.new(options)
    local clock = options.clock
    function options.clock()
      return clock() + assert(tonumber((assert(io.open(%q)):read("*l"))))
    end
    return new(options)
  end
  return %s
end)()]]

local Clock = {}
Clock.__index = Clock

--- Returns the option `circuit` whose pauses follow `clock:advance` as well as the
--- time, and whose leases are so long that no delay of a worker ends them.
---@param circuit string  the option, as Lua text
---@param lease integer|nil  seconds, in place of a long time
---@return string text
---@return table clock  `clock:remove()` removes its file
function M.virtual(circuit, lease)
  local clock = setmetatable({file = os.tmpname(), advanced = 0}, Clock)
  clock:advance(0)
  return VIRTUAL:format(lease or 1000, clock.file, circuit), clock
end

--- Sets the clock of the circuit forward.
---@param seconds number
function Clock:advance(seconds)
  self.advanced = self.advanced + seconds
  -- by a new file: a worker may read it at any time
  local file = assert(io.open(self.file .. ".next", "w"))
  file:write(self.advanced, "\n")
  file:close()
  assert(os.rename(self.file .. ".next", self.file))
end

function Clock:remove()
  os.remove(self.file)
end

local Started = {}
Started.__index = Started

--- Returns an object for the specs of a file. After each spec it stops what the spec
--- started.
---@param after_each function  busted's
function M.here(after_each)
  local self = setmetatable({start_both = raw_gateway.here(after_each)}, Started)
  after_each(function()
    if self.clock then
      self.clock:remove()
      self.clock = nil
    end
  end)
  return self
end

--- Starts both.
---@param answers table[]  the raw server's
---@param circuit string  the option, as Lua text
---@param options table|nil  of nginx.gateway; `dict` is the text of that option;
---  `virtual`: the pauses of the circuit follow `self.clock`; `lease`: see M.virtual
---@return table service
---@return table gateway
function Started:start(answers, circuit, options)
  options = options or {}
  options.workers = options.workers or 4
  if options.virtual then
    circuit, self.clock = M.virtual(circuit, options.lease)
  end
  self.service, self.gateway = self.start_both({answers = answers},
    ("callers = function() return true end, %s circuit = %s,"):format(
      options.dict or 'dict = "klaviyo_gateway",', circuit), options)
  return self.service, self.gateway
end

function Started:get()
  return ask(self.gateway, {path = "/api/lists"})
end

--- Asserts that the circuit is open. Returns when to retry, in seconds.
function Started:assert_open()
  local before = #self.service:requests()
  local answer = self:get()
  assert.equal(503, answer.status)
  assert.equal("circuit_open", answer.document.errors[1].code)
  assert.equal("1", answer.headers["x-klaviyo-gateway"])
  assert.equal(before, #self.service:requests())
  return tonumber(answer.headers["retry-after"])
end

return M
