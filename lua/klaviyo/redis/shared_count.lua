--- Reads what all hosts have used of their limits, and changes nothing. What the keys
--- contain: docs/scale.md, and the script that writes them, klaviyo.redis.lease_script.

local replies = require "klaviyo.redis.replies"

local M = {}

-- As in the script: slots of a window; milliseconds after which a host is forgotten.
local SLOTS, SEEN_MS = 250, 60000

local function number(state, name)
  return tonumber(state[name]) or 0
end

-- Returns what the slots of a window contain that have not left it.
local function sum_of(state, length, now)
  local width = math.ceil(length / SLOTS)
  local sum, newest = number(state, length .. ":sum"), math.floor(now / width)
  for n = math.max(number(state, length .. ":head") + 1, newest - SLOTS), newest do
    sum = sum - number(state, ("%s:%d"):format(length, n % (SLOTS + 1)))
  end
  return sum
end

-- Returns whether a count of that time is in the window.
local function is_in(at, length, now)
  local width = math.ceil(length / SLOTS)
  return math.floor(at / width) >= math.floor(now / width) - SLOTS
end

-- Returns what is used of a window, without the tokens that hosts hold. Tokens of a
-- host that did not give them back count as used since then.
local function used_of(state, window, now, ended)
  local length = ("%d"):format(window.seconds * 1000)
  local used = sum_of(state, length, now)
  for _, one in ipairs(ended) do
    if is_in(one.at, length, now) then
      used = used + one.count
    end
  end
  if number(state, length .. ":until") > now then
    used = used + number(state, length .. ":others")
  end
  return math.max(used, 0)
end

--- Returns a limit with what Redis has of it.
---@param limit klaviyo.RateLimit
---@param time string[]  of Redis
---@param state table<string, string>
---@param hosts table<string, string>  their last exchanges
---@param held table<string, string>
---@param waiting table<string, string>
---@return klaviyo.SharedLimit
local function describe(limit, time, state, hosts, held, waiting)
  local now = time[1] * 1000 + math.floor(time[2] / 1000) + number(state, "shift")
  now = math.max(now, number(state, "now"))
  local shared = {
    operation = limit.operation, parameter = limit.parameter, windows = {}, held = 0, hosts = 0,
    waiting = 0, blocked = math.max(0, number(state, "blocked") - now) / 1000,
  }
  local ended = {}
  for host, at in pairs(held) do
    local count = number(state, "h:" .. host)
    if tonumber(at) > now then
      shared.held = shared.held + count
    else
      ended[#ended + 1] = {at = tonumber(at), count = count}
    end
  end
  for _, at in pairs(hosts) do
    shared.hosts = shared.hosts + (tonumber(at) > now - SEEN_MS and 1 or 0)
  end
  for host in pairs(waiting) do
    shared.waiting = shared.waiting + (number(state, "w:" .. host) >= now and 1 or 0)
  end
  for i, window in ipairs(limit.windows) do
    local used = used_of(state, window, now, ended)
    -- a limit that the service reported to any host is that of all
    local reported = number(state, ("%d:limit"):format(window.seconds * 1000))
    local most = reported > 0 and reported or window.limit
    shared.windows[i] = {
      seconds = window.seconds, limit = most, used = used,
      left = math.max(0, most - used - shared.held),
    }
  end
  return shared
end

local NONE = {}

local function read(connection, limit)
  local key = ("klaviyo:{%s}"):format(limit.key)
  local list, err = replies.pipeline(connection, {
    {"MULTI"}, {"TIME"}, {"HGETALL", key}, {"ZRANGE", key .. ":seen", 0, -1, "WITHSCORES"},
    {"ZRANGE", key .. ":held", 0, -1, "WITHSCORES"},
    {"ZRANGE", key .. ":waiting", 0, -1, "WITHSCORES"}, {"EXEC"},
  })
  if not list then
    return nil, err
  end
  local found = list[7]
  return describe(limit, found[1], replies.map(found[2]), replies.map(found[3]),
    replies.map(found[4]), replies.map(found[5]))
end

--- Returns what Redis has of limits, in their order.
---@param connection klaviyo.redis.Connection
---@param limits klaviyo.RateLimit[]  with the key of each
---@return klaviyo.SharedLimit[]|nil
---@return klaviyo.Error|nil
function M.read(connection, limits)
  local commands = {}
  for i, limit in ipairs(limits) do
    commands[i] = {"EXISTS", ("klaviyo:{%s}"):format(limit.key)}
  end
  local exist, err = replies.pipeline(connection, commands)
  if not exist then
    return nil, err
  end
  local list = {}
  for i, limit in ipairs(limits) do
    if exist[i] == 1 then
      list[i], err = read(connection, limit)
      if not list[i] then
        return nil, err
      end
    else
      list[i] = describe(limit, {0, 0}, NONE, NONE, NONE, NONE)
    end
  end
  return list
end

return M
