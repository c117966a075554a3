-- A Redis Cluster behind the address of one of its nodes: what this node has is used,
-- and of the rest one warning says what to do.
local redis_server = require "spec.support.redis_server"
local missing = redis_server.missing_with_client()
if missing then
  pending("limits on Redis: " .. missing)
  return
end
local connection = require "klaviyo.redis.connection"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local unpack = table.unpack or unpack  -- luacheck: ignore 113

local HINT = "use a server without cluster mode"
local SLOTS = {{0, 5460}, {5461, 10922}, {10923, 16383}}
-- enough of them for each node to have keys of some
local OPERATIONS = {"get_metrics", "get_profiles", "get_lists", "get_tags", "get_events",
  "get_forms", "get_segments", "get_images", "get_templates", "get_flows", "get_coupons",
  "get_accounts", "get_tag_groups", "get_catalog_items", "get_catalog_variants",
  "get_catalog_categories", "get_reviews", "get_webhooks",
  "get_web_feeds", "get_custom_metrics", "get_webhook_topics",
  "get_mapped_metrics"}

describe("a Redis Cluster behind one address", function()
  local fixture = sandbox.here(setup, teardown)
  local nodes = {}

  setup(function()
    for i, range in ipairs(SLOTS) do
      local node, words = redis_server.start {cluster = true}, {}
      for slot = range[1], range[2] do
        words[#words + 1] = slot
      end
      assert.equal("OK", node:call("CLUSTER", "ADDSLOTS", unpack(words)))
      assert.equal("OK", node:call("CLUSTER", "SET-CONFIG-EPOCH", i))
      nodes[i] = node
    end
    local last = socket.gettime() + 20
    for i = 2, #nodes do
      nodes[1]:call("CLUSTER", "MEET", "127.0.0.1", nodes[i].port)
    end
    for _, node in ipairs(nodes) do
      while not node:call("CLUSTER", "INFO"):find("cluster_state:ok", 1, true)
          or not node:call("CLUSTER", "INFO"):find("cluster_slots_assigned:16384", 1, true) do
        assert(socket.gettime() < last, "the nodes do not form a cluster")
        socket.sleep(0.05)
      end
    end
  end)

  teardown(function()
    for _, node in ipairs(nodes) do
      node:close()
    end
    redis_hosts.close_all()
    redis_hosts.remove_files()
  end)

  local function connections(node)
    return tonumber(node:call("INFO", "stats"):match("total_connections_received:(%d+)"))
  end

  it("shares the limits whose keys its node has, and warns once of the others", function()
    local url, before = nodes[1].url, connections(nodes[1])
    local clients, warnings, statuses = redis_hosts.clients(fixture.server.base_url, {url})
    for round = 1, 4 do
      for _, operation in ipairs(OPERATIONS) do
        local began = socket.gettime()
        assert(clients[1]:call(operation))
        assert.is_true(socket.gettime() - began < 1, operation)
      end
      socket.sleep(round == 4 and 0 or 0.4)
    end
    assert.equal(4 * #OPERATIONS, redis_hosts.count(statuses, 200))
    assert.equal(1, #warnings, table.concat(warnings, "\n"))
    assert.matches("MOVED %d+ 127%.0%.0%.1:%d+ %(", warnings[1])
    assert.is_truthy(warnings[1]:find(HINT, 1, true), warnings[1])
    -- MOVED is not counted as a run of the script, and does not close the connection
    assert.is_true(redis_hosts.exchanges(nodes[1]) > 4)
    assert.is_true(connections(nodes[1]) - before < 8)
    assert.equal(0, tonumber(nodes[2]:call("DBSIZE")) + tonumber(nodes[3]:call("DBSIZE")))
    redis_hosts.remove_file(url)
  end)

  it("names what to do in the errors of a connection", function()
    local c = connection.new("redis://127.0.0.1:" .. nodes[1].port)
    assert.equal("OK", c:call("SET", "{b}:x", 1))
    local _, err = c:call("SET", "{a}:x", 1)
    assert.same({"redis", "MOVED"}, {err.kind, err.code})
    assert.is_truthy(err.message:find(HINT, 1, true), err.message)
    assert.equal("OK", c:call("SET", "{b}:x", 1))
    -- while the slot of a key moves
    local id = nodes[3]:call("CLUSTER", "MYID")
    local slot = nodes[1]:call("CLUSTER", "KEYSLOT", "{b}")
    nodes[3]:call("CLUSTER", "SETSLOT", slot, "IMPORTING", nodes[1]:call("CLUSTER", "MYID"))
    nodes[1]:call("CLUSTER", "SETSLOT", slot, "MIGRATING", id)
    _, err = c:call("GET", "{b}:other")
    assert.same({"redis", "ASK"}, {err.kind, err.code})
    assert.is_truthy(err.message:find(HINT, 1, true), err.message)
    nodes[1]:call("CLUSTER", "SETSLOT", slot, "STABLE")
    nodes[3]:call("CLUSTER", "SETSLOT", slot, "STABLE")
    c:close()
  end)

  it("has a stream if its name has a hash tag", function()
    local stream = require "klaviyo.redis.stream"
    local function add(name)
      local one = stream.new {url = "redis://127.0.0.1:" .. nodes[1].port, name = name,
        account = "a", consumer = "c", max = 10, max_rejected = 10, claim_after = 60, turn = 10}
      local added, err = one:add {"1", "2026-07-15", "1", "{}"}
      one:close()
      return added, err
    end
    assert.equal(1, add("{b}:events"))
    local _, err = add("events")
    assert.equal("CROSSSLOT", err.code)
    assert.is_truthy(err.message:find("{shop}:events", 1, true), err.message)
  end)
end)
