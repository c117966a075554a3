-- klaviyo export in a real terminal: the progress bar, Ctrl-C, and going on.
local cli = require "spec.support.cli"
local files = require "klaviyo.cli.files"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local tmux = require "spec.support.tmux"

local PROFILES = 1500

describe("klaviyo export in a terminal", function()
  local fixture = sandbox.here(setup, teardown, {profiles = PROFILES})
  local folders = folder.here(after_each)
  local list_id, screen

  setup(function()
    list_id = assert(fixture.client.lists:create {name = "All"}).data.id
    assert(fixture.client.lists:at(list_id).profiles:add(fixture.client.profiles:all {only = {}}))
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  after_each(function()
    if screen then
      screen:close()
      screen = nil
    end
  end)

  -- Starts an export whose pages take a while.
  local function start(words, options)
    if not tmux.is_available then
      return false, pending "tmux cannot open a terminal: make setup"
    end
    fixture.server:fault {operation = "get_profiles_for_list", rate = 1, delay = 0.15}
    fixture.server:fault {operation = "get_profiles", rate = 1, delay = 0.15}
    local arguments = {"export"}
    for word in words:gmatch "%S+" do
      arguments[#arguments + 1] = word
    end
    local command = cli.command(arguments, {env = cli.environment(fixture.server, {KLAVIYO_PACING = "0"}),
      prefix = options and options.prefix})
    -- timeout would keep Ctrl-C from the program
    screen = tmux.start((command:gsub("timeout %-k 2 %d+ ", "", 1)), options)
    return true
  end

  -- Returns all states of the line that was drawn again and again.
  local function drawn()
    local lines = {}
    for line in screen:received():gmatch "\r([^\r\n]-)\27%[K" do
      lines[#lines + 1] = line
    end
    return lines
  end

  local function check_file(path)
    local times, count = {}, 0
    for line in io.lines(path) do
      local id = klaviyo.json.decode(line, {only = {"id"}}).id
      assert.is_nil(times[id])
      times[id], count = true, count + 1
    end
    assert.equal(PROFILES, count)
  end

  for _, width in ipairs {80, 200} do
    it(("draws its progress again and again in one line of %d columns"):format(width), function()
      local file = folders.new() .. "/members.jsonl"
      if not start(("profiles --list %s -o %s"):format(list_id, file), {width = width}) then
        return
      end
      local text = screen:wait_for "%d%% "
      assert.equal(1, select(2, text:gsub("profiles ", "")))
      assert.matches("^profiles  %[=*>? +%]  %d+%%  [%d,]+ of 1,500", text)
      assert.equal(0, screen:status())
      local summary = screen:wait_for "klaviyo: 1,500 profiles"
      assert.matches("^klaviyo: 1,500 profiles, [%d.]+ MB, in [%d.:]+ s? ?%(%d+/s%): ", summary)
      local lines, counts = drawn(), {}
      assert.is_true(#lines >= 8 and #lines <= 120, #lines)
      for i, line in ipairs(lines) do
        assert.is_true(#line < width, line)
        if line ~= "" then
          counts[#counts + 1] = tonumber((line:match("([%d,]+) of 1,500"):gsub(",", "")))
          assert.is_true(i == 1 or counts[#counts] >= counts[#counts - 1])
        end
      end
      assert.equal("", lines[#lines])
      local last = lines[#lines - 2]
      assert.matches("%[=+>? *%]  %d+%%", last)
      if width == 200 then
        assert.matches("/s  %d+ pages  %d:%d%d  %d:%d%d left$", last)
      end
      check_file(file)
    end)
  end

  it("ends by Ctrl-C, says how to go on, and goes on", function()
    local file = folders.new() .. "/profiles.jsonl"
    if not start("profiles -o " .. file, {width = 120}) then
      return
    end
    screen:wait_for "profiles  [1-9]"
    screen:press "C-c"
    assert.equal(130, screen:status(5))
    local text = screen:wait_for "klaviyo: interrupted"
    local count = text:match "^klaviyo: interrupted after ([%d,]+) profiles; go on with: klaviyo export profiles "
    assert.is_string(count, text)
    assert.matches("%-%-resume\n", (text:gsub("\n", "", 1)))
    -- the terminal is as it was
    assert.not_matches("\27%[%?25l", screen:received())
    local lines = 0
    for _ in io.lines(file .. ".partial") do
      lines = lines + 1
    end
    count = tonumber((count:gsub(",", "")))
    assert.is_true(count > 0 and count < PROFILES)
    -- a page that was being written when the interrupt came does not count
    assert.is_true(lines == count or lines == count + 100)
    screen:close()
    fixture.server:clear_faults()
    local before = fixture.server:stats().operations.get_profiles
    local result = cli.run({"export", "profiles", "-o", file, "--resume"}, {env = cli.environment(fixture.server, {
      KLAVIYO_PACING = "0"})})
    assert.equal(0, result.status, result.err)
    assert.equal((PROFILES - count) / 100, fixture.server:stats().operations.get_profiles - before)
    check_file(file)
  end)

  it("ends by Ctrl-C while a file is compressed, and goes on", function()
    local file = folders.new() .. "/profiles.jsonl.gz"
    if not start("profiles -o " .. file) then
      return
    end
    screen:wait_for "profiles  [1-9]"
    screen:press "C-c"
    assert.equal(130, screen:status(5))
    -- the interrupt ended the member of gzip in order
    local _, status = script.shell(("gzip -t <%s"):format(file .. ".partial"))
    assert.equal(0, status)
    assert.is_true(files.size(file .. ".partial") > 0)
    screen:close()
    fixture.server:clear_faults()
    local result = cli.run({"export", "profiles", "-o", file, "--resume"}, {env = cli.environment(fixture.server, {
      KLAVIYO_PACING = "0"})})
    assert.equal(0, result.status, result.err)
    script.shell(("gzip -dc %s >%s.plain"):format(file, file))
    check_file(file .. ".plain")
  end)

  it("shows that it waits", function()
    local file = folders.new() .. "/profiles.jsonl"
    if not tmux.is_available then
      return pending "tmux cannot open a terminal: make setup"
    end
    fixture.server:fault {operation = "get_profiles", skip = 1, times = 1, throttled = 3}
    start("profiles -o " .. file, {width = 100})
    screen:wait_for "waiting %d s for Klaviyo %(429%)"
    assert.equal(0, screen:status())
    check_file(file)
  end)

  it("draws nothing with --quiet, on a dumb terminal, or without a terminal", function()
    local where = folders.new()
    if not start("profiles --quiet -o " .. where .. "/a.jsonl") then
      return
    end
    assert.equal(0, screen:status())
    assert.equal("", screen:received())
    screen:close()
    start("profiles -o " .. where .. "/b.jsonl", {prefix = "env TERM=dumb"})
    assert.equal(0, screen:status())
    assert.equal(0, #drawn())
    assert.matches("^klaviyo: 1,500 profiles", screen:text())
  end)
end)
