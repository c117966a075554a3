-- The section "Redis" of docs/operations.md: its commands, its user and its figures.

if not require("spec.support.redis_server").is_available(pending, "the commands for Redis") then
  return
end
local cli = require "spec.support.cli"
local exchange = require "spec.support.redis_exchange"
local folder = require "spec.support.folder"
local redis = require "klaviyo.redis"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local SECTION = assert(shell.read("docs/operations.md")):match("<!%-%- redis %-%->\n(.-)<!%-%- /redis %-%->")
local quote = script.quote

describe("the section Redis of docs/operations.md", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)
  local own, path

  before_each(function()
    own, path = redis_hosts.start(), folders.new()
  end)

  after_each(redis_hosts.close_all)
  teardown(redis_hosts.remove_files)

  -- An outbox with a relay, and a client with it that shares its limits through the same
  -- Redis. Warnings of that one are added to a list: others have ended.
  local function open(url, warnings, more)
    local function warn(text)
      if text:find("[^%d]" .. own.port .. "[^%d]") or text:find("stream", 1, true) then
        warnings[#warnings + 1] = text
      end
    end
    local options = {path = path, relay = url, on_warning = warn}
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local outbox = assert(require("klaviyo.outbox").new(options))
    return outbox, fixture.client:with {outbox = outbox, rate_limit_file = url, pacing = true, on_warning = warn}
  end

  local function track(client, count, more)
    for i = 1, count do
      local event = {metric = "Kept", profile = {email = "a@example.com"}, properties = {number = i}}
      for name, value in pairs(more or {}) do
        event[name] = value
      end
      assert(client.events:track(event))
    end
  end

  -- Runs all commands of the section, but the last one, as the URL of Redis.
  local function run_commands()
    local env = cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = own.url,
      KLAVIYO_OUTBOX_RELAY = own.url})
    local text = {"set -e", "PASSWORD=right", "klaviyo() { " .. cli.command({}, {env = env}) .. ' "$@"; }'}
    text[#text + 1] = "export KLAVIYO_OUTBOX_RELAY=" .. quote(own.url)
    local count = 0
    for block in SECTION:gmatch("```sh\n(.-)```") do
      text[#text + 1] = block:gsub("/var/lib/klaviyo%-outbox", path)
      count = count + select(2, block:gsub("\n%f[kr]", "\n")) + 1
    end
    local output, status = script.shell(table.concat(text, "\n"))
    assert.equal(0, status, output)
    assert.is_nil(output:find("ERR", 1, true), output)
    return output, count
  end

  it("has commands that work", function()
    local _, missing_program = script.shell("command -v redis-cli")
    if missing_program ~= 0 then
      return pending("redis-cli is not installed")
    end
    local warnings = {}
    local outbox, client = open(own.url, warnings)
    track(client, 1, {profile = {email = "this is not an address"}})
    assert(outbox:drain(20))
    assert(client:call("get_lists"))
    assert.equal(1, own:call("XLEN", "klaviyo:events:rejected"))
    local output, count = run_commands()
    assert.equal(11, count)
    for _, setting in ipairs {{"maxmemory", "4294967296"}, {"maxmemory-policy", "noeviction"},
        {"appendonly", "yes"}, {"appendfsync", "everysec"}} do
      assert.equal(setting[2], own:call("CONFIG", "GET", setting[1])[2])
    end
    assert.matches("get_lists", output)
    assert.matches("slot%-1%.db", output)
    assert.matches("used_memory_human:", output)
    assert.matches("last%-delivered%-id", output)
    assert.equal(0, own:call("EXISTS", "klaviyo:events:rejected"))
    outbox:close(0)
  end)

  it("has a user with all rights that the library needs, and few others", function()
    local rights = assert(SECTION:match("ACL SETUSER shop on (.-)\n```")):gsub("\\\n", " ")
      :gsub('">$PASSWORD"', ">right"):gsub('"', "")
    local words = {}
    for word in rights:gmatch("%S+") do
      words[#words + 1] = word == ">$PASSWORD" and ">right" or word
    end
    assert(own:call("ACL", "SETUSER", "shop", "on", (table.unpack or unpack)(words)))
    local url = ("redis://shop:right@127.0.0.1:%d"):format(own.port)
    local warnings = {}
    local outbox, client = open(url, warnings)
    track(client, 3)
    track(client, 1, {profile = {email = "this is not an address"}})
    assert(client:call("get_lists"))
    assert(outbox:drain(20))
    local rejected = 0
    for _ in outbox:rejected() do
      rejected = rejected + 1
    end
    assert.equal(1, rejected)
    assert.is_true(#assert(client:shared_limits()) > 100)
    assert.equal(0, assert(redis.stream_stats(url)).length)
    outbox:close(0)
    assert.is_nil(table.concat(warnings, "\n"):find("NOPERM", 1, true))
    assert.is_true(redis_hosts.exchanges(own) >= 1)
    assert(own:call("AUTH", "shop", "right"))
    local _, why = own:call("CONFIG", "GET", "maxmemory")
    assert.matches("NOPERM", why)
    _, why = own:call("GET", "other")
    assert.matches("NOPERM", why)
  end)

  it("says how much memory is used", function()
    local text = ("\n" .. assert(shell.read("docs/operations.md"))):gsub("%s+", " ")
    local of_limit = tonumber(text:match("A limit that hosts use takes up to (%d+) KB")) * 1000
    local of_event = tonumber(text:match("An event takes its JSON and (%d+) bytes"))
    local warnings = {}
    local outbox, client = open(own.url, warnings, {send = false})
    local more = {properties = {text = ("x"):rep(700)}}
    track(client, 100, more) -- with the scripts, and the group
    assert(outbox:drain(20))
    local function used_by_stream() -- without the buffers of connections
      return own:call("MEMORY", "USAGE", "klaviyo:events", "SAMPLES", "0")
    end
    local before = used_by_stream()
    track(client, 1000, more)
    assert(outbox:drain(20))
    local size = #own:call("XRANGE", "klaviyo:events", "-", "+", "COUNT", 1)[1][2][8]
    assert.near(of_event, (used_by_stream() - before) / 1000 - size, 60)
    outbox:close(0)

    local report = 0
    for _, width in ipairs {345600, 240, 4} do -- all slots of a day, a minute and a second
      for slot = 0, 249 do
        report = report + 1
        exchange(own, "{k}", "host" .. slot % 10, {report = report, used = 1, age = width * (slot + 0.5),
          limits = {9999, 9999, 9999}})
      end
    end
    local each = 0
    for _, key in ipairs(own:call("KEYS", "{k}*")) do
      each = each + own:call("MEMORY", "USAGE", key, "SAMPLES", 0)
    end
    assert.is_true(each > of_limit / 2 and each < of_limit, each)
  end)
end)
