-- A program that runs a Lua state in each of its threads: spec/support/threads.c.
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local quote = script.quote

if not package.searchpath then return end -- Lua 5.1 proper

local program = assert(package.searchpath("klaviyo.core", package.cpath)):gsub("klaviyo/core%.so$", "threads")
local built = io.open(program)
if not built then
  pending("the program with threads was not built") -- an installed rock has none
  return
end
built:close()

describe("threads with their own Lua states", function()
  local fixture = sandbox.here(setup, teardown, { profiles = 30 })

  -- Runs these lines in `count` threads; returns their output and the exit status.
  local function run(count, mode, lines)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write([[
      local number, base_url, key, dir = ...
      local klaviyo = require "klaviyo"
      local function connect(more)
        local settings = { api_key = key, base_url = base_url, revision = "2026-07-15", proxy = "",
          rate_limit_file = dir .. "/limits" }
        for name, value in pairs(more or {}) do
          settings[name] = value
        end
        return klaviyo.new(settings)
      end
    ]] .. lines)
    file:close()
    -- LeakSanitizer may crash itself where it reads the TLS of threads that have ended
    local text, status = script.shell(("LSAN_OPTIONS=use_tls=0:print_suppressions=0 "
      .. "timeout 60 %s %d %s %s %s %s %s 2>&1"):format(quote(program), count, mode, name,
      quote(fixture.server.base_url), quote(fixture.key), quote(fixture.server.dir)))
    os.remove(name)
    return text, status
  end

  it("count together for the metrics", function()
    local name = fixture.server.dir .. "/metrics-"
    local text, status = run(4, "own", [[
      assert(klaviyo.metrics.start())
      local client = connect()
      for _ = 1, 5 do assert(client.profiles:list()) end
      io.open(dir .. "/metrics-" .. number, "w"):close()
      -- the last one that has finished reads
      repeat
        local finished = 0
        for i = 0, 4 do
          local file = io.open(dir .. "/metrics-" .. i)
          finished = finished + (file and file:close() and 1 or 0)
        end
        klaviyo.sleep(0.01)
      until finished == 4
      local attempts = klaviyo.metrics.text():match('klaviyo_attempts_total{operation="get_profiles"} (%d+)')
      assert(attempts == "20", attempts)
    ]])
    script.shell("rm -f " .. name .. "*")
    assert.equal(0, status, text)
  end)

  local GETS = [[
    local client = connect(CLIENT)
    for i = 1, 20 do
      assert(#assert(client.profiles:list({ page = { size = 5 } })).data == 5)
      if i % 10 == 0 then
        local n = 0
        for _ in client.profiles:each({ page = { size = 7 } }) do n = n + 1 end
        assert(n >= 30)
        for doc in client:map({ 1, 2, 3, 4, 5 }, function()
          return assert(client.profiles:list())
        end) do
          assert(doc.data)
        end
      end
    end
  ]]

  for _, mode in ipairs { "own", "kept" } do
    for name, settings in pairs { paced = "{}", ["not paced"] = "{ pacing = false }" } do
      it(("work side by side, %s, with states that are %s"):format(name, mode), function()
        local text, status = run(4, mode, (GETS:gsub("CLIENT", settings)))
        assert.equal("", text)
        assert.equal(0, status)
      end)
    end
  end

  it("send tracked events before they end", function()
    local function count()
      return fixture.server:stats().operations.create_event or 0
    end
    local before = count()
    local text, status = run(4, "own", [[
      for i = 1, 25 do
        assert(connect().events:track { metric = "Threads", profile = { email = "t@example.com" },
          properties = { number = number, i = i } })
      end
    ]])
    assert.equal("", text)
    assert.equal(0, status)
    assert.equal(100, count() - before)
  end)

  it("close their descriptors #native", function()
    local text, status = run(3, "again", [[
      for _ in connect().profiles:each() do end
    ]])
    assert.equal("", text)
    assert.equal(0, status)
  end)

  it("cannot share a Lua state", function()
    local text, status = run(2, "moved", [[
      client = client or connect { retries = 0 }
      local doc, err = client.profiles:list()
      assert((number == 0) == (doc ~= nil), tostring(err))
      assert(doc or err.kind == "transport" and tostring(err):find("each thread needs its own", 1, true), tostring(err))
    ]])
    assert.equal("", text)
    assert.equal(0, status)
  end)
end)
