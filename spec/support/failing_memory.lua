-- What the core does when memory runs out. Each scenario runs repeatedly: its
-- first allocation fails, then its second, and so on, until none fails. This is
-- a script for a process of its own, with the core that failing_memory.c is linked into;
-- see spec/core/lua/memory_failures_spec.lua.
--
--   lua spec/support/failing_memory.lua SCENARIO own|libcurl URL
--
-- Each run must end normally, or with an error that names the cause, and leave
-- no request in progress. Prints the number of failed allocations.

local name, whose, url = ...
local core = require "klaviyo.core"
local engine = require "spec.support.engine"

local path = assert(package.searchpath("klaviyo.core", package.cpath))
local failing_memory = assert(package.loadlib(path, "luaopen_spec_failing_memory"))()

local MOST = 3000
local FIELDS = "HTTP/1.1 200 OK\r\nRateLimit-Limit: 75, 75;w=1\r\nRetry-After: 3\r\nA: 1\r\nA: 2\r\n\r\n"

local function page(cursor)
  return ('{"data":[],"links":{"next":%s}}'):format(
    cursor and ('"https://a.klaviyo.com/api/x?page%%5Bcursor%%5D=%s"'):format(cursor) or "null")
end

local function outcome(answer, raw_error)
  if not answer then
    error(raw_error.reason, 0)
  end
  return ("%d %s %s"):format(answer.status, #answer.body, answer.head:match("^HTTP/%S+"))
end

local scenarios = {}

-- Each function uses a new core, which has no buffers from before.
local function fresh()
  return package.loadlib(path, "luaopen_klaviyo_core")()
end

function scenarios.text()
  local long = ("x y"):rep(1000)
  return table.concat({
    fresh().url("http://h/p", "/api/lists/{id}/x", { id = "a/b" }, { "filter", { "a", long }, "b", "c" }),
    fresh().escape(long),
    fresh().rebase("http://h/p", "https://a.klaviyo.com/api/x?y#z"),
    tostring(fresh().is_base("https://h/p")),
    fresh().header_fields(FIELDS).a,
    fresh().rate_limit(FIELDS).windows[1].limit,
    fresh().retry_after(FIELDS),
  }, "\n")
end

function scenarios.json()
  package.loaded["klaviyo.core"], package.loaded["klaviyo.values.json"] = fresh(), nil
  local json = require "klaviyo.values.json"
  local list = {}
  for i = 1, 100 do
    list[i] = { number = i / 3, text = ("x\n"):rep(i), empty = json.array {}, deep = { { { i } } } }
  end
  return json.encode(list)
end

function scenarios.document()
  package.loaded["klaviyo.core"], package.loaded["klaviyo.values.json"] = fresh(), nil
  local json = require "klaviyo.values.json"
  local own = require("klaviyo.core").document_encoder {
    slots = {
      { prefix = '"list":', kind = "list", item = { kind = "list", item = { kind = "string" } }, "list" },
      { prefix = '"text":', kind = "string", "text" },
    }, names = 2, attributes = 2, type = '"sample"',
  }
  return tostring(json.encode_document(own, { text = ("x\n"):rep(9999), list = { { "a" }, { "b" } } }))
end

function scenarios.decode()
  package.loaded["klaviyo.core"], package.loaded["klaviyo.values.json"] = fresh(), nil
  local json = require "klaviyo.values.json"
  local list = {}
  for i = 1, 100 do
    list[i] = ('{"n\\n%d":"%s\\n","list":[[],{},%d,null]}'):format(i, ("x\\u00e9"):rep(i * 4), i)
  end
  local value, why = json.decode("[" .. table.concat(list, ",") .. "]")
  assert(#value == 100 and why == nil)
  return json.encode(value)
end

function scenarios.decode_resources()
  package.loaded["klaviyo.core"], package.loaded["klaviyo.values.json"] = fresh(), nil
  local json = require "klaviyo.values.json"
  local list = {}
  for i = 1, 100 do
    list[i] = ('{"\\u0069d":"%d\\n%s","type":"x"}'):format(i, ("n"):rep(i * 9))
  end
  local text, found = '{"data":[' .. table.concat(list, ",") .. "]}", package.loaded["klaviyo.core"].resources()
  assert(json.decode(text, nil, found))
  local texts = {}
  for i = 1, found:count() do
    texts[i] = table.concat({found:get(text, i)}, " ")
  end
  return table.concat(texts, "\n")
end

function scenarios.decode_only()
  package.loaded["klaviyo.core"], package.loaded["klaviyo.values.json"] = fresh(), nil
  local json = require "klaviyo.values.json"
  local only, list = {}, {}
  for i = 1, 20 do
    only[i] = ("a.%s.b"):format(("n"):rep(i * 9))
    list[i] = ('{"\\u0061":{"%s":{"%s\\n":1,"b":"%s"}},"c":[{}]}'):format(("n"):rep(i * 9), ("x"):rep(i * 200),
      ("x\\u00e9"):rep(i * 4))
  end
  local value, why = json.decode("[" .. table.concat(list, ",") .. "]", json.paths(only, "only"))
  assert(#value == 20 and why == nil and value[20].c == nil)
  return json.encode(value)
end

function scenarios.settings()
  local made, field, why = core.settings {
    headers = { "Authorization", "Klaviyo-API-Key x", "A", "b", "Empty", "" }, content_type = "application/json",
    timeout = 5, connect_timeout = 2, deadline = 5, retries = 0, max_response_bytes = 100, proxy = "http://h:1",
    ca_file = "/dev/null",
  }
  return tostring(made) .. tostring(field) .. tostring(why)
end

function scenarios.pages()
  local pages = core.pages("http://h/p", "http://h/p/api/x")
  local urls = {}
  for number = 1, 70 do -- more than what is seen has room for
    assert(pages:follow(page(number)))
    urls[#urls + 1] = pages:url()
    assert(pages:cursor() == tostring(number))
  end
  local moved, why = pages:follow(page(3))
  urls[#urls + 1] = tostring(moved) .. why
  assert(pages:follow(page()) == false)
  pages:close()
  return table.concat(urls, " ")
end

function scenarios.budget()
  local file = os.tmpname()
  os.remove(file)
  local taken
  local ok, err = pcall(function()
    local budget, why = core.budget(file)
    if not budget then
      error(why, 0)
    end
    local request_queue = core.request_queue("http://h" .. math.random(1e9), budget, {
      { name = "x", second = 3, minute = 5 } })
    taken = request_queue:take()
    request_queue:finish(taken, 200, FIELDS)
  end)
  os.remove(file)
  if not ok then
    error(err, 0)
  end
  return type(taken)
end

function scenarios.get()
  return outcome(engine.finish(engine.submit(url)))
end

scenarios.start = scenarios.get -- and the engine's beginning

function scenarios.post()
  return outcome(engine.finish(engine.submit(url, {
    method = "POST", body = ("x"):rep(100000), retries = 2,
    request_queue = engine.request_queue(url, { { name = "x", second = 100000 } }),
  })))
end

-- The server closes the kept-alive connection: the request is retried on another.
function scenarios.again()
  return outcome(engine.finish(engine.submit(url, { retries = 1 })))
end

function scenarios.form()
  local form = { "data", ("x"):rep(1000), "a.csv", "text/csv", "import", "y", false, false }
  return outcome(engine.finish(core.submit(engine.settings(), engine.request_queue(url), "POST", url .. "/", form)))
end

function scenarios.many()
  local tickets, waiting, count = {}, {}, 80
  local request_queue, settings = engine.request_queue(url), engine.settings()
  for i = 1, count do
    local ticket = engine.submit(url, { request_queue = request_queue, with = settings })
    tickets[i] = ticket
    if i % 3 == 0 then
      ticket:cancel()
    elseif not ticket:done() then
      waiting[ticket:announce()] = true
    end
  end
  local deadline = core.clock() + 20
  while next(waiting) do
    assert(core.clock() < deadline, "an end is missing")
    for _, serial in ipairs(core.wait_any(0.2)) do
      waiting[serial] = nil
    end
  end
  local why
  for i = 1, count do
    assert(tickets[i]:done())
    local answer, raw_error = tickets[i]:result()
    if not answer and raw_error.kind ~= "cancelled" then
      why = why or raw_error.reason
    end
  end
  if why then
    error(why, 0)
  end
  return "all"
end

-- From here on a background thread runs the loop in this process.
local port
local function submit_by_port()
  port = port or core.completion_queue()
  return core.submit(engine.settings(), engine.request_queue(url), "GET", url .. "/", nil, true, port)
end

function scenarios.port()
  local ticket = submit_by_port()
  local deadline = core.clock() + 20
  while not ticket:done() do
    assert(core.clock() < deadline, "an end is missing")
    engine.drain(port, 0.1)
  end
  return outcome(ticket:result())
end

function scenarios.track()
  port = port or core.completion_queue()
  local before = core.background_stats()
  assert(core.track(engine.settings(), engine.request_queue(url), "POST", url .. "/", "{}", true, 10))
  local deadline = core.clock() + 20
  local now = core.background_stats()
  while now.sent + now.failed == before.sent + before.failed do
    assert(core.clock() < deadline, "an end is missing")
    now = core.background_stats()
  end
  if now.failed > before.failed then
    error(core.failures()[1].reason, 0)
  end
  return "sent"
end

-- Whether an error is an allowed one. libcurl has many messages for it.
local function is_fair(err)
  return type(err) == "string" and (err:find("memory", 1, true) ~= nil
    or err:find("^libcurl ") ~= nil -- cannot be started, takes no more
    or whose == "libcurl")
end

-- Waits until nothing is left of a run. This starts the engine, and so is not
-- done in the scenario that tests the start.
local function tidy()
  collectgarbage()
  local deadline = core.clock() + 10
  while name ~= "start" and not engine.is_idle() do
    assert(core.clock() < deadline, "something is left")
    if not port then
      core.pump(0.01)
    end
  end
end

local expected
local refusals, errors = 0, 0
tidy() -- libcurl begins with the engine
for n = 1, MOST do
  failing_memory.fail(whose, n)
  local ok, result = pcall(scenarios[name])
  local refused = failing_memory.stop()
  tidy()
  if not ok and not (refused and is_fair(result)) then
    error(("%s, refusal %d: %s"):format(name, n, tostring(result)))
  end
  errors = errors + (ok and 0 or 1)
  if ok then
    expected = expected or result
    assert(result == expected, "another result")
  end
  if not refused then
    print(("%d refused, %d errors"):format(refusals, errors))
    os.exit(true, true)
  end
  refusals = refusals + 1
end
error("there is no end to it")
