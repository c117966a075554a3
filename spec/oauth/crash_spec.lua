-- The process that refreshes the tokens of an account is killed with kill -9, at
-- random moments. OAUTH_KILLS is how often.
local oauth = require "spec.support.oauth"
local oauth_processes = require "spec.support.oauth_processes"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of OAuth and crashes") then
  return
end

local KILLS = tonumber(os.getenv("OAUTH_KILLS") or 3)
local SCRIPTS, TASKS, PAUSE = oauth_processes.SCRIPTS, 10, 0.2

describe("the tokens of an account", function()
  local running = oauth_processes.here(after_each)

  -- Returns the processes that make calls: their names by their pids.
  local function processes()
    local names = {}
    for _, pid in ipairs(running.instance and running.instance:workers() or {}) do
      names[pid] = "worker"
    end
    for number = 1, SCRIPTS do
      local pid = (shell.read(("%s/pid-script-%d"):format(running.fixture.dir, number)) or ""):match("(%d+)\n$")
      if pid and shell.process(pid) then
        names[pid] = number
      end
    end
    return names
  end

  -- Returns the pid of the process that holds the lock of the account; nil if none
  -- does, or it cannot be known.
  local function holder(inode)
    for line in (shell.read("/proc/locks") or ""):gmatch("[^\n]+") do
      local pid, file = line:match("FLOCK%s+ADVISORY%s+WRITE%s+(%d+)%s+%x+:%x+:(%d+) ")
      if file == inode then
        return pid
      end
    end
  end

  -- Kills the process that refreshes, up to 0.4 s after it began; or another one if
  -- this system does not show which it is.
  local function kill_one(inode)
    local pid = shell.wait_for(function() return holder(inode) end, 10)
    local names = processes()
    if not names[pid] then
      pid = next(names)
    end
    shell.sleep((1 + shell.random(400)) / 1000)
    shell.run("kill -9 " .. pid)
    if names[pid] ~= "worker" then
      running.waits[names[pid]]()
      running:start_script(names[pid])
    end
  end

  local function problems()
    local list = {}
    for _, line in ipairs(running.instance:problems()) do
      if not line:find("exited on signal 9", 1, true) then
        list[#list + 1] = line
      end
    end
    return list
  end

  for name, rotate in pairs {["stay the same, as in the live service"] = false,
    ["rotate, and an old one ends with the first use of the new one"] = true} do
    it("survive, if refresh tokens " .. name, function()
      running:authorize({rotate_refresh_tokens = rotate, token_seconds = 2}, "go_on", PAUSE)
      running:start_workers(TASKS)
      running:start_scripts()
      local server, fixture = running.server, running.fixture
      assert.is_true(shell.wait_for(function()
        return shell.read(("%s/pid-script-%d"):format(fixture.dir, SCRIPTS)) ~= nil
      end, 20))
      server:fault {path = "/oauth/token", delay = 0.15, stall = 0.15, times = 100000}
      for i = 0, KILLS * 2 do
        server:fault {path = "/oauth/token", status = 500, skip = 2 * i}
      end
      local lock = ("%s/tokens/%s.lock"):format(fixture.dir, fixture.account)
      local inode = script.shell("touch " .. lock .. " && stat -c %i " .. lock):match("%d+")
      for _ = 1, KILLS do
        kill_one(inode)
        local before = server:stats().oauth.refreshed
        assert.is_true(shell.wait_for(function()
          return server:stats().oauth.refreshed > before
        end, 20))
      end
      assert.is_true(running:stop())
      assert.equal("", running:failures())
      assert.same({}, problems())
      assert.equal(0, server:stats().oauth.refused)
      server:clear_faults()
      for _ = 1, 2 do
        assert.is_true(assert(fixture.app:refresh(fixture.account)))
      end
    end)
  end

  -- No client can prevent this: only the service knew the new token.
  it("are lost if an old one ends at once, and the process is killed before it has the new one", function()
    running:authorize({rotate_refresh_tokens = "strict"}, "go_on", PAUSE)
    local server, fixture = running.server, running.fixture
    oauth.expire(fixture.store, fixture.account)
    server:fault {path = "/oauth/token", stall = 5}
    running:start_script(1)
    assert.is_true(shell.wait_for(function()
      return server:stats().oauth.refreshed == 1
    end, 20))
    shell.run("kill -9 " .. shell.read(fixture.dir .. "/pid-script-1"))
    local client = fixture.app:client(fixture.account)
    for _ = 1, 2 do
      local document, err = client.lists:list()
      assert.is_nil(document)
      assert.equal("invalid_grant", err.code)
      assert.matches("authorize again", err.message)
    end
    assert.equal("on_reauthorize was called\n", running:failures())
    assert.is_true(assert(fixture.app:accounts())[1].must_authorize)
    assert.equal(fixture.account, oauth.authorize(fixture.app))
    assert(client.lists:list())
    assert.is_false(assert(fixture.app:accounts())[1].must_authorize)
  end)
end)
