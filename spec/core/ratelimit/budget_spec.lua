-- The budget, with a clock that the spec sets: spec/support/budget_probe.c.
local core = require "klaviyo.core"
local script = require "spec.support.script"

local shell, quote = script.shell, script.quote

local T = 1700000000000

local function probe_path()
  local path = assert(package.searchpath("klaviyo.core", package.cpath))
  return (path:gsub("klaviyo/core%.so$", "budget_probe"))
end

if not package.searchpath then return end -- Lua 5.1 proper

local probe = probe_path()
local file = io.open(probe)
if not file then
  -- an installed rock has none
  pending("the budget's probe was not built")
  return
end
file:close()

describe("the budget", function()
  local dir

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir -m 700 " .. dir))
  end)

  after_each(function()
    os.execute("chmod -R u+rwx " .. dir .. "; rm -rf " .. dir)
  end)

  -- The answers to commands, and to lists of them, after that of `open`.
  local function ask(...)
    local lines = { "open " .. dir .. "/budget own" }
    for _, command in ipairs { ... } do
      for _, one in ipairs(type(command) == "table" and command or { command }) do
        lines[#lines + 1] = one
      end
    end
    local text, status = shell(("printf '%%s\\n' %s | %s"):format(
      quote(table.concat(lines, "\n")), quote(probe)))
    assert.equal(0, status, text)
    local answers = {}
    for line in text:gmatch("[^\n]+") do
      answers[#answers + 1] = tonumber(line) or line
    end
    assert.equal("ok", table.remove(answers, 1))
    return answers
  end

  -- As if the machine had been started again since.
  local function restart()
    local handle = assert(io.open(dir .. "/budget", "r+b"))
    handle:seek("set", 16)
    handle:write(("0"):rep(36))
    handle:close()
  end

  local function times(n, command)
    local list = {}
    for i = 1, n do
      list[i] = command
    end
    return list
  end

  local function take(now, limits)
    return ("take 7 %s %s"):format(limits or "3 5 0", type(now) == "number" and ("%d"):format(now) or now)
  end

  describe("never exceeds the limit in a window of the service", function()
    -- each case: limits, seconds, the longest answer in ms, and how many at the least are let go
    for _, case in ipairs {
      { "75 700 0", 190, 20, 2800 }, { "10 150 0", 250, 3000, 600 }, { "1 15 0", 190, 1800, 45 },
      { "350 3500 0", 125, 500, 8000 }, { "3 60 0", 130, 50, 150 }, { "10 0 0", 60, 5000, 90 },
    } do
      it(("%s, answers within %d ms"):format(case[1], case[3]), function()
        local second, minute = case[1]:match("^(%d+) (%d+)")
        for seed = 1, 3 do
          local most_second, most_minute, all = ask(("simulate %s %d %d %d")
            :format(case[1], case[2], case[3], seed))[1]:match("^(%d+) (%d+) (%d+)$")
          assert.is_true(tonumber(most_second) <= tonumber(second), most_second)
          if minute ~= "0" then
            assert.is_true(tonumber(most_minute) <= tonumber(minute), most_minute)
          end
          assert.is_true(tonumber(all) >= case[4], all)
          os.remove(dir .. "/budget")
        end
      end)
    end
  end)

  it("counts in windows of a second, a minute, a day", function()
    local list = ask(take(T), take(T), take(T), take(T), take(T + 999), take(T + 1004), take(T + 1005),
      take(T + 1006), take(T + 59990), take(T + 60240))
    assert.same({ 0, 0, 0 }, { list[1], list[2], list[3] })
    assert.is_true(list[4] >= 1000 and list[4] <= 1004)
    assert.is_true(list[5] > 0)
    assert.same({ 0, 0 }, { list[6], list[7] })
    assert.is_true(list[8] > 58900 and list[8] <= 59240)
    assert.is_true(list[9] > 0)
    assert.equal(0, list[10])
  end)

  it("counts days beyond the end of a process", function()
    assert.same({ 0, 0 }, ask(take(T, "0 0 2"), take(T, "0 0 2")))
    local wait = ask(take(T + 3600000, "0 0 2"))[1]
    assert.is_true(wait > 82000000 and wait < 83200000)
    assert.equal(0, ask(take(T + 86400000 + 345600, "0 0 2"))[1])
  end)

  it("counts a request from its response on", function()
    local list = ask(take(T, "1 0 0"), ("settle 7 1 0 0 %d %d"):format(T, T + 700), take(T + 1100, "1 0 0"),
      take(T + 1704, "1 0 0"))
    assert.is_true(list[3] >= 600)
    assert.equal(0, list[4])
  end)

  it("counts a request against all of its limits, or against none", function()
    local two = "take2 1 9 0 0 2 1 0 0 %d"
    local list = ask(two:format(T), two:format(T), two:format(T), take(T, "9 0 0"), "take 1 9 0 0 " .. T)
    assert.equal(0, list[1])
    assert.is_true(list[2] > 0 and list[3] > 0)
    assert.equal(0, list[5])
    -- of the nine, one was taken by the first pair and one just now
    assert.is_true(ask(times(8, "take 1 9 0 0 " .. T))[8] > 0)
    assert.equal(0, #ask())
  end)

  describe("follows the service", function()
    it("when it asks to wait, for that time but at most a day", function()
      local list = ask(("block 7 %d 5000"):format(T), take(T + 4999), take(T + 5000),
        ("block 7 %d 99999999999"):format(T + 5000), take(T + 6000))
      assert.equal(1, list[2])
      assert.equal(0, list[3])
      assert.equal(86400000 - 1000, list[5])
    end)

    it("when its limits differ from the table of operations", function()
      local list = ask(take(T, "75 700 0"), ("learn 7 75 700 0 %d 2 60 2:1 3:60"):format(T),
        take(T, "75 700 0"), take(T, "75 700 0"), take(T + 1004, "75 700 0"), take(T + 2008, "75 700 0"))
      assert.equal(0, list[3])
      assert.is_true(list[4] > 0 and list[4] < 1010)
      assert.equal(0, list[5])
      assert.is_true(list[6] > 57000)
    end)

    it("when it reports another window, or one of another length", function()
      local list = ask(take(T, "9 9 0"), ("learn 7 9 9 0 %d 8 5 9:1 9:6 2:86400"):format(T), take(T, "9 9 0"),
        take(T, "9 9 0"), ("learn 7 9 9 0 %d 1 5 9:1 2:6 9:86400"):format(T + 1), take(T + 1, "9 9 0"))
      assert.equal(0, list[3])
      assert.is_true(list[4] > 80000000)
      assert.is_true(list[6] > 5000 and list[6] < 6100)
    end)

    it("but in no window that is longer than a day", function()
      local list = ask(("learn 7 9 9 9 %d 8 5 9:1 9:60 1:1000000000"):format(T), take(T, "9 9 9"),
        take(T, "9 9 9"), ("learn 7 9 9 9 %d 1 900000000 9:1 9:60 9:1000000000"):format(T + 1),
        take(T + 86400000 + 345600, "9 9 9"))
      assert.equal(0, list[2])
      assert.is_true(list[3] > 86000000 and list[3] <= 86400000 + 345600)
      assert.equal(0, list[5])
    end)

    it("but not for a limit that the service does not report", function()
      -- a key of 0 is the gateway's own here
      local list = ask(("learn 0 2 0 0 %d 74 60 75:1 700:60"):format(T), times(3, "take 0 2 0 0 " .. T))
      assert.is_true(list[4] > 0)
      list = ask(("learn2 5 75 700 0 0 2 0 0 %d 1 60 8:1 9:60"):format(T),
        times(9, ("take 5 75 700 0 %d"):format(T)))
      assert.is_true(list[10] > 0)
    end)

    it("and recognizes which of two limits a response describes", function()
      local learn = ("learn2 5 75 700 0 6 10 150 0 %d 0 60 10:1 150:60"):format(T)
      local list = ask(learn, "take 5 75 700 0 " .. T, "take 6 10 150 0 " .. T)
      assert.equal(0, list[2])
      assert.is_true(list[3] > 0)
      -- neither of the two
      list = ask(("learn2 8 75 700 0 9 10 150 0 %d 0 60 1:1 1:60"):format(T), "take 8 75 700 0 " .. T,
        "take 9 10 150 0 " .. T)
      assert.same({ 0, 0 }, { list[2], list[3] })
    end)

    it("when other programs have used a part of a minute, until it ends", function()
      local list = ask(take(T), ("learn 7 3 5 0 %d 1 20 3:1 5:60"):format(T + 5), take(T + 2000),
        take(T + 4000), take(T + 20006))
      assert.equal(0, list[3])
      assert.is_true(list[4] > 15000 and list[4] <= 16010)
      assert.equal(0, list[5])
    end)
  end)

  describe("applies the remaining requests to the window that the response describes", function()
    -- as many as are let go at once, after an answer with these figures
    local function let_go(limits, figures, at)
      local answers, count = ask(("learn 7 %s %d %s"):format(limits, T, figures),
        times(400, take(at or T, limits))), 0
      for i = 2, #answers do
        count = count + (answers[i] == 0 and 1 or 0)
      end
      os.remove(dir .. "/budget")
      return count
    end

    it("the second, in responses of the live service", function()
      -- three of 75 in this second: with no request of ours, those of others
      assert.equal(72, let_go("75 750 0", "72 0 75:1 750:60"))
      assert.equal(75, let_go("75 750 0", "72 0 75:1 750:60", T + 1000))
      assert.equal(1, let_go("10 150 150", "1 0 10:1 150:60 150:86400"))
      assert.equal(10, let_go("10 150 150", "1 0 10:1 150:60 150:86400", T + 1000))
    end)

    it("the minute, if the values do not fit the second, as documented", function()
      assert.equal(5, let_go("75 750 0", "5 60 75:1 750:60", T + 2000))
      assert.equal(75, let_go("75 750 0", "699 1 75:1 750:60"))
      assert.equal(75, let_go("75 750 0", "5 60 75:1 750:60", T + 60000))
    end)

    it("of two windows with one limit, the one that fits the reset", function()
      assert.equal(2, let_go("9 90 90", "2 40 90 9:1 90:60 90:86400"))
      assert.equal(9, let_go("9 90 90", "2 40 90 9:1 90:60 90:86400", T + 40000))
      assert.equal(2, let_go("9 90 90", "2 4000 90 9:1 90:60 90:86400", T + 3999000))
    end)

    it("none, if the values fit none", function()
      assert.equal(75, let_go("75 750 0", "5 61 75:1 750:60"))
      assert.equal(75, let_go("75 750 0", "751 1 75:1 750:60"))
    end)
  end)

  describe("returns the shortest possible wait at once", function()
    local function least(queued_before, now)
      return ("least 7 10 60 0 %d %d"):format(queued_before, now or T)
    end

    it("for a request behind others", function()
      assert.same({ 0, 1000, 60000, 120000 }, ask(least(9), least(10), least(60), least(179)))
    end)

    it("by the limits that the service reported", function()
      assert.same({ "ok", 0, 6000 }, ask(("learn 7 10 60 0 %d 99 1 100:1 600:6"):format(T), least(60),
        least(600)))
    end)

    it("by the block that the service asked for", function()
      assert.same({ "ok", 30000, 0 }, ask(("block 7 %d 30000"):format(T), least(0), least(0, T + 30000)))
    end)
  end)

  describe("works with a clock that is set", function()
    it("back by a little", function()
      local list = ask(times(3, take(T)), take(T - 20))
      assert.equal(0, list[3])
      assert.is_true(list[4] > 1000 and list[4] < 1100)
    end)

    it("back by much: the counts keep their age", function()
      local later = T + 10 * 86400000
      local list = ask(times(3, take(later)), take(T), take(T + 1004), take(T + 1004), take(T + 1004),
        ("block 7 %d 30000"):format(T + 1004), take(T - 7200000), take(T - 7200000 + 30000))
      assert.same({ 0, 0, 0 }, { list[1], list[2], list[3] })
      assert.is_true(list[4] >= 1000 and list[4] <= 1004)
      assert.same({ 0, 0 }, { list[5], list[6] })
      assert.is_true(list[7] > 50000)
      assert.is_true(list[9] >= 59000 and list[9] <= 59240)
      assert.is_true(list[10] > 28000 and list[10] < 29240)
    end)

    it("back by two hours: the day's requests are still counted", function()
      local list = ask(times(2, take(T, "0 0 2")), take(T - 7200000, "0 0 2"), take(T + 86000000 - 7200000, "0 0 2"),
        take(T + 86400000 + 345600 - 7200000, "0 0 2"))
      assert.same({ 0, 0 }, { list[1], list[2] })
      assert.is_true(list[3] > 86000000 and list[3] <= 86400000 + 345600)
      assert.is_true(list[4] > 0)
      assert.equal(0, list[5])
    end)

    it("in any way: its own clock does not follow the wall clock", function()
      local day = "0 0 2"
      assert.same({ 0, 0 }, ask(take("now", day), take("now", day)))
      for _, seconds in ipairs { -7200, 90000, 0, -90000, 1e9 } do
        assert.is_true(ask("wall " .. ("%d"):format(seconds), "open " .. dir .. "/budget own", take("now", day))[3] > 0)
        assert.is_true(ask(take("now", day), "wall " .. ("%d"):format(seconds), take("now", day))[3] > 0)
      end
    end)

    it("while the machine was off: backwards, nothing is lost; forwards, a day is over", function()
      local day = "0 0 2"
      local function after_restart(seconds)
        restart()
        local text = shell(("printf 'wall %d\\nopen %s/budget own\\n%s\\n' | %s"):format(seconds, dir,
          take("now", day), quote(probe)))
        return tonumber(text:match("^ok\nok\n(%d+)\n$"))
      end
      assert.same({ 0, 0 }, ask(take("now", day), take("now", day)))
      assert.is_true(after_restart(-7200) > 0)
      assert.is_true(after_restart(-86400 * 400) > 0)
      assert.is_true(after_restart(3600) > 0)
      assert.equal(0, after_restart(2 * 86400))
      assert.equal(0, ask(take("now", day))[1]) -- the second of that day
      assert.is_true(ask(take("now", day))[1] > 0)
    end)

    it("ahead", function()
      local list = ask(times(3, take(T)), take(T + 3600000), take(T + 3600000))
      assert.same({ 0, 0 }, { list[4], list[5] })
    end)
  end)

  it("works in every child of a process with threads", function()
    assert.equal(300, ask("forks 300")[1])
  end)

  it("costs little #time #alone", function()
    local best = math.huge
    for _, ns in ipairs(ask(times(5, "cost"))) do
      best = math.min(best, ns)
    end
    assert.is_true(best < 10000, best .. " ns")
  end)

  -- Takes so often that it would last 100 seconds if each waited for a lock, for 0.1 s; returns what `ask` returns.
  local function ask_many(...)
    local began = core.clock()
    local list = ask(times(1000, take(T)), ...)
    local elapsed = core.clock() - began
    assert.is_true(elapsed < 10, elapsed)
    return list
  end

  describe("outlives a process", function()
    -- One that holds the lock, and its number; in the background: nobody waits
    -- for its end.
    local function holder()
      local pipe = io.popen(("exec 2>&-; ((echo 'open %s/budget own'; echo 'lock 7 3 5 0 %d'; sleep 1) |"
        .. " (sh -c 'echo $PPID'; exec %s)) &"):format(dir, T, quote(probe)))
      local pid = pipe:read("*l")
      assert.equal("ok", pipe:read("*l"))
      assert.equal("locked", pipe:read("*l"))
      return pid, pipe
    end

    it("that is killed while it has the lock", function()
      assert.equal(0, ask(take(T))[1])
      local pid, pipe = holder()
      os.execute("kill -9 " .. pid)
      local list = ask_many()
      assert.same({ 0, 0 }, { list[1], list[2] })
      assert.is_true(list[3] > 0)
      pipe:close()
    end)

    it("that is stopped while it has the lock: others do not block, and keep the limits", function()
      local pid, pipe = holder()
      os.execute("kill -STOP " .. pid)
      local ok, list = pcall(ask_many)
      os.execute("kill -CONT " .. pid .. "; kill " .. pid)
      pipe:close()
      assert.is_true(ok, list)
      assert.same({ 0, 0, 0 }, { list[1], list[2], list[3] })
      assert.is_true(list[4] > 0 and list[1000] > 0)
      assert.equal(0, ask(take(T))[1])
    end)
  end)

  describe("in a file", function()
    local function open(path, how)
      local text = shell(("echo 'open %s %s' | %s"):format(path or dir .. "/budget", how or "own", quote(probe)))
      return (text:gsub("\n$", ""))
    end

    local function write(bytes, path)
      local handle = assert(io.open(path or dir .. "/budget", "wb"))
      handle:write(bytes)
      handle:close()
    end

    local function read(path)
      local handle = assert(io.open(path or dir .. "/budget", "rb"))
      local bytes = handle:read("*a")
      handle:close()
      return bytes
    end

    local function mode(path)
      return (shell("stat -c %a:%g " .. (path or dir .. "/budget")):match("%S+"))
    end

    it("is readable and writable by its owner only", function()
      assert.equal("ok", open())
      assert.matches("^600:", mode())
    end)

    it("or by the group of its directory, under any umask", function()
      shell("chmod 2770 " .. dir)
      local _, status = shell(("umask 077; echo 'open %s/budget group' | %s"):format(dir, quote(probe)))
      assert.equal(0, status)
      assert.equal("660:" .. mode(dir):match("%d+$"), mode())
    end)

    it("is allocated on the disk at once", function()
      assert.equal("ok", open())
      local blocks, size = shell("stat -c '%b %s' " .. dir .. "/budget"):match("(%d+) (%d+)")
      assert.is_true(blocks * 512 >= size + 0)
    end)

    it("is created again after it was truncated", function()
      ask(times(3, take(T)))
      write(read():sub(1, 5000))
      assert.same({ 0, 0, 0 }, ask(times(3, take(T))))
      assert.is_true(ask(take(T))[1] > 0)
    end)

    it("is created again if another version wrote it", function()
      assert.equal(0, ask(take(T, "1 0 0"))[1])
      local handle = assert(io.open(dir .. "/budget", "r+b"))
      handle:write("klaviyo1")
      handle:close()
      assert.equal(0, ask(take(T, "1 0 0"))[1])
      assert.is_true(ask(take(T, "1 0 0"))[1] > 0)
      assert.matches("^600:", mode())
    end)

    -- A process that has the file open, and takes one of three; what is done
    -- meanwhile; and what it says to other commands then.
    local function meanwhile(action, ...)
      local go = dir .. "/go"
      local pipe = io.popen(("(echo 'open %s/budget own'; echo '%s'; while [ ! -e %s ]; do sleep 0.02; done; "
        .. "printf '%%s\n' %s) | %s"):format(dir, take(T), go, quote(table.concat({ ... }, "\n")), quote(probe)))
      assert.same({ "ok", "0" }, { pipe:read("*l"), pipe:read("*l") })
      action()
      write("", go)
      local answers = {}
      for line in pipe:lines() do
        answers[#answers + 1] = tonumber(line) or line
      end
      assert.is_truthy(pipe:close())
      os.remove(go)
      return answers
    end

    it("can be truncated while it is in use without a crash", function()
      for _, size in ipairs { "0", "5000", "100", "2101247" } do
        local list = meanwhile(function()
          shell(("truncate -s %s %s/budget"):format(size, dir))
        end, "sleep 1100", take(T), take(T), take(T), take(T), "problem")
        assert.equal("ok", list[1])
        assert.equal(0, list[2])
        assert.is_true(list[5] > 0, "not paced any more")
        assert.equal("none", list[6])
        -- and it is whole again, for others too
        assert.is_true(ask(take(T))[1] > 0)
        assert.equal("klaviyo", read():sub(1, 7))
        os.remove(dir .. "/budget")
      end
    end)

    it("can be overwritten by others: it is repaired", function()
      local noise = {}
      for i = 1, 2101248 / 8 do
        noise[i] = ("\255\127\200\3%03d!"):format(i % 1000)
      end
      for _, bytes in ipairs { "dear diary", ("\255"):rep(2101248), ("\0"):rep(2101248), table.concat(noise) } do
        local list = meanwhile(function()
          write(bytes)
        end, "sleep 1100", times(4, take(T))[1], take(T), take(T), take(T), "problem")
        assert.equal(0, list[2])
        assert.is_true(list[5] > 0, "not paced any more")
        assert.equal("none", list[6])
        assert.is_true(ask(take(T))[1] > 0)
        os.remove(dir .. "/budget")
      end
    end)

    -- Writes a number of 8 bytes, of which the highest is given, to the file.
    local function write_number(at, highest)
      local handle = assert(io.open(dir .. "/budget", "r+b"))
      handle:seek("set", at)
      handle:write(("\255"):rep(7) .. string.char(highest))
      handle:close()
    end

    -- One request was counted before, which may be known or not.
    local function check_time()
      local list = ask(times(3, take("now", "0 0 2")))
      assert.equal(0, list[1])
      assert.is_true(list[3] > 0 and list[3] <= 86400000 + 345600)
    end

    it("has a time whatever others wrote for it", function()
      for _, highest in ipairs {0x7f, 0xff, 0x80, 0x0f} do
        assert.equal(0, ask(take("now", "0 0 9"))[1])
        write_number(8, highest) -- the difference to the time of the machine
        check_time()
        os.remove(dir .. "/budget")
      end
    end)

    it("has a time whatever others wrote for that of the last use", function()
      for _, highest in ipairs {0x7f, 0xff, 0x80, 0x0f} do
        assert.equal(0, ask(take("now", "0 0 9"))[1])
        write_number(4096 + 7 * 16 * 2048 + 8, highest) -- the record of the key 7
        restart()
        check_time()
        os.remove(dir .. "/budget")
      end
    end)

    it("repairs a record that others have changed", function()
      ask(times(3, take(T, "9 5 0")))
      ask("spoil 7 " .. T)
      local list = ask(times(3, take(T, "9 5 0")))
      assert.same({ 0, 0 }, { list[1], list[2] })
      assert.is_true(list[3] > 0)
    end)

    it("is replaced by the file that is now at its path", function()
      for _, how in ipairs { "rm", "mv" } do
        local list = meanwhile(function()
          shell(how == "rm" and ("rm %s/budget"):format(dir) or ("mv %s/budget %s/away"):format(dir, dir))
          assert.same({ 0, 0, 0 }, ask(times(3, take(T)))) -- another process, another file
        end, "sleep 1100", take(T))
        assert.is_true(list[2] > 0, "it went on in the old one")
        os.remove(dir .. "/budget")
      end
    end)

    it("stays shared after its directory was removed", function()
      local list = meanwhile(function()
        shell(("mv %s %s.away"):format(dir, dir))
        shell(("mkdir %s"):format(dir))
        shell(("chmod 500 %s"):format(dir))
        shell(("touch %s.away/go"):format(dir))
        shell(("rmdir %s; mv %s.away %s"):format(dir, dir, dir))
      end, "sleep 1100", take(T), take(T), take(T), "problem")
      assert.same({ 0, 0 }, { list[2], list[3] })
      assert.is_true(list[4] > 0)
      assert.equal("none", list[5])
    end)

    it("is opened again when the program closed it, and another file is never written", function()
      write("precious", dir .. "/other")
      local list = ask(take(T), ("close %s/other"):format(dir), "sleep 1100", take(T), take(T), take(T))
      assert.same({ 0, 0, 0 }, { list[1], list[4], list[5] })
      assert.is_true(list[6] > 0)
      list = ask(take(T, "9 9 0"), ("close %s/other"):format(dir), take(T, "9 9 0"), "take 8 1 0 0 " .. T,
        "take 8 1 0 0 " .. T)
      assert.is_true(list[5] > 0)
      assert.equal("precious", read(dir .. "/other"))
    end)

    it("can be on a full disk: each process then counts on its own, from the shared counts", function()
      local list = ask(take(T), "problem", "full on", take(T), take(T), take(T), take(T), "problem", "full off",
        "sleep 2100", take(T), take(T), take(T))
      assert.same({ 0, "none" }, { list[1], list[2] })
      assert.same({ 0, 0 }, { list[4], list[5] })
      assert.is_true(list[6] > 0 and list[7] > 0)
      assert.matches("[Nn]o space", list[8])
      -- and for all again as soon as there is room; what it counted for itself is not added
      assert.same({ 0, 0 }, { list[11], list[12] })
      assert.is_true(list[13] > 0)
    end)

    it("can be on a file system that allocates no blocks, as ZFS: it has the same size", function()
      local list = ask("unallocated", ("open %s/other own"):format(dir), take(T), "problem")
      assert.same({ "ok", "ok", 0, "none" }, list)
      assert.equal(#read(), #read(dir .. "/other"))
    end)

    it("can exceed the file size limit of this process", function()
      assert.matches("too large", shell(("ulimit -f 8; echo 'open %s/budget own' | %s"):format(dir, quote(probe))))
      assert.equal("ok", open())
      local text, status = shell(("ulimit -f 8; printf 'open %s/budget own\n%s\n%s\n%s\n%s\nproblem\n' | %s"):format(
        dir, take(T), take(T), take(T), take(T), quote(probe)))
      assert.equal(0, status)
      assert.matches("^ok\n0\n0\n0\n[1-9]%d*\n", text)
    end)

    it("has records for every pair of account and operation that is still counted", function()
      local many = "many 1 0 0 2 3000 %d"
      assert.same({ 3000, 3000, 0, 0 }, ask(many:format(T), many:format(T), many:format(T), many:format(T + 80000000)))
      assert.equal(0, ask(many:format(T + 80000000))[1])
      -- the next day others have their places
      local size = #read()
      local tomorrow = T + 86400000 + 345600
      assert.same({ 3000, 3000, 0 }, ask(("many 70001 0 0 2 3000 %d"):format(tomorrow),
        ("many 70001 0 0 2 3000 %d"):format(tomorrow), ("many 70001 0 0 2 3000 %d"):format(tomorrow)))
      assert.is_true(#read() <= size * 1.5, ("%d, then %d bytes"):format(size, #read()))
    end)

    it("replaces a record when every position of a key is taken", function()
      -- as many as no file has room for, by way of one group
      local lines, step = {}, 64 * 128
      for i = 1, 16 * 8 + 40 do
        lines[i] = ("take %d 0 0 1 %d"):format(7 + i * step, T + i)
      end
      for _, wait in ipairs(ask(lines)) do
        assert.equal(0, wait)
      end
    end)

    it("must not be a hard link to another file of the user", function()
      write("", dir .. "/empty")
      shell(("ln %s/empty %s/budget"):format(dir, dir))
      assert.matches("more than one hard link", open())
      assert.equal("", read(dir .. "/empty"))
    end)

    it("loses the permissions of other users", function()
      assert.equal("ok", open())
      shell("chmod 666 " .. dir .. "/budget")
      assert.equal("ok", open())
      assert.matches("^600:", mode())
    end)

    it("is completed after its creator was killed", function()
      ask(take(T))
      write(("\0"):rep(#read()))
      assert.same({ 0, 0, 0 }, ask(times(3, take(T))))
    end)

    it("never overwrites another file of the user", function()
      for _, bytes in ipairs { "dear diary", "a", ("x"):rep(2000000), "\0\0\0\0\0\0\0\0\0" } do
        write(bytes)
        assert.matches("other content", open())
        assert.equal(bytes, read())
      end
    end)

    it("must not be a symbolic link, a directory or a pipe", function()
      write("precious", dir .. "/file")
      shell(("cd %s && ln -s file link && ln -s nowhere lost && mkdir folder && mkfifo pipe"):format(dir))
      assert.matches("symbolic link", open(dir .. "/link"))
      assert.matches("symbolic link", open(dir .. "/lost"))
      assert.is_nil(io.open(dir .. "/nowhere"))
      assert.equal("precious", read(dir .. "/file"))
      assert.not_equal("ok", open(dir .. "/folder"))
      assert.matches("regular", open(dir .. "/pipe"))
    end)

    it("must not belong to another user", function()
      local _, is_root = shell("[ $(id -u) = 0 ]")
      if is_root ~= 0 then
        return pending("only root can give files away")
      end
      write("")
      shell("chown 12345 " .. dir .. "/budget")
      assert.matches("another user", open())
      assert.equal("", read())
    end)

    it("is not waited for long when another process keeps it locked: this process counts on its own", function()
      assert.equal("ok", open())
      local pipe = io.popen(("flock %s/budget sh -c 'echo $$; exec sleep 600' 2>&-"):format(dir))
      local pid = pipe:read("*l")
      local ok, list = pcall(ask_many, "problem")
      shell("kill " .. pid)
      pipe:close()
      assert.is_true(ok, list)
      assert.same({ 0, 0, 0 }, { list[1], list[2], list[3] })
      assert.is_true(list[4] > 0)
      assert.matches("locked", list[#list])
      assert.equal(0, ask(take(T))[1])
    end)

    it("reports why it cannot be used", function()
      assert.matches("No such file", open(dir .. "/none/budget"))
    end)

    it("is created once by concurrent processes", function()
      local text = shell(("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do (echo 'open %s/budget own'; "
        .. "echo 'take 7 5 0 0 %d') | %s & done; wait"):format(dir, T, quote(probe)))
      local taken = 0
      for line in text:gmatch("[^\n]+") do
        taken = taken + (line == "0" and 1 or 0)
      end
      assert.equal(5, taken)
    end)
  end)
end)
