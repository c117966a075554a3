local journal = require "klaviyo.bulk.journal"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

local IDENTITY = {kind = "profiles", into = "abc", seed = "a seed"}

describe("klaviyo.bulk.journal", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  local function open(more)
    local identity = {}
    for name, value in pairs(IDENTITY) do
      identity[name] = value
    end
    for name, value in pairs(more or {}) do
      identity[name] = value
    end
    return journal.open(path, identity)
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

  -- Two chunks: one closed, one with everything that can be.
  local function fill()
    local own = open()
    local one = own:cut({from = 1, to = 10}, "head1")
    own:took(own:send(one, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), "job1")
    own:failure(one, {position = 4, record = {email = "x"},
      errors = {{detail = "bad"}}, job = "job1"})
    own:close_chunk(one, {submitted = 10, completed = 9, failed = 1,
      skipped = 0, unknown = 0})
    local two = own:cut({from = 11, to = 20}, "head2")
    own:refused(own:send(two, {11, 12, 13, 14, 15, 16, 17, 18, 19, 20}))
    own:failure(two, {position = 12, record = {email = "y"},
      errors = {{detail = "worse"}}})
    own:took(own:send(two, {11, 13}), "job2")
    own:send(two, {14, 15, 16})
    own:failure(two, {job = "job2", errors = {{detail = "somebody"}}})
    own:failure(two, {job = "job3", count = 7, errors = {{detail = "some"}}})
    own:unknown(two, {17, 18})
    return own
  end

  it("begins with what it is of", function()
    local own = open()
    assert.is_true(own.fresh)
    assert.equal("a seed", own.seed)
    assert.equal('{"journal":"klaviyo 1","into":"abc","kind":"profiles",'
      .. '"seed":"a seed"}\n', text())
  end)

  it("remembers", function()
    fill():close()
    local own = open {seed = "another"}
    assert.is_false(own.fresh)
    assert.equal("a seed", own.seed)
    assert.equal(2, #own.regions)
    local one, two = own.regions[1], own.regions[2]
    assert.is_true(one.closed)
    assert.same({1, 10, "head1"}, {one.from, one.to, one.head})
    assert.equal(9, one.counts.completed)
    assert.is_nil(two.closed)
    assert.same({11, 20, "head2"}, {two.from, two.to, two.head})
    assert.same({[12] = true}, two.failed)
    assert.same({[17] = true, [18] = true}, two.lost)
    assert.same({job2 = 1}, two.unplaced)
    assert.same({job3 = true}, two.nameless)
    assert.is_nil(two.sends[2])
    assert.same({at = "11,13", took = true, job = "job2"}, two.sends[3])
    assert.same({at = "14-16"}, two.sends[4])
    assert.is_nil(own.ending)
    -- numbers go on
    assert.equal(3, own:cut({from = 21, to = 21}, "x"))
    assert.equal(5, own:send(3, {21}))
    own:finish(21)
    own:close()
    assert.equal(21, open().ending)
  end)

  it("has each line in the file before anything else is done", function()
    local own = open()
    own:cut({from = 1, to = 1}, "x")
    assert.matches('"chunk":1', text(), 1, true)
    own:send(1, {1})
    assert.matches('"send":1', text(), 1, true)
  end)

  it("passes over a last line that is torn, wherever it is torn", function()
    fill():close()
    local whole = text()
    local header = #whole:match("^[^\n]*\n")
    for size = 0, #whole do
      write(whole:sub(1, size))
      local own = open()
      assert.equal(size < header - 1, own.fresh)
      own:cut({from = 100, to = 100}, "after")
      own:close()
      local again = open()
      assert.equal("after", again.regions[#again.regions].head)
      again:close()
    end
  end)

  it("refuses a file that is something else", function()
    for _, other in ipairs {"email,name\na@example.com,Ada\n", "\n", "x",
      '{"email":"a@example.com"}\n', "[]\n"} do
      write(other)
      raises({"the journal " .. path, "is no journal"}, function()
        open()
      end)
      assert.equal(other, text())
    end
  end)

  it("refuses that of another import", function()
    open():close()
    local before = text()
    raises('is of another import: of "profiles", not of "events"', function()
      open {kind = "events"}
    end)
    raises("into another list", function()
      open {into = "def"}
    end)
    assert.equal(before, text())
    write('{"journal":"klaviyo 9"}\n')
    raises("is of another version: klaviyo 9", function()
      open()
    end)
  end)

  it("refuses one that contradicts itself", function()
    open():close()
    write(text() .. '{"took":7,"job":"x"}\n')
    raises("is damaged", function()
      open()
    end)
  end)

  it("raises where it cannot be", function()
    path = path .. "/no/such/folder"
    raises({"the journal /tmp cannot be written: Is a directory"}, function()
      journal.open("/tmp", IDENTITY)
    end)
    raises({"the journal /dev/zero is no journal"}, function()
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
  it("is its owner's alone, under any umask", function()
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

  it("is its owner's alone from now on, where it was not", function()
    open():close()
    script.shell("chmod 644 " .. script.quote(path))
    open():close()
    assert.equal("600", mode_of(path))
  end)

  it("leaves the mode of a file that is something else", function()
    write("email,name\n")
    script.shell("chmod 644 " .. script.quote(path))
    raises("is no journal", function()
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
    local ok, message = pcall(own.cut, own, {from = 1, to = 1}, "x")
    assert.is_false(ok)
    assert.matches("the journal [^ ]+ cannot be written: No space", message)
  end)

  it("is one import's at a time", function()
    local own = open()
    raises({"the journal " .. path .. " is in use"}, function()
      open()
    end)
    local output = script.run(([[
      print(pcall(require("klaviyo.bulk.journal").open, %q, {}))
    ]]):format(path))
    assert.matches("is in use: another import goes on by it", output)
    own:cut({from = 1, to = 1}, "x")
    own:close()
    assert.equal(1, #open().regions)
    open():close()  -- that of one that was dropped
  end)

  it("gives the failures, with their records", function()
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
