--- Faults on demand: wrong, late or missing responses.

local checker = require "klaviyo.util.options"
local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"
local limits = require "klaviyo.sandbox.limits"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

---@class klaviyo.sandbox.Fault
---@field operation? string  only requests of this operation
---@field method? string  only requests with this method
---@field path? string  only requests whose target contains this text
---@field skip? integer  how many matching requests pass first; default 0
---@field times? integer  how many requests the fault hits; default 1; with `rate` all
---@field rate? number  the probability that a request is hit, 0 to 1
---@field seed? integer  the seed of the random numbers that `rate` uses, one for each matching request
---@field delay? number  seconds to wait before the request is processed
---@field stall? number  seconds to wait after the request is processed
---@field status? integer  the status of the response; the request is not processed
---@field processed? boolean  true: the request is processed although `status` is set
---@field headers? table<string, string>  headers of the response
---@field body? string  the body of the response
---@field error? string  the response is an error document with this code
---@field oauth_error? string  the response is an OAuth error with this code, such as "invalid_grant"
---@field html? boolean  the response is an HTML page
---@field throttled? integer  the response is a 429 with this Retry-After, in seconds
---@field reset? string  the connection is closed "before" or "after" the request is processed
---@field truncate? integer  the connection is closed after this many bytes of the body
---@field slow? table  `{bytes = 100, pause = 0.1}`: the body is sent in pieces of this many bytes, with a pause in
---  seconds between them

local COUNT = {type = "integer", min = 0}
local SECONDS = {type = "number", unit = "seconds", min = 0}

local FIELDS = {
  -- Which requests match.
  operation = {type = "text"}, method = {type = "text"}, path = {type = "text"},
  skip = COUNT, times = COUNT, rate = {type = "number", min = 0, max = 1},
  seed = {type = "integer"},
  -- How late the response is.
  delay = SECONDS, stall = SECONDS,
  -- What is sent instead, and whether the request is processed nevertheless.
  status = {type = "integer"}, headers = {type = "table"},
  body = {type = "string"}, error = {type = "string"},
  oauth_error = {type = "string"}, html = {type = "boolean"},
  throttled = {type = "number"}, processed = {type = "boolean"},
  -- How the response is sent.
  reset = {one_of = {"before", "after"}}, truncate = COUNT,
  slow = {type = "table"},
}

local HTML = "<!DOCTYPE html>\n<html><head><title>%d</title></head>"
  .. "<body><h1>%d</h1><p>The sandbox sends this page because of a fault.</p></body></html>\n"

-- Translates the short forms (throttled, error, oauth_error, html) into status, headers and
-- body.
local function set_response(state, fault)
  local failure
  fault.headers = fault.headers or {}
  if fault.throttled then
    failure = limits.error_response(fault.throttled)
    fault.status = 429
  elseif fault.error then
    fault.status = fault.status or 500
    failure = error_response.new(fault.status):add(fault.error,
      "The sandbox sends this error because of a fault.")
  elseif fault.oauth_error then
    fault.status = fault.status or fault.oauth_error == "invalid_client" and 401 or 400
    fault.body = json.encode {error = fault.oauth_error,
      error_description = "The sandbox sends this error because of a fault."}
    fault.headers["Content-Type"] = "application/json"
  elseif fault.html then
    fault.status = fault.status or 403
    fault.body = fault.body or HTML:format(fault.status, fault.status)
    fault.headers["Content-Type"] = "text/html; charset=UTF-8"
  end
  if failure then
    fault.body = json.encode(error_response.document(failure, state.random_ids))
    -- The 429 of the service has a body, but no Content-Type.
    fault.headers["Content-Type"] = fault.throttled and ""
      or "application/vnd.api+json"
    for name, value in pairs(failure.headers) do
      fault.headers[name] = value
    end
  end
end

--- Adds a fault.
---@param state klaviyo.sandbox.State
---@param fault klaviyo.sandbox.Fault
function M.add(state, fault)
  fault = checker.check(FIELDS, fault, "server:fault")
  set_response(state, fault)
  fault.times = fault.times or (fault.rate and math.huge or 1)
  fault.skip = fault.skip or 0
  -- Neighbouring seeds would give similar sequences.
  fault.generator = random_ids.new((fault.seed or #state.faults + 1) * 40503 + 977123)
  -- A fault that only delays can be combined with any other fault.
  fault.sets_response = fault.status or fault.body or fault.reset or fault.truncate
    or fault.slow or next(fault.headers)
  fault.name = fault.reset and "reset " .. fault.reset
    or fault.status and ("%d"):format(fault.status)
    or fault.truncate and "truncate" or fault.slow and "slow"
    or fault.stall and "stall" or fault.delay and "delay" or "other"
  table.insert(state.faults, fault)
end

local function matches(fault, request, operation)
  return fault.times > 0
    and (not fault.method or fault.method == request.method)
    and (not fault.path or request.target:find(fault.path, 1, true))
    and (not fault.operation or fault.operation == operation)
end

-- Draws one number for each matching request, whether it is used or not:
-- whether the n-th request is hit depends only on the seed.
local function is_hit(fault)
  if fault.rate and fault.generator:below(1000000) >= fault.rate * 1000000 then
    return false
  elseif fault.skip > 0 then
    fault.skip = fault.skip - 1
    return false
  end
  return true
end

-- Returns the first matching fault that sets the response, and the sum of the
-- delays of all matching faults.
local function match_faults(state, request, operation)
  local deciding
  local delays = {delay = 0, stall = 0}
  for _, fault in ipairs(state.faults) do
    local is_decided = deciding and fault.sets_response
    if matches(fault, request, operation) and (fault.rate or not is_decided)
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

--- Serves a request and applies the matching faults.
---@param state klaviyo.sandbox.State
---@param request table
---@param handle fun(state: table, request: table): table
---@param operation_of fun(state: table, request: table): string|nil
---@param sleep fun(seconds: number)
---@return table response
function M.handle_request(state, request, handle, operation_of, sleep)
  if #state.faults == 0 then
    return handle(state, request)
  end
  local operation = operation_of(state, request)
  local fault, delays = match_faults(state, request, operation)
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

--- Removes all faults.
function M.clear(state)
  state.faults = {}
end

return M
