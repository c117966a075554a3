-- klaviyo export, in this process and as a program.
local cli = require "spec.support.cli"
local files = require "klaviyo.cli.files"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local PROFILES = 1050

-- Returns the number of records in a file of JSON Lines; each is there once.
local function records_of(path)
  local times, count = {}, 0
  for line in io.lines(path) do
    local id = assert(klaviyo.json.decode(line)).id
    assert.is_nil(times[id])
    times[id] = true
    count = count + 1
  end
  return count
end

describe("klaviyo export", function()
  local fixture = sandbox.here(setup, teardown, {profiles = PROFILES})
  local folders = folder.here(after_each)
  local list_id, metric_id

  setup(function()
    local client = fixture.client
    list_id = assert(client.lists:create {name = "Some"}).data.id
    assert(client.lists:at(list_id).profiles:add(client.profiles:all {max = 130, only = {}}))
    local profile, events = client.profiles:first(), {}
    for i = 1, 500 do
      events[i] = {profile = {email = profile.attributes.email}, metric = {name = "Looked"}, properties = {i = i},
        time = klaviyo.datetime(1700000000 + i * 3600), unique_id = "u" .. i}
    end
    assert(client.events:import(events))
    for metric in client.metrics:each() do
      metric_id = metric.attributes.name == "Looked" and metric.id or metric_id
    end
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  local function export(words)
    local arguments = {"export"}
    for word in words:gmatch "%S+" do
      arguments[#arguments + 1] = word
    end
    return cli.call(arguments, {env = cli.environment(fixture.server)})
  end

  it("writes to the file to which a symbolic link leads", function()
    local dir = folders.new()
    local real, link = dir .. "/real.jsonl", dir .. "/link.jsonl"
    assert(os.execute("ln -s real.jsonl " .. link))
    for limit, more in ipairs {"--resume", "--force"} do
      local words = ("profiles -o %s --limit %d %s"):format(link, limit, more)
      assert.equal(0, export(words).status)
      assert.equal(limit, select(2, cli.contents(real):gsub("\n", "")))
      local ok = os.execute("test -L " .. link)
      assert.is_true(ok == true or ok == 0)
    end
    assert.equal(2, export("profiles --limit 3 -o " .. link).status)
  end)

  it("replaces no device, pipe or folder", function()
    local path = folders.new() .. "/pipe"
    script.shell("mkfifo " .. path)
    for _, words in ipairs {"profiles --force -o " .. path, "profiles -o " .. path,
      "profiles --force -o " .. path:match("^(.*)/")} do
      local result = export(words)
      assert.equal(2, result.status)
      assert.matches("is not a file; write to standard output %(%-o %-%), and redirect it", result.err)
    end
    assert.equal("pipe\n", (script.shell("cd " .. path:match("^(.*)/") .. " && test -p pipe && ls")))
  end)

  it("writes all records to a file, and says how many", function()
    local file = folders.new() .. "/profiles.jsonl"
    local result = export("profiles -o " .. file)
    assert.equal(0, result.status, result.err)
    assert.equal("", result.out)
    assert.matches("^klaviyo: 1,050 profiles, %d%.%d MB, in %d+%.%d s %([%d,]+/s%): /", result.err)
    assert.equal(PROFILES, records_of(file))
    assert.equal("profiles.jsonl\n", (script.shell("ls -A " .. script.quote((file:match "^(.*)/")))))
  end)

  it("writes nothing to stderr with --quiet", function()
    assert.equal("", export("lists --quiet -o " .. folders.new() .. "/x").err)
  end)

  it("writes CSV, with columns of its own or others, and compresses it", function()
    local name = folders.new() .. "/profiles.csv"
    assert.equal(0, export("profiles --limit 3 -o " .. name).status)
    local rows, count = assert(klaviyo.csv.open(name, {operation = "create_profile", columns = {
      id = false, created = false, updated = false, last_event_date = false}})), 0
    for row in rows do
      count = count + 1
      assert.matches("@example.com$", row.email)
      assert.is_boolean(row.properties.vip)
    end
    assert.equal(3, count)
    assert.equal(0, export("profiles --limit 1 --columns id,attributes.email -o " .. name .. ".gz").status)
    assert.matches("^id,attributes.email\r\n%w+,profile%-[^,]+\r\n$", (script.shell("gzip -dc " .. name .. ".gz")))
    assert.equal(0, export("profiles --limit 1 --fields email --force -o " .. name).status)
    assert.matches("^id,email\r\n%w+,profile%-[^,]+\r\n$", files.read(name))
  end)

  it("selects records by --where", function()
    local result = export "profiles --where email=profile-0000003@example.com --output csv --columns email -o -"
    assert.equal("email\r\nprofile-0000003@example.com\r\n", result.out)
    result = export "events --where datetime>2023-11-16 --where datetime<2023-11-17 --output csv --columns id -o -"
    assert.equal(1 + 24, select(2, result.out:gsub("\n", "")))
  end)

  it("goes on with the times of the first run", function()
    local file = folders.new() .. "/profiles.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    assert.equal(4, export("profiles --where updated<1s -o " .. file).status)
    klaviyo.sleep(1.1)
    local filter = klaviyo.json.decode(files.read(file .. ".partial.cursor")).filter
    assert.equal(0, export("profiles --where updated<1s --resume -o " .. file).status)
    local uri = fixture:latest().uri:gsub("%%3A", ":"):gsub("%%2C", ","):gsub("%%28", "("):gsub("%%29", ")")
    assert.is_truthy(uri:find("filter=" .. filter, 1, true), uri)
  end)

  it("writes to standard output", function()
    local result = export("profiles --limit 120 -o -")
    assert.equal(0, result.status)
    assert.equal(120, select(2, result.out:gsub("\n", "")))
    assert.equal("", result.err)
    result = export("events --columns datetime,metric_id --output csv -o -")
    assert.equal(501, select(2, result.out:gsub("\r\n", "")))
    assert.matches("^datetime,metric_id\r\n2023%-11%-14T23:13:20%+00:00," .. metric_id .. "\r\n", result.out)
  end)

  it("writes the members of a list, and knows their number", function()
    local file = folders.new() .. "/members.jsonl"
    local result = export(("profiles --list %s -o %s"):format(list_id, file))
    assert.equal(0, result.status, result.err)
    assert.equal(130, records_of(file))
    assert.is_true((fixture.server:stats().operations.get_list or 0) >= 1)
  end)

  it("writes events in order of time, whole or of a span", function()
    local file = folders.new() .. "/events.jsonl"
    assert.equal(0, export("events -o " .. file).status)
    local at = 0
    for line in io.lines(file) do
      at = at + 1
      assert.equal(at, klaviyo.json.decode(line).attributes.event_properties.i)
    end
    assert.equal(500, at)
    for span, count in pairs {
      ["--since 2023-11-16"] = 500 - 25, ["--until 2023-11-16T00:00:00Z"] = 25, ["--since 1d"] = 0,
      ["--since 2023-11-16 --until 2023-11-17"] = 24, ["--since 2023-11-16 --limit 7"] = 7,
    } do
      assert.equal(0, export(("events %s --force -o %s"):format(span, file)).status)
      assert.equal(count, records_of(file), span)
    end
  end)

  it("writes resources that are included after those of their page", function()
    local file = folders.new() .. "/events.jsonl"
    assert.equal(0, export("events --include metric --limit 3 -o " .. file).status)
    local types = {}
    for line in io.lines(file) do
      types[#types + 1] = klaviyo.json.decode(line).type
    end
    assert.equal("event event event metric", table.concat(types, " "))
  end)

  it("shows the request with --dry-run", function()
    local file = folders.new() .. "/x.jsonl"
    local result = export('profiles --dry-run --filter equals(email,"a@b.c") -o ' .. file)
    assert.equal(0, result.status)
    assert.matches("^GET http://127.0.0.1:%d+/api/profiles%?filter=equals%%28email", result.out)
    assert.is_nil(files.size(file .. ".partial.cursor"))
  end)

  it("refuses arguments that do not fit", function()
    local file = folders.new() .. "/x.jsonl"
    for words, message in pairs {
      ["profils -o x"] = 'profils cannot be exported %(did you mean "profiles"',
      ["profiles"] = "missing option '%-o'",
      ["profiles --filter equals(emial,\"x\") --dry-run -o x"] = "emial",
      ["profiles --fields emial -o " .. file] = "emial",
      ["events --list x -o x"] = "%-%-list is an option of: klaviyo export profiles",
      ["lists --since 3d -o x"] = "%-%-since is an option of: klaviyo export events",
      ["events --since yesterday -o x"] = '"yesterday" is not a time',
      ["events --since 2d --until 3d -o x"] = "before %-%-until",
      ["events --since 2d --filter greater-than(datetime,2024-01-01T00:00:00Z) -o x"] = "either by %-%-since",
      ["events --since 2d --sort=-datetime -o x"] = "do not go with %-%-sort",
      ["events --include metric -o x.csv"] = "rows of CSV",
      ["profiles --output table -o x"] = "jsonl or csv, not table",
      ["profiles --limit many -o x"] = "%-%-limit: expected a whole number, not many",
      ["events --concurrency 99 -o x"] = "%-%-concurrency: at most 32",
      ["events --since 999999999d -o x"] = '"999999999d" is not a time',
      ["profiles --resume -o -"] = "are for files",
      ["campaigns -o x"] = "messages.channel",
    } do
      local result = export(words)
      assert.equal(2, result.status, words)
      assert.matches(message, result.err)
      assert.equal("", result.out)
    end
    assert.is_nil(files.size(file .. ".partial.cursor"))
  end)

  it("leaves nothing behind if the first request is refused", function()
    local where = folders.new()
    local result = export("profiles --filter bogus -o " .. where .. "/x.jsonl")
    assert.equal(1, result.status)
    assert.matches("^klaviyo: get_profiles: 400 invalid: [^\n]*\n$", result.err)
    result = export(("profiles --list NOPE -o %s/x.jsonl"):format(where))
    assert.matches("404 not_found", result.err)
    assert.equal("", (script.shell("ls -A " .. where)))
  end)

  it("does not replace a file, without --force", function()
    local file = folders.new() .. "/lists.jsonl"
    files.replace(file, "old\n")
    local result = export("lists -o " .. file)
    assert.equal(2, result.status)
    assert.matches("lists.jsonl exists; replace it with %-%-force", result.err)
    assert.equal("old\n", files.read(file))
    assert.equal(0, export("lists --force -o " .. file).status)
    assert.is_true(records_of(file) > 0)
  end)

  it("refuses a file that another export is writing, or that cannot be written", function()
    local file = folders.new() .. "/lists.jsonl"
    local lock = assert(klaviyo.file_lock(file .. ".partial.lock"))
    local result = export("lists -o " .. file)
    assert.equal(1, result.status)
    assert.is_truthy(result.err:find("another export is writing " .. file, 1, true))
    lock:release()
    result = export "lists -o /nonexistent/x.jsonl"
    assert.equal(1, result.status)
    assert.matches("No such file or directory", result.err)
  end)

  it("that fails says how to go on, and does", function()
    local file = folders.new() .. "/profiles.csv"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    local words = "profiles --fields email,title --filter greater-than(created,2020-01-01T00:00:00Z) -o " .. file
    local result = export(words)
    assert.equal(4, result.status)
    local command = result.err:match("stopped after 400 profiles; go on with: klaviyo export ([^\n]*)\n")
    assert.equal("profiles --fields email,title --filter 'greater-than(created,2020-01-01T00:00:00Z)' -o " .. file
      .. " --resume", command)
    assert.is_nil(files.size(file))

    for other, message in pairs {
      [words] = "an export of .* was interrupted; go on with: klaviyo export profiles .*%-%-resume",
      ["profiles --fields email --resume -o " .. file] =
        "%-%-fields was email,title and is now email; %-%-filter was greater.* and is now not set; repeat its",
      ["lists --resume -o " .. file] = "what is exported was profiles and is now lists",
      ["profiles --revision 2025-10-15 --resume -o " .. file] = "%-%-revision was 20%d%d",
    } do
      result = export(other)
      assert.equal(2, result.status, result.err)
      assert.matches(message, result.err)
    end

    local before = fixture.server:stats().operations.get_profiles
    result = export(words .. " --resume")
    assert.equal(0, result.status, result.err)
    assert.matches("^klaviyo: 1,050 profiles", result.err)
    assert.equal(7, fixture.server:stats().operations.get_profiles - before)
    local count, emails = 0, {}
    for row in assert(klaviyo.csv.open(file)) do
      count = count + 1
      assert.is_nil(emails[row.email])
      emails[row.email] = true
    end
    assert.equal(PROFILES, count)
  end)

  it("starts again with --force", function()
    local file = folders.new() .. "/profiles.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    assert.equal(4, export("profiles -o " .. file).status)
    assert.equal(0, export("lists --force -o " .. file).status)
    assert.is_true(records_of(file) < PROFILES)
    assert.is_nil(files.size(file .. ".partial"))
    assert.is_nil(files.size(file .. ".partial.cursor"))
  end)

  it("starts at the beginning with --resume if nothing was begun", function()
    local file = folders.new() .. "/profiles.jsonl"
    assert.equal(0, export("profiles --resume -o " .. file).status)
    assert.equal(PROFILES, records_of(file))
  end)

  it("says that a cursor is not valid any more", function()
    local file = folders.new() .. "/profiles.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    assert.equal(4, export("profiles -o " .. file).status)
    local cursor_file = file .. ".partial.cursor"
    files.replace(cursor_file, (files.read(cursor_file):gsub('"cursor":"[^"]*"', '"cursor":"old"')))
    local result = export("profiles --resume -o " .. file)
    assert.equal(1, result.status)
    assert.matches("the cursor of .* is not valid any more .*start again with %-%-force", result.err)
    assert.equal(0, export("profiles --force -o " .. file).status)
  end)

  it("refuses a file that is shorter than it was, or a cursor file that is none", function()
    local file = folders.new() .. "/profiles.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    assert.equal(4, export("profiles -o " .. file).status)
    files.replace(file .. ".partial", "short")
    local result = export("profiles --resume -o " .. file)
    assert.equal(1, result.status)
    assert.matches("has 5 bytes, but %d+ were written", result.err)
    files.replace(file .. ".partial.cursor", "{}")
    result = export("profiles --resume -o " .. file)
    assert.equal(1, result.status)
    assert.matches("is not the cursor file of an export; start again with %-%-force", result.err)
  end)

  it("cleans up after a process that ended when the file was complete", function()
    local file = folders.new() .. "/lists.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 4, times = 1, status = 403, error = "permission_denied"}
    assert.equal(4, export("profiles -o " .. file).status)
    local cursor_file = file .. ".partial.cursor"
    files.replace(cursor_file, (files.read(cursor_file):gsub('^{', '{"finished":true,')))
    os.rename(file .. ".partial", file)
    local result = export("profiles --resume -o " .. file)
    assert.equal(0, result.status, result.err)
    assert.matches("is complete", result.err)
    assert.is_nil(files.size(cursor_file))
  end)

  it("waits as long as the service says", function()
    local file = folders.new() .. "/lists.jsonl"
    fixture.server:fault {operation = "get_lists", times = 1, throttled = 2}
    local began = klaviyo.clock()
    local result = cli.run({"export", "lists", "-o", file}, {env = cli.environment(fixture.server)})
    assert.equal(0, result.status, result.err)
    assert.is_true(klaviyo.clock() - began >= 1.5)
  end)

  it("ends with status 5 if the network is lost, and goes on later", function()
    local file = folders.new() .. "/profiles.jsonl"
    fixture.server:fault {operation = "get_profiles", skip = 3, times = 5, reset = "before"}
    local result = export("profiles -o " .. file)
    assert.equal(5, result.status)
    assert.matches("stopped after 300 profiles; go on with: klaviyo export profiles", result.err)
    fixture.server:clear_faults()
    assert.equal(0, export("profiles --resume -o " .. file).status)
    assert.equal(PROFILES, records_of(file))
  end)

  it("says that the disk is full", function()
    local where = folders.new()
    local _, status = script.shell("mount -t tmpfs -o size=200k none " .. where .. " 2>/dev/null")
    if status ~= 0 then
      return pending "needs the right to mount a file system"
    end
    for _, name in ipairs {"profiles.jsonl", "events.jsonl.gz"} do
      local file = where .. "/" .. name
      if name:find "gz" then
        script.shell("head -c 180000 /dev/urandom >" .. where .. "/fill; rm -f " .. where .. "/profiles*")
      end
      local kind = name:match "^%l+"
      local result = export(("%s -o %s"):format(kind, file))
      assert.equal(1, result.status, result.err)
      assert.matches("No space left on device", (result.err:gsub("the disk may be full", "No space left on device")))
      assert.matches("Make room, then go on with: klaviyo export " .. kind, result.err)
      script.shell("rm -f " .. where .. "/fill; mount -o remount,size=20m " .. where)
      result = export(("%s --resume -o %s"):format(kind, file))
      assert.equal(0, result.status, result.err)
      if name:find "gz" then
        script.shell(("gzip -dc %s >%s.plain"):format(file, file))
        file = file .. ".plain"
      end
      assert.equal(kind == "profiles" and PROFILES or 500, records_of(file))
      script.shell("rm -f " .. where .. "/*; mount -o remount,size=200k " .. where)
    end
  end)

  it("runs as a program, with its output to a closed pipe", function()
    local command = cli.command({"export", "profiles", "-o", "-"}, {env = cli.environment(fixture.server)})
    local output = script.shell("{ " .. command .. "; echo status $? >&2; } | head -n 1 | cut -c 1-10")
    assert.matches('{"type":"p', output)
    assert.matches("status %d+", output)
    assert.not_matches("klaviyo:", output)
  end)
end)

describe("klaviyo export of every resource", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 3})

  it("reads it", function()
    for _, revision in ipairs {"2024-10-15", "2026-07-15"} do
      local count = 0
      for _, name in ipairs(require("klaviyo.cli.export.plan").names(revision)) do
        local words = {"export", name, "-o", "-", "--revision", revision, "--limit", "2"}
        local facts = cli.call(words, {env = cli.environment(fixture.server)})
        if facts.status == 2 then
          words[#words + 1] = "--where"
          words[#words + 1] = assert(facts.err:match "%-%-where (%S+)\n", facts.err)
          facts = cli.call(words, {env = cli.environment(fixture.server)})
        end
        assert.is_true(facts.status == 0 or facts.err:find "404" ~= nil, name .. ": " .. facts.err)
        count = count + 1
      end
      assert.is_true(count > 25, count)
    end
  end)
end)
