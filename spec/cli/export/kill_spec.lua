-- kill -9 at 20 random moments of an export: the file has every record once.
local cli = require "spec.support.cli"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local PROFILES, EVENTS, KILLS = 6000, 3000, 20

-- Starts the export, kills it after each of the pauses, and then lets it end.
local SCRIPT = [[
kills=0
for pause in $PAUSES; do
  [ ! -e $FILE ] || break
  $COMMAND &
  pid=$!
  sleep $pause
  if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
  wait $pid 2>/dev/null
done
[ -e $FILE ] || $COMMAND
echo "status $? after $kills kills"
]]

describe("klaviyo export, killed at 20 random moments", function()
  local fixture = sandbox.here(setup, teardown, {profiles = PROFILES})
  local folders = folder.here(teardown)

  setup(function()
    local list, email = {}, fixture.client.profiles:first().attributes.email
    for i = 1, EVENTS do
      list[i] = {profile = {email = email}, metric = {name = "Looked"}, properties = {i = i},
        time = klaviyo.datetime(1700000000 + i * 900), unique_id = "u" .. i}
    end
    assert(fixture.client.events:import(list))
    for _, operation in ipairs {"get_profiles", "get_events"} do
      fixture.server:fault {operation = operation, rate = 1, delay = 0.15}
    end
  end)

  local function ids_of_lines(path)
    return coroutine.wrap(function()
      for line in io.lines(path) do
        local record = assert(klaviyo.json.decode(line))
        coroutine.yield(record.id, record)
      end
    end)
  end

  local function ids_of_csv(path)
    return coroutine.wrap(function()
      for row in assert(klaviyo.csv.open(path)) do
        coroutine.yield(row.id)
      end
    end)
  end

  local running = {}

  local function start(name, resource)
    local file = folders.new() .. "/" .. name
    local pauses = {}
    for i = 1, KILLS do
      pauses[i] = ("%.2f"):format(0.1 + 1.6 * math.random())
    end
    local command = cli.command({"export", resource, "-o", file, "--resume", "--quiet"}, {
      env = cli.environment(fixture.server, {KLAVIYO_PACING = "0"})}):gsub("timeout %-k 2 %d+ ", "", 1)
    local text = SCRIPT:gsub("%$(%u+)", {PAUSES = table.concat(pauses, " "), FILE = script.quote(file),
      COMMAND = "exec_in_background"}):gsub("exec_in_background", function() return command end)
    running[name] = {file = file, pauses = table.concat(pauses, " "), wait = script.start(
      "os.exit(os.execute((...)) == 0 and 0 or 1)", {args = {text}, timeout = 200})}
  end

  setup(function()
    math.randomseed(os.time())
    start("profiles.jsonl", "profiles")
    start("profiles.csv", "profiles")
    start("profiles.jsonl.gz", "profiles")
    start("events.jsonl.gz", "events")
  end)

  -- Waits for the end, and checks the file.
  local function check(name, count, ids_of)
    local own = running[name]
    local output = own.wait()
    local kills = tonumber(output:match "^status 0 after (%d+) kills\n")
    assert.is_number(kills, own.pauses .. ": " .. output)
    assert.is_true(kills >= KILLS / 2, own.pauses .. ": " .. output)
    assert.equal(name .. "\n", (script.shell("ls -A " .. own.file:match "^(.*)/")))
    local path = own.file
    if name:find "%.gz$" then
      path = path .. ".plain"
      local _, status = script.shell(("gzip -dc %s >%s"):format(own.file, path))
      assert.equal(0, status)
    end
    local times, found = {}, 0
    for id, record in ids_of(path) do
      found = found + 1
      assert.is_nil(times[id], own.pauses)
      times[id] = true
      if record and record.type == "event" then
        assert.equal(found, record.attributes.event_properties.i)
      end
    end
    assert.equal(count, found, own.pauses)
  end

  it("has every line once", function()
    check("profiles.jsonl", PROFILES, ids_of_lines)
  end)

  it("has every row of CSV once", function()
    check("profiles.csv", PROFILES, ids_of_csv)
  end)

  it("has every line once in a compressed file", function()
    check("profiles.jsonl.gz", PROFILES, ids_of_lines)
  end)

  it("has every event once, in order, from several windows", function()
    check("events.jsonl.gz", EVENTS, ids_of_lines)
  end)
end)
