-- klaviyo outbox
local cli = require "spec.support.cli"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local missing = require("spec.support.redis_server").missing_with_client()

local TRACK = [[
  local base_url, key, path = ...
  local klaviyo = require "klaviyo"
  local box = assert(require("klaviyo.outbox").new {path = path, on_warning = function() end})
  local client = klaviyo.new {api_key = key, base_url = base_url, proxy = "", outbox = box,
    revision = "2026-07-15", rate_limit_file = false, on_warning = function() end}
  for i = 1, 3 do
    assert(client.events:track {metric = "Kept", profile = {email = "a@example.com"}, properties = {n = i}})
  end
  box:close(0)
]]

local function status(arguments, env)
  local all = {"outbox", "status"}
  for _, word in ipairs(arguments) do
    all[#all + 1] = word
  end
  return cli.run(all, {env = env})
end

local function records(result)
  local list = {}
  for line in result.out:gmatch("[^\n]+") do
    list[#list + 1] = klaviyo.json.decode(line)
  end
  return list
end

describe("klaviyo outbox status", function()
  local fixture = sandbox.here(setup, teardown)
  local folders = folder.here(after_each)

  local function tracked()
    local path = folders.new()
    local output, code = script.run(TRACK, {args = {fixture.server.base_url, fixture.key, path}})
    assert.equal(0, code, output)
    return path
  end

  it("shows the files of a folder", function()
    local path = tracked()
    local result = status {path}
    assert.same({0, ""}, {result.status, result.err})
    local one = records(result)[1]
    assert.is_true(one.oldest >= 0 and one.bytes > 4000)
    one.oldest, one.bytes = nil, nil
    assert.same({kind = "file", name = "slot-1.db", events = 3, rejected = 0, process = "ended"}, one)
    result = status {path, "--output", "table"}
    assert.matches("^kind  name       events  oldest  rejected  bytes  process\n"
      .. "file  slot%-1%.db       3 +[%d.]+ +0 +%d+  ended\n$", result.out)
  end)

  it("says what is missing", function()
    local result = status {}
    assert.same({2, "", "klaviyo: name the folder of an outbox, or a relay: --relay URL, or "
      .. "KLAVIYO_OUTBOX_RELAY\n"}, {result.status, result.out, result.err})
    result = status {"/nonexistent"}
    assert.same({1, "", "klaviyo: outbox: /nonexistent: No such file or directory\n"},
      {result.status, result.out, result.err})
    result = status {"--relay", "redis://127.0.0.1", "--claim-after", "0"}
    assert.equal(2, result.status)
    assert.matches("0 is not a number of seconds above 0", result.err)
    local path = folders.new()
    for _, module in ipairs {"outbox/store", "redis/hiredis"} do
      script.shell(("mkdir -p %s/klaviyo/%s && echo 'error(\"not there\")' >%s/klaviyo/%s.lua"):format(path,
        module:match("^%w+"), path, module))
    end
    local env = {LUA_PATH = path .. "/?.lua;" .. os.getenv("LUA_PATH")}
    result = status({path}, env)
    assert.equal(2, result.status)
    assert.matches("the rock klaviyo%-outbox is not installed", result.err)
    result = status({"--relay", "redis://127.0.0.1"}, env)
    assert.equal(2, result.status)
    assert.matches("the rock klaviyo%-redis is not installed", result.err)
  end)

  describe("with a relay", function()
    if missing then
      pending("streams of events: " .. missing)
      return
    end
    local redis_hosts = require "spec.support.redis_hosts"
    local own

    before_each(function()
      own = redis_hosts.start()
      own:call("XGROUP", "CREATE", "shop", "klaviyo", "0", "MKSTREAM")
      for _ = 1, 5 do
        own:call("XADD", "shop", "*", "event", "{}")
      end
      own:call("XREADGROUP", "GROUP", "klaviyo", "web-1:42:abc", "COUNT", 2, "STREAMS", "shop", ">")
    end)

    after_each(redis_hosts.close_all)

    it("shows the stream and its consumers", function()
      local result = status({"--stream", "shop", "--claim-after", "0.001"}, {KLAVIYO_OUTBOX_RELAY = own.url})
      assert.same({0, ""}, {result.status, result.err})
      local list = records(result)
      assert.is_true(list[1].oldest >= 0 and list[2].idle >= 0)
      list[1].oldest, list[2].idle = nil, nil
      assert.same({
        {kind = "stream", name = "shop", events = 5, rejected = 0, pending = 2, claimable = 2, group = "klaviyo"},
        {kind = "consumer", name = "web-1:42:abc", pending = 2},
      }, list)
      result = status {tracked(), "--relay", own.url, "--stream", "shop", "--output", "csv"}
      assert.same({0, ""}, {result.status, result.err})
      local lines = {}
      for line in result.out:gmatch("[^\r\n]+") do
        lines[#lines + 1] = line:gsub("%d+%.%d+", "N"):gsub(",%d%d%d%d%d*,", ",N,")
      end
      assert.equal("kind,name,events,oldest,rejected,pending,claimable,idle,bytes,process", lines[1])
      assert.matches("^file,slot%-1%.db,3,[N%d]+,0,,,,N,ended$", lines[2])
      assert.matches("^stream,shop,5,[N%d]+,0,2,0,,,$", lines[3])
      assert.matches("^consumer,web%-1:42:abc,,,,2,,[N%d]+,,$", lines[4])
    end)

    it("shows the files though Redis cannot be used", function()
      local path = tracked()
      own:stop("KILL")
      local result = status {path, "--relay", own.url}
      assert.equal(5, result.status)
      assert.equal(3, records(result)[1].events)
      assert.matches("does Redis run there, and may this machine reach it%?\n$", result.err)
      own:start()
      own:call("CONFIG", "SET", "requirepass", "right")
      result = status({}, {KLAVIYO_OUTBOX_RELAY = "redis://:secret@127.0.0.1:" .. own.port})
      assert.same({4, ""}, {result.status, result.out})
      assert.matches("; check the user and the password in KLAVIYO_OUTBOX_RELAY\n$", result.err)
      assert.is_nil(result.err:find("secret", 1, true))
    end)
  end)
end)
