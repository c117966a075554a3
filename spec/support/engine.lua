-- The engine without the client: requests that are as simple as possible.

local core = require "klaviyo.core"
local shell = require "klaviyo.sandbox.shell"

local M = {}

--- Returns settings with which nothing is retried and nothing waits long.
---@param more table|nil over these
function M.settings(more)
  local all = {
    headers = {}, content_type = "application/json", timeout = 60, connect_timeout = 60, deadline = 60,
    retries = 0, max_response_bytes = 1e8, proxy = "",
  }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return assert(core.settings(all))
end

--- Returns a request queue to a server.
---@param url string
---@param limits table[]|nil its rate limits, in a budget of its own
function M.request_queue(url, limits)
  return core.request_queue(url:match("^%a+://[^/]+"), limits and assert(core.budget()) or nil, limits)
end

--- Submits a request.
---@param url string
---@param more table|nil members of the settings, or `with`: the settings; method, body, repeatable, request_queue,
---  path, operation
---@return userdata ticket
function M.submit(url, more)
  more = more or {}
  local own = { method = 1, body = 1, repeatable = 1, request_queue = 1, path = 1, with = 1, operation = 1 }
  local settings = {}
  for name, value in pairs(more) do
    if not own[name] then
      settings[name] = value
    end
  end
  local method = more.method or "GET"
  return core.submit(more.with or M.settings(settings), more.request_queue or M.request_queue(url), method,
    url .. (more.path or "/"), more.body, more.repeatable == nil and method ~= "POST" or more.repeatable,
    nil, nil, more.operation)
end

--- Waits until a ticket ends, at most `seconds`.
---@return table|nil response
---@return table|nil raw_error
function M.finish(ticket, seconds)
  local deadline = core.clock() + (seconds or 120)
  while not ticket:wait(0.2) do
    if core.clock() > deadline then
      error("the ticket did not end", 2)
    end
  end
  return ticket:result()
end

--- Runs the loop until a condition is true.
---@param condition fun(): any
---@param seconds number|nil at most
function M.pump_until(condition, seconds)
  local deadline = core.clock() + (seconds or 60)
  while not condition() do
    if core.clock() > deadline then
      error("the condition did not become true", 2)
    end
    core.pump(0.01)
  end
end

--- Takes all serials from a completion queue as soon as there is one.
---@param queue userdata
---@param seconds number  at most
---@return integer[] serials
function M.drain(queue, seconds)
  local stop_time = core.clock() + seconds
  local serials, serial = {}, queue:take()
  while not serial and core.clock() < stop_time do
    shell.sleep(0.001)
    serial = queue:take()
  end
  queue:acknowledge()
  while serial do
    serials[#serials + 1] = serial
    serial = queue:take()
  end
  return serials
end

--- Whether no request waits and none is in progress.
function M.is_idle()
  local queued, running = core.stats()
  return queued == 0 and running == 0
end

return M
