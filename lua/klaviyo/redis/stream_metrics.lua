--- What klaviyo.metrics shows of a stream of events. A scrape asks Redis, by a
--- connection of its own in each process that uses the stream.

local connections = require "klaviyo.redis.connection"
local counters = require "klaviyo.util.counters"
local hidden = require "klaviyo.util.hidden"
local stream_stats = require "klaviyo.redis.stream_stats"

local M = {}

-- A scrape waits no longer.
local TIMEOUT = 1

-- By the name of a stream: its URL, as a function, and the connection.
local streams = {}

--- Adds a stream to what a scrape shows, if metrics are counted.
---@param url string
---@param name string
function M.add(url, name)
  if not streams[name] or streams[name].url() ~= url then
    streams[name] = {url = hidden(url)}
  end
  counters.declare("klaviyo_stream_events_total")
  counters.source("klaviyo.redis.stream_metrics", name)
end

--- Returns the samples of a stream: none while Redis cannot be used, or if this
--- process does not use the stream.
---@param name string
---@return klaviyo.metrics.Sample[]  with the name of their family
function M.samples(name)
  local own = streams[name]
  if not own then
    return {}
  end
  own.connection = own.connection
    or connections.new(own.url(), {timeout = TIMEOUT, connect_timeout = TIMEOUT})
  local stats = stream_stats.read(own.connection, name)
  if not stats then
    return {}
  end
  local function sample(family, value)
    return {name = family, values = {name}, value = value}
  end
  return {
    sample("klaviyo_stream_length", stats.length),
    sample("klaviyo_stream_pending", stats.pending),
    sample("klaviyo_stream_oldest_age_seconds", stats.oldest_age or 0),
  }
end

return M
