local report = require "klaviyo.bulk.report"

local COUNT = 1500

-- Returns the positions of the failures, in order, of an import with `count` failures.
local function positions(one)
  local chunk, list = {counts = report.counts(), failed = {}}, {}
  for i = 1, COUNT do
    one:fail(chunk, {position = i, record = {email = "x" .. i},
      errors = {{detail = "bad"}}})
  end
  for failure in one:result():failures() do
    assert.equal("x" .. failure.position, failure.record.email)
    list[#list + 1] = failure.position
  end
  assert.equal(COUNT, one:result().failed)
  return list
end

describe("klaviyo.bulk.report", function()
  local tmpfile = io.tmpfile
  local ALL = {}
  for i = 1, COUNT do
    ALL[i] = i
  end

  after_each(function()
    io.tmpfile = tmpfile  -- luacheck: ignore 122
  end)

  local function new(progress)
    return report.new {now = os.clock, progress = progress}
  end

  it("keeps failures beyond its maximum in a file", function()
    assert.same(ALL, positions(new()))
  end)

  it("keeps them in memory if no file can be created", function()
    io.tmpfile = function()  -- luacheck: ignore 122
      return nil, "Permission denied"
    end
    assert.same(ALL, positions(new()))
  end)

  it("keeps them in memory if the disk is full", function()
    local full = io.open("/dev/full", "w+b")
    if not full then
      return pending("no /dev/full here")
    end
    io.tmpfile = function()  -- luacheck: ignore 122
      return full
    end
    assert.same(ALL, positions(new()))
  end)

  it("propagates a Ctrl-C in the progress function, and no other error", function()
    local one = new(function()
      error("of the user's", 0)
    end)
    one:notify()
    assert.equal("of the user's", one:result().progress_error)
    local other = new(function()
      error("progress.lua:1: interrupted!", 0)
    end)
    local ok, message = pcall(other.notify, other)
    assert.is_false(ok)
    assert.equal("progress.lua:1: interrupted!", message)
  end)
end)
