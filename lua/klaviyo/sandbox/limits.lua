--- The rate limits of the service: fixed windows of a second, a minute and a
--- day, per account and operation.

local checker = require "klaviyo.util.options"
local operations = require "klaviyo.operations"
local query = require "klaviyo.sandbox.query"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

local WINDOWS = {{"second", 1}, {"minute", 60}, {"day", 86400}}

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

-- `time_scale` shortens windows longer than a second. The headers are in
-- seconds, so no window is shorter than a second.
local function window_length(state, seconds)
  local scale = state.settings.time_scale or 1
  return seconds == 1 and 1 or max(1, seconds * scale)
end

-- Returns where a window begins, as a fraction of its length.
local function phase(state)
  local setting = state.settings.window_phase or "random"
  if setting == "random" then
    return state.phases:below(1000003) / 1000003
  end
  return type(setting) == "number" and setting % 1 or nil
end

local function new_bucket(state, limit)
  local bucket, policy = {}, {}
  for _, window in ipairs(WINDOWS) do
    local quota = limit[window[1]]
    if quota then
      local size = window_length(state, window[2])
      bucket[#bucket + 1] = {name = window[1], quota = quota, size = size,
        phase = phase(state), used = 0, ends_at = -math.huge}
      policy[#policy + 1] = ("%d;w=%g"):format(quota, size)
    end
  end
  bucket.policy = ("%d, %s"):format(bucket[1].quota, table.concat(policy, ", "))
  return bucket
end

-- A bucket keeps the limits of the revision that was used first: the service
-- does not count per revision.
local function find_bucket(state, key, limit)
  local bucket = state.buckets[key]
  if not bucket then
    bucket = new_bucket(state, state.custom_limits[key] or limit)
    state.buckets[key] = bucket
  end
  return bucket
end

-- Resets every window that has ended.
local function reset_ended_windows(bucket, now)
  for i = 1, #bucket do
    local window = bucket[i]
    if now >= window.ends_at then
      local size = window.size
      local start = now
      if window.phase then
        local offset = window.phase * size
        start = floor((now - offset) / size) * size + offset
      end
      window.used, window.ends_at = 0, start + size
    end
  end
end

local function bucket_key(op)
  return op.method .. " " .. op.path
end

-- Returns the bucket of the operation, and one more for each query parameter
-- with a lower limit. Operations share the bucket of a parameter.
local function find_buckets(state, op, raw_query)
  local list = {find_bucket(state, bucket_key(op), op.limit)}
  if not op.reduced or raw_query == "" then
    return list
  end
  for _, pair in ipairs(query.split(raw_query)) do
    for value in pair[2]:gmatch("[^,]+") do
      local key = pair[1] .. "=" .. value
      if op.reduced[key] then
        list[#list + 1] = find_bucket(state, key, op.reduced[key])
      end
    end
  end
  return list
end

-- Returns the seconds until every window has room, or nil if all have room.
local function seconds_to_wait(buckets, now)
  local wait
  for i = 1, #buckets do
    local bucket = buckets[i]
    reset_ended_windows(bucket, now)
    for j = 1, #bucket do
      local window = bucket[j]
      if window.used >= window.quota then
        wait = max(wait or 0, window.ends_at - now)
      end
    end
  end
  return wait
end

-- The service reports the first window of the policy and rounds seconds down.
-- Its documentation describes the minute window.
local function describe(state, bucket, now, headers)
  local documented = state.settings.rate_limit_headers == "documented"
  local window = bucket[documented and min(2, #bucket) or 1]
  local left = window.ends_at - now
  headers["RateLimit-Limit"] = bucket.policy
  headers["RateLimit-Remaining"] = ("%d"):format(window.quota - window.used)
  headers["RateLimit-Reset"] = ("%d"):format(documented and ceil(left)
    or floor(left))
end

local function throw_throttled(state, op, wait)
  local throttled = state.stats.throttled
  throttled[op.id] = (throttled[op.id] or 0) + 1
  M.error_response(ceil(wait)):throw()
end

--- Returns the response of the service to a throttled request.
---@param seconds integer
---@return klaviyo.sandbox.ErrorResponse
function M.error_response(seconds)
  local failure = error_response.new(429):add("throttled", ("Request was throttled. "
    .. "Expected available in %d second%s."):format(seconds,
    seconds == 1 and "" or "s"))
  failure.headers["Retry-After"] = ("%d"):format(seconds)
  return failure
end

--- Counts a request. Throws 429 if a window is full; a throttled request is
--- not counted.
---@param state klaviyo.sandbox.State
---@param op table
---@param raw_query string
---@param headers table receives the RateLimit headers
function M.count_request(state, op, raw_query, headers)
  if not state.settings.limits or not op.limit then
    return
  end
  local now = state.clock()
  local buckets = find_buckets(state, op, raw_query)
  local wait = seconds_to_wait(buckets, now)
  if wait then
    throw_throttled(state, op, wait)
  end
  for i = 1, #buckets do
    for j = 1, #buckets[i] do
      local window = buckets[i][j]
      window.used = window.used + 1
    end
  end
  -- The bucket with the lowest limit was added last.
  describe(state, buckets[#buckets], now, headers)
end

-- Returns the operation with this name, from the first revision that has it.
local function operation(name)
  for _, date in ipairs(operations.revisions()) do
    local op = operations.revision(date):operation(name)
    if op then
      return op
    end
  end
  error(('unknown operation "%s"'):format(tostring(name)), 0)
end

local CONSUME_FIELDS = {
  operation = {type = "text", required = true},
  requests = {type = "integer", min = 0, default = 1},
}

--- Uses up requests, as other clients of the same account would.
---@param state klaviyo.sandbox.State
---@param options table operation, requests (default 1)
---@return table left requests left, by window
function M.consume(state, options)
  if not state.settings.limits then
    error("this sandbox has no rate limits; start it with limits = true", 0)
  end
  options = checker.check(CONSUME_FIELDS, options, "server:consume")
  local op = operation(options.operation)
  local bucket = find_bucket(state, bucket_key(op), op.limit)
  reset_ended_windows(bucket, state.clock())
  local left = {}
  for _, window in ipairs(bucket) do
    window.used = min(window.quota, window.used + options.requests)
    left[window.name] = window.quota - window.used
  end
  return left
end

--- Returns the limits of the setting, by the key of their bucket.
---@param setting any the option `limits`
---@return table
function M.from_setting(setting)
  local limits = {}
  for name, limit in pairs(type(setting) == "table" and setting or {}) do
    limits[bucket_key(operation(name))] = limit
  end
  return limits
end

return M
