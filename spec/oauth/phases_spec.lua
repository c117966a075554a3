-- Tokens in a phase of nginx in which a call cannot wait: the stored one is used.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local oauth = require "spec.support.oauth"
local shell = require "klaviyo.sandbox.shell"
local worker = require "spec.support.worker"

if not worker.is_available(pending, "the specs of OAuth in nginx's phases") then
  return
end

describe("a token in the log phase", function()
  local folders = folder.here(after_each)
  local server, instance

  after_each(function()
    instance:stop()
    server:stop()
  end)

  it("is that of the store while it is valid, and is not refreshed", function()
    server = assert(klaviyo.sandbox.start {approve = true, client_secret = oauth.SECRET, record = 0})
    local fixture = oauth.callers(server, folders.new())
    local _, here = shell.run("pwd -P")
    instance = worker.start(server, {
      init = ([[
        local callers = dofile("%s/spec/support/oauth_callers.lua")
        function track()
          local app, config = callers.new_app("%s")  -- it knows no token
          return app:client(config.account).events:track {metric = "Seen", properties = {},
            profile = {email = "a@example.com"}}
        end
      ]]):format(here:gsub("%s+$", ""), fixture.dir),
      locations = {["/log"] = [[
        content_by_lua_block { ngx.say("ok") }
        log_by_lua_block {
          local ok, err = track()
          note("tracked", ok, err)
        }
      ]]},
    })
    local function age(seconds)
      local pair = assert(fixture.store:load(fixture.account))
      pair.refreshed_at, pair.expires_at = os.time() - 3600, os.time() + seconds
      assert(fixture.store:save(fixture.account, pair))
    end
    instance:get("/log")
    age(30)  -- to be refreshed, but valid
    instance:get("/log")
    assert.same({"true nil", "true nil"}, instance:noted("tracked", 2))
    assert.is_true(shell.wait_for(function()
      return server:stats().events.received == 2
    end))
    age(-1)
    instance:get("/log")
    local notes = instance:noted("tracked", 3)
    assert.matches("a token cannot be refreshed in the phase log: the account", notes[3], 1, true)
    assert.equal(0, server:stats().oauth.refreshed)
    assert.same({}, instance:problems())
  end)
end)
