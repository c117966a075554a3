-- A gateway with a circuit breaker, in front of a raw server.

local ask = require "spec.support.ask"
local assert = require "luassert"
local raw_gateway = require "spec.support.raw_gateway"

local M = {}

M.JSON = "application/vnd.api+json"
M.HTML = {status = 502, headers = {["Content-Type"] = "text/html"}, body = "<html>"}
M.OK = {body = '{"data":[]}', headers = {["Content-Type"] = M.JSON}}

local Started = {}
Started.__index = Started

--- Starts both.
---@param answers table[]  the raw server's
---@param circuit string  the option, as Lua text
---@param options table|nil  of nginx.gateway; `dict` is the text of that option
---@return table started  service, gateway
function M.start(answers, circuit, options)
  options = options or {}
  options.workers = options.workers or 4
  local service, gateway = raw_gateway.start({answers = answers},
    ("callers = function() return true end, %s circuit = %s,"):format(
      options.dict or 'dict = "klaviyo_gateway",', circuit), options)
  return setmetatable({service = service, gateway = gateway}, Started)
end

function Started:stop()
  raw_gateway.stop(self.service, self.gateway)
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
