-- klaviyo import, interrupted by Ctrl-C in a terminal and by kill -9.
local cli = require "spec.support.cli"
local folder = require "spec.support.folder"
local sandbox = require "spec.support.sandbox"
local tmux = require "spec.support.tmux"

local ROWS = 200

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

describe("an interrupted klaviyo import", function()
  local fixture = sandbox.here(setup, teardown, {job_polls = 0, record = 2000})
  local folders = folder.here(after_each)
  local path

  before_each(function()
    fixture.server:reset()
    path = folders.new() .. "/rows.csv"
  end)

  -- Writes a file of rows, the 50th of which is refused.
  local function write(header, row)
    local out = assert(io.open(path, "wb"))
    out:write(header, "\n")
    for i = 1, ROWS do
      out:write(i == 50 and "bad,\"row\",x" or row:format(i, i), "\n")
    end
    out:close()
  end

  -- Returns the number of resources, each of which has another value of a key.
  local function count(resources, key)
    local values, number = {}, 0
    for resource in resources:each() do
      local value = key(resource)
      assert.is_nil(values[value], value)
      values[value] = true
      number = number + 1
    end
    return number
  end

  local function email_of(profile)
    return profile.attributes.email
  end

  local function options(more)
    local all = {env = cli.environment(fixture.server, {TERM = "xterm"})}
    for name, value in pairs(more or {}) do
      all[name] = value
    end
    return all
  end

  local function resume(words)
    words[#words + 1] = "--resume"
    local result = cli.run(words, options())
    assert.equal(3, result.status, result.err)
    assert.matches("199 imported, 1 refused, %d+ of them by the former run",
      result.err)
    assert.is_false(exists(path .. ".journal"))
    local rejected = assert(io.open((path:gsub("csv$", "rejected.csv")), "rb"))
    local text = rejected:read("*a")
    rejected:close()
    assert.matches("\n.*bad.*row.*x.*,51,", text)
    assert.equal(3, select(2, text:gsub("\r\n", "")) + 1)
    return result
  end

  it("by Ctrl-C says how to go on, and goes on", function()
    if not tmux.is_available then
      return pending "tmux cannot open a terminal: make setup"
    end
    write("email,Plan", "u%d@example.com,gold")
    fixture.server:fault {operation = "bulk_import_profiles", delay = 0.3,
      times = 1000}
    local words = {"import", "profiles", path, "--batch-size", "10"}
    -- under timeout, the program would not receive what is typed
    local command = cli.command(words, options()):gsub("timeout %-k 2 %d+ ", "", 1)
    local screen = tmux.start(command, {width = 100})
    finally(function()
      screen:close()
    end)
    -- the bar moves
    screen:wait_for "profiles +%[=*>? *%] +%d+%%"
    local text = screen:wait_for "[1-9]0 of 200 "
    screen:wait_for " [4-9]0 of 200 "
    assert.is_nil(text:find("defect", 1, true))
    screen:press "C-c"
    assert.equal(130, screen:status())
    text = screen:text()
    assert.matches("go on with: klaviyo import profiles .*%-%-resume", text)
    assert.matches("interrupted", text)
    assert.is_true(exists(path .. ".journal"))
    fixture.server:clear_faults()

    resume(words)
    assert.equal(ROWS - 1, count(fixture.client.profiles, email_of))
  end)

  it("by kill -9 goes on, and sends no event twice", function()
    write("metric,email,SKU", "Bought,u%d@example.com,S%d")
    local words = {"import", "events", path, "--batch-size", "5"}
    local function answered()
      return fixture.server:stats().operations.bulk_create_events or 0
    end
    -- each time after some more of the 40 batches; the others wait meanwhile
    for kills, batches in ipairs {6, 1, 8, 3} do
      fixture.server:clear_faults()
      fixture.server:fault {operation = "bulk_create_events", skip = batches,
        delay = 3, times = 1000}
      local before = answered()
      cli.kill_when(words, options(), function()
        return answered() >= before + batches
      end)
      assert.is_true(exists(path .. ".journal"))
      if kills == 1 then
        words[#words + 1] = "--resume"
      end
    end
    fixture.server:clear_faults()
    words[#words] = nil
    resume(words)
    assert.equal(ROWS - 1, count(fixture.client.events, function(event)
      return event.attributes.event_properties.SKU
    end))
  end)

  it("by a lost network tells it, and goes on", function()
    write("email,Plan", "u%d@example.com,gold")
    fixture.server:fault {operation = "bulk_import_profiles", skip = 3,
      status = 503, times = 1000}
    local words = {"import", "profiles", path, "--batch-size", "20"}
    local result = cli.call(words, options())
    assert.equal(5, result.status, result.err)
    assert.matches("so far: [2-9]0 imported", result.err)
    fixture.server:clear_faults()
    resume(words)
    assert.equal(ROWS - 1, count(fixture.client.profiles, email_of))
  end)
end)
