--- The samples of the last hour, in a lua_shared_dict, which all workers share and
--- which survives a reload.
---
--- Time is divided into periods of ten seconds. The first worker that adds the key
--- of a period takes its sample, so no worker is in charge and none is missed when
--- it is killed. A sample expires after the hour.

local json = require "klaviyo.json"

local M = {}

--- Seconds of a period; specs change it.
M.INTERVAL = 10

--- The number of samples in an hour.
M.SLOTS = 360

local TAKEN = "klaviyo:taken:"
local SAMPLE = "klaviyo:sample:"
local NEWEST = "klaviyo:newest"
local DETAILS = "klaviyo:details"

--- Returns the period of a time.
---@param time number
---@return integer
function M.period(time)
  return math.floor(time / M.INTERVAL)
end

--- Returns whether the caller is the worker that takes the sample of a period.
---@param dict table
---@param time number
---@return boolean
function M.claim(dict, time)
  return (dict:add(TAKEN .. M.period(time), true, 10 * M.INTERVAL))
end

--- Stores a sample.
---@param dict table
---@param sample table
---@return boolean|nil ok
---@return string|nil why
function M.add(dict, sample)
  local period = M.period(sample.time)
  local details = sample.details
  sample.details = nil
  local text = json.encode(sample)
  sample.details = details
  local ok, why = dict:set(SAMPLE .. period, text, M.INTERVAL * (M.SLOTS + 1))
  if not ok then
    return nil, why
  end
  dict:set(DETAILS, json.encode(details))
  return dict:set(NEWEST, period)
end

--- Returns the period of the newest sample, or nil.
---@param dict table
---@return integer|nil
function M.newest(dict)
  return dict:get(NEWEST)
end

--- Returns the samples of the last hour by their slots: 360 is the newest one's, and
--- a slot without a sample is nil.
---@param dict table
---@return table<integer, table> samples
---@return table details  of the newest one
function M.read(dict)
  local newest = M.newest(dict)
  local samples = {}
  for slot = newest and 1 or M.SLOTS + 1, M.SLOTS do
    local text = dict:get(SAMPLE .. newest - M.SLOTS + slot)
    samples[slot] = text and json.decode(text)
  end
  local text = dict:get(DETAILS)
  return samples, text and json.decode(text) or {limits = {}, outboxes = {}, circuits = {}}
end

return M
