-- A gateway in front of a raw server, whose responses a spec defines.

local key = require "spec.support.key"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"

local M = {}

--- Returns the function `start`; after each spec it stops what the spec started.
---@param after_each function  busted's
---@return fun(plan: table, settings: string|nil, options: table|nil): table, table
function M.here(after_each)
  local service, gateway
  after_each(function()
    local started, front = service, gateway
    service, gateway = nil, nil
    M.stop(started, front)
  end)
  return function(...)
    service, gateway = M.start(...)
    return service, gateway
  end
end

--- Starts both.
---@param plan table  the raw server's
---@param settings string|nil  the gateway's, as Lua text; by default it allows every caller
---@param options table|nil  of nginx.gateway
---@return table service, table gateway
function M.start(plan, settings, options)
  local service = raw.start(plan)
  options = options or {}
  options.settings = (settings or "callers = function() return true end,") .. "\npacing = false,"
  return service, assert(nginx.gateway({port = service.port, key = key}, options))
end

--- Stops both, if they were started; no log may contain the key.
---@param service table|nil
---@param gateway table|nil
function M.stop(service, gateway)
  local logs = gateway and gateway:stop() or ""
  if service then
    service:stop()
  end
  assert(not logs:find(key, 1, true), "the gateway's logs show the key")
end

return M
