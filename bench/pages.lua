--- How fast a collection is walked: a page is asked for while Lua works on the
--- one before, beside a loop on libcurl that does nothing but fetch.
---
---   lua5.4 bench/pages.lua [PAGES [ROUNDS]]
---
--- 1,000 pages of 20 profiles, 20 ms until the server answers; the medians of
--- three rounds, turn by turn.

local core = require "klaviyo.core"
local klaviyo = require "klaviyo"

package.path = arg[0]:gsub("[^/]*$", "") .. "?.lua;" .. package.path
local bare = require "bare"

local MOST = 1.05
local SIZE, LATENCY = 20, 0.02

local function client_of(server)
  return klaviyo.new {
    base_url = server.tls_url, ca_file = server.ca_file, api_key = server.key, proxy = "",
    revision = "2026-07-15", pacing = false, on_warning = function() end,
  }
end

-- Every profile is touched, as whoever walks them would.
local function ours(server, options)
  local client = client_of(server)
  local pages, profiles, letters = 0, 0, 0
  local began = core.clock()
  for page in client:pages("get_profiles", { page = { size = SIZE } }, options) do
    pages = pages + 1
    for _, profile in ipairs(page.data) do
      profiles = profiles + 1
      letters = letters + #profile.attributes.email
    end
  end
  return { pages = pages, profiles = profiles, seconds = core.clock() - began, letters = letters }
end

local function main(pages, rounds)
  local server = assert(require("klaviyo.sandbox").start {
    profiles = pages * SIZE, record = 0, access_log = false, keepalive_requests = 1000000,
  })
  server:fault { delay = LATENCY, method = "GET", rate = 1 }
  local request = client_of(server):build("get_profiles", { page = { size = SIZE } })
  local mine, others, without, good = {}, {}, {}, true
  for round = 1, rounds do
    local theirs = bare.pages(request, pages, server.ca_file)
    local own = ours(server)
    mine[round], others[round] = own.seconds, theirs.seconds
    without[round] = ours(server, { prefetch = false }).seconds
    print(("  round %d: bare %.2f s, klaviyo %.2f s, without prefetch %.2f s"):format(round, theirs.seconds,
      own.seconds, without[round]))
    good = good and own.pages == pages and theirs.good == pages and own.profiles == pages * SIZE
  end
  server:stop()
  local ratio = bare.median(mine) / bare.median(others)
  print(("  %.3f of the bare loop's time; without prefetch %.3f"):format(ratio,
    bare.median(without) / bare.median(others)))
  return good and ratio <= MOST
end

local pages, rounds = tonumber(arg[1] or 1000), tonumber(arg[2] or 3)
print(("%s: %d pages of %d, %d ms each"):format(rawget(_G, "jit") and "LuaJIT" or _VERSION, pages, SIZE,
  LATENCY * 1000))
local good = main(pages, rounds)
print(good and "  good" or "  NOT GOOD")
os.exit(good and 0 or 1)
