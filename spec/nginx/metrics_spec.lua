-- The metrics of an nginx, in one scrape: what all workers counted is what the service
-- counted, also after reloads, and after a worker was killed.
local exposition = require "spec.support.exposition"
local load = require "spec.support.metrics_load"
local nginx = require "spec.support.nginx"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the metrics of an nginx") then
  return
end

describe("the metrics of a busy nginx", function()
  local busy

  setup(function()
    busy = load.start()
  end)

  teardown(function()
    if busy then
      busy:stop()
    end
  end)

  it("are what the service counted, over reloads and a killed worker", function()
    local received, compared = busy:run(3000)
    assert.is_true(received >= 3000, received)
    for _, one in ipairs(compared) do
      assert.equal(one.service, one.own, one.name)
    end
    -- the held requests of the killed worker are attempts, and never requests
    assert.equal(5, busy.latest:sum("klaviyo_attempts_total", {operation = "get_segments"}))
    assert.equal(0, busy.latest:sum("klaviyo_requests_total", {operation = "get_segments"}))
    local why = exposition.check(busy.text)
    if why then
      pending(why)
    end
  end)

  it("miss at most what a worker had in flight that was killed at any time", function()
    local finish, is_done = busy:begin(2000)
    busy:wait_for(function()
      return is_done() or busy.latest:sum "klaviyo_requests_in_flight" > 0
    end)
    busy:kill_any()
    finish()
    busy:wait_for(function()
      return busy:scrape():sum "klaviyo_requests_in_flight" == 0
    end)
    shell.sleep(0.1)
    for _, one in ipairs(busy:compare()) do
      if one.name:find("^attempts") then
        assert.is_true(one.own >= one.service and one.own - one.service <= 100, one.name)
      elseif one.name:find("requests") then
        assert.is_true(one.own <= one.service and one.service - one.own <= 100, one.name)
      end
    end
  end)

  it("are those of the processes that run", function()
    shell.wait_for(function()
      return busy:scrape():sum "klaviyo_processes" <= 4
    end)
    assert.is_true(busy.latest:sum "klaviyo_processes" >= 1)
    assert.equal(0, busy.latest:sum "klaviyo_metrics_overflows_total")
    local logs = busy:stop()
    assert.is_nil(logs:find("[error]", 1, true), logs)
    assert.is_nil(logs:find("[emerg]", 1, true), logs)
  end)
end)

describe("the metrics of an nginx", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 3})
  local server

  after_each(function()
    if server then
      server:stop()
      server = nil
    end
  end)

  local function start(init, options)
    server = assert(nginx.start {workers = options and options.workers or 2, text = ([[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes 1;
error_log error.log warn;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
  lua_code_cache %s;
  init_by_lua_block { %s }
  server {
    listen 127.0.0.1:8080;
    location = /start { content_by_lua_block {
      local ok, message = pcall(require("klaviyo.metrics").start)
      ngx.say(tostring(ok), " ", tostring(message))
    } }
    location = /call { content_by_lua_block {
      local client = require("klaviyo").new {api_key = "%s", base_url = "%s", proxy = "", rate_limit_file = false}
      ngx.say(#assert(client.profiles:list()).data)
    } }
    location = /metrics { content_by_lua_block { require("klaviyo.metrics").content() } }
  }
}]]):format(options and options.code_cache or "on", init, fixture.key, fixture.server.base_url)})
  end

  local function get(path, options)
    return (script.shell(("curl -sS -m 20 --noproxy '*' %s %s%s"):format(options or "", server.base_url, path)))
  end

  local START = 'assert(require("klaviyo.metrics").start())'

  it("are served to GET and HEAD alone, with their media type", function()
    start(START)
    local answer = get("/metrics", "-i"):gsub("\r", "")
    assert.matches("^HTTP/1.1 200 OK\n", answer)
    assert.matches("\nContent%-Type: text/plain; version=0%.0%.4; charset=utf%-8\n", answer)
    exposition.read(answer:match("\n\n(.*)$"))
    answer = get("/metrics", "-I"):gsub("\r", "")
    assert.matches("^HTTP/1.1 200 OK\n", answer)
    assert.matches("\nContent%-Length: [1-9]%d%d+\n", answer)
    assert.equal("405", get("/metrics", "-o /dev/null -w '%{http_code}' -d x"))
  end)

  it("are counted by all workers, which one alone cannot start", function()
    start("")
    local message = get "/start"
    assert.matches("^false .*metrics%.start%(%) was called in the phase content: call it in init_by_lua", message)
    assert.equal("500", get("/metrics", "-o /dev/null -w '%{http_code}'"))
    assert.matches("nothing is counted yet: call metrics.start() first, in init_by_lua", server:logs(), 1, true)
  end)

  it("can be started by the only worker", function()
    start("", {workers = 1})
    assert.equal("true true\n", get "/start")
    assert.equal("3\n", get "/call")
    assert.equal(1, exposition.read(get "/metrics"):sum "klaviyo_requests_total")
  end)

  it("count on with lua_code_cache off", function()
    start(START, {code_cache = "off"})
    for n = 1, 3 do
      assert.equal("3\n", get "/call")
      assert.equal(n, exposition.read(get "/metrics"):sum("klaviyo_requests_total", {operation = "get_profiles"}))
    end
  end)
end)
