-- What klaviyo.metrics shows of limits on Redis. Scripts of their own: one that has begun
-- to count does not end.
if not require("spec.support.redis_server").is_available(pending, "limits on Redis") then
  return
end
local patient = require "spec.support.patient_redis"
local exposition = require "spec.support.exposition"
local redis_hosts = require "spec.support.redis_hosts"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local HEAD = [[
  local base_url, key, url, pid = ...
  local klaviyo = require "klaviyo"
  local metrics, socket = klaviyo.metrics, require "socket"
  assert(metrics.start())
  local account = tostring(socket.gettime())
  local function connect(file)
    return klaviyo.new {api_key = key, base_url = base_url, proxy = "", revision = "2026-07-15",
      rate_limit_file = file, rate_limit_key = account, on_warning = function() end}
  end
  local client = connect(url)
  local function signal(name)
    os.execute("kill -" .. name .. " " .. pid)
  end
  local function show()
    io.write(metrics.text(), "--\n")
  end
  -- while the loop runs, it gives back, and returns to Redis
  local function run_for(seconds)
    klaviyo.run(function() klaviyo.sleep(seconds) end)
  end
  local function tokens(what)
    return tonumber(metrics.text():match('\nklaviyo_redis_tokens_total{result="' .. what .. '"} (%d+)')) or 0
  end
  -- until what is left was given back
  local function run_until_taken(count)
    local last = socket.gettime() + 15
    repeat
      run_for(1)
    until tokens "granted" - tokens "returned" == count or socket.gettime() > last
  end
]]

describe("the metrics of limits on Redis", function()
  local fixture = sandbox.here(setup, teardown)

  after_each(redis_hosts.close_all)

  -- `env`: `patient`, if the spec is about a Redis that replies
  local function run(text, server, env)
    local output, status = script.run(HEAD .. text, {args = {fixture.server.base_url,
      fixture.key, server and server.url or "-", server and server.pid or "-"},
      env = env})
    for _, url in ipairs {server and server.url, server and server.url .. "?db=0"} do
      redis_hosts.remove_file(url)
    end
    assert.equal(0, status, output)
    local list = {}
    for part in output:gmatch("(.-)%-%-\n") do
      list[#list + 1] = exposition.read(part)
    end
    return list, output
  end

  local function of(metrics, name, labels)
    return metrics:sum("klaviyo_redis_" .. name, labels)
  end

  local function exchanges(metrics, result)
    return of(metrics, "exchanges_total", {result = result})
  end

  it("are not there without Redis", function()
    local _, output = run [[
      client = connect(false)
      assert(client:call("get_metrics"))
      show()
    ]]
    assert.is_nil(output:find("redis", 1, true))
    assert.truthy(output:find("klaviyo_requests_total", 1, true))
  end)

  it("count exchanges, tokens and waits, and agree with Redis", function()
    local own = redis_hosts.start()
    local metrics, output = run([[
      for _ = 1, 6 do
        assert(client:call("get_metrics"))
      end
      run_until_taken(6)
      show()
    ]], own, patient)
    local shown = metrics[1]
    local replied = exchanges(shown, "replied")
    assert.equal(tonumber(own:call("INFO", "commandstats"):match("cmdstat_evalsha:calls=(%d+)"))
      + tonumber(own:call("INFO", "commandstats"):match("cmdstat_eval:calls=(%d+)") or 0), replied)
    assert.equal(0, exchanges(shown, "timeout") + exchanges(shown, "failed"))
    local granted = of(shown, "tokens_total", {result = "granted"})
    assert.equal(6, granted - of(shown, "tokens_total", {result = "returned"}))
    local waits, waited = of(shown, "waits_total"), of(shown, "wait_seconds_total")
    assert.is_true(waits >= 1 and waits <= 6, waits)
    assert.is_true(waited > 0 and waited < 2, waited)
    assert.equal(1, of(shown, "hosts"))
    assert.equal(0, of(shown, "away") + of(shown, "away_seconds_total"))
    local why = exposition.check((output:gsub("%-%-\n", "")))
    if why then
      pending(why)
    end
  end)

  it("count the hosts that Redis saw", function()
    local own = redis_hosts.start()
    local metrics = run([[
      assert(client:call("get_metrics"))
      assert(connect(url .. "?db=0"):call("get_metrics"))
      show()
    ]], own, patient)
    assert.equal(2, of(metrics[1], "hosts"))
  end)

  it("show how long a host goes on without Redis", function()
    local own = redis_hosts.start()
    local metrics = run([[
      assert(client:call("get_metrics"))
      signal("STOP")
      assert(client:call("get_metrics"))
      run_for(2.5)
      show()
      signal("CONT")
      local last = socket.gettime() + 15
      repeat
        run_for(0.2)
      until metrics.text():find("klaviyo_redis_away 0", 1, true) or socket.gettime() > last
      show()
      socket.sleep(0.5)
      show()
    ]], own)
    local away, back, later = metrics[1], metrics[2], metrics[3]
    assert.equal(1, of(away, "away"))
    assert.is_true(exchanges(away, "timeout") >= 1)
    assert.is_true(of(away, "away_seconds_total") >= 1)
    assert.equal(0, of(back, "away"))
    local seconds = of(back, "away_seconds_total")
    assert.is_true(seconds >= of(away, "away_seconds_total") and seconds < 25, seconds)
    assert.equal(seconds, of(later, "away_seconds_total"))
  end)

  it("count the errors of Redis", function()
    local own = redis_hosts.start()
    own:call("REPLICAOF", "127.0.0.1", "1")
    local metrics = run([[
      assert(client:call("get_metrics"))
      assert(client:call("get_metrics"))
      show()
    ]], own)
    assert.is_true(exchanges(metrics[1], "failed") >= 1)
    assert.equal(0, exchanges(metrics[1], "replied"))
    assert.equal(1, of(metrics[1], "away"))
  end)

  it("are those of all processes that share them", function()
    if not pcall(require, "spec_fork") then
      return pending("the probe of fork was not built")
    end
    local own = redis_hosts.start()
    local metrics = run([[
      local process = require "spec_fork"
      local children = {}
      for n = 1, 2 do
        local child = process.fork()
        if child == 0 then
          local ok = pcall(function()
            for _ = 1, 3 do
              assert(client:call("get_metrics"))
            end
            run_for(1)
          end)
          process.leave(ok and 7 or 8)
        end
        children[n] = child
      end
      for n = 1, 2 do
        assert(process.wait(children[n]) == 7)
      end
      run_until_taken(6)
      show()
    ]], own, patient)
    local granted = of(metrics[1], "tokens_total", {result = "granted"})
    assert.equal(6, granted - of(metrics[1], "tokens_total", {result = "returned"}))
    assert.equal(1, of(metrics[1], "hosts"))
  end)
end)
