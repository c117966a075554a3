-- The status page in nginx: samples of all workers, across reloads and killed
-- workers. What it shows is in status_page_spec.lua.

local base64 = require "klaviyo.util.base64"
local browser = require "spec.support.browser"
local digest = require "klaviyo.digest"
local nginx = require "spec.support.nginx"
local readable = require "spec.support.readable"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of the status page in nginx") then
  return
end

-- The periods are shorter than in production. Notes who takes each sample.
local INIT = [[
  require("klaviyo.metrics").start()
  local history = require "klaviyo.metrics.status.history"
  history.INTERVAL = 0.25
  local add = history.add
  function history.add(dict, sample)
    note("sample", history.period(sample.time), ngx.worker.pid())
    return add(dict, sample)
  end
]]

local ROOT = script.shell("pwd -P"):gsub("%s+$", "")

local LOCATIONS = {
  ["= /status"] = 'require("klaviyo.metrics.status").content()',
  ["= /call"] = 'ngx.say(tostring((select(2, client:call("get_lists")))))',
  ["= /seed"] = ([[
    package.path = package.path .. ";$ROOT/?.lua"
    local history = require "klaviyo.metrics.status.history"
    local samples_of = require "spec.support.status_samples"
    history.INTERVAL = 10
    ngx.update_time()
    local samples, details = samples_of.hour(nil, 1, ngx.now())
    for slot = 1, history.SLOTS do
      samples[slot].details = details
      assert(history.add(ngx.shared.klaviyo_status, samples[slot]))
    end
    local found = 0
    for _ in pairs((history.read(ngx.shared.klaviyo_status))) do
      found = found + 1
    end
    ngx.say(found)
  ]]):gsub("%$ROOT", ROOT),
}

describe("the status page in nginx", function()
  local fixture = sandbox.here(setup, teardown, {})
  local instance

  after_each(function()
    if instance then
      instance:stop()
      instance = nil
    end
  end)

  local function start(options)
    options = options or {}
    options.http = options.http or "lua_shared_dict klaviyo_status 2m;"
    options.locations = LOCATIONS
    options.init = options.init or INIT
    options.init_worker = options.init_worker or 'require("klaviyo.metrics.status").start()'
    options.workers = options.workers or 2
    instance = worker.start(fixture.server, options)
    return instance
  end

  -- Who took which samples so far.
  local function samples()
    local list = {}
    for _, line in ipairs(instance:noted("sample")) do
      local period, pid = line:match("^(%d+) (%d+)$")
      list[#list + 1] = {period = tonumber(period), pid = pid}
    end
    return list
  end

  local function wait_for_samples(count)
    local list
    assert.is_truthy(shell.wait_for(function()
      list = samples()
      return #list >= count
    end, 20))
    return list
  end

  -- Returns the number that the page shows beside a word in a legend.
  local function shown(word)
    local body = instance:get("/status")
    return (body:match("<dt>" .. word .. "</dt><dd>([^<]*)</dd>"))
  end

  it("shows the requests of all workers", function()
    start()
    wait_for_samples(1)
    for _ = 1, 40 do
      assert.equal("nil\n", (instance:get("/call")))
    end
    assert.equal("40", shell.wait_for(function()
      local count = shown("in the last hour")
      return count == "40" and count
    end, 10) or shown("in the last hour"))
    assert.same({}, instance:problems())
  end)

  it("has one sample for each period", function()
    start {workers = 4}
    local list = wait_for_samples(8)
    local taken = {}
    for _, one in ipairs(list) do
      assert.is_nil(taken[one.period])
      taken[one.period] = one.pid
    end
  end)

  it("keeps its history over a reload", function()
    start()
    wait_for_samples(1)
    for _ = 1, 5 do
      instance:get("/call")
    end
    local count = #wait_for_samples(#samples() + 2)
    local before = instance:reload()
    for _, pid in ipairs(before) do
      assert.is_true(worker.has_ended(pid, 10))
    end
    wait_for_samples(count + 3)
    instance:get("/call")
    assert.equal("6", shell.wait_for(function()
      return shown("in the last hour") == "6" and "6"
    end, 10))
    assert.same({}, instance:problems())
  end)

  it("has samples after the worker that took them is killed", function()
    start()
    for _ = 1, 2 do
      local list = wait_for_samples(#samples() + 2)
      local last = list[#list]
      instance:signal("KILL", last.pid)
      list = wait_for_samples(#list + 3)
      assert.are_not.equal(last.pid, list[#list].pid)
    end
    assert.is_truthy(instance:get("/status"):find("Newest sample: %d%d:%d%d:%d%d UTC"))
  end)

  it("has samples while a worker hangs", function()
    start()
    for _, pid in ipairs(instance:workers()) do
      local count = #samples()
      instance:signal("STOP", pid)
      local list = shell.wait_for(function()
        local now = samples()
        return #now >= count + 3 and now
      end, 10)
      instance:signal("CONT", pid)
      assert.is_truthy(list, "no samples while a worker hangs")
      assert.are_not.equal(pid, list[#list].pid)
    end
  end)

  it("is sent with a policy that allows its style sheet alone", function()
    start()
    wait_for_samples(2)
    local head, status = instance:get("/status", "-D - -o /dev/null")
    assert.equal(200, status)
    local body = instance:get("/status")
    local style = body:match("<style>(.-)</style>")
    local raw = digest.sha256(style):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
    assert.matches("Content-Security-Policy: default-src 'none'; style-src 'sha256-" .. base64.encode(raw)
      .. "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r", head, 1, true)
    for _, line in ipairs {"Content-Type: text/html; charset=utf-8", "Cache-Control: no-store",
      "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer"} do
      assert.matches(line .. "\r", head, 1, true)
    end
    assert.equal(200, select(2, instance:get("/status", "-I")))
    head, status = instance:get("/status", "-X POST -D -")
    assert.equal(405, status)
    assert.matches("Allow: GET, HEAD\r", head, 1, true)
    assert.is_nil(instance:get("/status?refresh=off"):find("http%-equiv"))
  end)

  it("says what is missing", function()
    start {init_worker = "local x = 1"}
    assert.equal(500, select(2, instance:get("/status")))
    assert.matches("status.content: call status.start in init_worker_by_lua first", instance:logs(), 1, true)
    instance:stop()
    start {http = "lua_shared_dict other 2m;", init_worker = [[
      note("start", select(2, pcall(require("klaviyo.metrics.status").start)))]]}
    assert.matches('status.start: there is no lua_shared_dict "klaviyo_status" in nginx.conf',
      instance:noted("start", 2)[1], 1, true)
    instance:stop()
    start {init = "", init_worker = 'note("start", select(2, pcall(require("klaviyo.metrics.status").start)))'}
    assert.matches("status.start: nothing is counted yet: call metrics.start() in init_by_lua",
      instance:noted("start", 2)[1], 1, true)
  end)

  it("keeps an hour in 2 MB, and is shown by a browser as it is sent", function()
    start {init = INIT .. "history.claim = function() return false end"}  -- none of its own
    assert.equal("360\n", (instance:get("/seed")))
    if browser.missing() then
      pending(browser.missing())
      return
    end
    local tab = browser.start()
    finally(function() tab:stop() end)
    for _, width in ipairs {1280, 360} do
      for _, scheme in ipairs {"light", "dark"} do
        tab:emulate {width = width, height = 800, scheme = scheme}
        tab:open(instance.base_url .. "/status?refresh=off")
        assert.same({}, tab:console())
        assert.same({instance.base_url .. "/status?refresh=off"}, tab:requests())
        -- the style sheet is applied
        assert.equal("flex", tab:evaluate("getComputedStyle(document.querySelector('header')).display"))
        assert.equal(12, tab:evaluate("document.querySelectorAll('.card').length"))
        assert.same({}, readable.texts(tab))
        assert.same({}, readable.overflow(tab))
      end
    end
  end)

  local function is_served(example)
    finally(function() example:stop() end)
    local function status_of(path, options)
      return script.shell(("curl -s -o /dev/null -w '%%{http_code}' --noproxy '*' %s %s"):format(options or "",
        example.base_url .. path))
    end
    assert.equal("200", status_of "/status")
    assert.equal("200", status_of "/metrics")
    assert.equal("403", status_of("/status", "--interface 127.0.0.2"))
    assert.equal("403", status_of("/metrics", "--interface 127.0.0.2"))
  end

  it("is served as in examples/nginx/status.conf, to this machine", function()
    is_served(assert(nginx.start {example = "status.conf", workers = 1, env = {KLAVIYO_API_KEY = "pk_none"}}))
  end)

  it("is served by the gateway, to this machine", function()
    is_served(assert(nginx.gateway(fixture.server)))
  end)
end)
