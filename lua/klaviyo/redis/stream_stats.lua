--- Describes a stream of events, and changes nothing.

local replies = require "klaviyo.redis.replies"
local scripts = require "klaviyo.redis.stream_scripts"

local M = {}

local GROUP = scripts.GROUP
local MAX_CLAIMABLE = 10000  -- entries that are counted

-- The stream, or its group, does not exist yet.
local function is_absent(text)
  return text:find("^NOGROUP") ~= nil or text:find("no such key", 1, true) ~= nil
end

local function consumers_of(list)
  local consumers = {}
  for i, one in ipairs(list or {}) do
    local fields = replies.map(one)
    consumers[i] = {name = fields.name, pending = fields.pending, idle = fields.idle / 1000}
  end
  table.sort(consumers, function(a, b)
    if a.pending ~= b.pending then
      return a.pending > b.pending
    end
    return a.name < b.name
  end)
  return consumers
end

--- Returns what a stream has, and who sends it.
---@param connection klaviyo.redis.Connection
---@param name string
---@param claim_after? number  seconds; nil: without the consumers, and what may be claimed
---@return klaviyo.redis.StreamStats|nil
---@return klaviyo.Error|nil
function M.read(connection, name, claim_after)
  local commands = {
    {"TIME"}, {"XLEN", name}, {"XRANGE", name, "-", "+", "COUNT", 1},
    {"XPENDING", name, GROUP}, {"XLEN", name .. ":rejected"}, {"GET", name .. ":sender"},
  }
  if claim_after then
    commands[7] = {"XINFO", "CONSUMERS", name, GROUP}
    commands[8] = {"XPENDING", name, GROUP, "IDLE", ("%.0f"):format(claim_after * 1000),
      "-", "+", MAX_CLAIMABLE}
  end
  local list, err = replies.pipeline(connection, commands, is_absent)
  if not list then
    return nil, err
  end
  local time, length, first, pending, rejected, sender, consumers, claimable =
    (table.unpack or unpack)(list)  -- luacheck: ignore 113
  local oldest = first[1] and tonumber(first[1][1]:match("^%d+"))
  return {
    name = name, length = length, rejected = rejected,
    oldest_age = oldest and math.max(0, time[1] + time[2] / 1e6 - oldest / 1000) or nil,
    group = pending and GROUP or nil, pending = pending and pending[1] or 0,
    sender = sender or nil, claimable = #(claimable or {}),
    consumers = consumers_of(consumers),
  }
end

return M
