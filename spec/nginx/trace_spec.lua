-- The trace of the request that nginx handles goes out with its calls; spans and log lines.
local cjson = require "cjson"
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of traces in nginx") then
  return
end

local TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
local PARENT = "00-" .. TRACE_ID .. "-b7ad6b7169203331-01"

local LOCATIONS = {
  ["/call"] = [[
    assert(client:call("get_list", {id = ngx.var.arg_id or "A"}))
    ngx.say("done")
  ]],
  ["/off"] = [[
    assert(client:with {traceparent = false}:call("get_lists"))
    ngx.say("done")
  ]],
  ["/timer"] = [[
    ngx.timer.at(0, function()
      assert(client:call("get_lists"))
      note("timer", "done")
    end)
    ngx.say("done")
  ]],
  ["/track"] = [[
    content_by_lua_block { ngx.say("done") }
    log_by_lua_block {
      assert(client.events:track {metric = "A", profile = {email = "a@example.com"}, properties = {}})
    }
  ]],
  ["/spans"] = [[
    local traced = client:with {on_span = function(name, start, stop, attributes)
      ngx.sleep(0.01)
      note("span", ngx.var.arg_id, attributes.trace_id, attributes.parent_span_id, attributes.span_id,
        attributes["url.full"]:match("[^/]*$"), stop >= start)
    end}
    local threads = {}
    for i = 1, 3 do
      threads[i] = ngx.thread.spawn(function()
        assert(traced:call("get_list", {id = ngx.var.arg_id .. "-" .. i}))
      end)
    end
    for i = 1, 3 do
      assert(ngx.thread.wait(threads[i]))
    end
    ngx.say("done")
  ]],
  ["/log"] = [[
    assert(client:with {log = "json"}:call("get_lists", {sort = "name"}))
    ngx.say(ngx.var.request_id)
  ]],
}

describe("in nginx", function()
  local instance, server

  setup(function()
    server = raw.start { answers = { { body = '{"data":[]}' } } }
    instance = worker.start({ base_url = server.url, key = key }, {
      -- nginx makes another $request_id each time it is read, unless its configuration uses the variable
      http = "log_format ids $request_id;", locations = LOCATIONS,
    })
  end)

  teardown(function()
    if instance then
      instance:stop()
    end
    server:stop()
  end)

  -- The requests that the service received for one of ours.
  local function requests_of(path, headers, count)
    local before = #server:requests()
    local options = {}
    for i, header in ipairs(headers or {}) do
      options[i] = "-H '" .. header .. "'"
    end
    local body, status = instance:get(path, table.concat(options, " "))
    assert.equal(200, status, body)
    local list
    assert.is_truthy(shell.wait_for(function()
      list = { unpack(server:requests(), before + 1) }
      return #list >= (count or 1)
    end, 10))
    return list, body
  end

  local function fields(path, headers)
    local request = requests_of(path, headers)[1]
    return { request.headers.traceparent, request.headers.tracestate }
  end

  it("a call sends the trace of the request", function()
    assert.same({ PARENT, "a=1,b=2" }, fields("/call", { "traceparent: " .. PARENT, "tracestate: a=1, b=2" }))
    assert.same({}, fields("/call"))
  end)

  it("an invalid trace is dropped", function()
    assert.same({}, fields("/call", { "traceparent: " .. PARENT .. "-x", "tracestate: a=1" }))
    assert.same({}, fields("/call", { "traceparent: " .. PARENT:upper() }))
    assert.same({}, fields("/call", { "tracestate: a=1" }))
    assert.same({ PARENT }, fields("/call", { "traceparent: " .. PARENT, "tracestate: A=1" }))
  end)

  it("traceparent = false sends none, and a timer has none", function()
    assert.same({}, fields("/off", { "traceparent: " .. PARENT }))
    assert.same({}, fields("/timer", { "traceparent: " .. PARENT }))
    assert.same({ "done" }, instance:noted("timer"))
  end)

  it("a tracked event sends it, from log_by_lua", function()
    assert.same({ PARENT, "a=1" }, fields("/track", { "traceparent: " .. PARENT, "tracestate: a=1" }))
  end)

  it("two requests at a time, with three light threads each, do not mix their traces", function()
    local before = #server:requests()
    local commands = {}
    for i = 1, 8 do
      commands[i] = ("curl -sS -m 20 --noproxy '*' -H 'traceparent: 00-%s%d-b7ad6b716920333%d-01' '%s/spans?id=%d' &")
        :format(TRACE_ID:sub(1, 31), i, i, instance.base_url, i)
    end
    commands[#commands + 1] = "wait"
    local _, output = shell.run(table.concat(commands, "\n"))
    assert.equal(("done\n"):rep(8), output)
    local spans, answered = {}, {}
    for _, line in ipairs(instance:noted("span", 24)) do
      local id, trace_id, parent, span_id, url_id, ordered = line:match("^(%d) (%x+) (%x+) (%x+) (%S+) (%S+)$")
      assert.same({ TRACE_ID:sub(1, 31) .. id, "b7ad6b716920333" .. id, id, "true" },
        { trace_id, parent, url_id:sub(1, 1), ordered })
      spans[trace_id .. span_id] = url_id
    end
    for i, request in ipairs(server:requests()) do
      if i > before then
        local trace_id, span_id = request.headers.traceparent:match("^00%-(%x+)%-(%x+)%-01$")
        local url_id = request.target:match("[^/]*$")
        assert.equal(url_id, spans[trace_id .. span_id])
        answered[url_id] = true
      end
    end
    for i = 1, 8 do
      for thread = 1, 3 do
        assert.is_true(answered[i .. "-" .. thread])
      end
    end
  end)

  it("a log line is a line of its own in the error log, with nginx's id of the request", function()
    local _, body = requests_of("/log?email=canary@example.com", { "traceparent: " .. PARENT })
    local id = body:match("^(%x+)")
    local entry
    for line in shell.read(instance.server.dir .. "/error.log"):gmatch("[^\n]+") do
      if line:find('"nginx_request_id"', 1, true) then
        assert.is_nil(line:find("canary", 1, true))
        entry = cjson.decode(line)
      end
    end
    assert.same({ id, TRACE_ID, "get_lists", 200, "info" },
      { entry.nginx_request_id, entry.trace_id, entry.operation, entry.status, entry.level })
  end)

  it("log lines go to the new error log after logrotate", function()
    local path = instance.server.dir .. "/error.log"
    assert(os.rename(path, path .. ".1"))
    assert(shell.run("kill -USR1 " .. instance.pid))
    assert.is_truthy(shell.wait_for(function()
      requests_of("/log")
      return (shell.read(path) or ""):find('\n?{"ts":"[^\n]+"operation":"get_lists"')
    end, 10))
  end)
end)
