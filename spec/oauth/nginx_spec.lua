-- The tokens of one account in four workers of nginx and three scripts, when the
-- token ends while the token endpoint is slow and fails every third time.
-- OAUTH_ROUNDS is how often it ends.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
elseif worker.missing() then
  pending("the specs of OAuth in nginx: " .. worker.missing())
  return
end

local ROUNDS = tonumber(os.getenv("OAUTH_ROUNDS") or 2)
local WORKERS, SCRIPTS, TASKS = 4, 3, 50

describe("the tokens of an account in nginx and in scripts", function()
  local server, instance, fixture, waits

  after_each(function()
    shell.write(fixture.dir .. "/stop", "")
    for _, wait in ipairs(waits) do
      wait()
    end
    if instance then
      instance:stop()
      instance = nil
    end
    server:stop()
  end)

  local folders = folder.here(after_each)  -- removed last

  -- Starts a sandbox, authorizes an account, and starts the workers and scripts, which
  -- run a function of spec.support.oauth_callers.
  local function start(options, fn, ...)
    waits = {}
    options.approve, options.client_secret, options.record = true, oauth.SECRET, 0
    server = assert(klaviyo.sandbox.start(options))
    fixture = oauth.callers(server, folders.new())
    local arguments = {}
    for i, value in ipairs {...} do
      arguments[i] = ", " .. value
    end
    local text = oauth.caller_text(fixture.dir, fn, table.concat(arguments))
    instance = worker.start(server, {
      workers = WORKERS,
      init_worker = ("ngx.timer.at(0, function() %s end)"):format(text:format('"worker " .. ngx.worker.id()', TASKS)),
    })
    for i = 1, SCRIPTS do
      waits[i] = script.start(text:format(('"script %d"'):format(i), 3), {timeout = 120})
    end
  end

  -- Makes the token endpoint slow, and lets it fail the first and then every third
  -- time.
  local function disturb(count)
    server:fault {path = "/oauth/token", delay = 0.3, times = 1000}
    for i = 0, count do
      server:fault {path = "/oauth/token", status = 500, skip = 2 * i}
    end
  end

  local function assert_no_failure()
    assert.equal("", shell.read(fixture.dir .. "/failures") or "")
    assert.same({}, instance:problems())
    local pair = assert(fixture.store:load(fixture.account))
    local logs = instance:logs() .. select(2, shell.run("cat " .. server.dir .. "/*.log"))
    for _, secret in ipairs {pair.access_token, pair.refresh_token, oauth.CANARY} do
      assert.is_nil(logs:find(secret, 1, true))
    end
  end

  it("are refreshed once when the token has ended: no call fails, no pair is lost", function()
    start({rotate_refresh_tokens = "strict"}, "rounds", ROUNDS)
    disturb(ROUNDS)
    for round = 1, ROUNDS do
      local pair = assert(fixture.store:load(fixture.account))
      local before = pair.access_token
      pair.refreshed_at, pair.expires_at = os.time() - 3600, os.time()
      assert(fixture.store:save(fixture.account, pair))
      shell.write(("%s/go-%d"):format(fixture.dir, round), "")
      assert.is_true(shell.wait_for(function()
        return fixture.ended() == round * (WORKERS + SCRIPTS)
      end, 60))
      assert_no_failure()
      assert.equal(round, server:stats().oauth.refreshed)
      assert.is_true(fixture.store:load(fixture.account).access_token ~= before)
    end
    local stats = server:stats()
    assert.equal(0, stats.oauth.refused)
    assert.is_true(stats.faults["500"] >= 1)
    assert.is_nil(stats.statuses["401"])
    assert.equal(ROUNDS * (WORKERS * TASKS + SCRIPTS * 3), stats.operations.get_lists)
    -- what is stored can be refreshed
    server:clear_faults()
    assert.is_true(assert(fixture.app:refresh(fixture.account)))
  end)

  it("are refreshed ahead of the end, once in each life", function()
    start({rotate_refresh_tokens = "strict", token_seconds = 4}, "go_on", 0.5)
    disturb(10)
    local began = klaviyo.clock()
    assert.is_true(shell.wait_for(function()
      return server:stats().oauth.refreshed >= ROUNDS / 2
    end, 60))
    shell.write(fixture.dir .. "/stop", "")
    assert.is_true(shell.wait_for(function()
      return fixture.ended() == WORKERS + SCRIPTS
    end, 60))
    local seconds = klaviyo.clock() - began
    assert_no_failure()
    local stats = server:stats()
    assert.is_true(stats.oauth.refreshed <= seconds / 2 + 1)  -- not sooner than in the last half
    assert.equal(0, stats.oauth.refused)
    server:clear_faults()
    assert.is_true(assert(fixture.app:refresh(fixture.account)))
  end)
end)
