-- The inner modules of an export, with a sandbox, in this process.
local folder = require "spec.support.folder"
local files = require "klaviyo.cli.files"
local format = require "klaviyo.cli.export.format"
local klaviyo = require "klaviyo"
local parts = require "klaviyo.cli.export.part"
local progresses = require "klaviyo.cli.progress"
local downloads = require "klaviyo.cli.export.download"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local stores = require "klaviyo.cli.export.store"
local windows = require "klaviyo.cli.export.windows"

local PROFILES = 1050

local function quiet_progress()
  return progresses.new({arguments = {quiet = true}, terminal = {stderr = false}, note = function() end}, {
    label = "profiles"})
end

local function plan_of(own_format, operation, more)
  local plan = {operation = operation or "get_profiles", args = {}, header = own_format.header}
  for name, value in pairs(own_format.args) do
    plan.args[name] = value
  end
  for name, value in pairs(more or {}) do
    plan[name] = value
  end
  function plan.text_of(_, page, most)
    return own_format:text_of(page, most)
  end
  return plan
end

-- Returns the ids in a file of JSON Lines, in order, and how often each is there.
local function ids_of(path)
  local list, times = {}, {}
  for line in io.lines(path) do
    local id = assert(klaviyo.json.decode(line)).id
    list[#list + 1] = id
    times[id] = (times[id] or 0) + 1
  end
  return list, times
end

local function gunzip(path)
  local _, status = script.shell(("gzip -dc %s >%s.plain"):format(path, path))
  assert.equal(0, status)
  return path .. ".plain"
end

describe("a part", function()
  local folders = folder.here(after_each)

  it("counts what was committed, and is cut back to it", function()
    local path = folders.new() .. "/it's a part"
    local part = assert(parts.open(path, 0, false))
    assert(part:write "one\n")
    assert(part:commit())
    assert.equal(4, part.size)
    assert(part:write "two\n")
    part:close()
    assert.equal("one\ntwo\n", files.read(path))
    part = assert(parts.open(path, 4, false))
    assert(part:write "three\n")
    assert(part:commit())
    part:close()
    assert.equal("one\nthree\n", files.read(path))
    assert.equal(10, part.size)
  end)

  it("can be compressed: each commit is a member of gzip", function()
    local path = folders.new() .. "/a part.gz"
    local part = assert(parts.open(path, 0, true))
    assert(part:write "one\n")
    assert(part:commit())
    local size = part.size
    assert.equal(size, files.size(path))
    assert(part:write "two\n")
    part:close()
    assert.is_true(files.size(path) > size)
    part = assert(parts.open(path, size, true))
    assert(part:write "three\n")
    assert(part:commit())
    part:close()
    assert.equal("one\nthree\n", (script.shell(("gzip -dc '%s'"):format(path))))
    assert.is_nil(files.size(path .. ".gzip"))
  end)

  it("waits for a gzip that a killed process left behind", function()
    local path = folders.new() .. "/left.gz"
    script.shell(("sleep 0.3 >/dev/null 2>&1 & echo $! >%s.gzip"):format(path))
    local began = klaviyo.clock()
    assert(parts.open(path, 0, true)):close()
    assert.is_true(klaviyo.clock() - began > 0.1)
  end)

  it("waits for a shell that a killed process left behind before it noted that it runs", function()
    local path = folders.new() .. "/left.gz"
    files.replace(path .. ".gzip", "starting\n")
    script.shell(("(sleep 0.3; echo $$ >%s.gzip) >/dev/null 2>&1 &"):format(path))
    local began = klaviyo.clock()
    assert(parts.open(path, 0, true)):close()
    assert.is_true(klaviyo.clock() - began > 0.1)
    assert.is_nil(files.size(path .. ".gzip"))
  end)

  it("does not wait for long for a shell that never ran", function()
    local path = folders.new() .. "/left.gz"
    files.replace(path .. ".gzip", "starting\n")
    assert(parts.open(path, 0, true)):close()
    assert.is_nil(files.size(path .. ".gzip"))
  end)

  it("that is shorter than what was committed is refused", function()
    local path = folders.new() .. "/short"
    local ok, why = parts.open(path, 4, false)
    assert.is_nil(ok)
    assert.equal(path .. " is missing", why)
    files.replace(path, "one")
    ok, why = parts.open(path, 4, false)
    assert.is_nil(ok)
    assert.equal(path .. " has 3 bytes, but 4 were written", why)
  end)

  it("returns an error if the disk is full", function()
    for _, compress in ipairs {false, true} do
      local part = assert(parts.open(compress and "/dev/full" or folders.new() .. "/x", 0, compress))
      if not compress then
        part.file = assert(io.open("/dev/full", "wb"))
        part.file:setvbuf("full", 100000)
      end
      part.size = 0
      local ok, why = part:write(("x"):rep(10000))
      if ok then
        ok, why = part:commit()
      end
      assert.is_nil(ok)
      assert.matches(compress and "disk may be full" or "No space left on device", why)
      -- it stays so, even if there is room again
      assert.same({nil, why}, {part:commit()})
      assert.same({nil, why}, {part:write "more"})
      part:close()
      os.remove "/dev/full.gzip"
    end
  end)
end)

describe("a file", function()
  it("that cannot be written is noticed, also by code that LuaJIT compiled", function()
    for _ = 1, 300 do
      local file = assert(io.open("/dev/full", "wb"))
      assert(file:write "text")
      local ok, why = files.flush(file, 4)
      assert.is_nil(ok)
      assert.is_string(why)
      file:close()
    end
  end)
end)

describe("windows of time", function()
  it("touch each other and cover the span", function()
    for _, span in ipairs {1, 59, 3600, 86400, 86400 * 7, 86400 * 30, 86400 * 4000} do
      local own = windows.of(1700000000, 1700000000 + span)
      local at = own.from
      for number = 1, own.count do
        local from, to = windows.bounds(own, number)
        assert.equal(at, from)
        assert.is_true(to > from)
        at = to
      end
      assert.equal(own.to, at)
      assert.is_true(own.count >= 1 and own.count <= 400)
    end
    assert.equal(1, windows.of(5.5, 5.6).count)
    assert.equal(400, windows.of(0, 86400 * 4000).count)
  end)

  it("become filters", function()
    local own = windows.of(1700000000, 1700003600)
    assert.equal("greater-or-equal(datetime,2023-11-14T22:13:20Z),less-than(datetime,2023-11-14T23:13:20Z)",
      windows.filter(own, 1, nil))
    assert.matches('^equals%(metric_id,"x"%),greater', windows.filter(own, 1, 'equals(metric_id,"x")'))
  end)
end)

describe("a format", function()
  it("has one line for each raw resource, also for one with newlines", function()
    for newline, blank in pairs {["\n"] = " ", ["\r\n"] = " ", ["\r"] = " ", [""] = ""} do
      local text, count = format.lines():text_of {
        data = {{text = ('{"id":%s"1"}'):format(newline)}, {text = '{"id":"2"}'}},
        included = {{text = '{"id":"m"}'}},
      }
      assert.equal(('{"id":%s"1"}\n{"id":"2"}\n{"id":"m"}\n'):format(blank), text)
      assert.equal(2, count)
    end
    assert.same({"", 0}, {format.lines():text_of {data = {}}})
    assert.same({"", 0}, {format.lines():text_of {data = klaviyo.null}})
  end)

  it("has rows with the attributes of the columns", function()
    local rows = format.rows {"id", "email", "location.city", "attributes.title", "properties"}
    assert.same({"attributes.email", "attributes.location.city", "attributes.title", "attributes.properties"},
      rows.args.only)
    assert.equal("id,email,location.city,attributes.title,properties\r\n", rows.header)
    local text, count = rows:text_of {data = {{id = "1", attributes = {email = "a@b.c", location = {city = "Ulm"},
      title = 'a "b"', properties = {x = 1}}}, {id = "2", attributes = {email = klaviyo.null}}}}
    assert.equal('1,a@b.c,Ulm,"a ""b""","{""x"":1}"\r\n2,,,,\r\n', text)
    assert.equal(2, count)
  end)
end)

describe("an export", function()
  local fixture = sandbox.here(setup, teardown, {profiles = PROFILES})
  local folders = folder.here(after_each)
  local EVENTS, DAY = 3000, 86400

  setup(function()
    local list, email = {}, assert(fixture.client.profiles:first()).attributes.email
    for i = 1, EVENTS do
      list[i] = {profile = {email = email}, metric = {name = "Looked"}, properties = {i = i},
        time = klaviyo.datetime(1700000000 + i * 600), unique_id = "u" .. i}
    end
    local result = assert(fixture.client.events:import(list))
    assert.equal(EVENTS, result.completed)
  end)

  -- Runs an export until its end, or until `stop` says so after a page.
  local function run(file, plan, options)
    options = options or {}
    local store = stores.new(file, options.compress or false)
    if options.resume then
      assert(store:load())
      assert(store:restore())
    else
      assert(store:begin({}, options.windows))
    end
    local client = fixture:new_client {revision = "2026-07-15"}
    local progress = quiet_progress()
    local download = downloads.new(client, plan, store, progress)
    if options.stop then
      function progress.update(_, count)
        if options.stop(count, store) then
          error("stopped", 0)
        end
      end
    end
    local called, ok, err = pcall(download.run, download, 4)
    if options.kill then
      store:close()  -- nothing is committed, as after kill -9
      return nil
    elseif not called then
      -- several windows may have been stopped
      assert.equal("stopped", type(ok) == "table" and ok.failures[1] or ok)
      assert(store:commit())
      store:close()
      return nil
    end
    store:close()
    return ok, err, store
  end

  it("writes every record once, in order", function()
    local file = folders.new() .. "/profiles.jsonl"
    local ok, _, store = run(file, plan_of(format.lines()))
    assert.is_true(ok)
    assert.equal(PROFILES, store:count())
    assert.equal(files.size(store.partial), store.state.parts["1"].size)
    assert(store:finish())
    assert.is_nil(files.size(store.partial))
    assert.is_nil(files.size(store.cursor_file))
    local list, times = ids_of(file)
    assert.equal(PROFILES, #list)
    local at = 0
    for text in fixture:new_client({revision = "2026-07-15"}).profiles:each {raw = true} do
      at = at + 1
      assert.equal(1, times[list[at]])
      assert.equal(klaviyo.json.decode(text).id, list[at])
    end
  end)

  it("leaves no part behind that was joined before the process was killed", function()
    local file = folders.new() .. "/parts"
    local store = stores.new(file, false)
    assert(store:begin({}, {count = 3}))
    assert(files.replace(store:part_path(2), "one\n"))
    assert(files.replace(store.partial, "one\n"))
    assert(store:finish())
    assert.equal("parts\n", (script.shell("ls -A " .. file:match "^(.*)/")))
  end)

  for _, compress in ipairs {false, true} do
    for _, kill in ipairs {false, true} do
      local name = ("goes on after it was %s%s"):format(kill and "killed" or "interrupted",
        compress and ", compressed" or "")
      it(name, function()
        local file = folders.new() .. "/profiles.jsonl" .. (compress and ".gz" or "")
        local plan, number = plan_of(format.lines()), 0
        for stop = 200, 800, 300 do
          run(file, plan, {compress = compress, resume = stop > 200, kill = kill, stop = function(count, store)
            number = number + 1
            if kill and number % 2 == 0 then
              assert(store:commit())
            end
            return count >= stop
          end})
        end
        local ok, _, store = run(file, plan, {compress = compress, resume = true})
        assert.is_true(ok)
        assert(store:finish())
        local list, times = ids_of(compress and gunzip(file) or file)
        assert.equal(PROFILES, #list)
        for _, id in ipairs(list) do
          assert.equal(1, times[id])
        end
      end)
    end
  end

  it("has a limit", function()
    local file = folders.new() .. "/profiles.jsonl"
    local _, _, store = run(file, plan_of(format.lines(), nil, {limit = 150}))
    assert.equal(150, store:count())
    assert(store:finish())
    assert.equal(150, #ids_of(file))
  end)

  it("can have no record: its file is empty, or has the header", function()
    local none = 'equals(email,"nobody@example.com")'
    for _, own in ipairs {format.lines(), format.rows {"id", "email"}} do
      for _, compress in ipairs {false, true} do
        local file = folders.new() .. "/none"
        local plan = plan_of(own)
        plan.args.filter = none
        local ok, _, store = run(file, plan, {compress = compress})
        assert.is_true(ok)
        assert(store:finish())
        assert.equal(own.header or "", files.read(compress and gunzip(file) or file))
      end
    end
  end)

  it("returns the error of the service", function()
    fixture.server:fault {operation = "get_profiles", skip = 2, times = 1, status = 400, error = "invalid"}
    local file = folders.new() .. "/profiles.jsonl"
    local ok, err, store = run(file, plan_of(format.lines()))
    assert.is_nil(ok)
    assert.equal(400, err.status)
    assert.is_nil(err.is_expired)
    assert.equal(200, store:count())
  end)

  it("says that a cursor is not valid any more", function()
    local file = folders.new() .. "/profiles.jsonl"
    run(file, plan_of(format.lines()), {stop = function(count) return count >= 300 end})
    local cursor_file = file .. ".partial.cursor"
    local text = files.read(cursor_file):gsub('"cursor":"[^"]*"', '"cursor":"bogus"')
    files.replace(cursor_file, text)
    local ok, err = run(file, plan_of(format.lines()), {resume = true})
    assert.is_nil(ok)
    assert.is_true(err.is_expired)
  end)

  describe("of events in windows", function()
    local plan = plan_of(format.lines(), "get_events")
    local span = windows.of(1700000000, 1700000000 + 22 * DAY)

    local function check(file)
      local at = 0
      for line in io.lines(file) do
        at = at + 1
        local event = assert(klaviyo.json.decode(line))
        assert.equal(at, event.attributes.event_properties.i)
      end
      assert.equal(EVENTS, at)
    end

    it("reads several at once and joins them in order", function()
      local folder_of = folders.new()
      local most = 0
      local ok, err, store = run(folder_of .. "/events.jsonl", plan, {windows = span, stop = function(_, store)
        local open = 0
        for _, job in pairs(store.jobs) do
          open = open + (job.is_finished and 0 or 1)
        end
        most = math.max(most, open)
        return false
      end})
      assert.is_true(ok, err)
      assert.equal(4, most)
      assert.equal(22, store.state.joined)
      assert(store:finish())
      check(folder_of .. "/events.jsonl")
      assert.equal("events.jsonl\n", (script.shell("ls " .. folder_of)))
    end)

    for _, compress in ipairs {false, true} do
      it("goes on after it was stopped" .. (compress and ", compressed" or ""), function()
        local folder_of = folders.new()
        local file = folder_of .. "/events.jsonl"
        for stop = 500, 2500, 500 do
          run(file, plan, {windows = span, resume = stop > 500, kill = stop % 1000 == 0, compress = compress,
            stop = function(count) return count >= stop end})
        end
        local ok, err, store = run(file, plan, {resume = true, compress = compress})
        assert.is_true(ok, err)
        assert(store:finish())
        assert.equal("events.jsonl\n", (script.shell("ls " .. folder_of)))
        check(compress and gunzip(file) or file)
      end)
    end

    it("reads a window again whose cursor is not valid any more", function()
      local file = folders.new() .. "/events.jsonl"
      local one = windows.of(1700000000, 1700000000 + 22 * DAY)
      one.count = 2
      run(file, plan, {windows = one, stop = function(count) return count >= 600 end})
      local cursor_file = file .. ".partial.cursor"
      local text, n = files.read(cursor_file):gsub('"cursor":"[^"]*"', '"cursor":"bogus"')
      assert.is_true(n > 0)
      files.replace(cursor_file, text)
      local ok, err, store = run(file, plan, {resume = true})
      assert.is_true(ok, err)
      assert(store:finish())
      check(file)
    end)
  end)
end)
