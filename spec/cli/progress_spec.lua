-- The progress of a long command.
local progresses = require "klaviyo.cli.progress"

describe("the progress of a command", function()
  local now, text, notes

  local function new(options, context)
    now, text, notes = 1000, {}, {}
    context = context or {}
    options.label = options.label or "profiles"
    options.clock = function() return now end
    return progresses.new({
      arguments = {quiet = context.quiet}, terminal = {stderr = context.terminal, width = function()
        return context.width or 80
      end},
      getenv = function() return "xterm" end,
      note = function(_, line) notes[#notes + 1] = line end,
      stderr = {write = function(_, ...) text[#text + 1] = table.concat {...} end, flush = function() end},
    }, options)
  end

  it("writes numbers and durations", function()
    assert.equal("0 999 1,000 12,345 1,234,567", ("%s %s %s %s %s"):format(progresses.grouped(0),
      progresses.grouped(999), progresses.grouped(1000), progresses.grouped(12345), progresses.grouped(1234567)))
    assert.equal("0:00 0:05 1:00 59:59 1:00:00 27:46:40", ("%s %s %s %s %s %s"):format(progresses.duration(0),
      progresses.duration(5.4), progresses.duration(60), progresses.duration(3599), progresses.duration(3600),
      progresses.duration(100000)))
  end)

  it("shows a bar, and the time that is left, if there is a total", function()
    local progress = new({total = 10000})
    now = now + 10
    progress:update(2500, {pages = 25})
    assert.equal("profiles  [=========>" .. (" "):rep(30)
      .. "]  25%  2,500 of 10,000  250/s  25 pages  0:10  0:30 left", progress:line(199))
    progress:update(9999)
    assert.matches("99%%", progress:line(199))
    progress:update(10000)
    assert.matches("%[=+%]  100%%  10,000 of 10,000  1,000/s  25 pages  0:10$", progress:line(199))
  end)

  it("shows counts without a total", function()
    local progress = new({})
    now = now + 4
    progress:update(1200, {pages = 1, failed = 2, detail = "3/16 windows"})
    assert.equal("profiles  1,200  300/s  1 page  3/16 windows  2 failed  0:04", progress:line(100))
  end)

  it("fits every width, and leaves out what matters least", function()
    local progress = new({total = 1000000, label = "profilés"})
    now = now + 3600
    progress:update(123456, {pages = 1235})
    progress:waits(42, "the rate limit")
    for width = 5, 250 do
      local line = progress:line(width)
      assert.is_true(#line - 1 <= width, width)
      if width >= 30 then
        assert.matches("123,456 of 1,000,000", line)
      end
    end
    assert.matches("^profilés  123,456 of 1,000,000  %d:%d%d:%d%d left  waiting 42 s for the rate limit$",
      progress:line(79))
    assert.equal("profi", progress:line(5))
  end)

  it("takes the rate of the last seconds", function()
    local progress = new({count = 5000, total = 100000})
    for i = 1, 30 do
      now = now + 1
      progress:update(5000 + i * 100)
    end
    assert.matches("  100/s  ", progress:line(199))
    for i = 1, 12 do
      now = now + 1
      progress:update(8000 + i * 1000)
    end
    assert.matches("  1,000/s  0:42  1:20 left$", progress:line(199))
  end)

  it("is drawn ten times a second at most", function()
    local progress = new({}, {terminal = true})
    for i = 1, 1000 do
      now = now + 0.01
      progress:update(i)
    end
    assert.is_true(#text >= 90 and #text <= 101, #text)
    assert.matches("^\rprofiles  %d+.*\27%[K$", text[50])
    progress:clear()
    assert.equal("\r\27[K", text[#text])
    local drawn = #text
    progress:clear()
    assert.equal(drawn, #text)
    progress:finish "done"
    assert.same({"done"}, notes)
  end)

  it("makes room for other lines on stderr", function()
    local out = {}
    local context = require("klaviyo.cli.context").new {stderr = {write = function(_, ...)
      out[#out + 1] = table.concat {...}
    end, flush = function() end}, terminal = {stdin = true, stdout = true, stderr = true, columns = 80},
      getenv = function() return "xterm" end}
    local progress = progresses.new(context, {label = "profiles"})
    progress:update(5)
    context:note "a warning"
    context:complain "an error"
    assert.matches("^\rprofiles  5  0:00\27%[K\r\27%[Kklaviyo: a warning\n.*an error\n$", table.concat(out))
    assert.equal(1, select(2, table.concat(out):gsub("\r\27", "")))
  end)

  it("is a line every 30 seconds if there is no terminal", function()
    local progress = new({}, {})
    for i = 1, 100 do
      now = now + 1
      progress:update(i * 10)
    end
    assert.same({}, text)
    assert.equal(3, #notes)
    assert.equal("profiles  300  10/s  0:30", notes[1])
  end)

  it("is nothing if the command is quiet", function()
    local progress = new({}, {quiet = true, terminal = true})
    now = now + 100
    progress:update(5)
    progress:finish "done"
    assert.same({{}, {}}, {text, notes})
  end)
end)
