--- Faults on demand: requests that are answered wrongly, late or not at all.

local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"
local limits = require "klaviyo.sandbox.limits"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

---@class klaviyo.sandbox.Fault
---@field operation? string  which requests: of this operation
---@field method? string  of this method
---@field path? string  with this in their target; all, if none of the three is said
---@field skip? integer  the first so many pass; default 0
---@field times? integer  so many of the next are hit; default 1, with `rate` all
---@field rate? number  each is hit with this likelihood, 0 to 1
---@field seed? integer  of the draws, in the order of the requests' coming
---@field delay? number  seconds before processing
---@field stall? number  seconds after processing
---@field status? integer  what is answered; then nothing is processed
---@field processed? boolean  true: it is processed, whatever is answered
---@field headers? table<string, string>  of the answer
---@field body? string  of the answer
---@field error? string  an error document with this code
---@field html? boolean  a page of HTML
---@field throttled? integer  429 with this Retry-After, in seconds
---@field reset? string  the connection, "before" or "after" processing
---@field truncate? integer  the connection is closed after so many bytes of the body
---@field slow? table  `{bytes =, pause =}`: in pieces, with seconds in between

local KNOWN = {
  -- which requests
  operation = "string", method = "string", path = "string", skip = "number",
  times = "number", rate = "number", seed = "number",
  -- how late
  delay = "number", stall = "number",
  -- what is answered instead, and whether the request is processed all the same
  status = "number", headers = "table", body = "string", error = "string",
  html = "boolean", throttled = "number", processed = "boolean",
  -- how the answer goes out
  reset = "string", truncate = "number", slow = "table",
}

local HTML = "<!DOCTYPE html>\n<html><head><title>%d</title></head>"
  .. "<body><h1>%d</h1><p>The sandbox was told to say so.</p></body></html>\n"

local function checked(fault)
  for name, value in pairs(fault) do
    if not KNOWN[name] then
      error(("a fault has no %s"):format(tostring(name)), 0)
    elseif type(value) ~= KNOWN[name] then
      error(("%s of a fault must be a %s"):format(name, KNOWN[name]), 0)
    end
  end
  if fault.reset and fault.reset ~= "before" and fault.reset ~= "after" then
    error('reset of a fault must be "before" or "after"', 0)
  end
end

-- The words for what is common, said in those that are general.
local function set_response(state, fault)
  local failure
  fault.headers = fault.headers or {}
  if fault.throttled then
    failure = limits.error_response(fault.throttled)
    fault.status = 429
  elseif fault.error then
    fault.status = fault.status or 500
    failure = error_response.new(fault.status):add(fault.error,
      "The sandbox was told to say so.")
  elseif fault.html then
    fault.status = fault.status or 403
    fault.body = fault.body or HTML:format(fault.status, fault.status)
    fault.headers["Content-Type"] = "text/html; charset=UTF-8"
  end
  if failure then
    fault.body = json.encode(error_response.document(failure, state.random_ids))
    -- The service's 429 has a body, but no type.
    fault.headers["Content-Type"] = fault.throttled and ""
      or "application/vnd.api+json"
    for name, value in pairs(failure.headers) do
      fault.headers[name] = value
    end
  end
end

--- Orders a fault.
---@param state table
---@param fault klaviyo.sandbox.Fault
function M.add(state, fault)
  checked(fault)
  set_response(state, fault)
  fault.times = fault.times or (fault.rate and math.huge or 1)
  fault.skip = fault.skip or 0
  -- Seeds next to each other would give draws that go together.
  fault.random_ids = random_ids.new((fault.seed or #state.faults + 1) * 40503 + 977123)
  -- Lateness alone goes together with anything.
  fault.sets_response = fault.status or fault.body or fault.reset or fault.truncate
    or fault.slow or next(fault.headers)
  fault.name = fault.reset and "reset " .. fault.reset
    or fault.status and ("%d"):format(fault.status)
    or fault.truncate and "truncate" or fault.slow and "slow"
    or fault.stall and "stall" or fault.delay and "delay" or "other"
  table.insert(state.faults, fault)
end

local function fits(fault, request, operation)
  return fault.times > 0
    and (not fault.method or fault.method == request.method)
    and (not fault.path or request.target:find(fault.path, 1, true))
    and (not fault.operation or fault.operation == operation)
end

-- One draw for each request that fits, taken or not: whether the n-th of them
-- is hit depends on nothing but the seed.
local function is_hit(fault)
  if fault.rate and fault.random_ids:below(1000000) >= fault.rate * 1000000 then
    return false
  elseif fault.skip > 0 then
    fault.skip = fault.skip - 1
    return false
  end
  return true
end

-- All that hit: of those that decide the answer, the first.
local function take_due(state, request, operation)
  local deciding
  local delays = {delay = 0, stall = 0}
  for _, fault in ipairs(state.faults) do
    local is_decided = deciding and fault.sets_response
    if fits(fault, request, operation) and (fault.rate or not is_decided)
      and is_hit(fault) and not is_decided then
      fault.times = fault.times - 1
      delays.delay = delays.delay + (fault.delay or 0)
      delays.stall = delays.stall + (fault.stall or 0)
      deciding = deciding or fault.sets_response and fault
      local counts = state.stats.faults
      counts[fault.name] = (counts[fault.name] or 0) + 1
    end
  end
  return deciding, delays
end

local function replacement_response(fault, operation)
  local headers = {}
  for name, value in pairs(fault.headers) do
    headers[name] = value
  end
  return {status = fault.status or 0, body = fault.body, headers = headers,
    operation = operation}
end

--- Answers a request, with whatever faults are due.
---@param state table
---@param request table
---@param handle fun(world: table, request: table): table
---@param operation_of fun(request: table): string|nil
---@param sleep fun(seconds: number)
---@return table response
function M.handle_request(state, request, handle, operation_of, sleep)
  if #state.faults == 0 then
    return handle(state, request)
  end
  local operation = operation_of(request)
  local fault, delays = take_due(state, request, operation)
  if delays.delay > 0 then
    sleep(delays.delay)
  end
  local response
  if not fault then
    response = handle(state, request)
  elseif fault.status or fault.reset == "before" then
    if fault.processed and fault.reset ~= "before" then
      handle(state, request)
    end
    response = replacement_response(fault, operation)
  else
    response = handle(state, request)
    response.body = fault.body or response.body
    for name, value in pairs(fault.headers) do
      response.headers[name] = value
    end
  end
  response.stall = delays.stall
  if fault then
    response.reset = fault.reset ~= nil
    response.truncate, response.slow = fault.truncate, fault.slow
  end
  return response
end

--- Ends all faults.
function M.clear(state)
  state.faults = {}
end

return M
