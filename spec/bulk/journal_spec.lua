local journal = require "klaviyo.bulk.journal"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

local IDENTITY = {kind = "profiles", service = "https://a.klaviyo.com",
  account = "whose", into = "abc", seed = "a seed"}

-- Returns a chunk as the journal stores it; the digest of a record is its position.
local function chunk_of(from, to, more)
  local chunk = {from = from, to = to, sums = {}, failed = {}}
  for position = from, to do
    chunk.sums[#chunk.sums + 1] = tostring(position)
  end
  for name, value in pairs(more or {}) do
    chunk[name] = value
  end
  return chunk
end

local function counts(submitted, completed, failed)
  return {submitted = submitted, completed = completed, failed = failed,
    skipped = 0, unknown = 0}
end

describe("klaviyo.bulk.journal", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  local function open(more, finished)
    local identity = {}
    for name, value in pairs(IDENTITY) do
      identity[name] = value
    end
    for name, value in pairs(more or {}) do
      identity[name] = value
    end
    return journal.open(path, identity, finished)
  end

  local function text()
    local file = assert(io.open(path, "rb"))
    local all = file:read("*a")
    file:close()
    return all
  end

  local function write(all)
    local file = assert(io.open(path, "wb"))
    file:write(all)
    file:close()
  end

  -- Writes two chunks: one closed, one with every kind of line.
  local function fill()
    local own = open()
    local chunk = chunk_of(1, 10, {counts = counts(10, 9, 1),
      failed = {[4] = "submitted"}})
    local one = own:begin_chunk(chunk)
    chunk.id = one
    own:accepted(own:send(one, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), "job1")
    own:failure(one, {position = 4, record = {email = "x"},
      errors = {{detail = "bad"}}, job = "job1"})
    own:close_chunk(chunk)
    local two = own:begin_chunk(chunk_of(11, 20))
    own:rejected(own:send(two, {11, 12, 13, 14, 15, 16, 17, 18, 19, 20}))
    own:failure(two, {position = 12, record = {email = "y"},
      errors = {{detail = "worse"}}})
    own:accepted(own:send(two, {11, 13}), "job2")
    own:send(two, {14, 15, 16})
    own:failure(two, {job = "job2", errors = {{detail = "somebody"}}})
    own:failure(two, {job = "job3", count = 7, errors = {{detail = "some"}}})
    own:unknown(two, {17, 18})
    return own
  end

  it("begins with a header", function()
    local own = open()
    assert.is_true(own.fresh)
    assert.equal("a seed", own.seed)
    assert.equal('{"journal":"klaviyo 3","account":"whose","into":"abc",'
      .. '"kind":"profiles","seed":"a seed",'
      .. '"service":"https://a.klaviyo.com"}\n', text())
  end)

  it("remembers", function()
    fill():close()
    local own = open {seed = "another"}
    assert.is_false(own.fresh)
    assert.equal("a seed", own.seed)
    assert.equal(2, #own.regions)
    local one, two = own.regions[1], own.regions[2]
    assert.is_true(one.closed)
    assert.same({1, 10}, {one.from, one.to})
    assert.equal(32, #one.digest)
    assert.equal("4", one.bad)
    assert.equal(1, one.resubmit)
    assert.equal(9, one.counts.completed)
    assert.is_nil(two.closed)
    assert.same({11, 20}, {two.from, two.to})
    assert.same({[12] = "rejected"}, two.failed)
    assert.same({[17] = true, [18] = true}, two.unknown)
    assert.same({job2 = 1}, two.unplaced)
    assert.same({job3 = true}, two.unnamed)
    assert.is_nil(two.sends[2])
    assert.same({at = "11,13", accepted = true, job = "job2"}, two.sends[3])
    assert.same({at = "14-16"}, two.sends[4])
    assert.is_nil(own.ending)
    -- the numbers continue
    assert.equal(3, own:begin_chunk(chunk_of(21, 21)))
    assert.equal(5, own:send(3, {21}))
    own:finish(21)
    own:close()
    assert.equal(21, open().ending)
  end)

  it("writes each line at once", function()
    local own = open()
    own:begin_chunk(chunk_of(1, 1))
    assert.matches('"chunk":1', text(), 1, true)
    own:send(1, {1})
    assert.matches('"send":1', text(), 1, true)
  end)

  it("ignores an incomplete last line, wherever it ends", function()
    fill():close()
    local whole = text()
    local header = #whole:match("^[^\n]*\n")
    for size = 0, #whole do
      write(whole:sub(1, size))
      local own = open()
      assert.equal(size < header - 1, own.fresh)
      own:begin_chunk(chunk_of(100, 100))
      own:close()
      local again = open()
      assert.equal(100, again.regions[#again.regions].from)
      again:close()
    end
  end)

  it("raises for a file that is not a journal", function()
    for _, other in ipairs {"email,name\na@example.com,Ada\n", "\n", "x",
      '{"email":"a@example.com"}\n', "[]\n"} do
      write(other)
      raises({"the journal " .. path, "is not a journal"}, function()
        open()
      end)
      assert.equal(other, text())
    end
  end)

  it("raises for the journal of another import", function()
    open():close()
    local before = text()
    raises('belongs to another import: to "profiles", not to "events"', function()
      open {kind = "events"}
    end)
    raises("to another list", function()
      open {into = "def"}
    end)
    -- Fault 7
    raises({"belongs to another service: to https://a.klaviyo.com, not to "
      .. "http://127.0.0.1", "use another journal for each"}, function()
      open {service = "http://127.0.0.1"}
    end)
    raises("belongs to another account", function()
      open {account = "else"}
    end)
    assert.equal(before, text())
    for _, version in ipairs {"klaviyo 9", "klaviyo 1"} do
      write(('{"journal":"%s"}\n'):format(version))
      raises({("has the format of another version (%s"):format(version),
        "remove the journal to begin a new one"}, function()
        open()
      end)
    end
  end)

  it("raises for a damaged journal", function()
    open():close()
    write(text() .. '{"accepted":7,"job":"x"}\n')
    raises("is damaged", function()
      open()
    end)
  end)

  it("raises if it cannot be opened", function()
    path = path .. "/no/such/folder"
    raises({"the journal /tmp cannot be written: Is a directory"}, function()
      journal.open("/tmp", IDENTITY)
    end)
    raises({"the journal /dev/zero is not a journal"}, function()
      journal.open("/dev/zero", IDENTITY)
    end)
    raises({"the journal " .. path .. " cannot be written: No such"}, function()
      open()
    end)
  end)

  local function mode_of(name)
    return script.shell("stat -c %a " .. script.quote(name)):match("%d+")
  end

  -- Fault 31
  it("is readable by its owner only, under any umask", function()
    for _, umask in ipairs {"000", "022", "277", "777"} do
      local output, status = script.shell(("(umask %s; exec %s -e %s)"):format(
        umask, script.interpreter, script.quote(
          ([[require("klaviyo.bulk.journal").open(%q, %s)]]):format(path,
            '{kind = "profiles", into = "abc", seed = "a seed"}'))))
      assert.equal(0, status, output)
      assert.equal("600", mode_of(path))
      os.remove(path)
    end
  end)

  it("changes the mode of a file that others can read", function()
    open():close()
    script.shell("chmod 644 " .. script.quote(path))
    open():close()
    assert.equal("600", mode_of(path))
  end)

  it("leaves the mode of a file that is not a journal", function()
    write("email,name\n")
    script.shell("chmod 644 " .. script.quote(path))
    raises("is not a journal", function()
      open()
    end)
    assert.equal("644", mode_of(path))
  end)

  it("raises when the disk is full", function()
    local full = io.open("/dev/full", "ab")
    if not full then
      return pending("no /dev/full here")
    end
    local own = open()
    own.file = full
    local ok, message = pcall(own.begin_chunk, own, chunk_of(1, 1))
    assert.is_false(ok)
    assert.matches("the journal [^ ]+ cannot be written: No space", message)
  end)

  it("is used by one import at a time", function()
    local own = open()
    raises({"the journal " .. path .. " is in use"}, function()
      open()
    end)
    local output = script.run(([[
      print(pcall(require("klaviyo.bulk.journal").open, %q, {}))
    ]]):format(path))
    assert.matches("is in use: another import is running with it", output)
    own:begin_chunk(chunk_of(1, 1))
    own:close()
    assert.equal(1, #open().regions)
    open():close()  -- its process no longer holds the lock
  end)

  -- Fault 8
  describe("that is finished", function()
    local function finish()
      local own = fill()
      local two = chunk_of(11, 20, {id = 2, counts = counts(9, 8, 2),
        failed = {[12] = "rejected", [15] = "submitted"}})
      own:close_chunk(two)
      own:finish(20)
      own:close()
    end

    it("raises an error that says what to do", function()
      finish()
      local before = text()
      for _, mode in ipairs {false, "refuse"} do
        raises({"the journal " .. path .. " belongs to an import that is finished: "
          .. "17 completed, 3 failed", 'finished = "restart"'}, function()
          open(nil, mode or nil)
        end)
      end
      assert.equal(before, text())
    end)

    it("is continued or restarted if `finished` says so", function()
      finish()
      local own = open(nil, "continue")
      assert.equal(2, #own.regions)
      assert.is_true(own.regions[2].closed)
      own:close()
      own = open({seed = "new"}, "restart")
      assert.is_true(own.fresh)
      assert.same({}, own.regions)
      assert.is_nil(own.ending)
      assert.equal("new", own.seed)
      own:close()
      assert.equal(1, select(2, text():gsub("\n", "")))
    end)

    it("is not restarted before it is finished", function()
      fill():close()
      local own = open({seed = "new"}, "restart")
      assert.is_false(own.fresh)
      assert.equal(2, #own.regions)
      own:close()
    end)

    it("opens its failures again", function()
      finish()
      local own = open(nil, "retry")
      local two = own.regions[2]
      assert.is_nil(two.closed)
      assert.equal("12,15", two.only)
      assert.same(counts(8, 8, 0), two.left)
      -- only these two records may have changed
      local chunk = chunk_of(11, 20, {region = two, id = 2,
        counts = counts(10, 10, 0)})
      chunk.sums[2], chunk.sums[5] = "corrected", "corrected"
      own:check(two, chunk.sums)
      chunk.sums[3] = "corrected"
      raises("some of the records 11 to 20 are not those", function()
        own:check(two, chunk.sums)
      end)
      chunk.sums[3] = "13"
      own:reopen_chunk(chunk)
      own:close()
      -- now they must not change
      own = open()
      two = own.regions[2]
      assert.equal("12,15", two.only)
      own:check(two, chunk.sums)
      chunk.sums[5] = "otherwise"
      raises("are not those", function()
        own:check(two, chunk.sums)
      end)
      chunk.sums[5] = "corrected"
      local list = {}
      for failure in journal.failures(path) do
        list[#list + 1] = failure.position or failure.job
      end
      assert.same({4, "job2", "job3"}, list)
      own:close_chunk(chunk)
      own:close()
      raises("finished: 19 completed, 1 failed", function()
        open()
      end)
    end)

    it("names the records that have changed", function()
      finish()
      local own = open(nil, "continue")
      local sums = chunk_of(11, 20).sums
      own:check(own.regions[2], sums)
      sums[2] = "corrected"
      raises({"they failed, and have been changed since (12,15)",
        'finished = "retry"'}, function()
        own:check(own.regions[2], sums)
      end)
    end)
  end)

  it("returns the failures with their records", function()
    local own = fill()
    own:failure(2, {position = 14, record = {f = print},
      errors = {{detail = "no JSON"}}})
    own:close()
    local list = {}
    for failure in journal.failures(path) do
      list[#list + 1] = failure
    end
    assert.equal(5, #list)
    assert.same({position = 4, record = {email = "x"}, job = "job1",
      errors = {{detail = "bad"}}}, list[1])
    assert.equal("4", tostring(list[1].position))
    assert.equal(12, list[2].position)
    assert.same({job = "job2", errors = {{detail = "somebody"}}}, list[3])
    assert.same({job = "job3", count = 7, errors = {{detail = "some"}}},
      list[4])
    assert.same({position = 14, errors = {{detail = "no JSON"}}}, list[5])
  end)
end)
