local folder = require "spec.support.folder"
local shell = require "klaviyo.sandbox.shell"
local store = require "klaviyo.outbox.store"

local ALL = 2 ^ 53

-- Returns the code of an error.
local function failure(value, what, why)
  assert.is_nil(value)
  assert.is_string(why)
  return what
end

describe("klaviyo.outbox.store", function()
  local folders = folder.here(after_each)
  local opened

  local function open(base, more)
    local options = {create = true, max_bytes = 0, max_rejected = 10}
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local s, what, why = store.open(base, options)
    opened[#opened + 1] = s
    return s, what, why
  end

  local function fill(s, from, to, size)
    for i = from, to do
      assert(s:add("id" .. i, "2024-10-15", i, ("<%d>"):format(i) .. ("x"):rep(size or 0)))
    end
  end

  local function read(s, more)
    more = more or {}
    return s:read(more.first or 0, more.last or ALL, more.count or 1000, more.bytes or 1e6,
      more.before or "", more.after or "")
  end

  before_each(function()
    opened = {}
  end)

  after_each(function()
    for _, s in ipairs(opened) do
      s:close()
    end
  end)

  describe("an event", function()
    it("is read as it was added, in order, between prefix and suffix", function()
      local s = open(folders.new() .. "/s")
      fill(s, 1, 3)
      local body, first, last, count, revision = read(s, {before = "[", after = "]"})
      assert.equal("[<1>,<2>,<3>]", body)
      assert.same({1, 3, 3, "2024-10-15"}, {first, last, count, revision})
      assert.equal(3, s:waiting())
      assert.equal(3, s:newest())
    end)

    it("is read within a count, a size and a range of ids", function()
      local s = open(folders.new() .. "/s")
      fill(s, 1, 10)
      assert.equal("<1>,<2>", (read(s, {count = 2})))
      assert.equal("<4>,<5>", (read(s, {first = 4, last = 5})))
      assert.equal("(<1>,<2>,<3>", (read(s, {before = "(", bytes = 12})))
      assert.equal("(<1>,<2>", (read(s, {before = "(", bytes = 11})))
      assert.equal("<1>", (read(s, {bytes = 1})))  -- at least one
    end)

    it("is read alone, as it was added", function()
      local s = open(folders.new() .. "/s")
      assert(s:add("a", "1", 1700000000123, "A\0B"))
      assert(s:add("b", "2", 2, "C"))
      assert.same({1, "a", "1", 1700000000123, "A\0B"}, {s:first(0, ALL)})
      assert.same({2, "b", "2", 2, "C"}, {s:first(2, ALL)})
      assert.equal("none", failure(s:first(3, ALL)))
      assert.equal("none", failure(s:first(0, 0)))
      -- a row that is being read would block these
      assert(s:drop(1, 1))
      assert.equal(2, (s:first(0, ALL)))
      s:close()
      assert.equal("none", failure(s:first(0, ALL)))
    end)

    it("is never in one batch with another revision or an equal unique_id", function()
      local s = open(folders.new() .. "/s")
      assert(s:add("a", "1", 0, "A"))
      assert(s:add("b", "1", 0, "B"))
      assert(s:add("a", "1", 0, "C"))
      assert(s:add("d", "2", 0, "D"))
      local body, first, last = read(s)
      assert.same({"A,B", 1, 2}, {body, first, last})
      body, first, last = read(s, {first = 3})
      assert.same({"C", 3, 3}, {body, first, last})
      local _, _, _, _, revision = read(s, {first = 4})
      assert.equal("2", revision)
    end)

    it("is deleted by range", function()
      local s = open(folders.new() .. "/s")
      fill(s, 1, 10)
      assert(s:drop(1, 4))
      assert.equal(6, s:waiting())
      assert.equal("<5>", (read(s, {count = 1})))
      assert(s:drop(5, 10))
      assert.equal("none", failure(read(s)))
      assert.equal(0, s:waiting())
      assert.equal(0, s:newest())
    end)

    it("survives a reopening, with any bytes", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      local payload = "\0\255" .. ("é\n"):rep(5000) .. "\0"
      assert(s:add("i\0d", "r", 0, payload))
      s:close()
      s = open(base)
      assert.equal(1, s:waiting())
      assert.equal(payload, (read(s)))
    end)

    it("is found by its index in a range", function()
      local s = open(folders.new() .. "/s")
      fill(s, 1, 10)
      s:drop(3, 4)
      assert.equal(5, s:nth(1, 10, 2))
      assert.equal("none", failure(s:nth(1, 10, 8)))
    end)
  end)

  describe("a rejected event", function()
    it("is moved to its own file and can be read there", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      assert.equal("none", failure(store.peek(base)))
      fill(s, 1, 3)
      assert(s:reject(2, "because"))
      assert.equal("<1>,<3>", (read(s)))
      assert.equal(2, s:waiting())
      local rejected = assert(store.peek(base))
      local row = rejected:next(0)
      assert.same({id = 1, unique_id = "id2", revision = "2024-10-15", time = 0.002, payload = "<2>",
        reason = "because"}, row)
      assert.equal("none", failure(rejected:next(row.id)))
      rejected:close()
      assert.equal("none", failure(rejected:next(0)))
      assert.equal("none", failure(s:reject(2, "again")))
      assert.equal(2, s:waiting())
    end)

    it("is kept if it is among the latest max_rejected", function()
      local base = folders.new() .. "/s"
      local s = open(base, {max_rejected = 2})
      fill(s, 1, 5)
      for id = 1, 5 do
        assert(s:reject(id, "no"))
      end
      local rejected = assert(store.peek(base))
      assert.equal("id4", rejected:next(0).unique_id)
      assert.equal("id5", rejected:next(4).unique_id)
      assert.equal("none", failure(rejected:next(5)))
      rejected:close()
    end)

    it("is stored once for its unique_id, also after a crash or a second rejection", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      for i = 1, 2 do
        assert(s:add("same", "r", 0, "<" .. i .. ">"))
        assert(s:reject(i == 1 and 1 or s:newest(), "no " .. i))
      end
      local rejected = assert(store.peek(base))
      local row = rejected:next(0)
      assert.same({"<2>", "no 2"}, {row.payload, row.reason})
      assert.equal("none", failure(rejected:next(row.id)))
      rejected:close()
    end)

    it("can be read without the slot, and while others are added", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      fill(s, 1, 3)
      assert(s:reject(2, "no"))
      local rejected = assert(store.peek(base))
      assert.equal("id2", rejected:next(0).unique_id)
      assert(s:reject(3, "no"))
      assert.equal("id3", rejected:next(1).unique_id)
      s:close()
      assert.equal("id3", rejected:next(1).unique_id)
      rejected:close()
      rejected = assert(store.peek(base))
      assert.equal("id2", rejected:next(0).unique_id)
      rejected:close()
    end)

    it("gets a new file if its file is damaged", function()
      local base = folders.new() .. "/s"
      local file = assert(io.open(base .. ".rejected.db", "wb"))
      file:write(("nonsense "):rep(1000))
      file:close()
      local s = open(base)
      fill(s, 1, 1)
      assert(s:reject(1, "no"))
      local rejected = assert(store.peek(base))
      assert.equal("id1", rejected:next(0).unique_id)
      rejected:close()
      assert.is_true((shell.run("ls " .. base .. ".rejected.damaged-*.db")))
    end)

    it("stays in the slot if its own file cannot be opened", function()
      local base = folders.new() .. "/s"
      assert(shell.run("mkdir " .. base .. ".rejected.db"))
      local s = open(base)
      fill(s, 1, 1)
      assert.equal("failed", failure(s:reject(1, "no")))
      assert.equal(1, s:waiting())
      assert.equal("<1>", (read(s)))
    end)
  end)

  describe("a slot", function()
    it("can be opened once at a time, also within a process", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      assert.equal("busy", failure(open(base)))
      s:close()
      assert.truthy(open(base))
    end)

    it("is not created without the option create", function()
      local base = folders.new() .. "/s"
      assert.equal("none", failure(open(base, {create = false})))
      assert.is_false((shell.run("ls " .. base .. ".*")))
    end)

    it("is readable by its owner only", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      fill(s, 1, 2)
      s:reject(1, "no")
      local _, rights = shell.run("stat -c %a " .. base .. ".*")
      for right in rights:gmatch("%d+") do
        assert.equal("600", right)
      end
    end)

    it("returns an error when it is closed", function()
      local s = open(folders.new() .. "/s")
      s:close()
      s:close()
      for _, call in ipairs {"newest", "bytes", "shrink", "renew"} do
        assert.same({nil, "none", "the outbox is closed"}, {s[call](s)})
      end
      assert.same({nil, "none", "the outbox is closed"}, {s:add("a", "b", 0, "c")})
      assert.same({nil, "none", "the outbox is closed"}, {read(s)})
      assert.same({nil, "none", "the outbox is closed"}, {s:drop(1, 2)})
      assert.same({nil, "none", "the outbox is closed"}, {s:nth(1, 2, 0)})
      assert.same({nil, "none", "the outbox is closed"}, {s:reject(1, "")})
      assert.equal(0, s:waiting())
    end)
  end)

  describe("the size", function()
    it("is limited by max_bytes; deleted events make room", function()
      local s = open(folders.new() .. "/s", {max_bytes = 256 * 1024})
      local count = 0
      local ok, what, why
      repeat
        ok, what, why = s:add("id" .. count, "r", 0, ("x"):rep(1000))
        count = count + (ok and 1 or 0)
      until not ok or count > 1000
      assert.same({"full", "database or disk is full"}, {what, why})
      assert.is_true(count > 150 and count < 260)
      assert.equal(count, s:waiting())
      assert.is_true(s:bytes() <= 256 * 1024 and s:bytes() > 200 * 1024)
      assert(s:reject(1, "even now"))
      assert(s:drop(1, 100))
      assert(s:add("more", "r", 0, ("x"):rep(1000)))
      assert.equal(count - 99, s:waiting())
    end)

    it("shrinks once all events are sent", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      fill(s, 1, 6000, 1000)
      assert.is_true(s:bytes() > 6e6)
      assert(s:drop(1, 6000))
      assert(s:shrink())
      assert.is_true(s:bytes() < 1e5)
      local file = io.open(base .. ".db")
      assert.is_true(file:seek("end") < 1e5)
      file:close()
      fill(s, 1, 3)
      assert.equal(3, s:waiting())
    end)
  end)

  describe("a file", function()
    local function write(path, text, at)
      local file = assert(io.open(path, at and "r+b" or "wb"))
      if at then
        file:seek("set", at)
      end
      file:write(text)
      file:close()
    end

    local function quarantined(base)
      local _, text = shell.run("ls " .. base .. ".damaged-*.db")
      return text:match("^(%S+)%s*$")
    end

    it("that is not a database is quarantined and replaced", function()
      local base = folders.new() .. "/s"
      write(base .. ".db", ("nonsense "):rep(1000))
      local s, why = open(base)
      assert.truthy(why:find("file is not a database; it is kept as " .. quarantined(base), 1, true))
      fill(s, 1, 2)
      assert.equal(2, s:waiting())
      assert.equal(("nonsense "):rep(1000), shell.read(quarantined(base)))
    end)

    it("that is damaged is quarantined, and its readable events are kept", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      fill(s, 1, 200, 400)
      s:close()
      local file = io.open(base .. ".db")
      local size = file:seek("end")
      file:close()
      write(base .. ".db", ("\170"):rep(4096), math.floor(size / 4096 / 2) * 4096)
      local why
      s, why = open(base)
      local count = tonumber(why:match("(%d+) events in it that could be read were taken over"))
      assert.is_true(count >= 150 and count < 200, why)
      assert.equal(count, s:waiting())
      assert.truthy(quarantined(base))
      local body = read(s)
      assert.truthy(body:find("^<1>"))
      assert.truthy(body:find("<200>x+,"))
    end)

    it("is quarantined when its damage is found later", function()
      local base = folders.new() .. "/s"
      local s = open(base)
      fill(s, 1, 10)
      local fresh, why = s:renew()
      opened[#opened + 1] = fresh
      assert.truthy(why:find("10 events in it that could be read were taken over", 1, true))
      assert.equal(10, fresh:waiting())
      assert.same({nil, "none", "the outbox is closed"}, {s:add("a", "b", 0, "c")})
      fill(fresh, 11, 12)
      assert.equal(12, fresh:waiting())
    end)

    it("of another program is left alone", function()
      local base = folders.new() .. "/s"
      open(base):close()
      -- byte 68 holds the number of an application
      write(base .. ".db", "\1\2\3\4", 68)
      local before = shell.read(base .. ".db")
      local none, what, why = open(base)
      assert.is_nil(none)
      assert.same({"foreign", "it is the database of another program"}, {what, why})
      assert.equal(before, shell.read(base .. ".db"))
    end)

    it("of a later version is left alone", function()
      local base = folders.new() .. "/s"
      open(base):close()
      write(base .. ".db", "\0\0\0\9", 60)
      local none, what, why = open(base)
      assert.is_nil(none)
      assert.same({"foreign", "it was made by another version of this library"}, {what, why})
    end)

    it("needs a folder that can be written", function()
      local path = folders.new()
      write(path .. "/file", "")
      local none, what, why = store.make_folder(path .. "/file")
      assert.same({nil, "failed", "Not a directory"}, {none, what, why})
      assert.same({nil, "failed", "No such file or directory"}, {store.make_folder(path .. "/a/b")})
      assert.is_true(store.make_folder(path))
      assert.is_true(store.make_folder(path .. "/new"))
      local _, rights = shell.run("stat -c %a " .. path .. "/new")
      assert.equal("700", rights:match("%d+"))
      none, what, why = open(path .. "/none/s")
      assert.same({nil, "failed", "No such file or directory"}, {none, what, why})
    end)
  end)
end)
