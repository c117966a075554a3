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

local Started = {}
Started.__index = Started

--- Returns an object for the specs of a file. After each spec it stops what the spec
--- started.
---@param after_each function  busted's
function M.here(after_each)
  local self = setmetatable({start_both = raw_gateway.here(after_each)}, Started)
  after_each(function()
    if self.clock_file then
      os.remove(self.clock_file)
      self.clock_file = nil
    end
  end)
  return self
end

--- Starts both.
---@param answers table[]  the raw server's
---@param circuit string  the option, as Lua text
---@param options table|nil  of nginx.gateway; `dict` is the text of that option;
---  `virtual`: the pauses of the circuit follow `advance` as well as the time, and the
---  leases are so long that no delay of a worker ends them, or `lease` seconds
---@return table service
---@return table gateway
function Started:start(answers, circuit, options)
  options = options or {}
  options.workers = options.workers or 4
  if options.virtual then
    self.clock_file, self.advanced = self.clock_file or os.tmpname(), 0
    self:advance(0)
    circuit = VIRTUAL:format(options.lease or 1000, self.clock_file, circuit)
  end
  self.service, self.gateway = self.start_both({answers = answers},
    ("callers = function() return true end, %s circuit = %s,"):format(
      options.dict or 'dict = "klaviyo_gateway",', circuit), options)
  return self.service, self.gateway
end

--- Sets the clock of the circuit forward.
---@param seconds number
function Started:advance(seconds)
  self.advanced = self.advanced + seconds
  -- by a new file: a worker may read it at any time
  local next_file = self.clock_file .. ".next"
  local file = assert(io.open(next_file, "w"))
  file:write(self.advanced, "\n")
  file:close()
  assert(os.rename(next_file, self.clock_file))
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
