--- How fast events go out: many at a time over one HTTP/2 connection, beside
--- a plain loop on libcurl's multi handle.
---
---   lua5.4 bench/posts.lua [COUNT [ROUNDS]]
---
--- 5,000 events, 100 in flight, 50 ms until the server answers; the medians of
--- three rounds, turn by turn. Then again with a server that closes after every
--- fifty requests: none may be lost.

local core = require "klaviyo.core"
local klaviyo = require "klaviyo"

package.path = arg[0]:gsub("[^/]*$", "") .. "?.lua;" .. package.path
local bare = require "bare"

local LEAST = 0.95
local IN_FLIGHT, LATENCY = 100, 0.05

-- The engine has a hundred in flight; the results come in order, so that some
-- wait behind a late one: a few more calls keep the hundred full.
local CONCURRENCY = 150

local function client_of(server)
  return klaviyo.new {
    base_url = server.tls_url, ca_file = server.ca_file, api_key = server.key, proxy = "",
    revision = "2026-07-15", pacing = false, on_warning = function() end,
  }
end

local function event(id)
  return {
    profile = { email = "someone@example.com" }, metric = "Measured", unique_id = id, value = 9.5,
    properties = { number = id, note = ("x"):rep(200) },
  }
end

local function start(options)
  options.record, options.http2_streams = 0, 128
  local server = assert(require("klaviyo.sandbox").start(options))
  server:fault { delay = LATENCY, method = "POST", rate = 1 }
  return server
end

-- How many connections a part of the access log was written by.
local function connections_since(server, mark)
  server:stats()
  local seen, count, number = {}, 0, 0
  for line in io.lines(server.dir .. "/access.log") do
    number = number + 1
    local protocol, connection = line:match("^%S+ (%S+) (%S+)")
    if number > mark and protocol == "HTTP/2.0" and not seen[connection] then
      seen[connection], count = true, count + 1
    end
  end
  return count, number
end

local function ours(server, count, already)
  local client = client_of(server)
  local at, failed, attempts = 0, 0, 0
  local function numbers()
    at = at + 1
    return at <= count and at or nil
  end
  local function send(number)
    local document, err = client.events:create(event(("klaviyo%05d"):format(already + number)))
    local response = document and document.response or err
    attempts = attempts + #response.attempts
    return { err = err }
  end
  local began = core.clock()
  for result in client:map(numbers, send, { concurrency = CONCURRENCY }) do
    if result.err then
      failed = failed + 1
      print("  failed: " .. tostring(result.err))
    end
  end
  return { good = count - failed, seconds = core.clock() - began, attempts = attempts }
end

local function compare(count, rounds)
  local server = start { keepalive_requests = 10000000 }
  local document = klaviyo.document("create_event", event(("@"):rep(12)))
  local request = client_of(server):build("create_event", { body = document })
  local mine, others, sent = {}, {}, 0
  local good, mark = true, select(2, connections_since(server, 0))
  for round = 1, rounds do
    local theirs = bare.posts(request, count, IN_FLIGHT, server.ca_file)
    local their_connections
    their_connections, mark = connections_since(server, mark)
    local own = ours(server, count, sent)
    local own_connections
    own_connections, mark = connections_since(server, mark)
    sent = sent + count
    mine[round], others[round] = own.seconds, theirs.seconds
    print(("  round %d: bare %.0f/s on %d connection(s), klaviyo %.0f/s on %d"):format(round,
      count / theirs.seconds, their_connections, count / own.seconds, own_connections))
    good = good and own.good == count and theirs.good == count and own.attempts == count
      and own_connections <= 1
  end
  local distinct = server:stats().events.distinct
  server:stop()
  local ratio = bare.median(others) / bare.median(mine)
  print(("  %.3f of the bare loop's rate; %d distinct events"):format(ratio, distinct))
  return good and ratio >= LEAST and distinct == 2 * sent
end

local function closing(count)
  local server = start { keepalive_requests = 50 }
  local own = ours(server, count, 0)
  local distinct = server:stats().events.distinct
  print(("  %d of %d answered, %d distinct events, %d attempts, %.0f/s on %d connections"):format(own.good,
    count, distinct, own.attempts, count / own.seconds, (connections_since(server, 0))))
  server:stop()
  return own.good == count and distinct == count
end

local count, rounds = tonumber(arg[1] or 5000), tonumber(arg[2] or 3)
print(("%s: %d POSTs, %d in flight, %d ms"):format(rawget(_G, "jit") and "LuaJIT" or _VERSION, count, IN_FLIGHT,
  LATENCY * 1000))
local good = compare(count, rounds)
print("  and a server that closes after 50 requests:")
good = closing(count) and good
print(good and "  good" or "  NOT GOOD")
os.exit(good and 0 or 1)
