-- find, limits, events tail and sandbox in a real terminal, of 80 and 200 columns
local cli = require "spec.support.cli"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local socket = require "socket"
local tmux = require "spec.support.tmux"

if not tmux.is_available then
  pending("tmux cannot open a terminal: make setup")
  return
end

describe("in a terminal", function()
  local fixture = sandbox.here(setup, teardown)
  local dir

  setup(function()
    dir = cli.folder()
    for _, name in ipairs {"A list with a longer name", "Ätherische Öle", "Short list"} do
      assert(fixture.client.lists:create {name = name})
    end
  end)

  teardown(function()
    script.shell("rm -rf " .. dir)
  end)

  local function environment()
    return cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = dir .. "/limits", LC_ALL = "C.UTF-8"})
  end

  local function start(arguments, width, env)
    local command = cli.command(arguments, {env = env or environment(), timeout = false})
    local screen = tmux.start(command, {width = width, height = 40})
    finally(function() screen:close() end)
    return screen
  end

  local function columns_of(line)
    return #line:gsub("[\128-\191]", "")
  end

  for _, width in ipairs {80, 200} do
    it(("find and limits fit %d columns"):format(width), function()
      local screen = start({"find", "list"}, width)
      assert.equal(0, screen:status())
      local text = screen:text()
      assert.matches("type +id +name", text)
      assert.matches("list +%w+ +A list with a longer name", text)
      local bars = start({"limits"}, width)
      assert.equal(0, bars:status())
      text = bars:text()
      assert.matches("get_lists +0?%S* *%d+/75 per s .*%d+/750 per min", text)
      local lines = 0
      for line in text:gmatch("[^\n]+") do
        -- a line that is too long would have been broken
        assert.is_true(columns_of(line) <= width)
        lines = lines + (line:find("^get_%w+ .* per min *$") and 1 or 0)
      end
      assert.equal(7 - 1, lines) -- campaigns are asked for twice
    end)
  end

  it("limits --watch draws over itself, hides the cursor, and shows it again", function()
    local screen = start({"limits", "--watch", "--interval", "0.2"}, 80)
    screen:wait_for "get_lists"
    assert.equal(0, cli.run({"find", "x", "--in", "lists"}, {env = environment()}).status)
    local before = select(2, screen:received():gsub("\27%[H", ""))
    for _ = 1, 100 do
      if select(2, screen:received():gsub("\27%[H", "")) > before + 3 then
        break
      end
      script.shell("sleep 0.1")
    end
    local _, count = screen:text():gsub("get_lists", "")
    assert.equal(1, count)
    screen:press "C-c"
    assert.equal(0, screen:status())
    local hidden, shown = screen:received():find("\27[?25l", 1, true), nil
    for at in screen:received():gmatch("()\27%[%?25h") do
      shown = at
    end
    assert.is_true(hidden ~= nil and shown ~= nil and shown > hidden)
  end)

  it("limits --watch keeps to the height of the terminal", function()
    local screen = start({"limits", "--all", "--watch"}, 80)
    local text = screen:wait_for "more; name operations"
    local _, lines = text:gsub("\n", "")
    assert.is_true(lines <= 40)
    assert.matches("^add_", text)
    screen:press "C-c"
    assert.equal(0, screen:status())
  end)

  it("events tail shows an event as it comes, until Ctrl-C", function()
    local screen = start({"events", "tail", "--interval", "0.3"}, 80)
    local sent = 0
    repeat -- it shows events from its own start on, which is later on a busy machine
      sent = sent + 1
      assert.equal(0, cli.run({"events", "send", "Screened", "--profile", "email=tty@example.com", "a=" .. sent},
        {env = environment()}).status)
      socket.sleep(1)
    until screen:text():find("tty@example.com", 1, true) or sent == 15
    local text = screen:wait_for "tty@example.com"
    assert.matches("%d+:%d+:%d+  Screened  tty@example.com", text)
    screen:press "C-c"
    assert.equal(0, screen:status())
    assert.not_matches("interrupted", screen:text())
  end)

  it("sandbox runs until Ctrl-C, and removes its account", function()
    local screen = start({"sandbox"}, 80, {XDG_CONFIG_HOME = dir})
    screen:wait_for "until Ctrl"
    assert.equal(0, cli.run({"--account", "sandbox", "lists", "list"}, {env = {XDG_CONFIG_HOME = dir}}).status)
    screen:press "C-c"
    assert.equal(0, screen:status())
    assert.equal(4, cli.run({"--account", "sandbox", "lists", "list"}, {env = {XDG_CONFIG_HOME = dir}}).status)
  end)
end)
