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

--- Returns an object for the specs of a file. After each spec it stops what the spec
--- started.
---@param after_each function  busted's
function M.here(after_each)
  return setmetatable({start_both = raw_gateway.here(after_each)}, Started)
end

--- Starts both.
---@param answers table[]  the raw server's
---@param circuit string  the option, as Lua text
---@param options table|nil  of nginx.gateway; `dict` is the text of that option
---@return table service
---@return table gateway
function Started:start(answers, circuit, options)
  options = options or {}
  options.workers = options.workers or 4
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
