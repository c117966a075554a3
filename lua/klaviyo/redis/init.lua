--- What machines share through Redis: rate limits, for the setting rate_limit_file =
--- "redis://…", and the stream of events of an outbox with a relay. A rock of its own,
--- klaviyo-redis; docs/scale.md explains it.

local address = require "klaviyo.redis.address"
local checker = require "klaviyo.util.options"
local hiredis = require "klaviyo.redis.hiredis"
local lazy_require = require "klaviyo.util.lazy_require"
local script = require "klaviyo.redis.lease_script"

local connections = lazy_require "klaviyo.redis.connection"
local shared_count = lazy_require "klaviyo.redis.shared_count"
local stream_stats = lazy_require "klaviyo.redis.stream_stats"

local M = {}

--- Returns a source of leases for core.budget, and the name of its server for
--- messages, which has no password.
---@param url string
---@param file string  the local file, which names this host in Redis
---@return userdata source
---@return string name
function M.source(url, file)
  local options = address.parse(url)
  options.script, options.file = script, file
  return hiredis.source(options), options.name
end

-- Returns what a function reads by a connection of its own.
local function read(url, fn, ...)
  local connection = connections.new(url)
  local value, err = fn(connection, ...)
  connection:close()
  return value, err
end

--- Returns what all hosts have used of limits; see client:shared_limits.
---@param url string
---@param limits klaviyo.RateLimit[]  with the `key` of each
---@return klaviyo.SharedLimit[]|nil
---@return klaviyo.Error|nil
function M.limits(url, limits)
  return read(url, shared_count.read, limits)
end

--- What a stream of events has, in Redis.
---@class klaviyo.redis.StreamStats
---@field name string
---@field length integer  events in the stream: relayed, and not acknowledged
---@field rejected integer  events that Klaviyo rejected, which Redis keeps
---@field oldest_age? number  seconds since the oldest event was relayed; nil: there is none
---@field group? string  the consumer group of the senders; nil: nothing was sent yet
---@field pending integer  those of the events that a sender has taken
---@field claimable integer  those of the pending ones that another sender may claim; 10,000 at most are counted
---@field sender? string  the consumer that sends now
---@field consumers klaviyo.redis.Consumer[]  those with the most pending events first

--- A sender, as Redis knows it.
---@class klaviyo.redis.Consumer
---@field name string
---@field pending integer  events that it has taken
---@field idle number  seconds since it last asked Redis for something

---@class klaviyo.redis.StreamOptions
---@field claim_after? number  seconds after which an event may be claimed, as of the outbox; default 60
local STREAM_FIELDS = {
  claim_after = {type = "number", unit = "seconds", above = 0, default = 60},
}

--- Describes a stream of events: its length, its consumers, the oldest event. It only
--- reads, and does not change what Redis has.
---@param url string  as of the outbox's `relay`
---@param name? string  of the stream; default "klaviyo:events"
---@param options? klaviyo.redis.StreamOptions
---@return klaviyo.redis.StreamStats|nil
---@return klaviyo.Error|nil err  of kind "redis", "transport" or "timeout"
function M.stream_stats(url, name, options)
  options = checker.check(STREAM_FIELDS, options, "klaviyo.redis.stream_stats")
  return read(url, stream_stats.read, name or "klaviyo:events", options.claim_after)
end

return M
