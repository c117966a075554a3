--- Moves events from the outbox's files to a stream, and sends those of the stream, also
--- of other hosts. What it asks of a stream is in klaviyo.redis.stream.

local auth = require "klaviyo.auth.auth"
local digest = require "klaviyo.digest"
local hidden = require "klaviyo.util.hidden"
local json = require "klaviyo.values.json"
local phases = require "klaviyo.nginx.phases"
local relay_move = require "klaviyo.outbox.relay_move"
local relay_problems = require "klaviyo.outbox.relay_problems"
local sender = require "klaviyo.outbox.sender"
local taken = require "klaviyo.outbox.taken"
local unique_id = require "klaviyo.request.unique_id"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.outbox.Relay
local Relay = {}
Relay.__index = Relay
Relay.__name = "klaviyo.outbox.Relay"

-- A process that took this many events from the stream takes no more. It gives them
-- and its turn back after this number of failures in a row: others may reach the
-- service.
local MAX_HELD, MAX_FAILURES = 1500, 3

-- Seconds for which a process has the turn to send, at most.
local MAX_TURN = 10

--- Returns a relay. Raises if its URL is not valid.
---@param options {url: string, name: string, max: number, max_rejected: number,
---  claim_after: number, warn: fun(message: string)}
---@return klaviyo.outbox.Relay
function M.new(options)
  local found, streams = pcall(require, "klaviyo.redis.stream")
  if not found then
    usage_error.raise("outbox.new: a relay needs the rock klaviyo-redis: "
      .. tostring(streams):match("[^\n]*"))
  end
  streams.check(options.url)
  return setmetatable({
    streams = streams, url = hidden(options.url), name = options.name, max = options.max,
    max_rejected = options.max_rejected, claim_after = options.claim_after,
    problems = relay_problems.new(options.name, options.warn), relayed = 0, failures = 0,
    has_turn = nil,
  }, Relay)
end

--- Returns whether a failure was given as a warning already.
Relay.is_reported = relay_problems.is_reported

-- The stream ----------------------------------------------------------------------

-- A forked child may not use what its parent took.
local function process_id()
  if type(ngx) == "table" and ngx.worker then
    return ngx.worker.pid()
  end
  local file = io.open("/proc/self/stat")
  local pid = file and file:read("*n")
  if file then
    file:close()
  end
  return pid
end

local function host()
  local file = io.open("/proc/sys/kernel/hostname")
  local name = file and file:read("*l") or os.getenv("HOSTNAME")
  if file then
    file:close()
  end
  return name or "host"
end

local function stream_of(self)
  local pid = process_id()
  if not self.stream or pid ~= self.pid then
    self.pid = pid
    self.stream = self.streams.new {
      url = self.url(), name = self.name, max = self.max, max_rejected = self.max_rejected,
      claim_after = self.claim_after, turn = self:turn_seconds(),
      consumer = ("%s:%s:%s"):format(host(), tostring(pid), unique_id.new():sub(1, 8)),
    }
    self.taken = taken.new(self.stream)
  end
  return self.stream
end

--- Raises if the account of these settings has no name that stays the same.
---@param values klaviyo.Settings
function Relay:check(values) -- luacheck: ignore self
  if values.access_token and not values.rate_limit_key then
    usage_error.raise("an outbox with a relay and access_token needs rate_limit_key, the name "
      .. "of the account: a token changes")
  end
end

-- Returns what names the account.
local function account_of(values)
  if values.rate_limit_key then
    return values.rate_limit_key
  end
  local secret, err = auth.of(values)
  if not secret then
    return nil, err
  end
  return digest.sha256(secret)
end

-- Returns the stream, which knows the account of these settings.
local function open(self, values)
  local stream = stream_of(self)
  if not stream.account then
    local account, err = account_of(values)
    if not account then
      return nil, err
    end
    stream.account = digest.sha256(account)
  end
  return stream
end

--- Moves the events of a file to the stream, the oldest first. They are deleted once
--- they are there.
---@param flush table  of the sender
---@param store userdata
---@return boolean|nil done
---@return klaviyo.Error|nil err
function Relay:move(flush, store)
  flush.store = store
  local stream, err = open(self, flush.values)
  if not stream then
    return nil, err
  end
  return relay_move.run(flush, stream, self.problems, function(count)
    self.relayed = self.relayed + count
  end)
end

-- Sending -----------------------------------------------------------------------

-- Takes more events from the stream, and returns their number.
local function take(self, stream)
  if self.taken.held >= MAX_HELD then
    return 0
  end
  local entries, err = stream:take(function(key) return self.taken:has(key) end)
  if not entries then
    return nil, err
  end
  for _, entry in ipairs(entries) do
    if entry.payload and entry.revision then
      self.taken:add(entry)
    else
      local ok
      ok, err = stream:reject(entry, json.encode {message = "the entry is not of an outbox"})
      if not ok then
        return nil, err
      end
    end
  end
  return #entries
end

-- Gives back what this process has of the stream, unless it cannot note what was sent.
local function release(self, flush)
  flush.store = self.taken
  if self.taken.held > 0 and (not sender.write(flush) or flush.unwritten) then
    return nil
  end
  local ok, err = self.stream:release(self.taken:all())
  if ok then
    self.taken, self.failures = taken.new(self.stream), 0
  end
  return ok, err
end

-- Sends what this process has taken.
local function send_taken(self, flush)
  local done, err = sender.send(flush, self.taken)
  if done and flush.err and not flush.succeeded then
    done, err = nil, flush.err
  end
  self.failures = not done and not flush.succeeded and self.failures + 1 or 0
  return done, err
end

--- Sends the events of the stream, if this process has the turn to do that.
---@param flush table  of the sender
---@return boolean|nil done
---@return klaviyo.Error|nil err
function Relay:send(flush)
  local stream, err = open(self, flush.values)
  if not stream then
    return nil, err
  end
  local count
  repeat
    local mine
    mine, err = stream:turn()
    self.has_turn = mine
    if mine then
      count, err = take(self, stream)
    elseif not err then
      count = 0
      if self.taken.held > 0 then
        mine, err = release(self, flush)
      end
    end
    if err then
      return nil, self.problems:report("send", err)
    end
    self.problems:forget("send")
    local done = true
    if mine and self.taken.held > 0 then
      done, err = send_taken(self, flush)
    end
    if not done then
      if self.failures >= MAX_FAILURES then
        release(self, flush)
      end
      return nil, err
    end
  until count == 0 or flush.is_over()
  if flush.is_over() then
    release(self, flush)
  end
  return true
end

--- Returns the seconds for which a process has the turn.
---@return number
function Relay:turn_seconds()
  return math.min(self.claim_after, MAX_TURN)
end

--- Returns the seconds until `send` is to be called again. Many processes may wait for
--- the turn of one.
---@param interval number  of the process that has the turn
---@return number
function Relay:send_interval(interval)
  return self.has_turn == false and math.max(interval, self:turn_seconds() / 3) or interval
end

--- Keeps the turn while a request takes long. Does nothing without it.
function Relay:keep_turn()
  if self.stream and self.stream.account then
    self.stream:turn()
  end
end

local function may_wait()
  return type(ngx) ~= "table" or not ngx.get_phase or phases.can_wait()
end

--- Gives back what this process has of the stream, and closes its connection.
---@param flush table  of the sender
function Relay:close(flush)
  if self.stream then
    if self.stream.account and self.pid == process_id() and may_wait() then
      release(self, flush)
    end
    self.stream:close()
    self.stream, self.taken = nil, nil
  end
end

-- Inspection ----------------------------------------------------------------------

--- Returns whether the stream was empty when Redis was asked last.
function Relay:is_empty()
  return self.stream ~= nil and self.stream.length == 0
end

--- Returns what the stream has, as Redis reported it last.
---@return klaviyo.OutboxStream
function Relay:stats()
  local stream = self.stream or {}
  return {length = stream.length, pending = stream.pending, claimed = stream.claimed or 0}
end

--- Iterates over the events that were taken from the stream and rejected.
---@return fun(): table|nil  entries, see klaviyo.redis.stream
function Relay:rejected()
  local list, at, last = {}, 0, nil
  return function()
    at = at + 1
    if at > #list then
      local err
      list, err = stream_of(self):rejected(last)
      at = 1
      if not list then
        list = {}
        self.problems:report("send", err)
      end
    end
    last = list[at] and list[at].key
    return list[at]
  end
end

return M
