-- Calls keep to the limits of the service, of a gateway, and of all programs
-- on this machine that use the same account.
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local together = require "spec.support.together"

local OK = { body = '{"data":[]}' }

describe("pacing #alone #time", function()
  local folders = folder.here(teardown)
  local dir, names = nil, 0

  setup(function()
    dir = folders.new()
  end)

  -- Checking a rate per second takes seconds: all specs wait at the same time,
  -- each with a sandbox of its own. An error costs at least a second.
  local function limited(window_phase)
    return sandbox.here(setup, teardown, { limits = true, window_phase = window_phase })
  end

  local single, independent, parameterized, unpaced = limited(), limited(), limited(), limited()
  local consumed = limited "first"
  local others = sandbox.here(setup, teardown, {
    limits = { get_metrics = { second = 20, minute = 40, day = 44 } }, time_scale = 0.05, window_phase = 0,
  })
  local spec = together(it, setup)

  local slowest = {} -- client → seconds of its slowest attempt

  -- A client with an account of its own.
  local function paced(base_url, more)
    names = names + 1
    local client
    local settings = { pacing = true, retries = 4, rate_limit_key = "account " .. names,
      rate_limit_file = dir .. "/budget",
      revision = "2026-07-15",
      on_attempt = function(attempt)
        slowest[client] = math.max(slowest[client], attempt.elapsed)
      end }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    client = connect(base_url, settings)
    slowest[client] = 0
    return client
  end

  -- Seconds that `fn` took; those without what this process, the server, or the
  -- machine was too busy for: how late a timer was meanwhile, in all, and the
  -- slowest response of the client for each second, since a request counts
  -- against the limit until a second after its response.
  local function seconds_of(client, fn)
    local lost, is_over = 0, false
    local ticker = klaviyo.spawn(function()
      while not is_over do
        local began = core.clock()
        klaviyo.sleep(0.05)
        lost = lost + core.clock() - began - 0.05
      end
    end)
    local began = core.clock()
    local ok, failure = pcall(fn)
    local elapsed = core.clock() - began
    is_over = true
    ticker:wait()
    if not ok then
      error(failure, 0)
    end
    return elapsed, elapsed - lost - math.ceil(elapsed) * slowest[client]
  end

  local function assert_between(lowest, highest, elapsed, used)
    assert.is_true(elapsed >= lowest and used < highest, ("%.3f s, %.3f s of its own"):format(elapsed, used))
  end

  -- Makes `count` concurrent calls; returns the errors.
  local function call_many(client, operation, count, args)
    local errors = {}
    local function numbers(at)
      return function()
        at = at + 1
        return at <= count and at or nil
      end
    end
    for _, err in client:map(numbers(0), function()
      return client:call(operation, args)
    end, { concurrency = count }) do
      errors[#errors + 1] = err
    end
    return errors
  end

  local function throttled(fixture)
    local stats = fixture.server:stats()
    return stats.statuses["429"] or 0
  end

  -- The service's own limits, counted as the service counts them.

  spec("gets no 429, and wastes no time", function()
    local client = paced(single.server.base_url)
    local elapsed, used = seconds_of(client, function()
      assert.same({}, call_many(client, "get_metrics", 31)) -- 10/s
    end)
    assert.equal(0, throttled(single))
    assert_between(3, 3.95, elapsed, used)
  end)

  spec("gets no 429 with independent clients", function()
    local account = { rate_limit_key = "of several", deadline = 20 }
    local began, calls = core.clock(), {}
    for i = 1, 3 do
      calls[i] = klaviyo.spawn(function()
        assert.same({}, call_many(paced(independent.server.base_url, account), "get_metrics", 8))
      end)
    end
    for _, call in ipairs(calls) do
      call:wait()
    end
    assert.equal(0, throttled(independent))
    assert.is_true(core.clock() - began >= 2)
  end)

  spec("gets no 429 where a parameter has a lower limit, shared by several operations", function()
    local client = paced(parameterized.server.base_url)
    local args = { additional_fields = { list = { "profile_count" } } } -- 1/s, 15/min
    local id = assert(client.lists:create { name = "Paced" }).data.id
    local elapsed, used = seconds_of(client, function()
      for _ = 1, 3 do
        assert(client.lists:get(id, args))
      end
      for _ = 1, 20 do
        assert(client.lists:get(id))
      end
    end)
    assert.equal(0, throttled(parameterized))
    assert_between(2, 3.5, elapsed, used)
  end)

  spec("waits for limits that other programs have used up", function()
    consumed.server:consume { operation = "get_metrics", requests = 10 }
    local client = paced(consumed.server.base_url)
    local elapsed, used = seconds_of(client, function()
      assert(client:call("get_metrics"))
    end)
    -- the second had passed; or the call got one 429, and waited for Retry-After
    assert_between(0, 1.6, elapsed, used)
    consumed.server:consume { operation = "get_metrics", requests = 149 }
    local tries, _, err = 0
    repeat -- a busy machine may need longer for a response
      tries = tries + 1
      _, err = client:call("get_metrics", nil, { deadline = 0.5 })
    until err and err.kind ~= "timeout" or tries == 10
    assert.equal("rate_limited", err.kind)
    assert.is_true(err.retry_after > 0)
    -- and sends no further request: the limit is known
    local before = consumed.server:stats().requests
    elapsed, used = seconds_of(client, function()
      _, err = client:call("get_metrics", nil, { deadline = 0.5 })
    end)
    assert.equal("rate_limited", err.kind)
    assert_between(0, 0.4, elapsed, used)
    assert.equal(before, consumed.server:stats().requests)
  end)

  spec("is off with pacing = false", function()
    local client = paced(unpaced.server.base_url, { pacing = false, retries = 0 })
    assert.is_true(#call_many(client, "get_metrics", 40) > 0)
    assert.is_true(throttled(unpaced) > 0)
  end)

  spec("learns limits and windows that differ from the table of operations", function()
    local client = paced(others.server.base_url)
    assert(client:call("get_metrics")) -- the response reports 20 a second, 40 in 3 s, 44 a day
    local elapsed, used = seconds_of(client, function()
      assert.same({}, call_many(client, "get_metrics", 42))
    end)
    assert.equal(nil, others.server:stats().statuses["429"])
    assert_between(3, 5, elapsed, used)
    assert(client:call("get_metrics"))
    local _, err = client:call("get_metrics", nil, { deadline = 30 })
    assert.equal("rate_limited", err.kind)
    assert.is_true(err.retry_after > 60, tostring(err.retry_after))
  end)

  spec("can use a gateway's limits", function()
    raw.with({ answers = { OK } }, function(server)
      local client = paced(server.url, { pacing = { per_second = 5 } })
      local elapsed, used = seconds_of(client, function()
        for i = 1, 16 do
          assert(client:call(i % 2 == 0 and "get_lists" or "get_segments"))
        end
      end)
      assert_between(3, 3.95, elapsed, used)
    end)
  end)

  spec("keeps to the gateway's limits even if it forwards the service's header fields", function()
    raw.with({ answers = { { body = OK.body, headers = { ["RateLimit-Limit"] = "75, 75;w=1, 750;w=60",
      ["RateLimit-Remaining"] = "749", ["RateLimit-Reset"] = "60" } } } }, function(server)
      local client = paced(server.url, { pacing = { per_second = 5 } })
      local elapsed, used = seconds_of(client, function()
        for _ = 1, 11 do
          assert(client:call("get_lists"))
        end
      end)
      assert_between(2, 2.95, elapsed, used)
    end)
  end)

  spec("keeps to the service's limits behind a gateway that allows more", function()
    raw.with({ answers = { OK } }, function(server)
      local client = paced(server.url, { pacing = { per_second = 100 } })
      local elapsed, used = seconds_of(client, function()
        for _ = 1, 7 do  -- three a second
          assert(client:call("get_custom_metrics"))
        end
      end)
      assert_between(2, 2.95, elapsed, used)
    end)
  end)

  spec("is shared by all processes of the machine", function()
    raw.with({ answers = { OK } }, function(server)
      local text = ([[
        local klaviyo, core = require "klaviyo", require "klaviyo.core"
        local client = klaviyo.new { api_key = %q, base_url = %q, rate_limit_file = %q,
          rate_limit_key = "several processes", proxy = "", revision = "2026-07-15", on_warning = print }
        for i = 1, 8 do
          assert(client:call("get_metrics"))
        end
      ]]):format(key, server.url, dir .. "/several")
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      file:write(text)
      file:close()
      local one, out = script.quote(script.interpreter) .. " " .. name, name .. ".out"
      local began = core.clock()
      script.shell(("{ ( %s & %s & %s & %s & wait ) >%s.part 2>&1; mv %s.part %s; } </dev/null >/dev/null 2>&1 &")
        :format(one, one, one, one, out, out, out))
      local output
      repeat
        klaviyo.sleep(0.02)
        output = io.open(out)
      until output or core.clock() > began + 60
      local elapsed = core.clock() - began
      assert.equal("", assert(output):read("*a"))
      output:close()
      os.remove(name)
      os.remove(out)
      assert.equal(32, #server:requests())
      -- 10/s: three whole seconds, however many processes there are
      assert.is_true(elapsed >= 3, tostring(elapsed))
    end)
  end)

  -- Returns the output of a script that makes two calls with a limit of one a day.
  local function run_one_a_day(url, account, before)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(([[
      local client = require("klaviyo").new { api_key = %q, base_url = %q, rate_limit_key = %q, proxy = "",
        revision = "2026-07-15", pacing = { per_day = 1 }, deadline = 1, on_warning = print }
      local doc, err = client:call("get_metrics")
      print(doc and "sent" or err.kind)
      doc, err = client:call("get_metrics")
      print(doc and "sent" or err.kind)
    ]]):format(key, url, account))
    file:close()
    local text = script.shell(("%s %s %s"):format(before, script.quote(script.interpreter), name))
    os.remove(name)
    return text
  end

  spec("is shared by all processes of a user, whatever their environment", function()
    raw.with({ answers = { OK } }, function(server)
      -- the default file of this user, in which this is an account of its own
      local account = "spec " .. dir .. " " .. server.url
      local function run(environment)
        return run_one_a_day(server.url, account, "env -u KLAVIYO_RATE_LIMIT_FILE " .. environment)
      end
      assert.equal("sent\nrate_limited\n", run("XDG_RUNTIME_DIR=" .. dir .. " TMPDIR=" .. dir))
      assert.equal("rate_limited\nrate_limited\n", run "-u XDG_RUNTIME_DIR -u TMPDIR")
      assert.equal("rate_limited\nrate_limited\n", run "HOME=/ XDG_RUNTIME_DIR=/nowhere")
    end)
  end)

  spec("uses the file that the environment names", function()
    raw.with({ answers = { OK } }, function(server)
      local function run(name)
        return run_one_a_day(server.url, "named", ("env KLAVIYO_RATE_LIMIT_FILE=%s/%s"):format(dir, name))
      end
      assert.equal("sent\nrate_limited\n", run "one")
      assert.equal("rate_limited\nrate_limited\n", run "one")
      assert.equal("sent\nrate_limited\n", run "two")
    end)
  end)

  spec("uses the first folder in which the file can be created", function()
    local rate_limits = require "klaviyo.transport.rate_limits"
    local name = "/klaviyo-rate-limits-" .. core.user()
    script.shell(("mkdir %s/taken %s/free; ln -s /etc/passwd %s/taken%s"):format(dir, dir, dir, name))
    local budget, path = rate_limits.open_default { dir .. "/none", dir .. "/taken", dir .. "/free" }
    assert.is_truthy(budget)
    assert.equal(dir .. "/free" .. name, path)
    local why
    budget, path, why = rate_limits.open_default { dir .. "/none", dir .. "/taken" }
    assert.is_nil(budget)
    assert.equal(dir .. "/none" .. name, path)
    assert.matches("No such file", why)
  end)

  spec("continues if the file becomes unwritable, and warns once", function()
    raw.with({ answers = { OK } }, function(server)
      local before = ("env KLAVIYO_RATE_LIMIT_FILE=%s/small"):format(dir)
      run_one_a_day(server.url, "before", before)
      local text = run_one_a_day(server.url, "after", "ulimit -f 8; " .. before)
      local warnings
      text, warnings = text:gsub("[^\n]*cannot be shared %(File too large%): this process counts for itself[^\n]*\n",
        "")
      assert.equal(1, warnings)
      assert.equal("sent\nrate_limited\n", text)
    end)
  end)

  spec("is not shared with rate_limit_file = false", function()
    raw.with({ answers = { OK } }, function(server)
      local client = paced(server.url, { rate_limit_file = false })
      for _ = 1, 3 do
        assert(client:call("get_metrics"))
      end
      assert.is_nil(io.open(dir .. "/false"))
    end)
  end)

  spec("continues if the file cannot be created, and warns once", function()
    raw.with({ answers = { OK } }, function(server)
      local warnings = {}
      local function warn(message)
        warnings[#warnings + 1] = message
      end
      for _ = 1, 2 do
        local client = paced(server.url, { rate_limit_file = dir .. "/no/such/folder/budget", on_warning = warn,
          rate_limit_key = "homeless" })
        for _ = 1, 6 do
          assert(client:call("get_metrics"))
        end
      end
      assert.equal(1, #warnings)
      assert.matches("no/such/folder", warnings[1])
      assert.matches("No such file.*the setting rate_limit_file names another file", warnings[1])
      -- twelve at ten a second: both clients still share their counts
      local client = paced(server.url, { rate_limit_file = dir .. "/no/such/folder/budget", rate_limit_key = "homeless",
        deadline = 0.3 })
      local failed = 0
      for _ = 1, 10 do
        local _, err = client:call("get_metrics")
        failed = failed + (err and 1 or 0)
      end
      assert.is_true(failed > 0)
    end)
  end)

  spec("needs a rate_limit_key if the token can change", function()
    raw.with({ answers = { OK } }, function(server)
      local client = connect(server.url, { access_token = "at", pacing = true, rate_limit_file = dir .. "/budget" })
      assert.has_error(function() client:call("get_lists") end)
    end)
  end)
end)
