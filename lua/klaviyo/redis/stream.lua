--- A stream of events in Redis, in which hosts put them and from which hosts take
--- them, by a consumer group. docs/scale.md explains it.

local address = require "klaviyo.redis.address"
local connection = require "klaviyo.redis.connection"
local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local lazy_require = require "klaviyo.util.lazy_require"
local scripts = require "klaviyo.redis.stream_scripts"

local stream_metrics = lazy_require "klaviyo.redis.stream_metrics"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

---@class klaviyo.redis.Stream
---@field length integer|nil  entries, when Redis was asked last
---@field pending integer|nil  those of them that a sender had taken
---@field claimed integer  entries that this process took over from others
local Stream = {}
Stream.__index = Stream
Stream.__name = "klaviyo.redis.Stream"

local GROUP = scripts.GROUP

-- What is taken at once: entries, and about this number of bytes.
local MAX_COUNT, MAX_BYTES = 1000, 8000000

-- An entry that was delivered this often, each time to a sender that ended, is taken
-- alone, after all others, and after ever longer times.
local ISOLATED, MAX_DELAY = 3, 3600

-- Since when an entry was taken that was given back, in milliseconds: anybody may
-- claim it.
local LONG_AGO = "1000000000"

--- Raises if a URL is not valid.
---@param url string
function M.check(url)
  address.parse(url, "outbox.new: relay")
end

---@param options {url: string, name: string, account: string, consumer: string,
---  max: number, max_rejected: number, claim_after: number, turn: number}
---@return klaviyo.redis.Stream
function M.new(options)
  local name = options.name
  if core.metrics_started() then
    stream_metrics.add(options.url, name)
  end
  return setmetatable({
    connection = connection.new(options.url), consumer = options.consumer,
    account = options.account, key = name, account_key = name .. ":account",
    turn_key = name .. ":sender", rejected_key = name .. ":rejected",
    max = ("%.0f"):format(math.min(options.max, 2 ^ 53)),
    max_rejected = ("%.0f"):format(math.min(options.max_rejected, 2 ^ 53)),
    claim_after = ("%.0f"):format(math.max(options.claim_after * 1000, 1)),
    turn_time = ("%.0f"):format(math.max(options.turn * 1000, 1)),
    count = 100, claimed = 0, is_unsure = false,
  }, Stream)
end

local function count(result, n)
  counters.add("klaviyo_stream_events_total", result, n)
end

--- Adds events to the end of the stream.
---@param events string[]  for each its unique_id, revision, milliseconds, and payload
---@return integer|nil added  fewer than there are if the stream is full
---@return klaviyo.Error|nil err
function Stream:add(events)
  local words = {"EVAL", scripts.ADD, "2", self.key, self.account_key, self.account, self.max,
    GROUP}
  for _, word in ipairs(events) do
    words[#words + 1] = word
  end
  local reply, err = self.connection:call(unpack(words))
  if not reply then
    return nil, err
  end
  self.length = reply[2]
  count("relayed", reply[1])
  return reply[1]
end

--- Returns whether events can be added.
---@return boolean|nil, klaviyo.Error|nil
function Stream:has_room()
  local length, err = self.connection:call("XLEN", self.key)
  if not length then
    return nil, err
  end
  self.length = length
  return length < tonumber(self.max)
end

-- Runs a script, and notes the length of the stream that it returns.
local function run(self, ...)
  local reply, err = self.connection:call("EVAL", ...)
  if not reply then
    return nil, err
  end
  self.length = reply
  return true
end

--- Takes the turn to send for `turn` seconds, or keeps it.
---@return boolean|nil mine  false: another process has the turn
---@return klaviyo.Error|nil err
function Stream:turn()
  local reply, err = self.connection:call("EVAL", scripts.TURN, "3", self.key,
    self.account_key, self.turn_key, self.account, GROUP, self.consumer, self.turn_time,
    self.claim_after)
  if not reply then
    return nil, err
  end
  self.length, self.pending = reply[2], reply[3]
  return reply[1] == 1
end

-- Returns an entry of a reply. What is not of an outbox has no payload.
local function entry_of(reply, deliveries)
  local entry = {key = reply[1], deliveries = deliveries}
  local fields = reply[2] or {}
  for i = 1, #fields, 2 do
    entry[fields[i]] = fields[i + 1]
  end
  return {
    key = entry.key, deliveries = deliveries, unique_id = entry.id or "",
    revision = entry.revision, time = tonumber(entry.time) or 0, payload = entry.event,
  }
end

-- Takes fewer entries at once if they are large, or if the last reply did not come.
local function adapt(self, entries)
  local largest = MAX_BYTES / MAX_COUNT
  for _, entry in ipairs(entries or {}) do
    largest = math.max(largest, #(entry.payload or ""))
  end
  self.count = entries and math.max(math.min(self.count * 10, math.floor(MAX_BYTES / largest)), 1)
    or math.max(math.floor(self.count / 10), 1)
end

local function entries_of(self, replies, err, deliveries)
  if replies == nil then
    adapt(self, nil)
    self.is_unsure = true  -- Redis may have given entries
    return nil, err
  end
  local list = {}
  for _, reply in ipairs(replies or {}) do
    if reply and reply[2] then  -- else it was removed from the stream
      list[#list + 1] = entry_of(reply, deliveries and deliveries[reply[1]] or 1)
    end
  end
  if #list > 0 then
    adapt(self, list)
  end
  return list
end

-- Returns the entries that may be claimed: those to claim first, and an isolated one,
-- which was delivered least often.
local function claimable(self, is_mine)
  local due, err = self.connection:call("XPENDING", self.key, GROUP, "IDLE", self.claim_after,
    "-", "+", tostring(MAX_COUNT * 2))
  if not due then
    return nil, nil, err
  end
  local first, isolated = nil, nil
  for _, one in ipairs(due) do
    local times = one[4]
    if is_mine(one[1]) then
      times = nil
    elseif times < ISOLATED then
      first = math.min(first or times, times)
    elseif one[3] >= math.min(self.claim_after * 2 ^ (times - ISOLATED), MAX_DELAY * 1000)
        and (not isolated or times < isolated[4]) then
      isolated = one
    end
    one.times = times
  end
  local list, most = {}, first and math.min(MAX_COUNT / 10 ^ first, self.count)
  for _, one in ipairs(due) do
    if first and one.times == first and #list < most then
      list[#list + 1] = one
    end
  end
  return list, isolated and {isolated} or {}
end

local function claim(self, list)
  if #list == 0 then
    return {}
  end
  local words, deliveries = {}, {}
  for i, one in ipairs(list) do
    words[i], deliveries[one[1]] = one[1], one[4] + 1
  end
  local replies, err = self.connection:call("XCLAIM", self.key, GROUP, self.consumer,
    self.claim_after, unpack(words))
  local entries, failure = entries_of(self, replies, err, deliveries)
  self.claimed = self.claimed + #(entries or {})
  count("claimed", #(entries or {}))
  return entries, failure
end

-- Takes entries that no consumer has taken yet.
local function read(self)
  local reply, err = self.connection:call("XREADGROUP", "GROUP", GROUP, self.consumer, "COUNT",
    ("%d"):format(self.count), "STREAMS", self.key, ">")
  local entries, failure = entries_of(self, reply and reply[1][2] or reply, err)
  count("read", #(entries or {}))
  return entries, failure
end

-- Returns entries that this consumer has for Redis, but which it did not get, because
-- the connection failed or Redis did not reply in time. Others, which came later, must
-- not be sent before them.
local function take_lost(self, is_mine)
  local own, err = self.connection:call("XPENDING", self.key, GROUP, "-", "+",
    tostring(MAX_COUNT * 2), self.consumer)
  if not own then
    return nil, err
  end
  local before, is_found, deliveries = "0", false, {}
  for _, one in ipairs(own) do
    deliveries[one[1]] = one[4]
    is_found = is_found or not is_mine(one[1])
    before = is_found and before or one[1]
  end
  local entries = {}
  if is_found then
    local reply
    reply, err = self.connection:call("XREADGROUP", "GROUP", GROUP, self.consumer, "COUNT",
      ("%d"):format(self.count), "STREAMS", self.key, before)
    entries, err = entries_of(self, reply and reply[1][2] or reply, err, deliveries)
  end
  local lost = entries and {}
  for _, entry in ipairs(entries or {}) do
    lost[#lost + 1] = not is_mine(entry.key) and entry or nil
  end
  self.is_unsure = not lost or #lost > 0
  return lost, err
end

--- Takes some entries, which no other consumer gets before they were left, or not
--- removed for `claim_after`. The caller must have the turn.
---
--- An entry that is claimed may be what ended its sender. So fewer are taken at once
--- the more often one was delivered, and in the end one alone, after all others.
---@param is_mine fun(key: string): boolean  whether this process has that entry
---@return table[]|nil entries  {key =, deliveries =, unique_id =, revision =, time =,
---  payload =}; revision and payload are nil if it is not of an outbox
---@return klaviyo.Error|nil err
function Stream:take(is_mine)
  if self.is_unsure then
    local lost, err = take_lost(self, is_mine)
    if not lost or #lost > 0 then
      return lost, err
    end
  end
  local list, isolated = {}, {}
  if self.pending > 0 then
    local err
    list, isolated, err = claimable(self, is_mine)
    if not list then
      return nil, err
    end
  end
  for _, some in ipairs {list, false, isolated} do
    local entries, err
    if some then
      entries, err = claim(self, some)
    else
      entries, err = read(self)
    end
    if not entries or #entries > 0 then
      return entries, err
    end
  end
  return {}
end

--- Removes entries that were sent.
---@param keys string[]  200 at most
---@return boolean|nil, klaviyo.Error|nil
function Stream:acknowledge(keys)
  local ok, err = run(self, scripts.ACKNOWLEDGE, "1", self.key, GROUP, unpack(keys))
  count("acknowledged", ok and #keys or 0)
  return ok, err
end

--- Moves an entry to the rejected ones.
---@param entry table
---@param reason string  JSON
---@return boolean|nil, klaviyo.Error|nil
function Stream:reject(entry, reason)
  local ok, err = run(self, scripts.REJECT, "2", self.key, self.rejected_key, GROUP,
    self.max_rejected, entry.key, "id", entry.unique_id, "revision", entry.revision or "",
    "time", ("%.0f"):format(entry.time), "event", entry.payload or "", "reason", reason)
  count("rejected", ok and 1 or 0)
  return ok, err
end

--- Gives the turn back, and entries that were not sent.
---@param entries table[]
---@return boolean|nil, klaviyo.Error|nil
function Stream:release(entries)
  local words = {}
  for _, entry in ipairs(entries) do
    words[#words + 1] = entry.key
    words[#words + 1] = ("%d"):format(entry.deliveries - 1)
  end
  local ok, err = self.connection:call("EVAL", scripts.RELEASE, "2", self.key, self.turn_key,
    GROUP, self.consumer, LONG_AGO, unpack(words))
  return ok and true, err
end

--- Returns rejected events after one of them, the oldest first.
---@param after string|nil  its key
---@return table[]|nil entries  as of `take`, with `reason`
---@return klaviyo.Error|nil err
function Stream:rejected(after)
  local replies, err = self.connection:call("XRANGE", self.rejected_key,
    after and "(" .. after or "-", "+", "COUNT", "10")
  local list = {}
  for i, reply in ipairs(replies or {}) do
    list[i] = entry_of(reply, 0)
    list[i].reason, list[i].time = reply[2][10], list[i].time / 1000
  end
  return replies and list, err
end

function Stream:close()
  self.connection:close()
end

return M
