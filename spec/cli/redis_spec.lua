-- klaviyo limits --redis
local patient = require "spec.support.patient_redis"
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

describe("klaviyo limits --redis", function()
  local fixture = sandbox.here(setup, teardown)
  local own, dir

  before_each(function()
    own, dir = redis_hosts.start(), cli.folder()
  end)

  after_each(function()
    redis_hosts.close_all()
    script.shell("rm -rf " .. dir)
  end)

  teardown(redis_hosts.remove_files)

  local function limits(arguments, more)
    local all = {"limits", "--redis"}
    for _, word in ipairs(arguments or {}) do
      all[#all + 1] = word
    end
    local env = cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = own.url,
      LUA_CPATH = patient.LUA_CPATH})
    for name, value in pairs(more or {}) do
      env[name] = value
    end
    return cli.run(all, {env = env})
  end

  -- Returns the resources that JSON lines are.
  local function decode(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do
      list[#list + 1] = klaviyo.json.decode(line)
    end
    return list
  end

  -- Calls get_lists as another program, which then reports it, and gives back what it does not use.
  local function call(count)
    local client = fixture.client:with {rate_limit_file = own.url .. "?db=0", pacing = true}
    klaviyo.run(function()
      for _ = 1, count do
        assert(client:call("get_lists"))
      end
      local last = klaviyo.clock() + 15
      local one
      repeat
        klaviyo.sleep(0.8)
        one = decode(limits().out)[2] -- the limit per minute
      until one and one.used == count and one.held == 0 or klaviyo.clock() > last
    end)
    redis_hosts.remove_file(own.url .. "?db=0")
  end

  it("shows what all hosts have used, as JSON", function()
    call(3)
    local before = #fixture:log()
    local result = limits()
    assert.same({0, ""}, {result.status, result.err})
    local list = decode(result.out)
    assert.equal(2, #list)
    assert.same({name = "get_lists", seconds = 60, limit = 750, used = 3, held = 0, left = 747, hosts = 1,
      waiting = 0, blocked = 0}, list[2])
    assert.equal(before, #fixture:log())
  end)

  it("shows it as a table", function()
    call(2)
    own:call("HSET", own:call("KEYS", "klaviyo:*}")[1], "blocked", "99999999999999")
    local result = limits({"--output", "table"}, {COLUMNS = "80", LC_ALL = "C"})
    assert.same({0, ""}, {result.status, result.err})
    assert.matches("^get_lists .* 2/750 per min\n  1 host, blocked for %d+ s\n$", result.out)
  end)

  it("says that nothing is used", function()
    assert.same({0, "nothing is used now\n", ""}, (function()
      local result = limits {"--output", "table"}
      return {result.status, result.out, result.err}
    end)())
    local result = limits {"get_listz"}
    assert.equal(2, result.status)
    assert.matches("did you mean", result.err)
  end)

  it("says what is missing, and what Redis refuses", function()
    local result = limits({}, {KLAVIYO_RATE_LIMIT_FILE = dir .. "/limits"})
    assert.same({2, "", "klaviyo: --redis: set KLAVIYO_RATE_LIMIT_FILE to the URL of a Redis: "
      .. "redis://host:6379/0\n"}, {result.status, result.out, result.err})

    result = limits({}, {KLAVIYO_RATE_LIMIT_FILE = "redis://:secret@127.0.0.1:1"})
    assert.same({5, ""}, {result.status, result.out})
    assert.matches("127%.0%.0%.1:1: .*; does Redis run there, and may this machine reach it%?\n$", result.err)

    own:call("CONFIG", "SET", "requirepass", "right")
    for _, url in ipairs {"redis://:secret@127.0.0.1:" .. own.port, own.url} do
      result = limits({}, {KLAVIYO_RATE_LIMIT_FILE = url})
      redis_hosts.remove_file(url)
      assert.same({4, ""}, {result.status, result.out})
      assert.matches("; check the user and the password in KLAVIYO_RATE_LIMIT_FILE\n$", result.err)
      assert.is_nil(result.err:find("secret", 1, true))
    end

    script.shell(("mkdir -p %s/klaviyo/redis && echo 'error(\"not there\")' >%s/klaviyo/redis/hiredis.lua"):format(
      dir, dir))
    result = limits({}, {LUA_PATH = dir .. "/?.lua;" .. os.getenv("LUA_PATH")})
    assert.equal(2, result.status)
    assert.matches("the rock klaviyo%-redis is not installed: luarocks install klaviyo%-redis", result.err)
  end)
end)
