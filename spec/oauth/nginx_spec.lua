-- The tokens of one account in four workers of nginx and three scripts, when the
-- token expires while the token endpoint is slow and fails every third time.
-- OAUTH_ROUNDS is how often it ends.
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local oauth_processes = require "spec.support.oauth_processes"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of OAuth in nginx") then
  return
end

local ROUNDS = tonumber(os.getenv("OAUTH_ROUNDS") or 2)
local WORKERS, SCRIPTS, TASKS = oauth_processes.WORKERS, oauth_processes.SCRIPTS, 50

describe("the tokens of an account in nginx and in scripts", function()
  local running = oauth_processes.here(after_each)
  local server, fixture

  local function start(options, fn, argument)
    running:authorize(options, fn, argument)
    running:start_workers(TASKS)
    running:start_scripts()
    server, fixture = running.server, running.fixture
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
    assert.equal("", running:failures())
    assert.same({}, running.instance:problems())
    local pair = assert(fixture.store:load(fixture.account))
    local logs = running.instance:logs() .. select(2, shell.run("cat " .. server.dir .. "/*.log"))
    for _, secret in ipairs {pair.access_token, pair.refresh_token, oauth.CANARY} do
      assert.is_nil(logs:find(secret, 1, true))
    end
  end

  it("are refreshed once when the token has expired: no call fails, no pair is lost", function()
    start({rotate_refresh_tokens = "strict"}, "rounds", ROUNDS)
    disturb(ROUNDS)
    for round = 1, ROUNDS do
      local before = oauth.expire(fixture.store, fixture.account)
      shell.write(("%s/go-%d"):format(fixture.dir, round), "")
      assert.is_true(running:wait_for_all(round))
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
    local began = klaviyo.clock()
    start({rotate_refresh_tokens = "strict", token_seconds = 4}, "go_on", 0.5)
    disturb(10)
    assert.is_true(shell.wait_for(function()
      return server:stats().oauth.refreshed >= ROUNDS / 2
    end, 60))
    assert.is_true(running:stop())
    local seconds = klaviyo.clock() - began
    assert_no_failure()
    local stats = server:stats()
    assert.is_true(stats.oauth.refreshed <= seconds / 2 + 1)  -- not sooner than in the last half
    assert.equal(0, stats.oauth.refused)
    server:clear_faults()
    assert.is_true(assert(fixture.app:refresh(fixture.account)))
  end)
end)
