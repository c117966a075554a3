-- Gateways at the limit of an account, for the specs of fair shares.

local digest = require "klaviyo.digest"
local key = require "spec.support.key"
local load = require "spec.support.load"
local nginx = require "spec.support.nginx"
local sandbox = require "klaviyo.sandbox"

local M = {}

--- Stops the runs of each spec after it, and looks into their logs.
---@param after_each function  busted's
---@return table runs  a spec puts its runs into it
function M.here(after_each)
  local runs = {}
  after_each(function()
    local wrong = {}
    while #runs > 0 do
      local logs = M.stop(table.remove(runs))
      wrong[#wrong + 1] = logs:match("[^\n]*runtime error[^\n]*")
        or logs:match("[^\n]*klaviyo gateway: request[^\n]*")
    end
    assert(#wrong == 0, wrong[1])
  end)
  return runs
end

-- Serves requests in the order in which they arrived, without regard to their caller: with one worker, or else a
-- caller may be alone in its worker.
M.UNFAIR = [[
  local waiting = require "klaviyo.gateway.waiting"
  local take = waiting.take
  waiting.take = function(settings, state)
    state.caller = { name = "all", weight = 1 }
    return take(settings, state)
  end
]]

local function listed(callers)
  local lines = { ('{ name = "first", token_sha256 = "%s" },'):format(digest.sha256("first")) }
  for _, caller in ipairs(callers) do
    lines[#lines + 1] = ('{ name = "%s", token_sha256 = "%s", weight = %g },'):format(caller.name,
      digest.sha256(caller.name), caller.weight or 1)
  end
  return "{" .. table.concat(lines) .. "}"
end

--- Starts a sandbox that allows 10 requests a second, and a gateway of four workers, and uses up the limit: the
--- requests of the first moment would not wait, and so not be shared.
---@param callers table[]  as for load.run, with `weight`
---@param options {max_wait: number, before: string, settings: string, workers: integer}|nil  before: Lua code that
---  runs first
---@return table run  for load.run, with `server`
function M.start(callers, options)
  options = options or {}
  local server = assert(sandbox.start { key = key, limits = { get_lists = { second = 10, minute = 100000 } } })
  local settings = ('callers = (function() %s return %s end)(), max_wait = %g, %s'):format(options.before or "",
    listed(callers), options.max_wait or 10, options.settings or 'dict = "klaviyo_gateway",')
  local gateway = assert(nginx.gateway(server, { workers = options.workers or 4, settings = settings }))
  local run = { server = server, gateway = gateway, callers = callers }
  load.run(0.4, { { gateway = gateway, callers = { { name = "first", parallel = 20 } } } })
  return run
end

--- Stops both; returns the logs.
function M.stop(run)
  local logs = run.gateway:stop()
  run.server:stop()
  return logs
end

--- Returns whether each request of a caller got its response, 99 % of them in two seconds.
function M.is_served(result)
  local count = 0
  for _, number in pairs(result.status) do
    count = count + number
  end
  return #result.times > 0 and count == #result.times and result.status[200] == count
    and load.percentile(result.times, 0.99) <= 2
end

--- Describes a result.
function M.described(results)
  local lines = {}
  for name, one in pairs(results) do
    local words = {}
    for status, count in pairs(one.status) do
      words[#words + 1] = ("%dx %d"):format(count, status)
    end
    if #one.times > 0 then
      words[#words + 1] = ("p50 %.2f s, p99 %.2f s"):format(load.percentile(one.times, 0.5),
        load.percentile(one.times, 0.99))
    end
    lines[#lines + 1] = name .. ": " .. table.concat(words, ", ")
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return M
