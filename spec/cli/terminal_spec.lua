-- The command on a real terminal.

local cell = require "klaviyo.cli.cell"
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local tmux = require "spec.support.tmux"

describe("klaviyo on a terminal", function()
  if not tmux.is_available then
    pending "tmux cannot open a terminal: make setup"
    return
  end

  local server = sandbox.here(setup, teardown, {profiles = 30})
  local folder, screen

  before_each(function()
    folder = cli.folder()
  end)

  after_each(function()
    screen:close()
    script.shell("rm -rf " .. folder)
  end)

  local function start(words, options)
    options = options or {}
    local env = cli.environment(server.server, {XDG_CONFIG_HOME = folder, TERM = "xterm", TZ = "UTC-2"})
    for name, value in pairs(options.env or {}) do
      env[name] = value
    end
    screen = tmux.start(cli.command(words, {env = env, timeout = false}), options)
  end

  -- Returns what the terminal received, when a pattern is in it: tmux passes it on
  -- after the command has ended.
  local function received(pattern)
    local began = klaviyo.clock()
    repeat
      klaviyo.sleep(0.03)
    until screen:received():find(pattern) or klaviyo.clock() - began > 10
    return screen:received()
  end

  it("asks for a key, and does not show it", function()
    start({"auth", "login", "--account", "shop"}, {env = {KLAVIYO_API_KEY = ""}})
    screen:wait_for "Private API key"
    screen:press(server.key)
    screen:press "Enter"
    assert.equal(0, screen:status())
    assert.is_nil(received("logged in"):find(server.key, 1, true))
    assert.truthy(screen:text():find('logged in to "shop"', 1, true))
    assert.truthy(cli.contents(folder .. "/klaviyo/accounts.json"):find(server.key, 1, true))
  end)

  it("stops asking on Ctrl-C, and shows what is typed again", function()
    screen = tmux.start(("sh -c %s"):format(script.quote("trap : INT; "
      .. cli.command({"auth", "login"}, {timeout = false, env = {XDG_CONFIG_HOME = folder}})
      .. "; echo status $?; stty -a | grep -o '.echo ' ; read line")))
    screen:wait_for "Private API key"
    screen:press "C-c"
    local text = screen:wait_for "echo"
    assert.truthy(text:find("status 130", 1, true), text)
    assert.truthy(text:find("\n echo", 1, true), text)
    assert.is_nil(cli.contents(folder .. "/klaviyo/accounts.json"))
  end)

  it("fits a table into 80 and into 200 columns, with local times", function()
    for _, width in ipairs {80, 200} do
      start({"profiles", "list", "--limit", "12"}, {width = width, height = 30, env = {NO_COLOR = "1"}})
      assert.equal(0, screen:status())
      local text, count = received "0000012@", 0
      -- what the terminal received is not wrapped
      for line in text:gmatch("[^\r\n]+") do
        if not line:find("^klaviyo:") then
          count = count + 1
          assert.is_true(cell.width(line) <= width, line)
        end
      end
      assert.equal(13, count)
      assert.is_nil(text:find("\27%[%d*m"))
      if width == 200 then
        assert.truthy(screen:text():find("2024-01-01 02:00:01", 1, true), screen:text())
      else
        screen:close()
      end
    end
  end)

  it("writes titles in bold, unless NO_COLOR is set", function()
    start({"lists", "list"})
    assert.equal(0, screen:status())
    assert.truthy(received("Newsletter"):find("\27[1mid", 1, true))
  end)

  it("asks before it deletes", function()
    local list = assert(server.client.lists:create {name = "To be deleted"}).data.id
    start {"lists", "delete", list}
    screen:wait_for "%[y/N%]"
    screen:press "n Enter"
    assert.equal(2, screen:status())
    assert.truthy(server.client.lists:get(list))
    screen:close()
    start {"lists", "delete", list}
    screen:wait_for "%[y/N%]"
    screen:press "y Enter"
    assert.equal(0, screen:status())
    assert.is_nil((server.client.lists:get(list)))
  end)

  it("ends a call by Ctrl-C", function()
    server.server:fault {operation = "get_lists", delay = 20}
    start {"lists", "list"}
    klaviyo.sleep(1)
    screen:press "C-c"
    assert.equal(130, screen:status())
    assert.truthy(screen:text():find("interrupted", 1, true), screen:text())
    server.server:fault {}
  end)
end)
