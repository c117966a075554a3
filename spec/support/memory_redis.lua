--- The few commands of Redis that the script of the shared limits calls, in the
--- memory of this process and with a clock that the caller sets: for the
--- simulation, and for specs of the script.

local script = require "klaviyo.redis.lease_script"

local M = {}

local Sorted = {}
Sorted.__index = Sorted

local function before(a, b)
  return a.score < b.score or a.score == b.score and a.member < b.member
end

-- Returns the index of an entry, or the one where it belongs.
function Sorted:index(entry)
  local low, high = 1, #self.list + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(self.list[middle], entry) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

function Sorted:remove(member)
  local entry = self.entries[member]
  if entry then
    table.remove(self.list, self:index(entry))
    self.entries[member] = nil
  end
end

function Sorted:add(member, score)
  self:remove(member)
  local entry = {member = member, score = score}
  table.insert(self.list, self:index(entry), entry)
  self.entries[member] = entry
end

local function bound(text)
  return text == "-inf" and -math.huge or text == "+inf" and math.huge or tonumber(text)
end

local commands = {}

local function hash(redis, key)
  redis.keys[key] = redis.keys[key] or {}
  return redis.keys[key]
end

local function sorted(redis, key)
  redis.keys[key] = redis.keys[key] or setmetatable({list = {}, entries = {}}, Sorted)
  return redis.keys[key]
end

local function text(value)
  return type(value) == "number" and ("%.17g"):format(value) or value
end

function commands.TIME(redis)
  return {tostring(math.floor(redis.now / 1000)),
    tostring(math.floor(redis.now % 1000 * 1000))}
end

function commands.HGET(redis, key, name)
  return hash(redis, key)[name] or false
end

function commands.HMGET(redis, key, ...)
  local values, all = {}, hash(redis, key)
  for i = 1, select("#", ...) do
    values[i] = all[select(i, ...)] or false
  end
  return values
end

function commands.HSET(redis, key, ...)
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    hash(redis, key)[name] = text(value)
  end
end

function commands.HDEL(redis, key, ...)
  for i = 1, select("#", ...) do
    hash(redis, key)[select(i, ...)] = nil
  end
end

function commands.ZADD(redis, key, score, member, third)
  local set = sorted(redis, key)
  if score ~= "NX" then
    set:add(member, score)
  elseif not set.entries[third] then
    set:add(third, member)
  end
end

function commands.ZREM(redis, key, member)
  sorted(redis, key):remove(member)
end

function commands.ZCARD(redis, key)
  return #sorted(redis, key).list
end

function commands.ZCOUNT(redis, key, low)
  local set = sorted(redis, key)
  return #set.list - set:index {score = bound(low), member = ""} + 1
end

function commands.ZRANK(redis, key, member)
  local set = sorted(redis, key)
  local entry = set.entries[member]
  return entry and set:index(entry) - 1 or false
end

function commands.ZRANGE(redis, key)
  local entry = sorted(redis, key).list[1]
  return {entry and entry.member}
end

function commands.ZRANGEBYSCORE(redis, key, _, high, ...)
  local list, with_scores = {}, (...) == "WITHSCORES"
  for _, entry in ipairs(sorted(redis, key).list) do
    if entry.score > bound(high) then
      break
    end
    list[#list + 1] = entry.member
    list[#list + 1] = with_scores and text(entry.score) or nil
  end
  return list
end

function commands.PEXPIRE() end

local Redis = {}
Redis.__index = Redis

--- Runs the script for a bucket: arguments as lease_ask writes them.
---@param bucket string
---@param host string
---@param arguments string
---@return number[] reply
function Redis:exchange(bucket, host, arguments)
  self.exchanges = self.exchanges + 1
  local list = {host}
  for word in arguments:gmatch("%S+") do
    list[#list + 1] = word
  end
  self.env.ARGV = list
  self.env.KEYS = {bucket, bucket .. ":seen", bucket .. ":held", bucket .. ":waiting"}
  local reply = self.run()
  for i, number in ipairs(reply) do
    reply[i] = number < 0 and math.ceil(number) or math.floor(number)
  end
  return reply
end

--- Loses all data.
function Redis:flush()
  self.keys = {}
end

---@return table redis  set its field now, in milliseconds
function M.new()
  local redis = setmetatable({now = 1700000000000, keys = {}, exchanges = 0}, Redis)
  local env = {
    math = math, tonumber = tonumber, ipairs = ipairs, pairs = pairs,
    unpack = table.unpack or unpack,
    redis = {call = function(name, ...)
      return commands[name](redis, ...)
    end},
  }
  redis.env = env
  if setfenv then
    redis.run = setfenv(assert(loadstring(script, "=script")), env)
  else
    redis.run = assert(load(script, "=script", "t", env))
  end
  return redis
end

return M
