-- The engine by itself, without the client above it: requests as plain as they
-- can be.

local core = require "klaviyo.core"
local shell = require "klaviyo.sandbox.shell"

local M = {}

--- Settings such that nothing is sent twice and nothing waits long.
---@param more table|nil over these
function M.settings(more)
  local all = {
    headers = {}, content_type = "application/json", timeout = 5, connect_timeout = 2, deadline = 5,
    retries = 0, max_response_bytes = 1e8, proxy = "",
  }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return assert(core.settings(all))
end

--- A lane to a server.
---@param url string
---@param limits table[]|nil with a budget of its own, where there are some
function M.request_queue(url, limits)
  return core.request_queue(url:match("^%a+://[^/]+"), limits and assert(core.budget()) or nil, limits)
end

--- Submits a request.
---@param url string
---@param more table|nil settings' members, or the settings `with`; method, body, repeatable, lane, path
---@return userdata ticket
function M.submit(url, more)
  more = more or {}
  local own, settings = { method = 1, body = 1, repeatable = 1, request_queue = 1, path = 1, with = 1 }, {}
  for name, value in pairs(more) do
    if not own[name] then
      settings[name] = value
    end
  end
  local method = more.method or "GET"
  return core.submit(more.with or M.settings(settings), more.request_queue or M.request_queue(url), method,
    url .. (more.path or "/"), more.body, more.repeatable == nil and method ~= "POST" or more.repeatable)
end

--- Waits for a ticket's end, at the most so many seconds.
---@return table|nil answer
---@return table|nil trouble
function M.finish(ticket, seconds)
  local till = core.clock() + (seconds or 20)
  while not ticket:wait(0.2) do
    if core.clock() > till then
      error("a ticket has no end", 2)
    end
  end
  return ticket:result()
end

--- Works until a condition holds.
---@param condition fun(): any
---@param seconds number|nil at the most
function M.pump_until(condition, seconds)
  local till = core.clock() + (seconds or 10)
  while not condition() do
    if core.clock() > till then
      error("it does not come about", 2)
    end
    core.pump(0.01)
  end
end

--- Drains a completion queue as soon as there is a completion.
---@param queue userdata
---@param seconds number  at most
---@return integer[] serials
function M.drain(queue, seconds)
  local stop_time = core.clock() + seconds
  local serials = queue:drain()
  while #serials == 0 and core.clock() < stop_time do
    shell.sleep(0.001)
    serials = queue:drain()
  end
  return serials
end

--- Nothing waits and nothing is under way.
function M.is_idle()
  local queued, running = core.stats()
  return queued == 0 and running == 0
end

return M
