local cli = require "spec.support.cli"
local kinds = require "klaviyo.cli.import.kinds"
local input = require "klaviyo.cli.import.input"
local rejected = require "klaviyo.cli.import.rejected"
local script = require "spec.support.script"
local source = require "klaviyo.cli.import.source"

describe("klaviyo.cli.import.rejected", function()
  local folder, path

  before_each(function()
    folder = cli.folder()
    path = folder .. "/rows.rejected.csv"
  end)

  after_each(function()
    script.shell("rm -rf " .. folder)
  end)

  local function open(text, name)
    local own = folder .. "/" .. (name or "rows.csv")
    local file = assert(io.open(own, "wb"))
    file:write(text)
    file:close()
    local kind = kinds.get "profiles"
    return assert(input.open(assert(source.open(own)), {kind = kind,
      action = kinds.action(kind), map = {}, types = {}}))
  end

  local function failures_of(list)
    return function()
      local at = 0
      return function()
        at = at + 1
        return list[at]
      end
    end
  end

  it("has the fields, the line and the reason of each row", function()
    local from = open('email,Note\n\na@b.c,"x\ny"\nb@b.c, 007\nbad\nc@b.c,"q"\n'
      .. "last\n")
    assert.equal(4, rejected.write(path, from, failures_of {
      {position = 3, errors = {{detail = "second"}, {title = "third"}}},
      {position = 1, errors = {{detail = "no, \"never\""}}},
    }))
    assert.equal('email,Note,import_line,import_error\r\n'
      .. 'a@b.c,"x\ny",3,"no, ""never"""\r\n'
      .. 'bad,,6,"1 fields, but the header has 2"\r\n'
      .. 'c@b.c,q,7,second; third\r\n'
      .. 'last,,8,"1 fields, but the header has 2"\r\n', (cli.contents(path)))
    assert.is_nil(cli.contents(path .. ".partial"))
  end)

  it("can be imported again: its own columns are replaced", function()
    local from = open("email,import_line,import_error\na@b.c,7,old\n")
    assert.equal(1, rejected.write(path, from, failures_of {
      {position = 1, errors = {{detail = "new"}}}}))
    assert.equal("email,import_line,import_error\r\na@b.c,2,new\r\n",
      (cli.contents(path)))
  end)

  it("has the lines of JSON Lines in one column", function()
    local from = open('{"email":"a@b.c"}\n{x}\n', "rows.jsonl")
    assert.equal(2, rejected.write(path, from, failures_of {
      {position = 1, errors = {{detail = "no"}}}}))
    local text = cli.contents(path)
    assert.matches('^record,import_line,import_error\r\n"{""email"":""a@b.c""}"'
      .. ',1,no\r\n{x},2,"?not JSON', text)
  end)

  it("names failures that the service did not place", function()
    local from = open("email\na@b.c\n")
    assert.equal(1, rejected.write(path, from, failures_of {
      {count = 40, errors = {{detail = "no"}}}}))
    assert.matches(',,"40 records, of which the service does not say which: no"',
      cli.contents(path), 1, true)
  end)

  it("keeps a part of the reasons in memory", function()
    local rows, list = {"email\n"}, {}
    for i = 1, 50000 do
      rows[i + 1] = ("u%d@example.com\n"):format(i)
      list[50001 - i] = {position = i, errors = {{detail = "why " .. i}}}
    end
    local passes, iterate = 0, failures_of(list)
    local from = open(table.concat(rows))
    assert.equal(50000, rejected.write(path, from, function()
      passes = passes + 1
      return iterate()
    end))
    assert.equal(4, passes)  -- one to count, three of at most 20,000
    local line = 1
    for text in io.lines(path) do
      if line > 1 then
        assert.equal(("u%d@example.com,%d,why %d\r"):format(line - 1, line,
          line - 1), text)
      end
      line = line + 1
    end
  end)

  it("leaves nothing if it cannot be written", function()
    local from = open("email\na@b.c\n")
    local none, why = rejected.write(folder .. "/none/x.csv", from,
      failures_of {})
    assert.is_nil(none)
    assert.matches("No such file", why)
    from = open("email\nbad,row\n")
    none, why = rejected.write("/dev/full", from, failures_of {})
    assert.is_nil(none)
    assert.matches("No space", why)
    assert.equal("character special file\n",
      (script.shell "stat -c %F /dev/full"))
    -- a folder of that name cannot be replaced
    script.shell("mkdir -p " .. path .. "/x")
    none, why = rejected.write(path, from, failures_of {})
    assert.is_nil(none)
    assert.is_string(why)
    assert.is_nil(cli.contents(path .. ".partial"))
  end)
end)
