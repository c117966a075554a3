--- Numbers over time, from the samples of an hour: rates of counters, gauges,
--- quantiles of durations, and sums over a time. Samples are in slots, the newest in
--- the last one; a slot without a sample is nil. So is a point that cannot be computed.

local M = {}

-- Returns the sum of the counters with these names; each may end in "*".
local function total(counters, names)
  local sum = 0
  for _, name in ipairs(names) do
    local prefix = name:match("^(.*)%*$")
    if prefix then
      for key, n in pairs(counters) do
        if key:sub(1, #prefix) == prefix then
          sum = sum + n
        end
      end
    else
      sum = sum + (counters[name] or 0)
    end
  end
  return sum
end

-- The sums of counters by slot, which a page needs several times.
local known = setmetatable({}, {__mode = "k"})

local function totals_of(samples, slots, names)
  local by_names = known[samples] or {}
  known[samples] = by_names
  local key = table.concat(names, " ")
  local totals = by_names[key]
  if not totals then
    totals = {}
    for slot = 1, slots do
      totals[slot] = samples[slot] and total(samples[slot].counters, names)
    end
    by_names[key] = totals
  end
  return totals
end

-- A counter that fell was reset: nginx was restarted.
local function difference(before, after)
  return after < before and after or after - before
end

-- Returns the slot of the last sample that is before a slot, and not before a first one.
local function sample_before(samples, slot, first)
  for i = slot - 1, first, -1 do
    if samples[i] then
      return i
    end
  end
end

-- Calls fn with each slot that has a sample, and the slot of the sample before it, if
-- that is at most a minute older.
local function each_pair(samples, slots, fn)
  for slot = 2, slots do
    local before = samples[slot] and sample_before(samples, slot, math.max(1, slot - 6))
    if before then
      fn(slot, before)
    end
  end
end

--- Returns the increase per second of the sum of some counters.
---@param samples table<integer, table>
---@param slots integer
---@param names string[]  a name may end in "*"
---@return table<integer, number> points
function M.rate(samples, slots, names)
  local points, totals = {}, totals_of(samples, slots, names)
  each_pair(samples, slots, function(slot, before)
    local seconds = samples[slot].time - samples[before].time
    if seconds > 0 then
      points[slot] = difference(totals[before], totals[slot]) / seconds
    end
  end)
  return points
end

--- Returns the ratio of the increases of two sums of counters.
function M.ratio(samples, slots, names, divisors)
  local points, totals = {}, totals_of(samples, slots, names)
  local below = totals_of(samples, slots, divisors)
  each_pair(samples, slots, function(slot, before)
    local divisor = difference(below[before], below[slot])
    if divisor > 0 then
      points[slot] = difference(totals[before], totals[slot]) / divisor
    end
  end)
  return points
end

--- Returns the values of a gauge.
function M.gauge(samples, slots, name)
  local points = {}
  for slot = 1, slots do
    points[slot] = samples[slot] and (samples[slot].gauges[name] or 0)
  end
  return points
end

-- Returns the first slot of the last `seconds` before a slot: that of the oldest
-- sample in it, or of the last one before it.
local function start_of(samples, slot, seconds)
  local time = samples[slot].time - seconds
  local start
  for i = slot - 1, 1, -1 do
    if samples[i] then
      start = i
      if samples[i].time <= time then
        break
      end
    end
  end
  return start
end

local function last_slot(samples, slots)
  return samples[slots] and slots or sample_before(samples, slots, 1)
end

-- Returns the slots of the first and the last sample of the last seconds, or nil.
local function span(samples, slots, seconds)
  local last = last_slot(samples, slots)
  local first = last and start_of(samples, last, seconds)
  if first then
    return first, last
  end
end

--- Returns by how much some counters grew in the last seconds.
---@return number increase
---@return number seconds  for which there are samples
function M.increase(samples, slots, names, seconds)
  local first, last = span(samples, slots, seconds)
  if not first then
    return 0, 0
  end
  local totals = totals_of(samples, slots, names)
  local sum, before = 0, totals[first]
  for slot = first + 1, last do
    local now = totals[slot]
    if now then
      sum, before = sum + difference(before, now), now
    end
  end
  return sum, samples[last].time - samples[first].time
end

local NONE = {0, 0, 0}

--- Returns by how much the counters of one entry of `operations` or `connections`
--- grew in the last seconds.
---@param list string
---@param name string
---@param seconds number
---@return number[] increases  of the three counters
function M.increases(samples, slots, list, name, seconds)
  local increases, before = {0, 0, 0}, nil
  local first, last = span(samples, slots, seconds)
  for slot = first or 1, last or 0 do
    local sample = samples[slot]
    -- a short list may lack an entry that has been counted
    local now = sample and (sample[list][name] or not sample.is_short and NONE)
    if now then
      for i = 1, before and 3 or 0 do
        increases[i] = increases[i] + difference(before[i], now[i])
      end
      before = now
    end
  end
  return increases
end

-- Returns the increases of the buckets as a sorted list of {upper bound, count}.
local function bucket_increases(before, after)
  local list = {}
  for bound, n in pairs(after.buckets) do
    list[#list + 1] = {bound == "+Inf" and math.huge or tonumber(bound),
      difference(before and before.buckets[bound] or 0, n)}
  end
  table.sort(list, function(a, b)
    return a[1] < b[1]
  end)
  return list
end

--- Returns a quantile of the durations between two samples, as Prometheus'
--- histogram_quantile computes it: linear within a bucket.
---@param q number
---@param before? table
---@param after table
---@return number|nil seconds  nil if there was no request
function M.quantile_between(q, before, after)
  local list = bucket_increases(before, after)
  local count = #list > 0 and list[#list][2] or 0
  if count <= 0 then
    return nil
  end
  local rank = q * count
  local lower, below = 0, 0
  for _, bucket in ipairs(list) do
    if bucket[2] >= rank then
      if bucket[1] == math.huge then
        return lower
      end
      local inside = bucket[2] - below
      return inside > 0 and lower + (bucket[1] - lower) * (rank - below) / inside or bucket[1]
    end
    lower, below = bucket[1], bucket[2]
  end
  return lower
end

--- Returns a quantile of the durations, each of the minute before a slot.
function M.quantile(samples, slots, q)
  local points = {}
  for slot = 2, slots do
    local sample = samples[slot]
    local start = sample and start_of(samples, slot, 60)
    if start and sample.time - samples[start].time <= 120 then
      points[slot] = M.quantile_between(q, samples[start], sample)
    end
  end
  return points
end

--- Returns the last point, the smallest and the largest.
function M.range(points, slots)
  local last, min, max
  for slot = 1, slots do
    local value = points[slot]
    if value then
      last = value
      min = math.min(min or value, value)
      max = math.max(max or value, value)
    end
  end
  return last, min, max
end

return M
